//! Examines a server before anything depends on it, for `tablecall doctor`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use redis::RedisResult;

use super::failure::{ServerFailure, verbatim};
use super::fitting::compare;
use super::greeting::About;
use super::link::Link;
use super::metrics::{Cause, StoreMetrics};
use super::wire::Wire;
use super::{PREFIX, Redis, Settings, Url};
use crate::ticket::Key;

/// Time limit of the whole examination.
const PATIENCE: Duration = Duration::from_secs(8);
/// Number of answers that are timed.
const TIMES: usize = 5;

/// The server that instances share, and their keys.
#[derive(Clone, Copy, Debug)]
pub struct Examination<'a> {
    /// Address of the server.
    pub url: &'a Url,
    /// The key that hashes names.
    pub index_key: &'a Key,
    /// The keys that seal calls.
    pub ticket_keys: &'a [Key],
}

/// The findings.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// Its name and version, such as `Redis 7.0.15`; `None`: it does not say.
    pub version: Option<String>,
    /// Its eviction policy for full memory; `None`: it does not report it.
    pub policy: Option<String>,
    /// Reason for which it says neither, in its own words.
    pub untold: Option<String>,
    /// Reason for which no call can be made with it; `None`: it did all that a call asks.
    pub unusable: Option<Unusable>,
    /// Reason for which an instance with these keys must place no call on it.
    pub misfit: Option<String>,
    /// Time by which its clock is ahead of ours; or the reason for which that is unknown, in its
    /// own words.
    pub ahead: Option<Result<SignedDuration, String>>,
    /// Time of the quickest of a few answers.
    pub latency: Option<Duration>,
}

/// Reason for which a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The meaning and the server's own words, without a full stop.
    pub text: String,
    /// There is no connection.
    pub is_away: bool,
}

/// Does with a server what `serve` does before it uses it, and nothing that stays.
pub async fn examine(what: Examination<'_>, now: impl Fn() -> Timestamp) -> Examined {
    let mut found = Examined::default();
    let looked = tokio::time::timeout(PATIENCE, look(what, now, &mut found)).await;
    if let Err(failure) = looked.unwrap_or_else(|_late| Err(ServerFailure::timeout())) {
        found.unusable = Some(Unusable {
            is_away: matches!(failure.cause, Cause::Connection | Cause::Timeout),
            text: failure.text,
        });
    }
    found
}

async fn look(
    what: Examination<'_>,
    now: impl Fn() -> Timestamp,
    found: &mut Examined,
) -> Result<(), ServerFailure> {
    let settings = Settings {
        url: what.url.clone(),
        index_key: what.index_key.clone(),
        retention: SignedDuration::from_mins(1),
        per_second: 1,
        opted_out: HashSet::new(),
    };
    let redis = Redis::with_prefix(PREFIX, &settings, what.ticket_keys, StoreMetrics::none());
    let failure = |error| redis.link.failure_of(&error);
    let mut wire = redis
        .link
        .open(redis.push_handler())
        .await
        .map_err(failure)?;
    let mut about = About::default();
    let tried = redis.try_out(&mut wire, &mut about).await;
    found.version = about.version;
    found.policy = about.policy;
    found.untold = about.untold;
    tried?;
    found.misfit = compare(&mut wire, &redis.names, &redis.fingerprints)
        .await
        .map_err(failure)?
        .map(|misfit| misfit.to_string());
    let probe = Link::write(&redis.names.probe());
    let mut latency = Duration::MAX;
    for _ in 0..TIMES {
        let begun = Instant::now();
        let () = probe.query_async(&mut wire).await.map_err(failure)?;
        latency = latency.min(begun.elapsed());
    }
    found.latency = Some(latency);
    found.ahead = Some(
        ahead(&mut wire, now)
            .await
            .map_err(|error| verbatim(&error)),
    );
    Ok(())
}

/// Time by which its clock is ahead, by the answer that took the least time.
async fn ahead(wire: &mut Wire, now: impl Fn() -> Timestamp) -> RedisResult<SignedDuration> {
    let mut quickest = (Duration::MAX, SignedDuration::ZERO);
    for _ in 0..TIMES {
        let begun = Instant::now();
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(wire).await?;
        let theirs = Timestamp::from_microsecond(seconds * 1_000_000 + micros).unwrap_or_default();
        quickest = quickest.min((begun.elapsed(), theirs.duration_since(now())));
    }
    Ok(quickest.1)
}
