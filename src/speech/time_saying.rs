//! A time of day in words, as people say it: "a quarter past eight in the evening".
//!
//! CLDR knows how a time is written, not how people say it; the sayings are in the language files.
//! A language has a time in up to four forms ([`TimeForm`]), and one way of saying two of them.

mod read;

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde::Deserialize;

use super::memo::Memo;
use super::numerals::Spellout;
use super::problem::Wrong;
use super::spoken::Out;
use read::{joints, parts, prepared, words_of};

pub(super) use read::by_hour;

/// The form a time takes in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TimeForm {
    /// By itself: "las ocho y cuarto de la tarde".
    Words,
    /// With the preposition of a moment, where it changes with the hour: "alle otto e un quarto".
    At,
    /// At the end of a range: "od osiemnastej do dwudziestej pierwszej".
    Between,
    /// In another way: "eight fifteen PM".
    Other,
}

const FORMS: usize = 4;
const MINUTES_OF_DAY: u16 = 24 * 60;

/// `[time]` of a language file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sayings {
    /// The rule by which `{minutes}` and `{minutes_to}` are spelled; digits without one.
    numbers: Option<String>,
    /// The hours in all forms the language needs, by the name they have in braces.
    hours: BTreeMap<String, HourList>,
    part_of_day: BTreeMap<String, String>,
    said: BTreeMap<String, String>,
    at: Option<BTreeMap<String, String>>,
    between: Option<BTreeMap<String, String>>,
    other: Option<BTreeMap<String, String>>,
    /// Joined form of two sayings: `{other}: {said}`.
    twice: Option<String>,
}

/// A list of hours: words, or a rule of CLDR (digits without one) on a clock of 12 or 24 hours.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum HourList {
    List(Vec<String>),
    Rule { clock: u8, rule: Option<String> },
}

/// The sayings of a language, prepared.
#[derive(Debug)]
pub(super) struct TimeSaying {
    /// Each with 12 or 24 words.
    hours: Box<[Box<[Box<str>]>]>,
    /// 24 words.
    parts: Box<[Box<str>]>,
    /// 60 words.
    minutes: Box<[Box<str>]>,
    forms: [Option<Box<[Saying]>>; FORMS],
    /// The pieces between two forms, in order.
    twice: Box<[Joint]>,
    /// Sayings so far, by the form (`None`: in two) and the minute of the day.
    said: Memo<(Option<TimeForm>, u16)>,
}

/// The phrase from the minute `first` to the minute `last` of the day, or of each hour.
#[derive(Debug)]
struct Saying {
    first: u16,
    last: u16,
    each_hour: bool,
    bits: Box<[TimePiece]>,
}

#[derive(Clone, Debug)]
enum TimePiece {
    Text(Box<str>),
    /// The hour, or the next, from a list of [`TimeSaying::hours`].
    Hour {
        list: usize,
        next: bool,
    },
    Minutes,
    MinutesTo,
    PartOfDay {
        next: bool,
    },
}

#[derive(Clone, Debug)]
enum Joint {
    Text(Box<str>),
    TimeForm(TimeForm),
}

