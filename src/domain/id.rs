//! The identifiers of calls: ours, and Twilio's.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Our name of a call: a UUID of version 7, so that ids sort by their time of creation. URL-safe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(Uuid);

/// Twilio's name of one attempt (`CA` and 32 hexadecimal digits), as its 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid([u8; 16]);

/// The text is not such a name.
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

    /// When it was made, in whole milliseconds.
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

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.as_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
        }
    }
}

impl Sid {
    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The name with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CA")?;
        Uuid::from_bytes(self.0).simple().fmt(f)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
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

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Self)
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
        assert_eq!(text.parse::<Sid>().unwrap().to_string(), text);
        for wrong in [
            "",
            "CA",
            "SM0123456789abcdef0123456789abcdef",
            "CA+123456789abcdef0123456789abcdef",
            "CAé",
        ] {
            assert_eq!(wrong.parse::<Sid>(), Err(BadId), "{wrong}");
        }
    }
}
