//! Answers that come by other ways than a plain talk: machines, messages, calls that come to us,
//! wishes not to be called.

use super::*;
use crate::call::talk::Goodbye;
use crate::domain::VoicemailAction;

fn leaving() -> Call {
    let reservation = Reservation {
        voicemail: VoicemailAction::LeaveMessage,
        ..reservation()
    };
    let call = Call::new(
        CallId::from_bytes([1; 16]),
        "test".into(),
        Arc::new(reservation),
        start(),
    );
    run(
        &call,
        &[
            Event::Dial { from: from() },
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
            fetched(),
        ],
    )
}

fn detected<'a>(machine: Machine) -> Event<'a> {
    Event::Detected(ON, machine)
}

fn silent<'a>(position: TalkPosition) -> Event<'a> {
    Event::Keyed {
        on: ON,
        position,
        input: Input::Silence,
        sealed_at: start(),
    }
}

fn back(position: TalkPosition, digits: &str) -> Event<'_> {
    Event::CalledBack {
        attempt: 1,
        position,
        input: Input::Digits(digits),
        sealed_at: start(),
    }
}

/// Plays keys of a restaurant that rings back, and gives the events they make.
fn ring_back<'a>(keys: &[&'a str]) -> Vec<Event<'a>> {
    let (mut call, mut position, mut events) = (waiting(), ringing_back(), Vec::new());
    for key in keys {
        let event = back(position, key);
        let next = step(&call, event, after(2));
        events.push(event);
        call = next.call;
        let Some(listen) = next.reply.and_then(|reply| reply.listen()) else {
            break;
        };
        position = listen;
    }
    events
}

/// Rung once without an answer.
fn waiting() -> Call {
    run(&dialing(), &[closed(FinalStatus::NoAnswer)])
}

