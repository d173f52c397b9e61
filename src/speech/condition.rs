//! The conditions under which messages are said. They depend on the call alone.

/// The condition under which a message is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Condition {
    Always,
    RestaurantKnown,
    RestaurantUnknown,
    OfferAccepted,
    GuestPhone,
    Notes,
    Spelled,
    Alternatives,
    ContactKnown,
    ContactUnknown,
    WrongKey,
    NotUnderstood,
    SeveralKeys,
    Back,
    Accepted,
    AcceptedAt,
    PassedOn,
    PassedOnDay,
    Declined,
    OptedOut,
    MayDecline,
    MayAccept,
    FirstTry,
    NextTry,
    NotATime,
    Thanks,
    NoAnswer,
    Fault,
    Canceled,
    Expired,
}

/// A set of conditions, one bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions(u32);

impl Conditions {
    /// Only [`Condition::Always`].
    pub(super) const NONE: Self = Self(1);

    /// With one condition more, if `holds`.
    #[must_use]
    pub(super) const fn with(self, condition: Condition, holds: bool) -> Self {
        Self(self.0 | ((holds as u32) << condition as u8))
    }

    /// Returns whether a condition holds.
    pub(super) const fn hold(self, condition: Condition) -> bool {
        self.0 & (1 << condition as u8) != 0
    }
}
