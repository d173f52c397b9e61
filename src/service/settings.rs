//! The settings of a deployment that the use cases need.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::intake;
use crate::domain::{Phone, Reservation, Zone, zones};
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
    let named = reservation.timezone.as_ref().map(Zone::as_str);
    let of_country = || zones::of_country(reservation.country?).first().copied();
    let zone = TimeZone::get(named.or_else(of_country)?).ok()?;
    Some(zone.to_datetime(now).hour().unsigned_abs())
}
