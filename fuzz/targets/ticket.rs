//! The end of a webhook's path: a sealed ticket, and the turn before it.
//!
//! Nothing that is made up may open. What our own key has sealed, of whatever version, must be read
//! or refused.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use tablecall::internals::TalkPosition;
use tablecall::internals::{TicketBody, Head, Key, TicketPurpose, Tickets};

static TICKETS: LazyLock<Tickets> = LazyLock::new(|| Tickets::new(vec![Key::derive(b"new"), Key::derive(b"old")]));

fuzz_target!(|data: &[u8]| {
    nothing_made_up_opens(data);
    if let Ok(text) = std::str::from_utf8(data) {
        turns_read_back(text);
        drop(Key::parse(text));
    }
    if let Ok((head, rest)) = postcard::take_from_bytes::<Head>(data)
        && let Ok(body) = postcard::from_bytes::<TicketBody>(rest)
    {
        what_was_sealed_opens(&head, &body);
    }
});

fn nothing_made_up_opens(data: &[u8]) {
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(data);
    for purpose in [TicketPurpose::Voice, TicketPurpose::Status, TicketPurpose::Machine, TicketPurpose::Inbound] {
        assert!(TICKETS.open(&encoded, purpose, Timestamp::UNIX_EPOCH).is_err());
        if let Ok(text) = std::str::from_utf8(data) {
            assert!(TICKETS.open(text, purpose, Timestamp::UNIX_EPOCH).is_err());
        }
    }
}

fn turns_read_back(text: &str) {
    if let Ok(position) = text.parse::<TalkPosition>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
}

fn what_was_sealed_opens(head: &Head, body: &TicketBody) {
    let text = TICKETS.seal(TicketPurpose::Voice, head, body).expect("there is a key and randomness");
    // A body longer than any reservation of ours gives a text too long for a ticket.
    let Ok(opened) = TICKETS.open(&text, TicketPurpose::Voice, head.sealed_at) else {
        assert!(text.len() > 4_000);
        return;
    };
    assert_eq!((&opened.head, opened.body().as_ref()), (head, Some(body)));
    drop(opened.call(head.sealed_at));
}
