//! Keys typed in a row, which are one answer.

use super::reply::{Reply, RepromptReason, ask_slowly, decided, read_back, several_keys};
use super::{Input, KeyResult, ROW};
use crate::call::position::{TalkPosition, TalkStage};

/// Answers a key that follows another within [`ROW`]; `None`: it is an answer of its own.
///
/// The same key twice counts as one, and hash ends an answer. Any other row means nothing: the
/// decision of its first key is taken back. Star asks for a repetition at any time, and digits of a
/// time are meant to be typed in a row, so these are answers of their own.
pub(super) fn in_a_row(
    position: TalkPosition,
    input: Input,
    moment: u32,
) -> Option<(KeyResult, Reply)> {
    let digits = input.keys()?;
    let before = position.prompt.after?;
    // Hash ends the answer before it, as if that key was pressed again.
    let is_repeated = digits == "#" || digits.chars().all(|key| key == before);
    if position.prompt.heard(moment) >= ROW || position.stage == TalkStage::Time || digits == "*" {
        return None;
    }
    let listen = position.next();
    let nothing = |reply| Some((KeyResult::Nothing, reply));
    match position.stage {
        TalkStage::TimeCheck(time) => nothing(read_back(position, time, listen)),
        TalkStage::Keys if is_repeated => nothing(match before {
            '1' if !position.prompt.informed => Reply::BeSure { time: None, listen },
            '*' => ask_slowly(listen),
            _ => Reply::Keys {
                because: RepromptReason::WrongKey,
                listen,
            },
        }),
        TalkStage::Called if is_repeated && before == '1' => {
            nothing(Reply::BeSure { time: None, listen })
        }
        TalkStage::Change if is_repeated => position
            .decision
            .and_then(|decision| nothing(decided(decision, Some(listen)))),
        TalkStage::OptOut if is_repeated => nothing(Reply::AskOptOut { listen }),
        TalkStage::Keys => nothing(several_keys(position)),
        TalkStage::Change | TalkStage::OptOut => {
            Some((KeyResult::Withdrawn, several_keys(position)))
        }
        TalkStage::Called => nothing(Reply::Called { listen }),
        TalkStage::Offer => nothing(Reply::Offer { listen }),
        TalkStage::Time => None,
    }
}
