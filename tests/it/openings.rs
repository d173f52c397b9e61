//! `opening_hours` of a request: what is refused, when it rings, and what a check says of both.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table, with};

/// A table on Friday at 19:30 in San Francisco; there it is noon on Tuesday.
fn open(hours: &str) -> Value {
    with(table(), json!({"opening_hours": hours}))
}

#[tokio::test]
async fn a_restaurant_is_rung_in_the_hour_before_it_opens() {
    let app = TestApp::start().await;
    let hours = "Tu-Su 18:00-23:00; Mo off; PH off";
    let check = app.checks(open(hours)).await;
    let said = (&check["verdict"], &check["code"], &check["until"]);
    let five = "2026-12-02T01:00:00.000Z";
    assert_eq!(said, (&json!("waits"), &json!("call_hours"), &json!(five)));
    let call = app.asks(open(hours)).await;
    let waiting = call.waits("call_hours", five).await;
    assert_eq!(waiting["reservation"]["opening_hours"], hours);
    assert_eq!(
        waiting["reservation"]["give_up_at"], "2026-12-03T01:00:00.000Z",
        "24 hours after it may ring"
    );
    let mut phone = app.phone(RESTAURANT).rings().await;
    assert!(app.now() >= "2026-12-02T01:00:00Z".parse().unwrap());
    phone.accepts().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_retry_waits_until_the_restaurant_opens_again() {
    let app = TestApp::start().await;
    // Nobody answers; by the next try the last half hour of lunch has begun.
    let request = with(
        open("11:00-12:31,17:00-22:00"),
        json!({"phone": "+14155550104"}),
    );
    let call = app.asks(request).await;
    let waiting = call
        .comes_to(|call| call["waiting_for"] == "call_hours")
        .await;
    assert_eq!(waiting["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(waiting["next_attempt_at"], "2026-12-02T00:00:00.000Z");
    app.stops().await;
}

#[tokio::test]
async fn a_table_at_a_closed_time_and_hours_without_a_moment_are_refused() {
    let given =
        RawConfig::default().with(|it| it.calls.call_hours = Some("10:00-17:00".to_owned()));
    let app = TestApp::with(given).await;
    let refused = async |hours: &str| {
        let create = app.tries(open(hours)).await;
        let request = app.post("/api/call/check").json(&open(hours));
        let check = app.send(request).await;
        assert_eq!(create.status, 422, "{}", create.text);
        (create.body, check)
    };
    for (hours, field, code) in [
        ("Tu-Su 12:00-14:30", "time", "restaurant_closed"),
        (
            "Fr off; Mo-Th,Sa,Su 18:00-23:00",
            "time",
            "restaurant_closed",
        ),
        ("Mo-Su off", "opening_hours", "never_open"),
        ("evenings", "opening_hours", "not_opening_hours"),
    ] {
        let (create, check) = refused(hours).await;
        for answer in [&create, &check.body] {
            assert_eq!(answer["code"], "invalid_request", "{hours}");
            assert_eq!(answer["errors"][0]["field"], field, "{hours}");
            assert_eq!(answer["errors"][0]["code"], code, "{hours}");
        }
    }
    // Open at the table's time, but never within the call hours.
    let (create, check) = refused("19:00-23:00").await;
    assert_eq!(create["code"], "restaurant_closed");
    assert_eq!(create["errors"][0]["field"], "opening_hours");
    assert_eq!(check.body["verdict"], "blocked");
    assert_eq!(check.body["code"], "restaurant_closed");
    app.stops().await;
}

#[tokio::test]
async fn a_request_with_other_hours_is_another_request() {
    let app = TestApp::start().await;
    let send = async |hours: &str| {
        let request = app.post("/api/call");
        let request = request.header("idempotency-key", "once").json(&open(hours));
        app.send(request).await
    };
    let first = send("18:00-23:00").await;
    let again = send("18:00-23:00").await;
    assert_eq!((first.status, again.status), (202, 202), "{}", again.text);
    assert_eq!(first.body["id"], again.body["id"]);
    let other = send("18:00-22:00").await;
    assert_eq!(other.body["code"], "idempotency_mismatch");
    app.stops().await;
}

#[tokio::test]
async fn the_busiest_hour_is_avoided_where_another_moment_is_near() {
    let given = RawConfig::default().with(|it| it.calls.quiet_hours = Some("on".to_owned()));
    let app = TestApp::with(given).await;
    let check = app.checks(open("11:30-14:30,18:00-23:00")).await;
    assert_eq!(
        (&check["code"], &check["until"]),
        (&json!("call_hours"), &json!("2026-12-01T21:00:00.000Z"))
    );
    let short = app.checks(open("11:30-13:00,18:00-23:00")).await;
    assert_eq!(short["verdict"], "allowed", "nothing else is near");
    let unknown = app.checks(table()).await;
    assert_eq!(unknown["until"], "2026-12-01T21:00:00.000Z");
    app.stops().await;
}
