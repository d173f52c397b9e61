//! Calls that their client takes back.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table};

#[tokio::test]
async fn a_call_that_waits_is_cancelled_without_ringing() {
    let app = TestApp::with(
        RawConfig::default().with(|it| it.calls.call_hours = Some("14:00-20:00".to_owned())),
    )
    .await;
    let call = app.asks(table()).await;
    let answer = call.cancels().await;
    assert_eq!(
        (answer.status, &answer.body["outcome"]),
        (202, &json!("canceled")),
        "{}",
        answer.text
    );
    call.ends_as("canceled", 0).await;
    assert_eq!(
        call.cancels().await.status,
        202,
        "cancelling twice is cancelling once"
    );
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_call_in_the_carriers_queue_is_cancelled_without_ringing() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let phone = app.phone(RESTAURANT).waits_in_queue().await;
    assert_eq!(call.cancels().await.status, 202);
    let line = phone.until("ends", |line| line["ended"] == true).await;
    assert_eq!(line["status"], "canceled");
    let done = call.until(|call| call["final"] == true).await;
    assert_eq!(
        (&done["outcome"], &done["attempts"][0]["ended_because"]),
        (&json!("canceled"), &json!("canceled"))
    );
    app.finish().await;
}

#[tokio::test]
async fn a_ringing_call_is_cancelled_and_the_phone_falls_silent() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let phone = app.phone(RESTAURANT).rings().await;
    assert_eq!(call.cancels().await.status, 202);
    let line = phone.until("ends", |line| line["ended"] == true).await;
    assert_eq!(
        (&line["status"], line["answered_at"].is_null()),
        (&json!("canceled"), true)
    );
    call.ends_as("canceled", 1).await;
    assert_eq!(call.cancels().await.status, 202);
    app.finish().await;
}

#[tokio::test]
async fn a_restaurant_on_the_line_hears_that_the_guest_has_cancelled() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app
        .phone(RESTAURANT)
        .picks_up("a guest would like a table")
        .await;
    assert_eq!(call.cancels().await.status, 202);
    phone
        .until("is told", |line| {
            line["saying"]["text"]
                .as_str()
                .is_some_and(|text| text.contains("canceled"))
        })
        .await;
    phone
        .hears("Sorry, the guest has canceled. You do not need to do anything. Goodbye")
        .await;
    phone.is_hung_up_on().await;
    let call = call.ends_as("canceled", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "canceled");
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_follows_a_cancellation_hears_the_apology_too() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    // The carrier does not take the apology, so the restaurant goes on listening to the question.
    app.goes_wrong(json!({"rest_error": {"status": 503, "code": 20_503}}))
        .await;
    assert_eq!(call.cancels().await.status, 202);
    phone
        .presses_and_hears("1", "Sorry, the guest has canceled")
        .await;
    phone.is_hung_up_on().await;
    app.goes_wrong(json!({})).await;
    call.ends_as("canceled", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_decided_call_cannot_be_cancelled() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    call.cancels().await.is_problem(409, "call_finished");
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    call.cancels().await.is_problem(409, "call_finished");
    app.finish().await;
}

#[tokio::test]
async fn a_line_that_cannot_be_ended_yet_is_not_asked_for_without_a_pause() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"update_21220": {"count": 3}})).await;
    let call = app.asks(table()).await;
    let _phone = app.phone(RESTAURANT).rings().await;
    assert_eq!(call.cancels().await.status, 202);
    call.ends_as("canceled", 1).await;
    let is_update = |it: &&Value| {
        it["method"] == "POST" && !it["url"].as_str().unwrap().ends_with("/Calls.json")
    };
    let wire = app.wire("rest").await;
    let mut at: Vec<&str> = wire
        .iter()
        .filter(is_update)
        .map(|it| it["at"].as_str().unwrap())
        .collect();
    let tries = at.len();
    at.dedup();
    assert_eq!(at.len(), tries, "two tries at the same moment: {at:?}");
    app.finish().await;
}
