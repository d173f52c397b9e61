//! A process that has never heard of a call finishes it, from its ticket and the carrier's own
//! record.
//!
//! The processes here are two apps in simulated time, one after the other at one address; see
//! `kill` for real ones.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, SECRET, TestApp, table, table_at, with};
use crate::call::{Asked, assert_ended};

const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn given(listen: Option<&str>, keys: &str) -> RawConfig {
    RawConfig::default().with(|it| {
        it.server.listen = listen.map(str::to_owned);
        it.storage.ticket_keys = Some(keys.to_owned());
    })
}

async fn started(carrier: &TestApp, listen: Option<&str>, keys: &str) -> TestApp {
    let mut app = TestApp::beside(carrier, given(listen, keys)).await;
    app.key = Some(SECRET);
    app
}

/// A call in which key 1 was pressed on a process that is gone, and the process that follows it.
async fn accepted_before(carrier: &TestApp, keys: &str) -> (TestApp, String) {
    let first = started(carrier, None, OLD).await;
    let address = first.origin["http://".len()..].to_owned();
    let id = first.asks(table()).await.id;
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    first.stops().await;
    let second = started(carrier, Some(&address), keys).await;
    let sid = phone.sid.clone();
    carrier.phone(RESTAURANT).with_line(&sid).hangs_up().await;
    (second, id)
}

