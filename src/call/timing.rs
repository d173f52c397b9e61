//! Time limits of the phases of a call.

use jiff::SignedDuration;

/// Ring time: the `Timeout` of a create.
pub const RING: SignedDuration = SignedDuration::from_secs(30);
/// Longest duration of a call: the `TimeLimit` of a create.
pub const TALK: SignedDuration = SignedDuration::from_secs(300);
/// Time in which a saved intent may be sent to Twilio. Afterwards the attempt can only be settled.
pub const INTENT: SignedDuration = SignedDuration::from_secs(5);
/// Tolerance for delays of Twilio and the network before a silent attempt is looked up.
pub(super) const GRACE: SignedDuration = SignedDuration::from_secs(20);
/// Time after its ring time at which a create without an answer may count as never placed.
pub(super) const UNKNOWN: SignedDuration = SignedDuration::from_secs(120);
/// Time that all of Twilio's tries for a document share (docs/twilio.md, *Overrides*): a key that
/// was pressed before the line was closed may arrive as late as this.
pub(super) const DOCUMENT: SignedDuration = SignedDuration::from_secs(15);
/// Wait of a closed line for a key that its final callback overtook and that would change a
/// decision.
pub(super) const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// Pause between two look-ups at Twilio.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// Interval of polling for calls without status callbacks.
pub(super) const POLL: SignedDuration = SignedDuration::from_secs(5);
/// Time in which a decision made by calling back can still be changed: its read-back and the wait
/// for a key.
pub(super) const CHANGE_WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Twilio's Events of a call can be read about 15 minutes after its end (docs/twilio.md,
/// *List and events*).
pub(super) const EVENTS_DELAY: SignedDuration = SignedDuration::from_mins(16);
/// Longest silence about a line before it is looked up at Twilio, by its state.
pub(super) const DIALING: SignedDuration = RING.saturating_add(UNKNOWN);
/// The same while it rings.
pub(super) const RINGING: SignedDuration = RING.saturating_add(GRACE);
/// The same while somebody talks.
pub(super) const IN_PROGRESS: SignedDuration = TALK.saturating_add(GRACE);
/// The longest pause before another attempt.
pub(super) const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(20);