#[test]
fn a_beep_ends_the_talk_unless_a_key_came() {
    let beeped = step(&in_progress(), detected(Machine::Beep), after(2));
    assert_eq!(
        beeped.effects,
        [Effect::HangUp {
            attempt: 1,
            sid: SID
        }]
    );
    let call = settle(run(&beeped.call, &[closed(FinalStatus::Completed)]));
    assert_eq!(call.attempts[0].ended, Some(Ended::Machine));
    assert!(matches!(
        call.state,
        State::Queued {
            waiting_for: Some(WaitingFor::Retry),
            ..
        }
    ));
    for keys in ["1", "*"] {
        let pressed = run(&in_progress(), &[key(first(), keys)]);
        assert_eq!(
            step(&pressed, detected(Machine::Beep), after(2)).effects,
            [],
            "{keys}"
        );
    }
    let both = settle(run(
        &beeped.call,
        &[key(first(), "1"), closed(FinalStatus::Completed)],
    ));
    assert_eq!(
        both.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

#[test]
fn a_voice_is_heard_out_once() {
    let heard = step(&in_progress(), detected(Machine::Voice), after(2));
    assert_eq!(
        heard.effects,
        [],
        "a company that greets at length sounds like a machine"
    );
    let silence = step(&heard.call, silent(first()), after(30));
    assert_eq!(silence.reply, Some(Reply::HangUp));
    assert_eq!(
        step(&silence.call, silent(first()), after(31)).reply,
        Some(Reply::HangUp),
        "a repeat"
    );
    let before = step(&in_progress(), silent(first()), after(2));
    let repeated = step(
        &run(&before.call, &[detected(Machine::Voice)]),
        silent(first()),
        after(4),
    );
    assert_eq!(
        repeated.reply, before.reply,
        "a repeat of what came before the verdict"
    );
    let call = settle(run(&silence.call, &[closed(FinalStatus::Completed)]));
    assert_eq!(call.attempts[0].ended, Some(Ended::Machine));
    let star = step(&heard.call, key(first(), "*"), after(30));
    let Some(listen) = star.reply.and_then(|reply| reply.listen()) else {
        panic!("{:?}", star.reply)
    };
    let later = step(&star.call, silent(listen), after(60));
    assert!(
        matches!(later.reply, Some(Reply::Ask { .. })),
        "whoever pressed a key is a person: {:?}",
        later.reply
    );
    let greeting = Event::Keyed {
        on: ON,
        position: first(),
        input: Input::Spoken(SpokenIntent::Unclear),
        sealed_at: start(),
    };
    assert_eq!(
        step(&heard.call, greeting, after(30)).reply,
        Some(Reply::HangUp),
        "what a greeting says is no answer"
    );
}

#[test]
fn a_fax_is_never_rung_again() {
    for call in [in_progress(), leaving()] {
        let fax = step(&call, detected(Machine::Fax), after(2));
        assert_eq!(
            fax.effects,
            [Effect::HangUp {
                attempt: 1,
                sid: SID
            }]
        );
        let call = settle(run(&fax.call, &[closed(FinalStatus::Completed)]));
        assert_eq!(
            call.state,
            State::Finished {
                outcome: Outcome::Machine
            }
        );
    }
}

#[test]
fn one_message_is_left_and_then_we_wait_to_be_called() {
    let beeped = step(&leaving(), detected(Machine::Beep), after(2));
    assert_eq!(
        beeped.effects,
        [Effect::LeaveMessage {
            attempt: 1,
            sid: SID
        }]
    );
    assert_eq!(
        step(&beeped.call, detected(Machine::Beep), after(3)).effects,
        [],
        "never a second message"
    );
    let left = Event::Message {
        attempt: 1,
        left: true,
    };
    let call = settle(run(&beeped.call, &[left, closed(FinalStatus::Completed)]));
    let give_up_at = call.reservation.give_up_at;
    assert_eq!(
        call.state,
        State::Queued {
            waiting_for: Some(WaitingFor::Callback),
            until: give_up_at
        }
    );
    assert_eq!(
        step(&call, Event::Wake, after(3_600)).effects,
        [],
        "nobody is rung meanwhile"
    );
    assert_eq!(
        step(&call, Event::Wake, give_up_at).call.state,
        State::Finished {
            outcome: Outcome::Machine
        }
    );
    let answered = ring_back(&["2"])
        .iter()
        .fold(call, |call, event| step(&call, *event, after(9_000)).call);
    let answered = answered
        .wake_at()
        .map(|at| step(&answered, Event::Wake, at).call)
        .unwrap();
    assert_eq!(
        answered.state,
        State::Finished {
            outcome: Outcome::Rejected
        }
    );
    assert_eq!(
        answered.attempts[0].ended,
        Some(Ended::Machine),
        "how the attempt ended stays true"
    );
}

#[test]
fn who_rings_back_and_hears_a_machine_again_gets_no_second_message() {
    let left = settle(run(
        &leaving(),
        &[detected(Machine::Beep), closed(FinalStatus::Completed)],
    ));
    let due = run(&left, &[Event::RingNow]);
    assert_eq!(due.wake_at(), Some(after(11)), "they have to hang up first");
    assert_eq!(run(&due, &[Event::RingNow]), due);
    let second = AttemptRef {
        attempt: 2,
        sid: Sid::from_bytes([8; 16]),
    };
    let beep = Event::Detected(second, Machine::Beep);
    let ringing = run(
        &due,
        &[
            Event::Dial { from: from() },
            Event::Accepted(second),
            Event::Reached(second, CarrierStatus::InProgress),
        ],
    );
    assert_eq!(
        step(&ringing, beep, after(60)).effects,
        [Effect::HangUp {
            attempt: 2,
            sid: second.sid
        }]
    );
    let closing = Closing {
        how: FinalStatus::NoAnswer,
        sip_code: None,
        twilio_code: None,
        duration_seconds: None,
    };
    let again = run(&ringing, &[Event::Closed(second, closing)]);
    assert!(matches!(
        again.state,
        State::Queued {
            waiting_for: Some(WaitingFor::Callback),
            ..
        }
    ));
}

#[test]
fn a_message_that_was_not_left_is_left_by_the_next_attempt() {
    let beeped = run(&leaving(), &[detected(Machine::Beep)]);
    let not_left = Event::Message {
        attempt: 1,
        left: false,
    };
    for events in [
        [not_left, closed(FinalStatus::Completed)],
        [closed(FinalStatus::Completed), not_left],
    ] {
        let call = settle(run(&beeped, &events));
        let call = run(&call, &[not_left]);
        assert!(
            matches!(
                call.state,
                State::Queued {
                    waiting_for: Some(WaitingFor::Retry),
                    ..
                }
            ),
            "{:?}",
            call.state
        );
        assert!(!call.has_message());
    }
}

#[test]
fn who_rings_back_decides_and_may_change_it() {
    for (keys, outcome) in [
        (&["1"][..], Outcome::Confirmed),
        (&["2"], Outcome::Rejected),
        (&["1", "2"], Outcome::Rejected),
        (&["7", "2", "1"], Outcome::Confirmed),
    ] {
        let call = ring_back(keys)
            .iter()
            .fold(waiting(), |call, event| step(&call, *event, after(2)).call);
        assert_eq!(
            (call.outcome(), call.is_finished()),
            (Some(outcome), false),
            "{keys:?}"
        );
        let done = call
            .wake_at()
            .map(|at| step(&call, Event::Wake, at).call)
            .unwrap();
        assert_eq!(done.state, State::Finished { outcome }, "{keys:?}");
        assert_eq!(done.attempts[0].ended, Some(Ended::NoAnswer));
    }
    let silent = Event::CalledBack {
        attempt: 1,
        position: ringing_back(),
        input: Input::Silence,
        sealed_at: start(),
    };
    assert_eq!(step(&waiting(), silent, after(2)).call.outcome(), None);
}

#[test]
fn who_rings_back_while_we_ring_ends_the_ringing() {
    let ringing = run(
        &dialing(),
        &[
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
        ],
    );
    let decided = step(&ringing, back(ringing_back(), "1"), after(2));
    assert_eq!(
        decided.effects,
        [Effect::HangUp {
            attempt: 1,
            sid: SID
        }]
    );
    let picked_up = step(&decided.call, fetched(), after(3));
    assert_eq!(
        picked_up.reply,
        Some(Reply::Decided {
            decision: Decision::Accepted,
            listen: None
        })
    );
    let call = run(&picked_up.call, &[closed(FinalStatus::Completed)]);
    let call = step(&call, Event::Wake, call.wake_at().unwrap()).call;
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

#[test]
fn a_reply_about_a_finished_call_tells_what_counts() {
    let done = settle(run(
        &in_progress(),
        &[key(first(), "1"), closed(FinalStatus::Completed)],
    ));
    let (_, reply) = answer(
        first(),
        Input::Digits("1"),
        &TalkContext::of(&done.reservation),
    );
    let change = reply.listen().unwrap();
    let late = step(&done, key(change, "2"), after(60));
    assert_eq!(
        late.reply,
        Some(Reply::Decided {
            decision: Decision::Accepted,
            listen: None
        })
    );
    assert_eq!(
        step(&done, key(first(), "1"), after(60)).reply,
        Some(reply),
        "a repeat hears the same again"
    );
    let called = step(&done, back(ringing_back(), "2"), after(60));
    assert_eq!(
        called.reply,
        Some(Reply::Decided {
            decision: Decision::Accepted,
            listen: None
        })
    );
}

#[test]
fn the_wish_not_to_be_called_is_certain_when_the_talk_is_over() {
    let nine = step(&in_progress(), key(first(), "9"), after(2));
    assert_eq!(
        nine.call.outcome(),
        Some(Outcome::OptedOut),
        "it counts at once"
    );
    assert!(
        !nine.effects.contains(&Effect::OptOut),
        "it can still be taken back"
    );
    let listen = nine.reply.and_then(|reply| reply.listen()).unwrap();
    for last in [
        key(listen, "1"),
        silent(listen),
        closed(FinalStatus::Completed),
    ] {
        let certain = step(&nine.call, last, after(3));
        assert!(certain.effects.contains(&Effect::OptOut), "{last:?}");
        assert!(
            step(&certain.call, last, after(4))
                .effects
                .contains(&Effect::OptOut)
                || !matches!(last, Event::Keyed { .. })
        );
    }
    let taken_back = run(&nine.call, &[key(listen, "2")]);
    let ended = step(&taken_back, closed(FinalStatus::Completed), after(4));
    assert!(!ended.effects.contains(&Effect::OptOut) && ended.call.outcome().is_none());
}

#[test]
fn all_that_waits_ends_when_the_number_opts_out() {
    for call in [queued(), waiting()] {
        assert_eq!(
            run(&call, &[Event::OptedOut]).state,
            State::Finished {
                outcome: Outcome::OptedOut
            }
        );
    }
    let ringing = run(
        &dialing(),
        &[
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
        ],
    );
    let barred = step(&ringing, Event::OptedOut, after(2));
    assert_eq!(
        barred.effects,
        [Effect::HangUp {
            attempt: 1,
            sid: SID
        }]
    );
    let picked_up = step(&barred.call, fetched(), after(3));
    assert_eq!(picked_up.reply, Some(Reply::Apology(Apology::OptedOut)));
    let call = settle(run(&picked_up.call, &[closed(FinalStatus::Completed)]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::OptedOut
        }
    );
    let pressed = settle(run(
        &barred.call,
        &[fetched(), key(first(), "1"), closed(FinalStatus::Completed)],
    ));
    assert_eq!(
        pressed.state,
        State::Finished {
            outcome: Outcome::Confirmed
        },
        "a key always wins"
    );
    let decided = run(&in_progress(), &[key(first(), "1")]);
    assert_eq!(run(&decided, &[Event::OptedOut]), decided);
}

#[test]
fn a_key_counts_although_time_ran_out_during_the_talk() {
    let late = in_progress().reservation.give_up_at + SignedDuration::from_secs(5);
    let call = step(&in_progress(), key(first(), "1"), late).call;
    assert_eq!(call.outcome(), Some(Outcome::Confirmed));
    let unheard = run(&dialing(), &[Event::Accepted(ON)]);
    assert_eq!(
        step(&unheard, fetched(), late).reply,
        Some(Reply::Apology(Apology::Expired))
    );
}

#[test]
fn what_is_said_is_what_its_key_would_be() {
    let context = TalkContext::of(&reservation());
    // Whether it was a key or a word matters only to the key that follows at once.
    let without_key = |(heard, reply): (KeyResult, Reply)| {
        let reply = reply.listening(|position| TalkPosition {
            prompt: PromptTiming {
                after: None,
                ..position.prompt
            },
            ..position
        });
        (heard, reply)
    };
    let said =
        |position: TalkPosition, said| without_key(answer(position, Input::Spoken(said), &context));
    let pressed =
        |position: TalkPosition, key| without_key(answer(position, Input::Digits(key), &context));
    let first = first();
    for (word, key) in [
        (SpokenIntent::Yes, "1"),
        (SpokenIntent::No, "2"),
        (SpokenIntent::Again, "*"),
        (SpokenIntent::OtherTime, "3"),
    ] {
        assert_eq!(said(first, word), pressed(first, key));
    }
    let unclear = said(first, SpokenIntent::Unclear);
    assert!(matches!(
        unclear,
        (
            KeyResult::Nothing,
            Reply::Keys {
                because: talk::RepromptReason::NotUnderstood,
                ..
            }
        )
    ));
    let without = context;
    assert!(
        matches!(
            answer(first, Input::Spoken(SpokenIntent::OtherTime), &without).1,
            Reply::AskTime { .. }
        ),
        "key 3 is understood also where it was not named"
    );
    let change = pressed(first, "1").1.listen().unwrap();
    for word in [SpokenIntent::Yes, SpokenIntent::No, SpokenIntent::Unclear] {
        assert_eq!(
            said(change, word),
            (KeyResult::Nothing, Reply::Goodbye(Goodbye::Decided)),
            "only a key changes a decision"
        );
    }
    let opt_out = pressed(first, "9").1.listen().unwrap();
    assert_eq!(said(opt_out, SpokenIntent::No).0, KeyResult::Withdrawn);
    let (heard, reply) = said(opt_out, SpokenIntent::OtherTime);
    assert!(heard == KeyResult::Nothing && matches!(reply, Reply::AskOptOut { .. }));
}

proptest! {
    // Many talks end without a decision.
    #![proptest_config(ProptestConfig { max_global_rejects: 8_192, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_verdict_on_machines_takes_an_answer_away(
        (events, decision) in talks().prop_filter("staff decide", |(_, decision)| decision.is_some()),
        machine in 0..3_usize, message: bool, at: Index, order in proptest::collection::vec(any::<Index>(), 0..16)
    ) {
        let machine = [Machine::Beep, Machine::Voice, Machine::Fax][machine];
        let mut all: Vec<_> = events.iter().map(|event| (event.event(), event.at())).collect();
        all.insert(at.index(all.len()), (detected(machine), after(1)));
        all.extend(message.then_some((Event::Message { attempt: 1, left: true }, after(1))));
        for (at, with) in order.iter().enumerate() {
            let len = all.len();
            all.swap(at % len, with.index(len));
        }
        for begun in [dialing(), leaving()] {
            let call = settle(all.iter().fold(begun, |call, (event, at)| super::super::step::step(&call, *event, *at).call));
            prop_assert_eq!(call.state, State::Finished { outcome: verdict_of(decision.unwrap()) });
        }
    }

    #[test]
    fn the_last_word_of_who_rings_back_decides_in_every_order(
        keys in proptest::collection::vec(prop::sample::select(vec!["", "1", "2", "7"]), 1..5),
        silences in 0..3_usize, order in proptest::collection::vec(any::<Index>(), 0..16), repeats in proptest::collection::vec(any::<Index>(), 0..6)
    ) {
        let called = ring_back(&keys);
        let context = TalkContext::of(&reservation());
        let mut wanted = None;
        for event in &called {
            if let Event::CalledBack { position, input, .. } = event {
                let position = TalkPosition { step: position.step - 128, ..*position };
                match answer(position, *input, &context).0 {
                    KeyResult::Decided(new) => wanted = Some(new),
                    KeyResult::Withdrawn => wanted = None,
                    KeyResult::Nothing => {}
                }
            }
        }
        // Before them, a talk of ours in which nobody pressed a key.
        let (mut reply, mut events) = (open(), vec![Event::Accepted(ON), fetched()]);
        for _ in 0..silences {
            let Some(position) = reply.listen() else { break };
            events.push(silent(position));
            reply = answer(position, Input::Silence, &context).1;
        }
        events.push(closed(FinalStatus::Completed));
        events.extend(&called);
        for (at, with) in order.iter().enumerate() {
            let len = events.len();
            events.swap(at % len, with.index(len));
        }
        events.extend(repeats.iter().map(|index| *index.get(&events)).collect::<Vec<_>>());
        let mut call = run(&dialing(), &events);
        if call.decision().is_some() {
            while let Some(at) = call.wake_at() {
                call = step(&call, Event::Wake, at).call;
            }
            prop_assert_eq!(call.outcome(), wanted.map(verdict_of));
        } else {
            prop_assert_eq!(wanted, None);
        }
    }

    #[test]
    fn a_wish_not_to_be_called_is_always_told((events, decision) in talks(), order in proptest::collection::vec(any::<Index>(), 0..24)) {
        let mut shuffled: Vec<_> = events.iter().map(|event| (event.event(), event.at())).collect();
        for (at, with) in order.iter().enumerate() {
            let len = shuffled.len();
            shuffled.swap(at % len, with.index(len));
        }
        let (mut call, mut told) = (dialing(), false);
        let mut play = |call: &mut Call, event, now| {
            let next = super::super::step::step(call, event, now);
            told |= next.effects.contains(&Effect::OptOut);
            *call = next.call;
        };
        shuffled.into_iter().for_each(|(event, at)| play(&mut call, event, at));
        while let Some(at) = call.wake_at().filter(|at| *at < after(240)) {
            play(&mut call, Event::Wake, at);
        }
        prop_assert!(told || decision != Some(Decision::OptedOut));
    }
}
