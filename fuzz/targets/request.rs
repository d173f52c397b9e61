//! The body of a create: read or refused field by field, and what is read can be sealed, opened and
//! said.
#![no_main]

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tablecall::internals::{AccountTier, CarryOver, Opening, Reply, RepromptReason, TalkPosition, TalkStage};
use tablecall::internals::{CallId, Country, Phone, Reservation};
use tablecall::internals::intake::{self, Callbacks, Defaults};
use twilio_simulator::twiml;
use tablecall::internals::{InputMode, RenderContext, Speech};
use tablecall::internals::{TicketBody, Head, Key, TicketPurpose, Tickets};

static SPEECH: LazyLock<Speech> = LazyLock::new(|| Speech::open(InputMode::Keys).expect("the files are right"));
static TICKETS: LazyLock<Tickets> = LazyLock::new(|| Tickets::new(vec![Key::derive(b"a")]));

const ACTION: &str = "https://calls.example.com/twiml/keys/1-0-0-0-k-o/AAAA";

fuzz_target!(|data: &[u8]| {
    let Some((choice, json)) = data.split_first() else { return };
    let Ok(Value::Object(fields)) = serde_json::from_slice(json) else { return };
    let callbacks = if choice & 1 == 0 { Callbacks::Public } else { Callbacks::Any };
    let restaurant_phone = if choice & 2 == 0 { None } else { Phone::from_e164("+14155550199") };
    let defaults = Defaults {
        country: Some(Country::US),
        allowed_countries: None,
        restaurant_phone,
        restaurant_timezone: None,
        callbacks,
        languages: SPEECH.languages().collect(),
    };
    let now: Timestamp = "2026-12-01T12:00:00Z".parse().expect("an instant");
    match intake::reservation(&fields, &defaults, &SPEECH, now) {
        Ok((reservation, _)) => {
            can_be_sealed(&reservation, now);
            can_be_said(&reservation);
        }
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() < 64);
            assert!(errors.iter().all(|error| error.field.chars().count() <= 60 && error.message.len() < 600));
        }
    }
});

fn can_be_sealed(reservation: &Reservation, now: Timestamp) {
    let head = Head { call: CallId::from_bytes([3; 16]), attempt: 1, account: [9; 8], sealed_at: now };
    let body = TicketBody {
        owner: "app".into(),
        reservation: Arc::new(reservation.clone()),
        created_at: now,
        version: 1,
        from: reservation.phone,
        tier: AccountTier::Full,
        carry_over: CarryOver::default(),
    };
    let text = TICKETS.seal(TicketPurpose::Voice, &head, &body).expect("there is a key and randomness");
    assert!(text.len() < 4_000, "{} characters", text.len());
    let opened = TICKETS.open(&text, TicketPurpose::Voice, now).expect("it was sealed by us");
    assert_eq!(opened.body(), Some(body));
}

fn can_be_said(reservation: &Reservation) {
    let context = RenderContext {
        reservation,
        service_name: "Tablecall",
        contact_phone: Phone::from_e164("+14155550199"),
        local_time: None,
    };
    let listen = TalkPosition::first(0);
    let replies = [
        Reply::Ask { opening: Opening::First, slowly: false, listen },
        Reply::Ask { opening: Opening::Again, slowly: true, listen },
        Reply::Keys { because: RepromptReason::WrongKey, listen },
        Reply::Called { listen: TalkPosition::called_back(TalkStage::Called) },
    ];
    for reply in &replies {
        heard_without_a_fault(&SPEECH.render(reply, &context, |_position| ACTION.to_owned()));
    }
    heard_without_a_fault(&SPEECH.voicemail(&context));
    assert!(!SPEECH.script(&context).text.is_empty());
}

fn heard_without_a_fault(document: &str) {
    let read = twiml::parse(document).expect("Twilio can read it");
    assert_eq!(read.warnings, [], "{document}");
}
