//! The status of a connection as Twilio reports it, and the features that an account has.

use serde::{Deserialize, Serialize};

use super::words::words;

/// Progress of a connection, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CarrierStatus {
    /// Twilio is asked to place it.
    Asked,
    /// Twilio did not answer: the call may exist or not.
    Unknown,
    /// Twilio accepted it.
    Queued,
    /// Twilio dials.
    Initiated,
    /// It rings.
    Ringing,
    /// Picked up.
    InProgress,
    /// Closed.
    Ended,
}

/// Twilio's final statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FinalStatus {
    /// The call was picked up, by a person or a machine.
    Completed,
    /// Busy.
    Busy,
    /// Rang out.
    NoAnswer,
    /// The number could not be connected.
    Failed,
    /// The call was cancelled before pick-up.
    Canceled,
}

impl FinalStatus {
    /// The status in Twilio's spelling.
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

/// A result of machine detection other than a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Machine {
    /// A mailbox whose beep was heard.
    Beep,
    /// A machine, judged by its voice. Companies that greet at length sound like one.
    Voice,
    /// A fax.
    Fax,
}

words!(Machine { Beep => "beep", Voice => "voice", Fax => "fax" });

/// The parameters of a create that the account accepts (docs/twilio.md, *Trial accounts*). A
/// greater tier accepts fewer of them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum AccountTier {
    /// All parameters that we use.
    #[default]
    Full,
    /// A trial account: no ring time, no time limit, no status callback before the end, and few
    /// documents per call.
    Trial,
    /// A trial account that accepts no status callback: its calls are polled.
    Silent,
}
