//! Words that are said instead of keys.

use super::Input;
use crate::call::position::{TalkPosition, TalkStage};
use crate::call::spoken_intent::SpokenIntent;

/// Translates words into the key with the same meaning at this stage; `None` if they have none.
#[must_use]
pub fn as_digits(position: TalkPosition, input: Input, moment: u32) -> Option<Input> {
    let Input::Spoken(said) = input else {
        return Some(input);
    };
    if !position.prompt.has_put_question(moment) {
        return None;
    }
    let key = match (position.stage, said) {
        (_, SpokenIntent::Unclear) => None,
        (_, SpokenIntent::Again) => Some("*"),
        (
            TalkStage::Keys
            | TalkStage::TimeCheck(_)
            | TalkStage::OptOut
            | TalkStage::Called
            | TalkStage::Offer,
            SpokenIntent::Yes,
        ) => Some("1"),
        (
            TalkStage::Keys | TalkStage::TimeCheck(_) | TalkStage::OptOut | TalkStage::Called,
            SpokenIntent::No,
        ) => Some("2"),
        (TalkStage::TimeCheck(_), SpokenIntent::OtherTime) => Some("2"),
        (TalkStage::Keys, SpokenIntent::OtherTime) => Some("3"),
        // "Yes" may agree with what was read back or answer the question after it: only a key
        // changes a decision.
        (
            TalkStage::Change | TalkStage::Time,
            SpokenIntent::Yes | SpokenIntent::No | SpokenIntent::OtherTime,
        ) => None,
        (TalkStage::Offer, SpokenIntent::No | SpokenIntent::OtherTime)
        | (TalkStage::OptOut | TalkStage::Called, SpokenIntent::OtherTime) => None,
    };
    key.map(Input::digits)
}
