//! May we ring this number now? One pure answer, used by create, by each retry and by `POST /api/call/check`.
//!
//! It knows the rules and the time, and nothing of stores, Twilio or HTTP.

pub mod hours;

use jiff::Timestamp;

use crate::call::WaitingFor;
use crate::domain::phone::LineKind;
use crate::domain::{Country, Phone, PhoneFacts, Reservation};

pub use hours::Hours;

/// The rules of this deployment.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Countries that may be rung; `None`: all.
    pub countries: Option<Vec<Country>>,
    /// The restaurants' local hours.
    pub hours: Hours,
    /// Our own numbers, which are never rung.
    pub own_numbers: Vec<Phone>,
}

/// What policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ring now.
    Allowed,
    /// Ring at `until` at the earliest.
    Waits {
        /// Why.
        reason: WaitingFor,
        /// When.
        until: Timestamp,
    },
    /// Never.
    Blocked(Refusal),
}

/// Why a number is never rung, or not for this reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Premium and shared-cost numbers, pagers, mailboxes.
    #[error("this kind of number is not called: it is a premium, shared-cost, pager or voicemail number")]
    NumberType,
    /// A number of ours.
    #[error("this is the service's own number")]
    OwnNumber,
    /// A country that this deployment does not call.
    #[error("numbers of this country are not called by this service")]
    Country,
    /// Staff asked never to be called again, or the operator decided so.
    #[error("this number asked not to be called")]
    OptedOut,
    /// No allowed moment is left before the call has to be given up.
    #[error("no moment in which the restaurant may be called is left before `give_up_at` and the table's time")]
    TooLate,
}

impl Refusal {
    /// The stable code of the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NumberType => "number_type_not_allowed",
            Self::OwnNumber => "own_number",
            Self::Country => "country_not_allowed",
            Self::OptedOut => "opted_out",
            Self::TooLate => "too_late",
        }
    }
}

impl Rules {
    /// Whether a number may be rung at all.
    ///
    /// # Errors
    /// It may not.
    pub fn number(&self, phone: Phone, facts: PhoneFacts) -> Result<(), Refusal> {
        match facts.kind {
            LineKind::Premium | LineKind::SharedCost | LineKind::NotAPhone => return Err(Refusal::NumberType),
            LineKind::Fixed | LineKind::Mobile | LineKind::TollFree | LineKind::Other => {}
        }
        if self.own_numbers.contains(&phone) {
            return Err(Refusal::OwnNumber);
        }
        let allowed = |countries: &Vec<Country>| facts.country.is_some_and(|country| countries.contains(&country));
        if self.countries.as_ref().is_some_and(|countries| !allowed(countries)) {
            return Err(Refusal::Country);
        }
        Ok(())
    }

    /// Whether it may be rung now, or when.
    #[must_use]
    pub fn moment(&self, reservation: &Reservation, now: Timestamp) -> Verdict {
        let earliest = reservation.not_before.map_or(now, |at| at.max(now));
        let Some(allowed) = self.hours.next(earliest, reservation.give_up_at, reservation.zones()) else {
            return Verdict::Blocked(Refusal::TooLate);
        };
        if allowed >= reservation.give_up_at {
            Verdict::Blocked(Refusal::TooLate)
        } else if allowed > earliest {
            Verdict::Waits { reason: WaitingFor::CallHours, until: allowed }
        } else if earliest > now {
            Verdict::Waits { reason: WaitingFor::NotBefore, until: earliest }
        } else {
            Verdict::Allowed
        }
    }
}
