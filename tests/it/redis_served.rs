//! Redis as people run it: a primary that sentinels name, a user who may do what a call needs and
//! nothing else, and a cluster of which a master comes back empty.

use std::collections::BTreeSet;

use serde_json::Value;
use tablecall::doctor::Level;

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::instances::Instances;
use crate::pair::next_week;
use crate::real_time::{eventually, poll};
use crate::redis_refuses::{Served, doctor, of};
use crate::redis_server::RedisServer;
use crate::sentinels::Sentinels;

fn is_final(call: &Value) -> bool {
    call["final"] == true
}

#[tokio::test]
async fn a_failover_of_sentinels_in_the_middle_of_a_call_loses_nothing() {
    needs!("redis-server", "redis-cli");
    let mut primary = RedisServer::starts().await;
    let replica = RedisServer::follows(&primary).await;
    let sentinels = Sentinels::watch(&primary).await;
    let served = Served::with(&sentinels.url("")).await;
    served.is_ready().await;
    let id = served.pair.asks(RESTAURANT).await;
    served.pair.answers().await;
    primary.dies();
    // The key is pressed while there is no primary.
    served.pair.declines().await;
    served.is_ready().await;
    let ended = served.pair.until(&id, "it ends", is_final).await;
    assert_eq!(ended["outcome"], "rejected", "{ended:#}");
    assert!(
        replica
            .asked(&["INFO", "replication"])
            .contains("role:master"),
        "it is another primary"
    );
    let next = served.pair.asks("+14155550102").await;
    let stored = replica.asked(&["--scan", "--pattern", &format!("*:call:{next}")]);
    assert!(stored.contains(&next), "{stored}");
    let findings = doctor(&sentinels.url("")).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
}

#[tokio::test]
async fn a_planned_failover_is_followed_though_the_old_primary_goes_on() {
    needs!("redis-server", "redis-cli");
    let primary = RedisServer::starts().await;
    let replica = RedisServer::follows(&primary).await;
    let sentinels = Sentinels::watch(&primary).await;
    let served = Served::with(&sentinels.url("")).await;
    served.is_ready().await;
    // It takes writes for some ten seconds after a failover; here for ever.
    let stays = primary.asked(&["ACL", "SETUSER", "default", "-replicaof", "-slaveof"]);
    assert_eq!(stays, "OK");
    sentinels.fail_over().await;
    eventually("the service uses the new primary", || {
        !replica
            .asked(&["PUBSUB", "CHANNELS", "tablecall:changes:*"])
            .is_empty()
    })
    .await;
    served.is_ready().await;
    let id = served.pair.asks(RESTAURANT).await;
    let has_it = |server: &RedisServer| {
        let stored = server.asked(&["--scan", "--pattern", &format!("*:call:{id}")]);
        stored.contains(&id)
    };
    assert_eq!((has_it(&primary), has_it(&replica)), (false, true));
    let role = primary.asked(&["INFO", "replication"]);
    assert!(role.contains("role:master"), "{role}");
}

#[tokio::test]
async fn a_login_of_the_server_is_not_forced_upon_sentinels_and_their_own_port_is_named() {
    needs!("redis-server", "redis-cli");
    let primary = RedisServer::starts().await;
    let replica = RedisServer::follows(&primary).await;
    for server in [&primary, &replica] {
        has_documented_user(server, &["+role"]);
    }
    let sentinels = Sentinels::watch(&primary).await;
    let findings = doctor(&sentinels.url("tablecall:PASSWORD@")).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    nothing_was_denied(&primary);
    let findings = doctor(&format!("redis://{}", sentinels.first())).await;
    let bad = of(&findings, Level::Bad);
    assert!(
        bad.len() == 1 && bad[0].contains("redis+sentinel://"),
        "{findings:#?}"
    );
    let unknown = sentinels.url("").replace("mymaster", "another");
    let findings = doctor(&unknown).await;
    assert_eq!(of(&findings, Level::Bad).len(), 1, "{findings:#?}");
}

/// The rules that docs/operations.md names.
fn documented_user() -> Vec<String> {
    let text = std::fs::read_to_string("docs/operations.md").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER tablecall "))
        .expect("the user is documented");
    line.split_whitespace().map(str::to_owned).collect()
}

/// A server has the documented user, who may also do this.
fn has_documented_user(redis: &RedisServer, further: &[&str]) {
    let rules = documented_user();
    let mut command = vec!["ACL", "SETUSER", "tablecall"];
    command.extend(rules.iter().map(String::as_str));
    command.extend(further);
    assert_eq!(redis.asked(&command), "OK");
}

