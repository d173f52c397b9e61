//! A Redis that cannot be used, or not for everything: `/readyz` and `tablecall doctor` say why, in
//! the server's own words, and what it merely does not tell holds nothing up.

use clock::Clock;
use serde_json::Value;
use tablecall::config::{Config, RawConfig};
use tablecall::doctor::{Finding, Level, examine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::instances::{INDEX_KEY, TICKET_KEY};
use crate::pair::Pair;
use crate::process::Program;
use crate::real_time::poll;
use crate::redis_server::RedisServer;

/// The service with this Redis, and what it says of it.
pub(crate) struct Served {
    pub(crate) pair: Pair,
    pub(crate) program: Program,
}

impl Served {
    pub(crate) async fn with(url: &str) -> Self {
        Self::with_settings(url, &[]).await
    }

    pub(crate) async fn with_settings(url: &str, further: &[(&'static str, String)]) -> Self {
        let mut pair = Pair::new().await;
        pair.further = vec![
            ("REDIS_URL", url.to_owned()),
            ("TABLECALL_TICKET_KEYS", TICKET_KEY.to_owned()),
            ("TABLECALL_INDEX_KEY", INDEX_KEY.to_owned()),
        ];
        pair.further.extend_from_slice(further);
        let program = pair.starts().await;
        Self { pair, program }
    }

    /// Waits until `/readyz` answers 503 for this reason; what else it says of the store.
    pub(crate) async fn is_not_ready_for(&self, why: &str) {
        let mut last = String::new();
        let asked = poll("it is told", async || {
            let readiness = self.readiness().await;
            last = of_store(&readiness.body);
            (readiness.status == 503 && last.starts_with(why)).then_some(())
        });
        let late = tokio::time::timeout(std::time::Duration::from_secs(40), asked).await;
        assert!(late.is_ok(), "{why}: {last}");
    }

    pub(crate) async fn is_ready(&self) {
        poll("it is ready", async || {
            (self.readiness().await.status == 200).then_some(())
        })
        .await;
    }

    /// Answer of `/readyz`.
    pub(crate) async fn readiness(&self) -> Answer {
        let path = format!("http://{}/readyz", self.pair.address);
        Answer::of(self.pair.http.get(&path)).await
    }

    /// Metrics say what `/readyz` says.
    pub(crate) async fn metrics(&self) -> String {
        let path = format!("http://{}/metrics", self.pair.address);
        Answer::of(self.pair.http.get(&path)).await.text
    }
}

/// Text of `/readyz` about the store; empty: there is none.
fn of_store(readiness: &Value) -> String {
    let problems = readiness["problems"].as_array().into_iter().flatten();
    let mut of_store = problems.filter(|problem| problem["part"] == "store");
    let detail = of_store
        .next()
        .and_then(|problem| problem["detail"].as_str());
    detail.unwrap_or_default().to_owned()
}

/// Findings of doctor about a server.
pub(crate) async fn doctor(url: &str) -> Vec<Finding> {
    let given = RawConfig::default().with(|it| {
        it.storage.redis_url = Some(url.to_owned());
        it.storage.index_key = Some(INDEX_KEY.to_owned());
        it.storage.ticket_keys = Some(TICKET_KEY.to_owned());
    });
    let config = Config::read(&given).unwrap();
    let found = examine(&config, None, &Clock::system()).await.unwrap();
    found
        .into_iter()
        .filter(|finding| finding.subject == "store")
        .collect()
}

/// Findings of this level.
pub(crate) fn of(findings: &[Finding], level: Level) -> Vec<&str> {
    findings
        .iter()
        .filter(|finding| finding.level == level)
        .map(|finding| finding.text.as_str())
        .collect()
}

/// `/readyz` and doctor both say `why` of this server, and no call is taken on.
async fn is_refused(url: &str, why: &str) {
    let served = Served::with(url).await;
    served.is_not_ready_for(why).await;
    let refused = served.pair.tries_a_table(RESTAURANT).await;
    refused.is_problem(503, "unavailable");
    let findings = doctor(url).await;
    let bad = of(&findings, Level::Bad);
    assert!(bad.len() == 1 && bad[0].starts_with(why), "{findings:#?}");
    assert!(bad[0].ends_with(" Without it no call is made."), "{bad:?}");
    let log = served.program.dies().await;
    assert!(log.contains("the shared store cannot be used"), "{log}");
    assert!(!log.contains("swordfish"), "{log}");
}

/// A server with a user that may do this, and its URL for that user.
async fn with_user(rules: &[&str]) -> (RedisServer, String) {
    let redis = RedisServer::starts().await;
    let mut command = vec!["ACL", "SETUSER", "app", "on", ">swordfish"];
    command.extend(rules);
    assert_eq!(redis.asked(&command), "OK");
    let url = format!("redis://app:swordfish@{}", redis.address);
    (redis, url)
}

#[tokio::test]
async fn a_replica_takes_no_writes() {
    needs!("redis-server", "redis-cli");
    let primary = RedisServer::starts().await;
    let replica = RedisServer::follows(&primary).await;
    let why = "Redis takes no writes now: it is a replica, is loading, or its cluster is down: READONLY You can't write against \
               a read only replica";
    is_refused(&format!("redis://{}", replica.address), why).await;
}

#[tokio::test]
async fn a_user_without_channels_without_scripts_or_without_a_command_is_told_so() {
    needs!("redis-server", "redis-cli");
    let (_redis, url) = with_user(&["~*", "+@all", "resetchannels"]).await;
    let no_channel = "Redis refuses what it is asked: NOPERM this user has no permissions to access one of the channels";
    is_refused(&url, no_channel).await;
    let (_redis, url) = with_user(&["~*", "&*", "+@all", "-@scripting"]).await;
    let no_scripts = "Redis refuses what it is asked: NOPERM this user has no permissions to run the 'script|load' command";
    is_refused(&url, no_scripts).await;
    let (_redis, url) = with_user(&["~*", "&*", "+@all", "-zadd"]).await;
    is_refused(
        &url,
        "Redis refuses what it is asked: ERR The user executing the script",
    )
    .await;
    let (_redis, url) = with_user(&["~else:*", "&*", "+@all"]).await;
    let no_keys = "Redis refuses what it is asked: NOPERM this user has no permissions to access one of the keys";
    is_refused(&url, no_keys).await;
}

#[tokio::test]
async fn a_renamed_command_is_named() {
    needs!("redis-server", "redis-cli");
    for command in ["EVALSHA", "SCRIPT"] {
        let redis = RedisServer::with(&["--rename-command", command, ""]).await;
        let why = format!("Redis refuses what it is asked: ERR unknown command '{command}'");
        is_refused(&format!("redis://{}", redis.address), &why).await;
    }
}

#[tokio::test]
async fn every_node_of_a_cluster_asks_for_the_scheme_of_clusters() {
    needs!("redis-server", "redis-cli");
    for node in RedisServer::cluster().await {
        let why = "REDIS_URL leads to a node of a cluster (cluster_enabled:1): write redis+cluster:// in place of redis://";
        is_refused(&format!("redis://{}", node.address), why).await;
    }
}

#[tokio::test]
async fn a_server_that_is_no_cluster_says_so() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let findings = doctor(&format!("redis+cluster://{}", redis.address)).await;
    let bad = of(&findings, Level::Bad);
    let why = "cluster support disabled (write redis:// in place of redis+cluster://";
    assert!(bad.len() == 1 && bad[0].contains(why), "{findings:#?}");
}

#[tokio::test]
async fn nobody_listens_or_the_password_is_wrong() {
    needs!("redis-server", "redis-cli");
    let address = crate::process::free_address();
    is_refused(&format!("redis://{address}"), "Redis cannot be reached: ").await;
    let (redis, _url) = with_user(&["~*", "&*", "+@all"]).await;
    let wrong = format!("redis://app:another@{}", redis.address);
    is_refused(&wrong, "Redis refuses what it is asked: ").await;
}

/// Passes on what a server says, but makes it an older one.
async fn made_older(redis: &RedisServer) -> std::net::SocketAddr {
    const VERSION: &[u8] = b"redis_version:";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, server) = (listener.local_addr().unwrap(), redis.address);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let server = tokio::net::TcpStream::connect(server).await.unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    let part = &mut buffer[..length];
                    let found = part
                        .windows(VERSION.len())
                        .position(|bytes| bytes == VERSION);
                    if let Some(at) = found {
                        part[at + VERSION.len()] = b'6';
                    }
                    if to_client.write_all(part).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_server_before_seven_is_too_old() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let address = made_older(&redis).await;
    let version = redis.asked(&["INFO", "server"]);
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))
        .unwrap();
    let older = format!("6{}", &version.trim()[1..]);
    let why = format!("Redis {older} is too old: Redis 7.0 or newer, or Valkey, is needed");
    is_refused(&format!("redis://{address}"), &why).await;
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_version_or_its_time_serves() {
    needs!("redis-server", "redis-cli");
    let (_redis, url) = with_user(&["~*", "&*", "+@all", "-@dangerous", "-time"]).await;
    let served = Served::with(&url).await;
    served.is_ready().await;
    served.pair.asks(RESTAURANT).await;
    let findings = doctor(&url).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    let notes = of(&findings, Level::Note);
    let expected = [
        "It does not tell its version (NOPERM this user has no permissions to run the 'info' command); Redis 7.0 or newer, or \
         Valkey, is needed.",
        "It does not tell its maxmemory-policy; it must be noeviction.",
        "It does not tell its time (NOPERM this user has no permissions to run the 'time' command); no call needs it.",
    ];
    assert_eq!(notes, expected);
}

