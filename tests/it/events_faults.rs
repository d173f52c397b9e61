//! Endpoints that do not take events: retries, giving up, and other endpoints that are not slowed.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::app::{TestApp, table_at, with, within};
use crate::call::Asked;
use crate::events::{telling, told, told_later};
use crate::receiver::{Received, Receiver, Reply};

impl Asked<'_> {
    /// Lets time pass, but not while an event is being sent, until the delivery is as wanted.
    async fn comes_to_deliver(&self, app: &TestApp, status: &str) -> Value {
        let coming = async {
            loop {
                let delivery = self.reads().await["delivery"].clone();
                if delivery["status"] == status {
                    return delivery;
                }
                let next: Option<jiff::Timestamp> = delivery["next_attempt_at"]
                    .as_str()
                    .map(|at| at.parse().unwrap());
                if next.is_some_and(|next| next > app.now()) {
                    app.time_passes().await;
                }
            }
        };
        within(status, coming).await
    }

    async fn is_sent_again(&self, app: &TestApp) -> crate::answer::Answer {
        app.send(app.post(&format!("/api/call/{}/events/resend", self.id)))
            .await
    }
}

#[tokio::test]
async fn what_was_not_received_is_sent_again_after_1_2_4_seconds_with_the_same_id() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    receiver.replies([500, 404, 302].map(Reply::status));
    let call = app.asks(told_later(&receiver)).await;
    let mut tries: Vec<Received> = vec![receiver.next().await];
    for error in ["answered 500", "answered 404", "redirects with 302"] {
        let delivery = call.delivers("retrying").await;
        assert!(
            delivery["last_error"].as_str().unwrap().contains(error),
            "{delivery}"
        );
        assert_eq!(delivery["tries"], tries.len());
        assert!(
            delivery["version"].is_null(),
            "none was received: {delivery}"
        );
        app.time_passes().await;
        tries.push(receiver.next().await);
    }
    let pauses: Vec<i64> = tries
        .windows(2)
        .map(|pair| pair[1].seconds() - pair[0].seconds())
        .collect();
    for (pause, least) in pauses.iter().zip([1, 2, 4]) {
        assert!((least..=least + 1).contains(pause), "{pauses:?}");
    }
    assert!(
        tries
            .iter()
            .all(|again| again.id() == tries[0].id() && again.text == tries[0].text)
    );
    assert_eq!(call.delivers("delivered").await["tries"], 4);
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(
        metrics.contains("tablecall_events_total{result=\"retried\"} 3"),
        "{metrics}"
    );
    assert_eq!(call.cancels().await.status, 202);
    receiver.until_finished().await;
    app.finish().await;
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_gets_it() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    receiver.replies([Reply::Status(503, Some(("retry-after", "120".to_owned())))]);
    let call = app.asks(told_later(&receiver)).await;
    let first = receiver.next().await.seconds();
    call.delivers("retrying").await;
    call.comes_to_deliver(&app, "delivered").await;
    let pause = receiver.next().await.seconds() - first;
    assert!((120..=145).contains(&pause), "{pause}");
    assert_eq!(call.cancels().await.status, 202);
    receiver.until_finished().await;
    app.finish().await;
}

