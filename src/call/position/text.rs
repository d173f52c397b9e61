//! The text of a talk position, as it stands in the path of a webhook URL.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;

use super::{PromptTiming, TalkPosition, TalkStage};
use crate::call::decision::Decision;
use crate::domain::{OfferedDay, OfferedTime};

/// The text is not a talk position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a talk position")]
pub struct BadTalkPosition;

/// `STEP-SILENCES-MISSES-BEGAN-STAGE-DECISION-ASKED-KEY-INFORMED-FACTS-QUESTION`, in characters
/// that no URL has to escape: `3-0-0-12-c-y-41800-1-i-n-n`.
impl fmt::Display for TalkPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}-{}-",
            self.step, self.silences, self.misses, self.began
        )?;
        match self.stage {
            TalkStage::Keys => f.write_str("k")?,
            TalkStage::Change => f.write_str("c")?,
            TalkStage::Time => f.write_str("t")?,
            TalkStage::TimeCheck(time) => write_time(time, f)?,
            TalkStage::OptOut => f.write_str("x")?,
            TalkStage::Called => f.write_str("b")?,
            TalkStage::Offer => f.write_str("r")?,
        }
        match self.decision {
            None => f.write_str("-o"),
            Some(Decision::Accepted) => f.write_str("-y"),
            Some(Decision::Declined) => f.write_str("-n"),
            Some(Decision::OtherTime(time)) => {
                f.write_str("-")?;
                write_time(time, f)
            }
            Some(Decision::OptedOut) => f.write_str("-x"),
            Some(Decision::Withdrawn) => f.write_str("-w"),
        }?;
        let PromptTiming {
            handed_out,
            after,
            informed,
            facts,
            question,
            late: _,
        } = self.prompt;
        let key = match after {
            None => 'o',
            Some('*') => 's',
            Some('#') => 'h',
            Some(key) => key,
        };
        write!(
            f,
            "-{handed_out}-{key}-{}",
            if informed { 'i' } else { 'u' }
        )?;
        for span in [facts, question] {
            match span {
                None => f.write_str("-n")?,
                Some(span) => write!(f, "-{span}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for TalkPosition {
    type Err = BadTalkPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(BadTalkPosition);
        let (step, silences) = (number(next()?)?, number(next()?)?);
        let (misses, began) = (
            number(next()?)?,
            next()?.parse().map_err(|_| BadTalkPosition)?,
        );
        let stage = match next()? {
            "k" => TalkStage::Keys,
            "c" => TalkStage::Change,
            "t" => TalkStage::Time,
            "x" => TalkStage::OptOut,
            "b" => TalkStage::Called,
            "r" => TalkStage::Offer,
            time => TalkStage::TimeCheck(parse_time(time)?),
        };
        let decision = match next()? {
            "o" => None,
            "y" => Some(Decision::Accepted),
            "n" => Some(Decision::Declined),
            "x" => Some(Decision::OptedOut),
            "w" => Some(Decision::Withdrawn),
            time => Some(Decision::OtherTime(parse_time(time)?)),
        };
        // An earlier version issued positions without a prompt. It is not known then what was
        // heard.
        let prompt = match parts.next() {
            None => PromptTiming::BEFORE,
            Some(handed_out) => prompt(handed_out, &mut parts)?,
        };
        if parts.next().is_some() {
            return Err(BadTalkPosition);
        }
        Ok(Self {
            step,
            silences,
            misses,
            began,
            stage,
            decision,
            prompt,
        })
    }
}

fn prompt<'a>(
    handed_out: &str,
    parts: &mut impl Iterator<Item = &'a str>,
) -> Result<PromptTiming, BadTalkPosition> {
    let mut next = || parts.next().ok_or(BadTalkPosition);
    let span = |text: &str| match text {
        "n" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| BadTalkPosition),
    };
    Ok(PromptTiming {
        handed_out: handed_out.parse().map_err(|_| BadTalkPosition)?,
        after: match next()? {
            "o" => None,
            "s" => Some('*'),
            "h" => Some('#'),
            key => Some(
                key.parse()
                    .ok()
                    .filter(char::is_ascii_digit)
                    .ok_or(BadTalkPosition)?,
            ),
        },
        informed: match next()? {
            "i" => true,
            "u" => false,
            _ => return Err(BadTalkPosition),
        },
        facts: span(next()?)?,
        question: span(next()?)?,
        late: false,
    })
}

