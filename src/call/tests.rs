//! The machine under every order, repetition and loss of events, and the table of what it does.

mod dialling;

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::expect_file;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use super::event::{AttemptRef, Closing, Effect, Event, FinalStatus, LookupResult};
use super::example::{self, start};
use super::position::{Decision, PromptTiming, TalkPosition, TalkStage};
use super::spoken_intent::SpokenIntent;
use super::state::{
    AccountTier, Attempt, Call, CarrierStatus, Ended, Evidence, Machine, Outcome, State, WaitingFor,
};
use super::talk::{Apology, Input, KeyResult, Reply, TalkContext};
use super::{event::PressedKey, event::Step, talk};
use crate::domain::{Alternatives, CallId, Phone, Reservation, Sid};

mod answers;
mod lost_replies;

const SID: Sid = Sid::from_bytes([7; 16]);
const ON: AttemptRef = AttemptRef {
    attempt: 1,
    sid: SID,
};

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn reservation() -> Reservation {
    let window = Alternatives {
        earliest: "18:00".parse().unwrap(),
        latest: "21:00".parse().unwrap(),
    };
    Reservation {
        alternatives: Some(window),
        ..example::reservation()
    }
}

fn queued() -> Call {
    Call::new(
        CallId::from_bytes([1; 16]),
        "test".into(),
        Arc::new(reservation()),
        start(),
    )
}

/// How a document is timed in these tests: so many milliseconds until its facts are said, and until
/// its question is put.
const TIMED: (u32, u32) = (5_000, 8_000);
/// How long staff think in these tests, unless they say otherwise: longer than any document takes.
const THINKS: u32 = 10_000;

/// The reply as it would be rendered.
fn timed(reply: Reply) -> Reply {
    reply.listening(|position| TalkPosition {
        prompt: PromptTiming {
            facts: Some(TIMED.0),
            question: Some(TIMED.1),
            ..position.prompt
        },
        ..position
    })
}

/// The first message.
fn open() -> Reply {
    timed(talk::open(0, 0))
}

/// Where the keys of the first message lead.
fn first() -> TalkPosition {
    open().listen().unwrap()
}

/// Where the keys lead that a restaurant is told which rings back.
fn ringing_back() -> TalkPosition {
    let position = TalkPosition::called_back(TalkStage::Called);
    timed(Reply::Called { listen: position }).listen().unwrap()
}

/// What is answered to staff who have heard the document to its end.
fn answer(position: TalkPosition, input: Input<'_>, context: &TalkContext) -> (KeyResult, Reply) {
    let (heard, reply) = talk::answer(position, input, position.prompt.asked + THINKS, context);
    (heard, timed(reply))
}

/// The step of an event of staff who have heard the document to its end.
fn step(call: &Call, event: Event<'_>, now: Timestamp) -> Step {
    let now = match turn_of(event) {
        Some(position) => now.max(moment(position.prompt.asked + THINKS)),
        None => now,
    };
    let next = super::step::step(call, event, now);
    Step {
        reply: next.reply.map(timed),
        ..next
    }
}

fn moment(milliseconds: u32) -> Timestamp {
    start() + SignedDuration::from_millis(milliseconds.into())
}

/// What Twilio remembers of keys that were pressed when the document had been heard.
fn remembered(keys: &[(TalkPosition, String)]) -> Vec<PressedKey> {
    let pressed = |(position, digits): &(TalkPosition, String)| PressedKey {
        position: *position,
        digits: digits.clone(),
        pressed_at: moment(position.prompt.asked + THINKS),
        pressed_by: moment(position.prompt.asked + THINKS),
        sealed_at: start(),
    };
    keys.iter().map(pressed).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event belongs to a document"
)]
fn turn_of(event: Event<'_>) -> Option<TalkPosition> {
    match event {
        Event::Keyed { position, .. } | Event::CalledBack { position, .. } => Some(position),
        Event::Resumed { position, .. } => position,
        _ => None,
    }
}

fn from() -> Phone {
    Phone::from_e164("+15005550006").unwrap()
}

fn run(call: &Call, events: &[Event<'_>]) -> Call {
    events.iter().fold(call.clone(), |call, event| {
        step(&call, *event, after(1)).call
    })
}

fn dialing() -> Call {
    run(&queued(), &[Event::Dial { from: from() }])
}

fn in_progress() -> Call {
    run(
        &dialing(),
        &[
            Event::Accepted(ON),
            Event::Reached(ON, CarrierStatus::Ringing),
            fetched(),
        ],
    )
}

fn fetched<'a>() -> Event<'a> {
    Event::Fetched {
        on: ON,
        sealed_at: start(),
    }
}

fn key(position: TalkPosition, digits: &str) -> Event<'_> {
    Event::Keyed {
        on: ON,
        position,
        input: Input::Digits(digits),
        sealed_at: start(),
    }
}

