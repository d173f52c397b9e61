//! The position of a document in the conversation.
//!
//! A talk position is readable in the path of the URL, before the ticket. It contains nothing about
//! anybody. Twilio's signature covers the whole URL, so a position that arrives is one that was
//! issued.

mod text;

use super::decision::Decision;
use crate::domain::OfferedTime;

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
    /// The stage, which gives the keys their meaning.
    pub stage: TalkStage,
    /// The decision so far.
    pub decision: Option<Decision>,
    /// The document whose keys come here.
    pub prompt: PromptTiming,
}

/// Times of a document: when it was handed out, and how much of it must be heard before an answer
/// to it counts. All are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTiming {
    /// From the sealing of the ticket until the document was handed out.
    pub handed_out: u32,
    /// The key that was answered with this document; `None`: it followed silence, words, or the
    /// pick-up.
    pub after: Option<char>,
    /// Day, time and party could be heard before this document.
    pub informed: bool,
    /// Time that this document takes until they (or the time that it reads back) are said; `None`:
    /// it does not say them.
    pub facts: Option<u32>,
    /// Time that this document takes until its question was put in full; `None`: words are no
    /// answer to it.
    pub question: Option<u32>,
    /// The key comes by way of the fallback URL, so it was pressed up to [`LATEST`] milliseconds
    /// before. Not written into URLs.
    pub late: bool,
}

/// Longest time in which Twilio tries to fetch a document by the overrides in our URLs
/// (`service::links`), in milliseconds: four connections of two seconds each, or one answer of
/// eight.
pub const LATEST: u32 = 8_000;

/// A stage of the conversation, which gives the keys their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkStage {
    /// Keys 1, 2, 3, 9 and star.
    Keys,
    /// The other of keys 1 and 2 changes the decision.
    Change,
    /// Four digits of a time.
    Time,
    /// 1 confirms this time.
    TimeCheck(OfferedTime),
    /// 1 confirms never to be called again.
    OptOut,
    /// Keys 1 and 2, for a restaurant that calls back.
    Called,
    /// 1 asks to be called now.
    Offer,
}

/// First step of inbound calls. A conversation of an outbound call has some twenty steps at most.
pub(super) const CALLED_BACK: u8 = 128;

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
            decision: None,
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
            decision: None,
            prompt: PromptTiming::BEFORE,
        }
    }

    /// Returns whether it belongs to an inbound call.
    #[must_use]
    pub const fn is_called_back(self) -> bool {
        self.step >= CALLED_BACK
    }

    /// The position of keys that come to the fallback URL. How long ago they were pressed is
    /// unknown.
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
    pub(super) const BEFORE: Self = Self {
        handed_out: 0,
        after: None,
        informed: false,
        facts: None,
        question: None,
        late: false,
    };

    /// Returns whether day, time and party could be heard until `moment`.
    #[must_use]
    pub fn is_informed(self, moment: u32) -> bool {
        self.informed || self.has_said_facts(moment)
    }

    /// Returns whether the facts of this document could be heard until `moment`.
    pub(super) fn has_said_facts(self, moment: u32) -> bool {
        self.facts.is_some_and(|facts| self.heard(moment) >= facts)
    }

    /// Returns whether the question of this document was put in full until `moment`.
    pub(super) fn has_put_question(self, moment: u32) -> bool {
        self.question
            .is_some_and(|question| self.heard(moment) >= question)
    }

    /// Milliseconds of the document that could certainly be heard until `moment`.
    pub(super) const fn heard(self, moment: u32) -> u32 {
        let late = if self.late { LATEST } else { 0 };
        self.age(moment).saturating_sub(late)
    }

    /// Age of the document at `moment`, in milliseconds; 0 if a clock was set back since it was handed
    /// out.
    pub(super) const fn age(self, moment: u32) -> u32 {
        let age = moment.wrapping_sub(self.handed_out);
        if age.cast_signed() < 0 { 0 } else { age }
    }
}
