//! Reads how times are said from a file of words.

use std::collections::BTreeMap;

use super::{HourList, Joint, MINUTES_OF_DAY, Saying, TimeForm, TimePiece};
use crate::speech::numerals::Spellout;
use crate::speech::phrase;
use crate::speech::phrase::Part;
use crate::speech::problem::Wrong;

pub(super) fn words_of(hours: &HourList, numbers: Spellout<'_>) -> Result<Box<[Box<str>]>, Wrong> {
    match hours {
        HourList::List(words) if matches!(words.len(), 12 | 24) => {
            Ok(words.iter().map(|word| word.as_str().into()).collect())
        }
        HourList::Rule {
            clock: clock @ (12 | 24),
            rule,
        } => {
            let clock = usize::from(*clock);
            // A clock of twelve hours begins with twelve.
            let hour = |hour| if clock == 12 && hour == 0 { 12 } else { hour };
            let word = |at| numbers.number(hour(at), rule.as_deref()).map(Into::into);
            (0..clock).map(word).collect()
        }
        HourList::List(_) | HourList::Rule { .. } => Err(Wrong::Hours),
    }
}

/// Each hour's part of the day: the one whose beginning came last.
pub(super) fn parts(table: &BTreeMap<String, String>, wrong: &mut Vec<Wrong>) -> Box<[Box<str>]> {
    by_hour(table).unwrap_or_else(|error| {
        wrong.push(error);
        Box::default()
    })
}

/// A word for each of 24 hours, from a table that names the hour at which each word begins.
///
/// # Errors
/// A key that is no hour.
pub(in crate::speech) fn by_hour(
    table: &BTreeMap<String, String>,
) -> Result<Box<[Box<str>]>, Wrong> {
    let begin = |(hour, word): (&String, &String)| match hour.parse::<usize>() {
        Ok(hour @ 0..24) => Ok((hour, Box::from(word.as_str()))),
        _ => Err(Wrong::TimeKey(hour.clone())),
    };
    let mut begins: Vec<(usize, Box<str>)> = table.iter().map(begin).collect::<Result<_, _>>()?;
    begins.sort_unstable();
    let word_of = |hour: usize| {
        let begun = begins.iter().rev().find(|(begin, _)| *begin <= hour);
        begun.map_or_else(Box::default, |(_, word)| word.clone())
    };
    Ok((0..24).map(word_of).collect())
}

/// The sayings of one form, the narrowest first; together they say every minute of the day.
pub(super) fn prepared(
    table: &BTreeMap<String, String>,
    names: &[&str],
    wrong: &mut Vec<Wrong>,
) -> Box<[Saying]> {
    let mut sayings = Vec::new();
    for (key, text) in table {
        let (Some((first, last, each_hour)), bits) = (read_key(key), bits(key, text, names)) else {
            wrong.push(Wrong::TimeKey(key.clone()));
            continue;
        };
        match bits {
            Ok(bits) => sayings.push(Saying {
                first,
                last,
                each_hour,
                bits,
            }),
            Err(error) => wrong.push(error),
        }
    }
    // A moment of the day goes before a minute of each hour.
    sayings.sort_by_key(|saying| (saying.each_hour, saying.last - saying.first));
    let gap = (0..MINUTES_OF_DAY).find(|minute| !sayings.iter().any(|saying| saying.fits(*minute)));
    wrong.extend(gap.map(|gap| Wrong::TimeGap(format!("{}:{:02}", gap / 60, gap % 60))));
    sayings.into()
}

/// `15` and `31-59` are minutes past each hour, `"12:00"` and `"00:01-00:59"` moments of the day.
fn read_key(key: &str) -> Option<(u16, u16, bool)> {
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    let each_hour = !key.contains(':');
    let read = |text: &str| {
        if each_hour {
            return text.parse().ok().filter(|minute| *minute < 60);
        }
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let (first, last) = (read(first)?, read(last)?);
    (first <= last).then_some((first, last, each_hour))
}

pub(super) fn bits(key: &str, text: &str, names: &[&str]) -> Result<Box<[TimePiece]>, Wrong> {
    let list = |name: &str| names.iter().position(|known| *known == name);
    let bit = |part: Part<'_>| {
        let inside = match part {
            Part::Text(text) => return Ok(TimePiece::Text(text.into())),
            Part::Brace(inside) => inside,
        };
        let unknown = || Wrong::UnknownVariable(format!("time.{key}"), inside.to_owned());
        Ok(match inside {
            "minutes" => TimePiece::Minutes,
            "minutes_to" => TimePiece::MinutesTo,
            "part_of_day" => TimePiece::PartOfDay { next: false },
            "next_part_of_day" => TimePiece::PartOfDay { next: true },
            name => match (list(name), name.strip_prefix("next_").and_then(list)) {
                (Some(list), _) => TimePiece::Hour { list, next: false },
                (None, Some(list)) => TimePiece::Hour { list, next: true },
                (None, None) => return Err(unknown()),
            },
        })
    };
    phrase::split(text)?.into_iter().map(bit).collect()
}

pub(super) fn joints(text: &str) -> Result<Box<[Joint]>, Wrong> {
    let joint = |part: Part<'_>| {
        Ok(match part {
            Part::Text(text) => Joint::Text(text.into()),
            Part::Brace("said") => Joint::TimeForm(TimeForm::Words),
            Part::Brace("at") => Joint::TimeForm(TimeForm::At),
            Part::Brace("other") => Joint::TimeForm(TimeForm::Other),
            Part::Brace(other) => {
                return Err(Wrong::UnknownVariable(
                    "time.twice".to_owned(),
                    other.to_owned(),
                ));
            }
        })
    };
    phrase::split(text)?.into_iter().map(joint).collect()
}
