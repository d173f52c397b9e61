//! The machine where a line is slow, silent, refused or taken back.

use super::*;
use crate::call::TimelineEvent;

fn ringing() -> Call {
    run(
        &dialing(),
        &[
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
        ],
    )
}

fn on_trial(tier: AccountTier) -> Call {
    run(
        &dialing(),
        &[Event::TierLowered { attempt: 1, tier }, Event::Accepted(ON)],
    )
}

fn failed(sip_code: u16) -> Event {
    let closing = Closing {
        how: FinalStatus::Failed,
        sip_code: Some(sip_code),
        twilio_code: None,
        duration_seconds: Some(0),
    };
    Event::Closed(ON, closing)
}

#[test]
fn a_number_that_rang_out_was_not_unreachable() {
    for sip in [480, 487] {
        assert_eq!(
            run(&ringing(), &[failed(sip)]).attempts[0].ended,
            Some(Ended::NoAnswer),
            "{sip}"
        );
        assert_eq!(
            run(&dialing(), &[failed(sip)]).attempts[0].ended,
            Some(Ended::Unreachable),
            "{sip} at once"
        );
    }
    assert_eq!(
        run(&ringing(), &[failed(404)]).attempts[0].ended,
        Some(Ended::Unreachable)
    );
}

/// The end of the attempt that is in progress, whose SID is that of `ON` or of a later attempt.
fn ends(call: &Call, how: FinalStatus, sip_code: u16) -> Call {
    let attempt = call.attempts.last().unwrap().number;
    let on = AttemptRef {
        attempt,
        sid: CallSid::from_bytes([attempt; 16]),
    };
    let closing = Closing {
        how,
        sip_code: Some(sip_code),
        twilio_code: None,
        duration_seconds: Some(0),
    };
    run(call, &[Event::Closed(on, closing)])
}

#[test]
fn blocked_and_declined_calls_are_known_by_their_sip_response_whatever_twilio_calls_them() {
    for how in [
        FinalStatus::Busy,
        FinalStatus::NoAnswer,
        FinalStatus::Failed,
    ] {
        for (sip, expected) in [
            (603, Ended::Declined),
            (607, Ended::Blocked),
            (608, Ended::Blocked),
        ] {
            let call = ends(&dialing(), how, sip);
            assert_eq!(call.attempts[0].ended, Some(expected), "{how:?} {sip}");
            assert!(expected.advice().is_some());
        }
    }
    let busy = ends(&dialing(), FinalStatus::Busy, 600);
    assert_eq!(busy.attempts[0].ended, Some(Ended::Busy));
}

#[test]
fn a_number_that_blocks_or_declines_is_rung_once_more_and_no_further() {
    for (codes, outcome) in [
        ([603, 603], Outcome::NoAnswer),
        ([607, 608], Outcome::Failed),
        ([603, 607], Outcome::Failed),
        ([608, 603], Outcome::NoAnswer),
    ] {
        let [first, second] = codes;
        let held = ends(&dialing(), FinalStatus::Failed, first);
        let pause = held.wake_at().unwrap().duration_since(after(1));
        assert_eq!(pause.as_mins(), 15, "{codes:?}");
        let again = run(&held, &[Event::Dial { from: from() }]);
        let call = ends(&again, FinalStatus::Busy, second);
        assert_eq!(call.state, State::Finished { outcome }, "{codes:?}");
        assert_eq!(call.attempts.len(), 2);
    }
}

#[test]
fn a_planned_pause_asks_policy_for_the_moment_after_it() {
    let ended = step(&ringing(), closed(FinalStatus::Busy), after(5));
    assert_eq!(ended.effects, [Effect::Consider]);
    assert!(matches!(
        ended.call.state,
        State::Queued {
            waiting_for: Some(WaitingFor::Retry),
            ..
        }
    ));
    let night = Event::Hold {
        waiting_for: WaitingFor::CallHours,
        until: after(40_000),
    };
    let held = step(&ended.call, night, after(5)).call;
    assert_eq!(held.wake_at(), Some(after(40_000)));
    assert!(
        step(&held, Event::Wake, after(400)).effects.is_empty(),
        "its pause is over, its time has not come"
    );
}

#[test]
fn a_line_that_was_ended_because_it_rang_on_was_not_answered() {
    let ended = run(&ringing(), &[closed(FinalStatus::Canceled)]);
    assert_eq!(ended.attempts[0].ended, Some(Ended::NoAnswer));
    let canceled = run(&ringing(), &[Event::Cancel, closed(FinalStatus::Canceled)]);
    assert_eq!(
        canceled.state,
        State::Finished {
            outcome: Outcome::Canceled
        }
    );
}

