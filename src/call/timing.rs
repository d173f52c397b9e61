//! How long the phases of a call may last.

use jiff::SignedDuration;

/// Ring time: the `Timeout` of a create.
pub const RING: SignedDuration = SignedDuration::from_secs(30);
/// Longest duration of a call: the `TimeLimit` of a create.
pub const TALK: SignedDuration = SignedDuration::from_secs(300);
/// How long a saved intent may be sent to Twilio. Afterwards the attempt can only be settled.
pub const INTENT: SignedDuration = SignedDuration::from_secs(5);
/// Tolerance for delays of Twilio and the network before a silent attempt is looked up.
pub(super) const GRACE: SignedDuration = SignedDuration::from_secs(20);
/// How long after its ring time a create without an answer may count as never placed.
pub(super) const UNKNOWN: SignedDuration = SignedDuration::from_secs(120);
/// How long a closed line waits for a key that its final callback overtook.
pub(super) const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// Pause between two look-ups at Twilio.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// Interval of polling for calls without status callbacks.
pub(super) const POLL: SignedDuration = SignedDuration::from_secs(5);
