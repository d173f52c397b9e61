//! Redis is away for a moment, for long or for good; slow, full, emptied, replaced. Webhooks are
//! answered all the same and within a second, a verdict is not lost, nothing new is taken on, and
//! the process says what it lacks.

use std::time::Duration;

use serde_json::Value;

use crate::app::RESTAURANT;
use crate::call::assert_ended;
use crate::instances::Instances;
use crate::proxy::{Gate, Way};
use crate::real_time::sleep_real_time;
use crate::redis_server::RedisServer;

/// Time that a platform gives a process that it told to stop.
const LONGEST_STOP: Duration = Duration::from_secs(25);
/// Logged of what a process could not save.
const LOST: &str = "changes of calls were lost: the shared store was away to the end";

fn is_final(call: &Value) -> bool {
    call["final"] == true
}

fn is_rejected(call: &Value) -> bool {
    call["outcome"] == "rejected"
}

/// Every webhook was answered, and within a second.
async fn webhooks_were_answered(all: &Instances) {
    for kind in ["voice", "status", "amd"] {
        for webhook in all.wire(kind).await {
            let (status, took) = (
                webhook["status"].as_u64().unwrap_or(0),
                webhook["milliseconds"].as_u64().unwrap(),
            );
            assert!(
                (200..300).contains(&status) && took < 1_000,
                "{status} after {took} ms: {webhook:#}"
            );
        }
    }
}

/// A create is refused for now, `/readyz` says why, and the process is alive.
async fn takes_nothing_on(all: &Instances, number: usize) {
    let refused = all.tries_at(number, "+14155550101").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let seconds: u32 = refused
        .header("retry-after")
        .parse()
        .unwrap_or_else(|_| panic!("{:?}", refused.headers));
    assert!((1..=60).contains(&seconds), "{seconds}");
    let readiness = all.is_not_ready(number).await;
    assert!(readiness.to_string().contains("store"), "{readiness:#}");
    assert_eq!(all.gets(number, "/healthz").await.status, 200);
}

/// The key is pressed and understood while Redis is away, and what is said then can be heard to its
/// end.
async fn declines(all: &Instances) {
    all.presses_and_hears("2", "Declined: no table").await;
}

/// The verdict is written now that Redis is back, the call ends well, and everybody knows.
async fn ends_well(all: &Instances, id: &str) {
    for number in 0..2 {
        all.is_ready(number).await;
    }
    let line = all.line("is there", |line| line.is_object()).await;
    if line["ended"] == false {
        all.hangs_up().await;
    }
    for number in 0..2 {
        let done = all.until_at(number, id, is_final).await;
        assert_ended(&done, "rejected", 1);
    }
    all.rang_once().await;
}

async fn talking() -> (Instances, String) {
    let all = Instances::start(2).await;
    let id = all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    (all, id)
}

#[tokio::test]
async fn away_for_a_second() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    all.redis.stalls();
    declines(&all).await;
    sleep_real_time(Duration::from_secs(1)).await;
    all.redis.goes_on();
    for number in 0..2 {
        all.until_at(number, &id, is_rejected).await;
    }
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn cut_off_for_longer() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    for number in 0..2 {
        all.at(number).redis.cuts();
    }
    declines(&all).await;
    for number in 0..2 {
        takes_nothing_on(&all, number).await;
    }
    let before = [all.program(0).busy(), all.program(1).busy()];
    sleep_real_time(Duration::from_secs(10)).await;
    for (number, before) in before.into_iter().enumerate() {
        let spent = all.program(number).busy().saturating_sub(before);
        assert!(
            spent < Duration::from_secs(1),
            "a process that can do nothing was busy for {spent:?} of 10 s"
        );
        all.at(number).redis.passes();
    }
    for number in 0..2 {
        all.until_at(number, &id, is_rejected).await;
    }
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn gone_for_good() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = talking().await;
    all.redis.dies();
    declines(&all).await;
    all.hears("Thank you").await;
    takes_nothing_on(&all, 0).await;
    all.hangs_up().await;
    all.hears_of_the_end().await;
    let (one, two) = (all.takes(0), all.takes(1));
    let ends = tokio::join!(
        one.stops_within(LONGEST_STOP),
        two.stops_within(LONGEST_STOP)
    );
    let ends: [_; 2] = ends.into();
    for (code, log) in &ends {
        assert_eq!(*code, Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    let is_named = |(_, log): &(_, String)| {
        log.lines()
            .any(|line| line.contains(LOST) && line.contains(&id))
    };
    assert!(ends.iter().any(is_named), "{ends:#?}");
    webhooks_were_answered(&all).await;
    all.rang_once().await;
}

#[tokio::test]
async fn back_while_the_process_stops() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = talking().await;
    for number in 0..2 {
        all.at(number).redis.cuts();
    }
    declines(&all).await;
    all.hears("Declined: no table").await;
    let (one, two) = (all.takes(0), all.takes(1));
    let back = async {
        sleep_real_time(Duration::from_secs(6)).await;
        for number in 0..2 {
            all.at(number).redis.passes();
        }
    };
    let (one, two, ()) = tokio::join!(
        one.stops_within(LONGEST_STOP),
        two.stops_within(LONGEST_STOP),
        back
    );
    for (code, log) in [one, two] {
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains(LOST), "{log}");
    }
    all.begins(0).await;
    all.is_ready(0).await;
    all.until_at(0, &id, is_rejected).await;
}

