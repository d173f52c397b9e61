//! The table's date and time on the restaurant's wall clock.
//!
//! It is deliberately not an instant: staff write down what the clock on their wall will show.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, ToSpan};

use super::{OfferedTime, zones};

/// A local date and time, to the minute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableTime(DateTime);

/// Reasons to refuse a table's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a date with a time.
    #[error("must be a local date and time such as 2026-12-04T19:30")]
    NotATime,
    /// The seconds are not zero. Tables are not booked to the second.
    #[error("must be a whole minute")]
    NotAMinute,
    /// The clock on the restaurant's wall is past it already.
    #[error("must be in the future at the restaurant")]
    Past,
    /// More than 400 days ahead.
    #[error("must be within 400 days")]
    TooFar,
    /// The clock at the restaurant is set forward over it.
    #[error(
        "does not exist at the restaurant: its clock is set forward over this time on that day; give a time before or after"
    )]
    DoesNotExist,
}

impl TimeError {
    /// The stable code of this error in the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotATime => "not_a_time",
            Self::NotAMinute => "not_a_minute",
            Self::Past => "in_the_past",
            Self::TooFar => "too_far_ahead",
            Self::DoesNotExist => "time_does_not_exist",
        }
    }
}

/// The longest text that is looked at.
const MAX_TEXT: usize = 40;

impl TableTime {
    /// Most days ahead that a table can be booked.
    pub const MAX_DAYS: i64 = 400;
    /// The zone in which each date begins last.
    pub const LAST_ZONE: &str = "Etc/GMT+12";

    /// The date and time.
    #[must_use]
    pub const fn get(self) -> DateTime {
        self.0
    }

    /// The date.
    #[must_use]
    pub fn date(self) -> Date {
        self.0.date()
    }

    /// The time of day.
    #[must_use]
    pub fn time(self) -> Time {
        self.0.time()
    }

    /// The date and time of an offer for this table.
    #[must_use]
    pub fn at(self, offered: OfferedTime) -> Self {
        let days = i32::from(offered.day.offset()).days();
        Self(self.0.date().saturating_add(days).to_datetime(offered.time))
    }

    /// The instant this is in `zone`. A time that the clock shows twice in the night it is set back
    /// is the earlier one: better a table held too early than a call made too late.
    #[must_use]
    pub fn instant(self, zone: &str) -> Timestamp {
        let rules = zones::rules(zone);
        rules
            .to_ambiguous_timestamp(self.0)
            .earlier()
            .unwrap_or(Timestamp::MAX)
    }

    /// The last instant this can be, over all `zones` (UTC where none is known).
    #[must_use]
    pub fn latest_instant(self, zones: &[&str]) -> Timestamp {
        zones
            .iter()
            .map(|zone| self.instant(zone))
            .max()
            .unwrap_or_else(|| self.instant("UTC"))
    }

    /// Returns whether the clock of a zone skips this time when it is set forward.
    fn is_skipped(self, zone: &str) -> bool {
        let offset = zones::rules(zone).to_ambiguous_timestamp(self.0).offset();
        matches!(offset, AmbiguousOffset::Gap { .. })
    }

    /// Holds the time against every clock on earth, where the restaurant's is not known.
    ///
    /// # Errors
    /// In the past, or more than [`Self::MAX_DAYS`] ahead, wherever the restaurant is.
    pub fn check_anywhere(self, now: Timestamp) -> Result<(), TimeError> {
        const FIRST: &str = "Etc/GMT-14";
        match self.check(now, &[Self::LAST_ZONE]) {
            Err(TimeError::TooFar) => self.check(now, &[FIRST]),
            judged => judged,
        }
    }

