//! Keys: when one decides, and what comes of one that is late.

use super::table::every_event;
use super::*;

#[test]
fn a_key_decides_at_once_and_the_end_makes_it_final() {
    let call = run(&in_progress(), &[key(first(), "1")]);
    assert_eq!(
        (call.outcome(), call.is_finished()),
        (Some(Outcome::Confirmed), false)
    );
    let call = settle(run(&call, &[closed(FinalStatus::Completed)]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
    assert_eq!(call.attempts[0].ended, Some(Ended::Confirmed));
}

#[test]
fn completed_that_overtakes_the_key_waits_for_it() {
    let ended = run(&in_progress(), &[closed(FinalStatus::Completed)]);
    assert!(matches!(
        ended.state,
        State::Settling {
            from: Evidence::Keypad,
            ..
        }
    ));
    let call = settle(run(&ended, &[key(first(), "2")]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Rejected
        }
    );
}

/// Twilio tries to deliver a key for 15 seconds, also after the line was closed, and nothing that
/// comes after the end of the call can count.
#[test]
fn the_last_attempt_waits_as_long_as_twilio_tries() {
    let mut call = in_progress();
    std::sync::Arc::make_mut(&mut call.reservation).attempts = 1;
    let mut call = step(&call, closed(FinalStatus::Completed), after(2)).call;
    while let Some(at) = call.wake_at().filter(|at| *at < after(16)) {
        call = step(&call, Event::Wake, at).call;
    }
    let call = settle(step(&call, key(first(), "1"), after(16)).call);
    assert_eq!(call.outcome(), Some(Outcome::Confirmed));
}

#[test]
fn a_late_key_cancels_the_planned_retry() {
    let waiting = settle(run(&in_progress(), &[closed(FinalStatus::Completed)]));
    assert!(matches!(
        waiting.state,
        State::Queued {
            waiting_for: Some(WaitingFor::Retry),
            ..
        }
    ));
    let call = settle(run(&waiting, &[key(first(), "1")]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

#[test]
fn a_late_key_ends_the_attempt_that_came_after_it() {
    let waiting = settle(run(&in_progress(), &[closed(FinalStatus::Completed)]));
    let second = AttemptRef {
        attempt: 2,
        sid: CallSid::from_bytes([8; 16]),
    };
    let ringing = run(
        &waiting,
        &[
            Event::Dial { from: from() },
            Event::Accepted(second),
            Event::Reached(second, CarrierStatus::Ringing),
        ],
    );
    let late = step(&ringing, key(first(), "1"), after(2));
    assert_eq!(
        late.effects,
        [Effect::HangUp {
            attempt: 2,
            sid: second.sid
        }]
    );
    let answered = step(
        &late.call,
        Event::Fetched {
            on: second,
            sealed_at: start(),
        },
        after(3),
    );
    let decided = Reply::Decided {
        decision: Decision::Accepted,
        listen: None,
    };
    assert_eq!(
        answered.reply,
        Some(decided),
        "they are told what they said, and not asked again"
    );
    let closing = Closing {
        how: FinalStatus::Canceled,
        sip_code: None,
        twilio_code: None,
        duration_seconds: None,
    };
    let call = settle(run(&late.call, &[Event::Closed(second, closing)]));
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Confirmed
        }
    );
}

#[test]
fn nothing_after_the_end_changes_the_verdict() {
    let done = settle(run(
        &in_progress(),
        &[key(first(), "1"), closed(FinalStatus::Completed)],
    ));
    for event in every_event() {
        let after_end = step(&done, event.clone(), after(60)).call;
        assert_eq!(after_end.state, done.state, "{event:?}");
        assert_eq!(after_end.outcome(), done.outcome(), "{event:?}");
    }
}

#[test]
fn another_callsid_changes_nothing() {
    let other = AttemptRef {
        attempt: 1,
        sid: CallSid::from_bytes([9; 16]),
    };
    let call = in_progress();
    let stolen = step(
        &call,
        Event::Keyed {
            on: other,
            position: first(),
            input: Input::digits("1"),
            sealed_at: start(),
        },
        after(2),
    );
    assert!(!stolen.changed);
    assert_eq!(stolen.reply, Some(Reply::Apology(Apology::Fault)));
    let closing = Closing {
        how: FinalStatus::Busy,
        sip_code: None,
        twilio_code: None,
        duration_seconds: None,
    };
    assert!(!step(&call, Event::Closed(other, closing), after(2)).changed);
}
