//! The timeline of a call, in small values, because a hundred thousand finished calls are kept with
//! theirs.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::carrier_status::Machine;
use super::outcome::{Ended, Outcome, WaitingFor};
use super::spoken_intent::SpokenIntent;
use crate::domain::{CallId, OfferedDay, OfferedTime, millis};

/// One entry of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Time at which this service learned of it.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// The event.
    pub what: TimelineEvent,
}

/// The event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimelineEvent {
    /// The client created the call.
    Created,
    /// A process that did not have the call rebuilt it from its ticket.
    TakenOver,
    /// The call waits.
    Waits(WaitingFor),
    /// The intent of the attempt with this number was saved.
    Dialed(u8),
    /// Twilio accepted the create.
    Accepted,
    /// Twilio did not process the create; it is sent again later.
    TryLater,
    /// Twilio refused the create, with its error code; 0 if it gave none.
    Refused(u32),
    /// Twilio did not answer: the call may exist or not.
    Unanswered,
    /// Twilio started to dial.
    Initiated,
    /// The phone rings.
    Ringing,
    /// Somebody or something picked up.
    Answered,
    /// Twilio requested the first document.
    Greeted(u8),
    /// Staff pressed a key.
    Key {
        attempt: u8,
        step: u8,
        /// The pressed keys.
        keys: Digits,
    },
    /// No key was pressed in time.
    Silence { attempt: u8, step: u8 },
    /// Staff said something instead of pressing a key.
    Spoken {
        attempt: u8,
        step: u8,
        /// Their meaning.
        said: SpokenIntent,
    },
    /// The restaurant called back.
    CalledBack,
    /// A machine answered.
    Machine(Machine),
    /// A message was left on a machine, in the attempt with this number.
    MessageLeft(u8),
    /// The attempt ended.
    Ended(Ended),
    /// The client cancelled.
    Canceled,
    /// The outcome of the call.
    Finished(Outcome),
    /// The guest takes the offered time by this call.
    OfferAccepted(CallId),
    /// Staff typed another time; it is read back to them.
    TimeTyped {
        attempt: u8,
        step: u8,
        /// The time as it was understood.
        time: OfferedTime,
    },
    /// The line ended before the typed time was confirmed. It is kept as an offer.
    NotConfirmed,
}

impl TimelineEvent {
    /// Attempt and step of an input in a conversation.
    pub(super) const fn input(self) -> Option<(u8, u8)> {
        if let Self::Key { attempt, step, .. }
        | Self::Silence { attempt, step }
        | Self::Spoken { attempt, step, .. } = self
        {
            Some((attempt, step))
        } else {
            None
        }
    }
}

/// Up to four keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digits([u8; 4]);

impl Digits {
    /// The first four keys of `digits`. Characters that are not keys of a phone are dropped.
    #[must_use]
    pub fn new(digits: &str) -> Self {
        let mut keys = [0; 4];
        let known = digits
            .bytes()
            .filter(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'));
        keys.iter_mut()
            .zip(known)
            .for_each(|(slot, key)| *slot = key);
        Self(keys)
    }

    /// The keys as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0)
            .unwrap_or_default()
            .trim_end_matches('\0')
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TimelineEvent {
    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::TakenOver => "taken_over",
            Self::Waits(_) => "waits",
            Self::Dialed(_) => "dialed",
            Self::Accepted => "accepted",
            Self::TryLater => "try_later",
            Self::Refused(_) => "refused",
            Self::Unanswered => "unanswered",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Greeted(_) => "greeted",
            Self::Key { .. } => "key",
            Self::Silence { .. } => "silence",
            Self::Spoken { .. } => "said",
            Self::CalledBack => "called_back",
            Self::Machine(_) => "machine",
            Self::MessageLeft(_) => "message_left",
            Self::Ended(_) => "ended",
            Self::Canceled => "canceled",
            Self::Finished(_) => "finished",
            Self::OfferAccepted(_) => "offer_accepted",
            Self::TimeTyped { .. } => "time_typed",
            Self::NotConfirmed => "not_confirmed",
        }
    }

    /// Further detail for the API, if there is any.
    #[must_use]
    pub fn detail(self) -> Option<String> {
        match self {
            Self::Created
            | Self::TakenOver
            | Self::Accepted
            | Self::TryLater
            | Self::Unanswered
            | Self::Initiated
            | Self::Ringing
            | Self::Answered
            | Self::Silence { .. }
            | Self::CalledBack
            | Self::NotConfirmed
            | Self::Canceled => None,
            Self::Waits(reason) => Some(reason.word().to_owned()),
            Self::Dialed(attempt) | Self::Greeted(attempt) | Self::MessageLeft(attempt) => {
                Some(format!("attempt {attempt}"))
            }
            Self::Refused(0) => None,
            Self::Refused(code) => Some(format!("twilio {code}")),
            Self::Key { keys, .. } => Some(keys.as_str().to_owned()),
            Self::Spoken { said, .. } => Some(said.word().to_owned()),
            Self::Machine(machine) => Some(machine.word().to_owned()),
            Self::Ended(because) => Some(because.word().to_owned()),
            Self::Finished(outcome) => Some(outcome.word().to_owned()),
            Self::OfferAccepted(by) => Some(by.to_string()),
            Self::TimeTyped { time, .. } => {
                let day = match time.day {
                    OfferedDay::Same => "",
                    OfferedDay::Before => " on the day before",
                    OfferedDay::After => " on the day after",
                };
                Some(format!("{}{day}", time.time.strftime("%H:%M")))
            }
        }
    }
}
