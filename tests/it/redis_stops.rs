//! A Redis that begins to refuse something while calls are made: the process is not ready within a
//! second, metrics say so, calls on the line go on, and it is ready again by itself.

use serde_json::Value;

use crate::app::RESTAURANT;
use crate::redis_refuses::Served;
use crate::redis_server::RedisServer;

/// A refusal that a server begins, and the way to stop it.
struct Trouble<'a> {
    begins: &'a dyn Fn(&RedisServer),
    why: &'a str,
    ends: &'a dyn Fn(&RedisServer),
    /// A create is refused at once, before the next pulse of the connection. (Scripts whose first
    /// write needs no memory go on in a full server.)
    is_met_by_creates: bool,
}

/// It begins in the middle of a call, which goes on, and ends again.
async fn comes_and_goes(redis: &RedisServer, url: &str, trouble: Trouble<'_>) {
    let served = Served::with(url).await;
    served.is_ready().await;
    let id = served.pair.asks(RESTAURANT).await;
    served.pair.answers().await;
    (trouble.begins)(redis);
    if trouble.is_met_by_creates {
        let refused = served.pair.tries_a_table("+14155550102").await;
        refused.is_problem(503, "unavailable");
        assert_eq!(
            served.readiness().await.status,
            503,
            "it is known from then on"
        );
    }
    served.is_not_ready_for(trouble.why).await;
    let refused = served.pair.tries_a_table("+14155550102").await;
    refused.is_problem(503, "unavailable");
    let metrics = served.metrics().await;
    for line in ["tablecall_ready 0", "tablecall_ailing{part=\"store\"} 1"] {
        assert!(metrics.lines().any(|known| known == line), "{metrics}");
    }
    // What staff say now is not lost.
    served.pair.declines().await;
    (trouble.ends)(redis);
    served.is_ready().await;
    let is_final = |call: &Value| call["final"] == true;
    let ended = served.pair.until(&id, "it ends", is_final).await;
    assert_eq!(ended["outcome"], "rejected", "{ended:#}");
    served.pair.asks("+14155550102").await;
    let log = served.program.dies().await;
    assert!(!log.contains("swordfish"), "{log}");
}

fn sets(redis: &RedisServer, name: &str, value: &str) {
    assert_eq!(redis.asked(&["CONFIG", "SET", name, value]), "OK");
}

#[tokio::test]
async fn too_few_replicas() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let trouble = Trouble {
        begins: &|redis| sets(redis, "min-replicas-to-write", "1"),
        why: "Redis refuses what it is asked: NOREPLICAS Not enough good replicas to write",
        ends: &|redis| sets(redis, "min-replicas-to-write", "0"),
        is_met_by_creates: true,
    };
    comes_and_goes(&redis, &format!("redis://{}", redis.address), trouble).await;
}

#[tokio::test]
async fn a_snapshot_that_failed() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let trouble = Trouble {
        begins: &RedisServer::fails_to_save,
        why: "Redis refuses what it is asked: MISCONF Redis is configured to save RDB snapshots",
        ends: &|redis| sets(redis, "stop-writes-on-bgsave-error", "no"),
        is_met_by_creates: true,
    };
    comes_and_goes(&redis, &format!("redis://{}", redis.address), trouble).await;
}

#[tokio::test]
async fn a_full_memory() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let trouble = Trouble {
        begins: &|redis| redis.is_full(true),
        why: "Redis is full: it needs more memory, and maxmemory-policy noeviction: OOM command not allowed when used memory > \
              'maxmemory'",
        ends: &|redis| redis.is_full(false),
        is_met_by_creates: false,
    };
    comes_and_goes(&redis, &format!("redis://{}", redis.address), trouble).await;
}

#[tokio::test]
async fn a_permission_that_is_taken_away() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let allowed = |redis: &RedisServer, rules: &[&str]| {
        let user = ["ACL", "SETUSER", "app"];
        assert_eq!(redis.asked(&[&user, rules].concat()), "OK");
    };
    allowed(&redis, &["on", ">swordfish", "~*", "&*", "+@all"]);
    let trouble = Trouble {
        begins: &|redis| allowed(redis, &["-evalsha"]),
        why: "Redis refuses what it is asked: NOPERM this user has no permissions to run the 'evalsha' command",
        ends: &|redis| allowed(redis, &["+evalsha"]),
        is_met_by_creates: true,
    };
    let url = format!("redis://app:swordfish@{}", redis.address);
    comes_and_goes(&redis, &url, trouble).await;
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica() {
    needs!("redis-server", "redis-cli");
    let (redis, other) = (RedisServer::starts().await, RedisServer::starts().await);
    let served = Served::with(&format!("redis://{}", redis.address)).await;
    served.is_ready().await;
    let (host, port) = (
        other.address.ip().to_string(),
        other.address.port().to_string(),
    );
    assert_eq!(redis.asked(&["REPLICAOF", &host, &port]), "OK");
    let why =
        "Redis takes no writes now: it is a replica, is loading, or its cluster is down: READONLY";
    served.is_not_ready_for(why).await;
    redis.leads();
    served.is_ready().await;
}
