//! A process is killed at each moment that matters, on purpose: what it talks to is held there, so
//! that the program is the real one, without fault points. Another process has the call to its end.
//!
//! | the moment | how it is hit |
//! |---|---|
//! | the intent is saved | the create waits on its way to the carrier |
//! | Twilio was asked | the answer to the create waits on its way back |
//! | the 201 was received | the change it makes waits on its way to Redis |
//! | the answer was served | the restaurant hears the question |
//! | a key was pressed | its webhook has arrived, its change waits on its way to Redis |
//! | the verdict is stored | Redis has it, its answer waits on its way back |
//!
//! Afterwards no phone was rung twice, no verdict is lost, and a client that follows elsewhere gets
//! the final event.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{RESTAURANT, within};
use crate::call::assert_ended;
use crate::instances::{CREATE, Instances, RECORD, id_in};
use crate::proxy::{Gate, Way};
use crate::real_time::sleep_real_time;

/// The process that has the call when it dies.
const OWNER: usize = 0;
/// The one that is left.
const OTHER: usize = 1;

/// Time in which a saved intent may be sent, and a moment more.
const INTENT: Duration = Duration::from_secs(6);

fn is_final(call: &Value) -> bool {
    call["final"] == true
}

/// Two processes; webhooks go to the owner while it lives.
async fn two() -> Instances {
    let all = Instances::start(2).await;
    all.webhooks_go_to(&[OWNER, OTHER]);
    all
}

/// The same, while the owner's call is answered at the restaurant.
async fn two_and_a_talk() -> (Instances, String) {
    let all = two().await;
    let id = all.asks_at(OWNER, RESTAURANT).await;
    all.answers().await;
    (all, id)
}

/// The open call to the restaurant, whose id no client received. A client that asks again receives
/// it.
async fn found(all: &Instances) -> String {
    let again = all.tries_at(OTHER, RESTAURANT).await;
    again.is_problem(409, "duplicate_call");
    id_in(&again.text)
}

/// The call comes to its end at the process that is left: one attempt, one ring, declined.
async fn is_declined(all: &Instances, id: &str) {
    let done = all.until_at(OTHER, id, is_final).await;
    assert_ended(&done, "rejected", 1);
    all.rang_once().await;
}

#[tokio::test]
async fn killed_once_the_intent_is_saved() {
    needs!("redis-server", "redis-cli");
    let mut all = two().await;
    all.at(OWNER).carrier.traps(CREATE, Way::There);
    let client = all.asks_in_vain_at(OWNER, RESTAURANT);
    all.at(OWNER).carrier.has_caught(Way::There).await;
    let id = found(&all).await;
    all.dies(OWNER).await;
    within("the client is left alone", client).await.unwrap();
    sleep_real_time(INTENT).await;
    // Whether Twilio was asked is unknown, so it is not asked again. It is settled by searching,
    // later than a test with real time can wait (`lapsed` has the rest).
    let call = all.reads_at(OTHER, &id).await;
    assert_eq!(
        (&call["status"], &call["final"]),
        (&json!("dialing"), &json!(false)),
        "{call:#}"
    );
    assert_eq!(all.ledger().await, [] as [Value; 0]);
    all.begins(OWNER).await;
    assert_eq!(
        all.reads_at(OWNER, &id).await["status"],
        "dialing",
        "one that starts knows of it"
    );
}

