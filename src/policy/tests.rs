//! Policy, rule by rule, and what holds for all of them together.

mod openings;
mod properties;
mod zones;

use proptest::prelude::*;

use super::*;
use crate::domain::phone::LineKind;
use crate::domain::{Name, PartySize};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon in Berlin.
fn noon() -> Timestamp {
    at("2026-12-01T11:00:00Z")
}

fn later(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

fn reservation() -> Reservation {
    Reservation {
        country: "DE".parse().ok(),
        timezone: Some("Europe/Berlin".parse().unwrap()),
        give_up_at: later(24 * 3_600),
        attempts: 3,
        language_guessed: true,
        ..Reservation::new(
            Name::parse("Ana").unwrap(),
            Phone::from_e164("+493012345678").unwrap(),
            "2026-12-04T19:30".parse().unwrap(),
            PartySize::try_from(4).unwrap(),
        )
    }
}

fn rules() -> Rules {
    Rules {
        countries: Some(vec!["DE".parse().unwrap()]),
        kinds: NumberKinds::default(),
        hours: "10:00-21:00".parse().unwrap(),
        quiet_hours: QuietHours::OFF,
        own_numbers: vec![Phone::from_e164("+493087654321").unwrap()],
        limits: CallLimits::USUAL,
    }
}

fn landline() -> Option<PhoneFacts> {
    Some(PhoneFacts {
        country: "DE".parse().ok(),
        kind: LineKind::Landline,
    })
}

fn create(reservation: &Reservation, input: &PolicyInput, now: Timestamp) -> PolicyVerdict {
    rules().judge(reservation, landline(), DialReason::Create, input, now)
}

fn retry(input: &PolicyInput, now: Timestamp) -> PolicyVerdict {
    rules().judge(
        &reservation(),
        landline(),
        DialReason::Attempt { earliest: now },
        input,
        now,
    )
}

fn waits(reason: WaitingFor, until: Timestamp) -> PolicyVerdict {
    PolicyVerdict::Waits { reason, until }
}

#[test]
fn a_number_is_rung_only_if_it_is_a_kind_that_people_answer() {
    let judged = |kind| {
        let input = Some(PhoneFacts {
            country: "DE".parse().ok(),
            kind,
        });
        rules().judge(
            &reservation(),
            input,
            DialReason::Create,
            &PolicyInput::default(),
            noon(),
        )
    };
    for kind in [
        LineKind::Landline,
        LineKind::Mobile,
        LineKind::Company,
        LineKind::Voip,
        LineKind::LocalRate,
    ] {
        assert_eq!(judged(kind), PolicyVerdict::Allowed, "{kind:?}");
    }
    for kind in [
        LineKind::Premium,
        LineKind::SharedCost,
        LineKind::Surcharged,
        LineKind::Personal,
        LineKind::Global,
        LineKind::Pager,
        LineKind::Voicemail,
    ] {
        assert_eq!(
            judged(kind),
            PolicyVerdict::Blocked(Refusal::NumberKind(kind)),
            "{kind:?}"
        );
    }
}

#[test]
fn our_own_numbers_and_other_countries_are_refused() {
    let own = Reservation {
        phone: Phone::from_e164("+493087654321").unwrap(),
        ..reservation()
    };
    assert_eq!(
        create(&own, &PolicyInput::default(), noon()),
        PolicyVerdict::Blocked(Refusal::OwnNumber)
    );
    let abroad = Some(PhoneFacts {
        country: "FR".parse().ok(),
        kind: LineKind::Landline,
    });
    let verdict = rules().judge(
        &reservation(),
        abroad,
        DialReason::Create,
        &PolicyInput::default(),
        noon(),
    );
    assert_eq!(verdict, PolicyVerdict::Blocked(Refusal::Country));
}

#[test]
fn emergency_and_short_numbers_are_no_numbers_to_ring() {
    for (text, country) in [
        ("911", "US"),
        ("112", "DE"),
        ("110", "DE"),
        ("999", "GB"),
        ("000", "AU"),
        ("+1911", "US"),
        ("+49112", "DE"),
        ("116117", "DE"),
        ("411", "US"),
        ("119", "JP"),
    ] {
        assert!(
            Phone::parse(text, country.parse().ok()).is_err(),
            "{text} in {country}"
        );
    }
}

#[test]
fn a_create_waits_for_hours_and_its_own_earliest_moment() {
    let night = at("2026-12-01T22:00:00Z");
    assert_eq!(
        create(&reservation(), &PolicyInput::default(), night),
        waits(WaitingFor::CallHours, at("2026-12-02T09:00:00Z"))
    );
    let tomorrow = Reservation {
        not_before: Some(at("2026-12-02T09:30:00Z")),
        ..reservation()
    };
    assert_eq!(
        create(&tomorrow, &PolicyInput::default(), noon()),
        waits(WaitingFor::NotBefore, at("2026-12-02T09:30:00Z"))
    );
    let soon_over = Reservation {
        give_up_at: at("2026-12-02T08:00:00Z"),
        ..reservation()
    };
    assert_eq!(
        create(&soon_over, &PolicyInput::default(), night),
        PolicyVerdict::Blocked(Refusal::TooLate)
    );
}

#[test]
fn what_a_limit_forbids_is_refused_to_a_create_and_waited_for_by_an_attempt() {
    let number = |room| PolicyInput {
        room,
        ..PolicyInput::default()
    };
    let hour = number(Room {
        number_hour: Some(later(90)),
        ..Room::default()
    });
    assert_eq!(
        create(&reservation(), &hour, noon()),
        PolicyVerdict::Blocked(Refusal::NumberLimit { retry_after: 90 })
    );
    assert_eq!(retry(&hour, noon()), waits(WaitingFor::Limit, later(90)));
    let service = number(Room {
        service_day: Some(later(1)),
        ..Room::default()
    });
    assert_eq!(
        create(&reservation(), &service, noon()),
        PolicyVerdict::Blocked(Refusal::ServiceLimit { retry_after: 1 })
    );
    assert_eq!(retry(&service, noon()), waits(WaitingFor::Limit, later(1)));
    let key = number(Room {
        key_minute: Some(later(30)),
        ..Room::default()
    });
    assert_eq!(
        create(&reservation(), &key, noon()),
        PolicyVerdict::Blocked(Refusal::KeyLimit { retry_after: 30 })
    );
    assert_eq!(
        retry(&key, noon()),
        PolicyVerdict::Allowed,
        "a key's creates are no matter of attempts"
    );
    let day = number(Room {
        number_day: Some(later(10 * 3_600)),
        ..Room::default()
    });
    assert_eq!(
        retry(&day, noon()),
        waits(WaitingFor::CallHours, at("2026-12-02T09:00:00Z")),
        "room at ten in the evening is of no use"
    );
    let never = number(Room {
        number_day: Some(later(23 * 3_600 + 3_599)),
        ..Room::default()
    });
    assert_eq!(
        retry(&never, at("2026-12-02T10:59:59Z")),
        PolicyVerdict::Allowed
    );
    assert_eq!(
        create(
            &Reservation {
                not_before: Some(later(3_600)),
                ..reservation()
            },
            &hour,
            noon()
        ),
        waits(WaitingFor::NotBefore, later(3_600)),
        "there is room by then"
    );
}

#[test]
fn what_stands_in_the_way_is_told_in_order() {
    let mut input = PolicyInput {
        taken: true,
        carrier: Some(later(5)),
        slot: Some(later(1)),
        duplicate: Some(CallId::from_bytes([1; 16])),
        ..PolicyInput::default()
    };
    assert_eq!(
        create(&reservation(), &input, noon()),
        PolicyVerdict::Blocked(Refusal::Duplicate(CallId::from_bytes([1; 16])))
    );
    input.duplicate = None;
    assert_eq!(
        create(&reservation(), &input, noon()),
        waits(WaitingFor::LiveCall, later(30))
    );
    input.taken = false;
    assert_eq!(
        create(&reservation(), &input, noon()),
        waits(WaitingFor::Carrier, later(5))
    );
    input.carrier = None;
    assert_eq!(
        create(&reservation(), &input, noon()),
        waits(WaitingFor::Slot, later(1))
    );
    input.slot = Some(noon());
    assert_eq!(
        create(&reservation(), &input, noon()),
        PolicyVerdict::Allowed
    );
}

#[test]
fn a_number_whose_people_do_not_want_it_is_never_rung() {
    let input = PolicyInput {
        opted_out: true,
        ..PolicyInput::default()
    };
    let attempt = DialReason::Attempt { earliest: noon() };
    for purpose in [DialReason::Create, attempt] {
        let verdict = rules().judge(&reservation(), landline(), purpose, &input, noon());
        assert_eq!(verdict, PolicyVerdict::Blocked(Refusal::OptedOut));
    }
}

#[test]
fn a_retry_is_planned_for_a_moment_that_is_allowed() {
    let evening = at("2026-12-01T19:50:00Z");
    let pause = DialReason::Attempt {
        earliest: at("2026-12-01T20:05:00Z"),
    };
    let verdict = rules().judge(
        &reservation(),
        landline(),
        pause,
        &PolicyInput::default(),
        evening,
    );
    assert_eq!(
        verdict,
        waits(WaitingFor::CallHours, at("2026-12-02T09:00:00Z"))
    );
    let early = DialReason::Attempt {
        earliest: later(900),
    };
    assert_eq!(
        rules().judge(
            &reservation(),
            landline(),
            early,
            &PolicyInput::default(),
            noon()
        ),
        waits(WaitingFor::Retry, later(900))
    );
}
