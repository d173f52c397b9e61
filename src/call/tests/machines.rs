//! Machines that answer, and the messages that are left on them.

use super::answers::{detected, leaving, silent};
use super::callbacks::ring_back;
use super::*;

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
    let answered = ring_back(&["2"]).iter().fold(call, |call, event| {
        step(&call, event.clone(), after(9_000)).call
    });
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
        sid: CallSid::from_bytes([8; 16]),
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
        [not_left.clone(), closed(FinalStatus::Completed)],
        [closed(FinalStatus::Completed), not_left.clone()],
    ] {
        let call = settle(run(&beeped, &events));
        let call = run(&call, std::slice::from_ref(&not_left));
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