fn number(text: &str) -> Result<u8, BadTalkPosition> {
    text.parse().map_err(|_| BadTalkPosition)
}

/// `t2015`, with `a` or `b` on the day after or before the table's.
fn write_time(offered: OfferedTime, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let OfferedTime { time, day } = offered;
    write!(f, "t{:02}{:02}", time.hour(), time.minute())?;
    match day {
        OfferedDay::Same => Ok(()),
        OfferedDay::Before => f.write_str("b"),
        OfferedDay::After => f.write_str("a"),
    }
}

fn parse_time(text: &str) -> Result<OfferedTime, BadTalkPosition> {
    let text = text.strip_prefix('t').ok_or(BadTalkPosition)?;
    let (digits, day) = match text.as_bytes().last() {
        Some(b'a') => (text.strip_suffix('a'), OfferedDay::After),
        Some(b'b') => (text.strip_suffix('b'), OfferedDay::Before),
        _ => (Some(text), OfferedDay::Same),
    };
    let digits = digits
        .filter(|digits| digits.len() == 4 && digits.is_ascii())
        .ok_or(BadTalkPosition)?;
    let (hour, minute) = digits.split_at(2);
    let (hour, minute) = (
        hour.parse().map_err(|_| BadTalkPosition)?,
        minute.parse().map_err(|_| BadTalkPosition)?,
    );
    let time = Time::new(hour, minute, 0, 0).map_err(|_| BadTalkPosition)?;
    Ok(OfferedTime { time, day })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = OfferedTime> {
        let days = prop::sample::select(&OfferedDay::ALL);
        (0..24_i8, 0..60_i8, days).prop_map(|(hour, minute, day)| {
            let time = Time::new(hour, minute, 0, 0).unwrap();
            OfferedTime { time, day }
        })
    }

    fn decisions() -> impl Strategy<Value = Decision> {
        prop_oneof![
            Just(Decision::Accepted),
            Just(Decision::Declined),
            Just(Decision::OptedOut),
            Just(Decision::Withdrawn),
            times().prop_map(Decision::OtherTime)
        ]
    }

    fn places() -> impl Strategy<Value = TalkStage> {
        let fixed = prop_oneof![
            Just(TalkStage::Keys),
            Just(TalkStage::Change),
            Just(TalkStage::Time),
            Just(TalkStage::OptOut),
            Just(TalkStage::Called),
            Just(TalkStage::Offer)
        ];
        prop_oneof![fixed, times().prop_map(TalkStage::TimeCheck)]
    }

    fn prompts() -> impl Strategy<Value = PromptTiming> {
        let keys = prop::sample::select("0123456789*#".chars().collect::<Vec<_>>());
        let parts = (
            any::<u32>(),
            proptest::option::of(keys),
            any::<bool>(),
            any::<Option<u32>>(),
            any::<Option<u32>>(),
        );
        parts.prop_map(
            |(handed_out, after, informed, facts, question)| PromptTiming {
                handed_out,
                after,
                informed,
                facts,
                question,
                late: false,
            },
        )
    }

    #[test]
    fn a_turn_of_an_earlier_version_is_read_as_one_in_which_nothing_was_heard() {
        assert_eq!("1-0-0-7-k-o".parse(), Ok(TalkPosition::first(7)));
    }

    proptest! {
        #[test]
        fn turns_read_back(
            step: u8, silences: u8, misses: u8, began: u16, stage in places(), decision in proptest::option::of(decisions()), prompt in prompts()
        ) {
            let position = TalkPosition { step, silences, misses, began, stage, decision, prompt };
            let text = position.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            prop_assert_eq!(text.parse(), Ok(position));
        }

        #[test]
        fn any_text_is_a_turn_or_an_error(text in ".{0,40}") {
            if let Ok(position) = text.parse::<TalkPosition>() {
                prop_assert_eq!(position.to_string().parse(), Ok(position));
            }
        }
    }
}
