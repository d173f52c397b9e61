//! Calls that a process rebuilt from a ticket, and those that it leaves when it ends.

use super::*;

#[test]
fn a_process_that_knows_nothing_never_concludes_that_no_key_was_pressed() {
    let attempt = Attempt::new(1, from(), start());
    let taken = queued().taken_over(attempt, 3, after(100));
    let ended = step(&taken, closed(FinalStatus::Completed), after(101)).call;
    assert!(matches!(
        ended.state,
        State::Settling {
            from: Evidence::Events { .. },
            ..
        }
    ));
    let mut call = ended.clone();
    let mut asked = 0;
    while let Some(at) = call.wake_at() {
        let woken = step(&call, Event::Wake, at);
        assert!(
            woken
                .effects
                .iter()
                .all(|effect| *effect == Effect::ReadEvents { attempt: 1 }),
            "never rung again"
        );
        asked += woken.effects.len();
        call = woken.call;
    }
    assert!(asked >= 3);
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Unknown
        }
    );
    let keys = [(first(), "1".to_owned())];
    let told = events_read(&ended, &keys);
    assert_eq!(
        told.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

#[test]
fn a_process_that_ends_leaves_no_call_that_waits_for_twilios_record() {
    let taken = queued().taken_over(Attempt::new(1, from(), start()), 3, after(100));
    let ended = run(&taken, &[closed(FinalStatus::Completed)]);
    assert_eq!(
        run(&ended, &[Event::Shutdown]).state,
        State::Finished {
            outcome: Outcome::Unknown
        }
    );
    let canceled = run(
        &taken,
        &[
            Event::Cancel,
            closed(FinalStatus::Completed),
            Event::Shutdown,
        ],
    );
    assert!(!canceled.is_finished(), "it is concluded in a moment");
}

#[test]
fn a_process_that_takes_over_learns_from_the_turn_what_was_decided() {
    let taken = queued().taken_over(Attempt::new(1, from(), start()), 3, after(100));
    let (_, reply) = answer(
        first(),
        Input::digits("1"),
        &TalkContext::of(&taken.reservation),
    );
    let change = reply.listen().unwrap();
    let silent = Event::Keyed {
        on: ON,
        position: change,
        input: Input::Silence,
        sealed_at: start(),
    };
    let call = settle(run(&taken, &[silent, closed(FinalStatus::Completed)]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}
