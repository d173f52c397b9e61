//! What was said on the phone, reduced to what it means: the words themselves are not kept.

use serde::{Deserialize, Serialize};

/// The meaning of what staff said instead of pressing a key (`TWILIO_SPEECH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpokenIntent {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Once more, please.
    Again,
    /// Another time.
    OtherTime,
    /// Something else, or nothing that is certain enough: a key is asked for.
    Unclear,
}

impl SpokenIntent {
    /// Every meaning but [`Self::Unclear`].
    pub const CLEAR: [Self; 4] = [Self::Yes, Self::No, Self::Again, Self::OtherTime];

    /// The word of the timeline.
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
