//! Wishes not to be called again.

use super::answers::{silent, waiting};
use super::*;
use crate::call::Goodbye;

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
        let certain = step(&nine.call, last.clone(), after(3));
        assert!(certain.effects.contains(&Effect::OptOut), "{last:?}");
        assert!(
            step(&certain.call, last.clone(), after(4))
                .effects
                .contains(&Effect::OptOut)
                || !matches!(last, Event::Keyed { .. })
        );
    }
    // The process that received the end died before it kept the wish: the process that concludes
    // the call keeps it.
    let Event::Closed(_, closing) = closed(FinalStatus::Completed) else {
        unreachable!("it is what it is called");
    };
    let found = step(
        &nine.call,
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Closed(ON, closing),
        },
        after(400),
    );
    assert!(
        found.effects.contains(&Effect::OptOut),
        "nobody heard its end"
    );
    let settling = run(&nine.call, &[closed(FinalStatus::Completed)]);
    let concluded = step(&settling, Event::Wake, after(60));
    assert!(concluded.call.is_finished() && concluded.effects.contains(&Effect::OptOut));
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

/// Twilio's request with the key may come after the call has ended for the guest.
#[test]
fn the_wish_not_to_be_called_counts_after_the_end_too() {
    let ended = settle(run(&in_progress(), &[closed(FinalStatus::Completed)]));
    let finished = step(&ended, Event::Block(Outcome::Expired), after(400)).call;
    let canceled = run(&in_progress(), &[Event::Cancel]);
    for call in [finished, canceled] {
        let nine = step(&call, key(first(), "9"), after(401));
        assert_eq!(nine.effects, [Effect::OptOut]);
        assert_eq!(nine.reply, Some(Reply::Goodbye(Goodbye::OptedOut)));
        assert_eq!(nine.call.outcome(), call.outcome(), "it stays as told");
        let again = step(&nine.call, key(first(), "9"), after(402));
        assert_eq!(again.effects, [Effect::OptOut], "the first may be lost");
        for other in ["1", "2", "3", "7"] {
            let pressed = step(&call, key(first(), other), after(401));
            assert!(!pressed.effects.contains(&Effect::OptOut), "{other}");
        }
    }
}
