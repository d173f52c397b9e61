//! Answers that come by other ways than a plain talk, in every order.

use super::callbacks::ring_back;
use super::*;
use crate::call::talk::Goodbye;
use crate::domain::VoicemailAction;

pub(super) fn leaving() -> Call {
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

pub(super) fn detected(machine: Machine) -> Event {
    Event::Detected(ON, machine)
}

pub(super) fn silent(position: TalkPosition) -> Event {
    Event::Keyed {
        on: ON,
        position,
        input: Input::Silence,
        sealed_at: start(),
    }
}

pub(super) fn back(position: TalkPosition, digits: &str) -> Event {
    Event::CalledBack {
        attempt: 1,
        position,
        input: Input::digits(digits),
        sealed_at: start(),
    }
}

/// Rung once without an answer.
pub(super) fn waiting() -> Call {
    run(&dialing(), &[closed(FinalStatus::NoAnswer)])
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
        |position: TalkPosition, key| without_key(answer(position, Input::digits(key), &context));
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
        let mut all: Vec<_> = events.into_iter().map(|past| (past.event, past.at)).collect();
        all.insert(at.index(all.len()), (detected(machine), after(1)));
        all.extend(message.then_some((Event::Message { attempt: 1, left: true }, after(1))));
        for (at, with) in order.iter().enumerate() {
            let len = all.len();
            all.swap(at % len, with.index(len));
        }
        for begun in [dialing(), leaving()] {
            let call = settle(all.iter().fold(begun, |call, (event, at)| super::super::step::step(&call, event.clone(), *at).call));
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
        events.extend(called);
        for (at, with) in order.iter().enumerate() {
            let len = events.len();
            events.swap(at % len, with.index(len));
        }
        events.extend(repeats.iter().map(|index| index.get(&events).clone()).collect::<Vec<_>>());
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
        let mut shuffled: Vec<_> = events.into_iter().map(|past| (past.event, past.at)).collect();
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
