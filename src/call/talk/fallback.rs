//! The conversation goes on after a document that Twilio could not fetch or run.

use super::reply::{Goodbye, Opening, Reply, TimePrompt, decided, goodbye, several_keys};
use super::{KeyResult, ROW, TalkContext};
use crate::call::position::{LATEST, PromptTiming, TalkPosition, TalkStage};

/// Repeats the document of `position`, because Twilio could not fetch or run it (fallback URL), and
/// this process does not know its input. A decision that a lost key may have changed is taken back.
#[must_use]
pub fn resume(position: TalkPosition, moment: u32, context: &TalkContext) -> (KeyResult, Reply) {
    // A key may have been pressed that was not heard here; more of them may follow in a row.
    let next = position.next();
    let is_doubtful = has_lost_key(position, moment);
    let heard = if is_doubtful {
        KeyResult::Withdrawn
    } else {
        KeyResult::Nothing
    };
    let listen = TalkPosition {
        prompt: PromptTiming {
            asked: moment,
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
        return (heard, reply);
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
            .said
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
    (heard, reply)
}

/// Whether a key that was lost at `position` may belong to the row of the key that decided, as the
/// digits of a time do, or may have changed that decision. The input was a key and no silence,
/// because so soon the decision is still being read back. Until the fallback URL is requested up to
/// [`LATEST`] milliseconds pass; a wish not to be called stands unless the key came in the row for
/// certain.
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
