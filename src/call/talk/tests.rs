//! Talks played from pick-up to the last word.

use jiff::civil::{Time, date, time};
use proptest::prelude::*;

use super::*;
use crate::domain::OfferedTime;

mod limits;
mod rows;
mod typed_time;

const EVENING: WishedTable = table_at(time(19, 30, 0, 0));

/// A table at this time of day.
const fn table_at(wished: Time) -> WishedTable {
    WishedTable {
        at: date(2027, 6, 18).to_datetime(wished),
        alternatives: None,
        now: None,
    }
}

const FACTS: TalkContext = TalkContext {
    table: EVENING,
    rounds: 3,
    most_replies: MOST_REPLIES,
};

/// Timing of a document in these tests: milliseconds until its facts are said, and until its
/// question is put.
const TIMED: (u32, u32) = (5_000, 8_000);
/// Milliseconds of thinking of staff who hear documents to their end.
const THINKS: u32 = 10_000;

/// The reply as it would be rendered.
fn timed(reply: Reply) -> Reply {
    let informed = reply
        .listen()
        .is_some_and(|position| position.prompt.informed);
    let tells = match reply {
        Reply::Ask { .. } | Reply::BeSure { .. } => true,
        Reply::Decided { decision, .. } => decision == Decision::Declined,
        Reply::CheckTime { .. } => informed,
        Reply::Keys { .. }
        | Reply::AskTime { .. }
        | Reply::AskOptOut { .. }
        | Reply::Called { .. }
        | Reply::Offer { .. }
        | Reply::Goodbye(_)
        | Reply::Apology(_)
        | Reply::HangUp => false,
    };
    reply.listening(|position| {
        let prompt = PromptTiming {
            facts: tells.then_some(TIMED.0),
            question: Some(TIMED.1),
            ..position.prompt
        };
        TalkPosition { prompt, ..position }
    })
}

/// Position of the keys of a first message.
fn first() -> TalkPosition {
    timed(open(0, 0)).listen().unwrap()
}

/// Plays keys from pick-up on, each when the document before it was heard, and returns what was
/// settled last and what is said at the end.
fn play(keys: &[&str], context: &TalkContext) -> (KeyResult, Reply) {
    let keys: Vec<_> = keys.iter().map(|key| (*key, THINKS)).collect();
    play_at(&keys, context)
}

/// Plays keys from pick-up on, each so many milliseconds after the one before it.
fn play_at(keys: &[(&str, u32)], context: &TalkContext) -> (KeyResult, Reply) {
    let (mut heard, mut reply) = (KeyResult::Nothing, timed(open(0, 0)));
    for (key, pause) in keys {
        let position = reply.listen().expect("the line is still open");
        let input = if key.is_empty() {
            Input::Silence
        } else {
            Input::digits(key)
        };
        let (now_heard, next) =
            answer(position, input, position.prompt.handed_out + pause, context);
        if now_heard != KeyResult::Nothing {
            heard = now_heard;
        }
        reply = timed(next);
    }
    (heard, reply)
}

#[test]
fn one_accepts_two_declines_and_silence_says_goodbye() {
    assert_eq!(
        play(&["1", ""], &FACTS),
        (
            KeyResult::Decided(Decision::Accepted),
            Reply::Goodbye(Goodbye::Decided)
        )
    );
    assert_eq!(
        play(&["2", ""], &FACTS),
        (
            KeyResult::Decided(Decision::Declined),
            Reply::Goodbye(Goodbye::Decided)
        )
    );
    assert_eq!(
        play(&["", "", ""], &FACTS),
        (KeyResult::Nothing, Reply::Goodbye(Goodbye::NoKey))
    );
    assert!(matches!(
        play(&["", ""], &FACTS).1,
        Reply::Ask {
            opening: Opening::Again,
            slowly: false,
            ..
        }
    ));
}

#[test]
fn star_repeats_slowly_and_a_wrong_key_says_the_keys() {
    assert!(matches!(
        play(&["*"], &FACTS).1,
        Reply::Ask {
            opening: Opening::Again,
            slowly: true,
            ..
        }
    ));
    assert!(matches!(
        play(&["7"], &FACTS).1,
        Reply::Keys {
            because: RepromptReason::WrongKey,
            ..
        }
    ));
}

#[test]
fn a_mind_can_be_changed() {
    for (keys, decision) in [
        (&["1", "2"][..], Decision::Declined),
        (&["2", "1"], Decision::Accepted),
        (&["2", "1", "2"], Decision::Declined),
    ] {
        let (heard, reply) = play(keys, &FACTS);
        assert_eq!(heard, KeyResult::Decided(decision));
        assert!(
            matches!(reply, Reply::Decided { decision: said, listen: Some(_) } if said == decision),
            "{reply:?}"
        );
    }
    assert_eq!(
        play(&["1", "1"], &FACTS),
        (
            KeyResult::Decided(Decision::Accepted),
            Reply::Goodbye(Goodbye::Decided)
        )
    );
    assert!(matches!(
        play(&["1", "*"], &FACTS).1,
        Reply::Decided {
            decision: Decision::Accepted,
            listen: Some(_)
        }
    ));
}