#[tokio::test]
async fn away_at_the_start() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(1).await;
    all.stops(0).await;
    all.at(0).redis.cuts();
    all.begins(0).await;
    takes_nothing_on(&all, 0).await;
    all.at(0).redis.passes();
    all.is_ready(0).await;
    let id = all.asks_at(0, "+14155550101").await;
    assert_eq!(all.until_at(0, &id, is_final).await["outcome"], "confirmed");
}

#[tokio::test]
async fn slow() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    for number in 0..2 {
        all.at(number)
            .redis
            .lets(Way::Back, Gate::Delay(Duration::from_millis(250)));
    }
    declines(&all).await;
    all.hears("Thank you").await;
    all.hangs_up().await;
    for number in 0..2 {
        all.until_at(number, &id, is_rejected).await;
        all.at(number).redis.passes();
    }
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn slower_than_it_may_be() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    for number in 0..2 {
        all.at(number)
            .redis
            .lets(Way::Back, Gate::Delay(Duration::from_secs(3)));
    }
    declines(&all).await;
    all.hears("Thank you").await;
    for number in 0..2 {
        all.at(number).redis.passes();
    }
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn full() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    all.redis.is_full(true);
    declines(&all).await;
    let refused = all.tries_at(0, "+14155550101").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(
        !refused.header("retry-after").is_empty(),
        "{:?}",
        refused.headers
    );
    all.is_not_ready(0).await;
    all.redis.is_full(false);
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn emptied_while_it_is_connected() {
    needs!("redis-server", "redis-cli");
    let (all, id) = talking().await;
    all.redis.asked(&["FLUSHALL"]);
    // Nothing happens to the call meanwhile, and nobody else may ring its number.
    let is_held = || !all.redis.asked(&["KEYS", "tablecall:{n*}:live"]).is_empty();
    crate::real_time::eventually("its number is held again", is_held).await;
    declines(&all).await;
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn started_again_empty() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = talking().await;
    all.redis.dies();
    all.redis.starts_again().await;
    declines(&all).await;
    for number in 0..2 {
        let call = all.until_at(number, &id, is_rejected).await;
        assert_eq!(
            call["reservation"]["name"], "Ana Quetzalcoatl",
            "it came back from its ticket"
        );
    }
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn started_again_empty_after_the_key() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = talking().await;
    declines(&all).await;
    all.until_at(1, &id, is_rejected).await;
    all.redis.dies();
    all.redis.starts_again().await;
    // The process that received the key may still hold it, so no other may conclude that there was
    // none.
    all.hangs_up().await;
    all.line("ends", |line| line["ended"] == true).await;
    sleep_real_time(Duration::from_secs(7)).await;
    for number in 0..2 {
        let answer = all.gets(number, &format!("/api/call/{id}")).await;
        assert!(
            answer.body["outcome"].is_null() || is_rejected(&answer.body),
            "{}",
            answer.text
        );
        assert_ne!(answer.body["waiting_for"], "retry", "{}", answer.text);
    }
    all.rang_once().await;
}

#[tokio::test]
async fn failed_over() {
    needs!("redis-server", "redis-cli");
    let (mut all, id) = talking().await;
    let replica = RedisServer::follows(&all.redis).await;
    all.redis.dies();
    replica.leads();
    for number in 0..2 {
        all.at(number).redis.leads_to(&[replica.address]);
        all.at(number).redis.breaks();
    }
    assert_eq!(
        all.reads_at(1, &id).await["status"],
        "in_progress",
        "the replica has it"
    );
    declines(&all).await;
    ends_well(&all, &id).await;
    webhooks_were_answered(&all).await;
}

#[tokio::test]
async fn a_cluster_of_three() {
    needs!("redis-server", "redis-cli");
    let nodes = RedisServer::cluster().await;
    let addresses: Vec<String> = nodes.iter().map(|node| node.address.to_string()).collect();
    let all = Instances::with(
        2,
        &[(
            "REDIS_URL",
            &format!("redis+cluster://{}", addresses.join(",")),
        )],
    )
    .await;
    all.webhooks_go_to(&[1]);
    let mut others = Vec::new();
    for number in 0..6 {
        others.push(
            all.asks_at(number % 2, &format!("+1415{}0101", 560 + number))
                .await,
        );
    }
    for id in &others {
        assert_eq!(all.until_at(0, id, is_final).await["outcome"], "confirmed");
    }
    // Only now: a phone does not ring for as long as the others talk.
    let id = all.asks_at(0, RESTAURANT).await;
    let rings = |phone: &Value| phone["to"] == RESTAURANT && phone["status"] == "ringing";
    all.line("rings", rings).await;
    let answer = all.request(1, reqwest::Method::POST, &format!("/api/call/{id}/cancel"));
    assert_eq!(crate::answer::Answer::of(answer).await.status, 202);
    assert_eq!(all.until_at(0, &id, is_final).await["outcome"], "canceled");
    // Which node holds what is chance, as ids are.
    let held: Vec<u32> = nodes
        .iter()
        .map(|node| node.asked(&["DBSIZE"]).trim().parse().unwrap())
        .collect();
    assert!(
        held.iter().filter(|size| **size > 0).count() > 1,
        "they share what is held: {held:?}"
    );
}