/// Only what a newer server offers to know of its clients may be denied.
fn nothing_was_denied(redis: &RedisServer) {
    let log = redis.asked(&["ACL", "LOG"]);
    let denied: Vec<&str> = log
        .lines()
        .zip(log.lines().skip(1))
        .filter(|(name, what)| *name == "object" && !what.starts_with("client|"))
        .map(|(_, what)| what)
        .collect();
    assert_eq!(denied, Vec::<&str>::new());
}

#[tokio::test]
async fn the_documented_user_is_enough_in_a_cluster() {
    needs!("redis-server", "redis-cli");
    let nodes = RedisServer::cluster().await;
    for node in &nodes {
        has_documented_user(node, &["+cluster|slots", "+ping"]);
    }
    let url = format!("redis+cluster://tablecall:PASSWORD@{}", nodes[0].address);
    let findings = doctor(&url).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    for node in &nodes {
        nothing_was_denied(node);
    }
}

#[tokio::test]
async fn whole_calls_are_made_by_the_documented_user_and_no_rule_is_too_many() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let rules = documented_user();
    has_documented_user(&redis, &[]);
    let url = format!("redis://tablecall:PASSWORD@{}", redis.address);
    let findings = doctor(&url).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    assert_eq!(of(&findings, Level::Note), Vec::<&str>::new());

    let limits = "number_hour=9,number_day=9,key_minute=60,service_day=500";
    let settings = [
        ("TABLECALL_LIMITS", limits.to_owned()),
        ("TWILIO_CPS", "1".to_owned()),
    ];
    let served = Served::with_settings(&url, &settings).await;
    served.is_ready().await;
    let id = served.pair.asks(RESTAURANT).await;
    served.pair.answers().await;
    served.pair.declines().await;
    let ended = served.pair.until(&id, "it ends", is_final).await;
    assert_eq!(ended["outcome"], "rejected", "{ended:#}");
    served.metrics().await;
    nothing_was_denied(&redis);

    let used = redis.asked(&["INFO", "commandstats"]);
    let used: BTreeSet<&str> = used
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next())
        .collect();
    let superfluous: Vec<&str> = rules
        .iter()
        .filter_map(|rule| rule.strip_prefix('+'))
        .filter(|command| !used.contains(command))
        .collect();
    assert_eq!(superfluous, Vec::<&str>::new(), "no call needs them");
}

#[tokio::test]
async fn a_master_of_a_cluster_that_comes_back_empty_costs_no_number_and_no_idempotency_key() {
    needs!("redis-server", "redis-cli");
    let nodes = RedisServer::cluster().await;
    let addresses: Vec<String> = nodes.iter().map(|node| node.address.to_string()).collect();
    let url = format!("redis+cluster://{}", addresses.join(","));
    let all = Instances::with(2, &[("REDIS_URL", &url)]).await;
    let asks = async |number: usize, phone: &str| {
        let request = all.request(number, reqwest::Method::POST, "/api/call");
        let request = request.header("idempotency-key", phone);
        Answer::of(request.json(&next_week(phone))).await
    };
    // So many that each master has numbers and keys of calls whose records are elsewhere.
    let phones: Vec<String> = (10..22).map(|last| format!("+141555530{last}")).collect();
    let mut ids = Vec::new();
    for (number, phone) in phones.iter().enumerate() {
        let answer = asks(number % 2, phone).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        ids.push(answer.body["id"].clone());
    }
    // As one that was started again without what it held: not the one with the first mark.
    let has_mark = |node: &&RedisServer| node.asked(&["EXISTS", "tablecall:run"]) == "1";
    let emptied = nodes.iter().find(|node| !has_mark(node)).unwrap();
    emptied.asked(&["FLUSHALL"]);
    for kind in ["normal", "pubsub"] {
        emptied.asked(&["CLIENT", "KILL", "TYPE", kind]);
    }
    for (phone, id) in phones.iter().zip(&ids) {
        for number in 0..2 {
            let repeat = poll("the repeat is answered", async || {
                let answer = asks(number, phone).await;
                (answer.status != 503).then_some(answer)
            });
            let repeat = repeat.await;
            let is_same = (repeat.status, &repeat.body["id"]) == (202, id);
            assert!(is_same, "{}", repeat.text);
        }
        let duplicate = poll("a duplicate is answered", async || {
            let answer = all.tries_at(1, phone).await;
            (answer.status != 503).then_some(answer)
        });
        duplicate.await.is_problem(409, "duplicate_call");
    }
    let rung = all.ledger().await.len();
    assert_eq!(rung, phones.len(), "nobody is rung twice");
}
