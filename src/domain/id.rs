//! The identifiers of calls: ours, and Twilio's.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use uuid::Uuid;

/// Our name of a call: a UUID of version 7, so that ids sort by their time of creation. URL-safe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(Uuid);

/// Twilio's SID of a call, which is one attempt of ours: `CA` and 32 hexadecimal digits, kept as 16
/// bytes. Twilio documents digits in both cases and writes lower ones, as this type does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallSid([u8; 16]);

/// The text is no id of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an id")]
pub struct BadId;

impl CallId {
    /// A new id, made at `now`; the rest is random.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Time at which it was made, in whole milliseconds.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        let millis = self
            .as_bytes()
            .iter()
            .take(6)
            .fold(0, |millis, byte| millis << 8 | i64::from(*byte));
        Timestamp::from_millisecond(millis).unwrap_or_default()
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

/// `call_` and 22 characters of URL-safe base64 would not sort; the UUID's own form does.
impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 36 {
            return Err(BadId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| BadId)
    }
}

text_or_packed!(CallId, [u8; 16], |id| *id.as_bytes(), |bytes| Some(
    Self::from_bytes(bytes)
));

impl CallSid {
    /// A SID for a call that something else than Twilio named. The same text always gives the same
    /// SID, and no call of Twilio's has it but by chance.
    #[must_use]
    pub fn of_foreign(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        for (byte, digested) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *digested;
        }
        Self(bytes)
    }

    /// The SID with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CA")?;
        Uuid::from_bytes(self.0).simple().fmt(f)
    }
}

impl fmt::Debug for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

text_or_packed!(CallSid, [u8; 16], |sid| sid.0, |bytes| Some(Self(bytes)));

impl FromStr for CallSid {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text
            .strip_prefix("CA")
            .filter(|hex| hex.len() == 32)
            .ok_or(BadId)?;
        let number = u128::from_str_radix(hex, 16).map_err(|_| BadId)?;
        if hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(number.to_be_bytes()))
        } else {
            Err(BadId)
        }
    }
}

/// A random text of 128 bits in URL-safe base64, for request ids.
#[must_use]
pub fn random_text() -> String {
    let mut bytes = [0; 16];
    fastrand::fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = CallId::new("2026-12-01T12:00:00Z".parse().unwrap());
        let late = CallId::new("2026-12-01T12:00:01Z".parse().unwrap());
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        let exact = "2026-12-01T12:00:00.123Z".parse().unwrap();
        assert_eq!(CallId::new(exact).made_at(), exact);
        for wrong in [
            "",
            "x",
            "{0192b1a0-0000-7000-8000-000000000000}",
            &"0".repeat(36),
        ] {
            assert_eq!(wrong.parse::<CallId>(), Err(BadId), "{wrong}");
        }
    }

    #[test]
    fn sids_are_twilios() {
        let text = "CA0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<CallSid>().unwrap().to_string(), text);
        for wrong in [
            "",
            "CA",
            "SM0123456789abcdef0123456789abcdef",
            "CA+123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcde",
            "CA0123456789abcdef0123456789abcdef0",
            "AC0123456789abcdef0123456789abcdef",
            "ca0123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcdeg",
            "CA0123456789abcdef0123456789abcdé",
            "CAé",
        ] {
            assert_eq!(wrong.parse::<CallSid>(), Err(BadId), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_sid_comes_back_in_lower_case(digits in "[0-9a-fA-F]{32}") {
            let text = format!("CA{}", digits.to_ascii_lowercase());
            let sid: CallSid = format!("CA{digits}").parse().unwrap();
            prop_assert_eq!(&sid.to_string(), &text);
            let json = serde_json::to_string(&sid).unwrap();
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<CallSid>(&json).unwrap(), sid);
            let bytes = postcard::to_allocvec(&sid).unwrap();
            prop_assert_eq!(bytes.len(), 16);
            prop_assert_eq!(postcard::from_bytes::<CallSid>(&bytes).unwrap(), sid);
        }
    }
}
