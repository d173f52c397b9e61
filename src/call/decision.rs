//! The decisions that staff make by key.

use serde::{Deserialize, Serialize};

use crate::domain::OfferedTime;

/// The decision of the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Decision {
    /// Key 1.
    Accepted,
    /// Another time, inside or outside what the guest allowed.
    OtherTime(OfferedTime),
    /// Key 2.
    Declined,
    /// Key 9.
    OptedOut,
    /// An earlier decision was withdrawn; nothing is decided.
    Withdrawn,
}

impl Decision {
    /// The decision, unless it is that one was taken back.
    #[must_use]
    pub fn stands(self) -> Option<Self> {
        Some(self).filter(|decision| *decision != Self::Withdrawn)
    }
}