    /// Holds the time against the clock on the restaurant's wall; where the zone is not known for
    /// certain, the most western of them decides.
    ///
    /// # Errors
    /// Skipped by the clock, in the past, or more than [`Self::MAX_DAYS`] ahead.
    pub fn check(self, now: Timestamp, zones: &[&str]) -> Result<(), TimeError> {
        let at = self.latest_instant(zones);
        if at <= now {
            return Err(TimeError::Past);
        }
        let limit = now
            .checked_add((Self::MAX_DAYS * 24).hours())
            .unwrap_or(Timestamp::MAX);
        if at > limit {
            Err(TimeError::TooFar)
        } else if !zones.is_empty() && zones.iter().all(|zone| self.is_skipped(zone)) {
            Err(TimeError::DoesNotExist)
        } else {
            Ok(())
        }
    }
}

impl From<DateTime> for TableTime {
    /// The minute that a clock shows at this time.
    fn from(at: DateTime) -> Self {
        let time = Time::constant(at.hour(), at.minute(), 0, 0);
        Self(at.date().to_datetime(time))
    }
}

impl FromStr for TableTime {
    type Err = TimeError;

    /// Reads `2026-12-04T19:30`, with seconds only when they are zero; of an RFC 3339 offset the
    /// wall clock is read.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let separator = |at: usize| text.as_bytes().get(at).copied().unwrap_or_default();
        // A text that was cut off after the hour would be read as the full hour.
        let is_separated = matches!(separator(10), b'T' | b't' | b' ') && separator(13) == b':';
        if text.len() > MAX_TEXT || !is_separated || text.contains('[') {
            return Err(TimeError::NotATime);
        }
        let local = text.strip_suffix(['Z', 'z']).unwrap_or(text);
        let read: DateTime = local.parse().map_err(|_| TimeError::NotATime)?;
        if !has_possible_offset(local) {
            return Err(TimeError::NotATime);
        }
        if read.second() != 0 || read.subsec_nanosecond() != 0 {
            return Err(TimeError::NotAMinute);
        }
        Ok(Self(read))
    }
}

/// Returns whether the offset is none or one of RFC 3339, whose hours go to 23 as on a clock.
fn has_possible_offset(local: &str) -> bool {
    let clock = local.get(11..).unwrap_or_default();
    let Some(at) = clock.find(['+', '-']) else {
        return true;
    };
    let hours = clock
        .get(at + 1..at + 3)
        .and_then(|hours| hours.parse().ok());
    hours.is_some_and(|hours: u8| hours < 24)
}

/// The form of the API: `2026-12-04T19:30`.
impl fmt::Display for TableTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}T{:02}:{:02}",
            self.0.date(),
            self.0.hour(),
            self.0.minute()
        )
    }
}

impl fmt::Debug for TableTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const MINUTES_A_DAY: i32 = 24 * 60;

impl TableTime {
    fn minutes(self) -> i32 {
        let days = self
            .0
            .date()
            .since(Date::constant(1970, 1, 1))
            .map(|span| span.get_days())
            .unwrap_or_default();
        days * MINUTES_A_DAY + i32::from(self.0.hour()) * 60 + i32::from(self.0.minute())
    }

    fn from_minutes(minutes: i32) -> Option<Self> {
        let date = Date::constant(1970, 1, 1)
            .checked_add(minutes.div_euclid(MINUTES_A_DAY).days())
            .ok()?;
        let of_day = minutes.rem_euclid(MINUTES_A_DAY);
        let time = Time::new(
            i8::try_from(of_day / 60).ok()?,
            i8::try_from(of_day % 60).ok()?,
            0,
            0,
        )
        .ok()?;
        Some(Self(date.to_datetime(time)))
    }
}

