//! Times at which a restaurant is called and at which it is not, as clients see it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, SECRET, TestApp, table, table_at, with};
use crate::call::Asked;

pub(crate) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Numbers that confirm by themselves.
pub(crate) fn confirms(number: u32) -> String {
    format!("+1415{:03}0101", 200 + number)
}

pub(crate) fn at(value: &Value) -> Timestamp {
    value.as_str().expect("an instant").parse().unwrap()
}

#[tokio::test]
async fn emergency_and_short_numbers_are_refused() {
    let app = TestApp::start().await;
    for (number, country) in [
        ("911", "US"),
        ("112", "DE"),
        ("999", "GB"),
        ("+1911", "US"),
        ("411", "US"),
        ("110", "JP"),
    ] {
        let answer = app
            .tries(with(table_at(number), json!({"country": country})))
            .await;
        answer.is_problem(422, "invalid_request");
        assert_eq!(
            answer.body["errors"][0]["field"], "phone",
            "{}",
            answer.text
        );
    }
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_number_that_was_rung_often_enough_is_refused_and_its_retries_wait() {
    let app = TestApp::with(
        RawConfig::default().with(|it| it.calls.limits = some("number_hour=2,number_day=3")),
    )
    .await;
    let begun = app.now();
    let call = app.asks(table_at("+14155550103")).await;
    let limited = call.comes_to(|call| call["waiting_for"] == "limit").await;
    assert_eq!(
        limited["attempts"].as_array().unwrap().len(),
        2,
        "{limited:#}"
    );
    let pause = at(&limited["next_attempt_at"]).duration_since(begun);
    assert!(
        (3_600..3_602).contains(&pause.as_secs()),
        "an hour after the first attempt: {pause:?}"
    );
    let refused = app
        .tries(with(table_at("+14155550103"), json!({"name": "Bob"})))
        .await;
    refused.is_problem(429, "number_limit");
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    assert!((3_000..3_600).contains(&seconds), "{seconds}");
    call.ends_as("busy", 3).await;
    let refused = app
        .tries(with(table_at("+14155550103"), json!({"name": "Bob"})))
        .await;
    refused.is_problem(429, "number_limit");
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    assert!(seconds > 20 * 3_600, "until the day is over: {seconds}");
    app.finish().await;
}

#[tokio::test]
async fn each_key_and_the_service_have_their_limits() {
    let given = RawConfig::default().with(|it| {
        it.clients.api_keys = some("one:the-secret-of-key-one,app:the-secret-of-the-app");
        it.calls.limits = some("key_minute=2,service_day=3");
    });
    let mut app = TestApp::with(given).await;
    app.key = Some("the-secret-of-key-one");
    for number in 1..=2 {
        app.asks(table_at(&confirms(number))).await;
    }
    let refused = app.tries(table_at(&confirms(3))).await;
    refused.is_problem(429, "key_limit");
    assert_eq!(refused.header("retry-after"), "60");
    app.key = Some(SECRET);
    app.asks(table_at(&confirms(3))).await;
    let refused = app.tries(table_at(&confirms(4))).await;
    refused.is_problem(429, "service_limit");
    assert_eq!(refused.header("retry-after"), "86400");
    assert_eq!(app.ledger().await.len(), 3);
    app.stops().await;
}

#[tokio::test]
async fn calls_are_started_at_the_pace_of_the_account_and_keys_take_turns() {
    let given = RawConfig::default().with(|it| {
        it.clients.api_keys = some("many:the-secret-of-the-many,app:the-secret-of-the-app");
        it.carrier.twilio_cps = some("1");
    });
    let mut app = TestApp::with(given).await;
    app.key = Some("the-secret-of-the-many");
    let mut calls = Vec::new();
    for number in 1..=4 {
        calls.push(app.tries(table_at(&confirms(number))).await.body);
    }
    app.key = Some(SECRET);
    let single = app.tries(table_at(&confirms(9))).await.body;
    assert!(calls[0]["waiting_for"].is_null());
    for call in calls[1..].iter().chain([&single]) {
        assert_eq!(
            (&call["status"], &call["waiting_for"]),
            (&json!("queued"), &json!("slot")),
            "{call:#}"
        );
    }
    let until_next = at(&single["next_attempt_at"]).duration_since(app.now());
    assert!(
        until_next < SignedDuration::from_millis(2_100),
        "it comes second: {until_next:?}"
    );
    while app.ledger().await.len() < 5 {
        app.time_passes().await;
    }
    let ledger = app.ledger().await;
    let order: Vec<&str> = ledger
        .iter()
        .map(|call| call["to"].as_str().unwrap())
        .collect();
    assert_eq!(order, [1, 2, 9, 3, 4].map(confirms));
    let starts: Vec<Timestamp> = ledger.iter().map(|call| at(&call["created_at"])).collect();
    for pair in starts.windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        assert!((1_000..1_100).contains(&apart.as_millis()), "{apart:?}");
    }
    app.stops().await;
}