fn closed<'a>(how: FinalStatus) -> Event<'a> {
    let sip_code = Some(if how == FinalStatus::Completed {
        200
    } else {
        486
    });
    Event::Closed(
        ON,
        Closing {
            how,
            sip_code,
            twilio_code: None,
            duration_seconds: Some(9),
        },
    )
}

/// Lets time pass until nothing is planned within the next minute.
fn settle(mut call: Call) -> Call {
    while let Some(at) = call
        .wake_at()
        .filter(|at| *at < call.updated_at + SignedDuration::from_mins(1))
    {
        call = step(&call, Event::Wake, at).call;
    }
    call
}

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
        sid: Sid::from_bytes([8; 16]),
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
        let after_end = step(&done, event, after(60)).call;
        assert_eq!(after_end.state, done.state, "{event:?}");
        assert_eq!(after_end.outcome(), done.outcome(), "{event:?}");
    }
}

#[test]
fn another_callsid_changes_nothing() {
    let other = AttemptRef {
        attempt: 1,
        sid: Sid::from_bytes([9; 16]),
    };
    let call = in_progress();
    let stolen = step(
        &call,
        Event::Keyed {
            on: other,
            position: first(),
            input: Input::Digits("1"),
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
    let told = step(
        &ended,
        Event::EventsRead {
            attempt: 1,
            keys: Some(&remembered(&keys)),
        },
        after(2_000),
    )
    .call;
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
        Input::Digits("1"),
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
            sid: Sid::from_bytes([attempt; 16]),
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

/// One of each kind, as they would speak of the first attempt.
fn every_event() -> Vec<Event<'static>> {
    vec![
        Event::Dial { from: from() },
        Event::Hold {
            waiting_for: WaitingFor::CallHours,
            until: after(600),
        },
        Event::Block(Outcome::OptedOut),
        Event::Reduced {
            attempt: 1,
            terms: AccountTier::Silent,
        },
        Event::Accepted(ON),
        Event::TryLater {
            attempt: 1,
            until: after(30),
        },
        Event::Refused {
            attempt: 1,
            code: Some(21_215),
        },
        Event::Unanswered { attempt: 1 },
        Event::Reached(ON, CarrierStatus::Ringing),
        Event::Reached(ON, CarrierStatus::InProgress),
        fetched(),
        key(first(), "1"),
        Event::Keyed {
            on: ON,
            position: first(),
            input: Input::Silence,
            sealed_at: start(),
        },
        Event::Resumed {
            on: ON,
            position: None,
            sealed_at: start(),
        },
        Event::Detected(ON, Machine::Beep),
        Event::Detected(ON, Machine::Voice),
        Event::Message {
            attempt: 1,
            left: true,
        },
        Event::Message {
            attempt: 1,
            left: false,
        },
        Event::CalledBack {
            attempt: 1,
            position: ringing_back(),
            input: Input::Digits("1"),
            sealed_at: start(),
        },
        Event::RingNow,
        Event::OfferAccepted {
            by: CallId::from_bytes([8; 16]),
        },
        Event::OptedOut,
        closed(FinalStatus::Completed),
        closed(FinalStatus::Busy),
        closed(FinalStatus::NoAnswer),
        closed(FinalStatus::Failed),
        closed(FinalStatus::Canceled),
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Live(ON, CarrierStatus::Ringing),
        },
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Nothing,
        },
        Event::LookedUp {
            attempt: 1,
            found: LookupResult::Unreachable,
        },
        Event::EventsRead {
            attempt: 1,
            keys: None,
        },
        Event::Cancel,
        Event::Wake,
        Event::Shutdown,
    ]
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are named by their variant"
)]
fn name(event: &Event<'_>) -> String {
    match event {
        Event::Reached(_, line) => format!("Reached {line:?}"),
        Event::Closed(_, closing) => format!("Closed {:?}", closing.how),
        Event::LookedUp {
            found: LookupResult::Live(_, line),
            ..
        } => format!("LookedUp Live({line:?})"),
        Event::LookedUp { found, .. } => format!("LookedUp {found:?}"),
        Event::Keyed { input, .. } => format!("Keyed {input:?}"),
        Event::Detected(_, machine) => format!("Detected {machine:?}"),
        Event::Message { left, .. } => format!("Message left: {left}"),
        other => format!("{other:?}")
            .split([' ', '('])
            .next()
            .unwrap()
            .to_owned(),
    }
}

