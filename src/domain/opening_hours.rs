//! The hours in which a restaurant is open, in the syntax of OpenStreetMap
//! (<https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification>).

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Once;

use chrono::NaiveDate;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use opening_hours::localization::Country as HolidayCountry;
use opening_hours::{Context, OpeningHours as Expression, RuleKind};
use pest::error::LineColLocation;
use serde::{Deserialize, Serialize};

use super::{Country, TableTime};

/// Opening hours that can be read, as they were written; at most [`OpeningHours::MAX_CHARS`]
/// characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpeningHours(Box<str>);

/// Why opening hours were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningHoursError {
    /// Longer than [`OpeningHours::MAX_CHARS`] or [`OpeningHours::MAX_BYTES`].
    #[error(
        "must be at most {} characters and {} bytes: leave comments out",
        OpeningHours::MAX_CHARS,
        OpeningHours::MAX_BYTES
    )]
    TooLong,
    /// Not in the syntax of OpenStreetMap.
    #[error(
        "must be opening hours as in OpenStreetMap, such as Tu-Su 12:00-14:30,18:00-23:00; Mo off{}",
        .0.map(|at| format!("; character {at} cannot be read")).unwrap_or_default()
    )]
    Unreadable(Option<usize>),
}

impl OpeningHoursError {
    /// The stable code of this error in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Unreadable(_) => "not_opening_hours",
        }
    }
}

/// The most steps that reading may take. A list of dates such as `Jan Mo[1],Jan Mo[1],…` takes the
/// grammar three times as long with each of them; ordinary hours of 300 characters take a tenth of
/// this.
const MAX_STEPS: usize = 40_000;

fn read(text: &str) -> Result<Expression, OpeningHoursError> {
    static LIMITED: Once = Once::new();
    // The limit holds for the process; nothing else in it reads with pest.
    LIMITED.call_once(|| pest::set_call_limit(NonZeroUsize::new(MAX_STEPS)));
    text.parse().map_err(|error| {
        let at = match error {
            opening_hours_syntax::Error::Syntax(error) => match error.line_col {
                LineColLocation::Pos((1, column)) => Some(column),
                LineColLocation::Pos(_) | LineColLocation::Span(..) => None,
            },
            opening_hours_syntax::Error::Unsupported(_)
            | opening_hours_syntax::Error::Overflow { .. }
            | opening_hours_syntax::Error::InvalidExtendedTime { .. }
            | opening_hours_syntax::Error::InvertedYearRange { .. }
            | opening_hours_syntax::Error::InvertedWeekRange { .. }
            | opening_hours_syntax::Error::GrammarUnexpectedToken { .. }
            | opening_hours_syntax::Error::GrammarLogic { .. } => None,
        };
        OpeningHoursError::Unreadable(at)
    })
}

impl OpeningHours {
    /// The most characters.
    pub const MAX_CHARS: usize = 300;
    /// The most bytes: each webhook URL of a call contains them.
    pub const MAX_BYTES: usize = 420;

    /// The hours as they were written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The timetable that follows in a country, whose public and school holidays count. A country
    /// without data has none.
    #[must_use]
    pub fn timetable(&self, country: Option<Country>) -> Timetable {
        let country = country.and_then(|country| country.as_str().parse::<HolidayCountry>().ok());
        let context = country.map_or_else(Context::default, |country| {
            // Holidays of a region make a day unknown: nobody knows in which region the place is.
            Context::default()
                .with_holidays(country.holidays())
                .with_holidays_unknown(country.holidays_regional())
        });
        Timetable {
            // A text of another version of the library that this one cannot read is never open.
            hours: read(&self.0).ok().map(|hours| hours.with_context(context)),
        }
    }
}

impl FromStr for OpeningHours {
    type Err = OpeningHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES || text.chars().count() > Self::MAX_CHARS {
            return Err(OpeningHoursError::TooLong);
        }
        // People end the last rule as those before it.
        let text = text.trim_end_matches([';', ' ']);
        read(text).map(|_| Self(text.into()))
    }
}

impl fmt::Debug for OpeningHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A minute on the restaurant's wall, counted from the beginning of 1970.
pub type WallMinute = i64;

const DAY: i64 = 24 * 60;

/// The minute that a wall clock shows.
#[must_use]
pub fn wall_minute(at: DateTime) -> WallMinute {
    let days = at.date().since(Date::constant(1970, 1, 1));
    let days = days.map(|span| span.get_days()).unwrap_or_default();
    i64::from(days) * DAY + i64::from(at.hour()) * 60 + i64::from(at.minute())
}

