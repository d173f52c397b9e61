//! Closed sets of words that Twilio uses on the wire.
//!
//! An unknown word is an error for the caller to judge; it must never become some default here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is not in the set; it is not repeated here, since it came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {set} that is known here")]
pub struct UnknownWord {
    /// The name of the set, for people.
    pub set: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $set:literal, { $($(#[$item:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$item])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { set: $set }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The status of a call (Twilio, Call resource, "Call status values").
    CallStatus, "call status", {
        /// Accepted, waits for its turn to be dialled. Never sent by a callback.
        Queued = "queued",
        /// Left the queue. Only callbacks say so; the REST interface still says `queued`.
        Initiated = "initiated",
        /// The other side is being alerted.
        Ringing = "ringing",
        /// Picked up, by somebody or something.
        InProgress = "in-progress",
        /// Was picked up and has ended; a voicemail too.
        Completed = "completed",
        /// SIP 486 or 600.
        Busy = "busy",
        /// `Timeout` ran out, or SIP 480 or 487.
        NoAnswer = "no-answer",
        /// Could not be connected.
        Failed = "failed",
        /// Ended by the API before it was picked up.
        Canceled = "canceled",
    }
}

impl CallStatus {
    /// Returns whether the call has ended: such a status never changes any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        self.rank() == 4
    }

    /// Progress of a call, from 0 (queued) to 4 (ended). Callbacks overtake one another; a call
    /// never goes to a lower rank.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Initiated => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => 4,
        }
    }
}

words! {
    /// The result of Twilio's machine detection.
    AnsweredBy, "machine detection verdict", {
        /// A person.
        Human = "human",
        /// A fax.
        Fax = "fax",
        /// Undecided when its time was up.
        Unknown = "unknown",
        /// A machine; its greeting goes on (`MachineDetection=Enable`).
        MachineStart = "machine_start",
        /// A machine whose greeting ended with a beep (`DetectMessageEnd`).
        MachineEndBeep = "machine_end_beep",
        /// A machine whose greeting ended in silence (`DetectMessageEnd`).
        MachineEndSilence = "machine_end_silence",
        /// A machine whose greeting did not end in time (`DetectMessageEnd`).
        MachineEndOther = "machine_end_other",
    }
}

words! {
    /// The values of `StatusCallbackEvent` when a call is created.
    StatusCallbackEvent, "status callback event", {
        /// The call left the queue.
        Initiated = "initiated",
        /// It rings.
        Ringing = "ringing",
        /// It was picked up; the callback says `in-progress`.
        Answered = "answered",
        /// It ended, in whatever way.
        Completed = "completed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back_and_others_are_refused() {
        for status in CallStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for verdict in AnsweredBy::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(*verdict));
        }
        assert_eq!(
            "Completed".parse::<CallStatus>(),
            Err(UnknownWord { set: "call status" })
        );
        assert_eq!(
            "".parse::<AnsweredBy>().unwrap_err().to_string(),
            "not a machine detection verdict that is known here"
        );
    }

    #[test]
    fn ended_calls_have_the_highest_rank() {
        use CallStatus::*;
        assert!(
            [Queued, Initiated, Ringing, InProgress, Completed]
                .is_sorted_by_key(|status| status.rank())
        );
        for status in CallStatus::ALL {
            assert_eq!(status.is_terminal(), status.rank() > InProgress.rank());
        }
    }
}