#[tokio::test]
async fn killed_once_twilio_was_asked() {
    needs!("redis-server", "redis-cli");
    let mut all = two().await;
    all.at(OWNER).carrier.traps(CREATE, Way::Back);
    let client = all.asks_in_vain_at(OWNER, RESTAURANT);
    all.at(OWNER).carrier.has_caught(Way::Back).await;
    all.dies(OWNER).await;
    within("the client is left alone", client).await.unwrap();
    let id = found(&all).await;
    all.answers().await;
    all.declines().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_once_the_201_was_received() {
    needs!("redis-server", "redis-cli");
    let mut all = two().await;
    all.webhooks_go_to(&[OTHER]);
    all.at(OWNER).carrier.traps(CREATE, Way::Back);
    let client = all.asks_in_vain_at(OWNER, RESTAURANT);
    all.at(OWNER).carrier.has_caught(Way::Back).await;
    all.at(OWNER).redis.traps(RECORD, Way::There);
    all.at(OWNER).carrier.passes();
    all.at(OWNER).redis.has_caught(Way::There).await;
    all.dies(OWNER).await;
    within("the client is left alone", client).await.unwrap();
    let id = found(&all).await;
    all.answers().await;
    all.declines().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_once_the_answer_was_served() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = two_and_a_talk().await;
    all.dies(OWNER).await;
    all.declines().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_once_a_key_was_pressed() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = two_and_a_talk().await;
    all.at(OWNER).redis.lets(Way::There, Gate::Hold);
    all.public.traps("Digits=2", Way::Back);
    all.presses("2").await;
    all.at(OWNER).redis.has_caught(Way::There).await;
    crate::real_time::eventually("the key's webhook arrives", || !all.public.is_set()).await;
    all.dies(OWNER).await;
    all.public.passes();
    // The carrier goes to the fallback, where the key is taken or asked for again.
    let line = all
        .line("something is said", |line| line["saying"].is_object())
        .await;
    if !line["saying"]["text"]
        .as_str()
        .unwrap()
        .contains("Declined")
    {
        all.hears("press 2").await;
        // A key at once may belong to the one that was lost, and decides nothing.
        sleep_real_time(Duration::from_secs(2)).await;
        all.presses_and_hears("2", "Declined: no table").await;
    }
    all.hangs_up().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_once_the_verdict_is_stored() {
    needs!("redis-server", "redis-cli");
    let mut all = two().await;
    let id = all.asks_at(OWNER, RESTAURANT).await;
    let mut events = all.follows_at(OTHER, &id, None).await;
    all.answers().await;
    all.at(OWNER).redis.traps(RECORD, Way::Back);
    all.presses("2").await;
    let stored = async {
        while events.next().await.expect("the verdict comes").call["outcome"] != "rejected" {}
    };
    within("the verdict is stored", stored).await;
    all.dies(OWNER).await;
    all.hangs_up().await;
    let last = loop {
        let event = events.next().await.expect("the final event comes");
        if is_final(&event.call) {
            break event;
        }
    };
    assert_eq!(last.call["outcome"], "rejected", "{:#}", last.call);
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_while_a_call_waits_for_its_time() {
    needs!("redis-server", "redis-cli");
    let mut all = two().await;
    let id = all.asks_for_later_at(OWNER, 3).await;
    all.dies(OWNER).await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_all_together_and_started_anew() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = two_and_a_talk().await;
    all.dies(OWNER).await;
    all.dies(OTHER).await;
    all.begins(OWNER).await;
    all.begins(OTHER).await;
    assert_eq!(
        all.reads_at(OTHER, &id).await["status"],
        "in_progress",
        "Redis has it"
    );
    all.declines().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn killed_all_together_once_key_9_is_stored() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = two_and_a_talk().await;
    all.presses_and_hears("9", "Should we never call this number again?")
        .await;
    all.dies(OWNER).await;
    all.dies(OTHER).await;
    // The end of the talk reaches no process.
    all.hangs_up().await;
    all.line("ends", |line| line["ended"] == true).await;
    all.begins(OTHER).await;
    all.is_ready(OTHER).await;
    all.tries_at(OTHER, RESTAURANT)
        .await
        .is_problem(422, "opted_out");
    assert_eq!(all.reads_at(OTHER, &id).await["outcome"], "opted_out");
    all.rang_once().await;
}

#[tokio::test]
async fn killed_all_together_and_redis_with_them() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = two_and_a_talk().await;
    all.dies(OWNER).await;
    all.dies(OTHER).await;
    all.redis.dies();
    all.redis.starts_again().await;
    assert_eq!(
        all.redis.asked(&["DBSIZE"]),
        "0",
        "nobody knows of it any more"
    );
    all.begins(OWNER).await;
    all.begins(OTHER).await;
    all.declines().await;
    is_declined(&all, &id).await;
}

#[tokio::test]
async fn stalled_until_its_intent_has_lapsed() {
    needs!("redis-server", "redis-cli");
    let all = two().await;
    // Its requests to Redis are processed, and it is stopped before it learns that its intent is
    // saved.
    all.at(OWNER).redis.traps(RECORD, Way::Back);
    let client = all.asks_in_vain_at(OWNER, RESTAURANT);
    all.at(OWNER).redis.has_caught(Way::Back).await;
    all.program(OWNER).gets("STOP");
    all.at(OWNER).redis.passes();
    let id = found(&all).await;
    sleep_real_time(INTENT).await;
    all.program(OWNER).gets("CONT");
    within("the client is answered", client).await.unwrap();
    all.is_ready(OWNER).await;
    assert_eq!(
        all.ledger().await,
        [] as [Value; 0],
        "it may settle the call, and not dial any more"
    );
    assert_eq!(
        all.wire("rest")
            .await
            .iter()
            .filter(|it| it["method"] == "POST")
            .count(),
        0
    );
    // It was answered in vain or revoked. In both cases no client learned that a phone rings.
    let answer = all.gets(OTHER, &format!("/api/call/{id}")).await;
    let is_open = answer.body["status"] == "dialing" && answer.body["final"] == false;
    assert!(answer.status == 404 || is_open, "{}", answer.text);
}

#[tokio::test]
async fn stalled_in_a_talk_that_another_finishes() {
    needs!("redis-server", "redis-cli");
    let (all, id) = two_and_a_talk().await;
    all.program(OWNER).gets("STOP");
    all.webhooks_go_to(&[OTHER]);
    all.declines().await;
    all.until_at(OTHER, &id, is_final).await;
    all.program(OWNER).gets("CONT");
    let done = all.reads_at(OWNER, &id).await;
    assert_eq!(
        (&done["outcome"], &done["final"]),
        (&json!("rejected"), &json!(true)),
        "{done:#}"
    );
    is_declined(&all, &id).await;
}
