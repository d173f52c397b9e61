//! Events to the `callback_url` of a call: their content, order and signature.

use std::sync::Arc;

use clock::Clock;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tablecall::config::RawConfig;
use tokio::sync::Notify;

use crate::app::{RESTAURANT, TestApp, table, with};
use crate::call::Asked;
use crate::receiver::{Received, Receiver, Reply};

pub(crate) const NEW: &str = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3";
pub(crate) const OLD: &str = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xk";

/// Allows private endpoints, and signs with two secrets.
pub(crate) fn telling() -> RawConfig {
    RawConfig::default().with(|it| {
        it.clients.webhook_secrets = Some(format!("{NEW},{OLD}"));
        it.clients.allow_private_callbacks = Some("true".to_owned());
    })
}

/// A table whose client wants events.
pub(crate) fn told(receiver: &Receiver) -> Value {
    with(table(), json!({"callback_url": receiver.url}))
}

/// The same, but rung no earlier than an hour from now.
pub(crate) fn told_later(receiver: &Receiver) -> Value {
    with(
        told(receiver),
        json!({"not_before": "2026-12-01T21:00:00Z"}),
    )
}

impl Asked<'_> {
    /// Waits until the delivery of events is as wanted.
    pub(crate) async fn delivers(&self, status: &str) -> Value {
        let is_so = async {
            loop {
                let delivery = self.reads().await["delivery"].clone();
                if delivery["status"] == status {
                    return delivery;
                }
            }
        };
        crate::app::within(status, is_so).await
    }
}

/// The call in an event, which is as its client reads it but for how far these events have come.
fn is_as_read(event: &Received, mut call: Value) {
    assert!(call.as_object_mut().unwrap().remove("delivery").is_some());
    assert_eq!(event.body["data"], call);
}

fn is_signed(event: &Received) {
    let sign = |secret| {
        let webhook = Webhook::new(secret).unwrap();
        webhook
            .sign(event.id(), event.seconds(), event.text.as_bytes())
            .unwrap()
    };
    assert_eq!(
        event.header("webhook-signature"),
        format!("{} {}", sign(NEW), sign(OLD)),
        "each secret, newest first"
    );
}

#[tokio::test]
async fn each_change_is_told_in_order_and_the_last_as_finished() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    let call = app.asks(told(&receiver)).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    let last = call.ends_as("confirmed", 1).await;
    let events = receiver.until_finished().await;
    let versions: Vec<u64> = events.iter().map(Received::version).collect();
    assert!(
        versions.is_sorted_by(|before, after| before < after),
        "{versions:?}"
    );
    for event in &events {
        is_signed(event);
        assert_eq!(event.header("content-type"), "application/json");
        assert_eq!(event.id(), format!("evt_{}_{}", call.id, event.version()));
        assert_eq!(event.body["timestamp"], event.body["data"]["updated_at"]);
        assert_eq!(event.body.as_object().unwrap().len(), 3, "{}", event.body);
        let kind = if event.body["data"]["final"] == true {
            "call.finished"
        } else {
            "call.updated"
        };
        assert_eq!(event.body["type"], kind);
    }
    let statuses: Vec<&Value> = events
        .iter()
        .map(|event| &event.body["data"]["status"])
        .collect();
    for status in ["dialing", "ringing", "in_progress", "finished"] {
        assert!(statuses.contains(&&json!(status)), "{status}: {statuses:?}");
    }
    is_as_read(events.last().unwrap(), last);
    let delivery = call.delivers("delivered").await;
    assert_eq!(
        (&delivery["version"], &delivery["tries"]),
        (&events.last().unwrap().body["data"]["version"], &json!(1))
    );
    assert!(
        delivery["last_error"].is_null() && delivery["next_attempt_at"].is_null(),
        "{delivery}"
    );
    let metrics = app.send(app.get("/metrics")).await.text;
    let sent = format!("tablecall_events_total{{result=\"sent\"}} {}", events.len());
    for line in [
        sent.as_str(),
        "tablecall_events_total{result=\"retried\"} 0",
        "tablecall_events_pending 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    let log = app.finish().await;
    assert!(
        !log.contains("hidden"),
        "a URL may hold a secret of the client's: {log}"
    );
    assert!(receiver.rest().is_empty(), "nothing follows the last");
}

