//! The SID of an account at Twilio.
//!
//! It is parsed once, where it comes in. It must not be shown in any other form than that: Twilio
//! documents hexadecimal digits in both cases (`^AC[0-9a-fA-F]{32}$`), and requests are signed with
//! the one that we were given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not the SID of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SID that begins with AC and has 32 hexadecimal digits")]
pub struct SidError;

/// The SID of an account or subaccount: `AC` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountSid {
    /// The digits, as ASCII.
    digits: [u8; 32],
}

impl FromStr for AccountSid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Self, SidError> {
        let digits = text.strip_prefix("AC").ok_or(SidError)?;
        let digits: [u8; 32] = digits.as_bytes().try_into().map_err(|_| SidError)?;
        if digits.iter().all(u8::is_ascii_hexdigit) {
            Ok(Self { digits })
        } else {
            Err(SidError)
        }
    }
}

impl TryFrom<String> for AccountSid {
    type Error = SidError;

    fn try_from(text: String) -> Result<Self, SidError> {
        text.parse()
    }
}

impl From<AccountSid> for String {
    fn from(sid: AccountSid) -> Self {
        sid.to_string()
    }
}

impl fmt::Display for AccountSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = std::str::from_utf8(&self.digits).map_err(|_| fmt::Error)?;
        write!(f, "AC{digits}")
    }
}

impl fmt::Debug for AccountSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_prefixes_lengths_and_digits_are_refused() {
        for text in [
            "",
            "AC",
            "AC0123456789abcdef0123456789abcde",
            "AC0123456789abcdef0123456789abcdef0",
            "CA0123456789abcdef0123456789abcdef",
            "ac0123456789abcdef0123456789abcdef",
            "AC0123456789abcdef0123456789abcdeg",
            "AC0123456789abcdef0123456789abcdé",
        ] {
            assert_eq!(text.parse::<AccountSid>(), Err(SidError), "{text}");
            assert!(serde_json::from_value::<AccountSid>(text.into()).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_sid_comes_back_as_it_was(digits in "[0-9a-fA-F]{32}") {
            let text = format!("AC{digits}");
            let sid: AccountSid = text.parse().unwrap();
            prop_assert_eq!(&sid.to_string(), &text);
            let json = serde_json::to_string(&sid).unwrap();
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<AccountSid>(&json).unwrap(), sid);
            let bytes = postcard::to_allocvec(&sid).unwrap();
            prop_assert_eq!(postcard::from_bytes::<AccountSid>(&bytes).unwrap(), sid);
        }
    }
}
