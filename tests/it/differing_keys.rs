//! Processes that share a Redis and not their keys: they are told apart, and no number is rung twice.

use clock::Clock;
use serde_json::Value;
use tablecall::config::{Config, RawConfig};
use tablecall::doctor::{Finding, Level, examine};

use crate::app::RESTAURANT;
use crate::instances::{INDEX_KEY, Instances, TICKET_KEY};
use crate::real_time::poll;

const FIRST: usize = 0;
const SECOND: usize = 1;
const OTHER_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Waits until a process is not ready for this reason.
async fn is_not_ready_for(all: &Instances, number: usize, why: &str) {
    poll(why, async || {
        let readiness = all.is_not_ready(number).await;
        let problems = readiness["problems"].as_array().unwrap();
        let of_store = problems.iter().find(|problem| problem["part"] == "store")?;
        of_store["detail"].as_str()?.starts_with(why).then_some(())
    })
    .await;
}

/// Findings of doctor about the server with these keys.
async fn doctor(all: &Instances, index_key: &str, ticket_keys: &str) -> Vec<Finding> {
    let url = format!("redis://{}", all.redis.address);
    let given = RawConfig::default().with(|it| {
        it.storage.redis_url = Some(url);
        it.storage.index_key = Some(index_key.to_owned());
        it.storage.ticket_keys = Some(ticket_keys.to_owned());
    });
    examine(&Config::read(&given).unwrap(), None, &Clock::system())
        .await
        .unwrap()
}

fn is_bad(findings: &[Finding], part: &str) -> bool {
    findings
        .iter()
        .any(|finding| finding.level == Level::Bad && finding.text.contains(part))
}

/// Starts a process again with another setting.
async fn restarted(all: &mut Instances, number: usize, name: &'static str, value: &str) {
    all.stops(number).await;
    all.sets(name, value.to_owned());
    all.begins(number).await;
}

#[tokio::test]
async fn a_process_with_another_index_key_rings_no_number_beside_the_others() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    all.webhooks_go_to(&[FIRST]);
    restarted(&mut all, SECOND, "TABLECALL_INDEX_KEY", OTHER_KEY).await;
    let why = "TABLECALL_INDEX_KEY is not the one that this Redis is used with";
    is_not_ready_for(&all, SECOND, why).await;
    let findings = doctor(&all, OTHER_KEY, TICKET_KEY).await;
    assert!(is_bad(&findings, "TABLECALL_INDEX_KEY"), "{findings:#?}");
    let findings = doctor(&all, INDEX_KEY, TICKET_KEY).await;
    assert!(!is_bad(&findings, ""), "{findings:#?}");

    let id = all.asks_at(FIRST, RESTAURANT).await;
    let refused = all.tries_at(SECOND, RESTAURANT).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    all.rang_once().await;
    // What it serves of the calls of others is right.
    all.webhooks_go_to(&[SECOND]);
    all.answers().await;
    all.declines().await;
    let ended = all.until_at(FIRST, &id, |call| call["final"] == true).await;
    assert_eq!(ended["outcome"], "rejected", "{ended:#}");

    // Emptied, the server is still that of the process that fitted.
    all.redis.asked(&["FLUSHALL"]);
    let taken_again = || all.redis.asked(&["EXISTS", "tablecall:{keys}:instances"]) == "1";
    crate::real_time::eventually("it is taken again", taken_again).await;
    all.is_ready(FIRST).await;
    all.is_not_ready(SECOND).await;
    let metrics = all.gets(SECOND, "/metrics").await.text;
    assert!(metrics.contains("\ntablecall_ready 0\n"), "{metrics}");

    let log = all.dies(SECOND).await;
    assert!(log.contains("it places no call"), "{log}");
    assert!(!log.contains(OTHER_KEY), "{log}");
    all.sets("TABLECALL_INDEX_KEY", INDEX_KEY.to_owned());
    all.begins(SECOND).await;
    all.is_ready(SECOND).await;
}

#[tokio::test]
async fn ticket_keys_rotate_in_two_steps_and_whoever_skips_one_waits() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    let (added, first) = (
        format!("{TICKET_KEY},{OTHER_KEY}"),
        format!("{OTHER_KEY},{TICKET_KEY}"),
    );
    restarted(&mut all, SECOND, "TABLECALL_TICKET_KEYS", &first).await;
    let why = "another instance on this Redis cannot open what this one seals";
    is_not_ready_for(&all, SECOND, why).await;
    all.is_ready(FIRST).await;
    restarted(&mut all, SECOND, "TABLECALL_TICKET_KEYS", OTHER_KEY).await;
    let why = "no key in TABLECALL_TICKET_KEYS opens what other instances seal";
    is_not_ready_for(&all, SECOND, why).await;
    let findings = doctor(&all, INDEX_KEY, OTHER_KEY).await;
    assert!(is_bad(&findings, "TABLECALL_TICKET_KEYS"), "{findings:#?}");
    all.is_ready(FIRST).await;

    // Added behind the old one, and then put first: each process is ready at each step.
    for keys in [&added, &first] {
        for number in [SECOND, FIRST] {
            restarted(&mut all, number, "TABLECALL_TICKET_KEYS", keys).await;
            all.is_ready(SECOND).await;
            all.is_ready(FIRST).await;
        }
    }
    let id = all.asks_at(FIRST, RESTAURANT).await;
    restarted(&mut all, SECOND, "TABLECALL_TICKET_KEYS", OTHER_KEY).await;
    all.is_ready(SECOND).await;
    all.webhooks_go_to(&[SECOND]);
    all.answers().await;
    all.declines().await;
    let ended = all
        .until_at(SECOND, &id, |call| call["final"] == true)
        .await;
    assert_eq!(ended["outcome"], "rejected", "{ended:#}");
}

#[tokio::test]
async fn a_step_that_was_skipped_holds_once_the_others_are_gone() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    let first = format!("{OTHER_KEY},{TICKET_KEY}");
    restarted(&mut all, SECOND, "TABLECALL_TICKET_KEYS", &first).await;
    is_not_ready_for(&all, SECOND, "another instance").await;
    all.stops(FIRST).await;
    all.is_ready(SECOND).await;
}

#[tokio::test]
async fn a_signed_webhook_whose_ticket_no_key_opens_is_warned_about_and_counted() {
    needs!("redis-server", "redis-cli");
    let mut all = Instances::start(2).await;
    restarted(&mut all, SECOND, "TABLECALL_TICKET_KEYS", OTHER_KEY).await;
    is_not_ready_for(&all, SECOND, "no key in TABLECALL_TICKET_KEYS").await;
    all.webhooks_go_to(&[SECOND]);
    all.asks_at(FIRST, RESTAURANT).await;
    all.line("rings", |line| line["status"] == "ringing").await;
    all.acts("answer", Value::Null).await;
    let counted = |text: &str| {
        let line = text.lines().find_map(|line| {
            line.strip_prefix("tablecall_tickets_unopened_total{cause=\"no_key\"} ")
        });
        line.is_some_and(|count| count != "0")
    };
    poll("it is counted", async || {
        counted(&all.gets(SECOND, "/metrics").await.text).then_some(())
    })
    .await;
    let log = all.dies(SECOND).await;
    let warned = |line: &&str| {
        line.contains("WARN")
            && line.contains("its ticket cannot be used")
            && line.contains("no key in TABLECALL_TICKET_KEYS opens the ticket")
    };
    assert!(log.lines().any(|line| warned(&line)), "{log}");
}
