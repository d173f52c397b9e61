//! What can happen to a call, and what it wants done: values, so that the core needs neither clock
//! nor network.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::position::TalkPosition;
use super::state::{AccountTier, Call, CarrierStatus, Machine, Outcome, WaitingFor};
use super::talk::{Input, Reply};
use crate::domain::{Phone, Sid};

/// Which attempt a webhook or an answer of Twilio speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRef {
    /// Its number, from the ticket.
    pub attempt: u8,
    /// Its name, from Twilio.
    pub sid: Sid,
}

/// What can happen to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Policy lets it ring now, from this number.
    Dial {
        /// One of our numbers.
        from: Phone,
    },
    /// Policy lets it ring later.
    Hold {
        /// What it waits for.
        waiting_for: WaitingFor,
        /// When to ask policy again.
        until: Timestamp,
    },
    /// Policy will never let it ring.
    Block(Outcome),
    /// Twilio lets us ask for less than we would: it is asked again, on these terms.
    Reduced {
        /// The attempt.
        attempt: u8,
        /// What is left.
        terms: AccountTier,
    },
    /// Twilio accepted the create.
    Accepted(AttemptRef),
    /// Twilio certainly did not process the create: 429, or no connection.
    TryLater {
        /// The attempt.
        attempt: u8,
        /// When to try again.
        until: Timestamp,
    },
    /// Twilio refused the create for good.
    Refused {
        /// The attempt.
        attempt: u8,
        /// Twilio's error code.
        code: Option<u32>,
    },
    /// Twilio did not answer the create: the call may exist or not.
    Unanswered {
        /// The attempt.
        attempt: u8,
    },
    /// A status callback: how far the line got.
    Reached(AttemptRef, CarrierStatus),
    /// The first document was asked for.
    Fetched {
        /// The attempt.
        on: AttemptRef,
        /// When its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// A Gather brought its result.
    Keyed {
        /// The attempt.
        on: AttemptRef,
        /// The turn in the URL.
        position: TalkPosition,
        /// What came from the keypad.
        input: Input<'a>,
        /// When its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// A document could not be fetched; Twilio asks the fallback URL. `None`: it was the first.
    Resumed {
        /// The attempt.
        on: AttemptRef,
        /// The turn of the document that failed.
        position: Option<TalkPosition>,
        /// When its ticket was sealed.
        sealed_at: Timestamp,
    },
    /// Answering-machine detection has made up its mind.
    Detected(AttemptRef, Machine),
    /// What came of [`Effect::LeaveMessage`].
    Message {
        /// The attempt.
        attempt: u8,
        /// Whether it was left; also true when nobody knows.
        left: bool,
    },
    /// The restaurant rang us, and answered.
    CalledBack {
        /// The newest attempt at the time the question was put; 0: none yet.
        attempt: u8,
        /// The turn in the URL.
        position: TalkPosition,
        /// What came from the keypad.
        input: Input<'a>,
    },
    /// Somebody who may be the restaurant rang us, and wants it rung now.
    RingNow,
    /// Staff asked, in another call, that their number be never rung again.
    OptedOut,
    /// The line is closed.
    Closed(AttemptRef, Closing),
    /// Twilio was asked what became of an attempt.
    LookedUp {
        /// The attempt.
        attempt: u8,
        /// What it said.
        found: LookupResult,
    },
    /// Twilio's Events of an attempt: each key with the turn of the URL it was sent to. `None`: not
    /// readable yet.
    EventsRead {
        /// The attempt.
        attempt: u8,
        /// The keys in the order in which they were pressed.
        keys: Option<&'a [(TalkPosition, String)]>,
    },
    /// The client no longer wants it.
    Cancel,
    /// `wake_at` has come.
    Wake,
    /// This process ends and nothing else remembers the call.
    Shutdown,
}

/// How a line was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Twilio's final status.
    pub how: FinalStatus,
    /// The SIP response.
    pub sip_code: Option<u16>,
    /// Twilio's error code.
    pub twilio_code: Option<u32>,
    /// How long the line was open.
    pub duration_seconds: Option<u32>,
}

/// Twilio's final statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FinalStatus {
    /// It was answered; by whom or what, it does not say.
    Completed,
    /// Busy.
    Busy,
    /// Rang out.
    NoAnswer,
    /// Could not be reached.
    Failed,
    /// Stopped before pick-up.
    Canceled,
}

impl FinalStatus {
    /// Twilio's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// What a look-up at Twilio found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupResult {
    /// A live line.
    Live(AttemptRef, CarrierStatus),
    /// A closed line.
    Closed(AttemptRef, Closing),
    /// Twilio knows of no such call.
    Nothing,
    /// Twilio did not answer.
    Unreachable,
}

/// What a call wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask policy, then send [`Event::Dial`], [`Event::Hold`] or [`Event::Block`].
    Consider,
    /// The intent is stored: ask Twilio, within five seconds.
    Place {
        /// The attempt.
        attempt: u8,
    },
    /// End the line in whatever state it is.
    HangUp {
        /// The attempt.
        attempt: u8,
        /// Its name.
        sid: Sid,
    },
    /// Somebody is on the line: say [`Call::last_words`], then close it.
    Apologize {
        /// The attempt.
        attempt: u8,
        /// Its name.
        sid: Sid,
    },
    /// A machine waits for a message: leave it, then send [`Event::Message`].
    LeaveMessage {
        /// The attempt.
        attempt: u8,
        /// Its name.
        sid: Sid,
    },
    /// Staff asked never to be called again: put the number on the list, and end the other calls to
    /// it.
    OptOut,
    /// Ask Twilio what became of it.
    LookUp {
        /// The attempt.
        attempt: u8,
    },
    /// Ask Twilio which keys were pressed.
    ReadEvents {
        /// The attempt.
        attempt: u8,
    },
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call afterwards.
    pub call: Call,
    /// Whether it is another than before, with a higher version.
    pub changed: bool,
    /// What the restaurant hears, when a document was asked for.
    pub reply: Option<Reply>,
    /// What to do once the call is saved.
    pub effects: Vec<Effect>,
}