fn state_name(call: &Call) -> String {
    match call.state {
        State::Queued { waiting_for, .. } => waiting_for.map_or("Queued".to_owned(), |reason| {
            format!("Queued ({})", reason.word())
        }),
        State::Dialing { .. } => "Dialing".to_owned(),
        State::Ringing { .. } => "Ringing".to_owned(),
        State::InProgress { .. } => "InProgress".to_owned(),
        State::Settling {
            from: Evidence::Keypad,
            ..
        } => "Settling".to_owned(),
        State::Settling { .. } => "Settling (events)".to_owned(),
        State::Finished { outcome } => format!("Finished ({})", outcome.word()),
    }
}

#[test]
fn the_table_is_the_machine() {
    let overtaken = run(&in_progress(), &[closed(FinalStatus::Completed)]);
    let unseen = queued().taken_over(Attempt::new(1, from(), start()), 3, after(1));
    let states = [
        ("Queued", queued()),
        ("Dialing", dialing()),
        (
            "Ringing",
            run(
                &dialing(),
                &[
                    Event::Accepted(ON),
                    Event::Reached(ON, CarrierStatus::Ringing),
                ],
            ),
        ),
        ("InProgress", in_progress()),
        ("Settling", overtaken.clone()),
        (
            "Settling, unseen",
            run(&unseen, &[closed(FinalStatus::Completed)]),
        ),
        ("Queued again", settle(overtaken)),
        ("Finished", run(&queued(), &[Event::Cancel])),
    ];
    let mut table = String::from("| event |");
    states
        .iter()
        .for_each(|(name, _)| write!(table, " `{name}` |").unwrap());
    table.push_str("\n|---|");
    states.iter().for_each(|_| table.push_str("---|"));
    table.push('\n');
    for event in every_event() {
        write!(table, "| `{}` |", name(&event)).unwrap();
        for (_, call) in &states {
            let at = if event == Event::Wake {
                call.wake_at().unwrap_or(after(2))
            } else {
                after(2)
            };
            let next = step(call, event, at);
            let to = if state_name(&next.call) == state_name(call) {
                "·".to_owned()
            } else {
                format!("`{}`", state_name(&next.call))
            };
            let wants: Vec<_> = next
                .effects
                .iter()
                .map(|effect| format!("{effect:?}"))
                .collect();
            let wants: Vec<_> = wants
                .iter()
                .filter_map(|text| text.split(' ').next())
                .collect();
            let wants = if wants.is_empty() {
                String::new()
            } else {
                format!(" → *`{}`*", wants.join(", "))
            };
            write!(table, " {to}{wants} |").unwrap();
        }
        table.push('\n');
    }
    table.push_str("\n`·` stays; in italics what is to be done. `Wake` comes when the state's own time has run out.\n");
    expect_file!["./table.md"].assert_eq(&table);
}

/// A talk as it happens on one line: its events in the order in which Twilio sends them.
fn talks() -> impl Strategy<Value = (Vec<OwnedEvent>, Option<Decision>)> {
    let key = prop::sample::select(vec![
        "", "1", "2", "3", "9", "*", "7", "2015", "0815", "9999", "yes", "no",
    ]);
    let pause = prop::sample::select(vec![100, 700, 1_400, 3_000, 6_000, THINKS]);
    proptest::collection::vec((key, pause), 0..10).prop_map(|keys| {
        let context = TalkContext::of(&reservation());
        let mut events = vec![
            OwnedEvent::Accepted,
            OwnedEvent::Reached(CarrierStatus::Ringing),
            OwnedEvent::Reached(CarrierStatus::InProgress),
            OwnedEvent::Fetched,
        ];
        let (mut reply, mut decision, mut last) = (open(), None, 0);
        for (key, pause) in keys {
            let Some(position) = reply.listen() else {
                break;
            };
            let moment = position.prompt.asked + pause;
            last = moment;
            let (heard, next) = talk::answer(position, input(key), moment, &context);
            match heard {
                KeyResult::Decided(new) => decision = Some(new),
                KeyResult::Withdrawn => decision = None,
                KeyResult::Nothing => {}
            }
            events.push(OwnedEvent::Keyed(position, key.to_owned(), moment));
            reply = timed(next);
        }
        events.push(OwnedEvent::Completed(last));
        (events, decision)
    })
}

fn input(keys: &str) -> Input<'_> {
    match keys {
        "" => Input::Silence,
        "yes" => Input::Spoken(SpokenIntent::Yes),
        "no" => Input::Spoken(SpokenIntent::No),
        keys => Input::Digits(keys),
    }
}

#[derive(Clone, Debug)]
enum OwnedEvent {
    Accepted,
    Reached(CarrierStatus),
    Fetched,
    /// Keys that were pressed at a moment.
    Keyed(TalkPosition, String, u32),
    /// The line ended at a moment, which is never before the last key's.
    Completed(u32),
}