#[tokio::test]
async fn an_evicting_policy_is_warned_about_at_the_start() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let url = format!("redis://{}", redis.address);
    let served = Served::with(&url).await;
    served.is_ready().await;
    let findings = doctor(&url).await;
    let bad = of(&findings, Level::Bad);
    assert!(
        bad.len() == 1 && bad[0].starts_with("maxmemory-policy is allkeys-lru: "),
        "{findings:#?}"
    );
    let log = served.program.dies().await;
    let warned = |line: &&str| line.contains("WARN") && line.contains("allkeys-lru");
    assert!(log.lines().any(|line| warned(&line)), "{log}");
}

#[tokio::test]
async fn a_good_server_is_found_good() {
    needs!("redis-server", "redis-cli");
    let redis = RedisServer::starts().await;
    let findings = doctor(&format!("redis://{}", redis.address)).await;
    assert!(
        of(&findings, Level::Good)
            .contains(&"It does all that a call asks of it: writes, scripts, messages."),
        "{findings:#?}"
    );
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    let left = redis.asked(&["--scan", "--pattern", "*:rehearsal:*"]);
    assert_eq!(left, "", "nothing of the rehearsal stays");
    let nodes = RedisServer::cluster().await;
    let findings = doctor(&format!("redis+cluster://{}", nodes[0].address)).await;
    assert_eq!(of(&findings, Level::Bad), Vec::<&str>::new());
    for node in nodes {
        let left = node.asked(&["--scan", "--pattern", "*:rehearsal:*"]);
        assert_eq!(left, "", "nor in a cluster");
    }
}
