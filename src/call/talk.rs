//! The conversation: the meaning of a key at its position, and the next reply.
//!
//! It is pure and stores nothing: the whole state is in the [`TalkPosition`] of the requested URL.
//! It makes no words: `speech` renders a [`Reply`].
//!
//! `moment` is, in all functions here, the time of an input in milliseconds since the sealing of
//! the ticket. A *row* is several keys typed so quickly that they are one answer ([`ROW`]).

mod fallback;
mod reply;
mod row;
mod spoken;
mod stages;
mod typed_time;

use jiff::civil::DateTime;

use super::decision::Decision;
use super::key_text::KeyText;
use super::position::{PromptTiming, TalkPosition, TalkStage};
use super::spoken_intent::SpokenIntent;
use crate::domain::Reservation;

pub use fallback::resume;
pub use reply::{Apology, Goodbye, Opening, Reply, RepromptReason, TimePrompt};
pub use spoken::as_digits;
pub use typed_time::{WishedTable, read_time};

use row::in_a_row;
use stages::{at_stage, end_talk, not_understood};

/// Number of replies after which a goodbye ends the conversation; so do [`LONGEST_TALK`] seconds. A
/// decision made at the very end gets one more, so that the rest of its row is received.
pub const MOST_REPLIES: u8 = 12;
/// Keys of a row that are received beyond [`MOST_REPLIES`] after a decision.
const LONGEST_ROW: u8 = 6;
/// The longest conversation, in seconds. Twilio cuts the line at `TimeLimit`, 300 s.
pub const LONGEST_TALK: u16 = 240;
/// Longest pause, in milliseconds, between two keys of a row. It is a second and a half, plus a
/// quarter of a second by which the ways of two webhooks may differ.
pub(super) const ROW: u32 = 1_750;

/// The facts about its call that the conversation needs.
#[derive(Clone, Copy, Debug)]
pub struct TalkContext {
    /// The table.
    pub table: WishedTable,
    /// Rounds of silence before goodbye.
    pub rounds: u8,
    /// The most replies in a call: [`MOST_REPLIES`], or 9 on a trial account.
    pub most_replies: u8,
}

impl TalkContext {
    /// The context for a reservation. A number behind a phone menu gets five rounds of silence,
    /// because the person may not listen yet when the message begins.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            table: WishedTable {
                at: reservation.time.get(),
                alternatives: reservation.alternatives,
                now: None,
            },
            rounds: if reservation.extension.is_some() {
                5
            } else {
                3
            },
            most_replies: MOST_REPLIES,
        }
    }

    /// The context while the clock at the restaurant shows `now`.
    #[must_use]
    pub const fn at(self, now: DateTime) -> Self {
        let table = WishedTable {
            now: Some(now),
            ..self.table
        };
        Self { table, ..self }
    }
}

/// The input of the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The keys, without a terminating one.
    Digits(KeyText),
    /// No key was pressed in time.
    Silence,
    /// Words were said instead (`TWILIO_SPEECH`).
    Spoken(SpokenIntent),
}

impl Input {
    /// These keys.
    #[must_use]
    pub fn digits(keys: &str) -> Self {
        Self::Digits(KeyText::new(keys))
    }

    /// The keys; `None` for silence and words. Words with a meaning are translated into keys first
    /// ([`as_digits`]); all others count as silence.
    pub(super) fn keys(&self) -> Option<&str> {
        match self {
            Self::Digits(keys) => Some(keys),
            Self::Silence | Self::Spoken(_) => None,
        }
    }
}

/// The effect of a key on the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyResult {
    /// Nothing was settled.
    Nothing,
    /// The staff decided.
    Decided(Decision),
    /// The staff took their decision back.
    Withdrawn,
}

impl KeyResult {
    /// The decision since this key; `None`: the key did not change it.
    pub(super) const fn settled(self) -> Option<Decision> {
        match self {
            Self::Nothing => None,
            Self::Decided(decision) => Some(decision),
            Self::Withdrawn => Some(Decision::Withdrawn),
        }
    }
}

/// The first message after pick-up, handed out at `moment`.
#[must_use]
pub fn open(began: u16, moment: u32) -> Reply {
    let first = TalkPosition::first(began);
    Reply::Ask {
        opening: Opening::First,
        slowly: false,
        listen: TalkPosition {
            prompt: PromptTiming {
                handed_out: moment,
                ..first.prompt
            },
            ..first
        },
    }
}

/// Answers the input at `position`. Returns its effect on the decision, and the reply.
#[must_use]
pub fn answer(
    position: TalkPosition,
    input: Input,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    let (result, reply) = match as_digits(position, input, moment) {
        None => (KeyResult::Nothing, not_understood(position)),
        Some(input) => in_a_row(position, input, moment)
            .unwrap_or_else(|| at_stage(position, input, moment, context)),
    };
    let elapsed = moment.wrapping_sub(u32::from(position.began) * 1_000) / 1_000;
    let replies = position.step.saturating_add(1);
    // No line is open that long: the clock was set forward or back meanwhile.
    let is_believable = elapsed < 2 * u32::from(LONGEST_TALK);
    let over = replies >= context.most_replies || elapsed >= LONGEST_TALK.into() && is_believable;
    // The rest of a row is heard at the very end, too: a key of it that changes nothing, such as star,
    // is not the last.
    let is_rest_of_row = result == KeyResult::Nothing
        && matches!(
            reply,
            Reply::Decided {
                listen: Some(_),
                ..
            }
        )
        && position.prompt.after.is_some()
        && position.prompt.heard(moment) < ROW
        && replies < context.most_replies.saturating_add(LONGEST_ROW);
    let (result, reply) = if over && !is_rest_of_row {
        end_talk(position, result, reply, replies > context.most_replies)
    } else {
        (result, reply)
    };
    let prompt = PromptTiming {
        handed_out: moment,
        after: last_key(position, input, moment),
        informed: position.prompt.is_informed(moment),
        facts: None,
        question: None,
        late: false,
    };
    (
        result,
        reply.listening(|listen| TalkPosition { prompt, ..listen }),
    )
}

/// The key that the next document answers. Hash only ends an answer, so the key before it still
/// counts. It also counts after a silence shorter than [`ROW`], since the next key of the row may
/// still be on its way.
fn last_key(position: TalkPosition, input: Input, moment: u32) -> Option<char> {
    match input {
        Input::Digits(keys) if *keys == *"#" => position.prompt.after.or(Some('#')),
        Input::Digits(keys) => keys
            .chars()
            .next_back()
            .filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#')),
        // If only hash is pressed at a Gather for a time, Twilio may report no digits.
        Input::Silence if position.stage == TalkStage::Time => Some('#'),
        Input::Silence | Input::Spoken(_) => position
            .prompt
            .after
            .filter(|_| position.prompt.age(moment) < ROW),
    }
}

#[cfg(test)]
mod tests;
