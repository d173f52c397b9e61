//! A carrier that loses, repeats, delays and reorders, and answers when it likes: never a second
//! ring, never a wrong verdict.

use serde_json::{Value, json};

use crate::app::{RESTAURANT, TestApp, table, within};
use crate::call::Asked;
use crate::phone::Phone;

/// Picks up and accepts.
async fn accepts(phone: &mut Phone<'_>) {
    phone.answers().await;
    phone.hears("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
}

async fn rang_once(app: &TestApp) {
    let ledger = app.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:#?}");
}

/// Number of times that a status is written in the timeline.
fn count(call: &Value, what: &str) -> usize {
    call["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["what"] == what)
        .count()
}

#[tokio::test]
async fn callbacks_and_keys_that_come_twice_count_once() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"duplicate_callback": {}, "duplicate_voice": {}}))
        .await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    accepts(&mut phone).await;
    phone.hangs_up().await;
    let call = call.ends_as("confirmed", 1).await;
    for what in ["ringing", "answered", "greeted", "key", "ended", "finished"] {
        assert_eq!(count(&call, what), 1, "{what}: {call:#}");
    }
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn callbacks_in_the_wrong_order_lead_to_the_same_verdict() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"reorder_callbacks": {}})).await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    accepts(&mut phone).await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    let sent = told(&app).await;
    assert_ne!(
        sent,
        ["initiated", "ringing", "in-progress", "completed"],
        "they did change places"
    );
    assert_eq!(sent.len(), 4, "and none was lost: {sent:?}");
    rang_once(&app).await;
    app.finish().await;
}

/// The statuses that the app received, in their order.
async fn told(app: &TestApp) -> Vec<String> {
    let ledger = app.ledger().await;
    let webhooks = ledger[0]["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|sent| sent["kind"] == "status");
    webhooks
        .map(|sent| sent["call_status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn callbacks_that_come_after_the_end_change_nothing() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"delay_callback": {"seconds": 2.0, "only": "ringing"}}))
        .await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To decline, press 2").await;
    phone.presses_early("2").await;
    phone.hears("Declined").await;
    phone.hangs_up().await;
    let call = call.ends_as("rejected", 1).await;
    assert_eq!(call["attempts"][0]["status"], "ended");
    assert_eq!(
        told(&app).await.last().unwrap(),
        "ringing",
        "it did come last"
    );
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn without_any_callback_the_documents_alone_tell_the_verdict() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"drop_callback": {}})).await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    accepts(&mut phone).await;
    call.until(|call| call["outcome"] == "confirmed").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    assert!(told(&app).await.is_empty());
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_lost_end_is_looked_up() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"drop_completed": {}})).await;
    let call = app
        .asks(crate::app::with(table(), json!({"attempts": 1})))
        .await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.declines().await;
    let call = call.ends_as("busy", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "busy");
    let fetched = app
        .wire("rest")
        .await
        .iter()
        .filter(|exchange| exchange["method"] == "GET")
        .count();
    assert!(fetched >= 1, "the carrier was asked");
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_overtaken_by_the_end_of_the_call_still_counts() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    app.goes_wrong(json!({"delay_voice": {"seconds": 3.0, "only": "key"}}))
        .await;
    phone.presses_and_hangs_up("1").await;
    let call = call.ends_as("confirmed", 1).await;
    let order: Vec<&str> = call["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        order.iter().filter(|what| **what == "key").count(),
        1,
        "{order:?}"
    );
    let ledger = app.ledger().await;
    let webhooks = ledger[0]["webhooks"].as_array().unwrap();
    let place = |wanted: fn(&Value) -> bool| webhooks.iter().position(wanted).unwrap();
    let (end, key) = (
        place(|it| it["call_status"] == "completed"),
        place(|it| it["digits"] == "1"),
    );
    assert!(end < key, "the end came first: {webhooks:#?}");
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_was_lost_on_its_way_is_read_from_the_carriers_record() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    app.goes_wrong(json!({"unsigned": {"count": 1, "only": "key"}}))
        .await;
    phone.presses_and_hears("1", "To accept").await;
    phone.hangs_up().await;
    let call = call.ends_as("confirmed", 1).await;
    assert_eq!(
        count(&call, "key"),
        1,
        "it stands in the timeline since then: {call:#}"
    );
    rang_once(&app).await;
    app.stops().await;
}

