//! The meaning of each key at each stage of the conversation.

use super::reply::{
    Goodbye, Opening, Reply, RepromptReason, TimePrompt, ask_slowly, decided, goodbye, read_back,
    several_keys,
};
use super::{Input, KeyResult, ROW, TalkContext, read_time};
use crate::call::decision::Decision;
use crate::call::position::{LATEST, TalkPosition, TalkStage};
use crate::domain::OfferedTime;

/// Times that a restaurant that calls back hears the question.
const CALLBACK_ROUNDS: u8 = 3;
/// Times that the question for a time is repeated after input that is none.
const MOST_MISSES: u8 = 2;
/// Milliseconds after a decision was read back from which a key can change it. An earlier key may
/// belong to a row whose webhooks were delayed, and staff have not heard yet which key changes it.
const HELD_UP: u32 = 4_000;

/// Answers an input by what the keys mean at its stage.
pub(super) fn at_stage(
    position: TalkPosition,
    input: Input,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    match position.stage {
        TalkStage::Keys => at_keys(position, input, moment, context),
        TalkStage::Change => at_change(position, input, moment),
        TalkStage::Time => at_time(position, input, moment, context),
        TalkStage::TimeCheck(time) => at_time_check(position, time, input, moment),
        TalkStage::OptOut => at_opt_out(position, input),
        TalkStage::Called | TalkStage::Offer => at_callback(position, input, moment),
    }
}

/// The reply to words that were not understood: it asks for a key.
pub(super) fn not_understood(position: TalkPosition) -> Reply {
    let listen = position.next();
    match position.stage {
        TalkStage::Keys => Reply::Keys {
            because: RepromptReason::NotUnderstood,
            listen,
        },
        TalkStage::Change => goodbye(position),
        TalkStage::Time => Reply::AskTime {
            because: TimePrompt::Again,
            listen,
        },
        TalkStage::TimeCheck(time) => read_back(position, time, listen),
        TalkStage::OptOut => Reply::AskOptOut { listen },
        TalkStage::Called | TalkStage::Offer => at_callback(position, Input::Silence, 0).1,
    }
}

/// Ends the conversation: replaces a reply that asks something by a goodbye.
///
/// A decision of just now is still read back, and keys are received once more, for the rest of its
/// row. If such a key (`is_spare`) makes another decision, both are taken back, because nothing
/// would receive the rest of that row.
pub(super) fn end_talk(
    position: TalkPosition,
    result: KeyResult,
    reply: Reply,
    is_spare: bool,
) -> (KeyResult, Reply) {
    let reply = match (result, reply) {
        (KeyResult::Decided(_), Reply::Decided { .. }) if is_spare => {
            return (KeyResult::Withdrawn, Reply::Goodbye(Goodbye::NoKey));
        }
        (KeyResult::Decided(_), Reply::Decided { .. }) => reply,
        (_, Reply::Decided { decision, .. }) => decided(decision, None),
        (_, Reply::AskOptOut { .. }) => Reply::Goodbye(Goodbye::OptedOut),
        (
            _,
            Reply::Ask { .. }
            | Reply::Keys { .. }
            | Reply::BeSure { .. }
            | Reply::AskTime { .. }
            | Reply::CheckTime { .. }
            | Reply::Called { .. }
            | Reply::Offer { .. },
        ) => match result {
            KeyResult::Withdrawn => Reply::Goodbye(Goodbye::NoKey),
            KeyResult::Nothing | KeyResult::Decided(_) => goodbye(position),
        },
        (_, Reply::Goodbye(_) | Reply::Apology(_) | Reply::HangUp) => reply,
    };
    (result, reply)
}

/// Reads a decision back and offers to change it; also after a change, because its key may be the
/// first of a row, which is no answer.
fn settle(position: TalkPosition, decision: Decision) -> (KeyResult, Reply) {
    let listen = TalkPosition {
        stage: TalkStage::Change,
        decision: Some(decision),
        ..position.next()
    };
    (
        KeyResult::Decided(decision),
        decided(decision, Some(listen)),
    )
}

/// Accepts, if staff could hear the facts of the reservation. An earlier key 1 is a habit, or the
/// way in which the phone was picked up; it is asked for once more.
fn accept(position: TalkPosition, moment: u32) -> (KeyResult, Reply) {
    if position.prompt.is_informed(moment) {
        return settle(position, Decision::Accepted);
    }
    let listen = position.next();
    (KeyResult::Nothing, Reply::BeSure { time: None, listen })
}