#[tokio::test]
async fn a_retry_after_hours_is_planned_for_the_morning() {
    let given = RawConfig::default().with(|it| it.calls.call_hours = some("10:00-12:15"));
    let app = TestApp::with(given).await;
    let call = app.asks(table_at("+14155550104")).await;
    let waiting = call
        .comes_to(|call| call["waiting_for"] == "call_hours")
        .await;
    assert_eq!(
        waiting["next_attempt_at"], "2026-12-02T18:00:00.000Z",
        "ten in San Francisco"
    );
    let short = app
        .asks(with(
            table_at("+14155560104"),
            json!({"give_up_at": "2026-12-01T20:14:00Z"}),
        ))
        .await;
    short.ends_as("expired", 1).await;
    app.stops().await;
}

#[tokio::test]
async fn calls_from_before_the_start_keep_their_numbers() {
    let mut carrier = TestApp::start().await;
    carrier.loses_callbacks = true;
    let mut first = TestApp::beside(&carrier, RawConfig::default()).await;
    first.key = Some(SECRET);
    first.asks(table()).await;
    let mut phone = carrier.phone(RESTAURANT).rings().await;
    first.stops().await;
    let mut second = TestApp::beside(&carrier, RawConfig::default()).await;
    second.key = Some(SECRET);
    let call = second.asks(with(table(), json!({"name": "Bob"}))).await;
    assert_eq!(call.reads().await["waiting_for"], "live_call");
    phone.hangs_up().await;
    let again = carrier.phone(RESTAURANT).rings().await;
    assert_ne!(again.sid, phone.sid);
    assert_eq!(carrier.ledger().await.len(), 2);
    second.stops().await;
    carrier.stops().await;
}

#[tokio::test]
async fn keys_from_before_a_restart_are_read_from_twilios_events() {
    let mut carrier = TestApp::start().await;
    carrier.loses_callbacks = true;
    let mut first = TestApp::beside(&carrier, RawConfig::default()).await;
    first.key = Some(SECRET);
    let id = first.asks(table()).await.id.clone();
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses("1").await;
    let listen = first.origin.trim_start_matches("http://").to_owned();
    first.stops().await;
    let mut second = TestApp::beside(
        &carrier,
        RawConfig::default().with(|it| it.server.listen = Some(listen)),
    )
    .await;
    second.key = Some(SECRET);
    phone.hangs_up().await;
    while second
        .send(second.get(&format!("/api/call/{id}")))
        .await
        .status
        == 404
    {
        carrier.time_passes().await;
    }
    let call = Asked::new(&second, id);
    let settling = call.reads().await;
    assert_eq!(
        (&settling["status"], settling["outcome"].is_null()),
        (&json!("in_progress"), true),
        "{settling:#}"
    );
    let begun = carrier.now();
    let done = call.ends_as("confirmed", 1).await;
    assert!(
        carrier.now().duration_since(begun) >= SignedDuration::from_mins(15),
        "{done:#}"
    );
    assert_eq!(carrier.ledger().await.len(), 1, "nobody was rung again");
    second.stops().await;
    carrier.stops().await;
}

#[tokio::test]
async fn a_call_is_cancelled_before_its_name_is_known() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"create_lost_response": {"count": 1}}))
        .await;
    let call = app.asks(table()).await;
    let asked = call.reads().await;
    assert_eq!(
        (
            &asked["attempts"][0]["status"],
            asked["attempts"][0]["sid"].is_null()
        ),
        (&json!("unknown"), true)
    );
    assert_eq!(call.cancels().await.status, 202);
    call.ends_as("canceled", 1).await;
    let ledger = app.ledger().await;
    assert_eq!(
        (ledger.len(), ledger[0]["answered_at"].is_null()),
        (1, true),
        "{ledger:#?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_cancelled_line_of_which_nothing_is_heard_is_found_and_ended() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"create_lost_response": {"count": 1}, "drop_callback": {}}))
        .await;
    let call = app.asks(table_at("+14155550104")).await;
    assert_eq!(call.cancels().await.status, 202);
    call.ends_as("canceled", 1).await;
    app.goes_wrong(json!({})).await;
    assert_eq!(app.ledger().await.len(), 1);
    app.stops().await;
}

#[tokio::test]
async fn an_ended_attempt_keeps_its_evidence() {
    let app = TestApp::start().await;
    let call = app.asks(table_at("+14155550103")).await;
    let waiting = call.comes_to(|call| call["waiting_for"] == "retry").await;
    let attempt = &waiting["attempts"][0];
    assert_eq!(
        (&attempt["twilio_status"], &attempt["sip_code"]),
        (&json!("busy"), &json!(486)),
        "{attempt:#}"
    );
    app.goes_wrong(json!({"create_error": {"code": 21_215, "status": 400}}))
        .await;
    let failed = call.ends_as("failed", 2).await;
    let attempt = &failed["attempts"][1];
    assert_eq!(
        (&attempt["ended_because"], &attempt["twilio_code"]),
        (&json!("refused"), &json!(21_215))
    );
    assert!(
        attempt["advice"]
            .as_str()
            .unwrap()
            .contains("Geographic permissions"),
        "{attempt:#}"
    );
    app.stops().await;
}
