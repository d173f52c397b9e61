//! Requests read as clients send them: the least, the most, and all that is wrong at once.

use super::*;
use crate::domain::VoicemailAction;
use proptest::prelude::*;
use serde_json::json;

mod numbers;

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn defaults() -> Defaults {
    Defaults {
        country: Some(Country::US),
        allowed_countries: None,
        restaurant_phone: None,
        restaurant_timezone: None,
        callbacks: Callbacks::Public,
        languages: vec![Language::EN_US],
    }
}

fn speech() -> &'static Speech {
    static SPEECH: std::sync::LazyLock<Speech> = std::sync::LazyLock::new(|| {
        Speech::open(crate::speech::InputMode::Keys).expect("the files of twiml/ are right")
    });
    &SPEECH
}

fn read_with(
    request: &Value,
    defaults: &Defaults,
) -> Result<Reservation, Vec<(String, &'static str)>> {
    reservation(request.as_object().unwrap(), defaults, speech(), now())
        .map(|(reservation, _)| reservation)
        .map_err(|errors| {
            errors
                .into_iter()
                .map(|error| (error.field, error.code))
                .collect()
        })
}

fn read(request: &Value) -> Result<Reservation, Vec<(String, &'static str)>> {
    read_with(request, &defaults())
}

fn least() -> Value {
    json!({"name": "Ana", "phone": "+14155550101", "time": "2026-12-04T19:30", "party_size": 4})
}

fn with(field: &str, value: Value) -> Value {
    let mut request = least();
    request[field] = value;
    request
}

#[test]
fn what_the_voice_cannot_say_is_refused_with_what_to_send_instead() {
    let japanese = Defaults {
        languages: vec![Language::EN_US, "ja-JP".parse().unwrap()],
        ..defaults()
    };
    let read = |more: Value| {
        let mut request = least();
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        read_with(&request, &japanese)
    };
    let wrong = |field: &str| vec![(field.to_owned(), "unsayable")];
    assert_eq!(read(json!({"name": "דנה כהן"})).unwrap_err(), wrong("name"));
    assert_eq!(read(json!({"name": "山田"})).unwrap_err(), wrong("name"));
    assert_eq!(
        read(json!({"restaurant": "寿司"})).unwrap_err(),
        wrong("restaurant")
    );
    assert_eq!(
        read(json!({"notes": "誕生日"})).unwrap_err(),
        wrong("notes")
    );
    assert_eq!(read(json!({"notes": "🎂🎉"})).unwrap_err(), wrong("notes"));
    assert_eq!(read(json!({"notes": "!?"})).unwrap_err(), wrong("notes"));
    let styled = read(json!({"name": "𝓐𝓷𝓪 𝓖𝓪𝓻𝓬í𝓪", "notes": "4 🎂"})).unwrap();
    assert_eq!(
        styled.name.as_str(),
        "𝓐𝓷𝓪 𝓖𝓪𝓻𝓬í𝓪",
        "it is said in plain letters"
    );
    let dana = read(json!({"name": "דנה כהן", "name_pronounced": "Dana Cohen"})).unwrap();
    assert_eq!(
        (dana.name.as_str(), dana.name.pronounced()),
        ("דנה כהן", Some("Dana Cohen"))
    );
    let still = json!({"name": "דנה כהן", "name_pronounced": "דנה"});
    assert_eq!(read(still).unwrap_err(), wrong("name_pronounced"));
    let yamada = json!({"name": "山田", "name_reading": "やまだ", "language": "ja-JP"});
    assert_eq!(read(yamada).unwrap().name.reading(), Some("やまだ"));
    let notes = read(json!({"notes": "誕生日", "notes_language": "ja-JP"}))
        .unwrap()
        .notes;
    assert_eq!(notes.unwrap().language().unwrap().as_str(), "ja-JP");
    let alone = vec![("notes_language".to_owned(), "without_notes")];
    assert_eq!(read(json!({"notes_language": "ja-JP"})).unwrap_err(), alone);
    let unknown = vec![("notes_language".to_owned(), "unknown_language")];
    assert_eq!(
        read(json!({"notes": "x", "notes_language": "fi-FI"})).unwrap_err(),
        unknown
    );
}