fn at_keys(
    position: TalkPosition,
    input: Input,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    let listen = position.next();
    let reply = match input.keys() {
        Some("1") => return accept(position, moment),
        Some("2") => return settle(position, Decision::Declined),
        Some("3") => Reply::AskTime {
            because: TimePrompt::First,
            listen: TalkPosition {
                stage: TalkStage::Time,
                misses: 0,
                ..listen
            },
        },
        Some("9") => return opt_out(listen),
        Some("*") => ask_slowly(listen),
        Some(_) => Reply::Keys {
            because: RepromptReason::WrongKey,
            listen,
        },
        None if listen.silences + 1 >= context.rounds => Reply::Goodbye(Goodbye::NoKey),
        None => {
            let listen = TalkPosition {
                silences: listen.silences + 1,
                ..listen
            };
            Reply::Ask {
                opening: Opening::Again,
                slowly: false,
                listen,
            }
        }
    };
    (KeyResult::Nothing, reply)
}

/// Opts out at once, and asks whether key 9 was meant.
fn opt_out(listen: TalkPosition) -> (KeyResult, Reply) {
    let reply = Reply::AskOptOut {
        listen: TalkPosition {
            stage: TalkStage::OptOut,
            decision: Some(Decision::OptedOut),
            ..listen
        },
    };
    (KeyResult::Decided(Decision::OptedOut), reply)
}

/// Changes a decision that was read back: the other of keys 1 and 2 does, and later 3 and 9. Star
/// reads it back again.
fn at_change(position: TalkPosition, input: Input, moment: u32) -> (KeyResult, Reply) {
    let listen = position.next();
    let changed = match (position.decision, input.keys()) {
        (Some(decision), Some("*")) => {
            return (KeyResult::Nothing, decided(decision, Some(listen)));
        }
        // Not informed, or so soon that 1 may be the second digit of a time, such as 21.
        (Some(Decision::Declined), Some("1"))
            if !position.prompt.is_informed(moment) || position.prompt.heard(moment) < HELD_UP =>
        {
            return (KeyResult::Nothing, Reply::BeSure { time: None, listen });
        }
        (Some(Decision::Declined), Some("1")) => Decision::Accepted,
        (Some(Decision::Accepted | Decision::OtherTime(_)), Some("2")) => Decision::Declined,
        // Certainly no part of a row: 3 offers another time, 9 opts out.
        (Some(_), Some("3")) if position.prompt.heard(moment) >= HELD_UP => {
            let reply = Reply::AskTime {
                because: TimePrompt::First,
                listen: TalkPosition {
                    stage: TalkStage::Time,
                    misses: 0,
                    decision: Some(Decision::Withdrawn),
                    ..listen
                },
            };
            return (KeyResult::Withdrawn, reply);
        }
        (Some(_), Some("9")) if position.prompt.heard(moment) >= HELD_UP => {
            return opt_out(listen);
        }
        // Soon after, this may be a digit of a time whose webhook was delayed, since staff who
        // accept press no such key so soon. Later it means nothing.
        (Some(decision @ (Decision::Accepted | Decision::OtherTime(_))), Some(digits))
            if !matches!(digits, "1" | "#") =>
        {
            return if position.prompt.heard(moment) < ROW + LATEST {
                (KeyResult::Withdrawn, several_keys(position))
            } else {
                (KeyResult::Nothing, decided(decision, Some(listen)))
            };
        }
        _ => return (KeyResult::Nothing, goodbye(position)),
    };
    settle(position, changed)
}

/// Returns whether a digit may be missing: fewer than four came, so soon after the question that they
/// were typed in one row with the key before it, and what falls while a document is fetched is lost.
fn may_lack_a_digit(position: TalkPosition, digits: &str, moment: u32) -> bool {
    let keys = u32::try_from(digits.len()).unwrap_or(u32::MAX);
    digits.trim_end_matches('#').len() < 4
        && position.prompt.after.is_some()
        && position.prompt.heard(moment) < ROW.saturating_mul(keys)
}

