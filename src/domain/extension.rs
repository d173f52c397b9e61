//! Keys that are sent after pick-up, for places behind a menu.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 1 to 32 of `0-9 * # w`, where `w` waits half a second: Twilio's `SendDigits`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extension(Box<str>);

/// The text has other characters, or none, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 32 of the characters 0-9, *, # and w (a wait of half a second)")]
pub struct BadExtension;

impl Extension {
    /// The keys as Twilio takes them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Extension {
    type Err = BadExtension;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#' | b'w');
        if (1..=32).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.into()))
        } else {
            Err(BadExtension)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_are_accepted() {
        assert_eq!("ww12*#".parse::<Extension>().unwrap().as_str(), "ww12*#");
        for wrong in ["", "1 2", "A", "W", "１", &"1".repeat(33)] {
            assert_eq!(wrong.parse::<Extension>(), Err(BadExtension), "{wrong}");
        }
    }
}
