//! Keys that are typed in a row, lost, or late.

use super::*;
use crate::call::position::LATEST;

// Keys typed in a row are one answer.

/// Types keys in a row once the message was heard, as a Gather takes them: one each, or up to four
/// where a time is asked for. Tells what stands at the end.
fn type_in_a_row(keys: &[(char, u32)], context: &TalkContext) -> (Option<Decision>, Reply) {
    let (mut reply, mut decision) = (timed(open(0, 0)), None);
    let (mut moment, mut typed) = (THINKS, String::new());
    for (at, (key, pause)) in keys.iter().enumerate() {
        moment += if at == 0 { 0 } else { *pause };
        let Some(position) = reply.listen() else {
            break;
        };
        let is_time = position.stage == TalkStage::Time;
        if !is_time || *key != '#' {
            typed.push(*key);
        }
        if is_time && *key != '#' && typed.len() < 4 {
            continue;
        }
        let (heard, next) = match typed.as_str() {
            "" => answer(position, Input::Silence, moment, context),
            typed => answer(position, Input::digits(typed), moment, context),
        };
        typed.clear();
        decision = heard.settled().or(decision);
        reply = timed(next);
    }
    (decision.and_then(Decision::stands), reply)
}

fn row(keys: &str) -> Vec<(char, u32)> {
    keys.chars().map(|key| (key, 300)).collect()
}

#[test]
fn a_time_that_is_typed_in_a_row_is_never_an_answer_by_its_first_digit() {
    let half_past_seven = OfferedTime::same_day(time(19, 30, 0, 0));
    for context in [FACTS] {
        for keys in ["31930", "31930#"] {
            let (decision, reply) = type_in_a_row(&row(keys), &context);
            assert_eq!(decision, None, "{keys}");
            assert!(
                matches!(reply, Reply::CheckTime { time, .. } if time == half_past_seven),
                "{keys}: {reply:?}"
            );
        }
        // One of four digits may have fallen while the question was fetched.
        for keys in ["319#", "3815#"] {
            let (decision, reply) = type_in_a_row(&row(keys), &context);
            assert_eq!(decision, None, "{keys}");
            let asks_again = Reply::AskTime {
                because: TimePrompt::Again,
                listen: reply.listen().unwrap(),
            };
            assert_eq!(reply, asks_again, "{keys}");
        }
        for keys in [
            "1930", "2015", "930", "71930", "71", "12", "21", "91", "19", "0000", "*1",
        ] {
            assert_eq!(type_in_a_row(&row(keys), &context).0, None, "{keys}");
        }
    }
}

#[test]
fn a_key_that_is_pressed_twice_or_ended_with_hash_is_that_key() {
    for (keys, decision) in [
        ("11", Decision::Accepted),
        ("1#", Decision::Accepted),
        ("1##", Decision::Accepted),
        ("11#", Decision::Accepted),
        ("222", Decision::Declined),
        ("2#", Decision::Declined),
        ("99", Decision::OptedOut),
        ("9#", Decision::OptedOut),
    ] {
        let (decided, reply) = type_in_a_row(&row(keys), &FACTS);
        assert_eq!(decided, Some(decision), "{keys}");
        assert!(reply.listen().is_some(), "{keys}: it is read back anew");
    }
}

#[test]
fn a_key_that_follows_later_is_an_answer_of_its_own() {
    let keys = |pause| play_at(&[("7", THINKS), ("1", pause)], &FACTS).0;
    assert_eq!(keys(ROW - 1), KeyResult::Nothing);
    assert_eq!(keys(ROW), KeyResult::Decided(Decision::Accepted));
    let changed = |pause| play_at(&[("1", THINKS), ("2", pause)], &FACTS);
    assert_eq!(changed(ROW - 1).0, KeyResult::Withdrawn);
    assert!(matches!(
        changed(ROW - 1).1,
        Reply::Keys {
            because: RepromptReason::SeveralKeys,
            ..
        }
    ));
    assert_eq!(changed(ROW).0, KeyResult::Decided(Decision::Declined));
}

