//! A carrier that refuses, is busy or does not answer: what waits for it, and what goes on.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{SECRET, TestApp, table, table_at};
use crate::dialling::{at, confirms, some};

async fn ready(app: &TestApp) -> (u16, Value) {
    let answer = app.send(app.get("/readyz")).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn an_account_that_is_refused_is_left_alone_until_it_works_again() {
    let app = TestApp::start().await;
    app.checks(table()).await;
    app.goes_wrong(json!({"rest_error": {"code": 20_003, "status": 401}}))
        .await;
    let refused = app.tries(table_at(&confirms(1))).await;
    refused.is_problem(502, "call_refused");
    assert_eq!(refused.body["twilio_code"], 20_003);
    let (status, body) = ready(&app).await;
    assert_eq!(
        (status, &body["problems"][0]["part"]),
        (503, &json!("twilio")),
        "{body:#}"
    );
    let waiting = app.asks(table_at(&confirms(2))).await;
    assert_eq!(waiting.reads().await["waiting_for"], "carrier");
    let begun = app.now();
    while app.now().duration_since(begun) < SignedDuration::from_mins(30) {
        app.time_passes().await;
    }
    assert_eq!(waiting.reads().await["waiting_for"], "carrier");
    assert_eq!(app.creates().await.len(), 1, "nothing more was dialled");
    let tests = app
        .wire("rest")
        .await
        .iter()
        .filter(|it| it["status"] == 401 && it["method"] == "GET")
        .count();
    assert!(
        (4..10).contains(&tests),
        "it was tested now and then: {tests}"
    );
    app.goes_wrong(json!({})).await;
    waiting.ends_as("confirmed", 1).await;
    assert_eq!(ready(&app).await.0, 200);
    app.stops().await;
}

#[tokio::test]
async fn a_busy_carrier_is_asked_again_when_it_says() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"create_429": {"count": 1, "retry_after": 20}}))
        .await;
    let call = app.asks(table_at(&confirms(1))).await;
    let waiting = call.reads().await;
    assert_eq!(
        (
            &waiting["waiting_for"],
            waiting["attempts"].as_array().unwrap().len()
        ),
        (&json!("carrier"), 0)
    );
    let pause = at(&waiting["next_attempt_at"])
        .duration_since(app.now())
        .as_secs();
    assert!((20..=27).contains(&pause), "{pause}");
    assert_eq!(
        app.asks(table_at(&confirms(2))).await.reads().await["waiting_for"],
        "carrier",
        "others wait too"
    );
    call.ends_as("confirmed", 1).await;
    for (code, status) in [(10_004, 400), (22_005, 400)] {
        app.goes_wrong(json!({"create_error": {"code": code, "status": status, "count": 1}}))
            .await;
        let call = app.asks(table_at(&confirms(code % 7 + 10))).await;
        assert_eq!(call.reads().await["waiting_for"], "carrier", "{code}");
        call.ends_as("confirmed", 1).await;
    }
    app.stops().await;
}

#[tokio::test]
async fn a_caller_id_that_is_refused_is_set_aside_while_another_serves() {
    let carrier = TestApp::start().await;
    let given = RawConfig::default()
        .with(|it| it.carrier.twilio_from_number = some("+14155550199,+442079460000"));
    let mut app = TestApp::beside(&carrier, given).await;
    app.key = Some(SECRET);
    let british = app.asks(table_at("+442079460101")).await;
    british.ends_as("confirmed", 1).await;
    assert_eq!(
        carrier.ledger().await[0]["from"],
        "+442079460000",
        "the number of the restaurant's country"
    );
    carrier
        .goes_wrong(json!({"create_error": {"code": 21_210, "status": 400, "count": 1}}))
        .await;
    let call = app.asks(table_at("+442079470101")).await;
    let done = call.ends_as("confirmed", 1).await;
    assert!(
        done["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["what"] == "try_later"),
        "{done:#}"
    );
    assert_eq!(
        carrier.ledger().await[1]["from"],
        "+14155550199",
        "the other one"
    );
    let (status, body) = ready(&app).await;
    assert_eq!(
        (status, &body["problems"][0]["part"]),
        (200, &json!("caller_id")),
        "{body:#}"
    );
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(
        metrics.contains("tablecall_caller_ids_set_aside 1"),
        "{metrics}"
    );
    app.stops().await;
    carrier.stops().await;
}

#[tokio::test]
async fn no_call_is_placed_before_twilio_has_told_which_are_under_way() {
    let carrier = TestApp::start().await;
    carrier
        .goes_wrong(json!({"rest_error": {"code": 20_500, "status": 500, "only": "GET"}}))
        .await;
    let mut app = TestApp::beside(&carrier, RawConfig::default()).await;
    app.key = Some(SECRET);
    let refused = app.tries(table()).await;
    refused.is_problem(503, "unavailable");
    assert!(!refused.header("retry-after").is_empty());
    let (status, body) = ready(&app).await;
    assert_eq!(
        (status, &body["problems"][0]["part"]),
        (503, &json!("calls")),
        "{body:#}"
    );
    carrier.goes_wrong(json!({})).await;
    while ready(&app).await.0 != 200 {
        app.time_passes().await;
    }
    app.asks(table()).await;
    app.stops().await;
    carrier.stops().await;
}