#[tokio::test]
async fn a_key_that_only_the_carrier_remembers_is_read_from_its_record_and_nobody_is_rung_again() {
    let carrier = TestApp::start().await;
    let (second, id) = accepted_before(&carrier, OLD).await;
    let call = Asked::new(&second, id);
    carrier.hears_of_the_end().await;
    let waiting = call.reads().await;
    assert_eq!(
        (waiting["outcome"].is_null(), &waiting["final"]),
        (true, &json!(false)),
        "{waiting:#}"
    );
    let done = call
        .comes_to_beside(&carrier, |call| call["final"] == true)
        .await;
    assert_ended(&done, "confirmed", 1);
    assert_eq!(carrier.ledger().await.len(), 1);
    second.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn a_ticket_of_the_key_before_last_is_still_opened_while_keys_rotate() {
    let carrier = TestApp::start().await;
    let (second, id) = accepted_before(&carrier, &format!("{NEW},{OLD}")).await;
    carrier.hears_of_the_end().await;
    assert_eq!(
        Asked::new(&second, id).reads().await["status"],
        "in_progress",
        "it was taken over"
    );
    second.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn a_ticket_of_a_key_that_is_gone_is_a_forgery() {
    let carrier = TestApp::start().await;
    let (second, id) = accepted_before(&carrier, NEW).await;
    carrier.hears_of_the_end().await;
    let answer = second.send(second.get(&format!("/api/call/{id}"))).await;
    answer.is_problem(404, "call_not_found");
    second.stops().await;
    carrier.finish().await;
}

/// A create under an idempotency key.
fn keyed(app: &TestApp) -> reqwest::RequestBuilder {
    app.post("/api/call")
        .header("idempotency-key", "k-1")
        .json(&table())
}

/// A process that was asked for a call under a key, its address, and its answer.
async fn asked_under_a_key(carrier: &TestApp) -> (TestApp, String, Answer) {
    let app = started(carrier, None, OLD).await;
    let address = app.origin["http://".len()..].to_owned();
    let made = app.send(keyed(&app)).await;
    assert_eq!(made.status, 202, "{}", made.text);
    (app, address, made)
}

/// Repeats the create of `made` under its key and gets its call.
async fn gets_the_same_call(app: &TestApp, made: &Answer) {
    let again = app.send(keyed(app)).await;
    assert_eq!(
        (again.status, &again.body["id"]),
        (202, &made.body["id"]),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_process_that_took_a_call_over_knows_the_idempotency_key_of_its_request() {
    let carrier = TestApp::start().await;
    let (first, address, made) = asked_under_a_key(&carrier).await;
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    first.stops().await;
    let second = started(&carrier, Some(&address), OLD).await;
    phone.presses_and_hears("1", "Accepted").await;
    gets_the_same_call(&second, &made).await;
    let other = with(table(), json!({"party_size": 7}));
    second
        .send(keyed(&second).json(&other))
        .await
        .is_problem(422, "idempotency_mismatch");
    phone.hangs_up().await;
    assert_eq!(carrier.ledger().await.len(), 1);
    second.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_after_a_restart_rings_once() {
    let carrier = TestApp::start().await;
    let (first, address, made) = asked_under_a_key(&carrier).await;
    let mut phone = carrier.phone(RESTAURANT).rings().await;
    first.stops().await;

    // Nothing has been heard of the call that rings: it may be the one of this key.
    let second = started(&carrier, Some(&address), OLD).await;
    let early = second.send(keyed(&second)).await;
    early.is_problem(503, "unavailable");
    assert!(!early.header("retry-after").is_empty());
    // Without a key it waits for the line, and is ended when the first turns out to be the same.
    let repeat = second.tries(table()).await;
    assert_eq!(
        (repeat.status, &repeat.body["waiting_for"]),
        (202, &json!("live_call"))
    );

    phone.answers().await;
    phone.hears("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    gets_the_same_call(&second, &made).await;
    let id = repeat.body["id"].as_str().unwrap();
    let repeat = second.send(second.get(&format!("/api/call/{id}"))).await;
    assert_eq!(repeat.body["outcome"], "canceled", "{}", repeat.text);
    phone.hangs_up().await;
    assert_eq!(carrier.ledger().await.len(), 1);
    second.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn nobody_is_rung_before_the_list_shows_what_was_placed_last() {
    let carrier = TestApp::start().await;
    let first = started(&carrier, None, OLD).await;
    let address = first.origin["http://".len()..].to_owned();
    let made = first.send(keyed(&first)).await;
    assert_eq!(made.status, 202, "{}", made.text);
    let mut phone = carrier.phone(RESTAURANT).rings().await;
    first.stops().await;

    // The carrier's list shows the call that rings later.
    carrier
        .goes_wrong(json!({"list_stale": {"seconds": 10}}))
        .await;
    let lag = SignedDuration::from_secs(15);
    let mut second = TestApp::beside_lagging(&carrier, given(Some(&address), OLD), lag).await;
    second.key = Some(SECRET);
    let early = second.send(keyed(&second)).await;
    early.is_problem(503, "unavailable");
    assert!(!early.header("retry-after").is_empty());
    let other = second.tries(table_at("+14155550102")).await;
    for repeat in [&other, &second.tries(table()).await] {
        assert_eq!(
            (repeat.status, &repeat.body["waiting_for"]),
            (202, &json!("carrier")),
            "{}",
            repeat.text
        );
    }
    carrier.clock.advance(Duration::from_secs(17));
    let other = Asked::new(&second, other.body["id"].as_str().unwrap().to_owned());
    other
        .comes_to_beside(&carrier, |call| call["attempts"][0].is_object())
        .await;
    assert_eq!(carrier.creates().await.len(), 2, "the first, and the other");
    let late = second.send(keyed(&second)).await;
    late.is_problem(503, "unavailable");

    phone.answers().await;
    phone.hears("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    gets_the_same_call(&second, &made).await;
    phone.hangs_up().await;
    other
        .comes_to_beside(&carrier, |call| call["final"] == true)
        .await;
    assert_eq!(carrier.creates().await.len(), 2);
    second.stops().await;
    carrier.finish().await;
}

#[tokio::test]
async fn a_repeat_that_rings_is_ended_when_the_first_call_of_its_key_shows_up() {
    let carrier = TestApp::start().await;
    let (first, address, made) = asked_under_a_key(&carrier).await;
    let mut phone = carrier.phone(RESTAURANT).rings().await;
    first.stops().await;

    // The carrier's list does not show the call that rings.
    carrier
        .goes_wrong(json!({"list_stale": {"seconds": 600}}))
        .await;
    let second = started(&carrier, Some(&address), OLD).await;
    let repeat = second.send(keyed(&second)).await;
    assert_eq!(repeat.status, 202, "{}", repeat.text);
    assert_ne!(repeat.body["id"], made.body["id"]);

    phone.answers().await;
    phone.hears("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    let id = repeat.body["id"].as_str().unwrap();
    phone.hangs_up().await;
    let repeat = Asked::new(&second, id.to_owned());
    repeat.ends_as("canceled", 1).await;
    second.stops().await;
    carrier.finish().await;
}
