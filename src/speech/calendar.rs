//! Days and plurals as CLDR has them, prepared once per language.

use std::fmt;

use icu_datetime::fieldsets::MDE;
use icu_datetime::preferences::CalendarAlgorithm;
use icu_datetime::{DateTimeFormatter, DateTimeFormatterPreferences, input, parts};
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff_icu::ConvertFrom as _;
use serde::Deserialize;
use writeable::{Part as Field, PartsWrite, Writeable as _};

use super::memo::Memo;
use super::numerals::Spellout;
use super::phrase::{self, Part};
use super::problem::Wrong;
use super::spoken::{Out, of_cldr};

/// The most people a table is for.
const MOST: usize = 99;

/// `[day]` of a language file: what CLDR does not know of how a day is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaySayings {
    /// The order of `{weekday}`, `{number}` and `{month}`; CLDR's without it.
    said: Option<String>,
    /// The rule by which `{number}` is spelled; digits without one.
    number: Option<String>,
    /// The first of a month, where it is not spelled by that rule.
    first: Option<Box<str>>,
    /// A day whose table is in the night that began the day before: with `{day}`, `{weekday}` and
    /// `{weekday_before}`.
    after_midnight: AfterMidnight,
    /// A day that another of the same date comes before: with `{day}` and `{year}`.
    with_year: String,
}

/// One saying for all nights, or seven for a language that inflects its days, Monday's first.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AfterMidnight {
    One(String),
    Seven([String; 7]),
}

/// One language's calendar.
#[derive(Debug)]
pub(super) struct SpokenCalendar {
    format: DateTimeFormatter<MDE>,
    said: Option<Box<[DatePiece]>>,
    /// Words for 0 to 31.
    numbers: Box<[Box<str>]>,
    /// One for each day of the week, Monday first.
    after_midnight: Box<[Box<[DatePiece]>]>,
    with_year: Box<[DatePiece]>,
    days: Memo<SaidDay>,
    /// The categories for 0 to 99.
    counted: Box<[PluralCategory]>,
}

/// A day as it is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SaidDay {
    pub(super) date: Date,
    /// The table is in the night that began the day before, which is said.
    pub(super) after_midnight: bool,
    /// The year is said.
    pub(super) with_year: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DatePiece {
    Text(Box<str>),
    Day,
    Year,
    Number,
    Month,
    Weekday,
    WeekdayBefore,
}

