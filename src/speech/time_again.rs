//! A time of day said in a second way, so that 8:15 is not taken for 8:50.
//!
//! CLDR knows how a time is written, not how people say it; the sayings are in the language files.

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde::Deserialize;

use super::phrase::{self, Part};
use super::problem::Wrong;
use super::spoken::Out;

/// As it stands in a language file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sayings {
    hours: Vec<String>,
    /// The hours in another form, for languages that inflect them.
    #[serde(default)]
    second_hours: Vec<String>,
    part_of_day: BTreeMap<String, String>,
    minutes: BTreeMap<String, String>,
}

/// Prepared.
#[derive(Debug)]
pub(super) struct TimeAgain {
    /// 12 or 24 words.
    hours: Box<[Box<str>]>,
    /// 12 or 24 words, or none.
    second_hours: Box<[Box<str>]>,
    /// 24 words.
    parts: Box<[Box<str>]>,
    /// Moments with a name of their own, in minutes since midnight.
    moments: Box<[(u16, Saying)]>,
    /// 60 sayings.
    minutes: Box<[Saying]>,
}

type Saying = Box<[Bit]>;

#[derive(Clone, Debug)]
enum Bit {
    Text(Box<str>),
    Hour,
    NextHour,
    SecondHour,
    SecondNextHour,
    Minutes,
    MinutesTo,
    PartOfDay,
    NextPartOfDay,
}

impl TimeAgain {
    /// Reads the sayings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn new(sayings: &Sayings) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        if !matches!(sayings.hours.len(), 12 | 24)
            || !matches!(sayings.second_hours.len(), 0 | 12 | 24)
        {
            wrong.push(Wrong::Hours);
        }
        let parts = parts(&sayings.part_of_day, &mut wrong);
        let (mut moments, mut minutes) = (Vec::new(), vec![None; 60]);
        let mut ranges: Vec<(usize, usize, Saying)> = Vec::new();
        for (key, text) in &sayings.minutes {
            let saying = match saying(key, text) {
                Ok(saying) => saying,
                Err(error) => {
                    wrong.push(error);
                    continue;
                }
            };
            match Key::read(key) {
                Some(Key::Moment(at)) => moments.push((at, saying)),
                Some(Key::Minutes(first, last)) => ranges.push((first, last, saying)),
                None => wrong.push(Wrong::TimeKey(key.clone())),
            }
        }
        // The widest first, so that a single minute overrules the range it lies in.
        ranges.sort_by_key(|(first, last, _)| std::cmp::Reverse(last - first));
        for (first, last, saying) in ranges {
            minutes
                .iter_mut()
                .take(last + 1)
                .skip(first)
                .for_each(|minute| *minute = Some(saying.clone()));
        }
        let gap = |(minute, saying): (usize, Option<Saying>)| {
            saying.ok_or_else(|| Wrong::TimeGap(format!("a time {minute} minutes past the hour")))
        };
        let minutes: Result<Box<[Saying]>, Wrong> =
            minutes.into_iter().enumerate().map(gap).collect();
        let minutes = minutes.unwrap_or_else(|error| {
            wrong.push(error);
            Box::default()
        });
        let words = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
        let (hours, second_hours) = (words(&sayings.hours), words(&sayings.second_hours));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            hours,
            second_hours,
            parts,
            moments: moments.into(),
            minutes,
        })
    }

    /// Says the time.
    pub(super) fn write(&self, time: Time, out: &mut Out) {
        let (hour, minute) = (
            usize::from(time.hour().unsigned_abs()),
            usize::from(time.minute().unsigned_abs()),
        );
        let named = self
            .moments
            .iter()
            .find(|(at, _)| usize::from(*at) == hour * 60 + minute);
        let Some(saying) = named
            .map(|(_, saying)| saying)
            .or_else(|| self.minutes.get(minute))
        else {
            return;
        };
        for bit in saying {
            match bit {
                Bit::Text(text) => out.exactly(text),
                Bit::Hour => out.exactly(pick(&self.hours, hour)),
                Bit::NextHour => out.exactly(pick(&self.hours, hour + 1)),
                Bit::SecondHour => out.exactly(pick(&self.second_hours, hour)),
                Bit::SecondNextHour => out.exactly(pick(&self.second_hours, hour + 1)),
                Bit::Minutes => out.exactly(&minute.to_string()),
                Bit::MinutesTo => out.exactly(&(60 - minute).to_string()),
                Bit::PartOfDay => part_of_day(pick(&self.parts, hour), out),
                Bit::NextPartOfDay => part_of_day(pick(&self.parts, hour + 1), out),
            }
        }
    }
}

