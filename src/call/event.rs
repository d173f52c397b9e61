//! The inputs and outputs of the state machine as values, so that it needs neither clock nor
//! network.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::carrier_status::{AccountTier, CarrierStatus, FinalStatus, Machine};
use super::key_text::KeyText;
use super::outcome::{Outcome, WaitingFor};
use super::position::TalkPosition;
use super::state::Call;
use super::talk::{Input, ROW, Reply};
use crate::domain::{CallId, CallSid, Phone};

/// The attempt that a webhook or an answer of Twilio is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRef {
    /// Its number, from the ticket.
    pub attempt: u8,
    /// Its SID at Twilio.
    pub sid: CallSid,
}

/// An event: what happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Policy lets it ring now, from this number.
    Dial {
        /// One of our numbers.
        from: Phone,
    },
    /// Policy lets it ring later.
    Hold {
        /// The reason to wait.
        waiting_for: WaitingFor,
        /// Time at which to ask policy again.
        until: Timestamp,
    },
    /// Policy will never let it ring.
    Block(Outcome),
    /// Twilio refused some parameters of the create, so it is sent again with those of `tier`.
    TierLowered {
        attempt: u8,
        /// The parameters that remain.
        tier: AccountTier,
    },
    /// Twilio accepted the create.
    Accepted(AttemptRef),
    /// Twilio did not process the create: it answered 429, or no connection was made.
    TryLater {
        attempt: u8,
        /// Time at which to try again.
        until: Timestamp,
    },
    /// Twilio refused the create for good.
    Refused {
        attempt: u8,
        /// Twilio's error code.
        code: Option<u32>,
    },
    /// Twilio did not answer the create: the call may exist or not.
    Unanswered { attempt: u8 },
    /// A status callback arrived: how far the connection got.
    Reached(AttemptRef, CarrierStatus),
    /// Twilio requested the first document.
    Fetched {
        on: AttemptRef,
        /// Time at which its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// Twilio sent the result of a Gather.
    Keyed {
        on: AttemptRef,
        /// The talk position in the URL.
        position: TalkPosition,
        /// The input of the staff.
        input: Input,
        /// Time at which its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// A document could not be used; Twilio requests the fallback URL instead.
    Resumed {
        on: AttemptRef,
        /// The talk position of the document that failed; `None` for the first.
        position: Option<TalkPosition>,
        /// Time at which its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// Answering-machine detection reported its result.
    Detected(AttemptRef, Machine),
    /// The result of [`Effect::LeaveMessage`].
    Message {
        attempt: u8,
        /// The message was left; also true if that is not known.
        left: bool,
    },
    /// The restaurant called back and pressed a key.
    CalledBack {
        /// Number of the newest attempt when the question was asked; 0 if there was none.
        attempt: u8,
        /// The talk position in the URL.
        position: TalkPosition,
        /// The input of the staff.
        input: Input,
        /// Time at which its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// A caller who may be the restaurant asked that it be called now.
    RingNow,
    /// Staff asked in another call never to be called again.
    OptedOut,
    /// The final status callback arrived: the line is closed.
    Closed(AttemptRef, Closing),
    /// The result of a look-up of an attempt at Twilio.
    LookedUp {
        attempt: u8,
        /// The result of the look-up.
        found: LookupResult,
    },
    /// Twilio's Events of an attempt were read. `None`: they are not available yet.
    EventsRead {
        attempt: u8,
        /// The keys in the order in which they were pressed.
        keys: Option<Arc<[PressedKey]>>,
    },
    /// The guest takes the offered time by another call.
    OfferAccepted {
        /// The call that accepts it.
        by: CallId,
    },
    /// The client cancelled.
    Cancel,
    /// The time of [`Call::wake_at`] has come.
    Wake,
    /// The same, but another process is missing that may have received a key.
    WakeInDoubt,
    /// The process ends, and no other process or store has the call.
    Shutdown,
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Twilio's final status.
    pub how: FinalStatus,
    /// The SIP response.
    pub sip_code: Option<u16>,
    /// Twilio's error code.
    pub twilio_code: Option<u32>,
    /// Time for which the line was open, in seconds.
    pub duration_seconds: Option<u32>,
}

/// The result of a look-up at Twilio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupResult {
    /// The call is in progress.
    Live(AttemptRef, CarrierStatus),
    /// The call has ended.
    Closed(AttemptRef, Closing),
    /// Twilio has no such call.
    Nothing,
    /// Twilio did not answer.
    Unreachable,
}

/// An effect: what `service` has to do after the call was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask policy, then send [`Event::Dial`], [`Event::Hold`] or [`Event::Block`].
    Consider,
    /// The intent is saved: ask Twilio within five seconds.
    Place { attempt: u8 },
    /// End the call at Twilio in whatever state it is.
    HangUp {
        attempt: u8,
        /// Its SID at Twilio.
        sid: CallSid,
    },
    /// Somebody is on the line: say [`Call::last_words`], then hang up.
    Apologize {
        attempt: u8,
        /// Its SID at Twilio.
        sid: CallSid,
    },
    /// A machine waits for a message: leave one, then send [`Event::Message`].
    LeaveMessage {
        attempt: u8,
        /// Its SID at Twilio.
        sid: CallSid,
    },
    /// Staff asked never to be called again: put the number on the list, and end the other calls to
    /// it.
    OptOut,
    /// Look the attempt up at Twilio.
    LookUp { attempt: u8 },
    /// Read the pressed keys from Twilio's Events.
    ReadEvents { attempt: u8 },
}

/// A key that Twilio remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PressedKey {
    /// The talk position in the URL that it was sent to.
    pub position: TalkPosition,
    /// The digits; empty: silence.
    pub digits: KeyText,
    /// The earliest moment at which it can have been pressed, by Twilio's record.
    pub pressed_at: Timestamp,
    /// The latest such moment.
    pub pressed_by: Timestamp,
    /// Time at which the ticket of that URL was sealed.
    pub sealed_at: Timestamp,
}

