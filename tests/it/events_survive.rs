//! Events to clients when the process that sends them is no more: another sends them, and the last
//! one arrives.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::app::{RESTAURANT, TestApp, within};
use crate::call::Asked;
use crate::events::{NEW, told};
use crate::instances::{Instances, RECORD};
use crate::lapsed::Stage;
use crate::pair::next_week;
use crate::proxy::{Gate, Way};
use crate::real_time::poll;
use crate::receiver::{Received, Receiver, Reply};

/// The restaurant accepts at a process that has taken a call over, and every event up to the last
/// arrives.
async fn is_told_to_the_end(
    stage: &Stage,
    second: &TestApp,
    id: String,
    receiver: &mut Receiver,
) -> Vec<Received> {
    let mut phone = stage.carrier.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    Asked::new(second, id)
        .comes_to_beside(&stage.carrier, |call| call["final"] == true)
        .await;
    let mut events = receiver.rest();
    let arrives = async {
        while !events
            .iter()
            .any(|event| event.body["type"] == "call.finished")
        {
            stage.carrier.time_passes().await;
            events.extend(receiver.rest());
        }
    };
    within("the last event arrives", arrives).await;
    events
}

/// Lets time pass until the first event arrives.
async fn first_event(stage: &Stage, receiver: &mut Receiver) -> Received {
    let arrives = async {
        loop {
            if let Some(event) = receiver.rest().pop() {
                return event;
            }
            stage.carrier.time_passes().await;
        }
    };
    within("the first event arrives", arrives).await
}

/// In order, the last one as finished with `outcome`, and what comes twice is the same event.
fn are_in_order(events: &[&Received], outcome: &str) {
    for pair in events.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        assert!(
            before.version() <= after.version(),
            "{} after {}",
            after.version(),
            before.version()
        );
        assert_eq!(
            before.version() == after.version(),
            before.id() == after.id()
        );
    }
    let last = events.last().unwrap();
    assert_eq!(
        (&last.body["type"], &last.body["data"]["outcome"]),
        (&json!("call.finished"), &json!(outcome))
    );
}

#[tokio::test]
async fn killed_while_an_event_is_on_its_way() {
    needs!("redis-server", "redis-cli");
    let (stage, mut receiver) = (Stage::new().await, Receiver::start().await);
    receiver.replies([Reply::Silence(Arc::new(Notify::new()))]);
    let first = stage.mortal().await;
    let id = stage.asks(&first, &told(&receiver)).await;
    let sent = first_event(&stage, &mut receiver).await;
    let second = stage.is_succeeded(first).await;
    let events = is_told_to_the_end(&stage, &second, id, &mut receiver).await;
    are_in_order(
        &[&sent].into_iter().chain(&events).collect::<Vec<_>>(),
        "confirmed",
    );
    second.stops().await;
    stage.carrier.finish().await;
}

#[tokio::test]
async fn killed_once_an_event_was_sent() {
    needs!("redis-server", "redis-cli");
    let (stage, mut receiver) = (Stage::new().await, Receiver::start().await);
    let answer = Arc::new(Notify::new());
    receiver.replies([Reply::Silence(answer.clone())]);
    let first = stage.mortal().await;
    let id = stage.asks(&first, &told(&receiver)).await;
    let sent = first_event(&stage, &mut receiver).await;
    // The client has it; that it has waits on its way to Redis.
    stage.memory.lets(Way::There, Gate::Hold);
    answer.notify_one();
    stage.memory.has_caught(Way::There).await;
    let second = stage.is_succeeded(first).await;
    let events = is_told_to_the_end(&stage, &second, id, &mut receiver).await;
    are_in_order(
        &[&sent].into_iter().chain(&events).collect::<Vec<_>>(),
        "confirmed",
    );
    second.stops().await;
    stage.carrier.finish().await;
}

#[tokio::test]
async fn killed_once_the_verdict_is_stored_and_nobody_was_told() {
    needs!("redis-server", "redis-cli");
    let settings = [
        ("TABLECALL_WEBHOOK_SECRETS", NEW),
        ("TABLECALL_ALLOW_PRIVATE_CALLBACKS", "true"),
    ];
    let mut all = Instances::with(2, &settings).await;
    all.webhooks_go_to(&[0, 1]);
    let mut receiver = Receiver::start().await;
    let mut request = next_week(RESTAURANT);
    request["callback_url"] = json!(receiver.url);
    let id = all.asks_for_at(0, &request).await;
    all.answers().await;
    let told = async { while receiver.next().await.body["data"]["status"] != "in_progress" {} };
    within("the client is told of the talk", told).await;
    let settled =
        |call: &Value| call["delivery"]["status"] == "delivered" && call["status"] == "in_progress";
    poll("the delivery is recorded", async || {
        settled(&all.reads_at(1, &id).await).then_some(())
    })
    .await;
    all.at(0).redis.traps(RECORD, Way::Back);
    all.presses("2").await;
    all.until_at(1, &id, |call| call["outcome"] == "rejected")
        .await;
    all.dies(0).await;
    all.hangs_up().await;
    all.until_at(1, &id, |call| call["final"] == true).await;
    let events = receiver.until_finished().await;
    are_in_order(&events.iter().collect::<Vec<_>>(), "rejected");
    all.rang_once().await;
}
