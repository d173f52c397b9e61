//! Phones that are not picked up, or not by a person, and when they ring again.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::app::{RESTAURANT, TestApp, table, table_at, with};
use crate::call::Asked;

/// The call waits for a second attempt, so many minutes after the first has ended.
async fn waits_for_retry(call: &Asked<'_>, minutes: i64, because: &str) -> Value {
    let waiting = call.comes_to(|call| call["waiting_for"] == "retry").await;
    assert_eq!(
        (&waiting["status"], waiting["outcome"].is_null()),
        (&json!("queued"), true),
        "{waiting:#}"
    );
    let last = waiting["attempts"].as_array().unwrap().last().unwrap();
    assert_eq!(last["ended_because"], because, "{waiting:#}");
    let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let pause = at(&waiting["next_attempt_at"]).duration_since(at(&last["ended_at"]));
    let settled = SignedDuration::from_secs(10);
    let wanted = SignedDuration::from_mins(minutes);
    assert!(
        (wanted..=wanted + settled).contains(&pause),
        "{pause:?} instead of {wanted:?}: {waiting:#}"
    );
    waiting
}

/// A number that always ends the same way is rung three times, with pauses, and then given up.
async fn is_rung_three_times(
    number: &str,
    (minutes, because): (i64, &str),
    outcome: &str,
) -> Value {
    let app = TestApp::start().await;
    let call = app.asks(table_at(number)).await;
    for attempts in 1..=2 {
        let waiting = waits_for_retry(&call, minutes, because).await;
        assert_eq!(waiting["attempts"].as_array().unwrap().len(), attempts);
        call.comes_to(|call| call["waiting_for"].is_null()).await;
    }
    let call = call.ends_as(outcome, 3).await;
    assert_eq!(app.ledger().await.len(), 3);
    app.finish().await;
    call
}

#[tokio::test]
async fn a_busy_line_is_rung_again_after_3_minutes() {
    let call = is_rung_three_times("+14155550103", (3, "busy"), "busy").await;
    assert_eq!(call["attempts"][2]["sip_code"], 486);
}

#[tokio::test]
async fn a_phone_that_nobody_picks_up_is_rung_again_after_15_minutes() {
    is_rung_three_times("+14155550104", (15, "no_answer"), "no_answer").await;
}

#[tokio::test]
async fn an_unreachable_number_is_tried_again_after_15_minutes() {
    is_rung_three_times("+14155550105", (15, "unreachable"), "failed").await;
}

#[tokio::test]
async fn a_voicemail_is_hung_up_on_at_its_beep_and_rung_again_after_20_minutes() {
    let call = is_rung_three_times("+14155550106", (20, "machine"), "machine").await;
    assert_eq!(call["attempts"][0]["answered_by"], "beep");
}

#[tokio::test]
async fn silence_is_rung_again_after_20_minutes() {
    is_rung_three_times("+14155550107", (20, "no_key"), "no_response").await;
}

#[tokio::test]
async fn who_hangs_up_before_a_key_is_rung_once_more_after_5_minutes() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    for attempt in 1..=2 {
        let mut phone = app
            .phone(RESTAURANT)
            .picks_up("a guest would like a table")
            .await;
        phone.hangs_up().await;
        if attempt == 1 {
            waits_for_retry(&call, 5, "hung_up").await;
        }
    }
    call.ends_as("no_response", 2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_declined_call_is_not_busy() {
    let app = TestApp::start().await;
    let call = app.asks(with(table(), json!({"attempts": 1}))).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.declines().await;
    let call = call.ends_as("no_answer", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "declined");
    assert_eq!(call["attempts"][0]["sip_code"], 603);
    app.finish().await;
}

#[tokio::test]
async fn a_call_that_the_carrier_blocks_is_made_once_more_and_tells_what_to_do() {
    let app = TestApp::start().await;
    for (number, sip) in [("+14155550114", 607), ("+14155550115", 608)] {
        let call = app
            .asks(with(table_at(number), json!({"attempts": 5})))
            .await;
        waits_for_retry(&call, 15, "blocked").await;
        let call = call.ends_as("failed", 2).await;
        for attempt in call["attempts"].as_array().unwrap() {
            assert_eq!(attempt["ended_because"], "blocked");
            assert_eq!(attempt["sip_code"], sip);
            let advice = attempt["advice"].as_str().unwrap();
            assert!(advice.contains("freecallerregistry.com"), "{advice}");
        }
    }
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(
        metrics.contains("tablecall_attempts_total{ended=\"blocked\"} 4"),
        "{metrics}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_line_that_is_busy_at_first_can_still_accept() {
    let app = TestApp::start().await;
    app.behaves(RESTAURANT, json!({"ends": "busy"})).await;
    let call = app.asks(table()).await;
    waits_for_retry(&call, 3, "busy").await;
    app.behaves(RESTAURANT, json!({})).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    let call = call.ends_as("confirmed", 2).await;
    let ended = call["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["ended_because"]);
    assert_eq!(ended.collect::<Vec<_>>(), ["busy", "confirmed"]);
    app.finish().await;
}

#[tokio::test]
async fn no_attempt_is_planned_past_the_time_to_give_up() {
    let app = TestApp::start().await;
    let request = with(
        table_at("+14155550104"),
        json!({"give_up_at": "2026-12-01T20:10:00Z"}),
    );
    let call = app.asks(request).await;
    let call = call.ends_as("expired", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "no_answer");
    app.finish().await;
}

#[tokio::test]
async fn a_call_waits_for_the_restaurants_hours_and_rings_when_they_begin() {
    let given = tablecall::config::RawConfig::default()
        .with(|it| it.calls.call_hours = Some("14:00-20:00".to_owned()));
    let app = TestApp::with(given).await;
    let call = app.asks(table()).await;
    call.waits("call_hours", "2026-12-01T22:00:00.000Z").await;
    assert!(app.ledger().await.is_empty());
    let mut phone = app.phone(RESTAURANT).rings().await;
    assert!(app.now() >= "2026-12-01T22:00:00Z".parse().unwrap());
    phone.accepts().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn numbers_that_behave_by_themselves_let_a_curl_user_see_a_whole_call() {
    let expected = [
        ("0101", "confirmed"),
        ("0102", "rejected"),
        ("0103", "busy"),
        ("0104", "no_answer"),
        ("0105", "failed"),
        ("0106", "machine"),
        ("0107", "no_response"),
        ("0108", "no_response"),
        ("0109", "confirmed"),
        ("0110", "confirmed"),
        ("0111", "rejected"),
        ("0112", "opted_out"),
        ("0113", "no_answer"),
        ("0114", "failed"),
        ("0115", "failed"),
    ];
    let app = TestApp::start().await;
    for (digits, outcome) in expected {
        let alternatives = json!({"earliest": "18:30", "latest": "21:00"});
        let request = with(
            table_at(&format!("+1415555{digits}")),
            json!({"attempts": 1, "alternatives": alternatives}),
        );
        let call = app.asks(request).await.ends_as(outcome, 1).await;
        let agreed = if digits == "0110" {
            "2026-12-04T20:15"
        } else {
            "2026-12-04T19:30"
        };
        assert_eq!(
            call["agreed_time"] == agreed,
            outcome == "confirmed",
            "{digits}: {call:#}"
        );
    }
    app.finish().await;
}
