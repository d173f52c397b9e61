//! Days, times of day and plurals as CLDR has them, prepared once per language.

use icu_datetime::fieldsets::{MDE, T};
use icu_datetime::preferences::CalendarAlgorithm;
use icu_datetime::{DateTimeFormatter, DateTimeFormatterPreferences, NoCalendarFormatter, input};
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use jiff::civil::{Date, Time};
use jiff_icu::ConvertFrom as _;

use super::memo::Memo;
use super::problem::Wrong;
use super::spoken::{Out, of_cldr};

/// The most people a table is for.
const MOST: usize = 99;

/// One language's calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    day: DateTimeFormatter<MDE>,
    days: Memo<Date>,
    time: NoCalendarFormatter<T>,
    times: Memo<Time>,
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
        let rules =
            PluralRules::try_new_cardinal((&parsed).into()).map_err(|_| missing("plurals")())?;
        let counted = (0..=MOST).map(|count| rules.category_for(count)).collect();
        let first_of_month = first_of_month.map(Into::into);
        Ok(Self {
            day,
            days: Memo::default(),
            time,
            times: Memo::default(),
            first_of_month,
            counted,
        })
    }

    /// The day of the week, the day and the month.
    pub(super) fn write_day(&self, date: Date, out: &mut Out) {
        self.days
            .write(date, || self.day(date), |day| out.exactly(day));
    }

    fn day(&self, date: Date) -> String {
        let day = of_cldr(
            &self
                .day
                .format(&input::Date::convert_from(date))
                .to_string(),
        );
        match self.first_of_month.as_deref().filter(|_| date.day() == 1) {
            Some(first) => day.replacen('1', first, 1),
            None => day,
        }
    }

    /// The time of day. Where the hour runs to 12, a leading zero (as in "08:50 p.m.") is left out:
    /// it would be said.
    pub(super) fn write_time(&self, time: Time, out: &mut Out) {
        self.times
            .write(time, || self.time(time), |time| out.exactly(time));
    }

    fn time(&self, time: Time) -> String {
        let mut text = of_cldr(
            &self
                .time
                .format(&input::Time::convert_from(time))
                .to_string(),
        );
        if text.len() > "00:00".len() && text.starts_with('0') {
            text.remove(0);
        }
        text
    }

    /// How so many people are counted.
    pub(super) fn category(&self, count: u8) -> PluralCategory {
        self.counted
            .get(usize::from(count))
            .copied()
            .unwrap_or(PluralCategory::Other)
    }

    /// The ways of counting that occur for 1 to 99 people.
    pub(super) fn categories(&self) -> impl Iterator<Item = PluralCategory> + '_ {
        PluralCategory::all().filter(|category| {
            self.counted
                .iter()
                .skip(1)
                .any(|counted| counted == category)
        })
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