#[test]
fn another_time_is_typed_read_back_and_confirmed() {
    let late = OfferedTime::same_day(time(20, 15, 0, 0));
    assert!(
        matches!(play(&["3", "0815"], &FACTS).1, Reply::CheckTime { time, .. } if time == late)
    );
    assert_eq!(
        play(&["3", "2015", "1"], &FACTS).0,
        KeyResult::Decided(Decision::OtherTime(late))
    );
    assert!(matches!(
        play(&["3", "2575"], &FACTS).1,
        Reply::AskTime {
            because: TimePrompt::NotATime,
            ..
        }
    ));
    assert!(matches!(
        play(&["3", "2575", "9999", "2460"], &FACTS).1,
        Reply::Keys {
            because: RepromptReason::Back,
            ..
        }
    ));
    assert!(matches!(
        play(&["3", "2015", "2"], &FACTS).1,
        Reply::AskTime {
            because: TimePrompt::Again,
            ..
        }
    ));
}

#[test]
fn opting_out_counts_at_once_and_can_be_taken_back() {
    let opted = KeyResult::Decided(Decision::OptedOut);
    assert_eq!(
        play(&["9", "1"], &FACTS),
        (opted, Reply::Goodbye(Goodbye::OptedOut))
    );
    assert_eq!(
        play(&["9", ""], &FACTS),
        (opted, Reply::Goodbye(Goodbye::OptedOut))
    );
    assert_eq!(play(&["9", "5"], &FACTS).0, KeyResult::Withdrawn);
    assert_eq!(
        play(&["9", "5", "1"], &FACTS).0,
        KeyResult::Decided(Decision::Accepted)
    );
}

#[test]
fn key_three_is_understood_also_where_it_was_not_named() {
    let without = FACTS;
    let late = OfferedTime::same_day(time(19, 0, 0, 0));
    assert!(matches!(play(&["3"], &without).1, Reply::AskTime { .. }));
    assert_eq!(
        play(&["3", "1900", "1"], &without).0,
        KeyResult::Decided(Decision::OtherTime(late))
    );
}

// An acceptance is informed.

#[test]
fn key_one_counts_once_the_table_could_be_heard() {
    let accepted = KeyResult::Decided(Decision::Accepted);
    assert_eq!(play_at(&[("1", TIMED.0)], &FACTS).0, accepted);
    let (heard, reply) = play_at(&[("1", TIMED.0 - 1)], &FACTS);
    assert_eq!(heard, KeyResult::Nothing);
    assert!(matches!(reply, Reply::BeSure { time: None, .. }));
    assert_eq!(play_at(&[("1", 500), ("1", TIMED.0)], &FACTS).0, accepted);
    let again = play_at(&[("1", 500), ("1", TIMED.0 - 1)], &FACTS);
    assert_eq!(again.0, KeyResult::Nothing);
    assert!(matches!(again.1, Reply::BeSure { time: None, .. }));
    // The document that names only the keys says nothing about the table.
    let mut reply = timed(open(0, 0));
    for (key, pause) in [("7", 2_000), ("1", 60_000)] {
        let position = reply.listen().unwrap();
        let (heard, next) = answer(
            position,
            Input::digits(key),
            position.prompt.handed_out + pause,
            &FACTS,
        );
        assert_eq!(heard, KeyResult::Nothing, "{key}");
        reply = next;
    }
    assert!(matches!(reply, Reply::BeSure { time: None, .. }));
}

#[test]
fn declining_and_opting_out_count_at_any_time() {
    assert_eq!(
        play_at(&[("2", 0)], &FACTS).0,
        KeyResult::Decided(Decision::Declined)
    );
    assert_eq!(
        play_at(&[("9", 0)], &FACTS).0,
        KeyResult::Decided(Decision::OptedOut)
    );
}

#[test]
fn an_offer_is_informed_as_well() {
    let late = OfferedTime::same_day(time(20, 15, 0, 0));
    let typed = [("3", 300), ("2015", 400)];
    let (heard, reply) = play_at(&typed, &FACTS);
    assert_eq!(heard, KeyResult::Nothing);
    assert!(
        matches!(reply, Reply::BeSure { time: Some(time), .. } if time == late),
        "day and party were not heard: {reply:?}"
    );
    let early = [&typed[..], &[("1", TIMED.0 - 1)]].concat();
    assert_eq!(play_at(&early, &FACTS).0, KeyResult::Nothing);
    let heard = [&typed[..], &[("1", TIMED.0)]].concat();
    assert_eq!(
        play_at(&heard, &FACTS).0,
        KeyResult::Decided(Decision::OtherTime(late))
    );
    // Who changes from no to yes must have heard to what.
    let (heard, reply) = play_at(&[("2", 300), ("1", 2_000)], &FACTS);
    assert_eq!(heard, KeyResult::Decided(Decision::Declined));
    assert!(matches!(reply, Reply::BeSure { time: None, .. }));
    assert_eq!(
        play_at(&[("2", 300), ("1", 2_000), ("1", TIMED.0)], &FACTS).0,
        KeyResult::Decided(Decision::Accepted)
    );
}

#[test]
fn words_count_once_the_question_was_put() {
    let said = |said, moment| answer(first(), Input::Spoken(said), moment, &FACTS);
    for word in SpokenIntent::CLEAR {
        let (heard, reply) = said(word, TIMED.1 - 1);
        assert_eq!(heard, KeyResult::Nothing, "{word:?}");
        assert!(matches!(
            reply,
            Reply::Keys {
                because: RepromptReason::NotUnderstood,
                ..
            }
        ));
    }
    assert_eq!(
        said(SpokenIntent::Yes, TIMED.1).0,
        KeyResult::Decided(Decision::Accepted)
    );
    assert_eq!(
        said(SpokenIntent::No, TIMED.1).0,
        KeyResult::Decided(Decision::Declined)
    );
}
