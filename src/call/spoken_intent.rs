//! The meaning of words said on the phone. The words themselves are not kept.

use serde::{Deserialize, Serialize};

/// The meaning of what staff said instead of pressing a key (`TWILIO_SPEECH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpokenIntent {
    Yes,
    No,
    /// Asks to hear the message again.
    Again,
    /// Offers another time.
    OtherTime,
    /// Anything else, or not certain enough: the reply asks for a key.
    Unclear,
}

impl SpokenIntent {
    /// Every meaning but [`Self::Unclear`].
    pub const CLEAR: [Self; 4] = [Self::Yes, Self::No, Self::Again, Self::OtherTime];

    /// The word shown in the timeline.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Again => "again",
            Self::OtherTime => "other_time",
            Self::Unclear => "unclear",
        }
    }
}