#[test]
fn a_key_that_follows_a_document_that_failed_may_be_one_of_several() {
    let reply = timed(resume(first(), 30_000, &FACTS).1);
    let position = reply.listen().unwrap();
    let pressed = |key, moment| answer(position, Input::digits(key), moment, &FACTS).0;
    for key in ["1", "2", "9"] {
        assert_eq!(pressed(key, 30_000 + ROW - 1), KeyResult::Nothing, "{key}");
    }
    assert_eq!(pressed("2", 33_000), KeyResult::Decided(Decision::Declined));
}

#[test]
fn a_silence_between_keys_in_a_row_does_not_part_them() {
    let reply = play_at(&[("4", THINKS), ("", 0)], &FACTS).1;
    let position = timed(reply).listen().unwrap();
    let moment = position.prompt.handed_out;
    assert_eq!(
        answer(position, Input::digits("2"), moment, &FACTS).0,
        KeyResult::Nothing
    );
}

#[test]
fn a_digit_that_comes_too_late_for_its_row_withdraws_an_acceptance_and_no_refusal() {
    let after = |first, digit| {
        let keys = [(first, 30_000), (digit, 2 * ROW)];
        type_in_a_row(&keys, &FACTS).0
    };
    for digit in ['3', '0', '9'] {
        assert_eq!(after('1', digit), None, "{digit}");
        assert_eq!(after('2', digit), Some(Decision::Declined), "{digit}");
    }
    for digit in ['1', '#'] {
        assert_eq!(after('1', digit), Some(Decision::Accepted), "{digit}");
    }
    assert_eq!(after('1', '2'), Some(Decision::Declined));
    // 21, of which the second digit was held up.
    assert_eq!(after('2', '1'), Some(Decision::Declined));
}

#[test]
fn a_key_that_was_lost_while_a_decision_is_read_back_takes_it_back() {
    let decided = |key, moment| {
        let (heard, reply) = answer(first(), Input::digits(key), moment, &FACTS);
        assert!(heard.settled().is_some(), "{key}");
        timed(reply).listen().unwrap()
    };
    let lost = |key, age| {
        let position = decided(key, 30_000);
        resume(position, position.prompt.handed_out + age, &FACTS)
    };
    for (key, age) in [
        ("1", 300),
        ("1", ROW + LATEST - 1),
        ("2", 300),
        ("9", ROW - 1),
    ] {
        let (heard, reply) = lost(key, age);
        assert_eq!(heard, KeyResult::Withdrawn, "{key} {age}");
        let position = reply.listen().unwrap();
        assert_eq!(
            (position.stage, position.decision, position.prompt.after),
            (TalkStage::Keys, Some(Decision::Withdrawn), Some('#')),
            "{key} {age}"
        );
    }
    // By then it may have been silence, and a wish not to be called is not given up lightly.
    for (key, age) in [("1", ROW + LATEST), ("9", ROW)] {
        let (heard, reply) = lost(key, age);
        assert_eq!(heard, KeyResult::Nothing, "{key} {age}");
        assert!(!matches!(reply, Reply::Keys { .. }), "{reply:?}");
    }
}

#[test]
fn a_key_from_the_fallback_may_have_been_pressed_much_earlier() {
    let late = TalkPosition {
        prompt: PromptTiming {
            late: true,
            ..timed(open(0, 0)).listen().unwrap().prompt
        },
        ..first()
    };
    let pressed = |moment| answer(late, Input::digits("1"), moment, &FACTS).0;
    assert_eq!(pressed(TIMED.0 + LATEST - 1), KeyResult::Nothing);
    assert_eq!(
        pressed(TIMED.0 + LATEST),
        KeyResult::Decided(Decision::Accepted)
    );
}