#[tokio::test]
async fn the_reference_library_accepts_what_is_sent_with_either_secret_and_nothing_else() {
    // The library knows the real time only.
    let app = TestApp::at(telling(), Clock::system()).await;
    let mut receiver = Receiver::start().await;
    let date = |days: i64| {
        app.now()
            .saturating_add(jiff::SignedDuration::from_hours(24 * days))
            .unwrap()
    };
    let time = date(9).strftime("%Y-%m-%dT19:30").to_string();
    let request = with(
        told(&receiver),
        json!({"time": time, "not_before": date(1).to_string()}),
    );
    let call = app.asks(request).await;
    assert_eq!(call.cancels().await.status, 202);
    let events = receiver.until_finished().await;
    for event in &events {
        for secret in [NEW, OLD] {
            let webhook = Webhook::new(secret).unwrap();
            assert!(
                webhook
                    .verify(event.text.as_bytes(), &event.headers)
                    .is_ok()
            );
            assert!(
                webhook
                    .verify(event.text.replace("Ana", "Eve").as_bytes(), &event.headers)
                    .is_err()
            );
        }
        let other = Webhook::new("whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI")
            .or(Webhook::new(&NEW.replace("bmV3", "b2xk")));
        assert!(
            other
                .unwrap()
                .verify(event.text.as_bytes(), &event.headers)
                .is_err()
        );
    }
    is_as_read(events.last().unwrap(), call.reads().await);
    app.finish().await;
}

#[tokio::test]
async fn one_event_of_a_call_is_under_way_at_a_time_and_what_comes_meanwhile_merges_into_the_newest()
 {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    let held = Arc::new(Notify::new());
    receiver.replies([Reply::Silence(held.clone())]);
    let call = app.asks(told(&receiver)).await;
    let first = receiver.next().await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.declines().await;
    let newest = call.comes_to(|call| call["waiting_for"] == "retry").await;
    assert!(receiver.rest().is_empty(), "the first was not answered yet");
    held.notify_one();
    let second = receiver.next().await;
    assert!(
        second.version() > first.version() + 1,
        "those between were not sent"
    );
    is_as_read(&second, newest);
    call.delivers("delivered").await;
    assert!(receiver.rest().is_empty());
    assert_eq!(call.cancels().await.status, 202);
    assert_eq!(receiver.next().await.body["type"], "call.finished");
    app.finish().await;
}

#[tokio::test]
async fn a_call_that_is_cancelled_twice_tells_its_end_once() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    let call = app.asks(told_later(&receiver)).await;
    assert_eq!(receiver.next().await.body["data"]["status"], "queued");
    let delivery = call.delivers("delivered").await;
    assert_eq!(
        (&delivery["tries"], &delivery["version"]),
        (&json!(1), &call.reads().await["version"])
    );
    assert_eq!(call.cancels().await.status, 202);
    assert_eq!(receiver.next().await.body["type"], "call.finished");
    assert_eq!(call.cancels().await.status, 202);
    call.delivers("delivered").await;
    assert!(receiver.rest().is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_call_without_a_callback_url_has_nothing_to_deliver() {
    let app = TestApp::with(telling()).await;
    let call = app.asks(table()).await;
    assert!(call.reads().await.get("delivery").is_none());
    let resent = app
        .send(app.post(&format!("/api/call/{}/events/resend", call.id)))
        .await;
    resent.is_problem(409, "no_callback_url");
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    app.finish().await;
}

#[tokio::test]
async fn private_endpoints_are_refused_unless_they_are_allowed() {
    let app = TestApp::start().await;
    for url in [
        "https://127.0.0.1/",
        "https://localhost/x",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/",
    ] {
        let answer = app.tries(with(table(), json!({"callback_url": url}))).await;
        answer.is_problem(422, "invalid_request");
        assert_eq!(answer.body["errors"][0]["code"], "private_address", "{url}");
    }
    app.finish().await;
}
