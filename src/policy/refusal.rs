//! Reasons not to ring a number, in the words and codes of the API.

use crate::domain::CallId;
use crate::domain::phone::LineKind;

/// Reason not to ring a number: never, or not for this reservation, or not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A kind of number that is not rung.
    #[error(
        "this is {}, which is not called{}: give the restaurant's landline or mobile number",
        .0.description(),
        if *.0 == LineKind::LocalRate { " from abroad" } else { "" }
    )]
    NumberKind(LineKind),
    /// A number that was valid when the call was made, but is not in the numbering plan of now.
    #[error("this number is not in its country's numbering plan any more")]
    UnknownNumber,
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
    #[error(
        "no moment in which the restaurant may be called is left before `give_up_at` and the table's time"
    )]
    TooLate,
    /// The restaurant is closed at every moment that call hours leave before the call has to be
    /// given up.
    #[error(
        "by `opening_hours` the restaurant may not be rung at any moment within the call hours before `give_up_at` and the table's time (it is rung while it is open or in the hour before, never in the last half hour): correct `opening_hours`, or give a later `give_up_at`"
    )]
    RestaurantClosed,
    /// The number can lie in zones whose call hours have no moment in common soon enough.
    #[error(
        "the number does not tell in which time zone the restaurant is, and no moment is within the call hours of all that are possible: give `timezone`"
    )]
    TimezoneNeeded,
    /// The very same reservation is being asked for already.
    #[error("call {0} is asking the restaurant for this very reservation")]
    Duplicate(CallId),
    /// The number was rung often enough.
    #[error(
        "this number was called often enough for now; it may be called again in {retry_after} seconds"
    )]
    NumberLimit {
        /// Seconds until there is room.
        retry_after: u32,
    },
    /// The key has made enough calls.
    #[error(
        "this key has made as many calls as it may in a minute; try again in {retry_after} seconds"
    )]
    KeyLimit {
        /// Seconds until there is room.
        retry_after: u32,
    },
    /// The service has rung often enough today.
    #[error(
        "this service has made as many calls as it may in a day; try again in {retry_after} seconds"
    )]
    ServiceLimit {
        /// Seconds until there is room.
        retry_after: u32,
    },
}

impl Refusal {
    /// The stable code of the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NumberKind(_) | Self::UnknownNumber => "number_type_not_allowed",
            Self::OwnNumber => "own_number",
            Self::Country => "country_not_allowed",
            Self::OptedOut => "opted_out",
            Self::TooLate => "too_late",
            Self::RestaurantClosed => "restaurant_closed",
            Self::TimezoneNeeded => "timezone_needed",
            Self::Duplicate(_) => "duplicate_call",
            Self::NumberLimit { .. } => "number_limit",
            Self::KeyLimit { .. } => "key_limit",
            Self::ServiceLimit { .. } => "service_limit",
        }
    }
}
