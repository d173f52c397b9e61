//! One process of several stops: waiting calls stay for the others.

use clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::instances::Instances;
use crate::pair::next_week;

fn is_final(call: &Value) -> bool {
    call["final"] == true
}

#[tokio::test]
async fn a_call_that_waits_is_left_to_the_others_when_its_process_is_told_to_stop() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    all.webhooks_go_to(&[1]);
    let soon = Clock::system().now() + SignedDuration::from_secs(4);
    let mut request = next_week("+14155550102");
    request["not_before"] = json!(format!("{soon:.3}"));
    let asked = Answer::of(
        all.request(0, reqwest::Method::POST, "/api/call")
            .json(&request),
    )
    .await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let id = asked.body["id"].as_str().unwrap().to_owned();
    let (code, log) = all.stops(0).await;
    assert_eq!(code, Some(0), "{log}");
    let left = all.reads_at(1, &id).await;
    assert_eq!(
        (&left["status"], &left["waiting_for"]),
        (&json!("queued"), &json!("not_before")),
        "{left:#}"
    );
    let done = all.until_at(1, &id, is_final).await;
    assert_eq!(
        (&done["outcome"], done["attempts"].as_array().unwrap().len()),
        (&json!("rejected"), 1),
        "{done:#}"
    );
    all.rang_once().await;
}

#[tokio::test]
async fn a_call_that_waits_is_dialled_by_the_next_process_when_the_only_one_is_told_to_stop() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(1).await;
    let soon = Clock::system().now() + SignedDuration::from_secs(2);
    let mut request = next_week("+14155550102");
    request["not_before"] = json!(format!("{soon:.3}"));
    let asked = Answer::of(
        all.request(0, reqwest::Method::POST, "/api/call")
            .json(&request),
    )
    .await;
    let id = asked.body["id"].as_str().unwrap().to_owned();
    let (code, log) = all.stops(0).await;
    assert_eq!(code, Some(0), "{log}");
    all.begins(0).await;
    let done = all.until_at(0, &id, is_final).await;
    assert_eq!(done["outcome"], "rejected", "{done:#}");
    all.rang_once().await;
}

#[tokio::test]
async fn a_live_call_goes_on_at_the_others_when_its_process_is_told_to_stop() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    all.webhooks_go_to(&[0, 1]);
    let id = all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    let mut events = all.follows_at(1, &id, None).await;
    let (code, log) = all.stops(0).await;
    assert_eq!(code, Some(0), "{log}");
    all.declines().await;
    let last = loop {
        let event = events.next().await.expect("the final event comes");
        if is_final(&event.call) {
            break event.call;
        }
    };
    assert_eq!(last["outcome"], "rejected", "{last:#}");
    all.rang_once().await;
}