impl SpokenCalendar {
    /// Reads CLDR's data for a locale, and what the language file adds.
    ///
    /// # Errors
    /// Names the data that is not there, or what is wrong with the file.
    pub(super) fn new(
        locale: &str,
        sayings: &DaySayings,
        spellout: Spellout<'_>,
    ) -> Result<Self, Wrong> {
        let missing = |what: &'static str| move || Wrong::NoData(what, locale.to_owned());
        let parsed: Locale = locale.parse().map_err(|_| missing("language")())?;
        let mut wishes: DateTimeFormatterPreferences = (&parsed).into();
        wishes.calendar_algorithm = Some(CalendarAlgorithm::Gregory);
        let format =
            DateTimeFormatter::try_new(wishes, MDE::long()).map_err(|_| missing("days")())?;
        let rules =
            PluralRules::try_new_cardinal((&parsed).into()).map_err(|_| missing("plurals")())?;
        let counted = (0..=MOST).map(|count| rules.category_for(count)).collect();
        let said = sayings
            .said
            .as_deref()
            .map(|text| bits("day.said", text))
            .transpose()?;
        let number = |number| match (number, &sayings.first) {
            (1, Some(first)) => Ok(first.clone()),
            _ => spellout
                .number(number, sayings.number.as_deref())
                .map(Into::into),
        };
        let numbers = (0..=31).map(number).collect::<Result<_, _>>()?;
        let night = |text: &String| bits("day.after_midnight", text);
        let after_midnight = match &sayings.after_midnight {
            AfterMidnight::One(text) => vec![night(text)?; 7].into(),
            AfterMidnight::Seven(texts) => texts.iter().map(night).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            format,
            said,
            numbers,
            after_midnight,
            with_year: bits("day.with_year", &sayings.with_year)?,
            days: Memo::default(),
            counted,
        })
    }

    /// The day of the week, the day and the month.
    pub(super) fn write_day(&self, day: SaidDay, out: &mut Out) {
        self.days
            .write(day, || self.day(day), |text| out.exactly(text));
    }

    fn day(&self, day: SaidDay) -> String {
        let date = day.date;
        let fields = self.fields(date);
        let plain = match &self.said {
            Some(said) => self.filled(said, &fields, "", date),
            None => of_cldr(&fields.whole),
        };
        let with_year = |text: String| {
            if day.with_year {
                self.filled(&self.with_year, &fields, &text, date)
            } else {
                text
            }
        };
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        match self.after_midnight.get(weekday) {
            Some(night) if day.after_midnight && night.contains(&DatePiece::Day) => {
                self.filled(night, &fields, &with_year(plain), date)
            }
            Some(night) if day.after_midnight => with_year(self.filled(night, &fields, "", date)),
            _ => with_year(plain),
        }
    }

    fn filled(&self, said: &[DatePiece], fields: &DateParts, day: &str, date: Date) -> String {
        let mut text = String::new();
        for bit in said {
            match bit {
                DatePiece::Text(part) => text.push_str(part),
                DatePiece::Day => text.push_str(day),
                DatePiece::Year => text.push_str(&date.year().to_string()),
                DatePiece::Number => {
                    let number = usize::from(date.day().unsigned_abs());
                    text.push_str(self.numbers.get(number).map_or("", |word| word));
                }
                DatePiece::Month => text.push_str(&of_cldr(&fields.month)),
                DatePiece::Weekday => text.push_str(&of_cldr(&fields.weekday)),
                DatePiece::WeekdayBefore => {
                    let before = date.checked_sub(1.day()).unwrap_or(date);
                    text.push_str(&of_cldr(&self.fields(before).weekday));
                }
            }
        }
        text
    }

    fn fields(&self, date: Date) -> DateParts {
        let mut fields = DateParts::default();
        let formatted = self.format.format(&input::Date::convert_from(date));
        // A sink of text does not fail.
        let _written = formatted.write_to_parts(&mut fields);
        fields
    }

    /// Plural category of a number of people.
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

fn bits(place: &str, text: &str) -> Result<Box<[DatePiece]>, Wrong> {
    let bit = |part: Part<'_>| {
        Ok(match part {
            Part::Text(text) => DatePiece::Text(text.into()),
            Part::Brace("day") => DatePiece::Day,
            Part::Brace("year") => DatePiece::Year,
            Part::Brace("number") => DatePiece::Number,
            Part::Brace("month") => DatePiece::Month,
            Part::Brace("weekday") => DatePiece::Weekday,
            Part::Brace("weekday_before") => DatePiece::WeekdayBefore,
            Part::Brace(other) => {
                return Err(Wrong::UnknownVariable(place.to_owned(), other.to_owned()));
            }
        })
    };
    phrase::split(text)?.into_iter().map(bit).collect()
}

/// Collects a formatted day, and its fields by themselves, in the form that they have in a date
/// ("stycznia", not "styczeń").
#[derive(Debug, Default)]
struct DateParts {
    whole: String,
    month: String,
    weekday: String,
    open: Option<Field>,
}

impl fmt::Write for DateParts {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.whole.write_str(text)?;
        match self.open {
            Some(field) if field == parts::MONTH => self.month.write_str(text),
            Some(field) if field == parts::WEEKDAY => self.weekday.write_str(text),
            Some(_) | None => Ok(()),
        }
    }
}

impl PartsWrite for DateParts {
    type SubPartsWrite = Self;

    fn with_part(
        &mut self,
        part: Field,
        mut write: impl FnMut(&mut Self::SubPartsWrite) -> fmt::Result,
    ) -> fmt::Result {
        // A number in a field has parts of its own.
        let outer = self.open;
        self.open = outer.or(Some(part));
        let written = write(self);
        self.open = outer;
        written
    }
}
