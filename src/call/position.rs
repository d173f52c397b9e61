//! The position of a document in the conversation.
//!
//! A talk position is readable in the path of the URL, before the ticket. It contains nothing about
//! anybody. Twilio's signature covers the whole URL, so a position that arrives is one that was
//! issued.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::talk::Reply;

/// Everything that the conversation has to remember, and what the next key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkPosition {
    /// The signed step: number of replies before this one. The highest step with a decision
    /// decides.
    pub step: u8,
    /// Rounds of silence so far.
    pub silences: u8,
    /// Number of inputs so far that were not a time.
    pub misses: u8,
    /// Seconds from the sealing of the ticket to pick-up.
    pub began: u16,
    /// What the keys mean here.
    pub stage: TalkStage,
    /// The decision so far.
    pub said: Option<Decision>,
    /// The document whose keys come here.
    pub prompt: PromptTiming,
}

/// When a document was handed out, and how much of it has to be heard before an answer to it
/// counts. All times are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTiming {
    /// From the sealing of the ticket until the document was handed out.
    pub asked: u32,
    /// The key that was answered with this document; `None`: it followed silence, words, or the
    /// pick-up.
    pub after: Option<char>,
    /// Day, time and party could be heard before this document.
    pub informed: bool,
    /// How long this document takes until they (or the time that it reads back) are said; `None`:
    /// it does not say them.
    pub facts: Option<u32>,
    /// How long this document takes until its question was put in full; `None`: words are no answer
    /// to it.
    pub question: Option<u32>,
    /// The key comes by way of the fallback URL, so it was pressed up to [`LATEST`] milliseconds
    /// before. Not written into URLs.
    pub late: bool,
}

/// How long Twilio tries to have a document by the overrides in our URLs (`service::links`): four
/// connections of two seconds each, or one answer of eight.
pub const LATEST: u32 = 8_000;

/// What the keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkStage {
    /// Keys 1, 2, 3, 9 and star.
    Keys,
    /// The other of keys 1 and 2 changes the decision.
    Change,
    /// Four digits of a time.
    Time,
    /// 1 confirms this time.
    TimeCheck(Time),
    /// 1 confirms never to be called again.
    OptOut,
    /// Keys 1 and 2, for a restaurant that calls back.
    Called,
    /// 1 asks to be called now.
    Offer,
}

/// What the staff decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Decision {
    /// Key 1.
    Accepted,
    /// Another time, inside or outside what the guest allowed.
    OtherTime(Time),
    /// Key 2.
    Declined,
    /// Key 9.
    OptedOut,
    /// What was decided before was taken back, so nothing is decided.
    Withdrawn,
}

impl Decision {
    /// The decision, unless it is that one was taken back.
    #[must_use]
    pub fn stands(self) -> Option<Self> {
        Some(self).filter(|decision| *decision != Self::Withdrawn)
    }
}

/// First step of inbound calls. A conversation of an outbound call has at most 12 steps.
pub(super) const CALLED_BACK: u8 = 128;

/// The text is not a talk position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a turn")]
pub struct BadTalkPosition;

impl TalkPosition {
    /// The position of the first message.
    #[must_use]
    pub const fn first(began: u16) -> Self {
        Self {
            step: 1,
            silences: 0,
            misses: 0,
            began,
            stage: TalkStage::Keys,
            said: None,
            prompt: PromptTiming::BEFORE,
        }
    }

    /// The first position of an inbound call. Its steps are above those of every outbound call, so
    /// an answer given by calling back is the final one.
    #[must_use]
    pub const fn called_back(stage: TalkStage) -> Self {
        Self {
            step: CALLED_BACK,
            silences: 0,
            misses: 0,
            began: 0,
            stage,
            said: None,
            prompt: PromptTiming::BEFORE,
        }
    }

    /// Whether it belongs to an inbound call.
    #[must_use]
    pub const fn is_called_back(self) -> bool {
        self.step >= CALLED_BACK
    }

    /// The position of keys that come to the fallback URL: nobody knows how long ago they were
    /// pressed.
    #[must_use]
    pub fn heard_late(self) -> Self {
        let prompt = PromptTiming {
            late: true,
            ..self.prompt
        };
        Self { prompt, ..self }
    }

    /// The position one reply later, at the same stage.
    #[must_use]
    pub const fn next(self) -> Self {
        Self {
            step: self.step.saturating_add(1),
            ..self
        }
    }
}

impl PromptTiming {
    /// Before anything was said.
    const BEFORE: Self = Self {
        asked: 0,
        after: None,
        informed: false,
        facts: None,
        question: None,
        late: false,
    };

    /// Whether day, time and party could be heard until `moment`.
    #[must_use]
    pub fn is_informed(self, moment: u32) -> bool {
        self.informed || self.has_said_facts(moment)
    }

    /// Whether the facts of this document could be heard until `moment`.
    pub(super) fn has_said_facts(self, moment: u32) -> bool {
        self.facts.is_some_and(|facts| self.heard(moment) >= facts)
    }

    /// Whether the question of this document was put in full until `moment`.
    pub(super) fn has_put_question(self, moment: u32) -> bool {
        self.question
            .is_some_and(|question| self.heard(moment) >= question)
    }

