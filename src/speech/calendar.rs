//! Days, times of day and plurals as CLDR has them, prepared once per language.

use std::fmt::Write as _;

use icu_datetime::fieldsets::{MDE, T};
use icu_datetime::preferences::CalendarAlgorithm;
use icu_datetime::{DateTimeFormatter, DateTimeFormatterPreferences, NoCalendarFormatter, input};
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use jiff::civil::{Date, Time};
use jiff_icu::ConvertFrom as _;

use super::problem::Wrong;
use super::spoken::Out;

/// The most people a table is for.
const MOST: usize = 99;

/// One language's calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    day: DateTimeFormatter<MDE>,
    time: NoCalendarFormatter<T>,
    /// What CLDR writes as a bare 1 but is said otherwise, as in French "1er".
    first_of_month: Option<Box<str>>,
    /// The categories for 0 to 99.
    counted: Box<[PluralCategory]>,
}

impl Calendar {
    /// Reads CLDR's data for a locale.
    ///
    /// # Errors
    /// Names the data that is not there.
    pub(super) fn new(locale: &str, first_of_month: Option<&str>) -> Result<Self, Wrong> {
        let missing = |what: &'static str| move || Wrong::NoData(what, locale.to_owned());
        let parsed: Locale = locale.parse().map_err(|_| missing("language")())?;
        let mut wishes: DateTimeFormatterPreferences = (&parsed).into();
        wishes.calendar_algorithm = Some(CalendarAlgorithm::Gregory);
        let day = DateTimeFormatter::try_new(wishes, MDE::long()).map_err(|_| missing("days")())?;
        let time = NoCalendarFormatter::try_new(wishes, T::hm()).map_err(|_| missing("times")())?;
        let rules = PluralRules::try_new_cardinal((&parsed).into()).map_err(|_| missing("plurals")())?;
        let counted = (0..=MOST).map(|count| rules.category_for(count)).collect();
        Ok(Self { day, time, first_of_month: first_of_month.map(Into::into), counted })
    }

    /// The day of the week, the day and the month.
    pub(super) fn write_day(&self, date: Date, out: &mut Out) {
        let begin = out.text.len();
        let written = write!(out, "{}", self.day.format(&input::Date::convert_from(date)));
        debug_assert!(written.is_ok(), "writing into a string cannot fail");
        if let Some(first) = self.first_of_month.as_deref().filter(|_| date.day() == 1) {
            let day = out.text.split_off(begin);
            out.text.push_str(&day.replacen('1', first, 1));
        }
    }

    /// The time of day. Where the hour runs to 12, a leading zero (as in "08:50 p.m.") is left out: it would be said.
    pub(super) fn write_time(&self, time: Time, out: &mut Out) {
        let begin = out.text.len();
        let written = write!(out, "{}", self.time.format(&input::Time::convert_from(time)));
        debug_assert!(written.is_ok(), "writing into a string cannot fail");
        let twelve = out.text.len() > begin + "00:00".len();
        if twelve && out.text.get(begin..).is_some_and(|text| text.starts_with('0')) {
            out.text.remove(begin);
        }
    }

    /// How so many people are counted.
    pub(super) fn category(&self, count: u8) -> PluralCategory {
        self.counted.get(usize::from(count)).copied().unwrap_or(PluralCategory::Other)
    }

    /// The ways of counting that occur for 1 to 99 people.
    pub(super) fn categories(&self) -> impl Iterator<Item = PluralCategory> + '_ {
        PluralCategory::all().filter(|category| self.counted.iter().skip(1).any(|counted| counted == category))
    }
}

/// A category's name in CLDR and in the files.
pub(super) const fn category_name(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}