#[tokio::test]
async fn a_carrier_that_asks_to_come_later_is_asked_later() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"create_429": {"count": 1, "retry_after": 20}}))
        .await;
    let call = app.asks(table()).await;
    let waiting = call.reads().await;
    assert_eq!(
        (&waiting["status"], &waiting["waiting_for"]),
        (&json!("queued"), &json!("carrier"))
    );
    assert!(
        waiting["attempts"].as_array().unwrap().is_empty(),
        "it did not ring, so it does not count: {waiting:#}"
    );
    let mut phone = app.phone(RESTAURANT).rings().await;
    assert!(
        app.now() >= "2026-12-01T20:00:20Z".parse().unwrap(),
        "{}",
        app.now()
    );
    accepts(&mut phone).await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    assert_eq!(app.creates().await.len(), 2);
    rang_once(&app).await;
    app.finish().await;
}

/// A create that was accepted, of which the app heard nothing, is settled by the first webhook.
async fn is_settled_by_the_first_webhook(fault: &str) {
    let app = TestApp::start().await;
    app.goes_wrong(json!({fault: {"count": 1}})).await;
    let call = app.asks(table()).await;
    let unknown = call.reads().await;
    assert_eq!(
        (&unknown["status"], &unknown["attempts"][0]["status"]),
        (&json!("dialing"), &json!("unknown"))
    );
    let mut phone = app.phone(RESTAURANT).rings().await;
    let settled = call.until(|call| call["status"] == "ringing").await;
    assert_eq!(settled["attempts"][0]["sid"], phone.sid.as_str());
    accepts(&mut phone).await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    assert_eq!(app.creates().await.len(), 1, "it was never asked for again");
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_create_that_failed_after_it_was_accepted_never_rings_twice() {
    is_settled_by_the_first_webhook("create_500_after_accepting").await;
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_never_rings_twice() {
    is_settled_by_the_first_webhook("create_lost_response").await;
}

#[tokio::test]
async fn a_create_that_nobody_ever_heard_of_is_found_by_searching() {
    let mut app = TestApp::start().await;
    app.loses_callbacks = true;
    app.goes_wrong(json!({"create_500_after_accepting": {"count": 1}, "drop_callback": {}}))
        .await;
    let request = crate::app::with(crate::app::table_at("+14155550104"), json!({"attempts": 1}));
    let call = app.asks(request).await.ends_as("no_answer", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "no_answer");
    assert_eq!(app.creates().await.len(), 1);
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_webhook_that_comes_before_the_answer_to_the_create_is_heard() {
    let app = TestApp::start().await;
    // The carrier takes the call on at once and answers a second later; meanwhile the phone is
    // picked up.
    app.goes_wrong(json!({"create_slow": {"count": 1, "seconds": 1.0}}))
        .await;
    let conversation = async {
        let sid = app.is_taken_on().await;
        let mut phone = app.phone(RESTAURANT).with_line(&sid).rings().await;
        accepts(&mut phone).await;
        phone
    };
    let (call, mut phone) = within("both", async {
        tokio::join!(app.asks(table()), conversation)
    })
    .await;
    assert_eq!(call.reads().await["outcome"], "confirmed");
    phone.hangs_up().await;
    let call = call.ends_as("confirmed", 1).await;
    assert_eq!(call["attempts"][0]["sid"], phone.sid.as_str());
    rang_once(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_carrier_that_is_away_is_asked_again_until_the_time_to_give_up() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"create_503": {}})).await;
    let request = crate::app::with(table(), json!({"give_up_at": "2026-12-01T20:02:00Z"}));
    let answer = app.tries(request).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let call = Asked::new(&app, answer.body["id"].as_str().unwrap().to_owned());
    let done = call.comes_to(|call| call["final"] == true).await;
    assert!(
        ["expired", "unknown", "failed"].contains(&done["outcome"].as_str().unwrap()),
        "{done:#}"
    );
    assert!(app.ledger().await.is_empty());
    app.stops().await;
}
