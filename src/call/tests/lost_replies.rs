//! Keys that were heard while the reply to them was lost: Twilio asks the fallback, and the talk
//! goes on from the key.

use super::*;

fn resumed(position: TalkPosition) -> Event {
    Event::Resumed {
        on: ON,
        position: Some(position),
        sealed_at: start(),
    }
}

/// Hears the event, and gives the call with what the restaurant can press next.
fn told(call: &Call, event: Event) -> (Call, Option<TalkPosition>) {
    let next = step(call, event, after(2));
    (next.call, next.reply.and_then(|reply| reply.listen()))
}

/// A talk in which replies may be lost after a key, and what the last key that was heard decided.
fn talk_with_losses(keys: &[(&str, bool)]) -> (Call, Option<Decision>) {
    let context = TalkContext::of(&reservation());
    let (mut call, mut position) = told(&dialing(), fetched());
    let mut decision = None;
    for (key, is_lost) in keys {
        let Some(at) = position else { break };
        match answer(at, input(key), &context).0 {
            KeyResult::Decided(new) => decision = Some(new),
            KeyResult::Withdrawn => decision = None,
            KeyResult::Nothing => {}
        }
        (call, position) = told(
            &call,
            Event::Keyed {
                on: ON,
                position: at,
                input: input(key),
                sealed_at: start(),
            },
        );
        if *is_lost {
            (call, position) = told(&call, resumed(at));
        }
    }
    (
        settle(run(&call, &[closed(FinalStatus::Completed)])),
        decision,
    )
}

#[test]
fn silence_after_the_fallback_leaves_a_heard_key_standing() {
    for (key, outcome) in [("1", Outcome::Confirmed), ("2", Outcome::Rejected)] {
        let (call, _) = talk_with_losses(&[
            ("*", false),
            (key, true),
            ("", false),
            ("", false),
            ("", false),
        ]);
        assert_eq!(call.state, State::Finished { outcome });
    }
}

#[test]
fn the_fallback_reads_back_the_key_whose_reply_was_lost() {
    let first = first();
    let (call, _) = told(&in_progress(), key(first, "1"));
    let reply = step(&call, resumed(first), after(2)).reply;
    assert!(
        matches!(
            reply,
            Some(Reply::Decided {
                decision: Decision::Accepted,
                listen: Some(_)
            })
        ),
        "{reply:?}"
    );
    let (call, _) = told(&in_progress(), key(first, "9"));
    let reply = step(&call, resumed(first), after(2)).reply;
    assert!(matches!(reply, Some(Reply::AskOptOut { .. })), "{reply:?}");
}