/// Some hours, such as midnight, need no part of the day, and no space before it.
fn part_of_day(words: &str, out: &mut Out) {
    if words.is_empty() && out.text.ends_with(' ') {
        let _space = out.text.pop();
    }
    out.exactly(words);
}

fn pick(words: &[Box<str>], hour: usize) -> &str {
    hour.checked_rem(words.len())
        .and_then(|hour| words.get(hour))
        .map_or("", |word| word)
}

/// Each hour's part of the day: the one whose beginning came last.
fn parts(table: &BTreeMap<String, String>, wrong: &mut Vec<Wrong>) -> Box<[Box<str>]> {
    let mut parts = vec![Box::from(""); 24];
    let mut begins: Vec<(usize, &String)> = Vec::new();
    for (hour, words) in table {
        match hour.parse() {
            Ok(hour @ 0..24) => begins.push((hour, words)),
            _ => wrong.push(Wrong::TimeKey(hour.clone())),
        }
    }
    begins.sort_unstable();
    for (hour, words) in begins {
        parts
            .iter_mut()
            .skip(hour)
            .for_each(|part| *part = words.as_str().into());
    }
    parts.into()
}

/// What a saying is for.
enum Key {
    /// `"12:00"`: one moment of the day.
    Moment(u16),
    /// `15` or `31-59`: minutes past the hour.
    Minutes(usize, usize),
}

impl Key {
    fn read(key: &str) -> Option<Self> {
        if let Some((hour, minute)) = key.split_once(':') {
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            return (hour < 24 && minute < 60).then_some(Self::Moment(hour * 60 + minute));
        }
        let (first, last) = key.split_once('-').unwrap_or((key, key));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < 60).then_some(Self::Minutes(first, last))
    }
}

fn saying(key: &str, text: &str) -> Result<Saying, Wrong> {
    let bit = |part: Part<'_>| {
        Ok(match part {
            Part::Text(text) => Bit::Text(text.into()),
            Part::Brace("hour") => Bit::Hour,
            Part::Brace("next_hour") => Bit::NextHour,
            Part::Brace("second_hour") => Bit::SecondHour,
            Part::Brace("second_next_hour") => Bit::SecondNextHour,
            Part::Brace("minutes") => Bit::Minutes,
            Part::Brace("minutes_to") => Bit::MinutesTo,
            Part::Brace("part_of_day") => Bit::PartOfDay,
            Part::Brace("next_part_of_day") => Bit::NextPartOfDay,
            Part::Brace(other) => {
                return Err(Wrong::UnknownVariable(
                    format!("time_again.minutes.{key}"),
                    other.to_owned(),
                ));
            }
        })
    };
    phrase::split(text)?.into_iter().map(bit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = r#"
        hours = ["twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
        part_of_day = { 0 = "at night", 5 = "in the morning", 17 = "in the evening" }
        minutes = { "12:00" = "noon", 15 = "a quarter past {hour}", 0-30 = "{minutes} past {hour} {part_of_day}", 31-59 = "{minutes_to} to {next_hour}" }
    "#;

    fn sayings(text: &str) -> Sayings {
        toml::from_str(text).unwrap()
    }

    fn said(hour: i8, minute: i8) -> String {
        let mut out = Out::transcript();
        TimeAgain::new(&sayings(ENGLISH))
            .unwrap()
            .write(Time::new(hour, minute, 0, 0).unwrap(), &mut out);
        out.text
    }

    #[test]
    fn a_time_is_said_as_people_say_it() {
        assert_eq!(said(20, 15), "a quarter past eight");
        assert_eq!(said(20, 5), "5 past eight in the evening");
        assert_eq!(said(23, 50), "10 to twelve");
        assert_eq!(said(0, 20), "20 past twelve at night");
        assert_eq!(said(12, 0), "noon");
    }

    #[test]
    fn gaps_and_unknown_words_are_told() {
        assert_eq!(
            TimeAgain::new(&sayings(
                "hours = []\npart_of_day = { 24 = \"\" }\nminutes = { 1-59 = \"{our}\", x = \"\" }"
            ))
            .unwrap_err(),
            [
                Wrong::Hours,
                Wrong::TimeKey("24".into()),
                Wrong::UnknownVariable("time_again.minutes.1-59".into(), "our".into()),
                Wrong::TimeKey("x".into()),
                Wrong::TimeGap("a time 0 minutes past the hour".into()),
            ]
        );
    }
}
