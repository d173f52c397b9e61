//! A check says of a request what a create of the same request does.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{TestApp, table, table_at, with};
use crate::dialling::{confirms, some};

/// A check says of a request what a create of the same request does.
async fn check_is_honest(app: &TestApp, request: Value) -> Value {
    let check = app.checks(request.clone()).await;
    let answer = app.tries(request).await;
    match check["verdict"].as_str().unwrap() {
        "allowed" => assert_eq!(
            (answer.status, answer.body["waiting_for"].is_null()),
            (202, true),
            "{}",
            answer.text
        ),
        "waits" => {
            assert_eq!(
                (answer.status, &answer.body["waiting_for"]),
                (202, &check["code"]),
                "{}",
                answer.text
            );
            assert_eq!(
                answer.body["next_attempt_at"], check["until"],
                "{}",
                answer.text
            );
        }
        _ => {
            assert_eq!(answer.body["code"], check["code"], "{}", answer.text);
            assert!(matches!(answer.status, 409 | 422 | 429), "{}", answer.text);
        }
    }
    check
}

#[tokio::test]
async fn a_check_says_what_a_create_does() {
    let given = RawConfig::default().with(|it| {
        it.calls.allowed_countries = some("US");
        it.calls.call_hours = some("10:00-21:00");
        it.calls.limits = some("key_minute=6");
        it.carrier.twilio_cps = some("1");
    });
    let app = TestApp::with(given).await;
    for (request, said) in [
        (table(), "allowed"),
        (table(), "duplicate_call"),
        (with(table(), json!({"name": "Bob"})), "live_call"),
        (table_at(&confirms(1)), "slot"),
        (
            with(
                table_at("+16465550101"),
                json!({"time": "2026-12-03T19:30"}),
            ),
            "slot",
        ),
        (
            with(
                table_at(&confirms(2)),
                json!({"not_before": "2026-12-01T23:00:00Z"}),
            ),
            "not_before",
        ),
        (
            with(
                table_at(&confirms(4)),
                json!({"not_before": "2026-12-02T07:00:00Z"}),
            ),
            "call_hours",
        ),
        (table_at("+19005550123"), "number_type_not_allowed"),
        (table_at("+15005550006"), "own_number"),
        (table_at("+442079460123"), "country_not_allowed"),
        (table_at(&confirms(3)), "key_limit"),
    ] {
        let check = check_is_honest(&app, request.clone()).await;
        let verdict = check["code"]
            .as_str()
            .unwrap_or_else(|| check["verdict"].as_str().unwrap());
        assert_eq!(verdict, said, "{request}");
    }
    app.stops().await;
}

#[tokio::test]
async fn whatever_is_asked_a_check_says_what_a_create_does() {
    let mut dice = fastrand::Rng::with_seed(7);
    for cps in ["0", "1"] {
        let given = RawConfig::default().with(|it| {
            it.calls.allowed_countries = some("US,GB");
            it.calls.call_hours = some("09:00-19:30");
            it.calls.limits = some("number_hour=1,key_minute=25,service_day=15");
            it.carrier.twilio_cps = some(cps);
        });
        let app = TestApp::with(given).await;
        let mut said = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let phone = dice.choice([
                "+14155550103",
                "+12125550103",
                "+442079460103",
                "+13125550101",
                "+4930123456",
            ]);
            let hour = dice.u32(0..24);
            let mut request = with(
                table_at(phone.unwrap()),
                json!({"party_size": dice.u32(1..30)}),
            );
            if dice.bool() {
                request["not_before"] = json!(format!("2026-12-02T{hour:02}:00:00Z"));
            }
            let check = check_is_honest(&app, request).await;
            said.insert(check["code"].as_str().unwrap_or("allowed").to_owned());
            if dice.u8(..3) == 0 {
                app.time_passes().await;
            }
        }
        assert!(said.len() >= 6, "{said:?}");
        app.stops().await;
    }
}