#[test]
fn a_wish_that_was_taken_back_stays_so_after_the_fallback() {
    let (call, decision) = talk_with_losses(&[("9", false), ("2", true), ("", false)]);
    assert_eq!((decision, call.decision()), (None, None));
    let (call, _) = talk_with_losses(&[("9", false), ("2", true), ("1", false)]);
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

// A key that this process has not received: the process that was asked for its document has ended,
// or was never reached.

/// A talk with a process that knows nothing of what was said in it before the document of
/// `position` failed: the call after these keys and the end of the line, and the keys as Twilio has
/// them.
fn resumed_in_ignorance(
    position: TalkPosition,
    keys: &[&str],
) -> (Call, Vec<(TalkPosition, String)>) {
    let taken = queued().taken_over(Attempt::new(1, from(), start()), 3, after(100));
    let (mut call, mut position) = told(&taken, resumed(position));
    let mut told_twilio = Vec::new();
    for pressed in keys {
        let at = position.expect("the talk goes on");
        told_twilio.push((at, (*pressed).to_owned()));
        (call, position) = told(
            &call,
            Event::Keyed {
                on: ON,
                position: at,
                input: input(pressed),
                sealed_at: start(),
            },
        );
    }
    (run(&call, &[closed(FinalStatus::Completed)]), told_twilio)
}

fn waits_for_events(call: &Call) -> bool {
    matches!(
        call.state,
        State::Settling {
            from: Evidence::Events { .. },
            ..
        }
    )
}

#[test]
fn silence_after_a_key_that_nobody_heard_does_not_count_as_no_answer() {
    for silences in 0..3 {
        let (ended, mut keys) = resumed_in_ignorance(first(), &vec![""; silences]);
        assert!(waits_for_events(&ended), "{silences}: {:?}", ended.state);
        // The key itself, and the same at the fallback, which Twilio asks without it.
        keys.splice(0..0, [(first(), "1".to_owned()), (first(), String::new())]);
        let call = events_read(&ended, &keys);
        assert_eq!(
            call.state,
            State::Finished {
                outcome: Outcome::Confirmed
            }
        );
        keys.remove(0);
        let call = events_read(&ended, &keys);
        assert!(
            matches!(call.state, State::Queued { .. }),
            "nobody pressed one: {:?}",
            call.state
        );
    }
}

#[test]
fn a_key_before_the_message_stays_one_however_often_twilio_sent_it() {
    let (ended, _) = resumed_in_ignorance(first(), &[""]);
    let soon = PressedKey {
        pressed_at: moment(first().prompt.handed_out + 1_000),
        pressed_by: moment(first().prompt.handed_out + 1_000),
        ..remembered(&[(first(), "1".to_owned())])[0]
    };
    let again = PressedKey {
        pressed_at: moment(first().prompt.handed_out + THINKS),
        pressed_by: moment(first().prompt.handed_out + THINKS),
        ..soon
    };
    let read = Event::EventsRead {
        attempt: 1,
        keys: Some([soon, again].into_iter().collect()),
    };
    let call = step(&ended, read, after(2_000)).call;
    assert_eq!(call.decision(), None, "{:?}", call.state);
}

#[test]
fn a_change_of_mind_that_nobody_heard_is_read_before_the_end() {
    let context = TalkContext::of(&reservation());
    for (before, second, outcome) in [
        ("1", "2", Outcome::Rejected),
        ("2", "1", Outcome::Confirmed),
    ] {
        let change = answer(first(), input(before), &context).1.listen().unwrap();
        let (ended, mut keys) = resumed_in_ignorance(change, &[""]);
        assert!(
            waits_for_events(&ended) && ended.decision().is_some(),
            "{:?}",
            ended.state
        );
        keys.splice(
            0..0,
            [(first(), before.to_owned()), (change, second.to_owned())],
        );
        let call = events_read(&ended, &keys);
        assert_eq!(call.state, State::Finished { outcome });
    }
}

#[test]
fn a_key_pressed_after_the_one_that_nobody_heard_decides_without_delay() {
    for (key, outcome) in [
        ("1", Outcome::Confirmed),
        ("2", Outcome::Rejected),
        ("9", Outcome::OptedOut),
    ] {
        let (ended, _) = resumed_in_ignorance(first(), &[key]);
        assert_eq!(settle(ended).state, State::Finished { outcome });
    }
}

#[test]
fn a_key_that_is_heard_late_stands_against_the_silence_of_a_talk_that_began_anew() {
    let first = first();
    let (call, anew) = told(&in_progress(), resumed(first));
    let (call, _) = told(&call, key(first, "1"));
    let silent = |position| Event::Keyed {
        on: ON,
        position,
        input: Input::Silence,
        sealed_at: start(),
    };
    let (call, again) = told(&call, silent(anew.unwrap()));
    let (call, again) = told(&call, silent(again.unwrap()));
    let (call, over) = told(&call, silent(again.unwrap()));
    assert_eq!(over, None, "goodbye");
    let call = settle(run(&call, &[closed(FinalStatus::Completed)]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

/// A talk as it goes on whatever is lost: of each key, whether it was heard here, and whether its
/// reply was.
fn talk_with_gaps(
    keys: &[(&str, bool, bool)],
) -> (Call, Vec<(TalkPosition, String)>, Option<Decision>) {
    let context = TalkContext::of(&reservation());
    let (mut call, mut position) = told(&dialing(), fetched());
    let (mut record, mut decision) = (Vec::new(), None);
    for (pressed, is_heard, is_lost) in keys {
        let Some(at) = position else { break };
        match answer(at, input(pressed), &context).0 {
            KeyResult::Decided(new) => decision = Some(new),
            KeyResult::Withdrawn => decision = None,
            KeyResult::Nothing => {}
        }
        // Twilio's record has keys; what words mean was found out before.
        let meant = match talk::as_digits(at, input(pressed), at.prompt.handed_out + THINKS) {
            Some(Input::Digits(digits)) => digits.to_string(),
            Some(Input::Silence | Input::Spoken(_)) | None => String::new(),
        };
        record.push((at, meant));
        if *is_heard {
            (call, position) = told(
                &call,
                Event::Keyed {
                    on: ON,
                    position: at,
                    input: input(pressed),
                    sealed_at: start(),
                },
            );
        }
        if *is_lost || !is_heard {
            record.push((at, String::new()));
            (call, position) = told(&call, resumed(at));
        }
    }
    (
        settle(run(&call, &[closed(FinalStatus::Completed)])),
        record,
        decision,
    )
}

#[test]
fn an_acceptance_after_a_change_of_mind_counts_though_nobody_here_heard_it() {
    let keys = [
        ("9", true, false),
        ("2", true, false),
        ("1", false, false),
        ("", true, false),
        ("", true, false),
    ];
    for heard in 3..=keys.len() {
        let (ended, record, decision) = talk_with_gaps(&keys[..heard]);
        assert!(waits_for_events(&ended), "{heard}: {:?}", ended.state);
        let call = events_read(&ended, &record);
        assert_eq!(
            (call.decision(), decision),
            (Some(Decision::Accepted), Some(Decision::Accepted))
        );
    }
}

#[test]
fn a_time_that_was_typed_is_read_back_after_the_fallback() {
    for lost in 0..3 {
        let keys = ["3", "2015", "1"];
        let keys: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| (*key, at == lost))
            .collect();
        let (call, _) = talk_with_losses(&keys);
        assert_eq!(
            call.state,
            State::Finished {
                outcome: Outcome::Confirmed
            },
            "the reply to key {lost} was lost"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_talk_ends_the_same_whichever_replies_were_lost(keys in proptest::collection::vec((prop::sample::select(vec!["", "1", "2", "3", "9", "*", "7", "2015", "9999", "yes", "no"]), any::<bool>()), 0..10)) {
        let (call, decision) = talk_with_losses(&keys);
        let whole: Vec<_> = keys.iter().map(|(key, _)| (*key, false)).collect();
        let (without, expected) = talk_with_losses(&whole);
        prop_assert_eq!((call.decision(), call.outcome()), (without.decision(), without.outcome()));
        prop_assert_eq!((call.decision(), decision), (expected, expected));
    }

    #[test]
    fn the_last_key_decides_whichever_keys_were_not_heard(keys in proptest::collection::vec((prop::sample::select(vec!["", "1", "2", "3", "9", "*", "7", "2015", "9999", "yes", "no"]), any::<bool>(), any::<bool>()), 0..10)) {
        let (call, record, decision) = talk_with_gaps(&keys);
        let told = if waits_for_events(&call) { events_read(&call, &record) } else { call };
        // A wish not to be called is kept as soon as it is heard: what was taken back unheard
        // stands.
        let unheard = told.decision() == Some(Decision::OptedOut) && keys.iter().any(|(_, is_heard, _)| !is_heard);
        prop_assert!(told.decision() == decision || unheard, "{:?}, not {decision:?}", told.decision());
    }
}
