//! Goes on with a conversation after a document that Twilio could not fetch or run.

use super::reply::{Goodbye, Opening, Reply, TimePrompt, decided, goodbye, several_keys};
use super::{KeyResult, ROW, TalkContext};
use crate::call::position::{LATEST, PromptTiming, TalkPosition, TalkStage};

/// Repeats the question of `position`, because Twilio could not fetch or run the answer to its
/// input (fallback URL), and this process does not know the input. Takes back a decision that a
/// lost key may have changed.
#[must_use]
pub fn resume(position: TalkPosition, moment: u32, context: &TalkContext) -> (KeyResult, Reply) {
    // The lost input may have been a key, and more keys of its row may follow: hash, in `after`,
    // stands for that unknown key.
    let next = position.next();
    let is_doubtful = has_lost_key(position, moment);
    let result = if is_doubtful {
        KeyResult::Withdrawn
    } else {
        KeyResult::Nothing
    };
    let listen = TalkPosition {
        prompt: PromptTiming {
            handed_out: moment,
            after: Some('#'),
            informed: position.prompt.informed,
            facts: None,
            question: None,
            late: false,
        },
        ..next
    };
    if listen.step >= context.most_replies {
        let reply = if is_doubtful {
            Reply::Goodbye(Goodbye::NoKey)
        } else {
            goodbye(position)
        };
        return (result, reply);
    }
    let reply = match position.stage {
        TalkStage::Change | TalkStage::OptOut if is_doubtful => {
            several_keys(position).listening(|keys| TalkPosition {
                prompt: listen.prompt,
                ..keys
            })
        }
        TalkStage::Keys => Reply::Ask {
            opening: Opening::Again,
            slowly: false,
            listen,
        },
        TalkStage::Change => position
            .decision
            .map_or(Reply::Goodbye(Goodbye::Decided), |decision| {
                decided(decision, Some(listen))
            }),
        TalkStage::Time => Reply::AskTime {
            because: TimePrompt::First,
            listen,
        },
        TalkStage::TimeCheck(time) => Reply::CheckTime { time, listen },
        TalkStage::OptOut => Reply::AskOptOut { listen },
        TalkStage::Called => Reply::Called { listen },
        TalkStage::Offer => Reply::Offer { listen },
    };
    (result, reply)
}

/// Returns whether a key that was lost at `position` may have changed the decision, or was part of
/// its row.
///
/// The lost input was certainly a key: silence is reported later, after the decision was read back.
/// Twilio requests the fallback URL up to [`LATEST`] milliseconds after the key, so the limit is
/// longer by that. An opt-out stands unless the key was certainly part of its row.
fn has_lost_key(position: TalkPosition, moment: u32) -> bool {
    let age = position.prompt.age(moment);
    position.prompt.after.is_some()
        && match position.stage {
            TalkStage::Change => age < ROW + LATEST,
            TalkStage::OptOut => age < ROW,
            TalkStage::Keys
            | TalkStage::Time
            | TalkStage::TimeCheck(_)
            | TalkStage::Called
            | TalkStage::Offer => false,
        }
}