#[test]
fn a_table_is_asked_for_only_while_the_restaurant_is_open() {
    // now() is 04:00 on a Tuesday in Los Angeles; the table is on a Friday at 19:30.
    let hours = |text: &str| read(&with("opening_hours", json!(text)));
    let lunch_and_dinner = hours(" Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off; ").unwrap();
    assert_eq!(
        lunch_and_dinner.opening_hours.unwrap().as_str(),
        "Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off"
    );
    assert_eq!(
        lunch_and_dinner.give_up_at,
        "2026-12-02T19:00:00Z".parse().unwrap(),
        "24 hours after 11:00 in Los Angeles"
    );
    let closed = |code| vec![("time".to_owned(), code)];
    for text in [
        "Tu-Su 12:00-14:30",
        "Mo-Th 10:00-23:00",
        "12:00-19:30",
        "20:00-23:00",
        "Dec 4 off; 18:00-23:00; Dec off",
    ] {
        assert_eq!(
            hours(text).unwrap_err(),
            closed("restaurant_closed"),
            "{text}"
        );
    }
    for text in ["19:30-20:00", "Fr 18:00-02:00", "24/7", "18:00+"] {
        assert!(hours(text).is_ok(), "{text}");
    }
    let wrong = |code| vec![("opening_hours".to_owned(), code)];
    assert_eq!(hours("off").unwrap_err(), wrong("never_open"));
    assert_eq!(
        hours("2025 Mo-Su 12:00-23:00").unwrap_err(),
        wrong("never_open")
    );
    assert_eq!(
        hours("noon to midnight").unwrap_err(),
        wrong("not_opening_hours")
    );
    assert_eq!(hours(&"x".repeat(301)).unwrap_err(), wrong("too_long"));
    assert_eq!(
        read(&with("opening_hours", json!(7))).unwrap_err(),
        wrong("wrong_type")
    );
    let mut early = with("opening_hours", json!("Tu-Su 12:00-14:30,18:00-23:00"));
    early["give_up_at"] = json!("2026-12-01T13:00:00Z");
    let early = read(&early).unwrap();
    assert_eq!(early.give_up_at, "2026-12-01T13:00:00Z".parse().unwrap());
}

#[test]
fn a_refused_time_says_when_the_restaurant_opens_next() {
    let message = |hours: &str| {
        let request = with("opening_hours", json!(hours));
        let read = reservation(request.as_object().unwrap(), &defaults(), speech(), now());
        read.unwrap_err().remove(0).message
    };
    assert_eq!(
        message("Tu-Su 12:00-14:30"),
        "is when the restaurant is closed by `opening_hours`, and opens next at 2026-12-05T12:00: give a time when it is open"
    );
    assert!(message("Jan-Jun 12:00-23:00").contains("for the 14 days after"));
    assert!(message("Tu-Su 12-14").contains("Tu-Su 12:00-14:30,18:00-23:00; Mo off"));
}

#[test]
fn four_fields_are_enough() {
    let reservation = read(&least()).unwrap();
    assert_eq!(
        reservation.timezone.unwrap().as_str(),
        "America/Los_Angeles"
    );
    assert_eq!(
        (reservation.attempts, reservation.voicemail),
        (3, VoicemailAction::HangUp)
    );
    assert_eq!(
        reservation.give_up_at,
        "2026-12-02T12:00:00Z".parse().unwrap()
    );
}

#[test]
fn trying_ends_before_the_tables_time() {
    let soon = read(&with("time", json!("2026-12-01T09:30"))).unwrap();
    assert_eq!(soon.give_up_at, "2026-12-01T17:30:00Z".parse().unwrap());
    // The second is "never" in many programs, and a later instant than any that is known here.
    for late in ["2026-12-24T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let asked = read(&with("give_up_at", json!(late))).unwrap();
        assert_eq!(asked.give_up_at, "2026-12-05T03:30:00Z".parse().unwrap());
    }
}

#[test]
fn all_wrong_fields_are_told_at_once() {
    let request = json!({
        "name": 7, "phone": "call me", "time": "tomorrow", "party_size": "four", "restaurant": "", "guest_phone": "1", "notes": "\u{1}",
        "name_pronounced": "あ".repeat(41), "name_reading": "1", "notes_language": "xx",
        "language": "tlh-KX", "country": "QQ", "timezone": "Mars", "opening_hours": "noon", "extension": "abc", "alternatives": {"earliest": "x", "more": 1},
        "not_before": "soon", "give_up_at": "later", "attempts": 9, "voicemail": "sing", "callback_url": "http://x", "colour": "red"
    });
    let errors = read(&request).unwrap_err();
    let fields: std::collections::BTreeSet<_> =
        errors.iter().map(|(field, _)| field.as_str()).collect();
    for field in FIELDS.iter().filter(|field| **field != "alternatives") {
        assert!(fields.contains(field), "{field} is missing in {errors:?}");
    }
    for field in [
        "colour",
        "alternatives.earliest",
        "alternatives.latest",
        "alternatives.more",
    ] {
        assert!(fields.contains(field), "{field} is missing in {errors:?}");
    }
}

