//! Instants as milliseconds since 1970 for `#[serde(with)]`: what is stored and sealed should be
//! small.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Writes an instant.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    at.as_millisecond().serialize(serializer)
}

/// Reads an instant.
///
/// # Errors
/// Those of the deserializer, and an instant outside the years that jiff knows.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::from_millisecond(i64::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// The same for an instant that may be absent.
pub mod option {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp, de};

    /// Writes an instant that may be absent.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::as_millisecond).serialize(serializer)
    }

    /// Reads an instant that may be absent.
    ///
    /// # Errors
    /// Those of the deserializer, and an instant outside the years that jiff knows.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let millis = Option::<i64>::deserialize(deserializer)?;
        millis
            .map(Timestamp::from_millisecond)
            .transpose()
            .map_err(de::Error::custom)
    }
}