/// The date and time of a minute on the wall; `None` beyond the year 9999.
#[must_use]
pub fn wall_time(minute: WallMinute) -> Option<DateTime> {
    let days = i32::try_from(minute.div_euclid(DAY)).ok()?;
    let date = Date::constant(1970, 1, 1).checked_add(days.days()).ok()?;
    let of_day = minute.rem_euclid(DAY);
    let hour = i8::try_from(of_day / 60).ok()?;
    let time = Time::new(hour, i8::try_from(of_day % 60).ok()?, 0, 0).ok()?;
    Some(date.to_datetime(time))
}

/// Opening hours with the holidays of a country: which minutes of which day they contain.
#[derive(Clone, Debug)]
pub struct Timetable {
    hours: Option<Expression>,
}

impl Timetable {
    /// When the restaurant is open on one day, counted in days from 1970: spans of minutes that do
    /// not touch each other, in order. A time of which the hours say nothing certain (`unknown`, a
    /// holiday of a region) counts as open.
    #[must_use]
    pub fn open_on(&self, day: i64) -> Vec<Range<WallMinute>> {
        const EPOCH: i64 = 719_163;
        let date = i32::try_from(day + EPOCH).ok();
        let date = date.and_then(NaiveDate::from_num_days_from_ce_opt);
        let (Some(hours), Some(date)) = (&self.hours, date) else {
            return Vec::new();
        };
        let mut open: Vec<Range<WallMinute>> = Vec::new();
        for span in hours.schedule_at(date) {
            if span.kind == RuleKind::Closed {
                continue;
            }
            let minute = |of_day: u16| day * DAY + i64::from(of_day).min(DAY);
            let from = minute(span.range.start.mins_from_midnight());
            let to = minute(span.range.end.mins_from_midnight());
            match open.last_mut() {
                Some(last) if last.end == from => last.end = to,
                _ => open.push(from..to),
            }
        }
        open
    }

    /// Whether the restaurant is open at a table's time.
    #[must_use]
    pub fn is_open(&self, time: TableTime) -> bool {
        let minute = wall_minute(time.get());
        let mut open = self.open_on(minute.div_euclid(DAY)).into_iter();
        open.any(|span| span.contains(&minute))
    }