text_or_packed!(TableTime, i32, |time| time.minutes(), Self::from_minutes);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> TableTime {
        text.parse().unwrap()
    }

    #[test]
    fn the_wall_clock_is_read() {
        assert_eq!(time("2026-12-04T19:30").to_string(), "2026-12-04T19:30");
        assert_eq!(time("2026-12-04T19:30:00").to_string(), "2026-12-04T19:30");
        assert_eq!(
            time("2026-12-04T19:30-08:00").to_string(),
            "2026-12-04T19:30"
        );
        assert_eq!(time("2026-12-04T19:30:00Z").to_string(), "2026-12-04T19:30");
        assert_eq!(
            time("2026-12-04T19:30+23:59").to_string(),
            "2026-12-04T19:30"
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            "tomorrow",
            "2026-12-04",
            "19:30",
            "2026-02-30T19:30",
            "2026-12-04T25:00",
            "2026-12-04T19",
            "2026-12-04T19:",
            "2026-12-04T19:3",
            "2026-12-04T19Z",
            "2026-12-04T1930",
            "2026-12-04T19:30[UTC]",
            "2026-12-04T19:30+25:00",
            "2026-12-04T19:30:00-24:00",
        ] {
            assert_eq!(
                wrong.parse::<TableTime>(),
                Err(TimeError::NotATime),
                "{wrong}"
            );
        }
        assert_eq!(
            "2026-12-04T19:30:15".parse::<TableTime>(),
            Err(TimeError::NotAMinute)
        );
        assert_eq!(
            "9".repeat(100_000).parse::<TableTime>(),
            Err(TimeError::NotATime)
        );
    }

    #[test]
    fn past_and_far_are_judged_at_the_restaurant() {
        let now: Timestamp = "2026-12-05T02:00:00Z".parse().unwrap();
        let check = |text: &str, zone: &'static str| time(text).check(now, &[zone]);
        assert_eq!(
            check("2026-12-04T19:30", "America/Los_Angeles"),
            Ok(()),
            "it is 18:00 there"
        );
        assert_eq!(
            check("2026-12-04T19:30", "Europe/Berlin"),
            Err(TimeError::Past)
        );
        assert_eq!(
            check("2028-01-09T19:30", "Europe/Berlin"),
            Err(TimeError::TooFar)
        );
    }

    #[test]
    fn a_time_that_the_clock_skips_is_refused_and_one_shown_twice_is_the_earlier() {
        let now: Timestamp = "2026-12-05T02:00:00Z".parse().unwrap();
        let skipped = time("2027-03-28T02:30");
        assert_eq!(
            skipped.check(now, &["Europe/Berlin"]),
            Err(TimeError::DoesNotExist)
        );
        assert_eq!(
            skipped.check(now, &["Europe/Berlin", "Europe/London"]),
            Ok(()),
            "it exists in one of the possible zones"
        );
        let twice = time("2027-10-31T02:30");
        assert_eq!(twice.check(now, &["Europe/Berlin"]), Ok(()));
        assert_eq!(
            twice.instant("Europe/Berlin"),
            "2027-10-31T00:30:00Z".parse().unwrap()
        );
        // Lord Howe Island sets its clock by half an hour.
        let half = time("2027-10-03T02:15");
        assert_eq!(
            half.check(now, &["Australia/Lord_Howe"]),
            Err(TimeError::DoesNotExist)
        );
    }

    #[test]
    fn small_and_readable_forms_round_trip() {
        for text in ["2026-12-04T19:30", "1970-01-01T00:00", "2027-02-28T23:59"] {
            let bytes = postcard::to_allocvec(&time(text)).unwrap();
            assert!(bytes.len() <= 5);
            assert_eq!(
                postcard::from_bytes::<TableTime>(&bytes).unwrap(),
                time(text)
            );
            assert_eq!(
                serde_json::to_string(&time(text)).unwrap(),
                format!("\"{text}\"")
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_a_time_that_stays_the_same(
            text in "-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:00)?(Z|[+-][0-9]{2}:[0-9]{2})?|.{0,45}",
            now in -377_705_023_201_i64..=253_402_207_200,
        ) {
            let Ok(time) = text.parse::<TableTime>() else { return Ok(()) };
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let now = Timestamp::from_second(now).unwrap();
            for zone in ["America/Los_Angeles", "Pacific/Kiritimati", "Africa/Casablanca", "UTC", "No/Where"] {
                // Whatever it says, it says the same of the latest as of the only one.
                prop_assert_eq!(time.instant(zone), time.latest_instant(&[zone]));
                prop_assert_eq!(time.check(now, &[zone]).is_err(), time.check(now, &[zone; 3]).is_err());
            }
        }
    }
}
