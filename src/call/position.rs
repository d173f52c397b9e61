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
}

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
        }
    }

    /// Whether it belongs to an inbound call.
    #[must_use]
    pub const fn is_called_back(self) -> bool {
        self.step >= CALLED_BACK
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

impl Reply {
    /// The position of the next key; `None` if the line is closed after this reply.
    #[must_use]
    pub const fn listen(&self) -> Option<TalkPosition> {
        match self {
            Self::Ask { listen, .. }
            | Self::Keys { listen, .. }
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

/// `STEP-SILENCES-MISSES-BEGAN-PLACE-DECISION`, in characters that no URL has to escape:
/// `3-0-0-12-c-y`.
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
        }
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
            time => Some(Decision::OtherTime(parse_time(time)?)),
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
        })
    }
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

    proptest! {
        #[test]
        fn turns_read_back(step: u8, silences: u8, misses: u8, began: u16, stage in places(), said in proptest::option::of(decisions())) {
            let position = TalkPosition { step, silences, misses, began, stage, said };
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