fn at_time(
    position: TalkPosition,
    input: Input,
    moment: u32,
    context: &TalkContext,
) -> (KeyResult, Reply) {
    let reply = match input.keys() {
        None => back(
            TalkPosition {
                silences: position.silences + 1,
                ..position
            },
            context,
        ),
        Some(digits) if digits.starts_with('*') => Reply::AskTime {
            because: TimePrompt::First,
            listen: position.next(),
        },
        Some(digits) if may_lack_a_digit(position, digits, moment) => Reply::AskTime {
            because: TimePrompt::Again,
            listen: position.next(),
        },
        Some(digits) => match read_time(digits, &context.table) {
            Some(time) => read_back(
                position,
                time,
                TalkPosition {
                    stage: TalkStage::TimeCheck(time),
                    ..position.next()
                },
            ),
            None if position.misses < MOST_MISSES => Reply::AskTime {
                because: TimePrompt::NotATime,
                listen: TalkPosition {
                    misses: position.misses + 1,
                    ..position.next()
                },
            },
            None => back(position, context),
        },
    };
    (KeyResult::Nothing, reply)
}

/// Returns to the keys, or says goodbye after too many silences.
fn back(position: TalkPosition, context: &TalkContext) -> Reply {
    if position.silences >= context.rounds {
        return Reply::Goodbye(Goodbye::NoKey);
    }
    Reply::Keys {
        because: RepromptReason::Back,
        listen: TalkPosition {
            stage: TalkStage::Keys,
            ..position.next()
        },
    }
}

/// Confirms a time with 1, once staff could hear the time that was read back.
fn at_time_check(
    position: TalkPosition,
    time: OfferedTime,
    input: Input,
    moment: u32,
) -> (KeyResult, Reply) {
    match input.keys() {
        Some("1") if position.prompt.has_said_facts(moment) => {
            settle(position, Decision::OtherTime(time))
        }
        Some("1" | "*") => (
            KeyResult::Nothing,
            read_back(position, time, position.next()),
        ),
        Some(_) | None if position.misses < MOST_MISSES => {
            let listen = TalkPosition {
                stage: TalkStage::Time,
                misses: position.misses + 1,
                ..position.next()
            };
            (
                KeyResult::Nothing,
                Reply::AskTime {
                    because: TimePrompt::Again,
                    listen,
                },
            )
        }
        Some(_) | None => {
            let listen = TalkPosition {
                stage: TalkStage::Keys,
                ..position.next()
            };
            (
                KeyResult::Nothing,
                Reply::Keys {
                    because: RepromptReason::Back,
                    listen,
                },
            )
        }
    }
}

/// Confirms an opt-out, which counts since key 9: 1, 9 and silence leave it, any other key takes it
/// back.
fn at_opt_out(position: TalkPosition, input: Input) -> (KeyResult, Reply) {
    match input.keys() {
        Some("1" | "9") | None => (KeyResult::Nothing, Reply::Goodbye(Goodbye::OptedOut)),
        Some("*") => (
            KeyResult::Nothing,
            Reply::AskOptOut {
                listen: position.next(),
            },
        ),
        Some(_) => {
            let listen = TalkPosition {
                stage: TalkStage::Keys,
                decision: Some(Decision::Withdrawn),
                ..position.next()
            };
            (
                KeyResult::Withdrawn,
                Reply::Keys {
                    because: RepromptReason::Back,
                    listen,
                },
            )
        }
    }
}

/// Answers a restaurant that calls back: at `Called`, 1 accepts and 2 declines; at `Offer`, 1 asks
/// to be called now. Any other input hears the question again.
fn at_callback(position: TalkPosition, input: Input, moment: u32) -> (KeyResult, Reply) {
    let again = TalkPosition {
        silences: position.silences.saturating_add(1),
        ..position.next()
    };
    let reply = match (position.stage, input.keys()) {
        (TalkStage::Called, Some("1")) => return accept(position, moment),
        (TalkStage::Called, Some("2")) => return settle(position, Decision::Declined),
        (TalkStage::Offer, Some("1")) => Reply::Goodbye(Goodbye::Decided),
        _ if again.silences >= CALLBACK_ROUNDS => Reply::Goodbye(Goodbye::NoKey),
        (TalkStage::Offer, _) => Reply::Offer { listen: again },
        _ => Reply::Called { listen: again },
    };
    (KeyResult::Nothing, reply)
}