impl PressedKey {
    /// The moment at which the question of a key that was answered with an error was put again.
    /// Twilio requests the fallback URL at once after such an answer, so the key was pressed then.
    /// `None`: that moment is not within the second of Twilio's record.
    ///
    /// A document that follows a lost key says so: hash stands for the key.
    pub(super) fn resumed_at(&self, keys: &[Self]) -> Option<Timestamp> {
        let is_next = |other: &&Self| {
            other.position.step == self.position.step + 1
                && other.position.prompt.after == Some('#')
        };
        let next = keys.iter().find(is_next)?;
        let handed_out = next.position.prompt.handed_out.cast_signed();
        let since_sealing = SignedDuration::from_millis(handed_out.into());
        let resumed_at = next.sealed_at.checked_add(since_sealing).ok()?;
        let is_within = (self.pressed_at..=self.pressed_by).contains(&resumed_at);
        let is_key = !self.digits.is_empty() && *self.digits != *"#";
        (self.is_of_one_second() && is_within && is_key).then_some(resumed_at)
    }

    /// Returns whether Twilio's record says in which second the key was pressed. It does not if the
    /// webhook of the key had no answer.
    pub(super) fn is_of_one_second(&self) -> bool {
        self.pressed_by.duration_since(self.pressed_at) <= SignedDuration::from_secs(1)
    }

    /// Returns whether the key at this place may have been typed in one row with another digit, so
    /// that neither is an answer. `keys` are in the order in which they were pressed; in a row each
    /// of them follows the one before it soon.
    pub(super) fn is_one_of_several(keys: &[Self], place: usize) -> bool {
        let (before, from) = keys.split_at(place.min(keys.len()));
        let Some((key, after)) = from.split_first() else {
            return false;
        };
        let soon = |first: &Self, second: &Self| {
            let pause = second.pressed_at.duration_since(first.pressed_by);
            pause < SignedDuration::from_millis(ROW.into())
        };
        let is_pressed = |other: &&Self| !other.digits.is_empty();
        let differs = |other: &Self| {
            other.digits != key.digits && other.digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let mut last = key;
        for other in after.iter().filter(is_pressed) {
            if !soon(last, other) {
                break;
            }
            if differs(other) {
                return true;
            }
            last = other;
        }
        let mut first = key;
        for other in before.iter().rev().filter(is_pressed) {
            if !soon(other, first) {
                break;
            }
            if differs(other) {
                return true;
            }
            first = other;
        }
        false
    }
}

/// The result of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call afterwards.
    pub call: Call,
    /// The call has changed, and its version is higher.
    pub changed: bool,
    /// The reply to the restaurant, if Twilio requested a document.
    pub reply: Option<Reply>,
    /// The effects to perform after the call was saved.
    pub effects: Vec<Effect>,
}