#[tokio::test]
async fn after_an_hour_an_event_is_given_up_and_can_be_sent_again_on_demand() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let call = app
        .asks(with(
            told(&receiver),
            json!({"not_before": "2026-12-02T20:00:00Z"}),
        ))
        .await;
    let first = receiver.next().await.seconds();
    let given_up = call.comes_to_deliver(&app, "gave_up").await;
    let tries = 1 + receiver.rest().len();
    let hour = app.now().as_second() - first;
    assert_eq!(
        (hour, &given_up["next_attempt_at"]),
        (3_600, &Value::Null),
        "{given_up}"
    );
    assert!(
        (11..=14).contains(&tries) && given_up["tries"] == tries,
        "{tries}: {given_up}"
    );
    receiver.always(Reply::status(204));
    let resent = call.is_sent_again(&app).await;
    assert_eq!(
        (resent.status, &resent.body["delivery"]["status"]),
        (202, &json!("pending")),
        "{}",
        resent.text
    );
    // An endpoint that failed so often is left alone for a minute.
    assert_eq!(call.comes_to_deliver(&app, "delivered").await["tries"], 1);
    assert_eq!(receiver.next().await.body["data"]["status"], "queued");
    let metrics = app.send(app.get("/metrics")).await.text;
    assert!(
        metrics.contains("tablecall_events_total{result=\"given_up\"} 1"),
        "{metrics}"
    );
    let id = call.id.clone();
    let log = app.stops().await;
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("\"ERROR\""))
        .collect();
    assert!(
        matches!(errors[..], [error] if error.contains("could not be told") && error.contains(&id)),
        "{errors:#?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_left_alone_at_once() {
    let app = TestApp::with(telling()).await;
    let mut receiver = Receiver::start().await;
    receiver.replies([Reply::status(410)]);
    let call = app.asks(told_later(&receiver)).await;
    receiver.next().await;
    let delivery = call.delivers("gave_up").await;
    assert!(
        delivery["last_error"].as_str().unwrap().contains("410"),
        "{delivery}"
    );
    let version = delivery["version"].clone();
    assert_eq!(call.cancels().await.status, 202);
    let delivery = call.delivers("gave_up").await;
    assert_eq!(
        delivery["version"], version,
        "it wants no more of this call"
    );
    let resend = format!("/api/call/{}/events/resend", call.id);
    assert_eq!(app.send(app.post(&resend)).await.status, 202);
    let asked_for = receiver.next().await;
    assert_eq!(asked_for.body["type"], "call.finished");
    call.delivers("delivered").await;
    assert_eq!(app.stops().await.matches("could not be told").count(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let app = TestApp::with(telling()).await;
    let (mut here, mut there) = (Receiver::start().await, Receiver::start().await);
    here.always(Reply::Status(307, Some(("location", there.url.clone()))));
    let call = app.asks(told_later(&here)).await;
    here.next().await;
    let delivery = call.delivers("retrying").await;
    assert!(
        delivery["last_error"]
            .as_str()
            .unwrap()
            .contains("redirects with 307"),
        "{delivery}"
    );
    here.always(Reply::status(204));
    assert_eq!(call.cancels().await.status, 202);
    here.until_finished().await;
    app.finish().await;
    assert!(there.rest().is_empty());
}

#[tokio::test]
async fn a_dead_endpoint_does_not_slow_a_living_one() {
    let app = TestApp::with(telling()).await;
    let (mut dead, mut living) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::Silence(Arc::new(Notify::new())));
    let mut ignored = Vec::new();
    for number in 0..40 {
        let request = with(
            told_later(&dead),
            json!({"phone": format!("+1415555{:04}", 2_000 + number)}),
        );
        ignored.push(app.asks(request).await);
    }
    dead.next().await;
    for number in 0..40 {
        let request = with(
            told_later(&living),
            json!({"phone": format!("+1415555{:04}", 3_000 + number)}),
        );
        let call = app.asks(request).await;
        living.next().await;
        call.delivers("delivered").await;
    }
    // No time limit of the dead one has passed meanwhile: the living one has waited for none.
    for call in &ignored {
        let delivery = &call.reads().await["delivery"];
        assert_eq!(
            (&delivery["status"], &delivery["tries"]),
            (&json!("pending"), &json!(0)),
            "{delivery}"
        );
    }
    let sent = 1 + dead.rest().len();
    assert!(
        sent <= 16,
        "{sent} at once to an endpoint that does not answer"
    );
    drop(dead);
    app.stops().await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_holds_back_no_other_at_the_same_host() {
    let keys = Some("one:the-secret-of-the-first,other:the-secret-of-the-other".to_owned());
    let mut app = TestApp::with(telling().with(|it| it.clients.api_keys = keys)).await;
    let mut host = Receiver::start().await;
    host.always(Reply::Silence(Arc::new(Notify::new())));
    app.key = Some("the-secret-of-the-first");
    for number in 0..20 {
        let request = with(
            told_later(&host),
            json!({"phone": format!("+1415555{:04}", 2_000 + number)}),
        );
        app.asks(request).await;
    }
    for _ in 0..16 {
        host.next().await;
    }
    host.always(Reply::status(204));
    app.key = Some("the-secret-of-the-other");
    let call = app.asks(told_later(&host)).await;
    host.next().await;
    call.delivers("delivered").await;
    drop(host);
    app.stops().await;
}

#[tokio::test]
async fn only_the_key_that_made_a_call_sends_its_events_again() {
    let keys = Some("one:the-secret-of-the-first,other:the-secret-of-the-other".to_owned());
    let mut app = TestApp::with(telling().with(|it| it.clients.api_keys = keys)).await;
    let mut receiver = Receiver::start().await;
    app.key = Some("the-secret-of-the-first");
    let id = app.asks(told_later(&receiver)).await.id;
    let first = receiver.next().await;
    app.key = Some("the-secret-of-the-other");
    let path = format!("/api/call/{id}/events/resend");
    app.send(app.post(&path))
        .await
        .is_problem(404, "call_not_found");
    app.send(app.post("/api/call/nobody/events/resend"))
        .await
        .is_problem(404, "call_not_found");
    app.key = None;
    app.send(app.post(&path))
        .await
        .is_problem(401, "unauthorized");
    app.key = Some("the-secret-of-the-first");
    let call = Asked::new(&app, id.clone());
    call.delivers("delivered").await;
    assert_eq!(app.send(app.post(&path)).await.status, 202);
    let again = receiver.next().await;
    assert_eq!(
        (again.id(), &again.text),
        (first.id(), &first.text),
        "the same event"
    );
    call.delivers("delivered").await;
    assert_eq!(call.cancels().await.status, 202);
    receiver.until_finished().await;
    app.finish().await;
}

#[tokio::test]
async fn a_process_that_stops_tells_clients_what_it_can() {
    let app = TestApp::with(telling()).await;
    let (mut later, mut queued) = (Receiver::start().await, Receiver::start().await);
    later.replies([Reply::status(500)]);
    let waits = app.asks(told_later(&later)).await;
    later.next().await;
    waits.delivers("retrying").await;
    app.asks(with(
        table_at("+14155552672"),
        json!({"callback_url": queued.url, "not_before": "2026-12-01T21:00:00Z"}),
    ))
    .await;
    queued.next().await;
    app.finish().await;
    let last = [later.rest().pop().unwrap(), queued.rest().pop().unwrap()];
    for event in last {
        assert_eq!(
            (&event.body["type"], &event.body["data"]["outcome"]),
            (&json!("call.finished"), &json!("failed"))
        );
    }
}