impl TimeSaying {
    /// Reads the sayings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn new(sayings: &Sayings, numbers: Spellout<'_>) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let names: Vec<&str> = sayings.hours.keys().map(String::as_str).collect();
        let hours = sayings.hours.values().map(|hours| words_of(hours, numbers));
        let hours = hours.filter_map(|words| words.map_err(|error| wrong.push(error)).ok());
        let hours: Box<[_]> = hours.collect();
        let spell = |minute: usize| numbers.number(minute, sayings.numbers.as_deref());
        let minutes: Result<Box<[Box<str>]>, Wrong> = (0..60)
            .map(|minute| spell(minute).map(Into::into))
            .collect();
        let minutes = minutes.unwrap_or_else(|error| {
            wrong.push(error);
            Box::default()
        });
        let parts = parts(&sayings.part_of_day, &mut wrong);
        let tables = [
            Some(&sayings.said),
            sayings.at.as_ref(),
            sayings.between.as_ref(),
            sayings.other.as_ref(),
        ];
        let forms = tables.map(|table| table.map(|table| prepared(table, &names, &mut wrong)));
        let twice = joints(sayings.twice.as_deref().unwrap_or("{said}"))
            .map_err(|error| wrong.push(error))
            .unwrap_or_default();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            hours,
            parts,
            minutes,
            forms,
            twice,
            said: Memo::default(),
        })
    }

    /// Says the time in a form; a form that the language does not have is said by itself.
    pub(super) fn write(&self, form: TimeForm, time: Time, out: &mut Out) {
        let say = |said: &mut Out| self.say(form, minute_of_day(time), said);
        self.remember((Some(form), minute_of_day(time)), say, out);
    }

    /// Says the time in two forms, or in one where the other form of this time is empty.
    pub(super) fn write_twice(&self, time: Time, out: &mut Out) {
        let say = |said: &mut Out| self.say_twice(minute_of_day(time), said);
        self.remember((None, minute_of_day(time)), say, out);
    }

    /// Most tables are on the quarters of a few hours, and each document says its time three times.
    fn remember(&self, key: (Option<TimeForm>, u16), say: impl FnOnce(&mut Out), out: &mut Out) {
        let make = || {
            let mut said = Out::transcript();
            say(&mut said);
            said.text
        };
        self.said.write(key, make, |text| out.exactly(text));
    }

    fn say(&self, form: TimeForm, minute_of_day: u16, out: &mut Out) {
        let own = self.forms.get(form as usize).and_then(Option::as_ref);
        let said = own.or_else(|| self.forms.first().and_then(Option::as_ref));
        let saying = said
            .into_iter()
            .flatten()
            .find(|saying| saying.fits(minute_of_day));
        let (hour, minute) = (
            usize::from(minute_of_day / 60),
            usize::from(minute_of_day % 60),
        );
        for bit in saying.into_iter().flat_map(|saying| &saying.bits) {
            match bit {
                TimePiece::Text(text) => out.exactly(text),
                TimePiece::Hour { list, next } => {
                    let words = self.hours.get(*list).map_or(&[][..], |words| words);
                    out.exactly(pick(words, hour + usize::from(*next)));
                }
                TimePiece::Minutes => out.exactly(pick(&self.minutes, minute)),
                TimePiece::MinutesTo => out.exactly(pick(&self.minutes, 60 - minute)),
                TimePiece::PartOfDay { next } => {
                    part_of_day(pick(&self.parts, hour + usize::from(*next)), out);
                }
            }
        }
    }

    fn say_twice(&self, minute_of_day: u16, out: &mut Out) {
        let mut other = Out::transcript();
        if self
            .forms
            .get(TimeForm::Other as usize)
            .is_some_and(Option::is_some)
        {
            self.say(TimeForm::Other, minute_of_day, &mut other);
        }
        let said = self.twice.iter().find_map(|joint| match joint {
            Joint::TimeForm(form) if *form != TimeForm::Other => Some(*form),
            Joint::TimeForm(_) | Joint::Text(_) => None,
        });
        let said = said.unwrap_or(TimeForm::Words);
        let mut first = Out::transcript();
        self.say(said, minute_of_day, &mut first);
        // "huit heures cinq du matin" is no other way of saying "huit heures cinq".
        if first.text.starts_with(&other.text) {
            return self.say(said, minute_of_day, out);
        }
        if other.text.starts_with(&first.text) {
            return self.say(TimeForm::Other, minute_of_day, out);
        }
        for joint in &self.twice {
            match joint {
                Joint::Text(text) => out.exactly(text),
                Joint::TimeForm(form) => self.say(*form, minute_of_day, out),
            }
        }
    }
}

impl Saying {
    const fn fits(&self, minute_of_day: u16) -> bool {
        let minute = if self.each_hour {
            minute_of_day % 60
        } else {
            minute_of_day
        };
        self.first <= minute && minute <= self.last
    }
}

