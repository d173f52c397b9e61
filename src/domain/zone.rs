//! A time zone by its name. Which ones a number can lie in is known to [`super::zones`].

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::zones;

/// A time zone of the IANA database by its name, at most 40 characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zone(Box<str>);

/// The text names no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time zone of the IANA database such as America/New_York")]
pub struct UnknownZone;

impl Zone {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rules of this zone.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        zones::rules(&self.0)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 40 {
            return Err(UnknownZone);
        }
        let zone = TimeZone::get(text).map_err(|_| UnknownZone)?;
        // jiff has a zone of its own for an unknown one, which shows the time of UTC.
        let name = zone.iana_name().filter(|name| *name != "Etc/Unknown");
        name.map(|name| Self(name.into())).ok_or(UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_against_the_database() {
        assert_eq!(
            "america/new_york".parse::<Zone>().unwrap().as_str(),
            "America/New_York"
        );
        assert_eq!("Mars/Olympus".parse::<Zone>(), Err(UnknownZone));
        assert_eq!("".parse::<Zone>(), Err(UnknownZone));
    }
}
