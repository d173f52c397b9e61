//! One process of several stops: waiting calls stay for the others.

use serde_json::{Value, json};

use crate::app::RESTAURANT;
use crate::call::assert_ended;
use crate::instances::Instances;

fn is_final(call: &Value) -> bool {
    call["final"] == true
}

#[tokio::test]
async fn a_call_that_waits_is_left_to_the_others_when_its_process_is_told_to_stop() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    all.webhooks_go_to(&[1]);
    let id = all.asks_for_later_at(0, 4).await;
    let (code, log) = all.stops(0).await;
    assert_eq!(code, Some(0), "{log}");
    let left = all.reads_at(1, &id).await;
    assert_eq!(
        (&left["status"], &left["waiting_for"]),
        (&json!("queued"), &json!("not_before")),
        "{left:#}"
    );
    let done = all.until_at(1, &id, is_final).await;
    assert_ended(&done, "rejected", 1);
    all.rang_once().await;
}

#[tokio::test]
async fn a_call_that_waits_is_dialled_by_the_next_process_when_the_only_one_is_told_to_stop() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(1).await;
    let id = all.asks_for_later_at(0, 2).await;
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
