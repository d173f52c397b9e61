//! Tickets sealed, opened, changed, expired and rotated.

use super::*;
use crate::domain::{
    Alternatives, CallbackUrl, Country, Extension, Language, Name, Notes, PartySize,
    VoicemailAction,
};
use proptest::prelude::*;

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn head() -> Head {
    Head {
        call: CallId::from_bytes([3; 16]),
        attempt: 2,
        account: [9; 8],
        sealed_at: now(),
    }
}

fn longest() -> TicketBody {
    let number = Phone::from_e164("+999999999999999").unwrap();
    let callback = format!("https://example.com/{}", "a".repeat(280));
    let reservation = Reservation {
        name: Name::parse(&"あ".repeat(80)).unwrap(),
        phone: number,
        time: "2027-12-31T23:59".parse().unwrap(),
        party_size: PartySize::try_from(99).unwrap(),
        restaurant: Some(Name::parse(&"あ".repeat(80)).unwrap()),
        guest_phone: Some(number),
        notes: Some(Notes::parse(&"あ".repeat(140)).unwrap()),
        language: "cmn-CN".parse::<Language>().unwrap(),
        country: Some(Country::US),
        timezone: "America/Argentina/ComodRivadavia".parse().ok(),
        extension: "1".repeat(32).parse::<Extension>().ok(),
        alternatives: Some(Alternatives {
            earliest: "00:00".parse().unwrap(),
            latest: "23:59".parse().unwrap(),
        }),
        not_before: Some(now()),
        give_up_at: now(),
        attempts: 5,
        voicemail: VoicemailAction::LeaveMessage,
        callback_url: CallbackUrl::parse(&callback, false).ok(),
        guest_extension: "1".repeat(20).parse().ok(),
        language_guessed: true,
        opening_hours: format!("12:00-14:30 \"{}\"", "é".repeat(200)).parse().ok(),
        accepts_offer_of: None,
    };
    assert!(
        reservation.timezone.is_some()
            && reservation.extension.is_some()
            && reservation.callback_url.is_some()
            && reservation.opening_hours.is_some()
    );
    TicketBody {
        owner: "k".repeat(64).into(),
        reservation: Arc::new(reservation),
        created_at: now(),
        version: u64::from(u32::MAX),
        from: number,
        tier: AccountTier::Full,
        carry_over: CarryOver {
            idempotency: Some([255; 16]),
            trace: Some(([255; 16], [255; 8])),
        },
    }
}

fn tickets(secrets: &[&str]) -> Tickets {
    Tickets::new(
        secrets
            .iter()
            .map(|secret| Key::derive(secret.as_bytes()))
            .collect(),
    )
}

#[test]
fn what_was_sealed_is_opened_and_the_longest_is_short_enough() {
    let tickets = tickets(&["a"]);
    let text = tickets
        .seal(TicketPurpose::Voice, &head(), &longest())
        .unwrap();
    assert!(text.len() <= 3_000, "{} characters", text.len());
    let opened = tickets.open(&text, TicketPurpose::Voice, now()).unwrap();
    assert_eq!((opened.head, opened.body().unwrap()), (head(), longest()));
}

/// During an upgrade calls are under way whose tickets a version before has sealed: without later
/// fields, or with the first of them.
#[test]
fn a_ticket_without_later_fields_is_read() {
    let body = longest();
    let opened = |later: &[u8]| Opened {
        head: head(),
        rest: [&*postcard::to_allocvec(&body).unwrap(), later].concat(),
    };
    let mut expected = body.clone();
    let reservation = Arc::make_mut(&mut expected.reservation);
    let extension = reservation.guest_extension.take();
    (reservation.language_guessed, reservation.opening_hours) = (false, None);
    assert_eq!(opened(&[]).body().unwrap(), expected);
    let reservation = Arc::make_mut(&mut expected.reservation);
    reservation.language_guessed = true;
    reservation.guest_extension = extension.clone();
    let first_two = postcard::to_allocvec(&(extension, true)).unwrap();
    assert_eq!(opened(&first_two).body().unwrap(), expected);
}

#[test]
fn a_ticket_serves_one_purpose() {
    let tickets = tickets(&["a"]);
    let text = tickets
        .seal(TicketPurpose::Status, &head(), &longest())
        .unwrap();
    assert!(matches!(
        tickets.open(&text, TicketPurpose::Voice, now()),
        Err(TicketError::Forged)
    ));
    assert!(matches!(
        tickets.open(&text, TicketPurpose::Machine, now()),
        Err(TicketError::Forged)
    ));
}

#[test]
fn tickets_expire() {
    let tickets = tickets(&["a"]);
    let text = tickets
        .seal(TicketPurpose::Voice, &head(), &longest())
        .unwrap();
    assert!(
        tickets
            .open(&text, TicketPurpose::Voice, now() + LIFE)
            .is_ok()
    );
    let late = tickets.open(
        &text,
        TicketPurpose::Voice,
        now() + LIFE + SignedDuration::from_secs(1),
    );
    assert!(matches!(late, Err(TicketError::Expired(opened)) if opened.head == head()));
}

#[test]
fn keys_can_be_rotated() {
    let text = tickets(&["old"])
        .seal(TicketPurpose::Voice, &head(), &longest())
        .unwrap();
    assert!(
        tickets(&["new", "old"])
            .open(&text, TicketPurpose::Voice, now())
            .is_ok()
    );
    assert!(
        tickets(&["new"])
            .open(&text, TicketPurpose::Voice, now())
            .is_err()
    );
}

#[test]
fn nobody_reads_a_ticket() {
    let text = tickets(&["a"])
        .seal(TicketPurpose::Voice, &head(), &longest())
        .unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
    assert!(!bytes.windows(3).any(|window| window == "あ".as_bytes()));
    assert_ne!(
        text,
        tickets(&["a"])
            .seal(TicketPurpose::Voice, &head(), &longest())
            .unwrap(),
        "a nonce is used once"
    );
}

/// The vector of draft-irtf-cfrg-xchacha, appendix A.3.1.
#[test]
fn the_cipher_is_xchacha20_poly1305() {
    let key = Key(std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap()));
    let nonce = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
    let aad = [
        0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
    ];
    let mut text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.".to_vec();
    let (cipher, nonce) = cipher(&key, &nonce).unwrap();
    cipher
        .seal_in_place_append_tag(nonce, Aad::from(aad), &mut text)
        .unwrap();
    assert_eq!(text[..4], [0xbd, 0x6d, 0x17, 0x9d]);
    let tag = [
        0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf,
        0x49,
    ];
    assert_eq!(text[text.len() - TAG..], tag);
}

#[test]
fn keys_are_32_bytes_of_base64() {
    assert!(Key::parse(&Key::generate().unwrap()).is_ok());
    assert_eq!(Key::parse("%"), Err(KeyError::NotBase64));
    assert_eq!(Key::parse("AAAA"), Err(KeyError::WrongLength));
}

proptest! {
    #[test]
    fn any_change_is_noticed(at: proptest::sample::Index, bit in 0..8_u8) {
        let tickets = tickets(&["a"]);
        let text = tickets.seal(TicketPurpose::Voice, &head(), &longest()).unwrap();
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        prop_assert!(tickets.open(&changed, TicketPurpose::Voice, now()).is_err());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let tickets = tickets(&["a"]);
        prop_assert!(tickets.open(&text, TicketPurpose::Voice, now()).is_err());
        prop_assert!(tickets.open(&BASE64_URL_SAFE_NO_PAD.encode(bytes), TicketPurpose::Voice, now()).is_err());
    }
}