    /// When the restaurant opens next after a minute, within so many days.
    #[must_use]
    pub fn opens_after(&self, minute: WallMinute, days: i64) -> Option<WallMinute> {
        let today = minute.div_euclid(DAY);
        let spans = (today..=today + days).flat_map(|day| self.open_on(day));
        let mut later = spans.filter(|span| span.end > minute);
        later.next().map(|span| span.start.max(minute))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(text: &str) -> OpeningHours {
        text.parse().unwrap()
    }

    fn table(text: &str, country: &str) -> Timetable {
        hours(text).timetable(country.parse().ok())
    }

    fn at(text: &str) -> TableTime {
        text.parse().unwrap()
    }

    #[test]
    fn hours_of_a_week_with_holidays() {
        // 2026-12-25 is a Friday and a public holiday; 2026-12-28 is a Monday.
        let table = table("Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off", "DE");
        for open in ["2026-12-23T12:00", "2026-12-23T14:29", "2026-12-24T22:59"] {
            assert!(table.is_open(at(open)), "{open}");
        }
        for closed in [
            "2026-12-23T11:59",
            "2026-12-23T14:30",
            "2026-12-23T23:00",
            "2026-12-25T19:00",
            "2026-12-28T19:00",
        ] {
            assert!(!table.is_open(at(closed)), "{closed}");
        }
        let next = table.opens_after(wall_minute(at("2026-12-24T23:00").get()), 7);
        let next = next.and_then(wall_time).unwrap();
        assert_eq!(next, at("2026-12-27T12:00").get());
    }

    #[test]
    fn holidays_are_those_of_the_country() {
        let lunch = "Mo-Su 12:00-14:30; PH off";
        let bastille = at("2027-07-14T13:00");
        assert!(!table(lunch, "FR").is_open(bastille));
        assert!(table(lunch, "US").is_open(bastille));
        assert!(hours(lunch).timetable(None).is_open(bastille));
        // A holiday of some regions: nobody knows whether it is one here.
        assert!(table(lunch, "DE").is_open(at("2027-03-08T13:00")));
    }

    #[test]
    fn hours_beyond_midnight_belong_to_the_evening_before() {
        let table = table("Fr-Sa 18:00-02:00", "US");
        assert!(table.is_open(at("2026-12-06T01:30")), "Sunday night");
        assert!(!table.is_open(at("2026-12-06T02:00")));
        assert!(!table.is_open(at("2026-12-04T01:30")), "Friday morning");
        assert_eq!(table.open_on(20_791).len(), 1);
    }

    #[test]
    fn always_and_never() {
        assert!(table("24/7", "US").is_open(at("2026-12-04T04:00")));
        let never = table("off", "US");
        assert!(!never.is_open(at("2026-12-04T19:00")));
        assert_eq!(never.opens_after(0, 400), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        assert_eq!(
            "Tu-Su 12:00-14:30; Xx 10:00".parse::<OpeningHours>(),
            Err(OpeningHoursError::Unreadable(Some(20)))
        );
        for wrong in [
            "",
            ";",
            "tomorrow",
            "12-14",
            "Mo 25:00-26:00",
            "Mo\n12:00-14:00",
        ] {
            let code = wrong.parse::<OpeningHours>().unwrap_err().code();
            assert_eq!(code, "not_opening_hours", "{wrong}");
        }
        let long = format!("Mo 12:00-14:00 \"{}\"", "x".repeat(300));
        assert_eq!(
            long.parse::<OpeningHours>(),
            Err(OpeningHoursError::TooLong)
        );
        let wide = format!("Mo 12:00-14:00 \"{}\"", "食".repeat(200));
        assert_eq!(
            wide.parse::<OpeningHours>(),
            Err(OpeningHoursError::TooLong)
        );
        let ended = "Mo 12:00-14:00; Tu off;".parse::<OpeningHours>().unwrap();
        assert_eq!(ended.as_str(), "Mo 12:00-14:00; Tu off");
    }

    /// Reading takes three times as long with each further date of such a list.
    #[test]
    fn a_list_that_takes_the_grammar_for_ever_is_refused() {
        for part in ["Jan Mo[1]", "Jan Mo[-1]", "2027 Jan Mo[1]"] {
            let text = vec![part; OpeningHours::MAX_CHARS / (part.len() + 1)].join(",");
            let refused = text.parse::<OpeningHours>().map_err(|error| error.code());
            assert_eq!(refused, Err("not_opening_hours"), "{text}");
        }
        let long = "Mo 11:00-14:00; Tu-Fr 11:30-14:30,17:30-22:00; Sa,Su,PH 11:30-22:00; Dec 24-26 off; \
                    Jan 1 off; easter off; easter +1 day off; Aug 1-15 off; Jul Su[1] off; Mo[1] off";
        assert!(long.parse::<OpeningHours>().is_ok());
    }

    const PARTS: [&str; 44] = [
        "Mo",
        "Tu-Su",
        "Sa,Su",
        "PH",
        "SH",
        "; ",
        ", ",
        " || ",
        ",",
        " ",
        "-",
        "off",
        "open",
        "unknown",
        "\"x\"",
        "12:00-14:30",
        "18:00-26:00",
        "00:00-48:00",
        "22:00-02:00",
        "18:00+",
        "10:00-16:00/90",
        "(sunset-01:30)-dusk",
        "sunrise-sunset",
        "24/7",
        "week 1-53/2",
        "Jan",
        "Feb-Mar",
        "Jan 1-Dec 31",
        "2026",
        "2026-2030/2",
        "2024+",
        "easter",
        "easter -2 days",
        "easter +9999 days-Dec 31",
        "Jan Mo[1]",
        "Mo[1,3]",
        "Mo[-1]",
        "PH +9999 days",
        "Feb 29",
        "Dec 31 +1 day",
        "Jan 1 -Mo",
        "9999 Dec 31 +5 days",
        "é",
        "31",
    ];

    proptest! {
        /// Whatever is written is refused, or a timetable of spans that lie within their day.
        #[test]
        fn any_text_is_refused_or_a_timetable(
            parts in proptest::collection::vec(proptest::sample::select(PARTS.to_vec()), 0..40),
            noise in ".{0,40}",
            day in -200_000_i64..3_000_000,
        ) {
            for text in [parts.concat(), parts.join(" "), noise] {
                let Ok(hours) = text.parse::<OpeningHours>() else { continue };
                prop_assert_eq!(hours.as_str().parse(), Ok(hours.clone()));
                let open = hours.timetable("DE".parse().ok()).open_on(day);
                let mut before = day * DAY - 1;
                for span in open {
                    prop_assert!(before < span.start && span.start < span.end && span.end <= (day + 1) * DAY);
                    before = span.end;
                }
            }
        }

        #[test]
        fn minutes_are_times(minute in -10_000_000_i64..100_000_000) {
            prop_assert_eq!(wall_time(minute).map(wall_minute), Some(minute));
        }
    }
}