    /// How much of the document could certainly be heard until `moment`.
    pub(super) const fn heard(self, moment: u32) -> u32 {
        let late = if self.late { LATEST } else { 0 };
        self.age(moment).saturating_sub(late)
    }

    /// How old the document is at `moment`.
    pub(super) const fn age(self, moment: u32) -> u32 {
        moment.saturating_sub(self.asked)
    }
}

impl Reply {
    /// The same reply, whose keys lead where `to` says.
    #[must_use]
    pub fn listening(self, to: impl FnOnce(TalkPosition) -> TalkPosition) -> Self {
        let mut reply = self;
        match &mut reply {
            Self::Ask { listen, .. }
            | Self::Keys { listen, .. }
            | Self::BeSure { listen, .. }
            | Self::AskTime { listen, .. }
            | Self::CheckTime { listen, .. }
            | Self::AskOptOut { listen }
            | Self::Called { listen }
            | Self::Offer { listen } => *listen = to(*listen),
            Self::Decided { listen, .. } => *listen = listen.map(to),
            Self::Goodbye(_) | Self::Apology(_) | Self::HangUp => {}
        }
        reply
    }

    /// The position of the next key; `None` if the line is closed after this reply.
    #[must_use]
    pub const fn listen(&self) -> Option<TalkPosition> {
        match self {
            Self::Ask { listen, .. }
            | Self::Keys { listen, .. }
            | Self::BeSure { listen, .. }
            | Self::AskTime { listen, .. }
            | Self::CheckTime { listen, .. }
            | Self::AskOptOut { listen }
            | Self::Called { listen }
            | Self::Offer { listen } => Some(*listen),
            Self::Decided { listen, .. } => *listen,
            Self::Goodbye(_) | Self::Apology(_) | Self::HangUp => None,
        }
    }
}

/// `STEP-SILENCES-MISSES-BEGAN-PLACE-DECISION-ASKED-KEY-INFORMED-FACTS-QUESTION`, in characters
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
            TalkStage::TimeCheck(time) => write!(f, "t{:02}{:02}", time.hour(), time.minute())?,
            TalkStage::OptOut => f.write_str("x")?,
            TalkStage::Called => f.write_str("b")?,
            TalkStage::Offer => f.write_str("r")?,
        }
        match self.said {
            None => f.write_str("-o"),
            Some(Decision::Accepted) => f.write_str("-y"),
            Some(Decision::Declined) => f.write_str("-n"),
            Some(Decision::OtherTime(time)) => {
                write!(f, "-t{:02}{:02}", time.hour(), time.minute())
            }
            Some(Decision::OptedOut) => f.write_str("-x"),
            Some(Decision::Withdrawn) => f.write_str("-w"),
        }?;
        let PromptTiming {
            asked,
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
        write!(f, "-{asked}-{key}-{}", if informed { 'i' } else { 'u' })?;
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
        let said = match next()? {
            "o" => None,
            "y" => Some(Decision::Accepted),
            "n" => Some(Decision::Declined),
            "x" => Some(Decision::OptedOut),
            "w" => Some(Decision::Withdrawn),
            time => Some(Decision::OtherTime(parse_time(time)?)),
        };
        // A version of ours that did not know prompts gave out turns without them. Nothing is known
        // to have been heard then.
        let prompt = match parts.next() {
            None => PromptTiming::BEFORE,
            Some(asked) => prompt(asked, &mut parts)?,
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
            said,
            prompt,
        })
    }
}

fn prompt<'a>(
    asked: &str,
    parts: &mut impl Iterator<Item = &'a str>,
) -> Result<PromptTiming, BadTalkPosition> {
    let mut next = || parts.next().ok_or(BadTalkPosition);
    let span = |text: &str| match text {
        "n" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| BadTalkPosition),
    };
    Ok(PromptTiming {
        asked: asked.parse().map_err(|_| BadTalkPosition)?,
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

fn parse_time(text: &str) -> Result<Time, BadTalkPosition> {
    let digits = text
        .strip_prefix('t')
        .filter(|digits| digits.len() == 4 && digits.is_ascii())
        .ok_or(BadTalkPosition)?;
    let (hour, minute) = digits.split_at(2);
    let (hour, minute) = (
        hour.parse().map_err(|_| BadTalkPosition)?,
        minute.parse().map_err(|_| BadTalkPosition)?,
    );
    Time::new(hour, minute, 0, 0).map_err(|_| BadTalkPosition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = Time> {
        (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| Time::new(hour, minute, 0, 0).unwrap())
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
        parts.prop_map(|(asked, after, informed, facts, question)| PromptTiming {
            asked,
            after,
            informed,
            facts,
            question,
            late: false,
        })
    }

    #[test]
    fn a_turn_of_an_earlier_version_is_read_as_one_in_which_nothing_was_heard() {
        assert_eq!("1-0-0-7-k-o".parse(), Ok(TalkPosition::first(7)));
    }

    proptest! {
        #[test]
        fn turns_read_back(
            step: u8, silences: u8, misses: u8, began: u16, stage in places(), said in proptest::option::of(decisions()), prompt in prompts()
        ) {
            let position = TalkPosition { step, silences, misses, began, stage, said, prompt };
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
