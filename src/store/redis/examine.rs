//! What can be said of a server before anything depends on it, for `tablecall doctor`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use redis::RedisResult;

use super::fitting::{Fingerprints, compare};
use super::keys::Names;
use super::wire::{Address, Wire};
use super::{PREFIX, Url};
use crate::ticket::Key;

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Its name and version, such as `Redis 7.0.15`.
    pub version: String,
    /// The first number of that, as far as it is compatible with Redis.
    pub major: u32,
    /// What it does when its memory is full; `None`: it does not tell.
    pub policy: Option<String>,
    /// How far its clock is ahead of ours.
    pub ahead: SignedDuration,
    /// How long the quickest of a few answers took.
    pub latency: Duration,
    /// Why an instance with these keys must place no call on it.
    pub misfit: Option<String>,
}

/// What instances share, and with which keys.
#[derive(Clone, Copy, Debug)]
pub struct Examination<'a> {
    /// Where the server is.
    pub url: &'a Url,
    /// Under which names are hashed.
    pub index_key: &'a Key,
    /// With which calls are sealed.
    pub ticket_keys: &'a [Key],
}

/// Asks a server, or one node of a cluster.
///
/// # Errors
/// Why it cannot be asked, in words without secrets.
pub async fn examine(
    what: Examination<'_>,
    now: impl Fn() -> Timestamp,
) -> Result<Examined, String> {
    let looked = tokio::time::timeout(Duration::from_secs(5), look(what, now)).await;
    let looked = looked.map_err(|_late| "it does not answer within 5 s".to_owned())?;
    looked.map_err(|error| {
        let detail = error
            .detail()
            .map(|detail| format!(": {detail}"))
            .unwrap_or_default();
        format!("{}{detail}", error.code().unwrap_or("no connection"))
    })
}

async fn look(what: Examination<'_>, now: impl Fn() -> Timestamp) -> RedisResult<Examined> {
    let Url(address) = what.url;
    let ours = Fingerprints::of(what.index_key, what.ticket_keys);
    let names = Names::new(PREFIX, what.index_key);
    // The cluster has to stand too, or nothing works; its nodes are alike.
    let mut whole = address.connect(Arc::new(|_push| {})).await?;
    let misfit = compare(&mut whole, &names, &ours).await?;
    let misfit = misfit.map(|misfit| misfit.to_string());
    let node = match address {
        Address::Server(info) => Address::Server(info.clone()),
        Address::Cluster(nodes, _) => nodes
            .first()
            .cloned()
            .map_or_else(|| address.clone(), |node| Address::Server(Box::new(node))),
    };
    let mut wire = node.connect(Arc::new(|_push| {})).await?;
    let info: String = redis::cmd("INFO").query_async(&mut wire).await?;
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let compatible = field("redis_version").unwrap_or("0");
    let version = match field("valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {compatible}"),
    };
    let major = compatible
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or_default();
    let policy = field("maxmemory_policy").map(str::to_owned);
    let (mut latency, mut ahead) = (Duration::MAX, SignedDuration::ZERO);
    for _ in 0..5 {
        let begun = Instant::now();
        let (seconds, micros) = time(&mut wire).await?;
        if begun.elapsed() < latency {
            latency = begun.elapsed();
            let theirs =
                Timestamp::from_microsecond(seconds * 1_000_000 + micros).unwrap_or_default();
            ahead = theirs.duration_since(now());
        }
    }
    Ok(Examined {
        version,
        major,
        policy,
        ahead,
        latency,
        misfit,
    })
}

async fn time(wire: &mut Wire) -> RedisResult<(i64, i64)> {
    redis::cmd("TIME").query_async(wire).await
}
