//! The settings of a deployment that the use cases need.

use std::collections::HashSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::intake;
use crate::call::Call;
use crate::domain::{Country, Phone, Reservation, Zone, zones};
use crate::policy::Rules;
use crate::speech::RenderContext;
use crate::ticket::Head;
use crate::twilio;

/// The settings of a deployment.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// The account that webhooks must name.
    pub account: twilio::AccountSid,
    /// The digest of the account that tickets carry, from [`account_digest`](super::account_digest).
    pub account_digest: [u8; 8],
    /// Longest time for which Twilio's list may not show a call that was just placed.
    pub list_lag: SignedDuration,
    /// Our numbers, the preferred one first.
    pub from_numbers: Vec<Phone>,
    /// Name by which the service introduces itself.
    pub service_name: String,
    /// The number spoken as the one to reach us by.
    pub contact_phone: Option<Phone>,
    /// Machine detection is on.
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
            local_time: local_time_at(reservation, now),
        }
    }

    /// The head of a ticket for an attempt of a call.
    pub(super) const fn ticket_head(&self, call: &Call, attempt: u8, sealed_at: Timestamp) -> Head {
        Head {
            call: call.id,
            attempt,
            account: self.account_digest,
            sealed_at,
        }
    }
}

/// Day and time at the restaurant: where its zone is not known, those of the first zone of its
/// country.
fn local_time_at(reservation: &Reservation, now: Timestamp) -> Option<DateTime> {
    match reservation.timezone.as_ref().map(Zone::as_str) {
        Some(zone) => local_time_in_zone(zone, now),
        None => local_time_in(reservation.country?, now),
    }
}

/// Day and time in the first zone of a country, where a caller from there is taken to be.
pub(super) fn local_time_in(country: Country, now: Timestamp) -> Option<DateTime> {
    local_time_in_zone(zones::of_country(country).first()?, now)
}

fn local_time_in_zone(zone: &str, now: Timestamp) -> Option<DateTime> {
    Some(TimeZone::get(zone).ok()?.to_datetime(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_greeted_by_the_hour_of_the_country() {
        let now = "2026-12-04T19:30Z".parse().unwrap();
        let hour = |code: &str| local_time_in(code.parse().unwrap(), now).map(DateTime::hour);
        assert_eq!(hour("PT"), Some(19));
        assert_eq!(hour("IT"), Some(20));
        assert_eq!(hour("JP"), Some(4));
    }
}
