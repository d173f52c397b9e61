//! The settings of a deployment that the use cases need.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::intake;
use crate::domain::{Country, Phone, Reservation, Zone, zones};
use crate::policy::Rules;
use crate::speech::RenderContext;
use crate::twilio;

/// The settings of a deployment.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// The account that webhooks must name.
    pub account: twilio::AccountSid,
    /// The digest of the account that tickets carry, from [`account_digest`](super::account_digest).
    pub account_digest: [u8; 8],
    /// Our numbers, the preferred one first.
    pub from_numbers: Vec<Phone>,
    /// How the service names itself.
    pub service_name: String,
    /// The number spoken as the one to reach us by.
    pub contact_phone: Option<Phone>,
    /// Whether machines are detected.
    pub machine_detection: bool,
    /// The most lines that are open at a time, over all instances; `None`: no limit.
    pub lines: Option<u32>,
    /// Values for the fields that a request leaves out.
    pub defaults: intake::Defaults,
    /// The rules of policy.
    pub rules: Rules,
    /// Numbers that are never rung, from the start.
    pub do_not_call: HashSet<Phone>,
}

impl ServiceSettings {
    /// The context for rendering words about a reservation.
    pub(crate) fn render_context<'a>(
        &'a self,
        reservation: &'a Reservation,
        now: Timestamp,
    ) -> RenderContext<'a> {
        RenderContext {
            reservation,
            service_name: &self.service_name,
            contact_phone: self.contact_phone,
            hour: hour_at(reservation, now),
        }
    }
}

/// The hour at the restaurant, by which it is greeted: where its zone is not known, that of the
/// first zone of its country.
fn hour_at(reservation: &Reservation, now: Timestamp) -> Option<u8> {
    match reservation.timezone.as_ref().map(Zone::as_str) {
        Some(zone) => hour_in_zone(zone, now),
        None => hour_in(reservation.country?, now),
    }
}

/// The hour in the first zone of a country, by which a caller from there is greeted.
pub(super) fn hour_in(country: Country, now: Timestamp) -> Option<u8> {
    hour_in_zone(zones::of_country(country).first()?, now)
}

fn hour_in_zone(zone: &str, now: Timestamp) -> Option<u8> {
    let zone = TimeZone::get(zone).ok()?;
    Some(zone.to_datetime(now).hour().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_greeted_by_the_hour_of_the_country() {
        let now = "2026-12-04T19:30Z".parse().unwrap();
        let hour = |code: &str| hour_in(code.parse().unwrap(), now);
        assert_eq!(hour("PT"), Some(19));
        assert_eq!(hour("IT"), Some(20));
        assert_eq!(hour("JP"), Some(4));
    }
}
