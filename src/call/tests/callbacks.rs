//! Restaurants that call back.

use super::answers::{back, waiting};
use super::*;

/// Plays keys of a restaurant that rings back, and gives the events they make.
pub(super) fn ring_back(keys: &[&str]) -> Vec<Event> {
    let (mut call, mut position, mut events) = (waiting(), ringing_back(), Vec::new());
    for key in keys {
        let event = back(position, key);
        let next = step(&call, event.clone(), after(2));
        events.push(event);
        call = next.call;
        let Some(listen) = next.reply.and_then(|reply| reply.listen()) else {
            break;
        };
        position = listen;
    }
    events
}

#[test]
fn who_rings_back_decides_and_may_change_it() {
    for (keys, outcome) in [
        (&["1"][..], Outcome::Confirmed),
        (&["2"], Outcome::Rejected),
        (&["1", "2"], Outcome::Rejected),
        (&["7", "2", "1"], Outcome::Confirmed),
    ] {
        let call = ring_back(keys).iter().fold(waiting(), |call, event| {
            step(&call, event.clone(), after(2)).call
        });
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
fn who_rings_back_may_change_it_after_our_ringing_has_ended() {
    let ringing = run(
        &dialing(),
        &[
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
        ],
    );
    let accepted = step(&ringing, back(ringing_back(), "1"), after(2));
    let change = accepted.reply.and_then(|reply| reply.listen()).unwrap();
    for how in [
        FinalStatus::Canceled,
        FinalStatus::NoAnswer,
        FinalStatus::Busy,
        FinalStatus::Failed,
    ] {
        let ended = run(&accepted.call, &[closed(how)]);
        assert!(!ended.is_finished(), "{how:?}");

        let declined = step(&ended, back(change, "2"), after(6)).call;
        let done = step(&declined, Event::Wake, declined.wake_at().unwrap()).call;
        let outcome = Outcome::Rejected;
        assert_eq!(done.state, State::Finished { outcome }, "{how:?}");
    }
}

#[test]
fn a_reply_about_a_finished_call_tells_what_counts() {
    let done = settle(run(
        &in_progress(),
        &[key(first(), "1"), closed(FinalStatus::Completed)],
    ));
    let (_, reply) = answer(
        first(),
        Input::digits("1"),
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
