//! Ends of attempts and calls, and attempts of which nothing is heard.

use super::*;

#[test]
fn a_create_without_an_answer_is_never_repeated_before_twilio_was_searched_twice() {
    let mut call = run(&dialing(), &[Event::Unanswered { attempt: 1 }]);
    let mut searches = 0;
    while call.attempts.len() == 1 {
        let at = call.wake_at().unwrap();
        assert!(
            at.duration_since(call.attempts[0].started_at) >= SignedDuration::from_secs(150)
                || searches > 0
        );
        let woken = step(&call, Event::Wake, at);
        call = woken.call;
        for effect in woken.effects {
            if effect == (Effect::LookUp { attempt: 1 }) {
                searches += 1;
                call = step(
                    &call,
                    Event::LookedUp {
                        attempt: 1,
                        found: LookupResult::Nothing,
                    },
                    at,
                )
                .call;
            } else {
                assert_eq!(effect, Effect::Consider);
                call = step(&call, Event::Dial { from: from() }, at).call;
            }
        }
    }
    assert_eq!(searches, 2);
}

#[test]
fn cancel_works_in_every_state() {
    let canceled = |call: &Call| step(call, Event::Cancel, after(2));
    assert_eq!(
        canceled(&queued()).call.state,
        State::Finished {
            outcome: Outcome::Canceled
        }
    );
    let asked = canceled(&dialing());
    assert!(
        asked.effects.is_empty(),
        "there is no name to hang up by yet"
    );
    let named = step(&asked.call, Event::Accepted(ON), after(3));
    assert_eq!(
        named.effects,
        [Effect::HangUp {
            attempt: 1,
            sid: SID
        }]
    );
    let live = canceled(&in_progress());
    assert_eq!(
        live.effects,
        [Effect::Apologize {
            attempt: 1,
            sid: SID
        }]
    );
    let ended = settle(run(&live.call, &[closed(FinalStatus::Completed)]));
    assert_eq!(
        ended.state,
        State::Finished {
            outcome: Outcome::Canceled
        }
    );
    let decided = run(&in_progress(), &[key(first(), "1")]);
    assert!(!canceled(&decided).changed, "a key has decided");
    assert!(
        !canceled(&live.call).changed,
        "cancelling twice is cancelling once"
    );
}

#[test]
fn each_end_has_its_pause_and_its_verdict() {
    let ended = |how| {
        run(
            &run(
                &dialing(),
                &[
                    Event::Accepted(ON),
                    Event::Reached(ON, CarrierStatus::Ringing),
                ],
            ),
            &[closed(how)],
        )
    };
    let pause = |call: &Call| {
        call.wake_at()
            .map(|at| at.duration_since(after(1)).as_mins())
    };
    assert_eq!(pause(&ended(FinalStatus::Busy)), Some(3));
    assert_eq!(pause(&ended(FinalStatus::NoAnswer)), Some(15));
    let mut call = dialing();
    for attempt in 1..=3 {
        let on = AttemptRef {
            attempt,
            sid: CallSid::from_bytes([attempt; 16]),
        };
        let closing = Closing {
            how: FinalStatus::Busy,
            sip_code: Some(486),
            twilio_code: None,
            duration_seconds: Some(0),
        };
        call = run(
            &call,
            &[Event::Closed(on, closing), Event::Dial { from: from() }],
        );
    }
    assert_eq!(
        call.state,
        State::Finished {
            outcome: Outcome::Busy
        }
    );
    assert_eq!(call.attempts.len(), 3);
    let refused = run(
        &dialing(),
        &[Event::Refused {
            attempt: 1,
            code: Some(21_215),
        }],
    );
    assert_eq!(
        refused.state,
        State::Finished {
            outcome: Outcome::Failed
        }
    );
}

#[test]
fn without_news_twilio_is_asked() {
    for call in [
        dialing(),
        run(
            &dialing(),
            &[
                Event::Accepted(ON),
                Event::Reached(ON, CarrierStatus::Ringing),
            ],
        ),
        in_progress(),
    ] {
        let woken = step(&call, Event::Wake, call.wake_at().unwrap());
        assert_eq!(woken.effects, [Effect::LookUp { attempt: 1 }]);
        let closing = Closing {
            how: FinalStatus::NoAnswer,
            sip_code: Some(487),
            twilio_code: None,
            duration_seconds: None,
        };
        let found = step(
            &woken.call,
            Event::LookedUp {
                attempt: 1,
                found: LookupResult::Closed(ON, closing),
            },
            after(600),
        )
        .call;
        assert_eq!(found.attempts[0].line, CarrierStatus::Ended);
        let live = step(
            &woken.call,
            Event::LookedUp {
                attempt: 1,
                found: LookupResult::Live(ON, CarrierStatus::Queued),
            },
            after(600),
        );
        assert!(
            live.effects.contains(&Effect::HangUp {
                attempt: 1,
                sid: SID
            }) || live.call.attempts[0].line == CarrierStatus::Queued
        );
    }
}
