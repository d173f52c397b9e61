//! The pause between two calls to one number.

use jiff::{SignedDuration, Timestamp};

/// Staff must be able to put the receiver down and breathe before the phone rings again.
const COOLDOWN: SignedDuration = SignedDuration::from_secs(5);

/// The earliest ring of a number whose line was closed at `at`.
pub(super) fn cooldown_end(at: Timestamp) -> Timestamp {
    clock::later(at, COOLDOWN)
}