fn minute_of_day(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

/// Some hours, such as midnight, need no part of the day, and no space before it.
fn part_of_day(words: &str, out: &mut Out) {
    if words.is_empty() && out.text.ends_with(' ') {
        let _space = out.text.pop();
    }
    out.exactly(words);
}

fn pick(words: &[Box<str>], at: usize) -> &str {
    at.checked_rem(words.len())
        .and_then(|at| words.get(at))
        .map_or("", |word| word)
}

#[cfg(test)]
mod tests {
    use super::super::numerals::Numerals;
    use super::*;

    const ENGLISH: &str = r#"
        numbers = "cardinal"
        hours = { hour = { clock = 12, rule = "cardinal" } }
        part_of_day = { 0 = "at night", 5 = "in the morning", 17 = "in the evening" }
        said = { "12:00" = "noon", "00:01-00:59" = "{minutes} past midnight", 15 = "a quarter past {hour}", 0-30 = "{minutes} past {hour} {part_of_day}", 31-59 = "{minutes_to} to {next_hour}" }
        other = { "12:00" = "", "09:00" = "{minutes} past nine {part_of_day} sharp", 0-59 = "{hour} {minutes}" }
        twice = "{other}: {said}"
    "#;

    fn new(text: &str) -> (Option<TimeSaying>, Vec<Wrong>) {
        let sayings: Sayings = toml::from_str(text).unwrap();
        let numerals = Numerals::load().unwrap();
        match TimeSaying::new(&sayings, numerals.of("en-US", "en-US")) {
            Ok(saying) => (Some(saying), Vec::new()),
            Err(wrong) => (None, wrong),
        }
    }

    fn said(hour: i8, minute: i8) -> (String, String) {
        let sayings = new(ENGLISH).0.unwrap();
        let (mut once, mut twice) = (Out::transcript(), Out::transcript());
        let time = Time::new(hour, minute, 0, 0).unwrap();
        sayings.write(TimeForm::At, time, &mut once);
        sayings.write_twice(time, &mut twice);
        (once.text, twice.text)
    }

    #[test]
    fn a_time_is_said_as_people_say_it() {
        assert_eq!(said(20, 15).0, "a quarter past eight");
        assert_eq!(said(20, 5).0, "five past eight in the evening");
        assert_eq!(said(23, 50).0, "ten to twelve");
        assert_eq!(said(0, 20).0, "twenty past midnight");
        assert_eq!(
            said(0, 15).0,
            "fifteen past midnight",
            "the moment goes first"
        );
        assert_eq!(said(20, 15).1, "eight fifteen: a quarter past eight");
        assert_eq!(said(12, 0), ("noon".to_owned(), "noon".to_owned()));
        assert_eq!(said(9, 0).0, "zero past nine in the morning");
        assert_eq!(
            said(9, 0).1,
            "zero past nine in the morning sharp",
            "one way is the beginning of the other"
        );
    }

    /// A remembered saying is put behind any text, so no time may begin with a part of the day that
    /// takes the space before it away.
    #[test]
    fn no_language_begins_a_time_with_an_empty_part_of_the_day() {
        let speech = crate::speech::Speech::open(crate::speech::InputMode::Keys).unwrap();
        for language in speech.languages() {
            let saying = &speech.language_pack(language).time;
            for minute in 0..MINUTES_OF_DAY {
                let mut said = Out::transcript();
                said.text.push(' ');
                saying.say_twice(minute, &mut said);
                for form in [
                    TimeForm::Words,
                    TimeForm::At,
                    TimeForm::Between,
                    TimeForm::Other,
                ] {
                    said.text.push_str("| ");
                    saying.say(form, minute, &mut said);
                }
                assert_eq!(
                    said.text.matches("| ").count(),
                    4,
                    "{language} {minute} {}",
                    said.text
                );
                assert!(
                    said.text.starts_with(' '),
                    "{language} {minute} {}",
                    said.text
                );
            }
        }
    }

    #[test]
    fn gaps_and_unknown_words_are_reported() {
        let wrong = new(
            "hours = { hour = [] }\npart_of_day = { 24 = \"\" }\nsaid = { 1-59 = \"{our}\", x = \"\", 0-58 = \"\" }",
        );
        assert_eq!(
            wrong.1,
            [
                Wrong::Hours,
                Wrong::TimeKey("24".into()),
                Wrong::UnknownVariable("time.1-59".into(), "our".into()),
                Wrong::TimeKey("x".into()),
                Wrong::TimeGap("0:59".into()),
            ]
        );
    }
}
