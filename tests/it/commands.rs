//! Counts the commands to Redis of a call, and of an idle instance, so that neither grows
//! unnoticed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::RESTAURANT;
use crate::instances::Instances;
use crate::real_time::{poll, sleep_real_time};

/// The most that a call with one attempt may ask for, with every limit on.
const MOST_OF_A_CALL: usize = 9;
/// The most that an instance may ask for in a second when nothing happens.
const MOST_WHEN_IDLE: f64 = 3.0;
/// A multiple of the pauses between two looks at what others left behind.
const IDLE: Duration = Duration::from_secs(15);

/// Commands of a process without calls: it checks its connection, looks for calls that others left
/// behind (at all shards at once), and stores its counts, from which these tests learn that a call
/// is finished.
fn is_background(command: &str) -> bool {
    [
        "tablecall:{keys}:instances\"",
        "\" \"32\" \"tablecall:{s0}:",
        "tablecall:{house}:census\"",
    ]
    .iter()
    .any(|part| command.contains(part))
}

/// The commands that clients sent, without what scripts did inside and how they were taught.
fn sent(lines: Vec<String>) -> Vec<String> {
    lines
        .into_iter()
        .filter(|line| !line.contains(" lua]") && !line.contains("\"SCRIPT\" \"LOAD\""))
        .collect()
}

/// Returns whether the only call is finished; no server is asked for that by anything of the call
/// itself.
async fn is_finished(all: &Instances) -> bool {
    let scrape = all.gets(0, "/metrics").await.text;
    scrape
        .lines()
        .any(|line| line == "tablecall_calls_total{outcome=\"rejected\"} 1")
}

#[tokio::test]
async fn a_call_with_one_attempt_asks_little_of_redis_with_every_limit_on() {
    needs!("redis-server", "redis-cli");
    let limits = "number_hour=9,number_day=9,key_minute=60,service_day=500";
    let all = Instances::with(1, &[("TABLECALL_LIMITS", limits), ("TWILIO_CPS", "1")]).await;
    let watched = all.redis.watched().await;
    all.asks_at(0, RESTAURANT).await;
    all.answers().await;
    // Staff hang up at once, so that a key may still be on its way: the dearest end that a talk can
    // have.
    all.declines().await;
    poll("it is finished", async || {
        is_finished(&all).await.then_some(())
    })
    .await;
    let commands = sent(watched.ends(&all.redis).await);
    let of_the_call: Vec<_> = commands
        .iter()
        .filter(|command| !is_background(command))
        .collect();
    let count = of_the_call.len();
    println!("a call with one attempt asks {count} times");
    assert!(
        (7..=MOST_OF_A_CALL).contains(&count),
        "{count}: {of_the_call:#?}"
    );
}

#[tokio::test]
async fn an_idle_instance_asks_little_of_redis() {
    needs!("redis-server", "redis-cli");
    let all = Instances::start(2).await;
    let scrape = all.gets(0, "/metrics").await.text;
    assert!(
        scrape.contains("tablecall_calls{status=\"queued\"} 0"),
        "{scrape}"
    );
    assert!(
        !scrape.contains("tablecall_calls{status=\"finished\"}"),
        "nobody counts them"
    );
    let watched = all.redis.watched().await;
    sleep_real_time(IDLE).await;
    let commands = sent(watched.ends(&all.redis).await);
    let mut by_name = BTreeMap::new();
    for command in &commands {
        let name = command.split('"').nth(1).unwrap_or_default();
        *by_name.entry(name).or_insert(0) += 1;
    }
    let each_second = commands.len() as f64 / 2.0 / IDLE.as_secs_f64();
    println!("an idle instance asks {each_second:.1} times a second: {by_name:?}");
    assert!(
        commands.len() > 2,
        "they look whether their connections live"
    );
    assert!(each_second <= MOST_WHEN_IDLE, "{each_second}: {by_name:?}");
}
