//! The number of people at the table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 1 to 99 people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartySize(u8);

/// The number is outside 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to 99")]
pub struct OutOfRange;

impl PartySize {
    /// The number of people.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for PartySize {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u8::try_from(number) {
            Ok(size @ 1..=99) => Ok(Self(size)),
            _ => Err(OutOfRange),
        }
    }
}

impl fmt::Display for PartySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(PartySize::try_from(1).unwrap().get(), 1);
        assert_eq!(PartySize::try_from(99).unwrap().get(), 99);
        for wrong in [i64::MIN, -1, 0, 100, 257, i64::MAX] {
            assert_eq!(PartySize::try_from(wrong), Err(OutOfRange));
        }
    }
}
