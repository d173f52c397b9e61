//! Requests read as clients send them: the least, the most, and all that is wrong at once.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn defaults() -> Defaults {
    Defaults {
        country: Some(Country::US),
        restaurant_phone: None,
        callbacks: Callbacks::Public,
        languages: vec![Language::EN_US],
    }
}

fn read_with(
    request: &Value,
    defaults: &Defaults,
) -> Result<Reservation, Vec<(String, &'static str)>> {
    reservation(
        request.as_object().unwrap(),
        defaults,
        |_| Language::EN_US,
        now(),
    )
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
fn four_fields_are_enough() {
    let reservation = read(&least()).unwrap();
    assert_eq!(
        reservation.timezone.unwrap().as_str(),
        "America/Los_Angeles"
    );
    assert_eq!(
        (reservation.attempts, reservation.voicemail),
        (3, Voicemail::HangUp)
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
    let asked = read(&with("give_up_at", json!("2026-12-24T00:00:00Z"))).unwrap();
    assert_eq!(asked.give_up_at, "2026-12-05T03:30:00Z".parse().unwrap());
}

#[test]
fn all_wrong_fields_are_told_at_once() {
    let request = json!({
        "name": 7, "phone": "call me", "time": "tomorrow", "party_size": "four", "restaurant": "", "guest_phone": "1", "notes": "\u{1}",
        "language": "tlh-KX", "country": "QQ", "timezone": "Mars", "extension": "abc", "alternatives": {"earliest": "x", "more": 1},
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

#[test]
fn national_numbers_are_read_in_their_country() {
    assert!(read(&with("phone", json!("(415) 555-0101"))).is_ok());
    let mut request = with("phone", json!("030 901820"));
    request["country"] = json!("DE");
    assert_eq!(read(&request).unwrap().phone.to_string(), "+4930901820");
}

#[test]
fn a_restaurants_own_deployment_takes_the_guests_number() {
    let own = Defaults {
        restaurant_phone: Phone::from_e164("+14155550199"),
        ..defaults()
    };
    let reservation = read_with(&least(), &own).unwrap();
    assert_eq!(reservation.phone.to_string(), "+14155550199");
    assert_eq!(reservation.guest_phone.unwrap().to_string(), "+14155550101");
    let both = read_with(&with("guest_phone", json!("+14155550102")), &own).unwrap_err();
    assert_eq!(both, [("guest_phone".to_owned(), "not_allowed")]);
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
