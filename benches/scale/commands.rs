//! The commands to Redis of a call with one attempt.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clock::Clock;

use crate::carrier::Carrier;
use crate::deployment::{Build, Program};
use crate::play::Player;
use crate::say;

/// The number of calls that are counted.
const CALLS: usize = 100;
/// After the end of a call a key may still come; then it is finished.
const SETTLED: Duration = Duration::from_secs(7);
/// Time in which nothing happens, a multiple of the intervals at which instances look for calls
/// that others left.
const IDLE: Duration = Duration::from_secs(15);

pub(crate) async fn run() {
    say("# What a call with one attempt asks of Redis\n");
    let (carrier, address) = Carrier::start().await;
    let redis = Program::redis();
    let services = [Program::service(&Build::this(), address, Some(&redis))];
    let mut player = Player::new();
    let mut took = Duration::ZERO;
    for calls in [5, CALLS] {
        redis.asked(&["CONFIG", "RESETSTAT"]);
        let begun = Instant::now();
        let taken = player.asks(calls, &carrier, &services).await;
        player.plays_alone(&taken, &services).await;
        Clock::system().sleep(SETTLED).await;
        took = begun.elapsed();
    }
    let calls = commands(&redis.asked(&["INFO", "commandstats"]));
    redis.asked(&["CONFIG", "RESETSTAT"]);
    Clock::system().sleep(IDLE).await;
    let idle = commands(&redis.asked(&["INFO", "commandstats"]));
    let as_long = took.as_secs_f64() / IDLE.as_secs_f64();
    let sent = watched(&redis, &carrier, &mut player, &services).await;
    say("| command | times per call, from clients and scripts |\n|---|---:|");
    let per_call = |name: &String| {
        (calls[name] - as_long * idle.get(name).copied().unwrap_or(0.0)) / CALLS as f64
    };
    let mut total = 0.0;
    for name in calls.keys() {
        let times = per_call(name);
        if times >= 0.05 {
            say(&format!("| {name} | {times:.2} |"));
            total += times;
        }
    }
    say(&format!("| all | {total:.2} |\n"));
    say(&format!(
        "Of these {sent:.2} are commands that the process sends (what scripts do inside is no round trip); the aim"
    ));
    say(&format!(
        "is at most 9. What is asked while nothing happens is not counted: {:.1} commands a second, within scripts and without.\n",
        { idle.values().sum::<f64>() / IDLE.as_secs_f64() }
    ));
}

/// Number of times that each command was processed.
fn commands(told: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let ours = matches!(name, "info" | "config|resetstat" | "config");
        (!ours).then_some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    told.lines().filter_map(line).collect()
}

/// Number of commands that a call sends, as seen on the wire: those of scripts are marked as such.
async fn watched(
    redis: &Program,
    carrier: &Carrier,
    player: &mut Player,
    services: &[Program; 1],
) -> f64 {
    let port = redis.address.port().to_string();
    let mut command = Command::new("redis-cli");
    let mut monitor = command
        .args(["-p", &port, "MONITOR"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "OK");
    let begun = Instant::now();
    let taken = player.asks(CALLS, carrier, services).await;
    player.plays_alone(&taken, services).await;
    Clock::system().sleep(SETTLED).await;
    redis.asked(&["PING", "calls"]);
    let as_long = begun.elapsed().as_secs_f64() / IDLE.as_secs_f64();
    Clock::system().sleep(IDLE).await;
    redis.asked(&["PING", "idle"]);
    let mut count = [0.0, 0.0];
    let mut idle = 0;
    for line in lines.map_while(Result::ok) {
        if line.contains("\"PING\" \"calls\"") {
            idle = 1;
        } else if line.contains("\"PING\" \"idle\"") {
            break;
        } else if !line.contains(" lua]") {
            count[idle] += 1.0;
        }
    }
    drop(monitor.kill());
    drop(monitor.wait());
    (count[0] - as_long * count[1]) / CALLS as f64
}
