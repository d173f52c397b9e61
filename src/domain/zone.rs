//! Time zones, and which of them a phone number can lie in.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Phone;

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
        rules(&self.0)
    }
}

/// The rules of a zone of [`of`]; UTC for a name that the database does not know.
#[must_use]
pub fn rules(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 40 {
            return Err(UnknownZone);
        }
        let zone = TimeZone::get(text).map_err(|_| UnknownZone)?;
        zone.iana_name()
            .map(|name| Self(name.into()))
            .ok_or(UnknownZone)
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

/// Prefix and zones, sorted by prefix. None begins with a zero, so each is told by its number
/// alone.
type Table = Vec<(u64, &'static str)>;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let lines = include_str!("zones.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let mut table: Table = lines
        .filter_map(|line| {
            let first = line.find(|c: char| c.is_ascii_digit())?;
            let (zones, prefixes) = line.split_at(first);
            let prefixes = prefixes.split(' ').filter_map(|prefix| prefix.parse().ok());
            Some(prefixes.map(move |prefix| (prefix, zones.trim_end())))
        })
        .flatten()
        .collect();
    table.sort_unstable();
    table
});

/// The zones in which a number can lie, by libphonenumber's data; empty for numbers of no country.
pub fn of(phone: Phone) -> impl Iterator<Item = &'static str> {
    let prefixes = std::iter::successors(Some(phone.digits()), |prefix| {
        Some(prefix / 10).filter(|shorter| *shorter > 0)
    });
    let zones = prefixes.into_iter().find_map(|prefix| {
        let at = TABLE
            .binary_search_by_key(&prefix, |(known, _)| *known)
            .ok()?;
        TABLE.get(at).map(|(_, zones)| *zones)
    });
    zones
        .unwrap_or_default()
        .split(' ')
        .filter(|zone| !zone.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(text: &str) -> Vec<&'static str> {
        of(Phone::from_e164(text).unwrap()).collect()
    }

    #[test]
    fn a_number_tells_where_it_lies() {
        assert_eq!(zones("+14155550101"), ["America/Los_Angeles"]);
        assert_eq!(zones("+4930901820"), ["Europe/Berlin"]);
        assert_eq!(zones("+34912345678"), ["Europe/Madrid"]);
        assert!(
            zones("+15005550006").len() > 20,
            "a personal number can lie anywhere in North America"
        );
    }

    #[test]
    fn every_zone_of_the_table_is_in_the_database() {
        let written = include_str!("zones.txt")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let prefixes = written
            .flat_map(|line| line.split(' '))
            .filter(|word| word.starts_with(char::is_numeric));
        assert_eq!(TABLE.len(), prefixes.count());
        assert!(TABLE.len() > 3_000);
        for (_, zones) in TABLE.iter() {
            for zone in zones.split(' ') {
                assert!(TimeZone::get(zone).is_ok(), "{zone}");
            }
        }
    }

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
