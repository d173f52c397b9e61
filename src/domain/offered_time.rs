//! The time of day that staff offer, and its day beside the table's.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The day of an offered time beside the day of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfferedDay {
    /// The day of the table.
    #[default]
    Same,
    /// The day before: 23:30 for a table at 00:15.
    Before,
    /// The day after: 00:15 for a table at 23:30.
    After,
}

impl OfferedDay {
    /// Every day, the table's first.
    pub const ALL: [Self; 3] = [Self::Same, Self::Before, Self::After];

    /// Days from the table's day to this one.
    #[must_use]
    pub const fn offset(self) -> i8 {
        match self {
            Self::Before => -1,
            Self::Same => 0,
            Self::After => 1,
        }
    }
}

/// A time of day that staff offer, on the day of the table or on one beside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OfferedTime {
    /// The time of day.
    pub time: Time,
    /// The day.
    pub day: OfferedDay,
}

impl OfferedTime {
    /// A time on the day of the table.
    #[must_use]
    pub const fn same_day(time: Time) -> Self {
        Self {
            time,
            day: OfferedDay::Same,
        }
    }

    /// Returns whether it is on the day of the table.
    #[must_use]
    pub const fn is_same_day(self) -> bool {
        matches!(self.day, OfferedDay::Same)
    }
}

/// The form in which it is stored: `20:15:00`, with `+1` or `-1` on another day. Without them it is
/// the form of earlier versions, which knew the table's day only.
impl fmt::Display for OfferedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.time)?;
        match self.day {
            OfferedDay::Same => Ok(()),
            OfferedDay::Before => f.write_str("-1"),
            OfferedDay::After => f.write_str("+1"),
        }
    }
}

impl fmt::Debug for OfferedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for OfferedTime {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let on = |day| move |time: &'_ str| time.parse().map(|time| Self { time, day });
        if let Some(time) = text.strip_suffix("-1") {
            on(OfferedDay::Before)(time)
        } else if let Some(time) = text.strip_suffix("+1") {
            on(OfferedDay::After)(time)
        } else {
            on(OfferedDay::Same)(text)
        }
    }
}

impl Serialize for OfferedTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OfferedTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn the_days_own_time_is_stored_as_earlier_versions_stored_it() {
        let time = time(20, 15, 0, 0);
        let same = OfferedTime::same_day(time);
        assert_eq!(
            postcard::to_allocvec(&same).unwrap(),
            postcard::to_allocvec(&time).unwrap()
        );
        assert_eq!(
            serde_json::to_string(&same).unwrap(),
            serde_json::to_string(&time).unwrap()
        );
    }

    #[test]
    fn both_forms_read_back() {
        for day in OfferedDay::ALL {
            let offered = OfferedTime {
                time: time(0, 15, 0, 0),
                day,
            };
            let bytes = postcard::to_allocvec(&offered).unwrap();
            assert_eq!(
                postcard::from_bytes::<OfferedTime>(&bytes).unwrap(),
                offered
            );
            let text = serde_json::to_string(&offered).unwrap();
            assert_eq!(serde_json::from_str::<OfferedTime>(&text).unwrap(), offered);
        }
        assert!("00:15:00+2".parse::<OfferedTime>().is_err());
        assert!("+1".parse::<OfferedTime>().is_err());
    }
}