#[test]
fn a_trial_account_is_asked_and_its_time_is_counted_here() {
    let mut call = on_trial(AccountTier::Trial);
    let mut polls = 0;
    let hung_up_at = loop {
        let at = call.wake_at().unwrap();
        call = step(&call, Event::Wake, at).call;
        polls += 1;
        let looked = step(
            &call,
            Event::LookedUp {
                attempt: 1,
                found: LookupResult::Live(ON, CarrierStatus::Ringing),
            },
            at,
        );
        call = looked.call;
        if looked.effects.contains(&Effect::HangUp {
            attempt: 1,
            sid: SID,
        }) {
            break at;
        }
    };
    assert!(polls >= 8, "{polls}");
    assert!(
        (50..60).contains(&hung_up_at.duration_since(start()).as_secs()),
        "{hung_up_at}"
    );
}

#[test]
fn a_call_of_which_nothing_is_told_ends_by_being_asked_about() {
    let call = run(&on_trial(AccountTier::Silent), &[fetched()]);
    let at = call.wake_at().unwrap();
    assert!(
        at.duration_since(call.updated_at) <= SignedDuration::from_secs(6),
        "it is polled while they talk"
    );
    let woken = step(&call, Event::Wake, at);
    assert_eq!(woken.effects, [Effect::LookUp { attempt: 1 }]);
    let live = Event::LookedUp {
        attempt: 1,
        found: LookupResult::Live(ON, CarrierStatus::InProgress),
    };
    assert!(
        step(&woken.call, live.clone(), at).effects.is_empty(),
        "they may talk on"
    );
    assert_eq!(
        step(&woken.call, live, after(400)).effects,
        [Effect::HangUp {
            attempt: 1,
            sid: SID
        }]
    );
    let gone = Event::LookedUp {
        attempt: 1,
        found: LookupResult::Nothing,
    };
    assert!(!step(&woken.call, gone, at).changed, "Twilio's records lag");
    let closing = Closing {
        how: FinalStatus::Completed,
        sip_code: None,
        twilio_code: None,
        duration_seconds: Some(20),
    };
    let ended = step(
        &woken.call,
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Closed(ON, closing),
        },
        at,
    )
    .call;
    assert_eq!(settle(ended).attempts[0].ended, Some(Ended::HungUp));
}

#[test]
fn a_trial_account_hears_at_most_nine_replies() {
    let mut call = run(&on_trial(AccountTier::Trial), &[fetched()]);
    let (mut replies, mut position) = (1, first());
    loop {
        let next = step(&call, key(position, "*"), after(20));
        call = next.call;
        replies += 1;
        match next.reply.and_then(|reply| reply.listen()) {
            Some(listen) => position = listen,
            None => break,
        }
    }
    assert_eq!(replies, 9);
}

#[test]
fn a_call_with_a_name_exists_also_where_twilio_does_not_find_it_yet() {
    for call in [ringing(), in_progress()] {
        let gone = Event::LookedUp {
            attempt: 1,
            found: LookupResult::Nothing,
        };
        assert!(!step(&call, gone.clone(), after(30)).changed);
        assert!(!step(&call, gone.clone(), after(600)).changed);
        assert!(step(&call, gone, after(1_200)).changed);
    }
}

#[test]
fn a_search_on_a_trial_account_is_as_patient_as_any() {
    let reduced = Event::TierLowered {
        attempt: 1,
        tier: AccountTier::Silent,
    };
    let unknown = run(&dialing(), &[reduced, Event::Unanswered { attempt: 1 }]);
    assert!(unknown.wake_at().unwrap().duration_since(start()) >= SignedDuration::from_secs(150));
}

#[test]
fn tries_that_twilio_never_takes_do_not_lengthen_the_timeline_for_ever() {
    let mut call = queued();
    let mut longest = 0;
    for second in 1..500 {
        call = step(&call, Event::Dial { from: from() }, after(second)).call;
        let last = call.timeline.last().map(|entry| entry.what);
        assert_eq!(last, Some(TimelineEvent::Dialed(1)));
        let until = after(second + 1);
        let try_later = Event::TryLater { attempt: 1, until };
        call = step(&call, try_later, after(second)).call;
        longest = longest.max(call.timeline.len());
        if second == 3 {
            let in_vain = call.timeline.iter().map(|entry| entry.what);
            let in_vain = in_vain.filter(|what| *what == TimelineEvent::TryLater);
            assert_eq!(in_vain.count(), 3, "the first ones are shown");
        }
    }
    assert!(longest < 30, "{longest}");
    let call = settle(run(
        &call,
        &[Event::Dial { from: from() }, fetched(), key(first(), "1")],
    ));
    assert_eq!(call.outcome(), Some(Outcome::Confirmed));
}
