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

/// Reasons to refuse opening hours.
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

/// The same hours with an end for those that have none (`18:00+`): the library ends them at
/// midnight, and guests sit longer. Nothing certain is known of the time until four in the morning,
/// so it counts as open.
fn with_ends(text: &str) -> String {
    const LATEST_END: &str = "-28:00";
    let mut parts = text.split('+');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `2024+` is a year without an end.
        let from = out.len().checked_sub("18:00".len());
        let time_at = from.filter(|from| out.get(*from..).is_some_and(is_time));
        if let Some(from) = time_at {
            // `18:00-22:00+` has an end already, which is not the last word.
            if out.get(..from).is_some_and(|before| before.ends_with('-')) {
                out.truncate(from - 1);
            }
            out.push_str(LATEST_END);
        } else {
            out.push('+');
        }
        out.push_str(part);
    }
    out
}

/// The groups of rules between the signs `||`. A later one counts at each time at which those before
/// it are closed; the library would count it on days alone on which they never open.
fn alternatives(text: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let (mut from, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        if !quoted && text.get(at..).is_some_and(|rest| rest.starts_with("||")) && at >= from {
            groups.extend(text.get(from..at));
            from = at + 2;
        }
    }
    groups.extend(text.get(from..));
    groups.into_iter().map(str::trim).collect()
}

/// Returns whether a text is a time such as `18:00`.
fn is_time(text: &str) -> bool {
    text.contains(':') && text.parse::<jiff::civil::Time>().is_ok()
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
            // Holidays of a region make a day unknown: the region of the place is not known.
            Context::default()
                .with_holidays(country.holidays())
                .with_holidays_unknown(country.holidays_regional())
        });
        let with_ends = with_ends(&self.0);
        let groups = alternatives(&with_ends).into_iter();
        Timetable {
            // A text of another version of the library that this one cannot read is never open.
            groups: groups
                .filter_map(|group| read(group).ok())
                .map(|hours| hours.with_context(context.clone()))
                .collect(),
        }
    }
}

/// People end the last rule as those before it.
fn without_last_sign(text: &str) -> &str {
    text.trim_end_matches([';', ' '])
}

impl FromStr for OpeningHours {
    type Err = OpeningHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES || text.chars().count() > Self::MAX_CHARS {
            return Err(OpeningHoursError::TooLong);
        }
        // Dashes as web pages write them, and the quotes of a file that the hours were copied from:
        // hours in quotes are a remark, which would be open always.
        let text = text.replace(['\u{2013}', '\u{2014}', '\u{2212}'], "-");
        let text = without_last_sign(&text);
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let text = quoted.filter(|inner| !inner.contains('"')).unwrap_or(text);
        let text = without_last_sign(text);
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
    /// It is open when one of these is.
    groups: Vec<Expression>,
}

impl Timetable {
    /// Opening hours of one day, counted in days from 1970: spans of minutes that do not touch each
    /// other, in order. A time of which the hours say nothing certain (`unknown`, a holiday of a
    /// region) counts as open.
    #[must_use]
    pub fn open_on(&self, day: i64) -> Vec<Range<WallMinute>> {
        const EPOCH: i64 = 719_163;
        let date = i32::try_from(day + EPOCH).ok();
        let date = date.and_then(NaiveDate::from_num_days_from_ce_opt);
        let Some(date) = date else {
            return Vec::new();
        };
        let spans = self.groups.iter().flat_map(|hours| hours.schedule_at(date));
        let open = spans.filter(|span| span.kind != RuleKind::Closed);
        let minute = |of_day: u16| day * DAY + i64::from(of_day).min(DAY);
        let mut open: Vec<Range<WallMinute>> = open
            .map(|span| {
                let Range { start, end } = span.range;
                minute(start.mins_from_midnight())..minute(end.mins_from_midnight())
            })
            .collect();
        open.sort_by_key(|span| span.start);
        open.dedup_by(|later, first| {
            let touches = later.start <= first.end;
            first.end = if touches {
                first.end.max(later.end)
            } else {
                first.end
            };
            touches
        });
        open
    }

    /// Returns whether the restaurant is open at a table's time.
    #[must_use]
    pub fn is_open(&self, time: TableTime) -> bool {
        let minute = wall_minute(time.get());
        let mut open = self.open_on(minute.div_euclid(DAY)).into_iter();
        open.any(|span| span.contains(&minute))
    }

    /// The next opening after a minute, within a number of days.
    #[must_use]
    pub fn opens_after(&self, minute: WallMinute, days: i64) -> Option<WallMinute> {
        let today = minute.div_euclid(DAY);
        let spans = (today..=today + days).flat_map(|day| self.open_on(day));
        let mut later = spans.filter(|span| span.end > minute);
        later.next().map(|span| span.start.max(minute))
    }
}

#[cfg(test)]
mod tests;
