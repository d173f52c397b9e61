//! A call for tests of other modules: asked for, rung, and accepted.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::event::{AttemptRef, Event};
use super::position::{PromptTiming, TalkPosition};
use super::state::Call;
use super::step::step;
use super::talk::Input;
use crate::domain::{CallId, CallSid, Country, Name, PartySize, Phone, Reservation};

/// Time at which these calls are made.
pub(crate) fn start() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

/// A table for four.
pub(crate) fn reservation() -> Reservation {
    Reservation {
        country: Some(Country::US),
        give_up_at: start() + SignedDuration::from_hours(24),
        attempts: 3,
        ..Reservation::new(
            Name::parse("Ana").unwrap(),
            Phone::from_e164("+14155550101").unwrap(),
            "2026-12-04T19:30".parse().unwrap(),
            PartySize::try_from(4).unwrap(),
        )
    }
}

/// A call that was just asked for.
pub(crate) fn queued(number: u8) -> Call {
    Call::new(
        CallId::from_bytes([number; 16]),
        "test".into(),
        Arc::new(reservation()),
        start(),
    )
}

/// A call whose staff pressed 1.
pub(crate) fn decided() -> Call {
    keyed("1")
}

/// Position of the keys of a first message, for staff who know its content.
pub(crate) fn first() -> TalkPosition {
    let first = TalkPosition::first(0);
    let prompt = PromptTiming {
        informed: true,
        ..first.prompt
    };
    TalkPosition { prompt, ..first }
}

/// A call whose staff pressed these keys.
pub(crate) fn keyed(digits: &str) -> Call {
    let on = AttemptRef {
        attempt: 1,
        sid: CallSid::from_bytes([7; 16]),
    };
    let key = Event::Keyed {
        on,
        position: first(),
        input: Input::digits(digits),
        sealed_at: start(),
    };
    let events = [
        Event::Dial {
            from: reservation().phone,
        },
        Event::Accepted(on),
        key,
    ];
    events
        .into_iter()
        .fold(queued(1), |call, event| step(&call, event, start()).call)
}
