//! The machine under every order, repetition and loss of events, and the table of what it does.

mod answers;
mod callbacks;
mod dialling;
mod ends;
mod keys;
mod lost_replies;
mod machines;
mod opt_outs;
mod properties;
mod table;
mod takeover;
mod unconfirmed;
mod whole_seconds;

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::expect_file;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use super::attempt::Attempt;
use super::carrier_status::{AccountTier, CarrierStatus, FinalStatus, Machine};
use super::decision::Decision;
use super::event::{AttemptRef, Closing, Effect, Event, LookupResult};
use super::example::{self, start};
use super::outcome::{Ended, Outcome, WaitingFor};
use super::position::{PromptTiming, TalkPosition, TalkStage};
use super::spoken_intent::SpokenIntent;
use super::state::{Call, Evidence, State};
use super::talk::{Apology, Input, KeyResult, Reply, TalkContext};
use super::{KeyText, PastEvent, PressedKey, event::Step, talk};
use crate::domain::{Alternatives, CallId, CallSid, Phone, Reservation};

const SID: CallSid = CallSid::from_bytes([7; 16]);
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

/// Timing of a document in these tests: milliseconds until its facts are said, and until its
/// question is put.
const TIMED: (u32, u32) = (5_000, 8_000);
/// Milliseconds of thinking of staff in most of these tests: longer than any document takes.
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

/// Position of the keys of the first message.
fn first() -> TalkPosition {
    open().listen().unwrap()
}

/// The position of the keys that are named to a restaurant that rings back.
fn ringing_back() -> TalkPosition {
    let position = TalkPosition::called_back(TalkStage::Called);
    timed(Reply::Called { listen: position }).listen().unwrap()
}

/// The reply to staff who have heard the document to its end.
fn answer(position: TalkPosition, input: Input, context: &TalkContext) -> (KeyResult, Reply) {
    let (heard, reply) = talk::answer(
        position,
        input,
        position.prompt.handed_out + THINKS,
        context,
    );
    (heard, timed(reply))
}

/// The step of an event of staff who have heard the document to its end.
fn step(call: &Call, event: Event, now: Timestamp) -> Step {
    let now = match position_of(&event) {
        Some(position) => now.max(moment(position.prompt.handed_out + THINKS)),
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

/// The call after Twilio's record of these keys was read.
fn events_read(ended: &Call, keys: &[(TalkPosition, String)]) -> Call {
    let read = Event::EventsRead {
        attempt: 1,
        keys: Some(remembered(keys)),
    };
    step(ended, read, after(2_000)).call
}

/// Twilio's record of keys that were pressed when the document had been heard.
fn remembered(keys: &[(TalkPosition, String)]) -> Arc<[PressedKey]> {
    let pressed = |(position, digits): &(TalkPosition, String)| PressedKey {
        position: *position,
        digits: KeyText::new(digits),
        pressed_at: moment(position.prompt.handed_out + THINKS),
        pressed_by: moment(position.prompt.handed_out + THINKS),
        sealed_at: start(),
    };
    keys.iter().map(pressed).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event belongs to a document"
)]
fn position_of(event: &Event) -> Option<TalkPosition> {
    match event {
        Event::Keyed { position, .. } | Event::CalledBack { position, .. } => Some(*position),
        Event::Resumed { position, .. } => *position,
        _ => None,
    }
}

fn from() -> Phone {
    Phone::from_e164("+15005550006").unwrap()
}

fn run(call: &Call, events: &[Event]) -> Call {
    events.iter().fold(call.clone(), |call, event| {
        step(&call, event.clone(), after(1)).call
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

fn fetched() -> Event {
    Event::Fetched {
        on: ON,
        sealed_at: start(),
    }
}

fn key(position: TalkPosition, digits: &str) -> Event {
    Event::Keyed {
        on: ON,
        position,
        input: Input::digits(digits),
        sealed_at: start(),
    }
}

fn closed(how: FinalStatus) -> Event {
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

/// A talk as it happens on one line: its events in the order in which Twilio sends them.
fn talks() -> impl Strategy<Value = (Vec<PastEvent>, Option<Decision>)> {
    let key = prop::sample::select(vec![
        "", "1", "2", "3", "9", "*", "7", "2015", "0815", "2200", "9999", "yes", "no",
    ]);
    let pause = prop::sample::select(vec![100, 700, 1_400, 3_000, 6_000, THINKS]);
    proptest::collection::vec((key, pause), 0..10).prop_map(|keys| {
        let context = TalkContext::of(&reservation());
        let past = |event, milliseconds| PastEvent {
            event,
            at: moment(milliseconds),
        };
        let mut events = vec![
            past(Event::Accepted(ON), 0),
            past(Event::Reached(ON, CarrierStatus::Ringing), 0),
            past(Event::Reached(ON, CarrierStatus::InProgress), 0),
            past(fetched(), 0),
        ];
        let (mut reply, mut decision, mut last) = (open(), None, 0);
        for (key, pause) in keys {
            let Some(position) = reply.listen() else {
                break;
            };
            let moment = position.prompt.handed_out + pause;
            last = moment;
            let (heard, next) = talk::answer(position, input(key), moment, &context);
            match heard {
                KeyResult::Decided(new) => decision = Some(new),
                KeyResult::Withdrawn => decision = None,
                KeyResult::Nothing => {}
            }
            let keyed = Event::Keyed {
                on: ON,
                position,
                input: input(key),
                sealed_at: start(),
            };
            events.push(past(keyed, moment));
            reply = timed(next);
        }
        events.push(past(closed(FinalStatus::Completed), last));
        (events, decision)
    })
}

fn input(keys: &str) -> Input {
    match keys {
        "" => Input::Silence,
        "yes" => Input::Spoken(SpokenIntent::Yes),
        "no" => Input::Spoken(SpokenIntent::No),
        keys => Input::digits(keys),
    }
}

/// Lets a past event happen to a call, at its own time.
fn happen(call: &Call, past: &PastEvent) -> Call {
    super::step::step(call, past.event.clone(), past.at).call
}

fn verdict_of(decision: Decision) -> Outcome {
    queued().outcome_of(decision)
}
