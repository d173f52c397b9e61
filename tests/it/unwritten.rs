//! An instance hears an answer while Redis is away, keeps it in its memory, and is killed before
//! Redis has it. The others know an older record, so that only Twilio can tell what was pressed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{RESTAURANT, table};
use crate::call::{Asked, assert_ended};
use crate::instances::Instances;
use crate::lapsed::Stage;
use crate::real_time::{poll, sleep_real_time};

/// Longer than a key is waited for that the end of its line overtook.
const SETTLED: Duration = Duration::from_secs(7);

/// The only call is in doubt: no verdict is final, and nobody rings again.
async fn is_in_doubt(all: &Instances, number: usize, id: &str) {
    sleep_real_time(SETTLED).await;
    let call = all.reads_at(number, id).await;
    assert_eq!(
        (&call["status"], &call["waiting_for"], &call["final"]),
        (&json!("in_progress"), &Value::Null, &json!(false)),
        "{call:#}"
    );
    all.rang_once().await;
}

#[tokio::test]
async fn an_answer_that_died_with_an_instance_cut_off_rings_nobody_again() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    let id = all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    all.at(0).redis.cuts();
    all.presses_and_hears("2", "Declined: no table").await;
    all.dies(0).await;
    all.hangs_up().await;
    all.hears_of_the_end().await;
    is_in_doubt(&all, 1, &id).await;
}

#[tokio::test]
async fn an_answer_that_died_while_redis_was_away_rings_nobody_again() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(1).await;
    let id = all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    all.at(0).redis.cuts();
    all.presses_and_hears("2", "Declined: no table").await;
    all.dies(0).await;
    all.at(0).redis.passes();
    all.begins(0).await;
    all.is_ready(0).await;
    all.hangs_up().await;
    all.hears_of_the_end().await;
    is_in_doubt(&all, 0, &id).await;
}

#[tokio::test]
async fn a_change_of_an_answer_that_died_with_its_instance_is_not_taken_for_none() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    let id = all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    all.listens().await;
    all.presses_and_hears("2", "Declined: no table").await;
    all.until_at(1, &id, |call| call["outcome"] == "rejected")
        .await;
    all.listens().await;
    for number in 0..2 {
        all.at(number).redis.cuts();
    }
    all.presses_and_hears("1", "Accepted").await;
    all.dies(0).await;
    all.at(1).redis.passes();
    all.is_ready(1).await;
    all.hangs_up().await;
    all.hears_of_the_end().await;
    is_in_doubt(&all, 1, &id).await;
}

#[tokio::test]
async fn an_answer_that_died_with_its_process_is_read_from_twilio() {
    needs!("redis-server", "redis-cli");
    let stage = Stage::new().await;
    let first = stage.mortal().await;
    let id = stage.asks(&first, &table()).await;
    let mut phone = stage.carrier.phone(RESTAURANT).rings().await;
    phone.answers().await;
    phone.hears("To accept").await;
    stage.memory.cuts();
    phone.presses_and_hears("1", "Accepted").await;
    let second = stage.is_succeeded(first).await;
    // Redis counts real seconds until an instance is known to be gone.
    poll("the dead is missed", async || {
        let lost = stage.redis.asked(&["HLEN", "tablecall:{keys}:lost"]);
        (lost == "1").then_some(())
    })
    .await;
    phone.hangs_up().await;
    let done = Asked::new(&second, id)
        .comes_to_beside(&stage.carrier, |call| call["final"] == true)
        .await;
    assert_ended(&done, "confirmed", 1);
    assert_eq!(stage.carrier.ledger().await.len(), 1, "it rang once");
    second.stops().await;
    stage.carrier.finish().await;
}