#[test]
fn a_time_that_is_wrong_everywhere_is_named_beside_a_wrong_phone() {
    for (time, code) in [
        ("2026-11-29T10:00", "in_the_past"),
        ("2029-01-01T10:00", "too_far_ahead"),
    ] {
        let request = json!({"name": "Ana", "phone": "123", "time": time, "party_size": 4});
        let errors = read(&request).unwrap_err();
        assert!(errors.contains(&("time".to_owned(), code)), "{errors:?}");
        assert!(errors.iter().any(|(field, _)| field == "phone"));
    }
    // It may still be this time somewhere.
    let request =
        json!({"name": "Ana", "phone": "123", "time": "2026-12-01T00:01", "party_size": 4});
    assert_eq!(read(&request).unwrap_err().len(), 1);
}

#[test]
fn each_rule_has_its_code() {
    let code = |field: &str, value: Value| read(&with(field, value)).unwrap_err();
    let only = |field: &str, code| vec![(field.to_owned(), code)];
    assert_eq!(read(&json!({})).unwrap_err().len(), 4);
    assert_eq!(code("name", json!("12")), only("name", "no_letter"));
    assert_eq!(code("name", Value::Null), only("name", "required"));
    assert_eq!(
        code("phone", json!("+15551234567")),
        only("phone", "invalid_phone_number")
    );
    assert_eq!(
        code("time", json!("2026-11-30T19:30")),
        only("time", "in_the_past")
    );
    assert_eq!(
        code("party_size", json!(100)),
        only("party_size", "out_of_range")
    );
    assert_eq!(
        code("party_size", json!(2.5)),
        only("party_size", "out_of_range")
    );
    assert_eq!(
        code("timezone", json!("Europe/Berlin")),
        only("timezone", "timezone_mismatch")
    );
    assert_eq!(code("attempts", json!(0)), only("attempts", "out_of_range"));
    assert_eq!(
        code("give_up_at", json!("2026-11-01T00:00:00Z")),
        only("give_up_at", "too_early")
    );
    let days = json!({"earliest": "2026-12-05T18:00", "latest": "21:00"});
    assert_eq!(
        code("alternatives", days),
        only("alternatives.earliest", "other_day")
    );
    assert_eq!(
        code(
            "alternatives",
            json!({"earliest": "21:00", "latest": "18:00"})
        ),
        only("alternatives.latest", "out_of_order")
    );
    assert_eq!(
        code("callback_url", json!("https://127.0.0.1/")),
        only("callback_url", "private_address")
    );
    let refused = Defaults {
        callbacks: Callbacks::Refused,
        ..defaults()
    };
    assert_eq!(
        read_with(
            &with("callback_url", json!("https://example.com/")),
            &refused
        )
        .unwrap_err(),
        only("callback_url", "not_available")
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("earliest|latest|.{0,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_in_any_fields_is_read_or_refused(
        fields in proptest::collection::btree_map(proptest::sample::select([&FIELDS[..], &["x", "\u{0}"]].concat()), any_json(), 0..8),
    ) {
        let mut request = least();
        for (field, value) in fields {
            request[field] = value;
        }
        if let Err(errors) = read(&request) {
            prop_assert!(!errors.is_empty());
        }
    }

    #[test]
    fn any_text_in_any_field_is_read_or_refused(field in proptest::sample::select(FIELDS.to_vec()), text in ".{0,120}") {
        let result = read(&with(field, Value::String(text)));
        if let Err(errors) = result {
            prop_assert!(errors.iter().all(|(wrong, _)| wrong.starts_with(field) || field == "country" || field == "phone"));
        }
    }
}

#[test]
fn a_time_that_the_clock_skips_is_refused() {
    let mut request = with("phone", json!("+4930901820"));
    request["time"] = json!("2027-03-28T02:30");
    assert_eq!(
        field_and_code(&request),
        ("time".to_owned(), "time_does_not_exist")
    );
}

fn field_and_code(request: &Value) -> (String, &'static str) {
    let errors = read(request).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.into_iter().next().unwrap()
}