impl OwnedEvent {
    fn event(&self) -> Event<'_> {
        match self {
            Self::Accepted => Event::Accepted(ON),
            Self::Reached(line) => Event::Reached(ON, *line),
            Self::Fetched => fetched(),
            Self::Keyed(position, keys, _) => Event::Keyed {
                on: ON,
                position: *position,
                input: input(keys),
                sealed_at: start(),
            },
            Self::Completed(_) => closed(FinalStatus::Completed),
        }
    }

    fn at(&self) -> Timestamp {
        match self {
            Self::Keyed(_, _, at) | Self::Completed(at) => moment(*at),
            Self::Accepted | Self::Reached(_) | Self::Fetched => start(),
        }
    }

    fn happens_to(&self, call: &Call) -> Call {
        super::step::step(call, self.event(), self.at()).call
    }
}

fn verdict_of(decision: Decision) -> Outcome {
    queued().outcome_of(decision)
}

proptest! {
    // Many talks end without a decision.
    #![proptest_config(ProptestConfig { max_global_rejects: 8_192, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_order_and_repetition_ends_in_the_same_verdict((events, decision) in talks(), order in proptest::collection::vec(any::<Index>(), 0..24), repeats in proptest::collection::vec(any::<Index>(), 0..6)) {
        let mut shuffled = events.clone();
        for (at, with) in order.iter().enumerate() {
            let len = shuffled.len();
            shuffled.swap(at % len, with.index(len));
        }
        let extra: Vec<_> = repeats.iter().map(|index| shuffled[index.index(shuffled.len())].clone()).collect();
        shuffled.extend(extra);
        let play = |events: &[OwnedEvent]| {
            settle(events.iter().fold(dialing(), |call, event| event.happens_to(&call)))
        };
        let (straight, crooked) = (play(&events), play(&shuffled));
        if let Some(decision) = decision {
            prop_assert_eq!(straight.state, State::Finished { outcome: verdict_of(decision) });
            prop_assert_eq!(crooked.state, straight.state);
        }
        prop_assert_eq!(crooked.attempts[0].ended, straight.attempts[0].ended);
        prop_assert_eq!(crooked.outcome(), straight.outcome());
    }

    #[test]
    fn a_pressed_key_is_never_called_no_key(
        (events, decision) in talks().prop_filter("staff decide", |(_, decision)| decision.is_some()),
        lost in proptest::collection::vec(any::<Index>(), 0..4)
    ) {
        // Everything may be lost but the last word of the staff and what followed it.
        let last = events.iter().rposition(|event| matches!(event, OwnedEvent::Keyed(..))).unwrap();
        let mut kept = events;
        let mut before = last;
        for index in lost {
            if before > 0 {
                kept.remove(index.index(before));
                before -= 1;
            }
        }
        let call = settle(kept.iter().fold(dialing(), |call, event| event.happens_to(&call)));
        prop_assert_eq!(call.outcome(), decision.map(verdict_of));
    }

    #[test]
    fn any_events_in_any_order_are_survived(indices in proptest::collection::vec((any::<Index>(), 0_i64..4_000), 0..60)) {
        let events = every_event();
        let mut call = queued();
        let mut now = 0;
        for (index, pause) in indices {
            now += pause;
            let event = *index.get(&events);
            let next = step(&call, event, after(now));
            prop_assert_eq!(next.changed, next.call != call);
            prop_assert!(!next.changed || next.call.version > call.version && next.call.updated_at > call.updated_at);
            prop_assert!(!call.is_finished() || next.call.state == call.state, "never leaves finished");
            prop_assert!(next.call.timeline.len() < 200);
            // Twilio's messages may come twice; empty searches and the passing of time are counted
            // on purpose.
            if !matches!(event, Event::Wake | Event::LookedUp { .. }) {
                let again = step(&next.call, event, after(now));
                prop_assert_eq!(again.call.outcome(), next.call.outcome(), "idempotent");
            }
            call = next.call;
        }
    }

    #[test]
    fn no_call_stays_unfinished_for_ever(indices in proptest::collection::vec(any::<Index>(), 0..20)) {
        let events = every_event();
        let mut call = indices.iter().fold(queued(), |call, index| step(&call, *index.get(&events), after(2)).call);
        let mut wakes = 0;
        while let Some(at) = call.wake_at() {
            let woken = step(&call, Event::Wake, at);
            call = woken.call;
            for effect in woken.effects {
                if effect == Effect::Consider {
                    call = step(&call, Event::Dial { from: from() }, at).call;
                }
            }
            wakes += 1;
            prop_assert!(wakes < 2_000, "{:?}", call.state);
        }
        prop_assert!(call.is_finished());
    }
}