/// The meaning of keys typed in a row: one key that is pressed often, or nothing.
fn meaning(keys: &[(char, u32)]) -> Option<Decision> {
    let (first, _) = keys.first()?;
    let same = |(key, _): &(char, u32)| key == first || *key == '#';
    let decision = match first {
        '1' => Decision::Accepted,
        '2' => Decision::Declined,
        '9' => Decision::OptedOut,
        _ => return None,
    };
    keys.iter().all(same).then_some(decision)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_typed_in_a_row_decides_what_it_means_and_nothing_else(
        keys in proptest::collection::vec((prop::sample::select("1234567890#112299".chars().collect::<Vec<_>>()), 0_u32..1_500), 1..8)
    ) {
        let (decision, _) = type_in_a_row(&keys, &FACTS);
        prop_assert_eq!(decision, meaning(&keys));
    }

    #[test]
    fn no_order_or_timing_of_keys_accepts_what_was_not_meant(
        keys in proptest::collection::vec(
            (prop::sample::select(vec!["", "1", "1", "2", "3", "4", "7", "9", "0", "*", "#", "2015", "730", "yes", "no"]), 0_u32..20_000), 1..12
        )
    ) {
        let (mut reply, mut informed_until, mut last) = (timed(open(0, 0)), None, None);
        for (key, pause) in keys {
            let Some(position) = reply.listen() else { break };
            let moment = position.prompt.handed_out + pause;
            let input = match key {
                "" => Input::Silence,
                "yes" => Input::Spoken(SpokenIntent::Yes),
                "no" => Input::Spoken(SpokenIntent::No),
                key => Input::digits(key),
            };
            // Told by this test alone: whether the table was ever said in full, and whether another
            // key was pressed just before.
            let tells = matches!(reply, Reply::Ask { .. } | Reply::BeSure { .. })
                || matches!(reply, Reply::Decided { decision: Decision::Declined, .. });
            if tells && pause >= TIMED.0 {
                informed_until = Some(moment);
            }
            let (heard, next) = answer(position, input, moment, &FACTS);
            if let KeyResult::Decided(decision) = heard {
                let alone = last.is_none_or(|last: u32| moment - last >= 1_500);
                prop_assert!(alone, "{decision:?} by a key in a row");
                let accepts = matches!(decision, Decision::Accepted | Decision::OtherTime(_));
                prop_assert!(!accepts || informed_until.is_some(), "{decision:?} of a table that was not heard");
                let spoken = matches!(input, Input::Spoken(_));
                prop_assert!(!spoken || pause >= TIMED.1, "{decision:?} by words before the question");
            }
            if matches!(input, Input::Digits(_)) {
                last = Some(moment);
            }
            reply = timed(next);
        }
    }
}

/// Bursts of keys, each typed at once when the document before it was heard.
fn bursts(all: &[&str]) -> Vec<(char, u32)> {
    let pauses = |at| if at == 0 { THINKS } else { 300 };
    all.iter()
        .flat_map(|burst| {
            burst
                .chars()
                .enumerate()
                .map(move |(at, key)| (key, pauses(at)))
        })
        .collect()
}

#[test]
fn the_rest_of_a_row_is_heard_after_a_change_of_mind_and_at_the_very_end() {
    for all in [&["2", "1930"][..], &["1", "2015"], &["2", "1", "2015"]] {
        assert_eq!(type_in_a_row(&bursts(all), &FACTS).0, None, "{all:?}");
    }
    for stars in 0..usize::from(MOST_REPLIES) {
        let mut all = vec!["*"; stars];
        for row in ["1930", "1*2", "1#2", "1**2", "11#2"] {
            all.push(row);
            let (decision, _) = type_in_a_row(&bursts(&all), &FACTS);
            assert_eq!(decision, None, "{stars} stars and {row}");
            all.pop();
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_decided_by_a_key_that_was_never_pressed_by_itself(
        without_one in proptest::collection::vec(prop::sample::select(vec!["2", "12", "19", "1930", "21", "3", "31930", "7", "*", "2015", "22", "*1", "1230#"]), 0..20),
        without_two in proptest::collection::vec(prop::sample::select(vec!["1", "12", "19", "1930", "21", "3", "31930", "7", "*", "2015", "11", "*2", "2130#"]), 0..20),
    ) {
        let (decision, _) = type_in_a_row(&bursts(&without_one), &FACTS);
        let is_accepted = matches!(decision, Some(Decision::Accepted | Decision::OtherTime(_)));
        prop_assert!(!is_accepted, "{without_one:?}: {decision:?}");
        let (decision, _) = type_in_a_row(&bursts(&without_two), &FACTS);
        prop_assert_ne!(decision, Some(Decision::Declined), "{:?}", without_two);
    }
}
