//! Identifiers that Twilio hands out, kept in 20 bytes instead of 34 characters.
//!
//! A SID is parsed once, where it comes in. It must not be compared with text, or shown in any
//! other form than the one it came in: the case of its letters is part of it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a SID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SID that begins with {prefix} and has 32 hexadecimal digits")]
pub struct SidError {
    /// The two letters the SID should have begun with.
    pub prefix: &'static str,
}

/// The 32 hexadecimal digits after the prefix. Twilio writes them in lower case but documents both
/// (`^CA[0-9a-fA-F]{32}$`), so the digits in upper case are remembered, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Packed {
    bytes: [u8; 16],
    upper: u32,
}

/// No hexadecimal digit.
const NONE: u8 = 0x20;
/// A digit in upper case.
const UPPER: u8 = 0x10;

/// The value of each byte as a hexadecimal digit, with [`UPPER`], or [`NONE`]. Digits come in no
/// order, so a branch on each would be guessed wrong every other time.
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] =
            value | if value > 9 { UPPER } else { 0 };
        value += 1;
    }
    digits
};

impl Packed {
    fn parse(prefix: &str, text: &str) -> Option<Self> {
        let digits: &[u8; 32] = text.strip_prefix(prefix)?.as_bytes().try_into().ok()?;
        let (mut packed, mut seen) = (
            Self {
                bytes: [0; 16],
                upper: 0,
            },
            0,
        );
        for (at, digit) in digits
            .iter()
            .map(|byte| DIGITS[usize::from(*byte)])
            .enumerate()
        {
            packed.bytes[at / 2] = packed.bytes[at / 2] << 4 | digit & 0xf;
            packed.upper |= u32::from(digit & UPPER != 0) << at;
            seen |= digit;
        }
        (seen & NONE == 0).then_some(packed)
    }

    fn write(self, prefix: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        for (at, digit) in text.iter_mut().enumerate() {
            let value = self.bytes[at / 2] >> (4 * (1 - at % 2)) & 0xf;
            let first = if self.upper >> at & 1 == 1 {
                b'A'
            } else {
                b'a'
            };
            *digit = if value < 10 {
                b'0' + value
            } else {
                first + value - 10
            };
        }
        f.write_str(prefix)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }

    /// Bits on digits that have no case would make two values of one text.
    fn is_canonical(self) -> bool {
        (0..32).all(|at| {
            self.upper >> at & 1 == 0 || self.bytes[at / 2] >> (4 * (1 - at % 2)) & 0xf > 9
        })
    }
}

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Packed);

        impl FromStr for $name {
            type Err = SidError;

            fn from_str(text: &str) -> Result<Self, SidError> {
                Packed::parse($prefix, text).map(Self).ok_or(SidError { prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write($prefix, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write($prefix, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom);
                }
                let packed = Packed::deserialize(deserializer)?;
                if packed.is_canonical() { Ok(Self(packed)) } else { Err(D::Error::custom(SidError { prefix: $prefix })) }
            }
        }
    };
}

sid! {
    /// The SID of a call: `CA` and 32 hexadecimal digits (Twilio, Call resource, `sid`).
    ///
    /// Text in human-readable formats, 17 bytes in postcard.
    CallSid, "CA"
}

sid! {
    /// The SID of an account or subaccount: `AC` and 32 hexadecimal digits.
    ///
    /// Text in human-readable formats, 17 bytes in postcard.
    AccountSid, "AC"
}

impl CallSid {
    /// The 32 digits as 16 bytes, without their case: Twilio's are all lower.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0.bytes
    }

    /// A name for a call that something else than Twilio named: the same text has the same name,
    /// which no call of Twilio's has but by chance.
    #[must_use]
    pub fn of_foreign(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        for (byte, digested) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *digested;
        }
        Self::from_bytes(bytes)
    }

    /// The SID with these digits, in lower case.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Packed { bytes, upper: 0 })
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
            "CA",
            "CA0123456789abcdef0123456789abcde",
            "CA0123456789abcdef0123456789abcdef0",
            "AC0123456789abcdef0123456789abcdef",
            "ca0123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcdeg",
            "CA0123456789abcdef0123456789abcdé",
        ] {
            assert_eq!(
                text.parse::<CallSid>(),
                Err(SidError { prefix: "CA" }),
                "{text}"
            );
        }
    }

    #[test]
    fn bytes_that_no_text_gives_are_refused() {
        let mut bytes = postcard::to_allocvec(
            &"CA00000000000000000000000000000000"
                .parse::<CallSid>()
                .unwrap(),
        )
        .unwrap();
        assert_eq!(bytes.len(), 17);
        assert!(postcard::from_bytes::<CallSid>(&bytes).is_ok());
        bytes[16] = 1;
        assert!(postcard::from_bytes::<CallSid>(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn every_sid_comes_back_as_it_was(digits in "[0-9a-fA-F]{32}") {
            let text = format!("CA{digits}");
            let sid: CallSid = text.parse().unwrap();
            prop_assert_eq!(&sid.to_string(), &text);
            let json = serde_json::to_string(&sid).unwrap();
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<CallSid>(&json).unwrap(), sid);
            let bytes = postcard::to_allocvec(&sid).unwrap();
            prop_assert_eq!(postcard::from_bytes::<CallSid>(&bytes).unwrap(), sid);
        }
    }
}
