//! Talks played from pick-up to the last word.

use super::*;
use jiff::civil::time;

const FACTS: TalkContext = TalkContext {
    wished: time(19, 30, 0, 0),
    alternatives: Some(Alternatives {
        earliest: time(18, 0, 0, 0),
        latest: time(21, 0, 0, 0),
    }),
    rounds: 3,
    most_replies: MOST_REPLIES,
};

/// Plays keys from pick-up on and tells what was settled last and what is said at the end.
fn play(keys: &[&str], context: &TalkContext) -> (KeyResult, Reply) {
    let (mut heard, mut reply) = (KeyResult::Nothing, open(0));
    for key in keys {
        let position = reply.listen().expect("the line is still open");
        let input = if key.is_empty() {
            Input::Silence
        } else {
            Input::Digits(key)
        };
        let (now_heard, next) = answer(position, input, 0, context);
        if now_heard != KeyResult::Nothing {
            heard = now_heard;
        }
        reply = next;
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
    let without = TalkContext {
        alternatives: None,
        ..FACTS
    };
    assert!(matches!(
        play(&["3"], &without).1,
        Reply::Keys {
            because: RepromptReason::WrongKey,
            ..
        }
    ));
}

#[test]
fn a_mind_can_be_changed_once() {
    let (heard, reply) = play(&["1", "2"], &FACTS);
    assert_eq!(heard, KeyResult::Decided(Decision::Declined));
    assert_eq!(
        reply,
        Reply::Decided {
            decision: Decision::Declined,
            listen: None
        }
    );
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
    let late = time(20, 15, 0, 0);
    assert!(
        matches!(play(&["3", "0815"], &FACTS).1, Reply::CheckTime { time, .. } if time == late)
    );
    assert_eq!(
        play(&["3", "2015", "1"], &FACTS).0,
        KeyResult::Decided(Decision::OtherTime(late))
    );
    assert!(matches!(
        play(&["3", "2575"], &FACTS).1,
        Reply::AskTime { again: true, .. }
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
        Reply::AskTime { again: true, .. }
    ));
}

#[test]
fn twelve_hour_habits_are_understood() {
    let evening = time(19, 30, 0, 0);
    assert_eq!(read_time("0815", evening), Some(time(20, 15, 0, 0)));
    assert_eq!(read_time("0815", time(9, 0, 0, 0)), Some(time(8, 15, 0, 0)));
    assert_eq!(
        read_time("1215", time(0, 30, 0, 0)),
        Some(time(0, 15, 0, 0))
    );
    assert_eq!(
        read_time("0000", evening),
        Some(time(12, 0, 0, 0)),
        "noon is nearer than midnight"
    );
    for wrong in ["2575", "2400", "1960", "815", "", "+815", "08a5", "99999"] {
        assert_eq!(read_time(wrong, evening), None, "{wrong}");
    }
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
fn no_talk_is_endless() {
    for key in ["*", "7", "3", "0000"] {
        let mut reply = open(0);
        let mut replies = 1;
        while let Some(position) = reply.listen() {
            reply = answer(position, Input::Digits(key), 0, &FACTS).1;
            replies += 1;
        }
        assert!(replies <= usize::from(MOST_REPLIES), "{key}: {replies}");
    }
    let late = answer(
        TalkPosition::first(0),
        Input::Digits("*"),
        LONGEST_TALK,
        &FACTS,
    );
    assert_eq!(late.1, Reply::Goodbye(Goodbye::NoKey));
    let decided_late = answer(
        TalkPosition::first(0),
        Input::Digits("1"),
        LONGEST_TALK,
        &FACTS,
    );
    assert_eq!(
        decided_late.1,
        Reply::Decided {
            decision: Decision::Accepted,
            listen: None
        }
    );
}
