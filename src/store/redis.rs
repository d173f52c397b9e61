//! Calls on a server that instances share: Redis 7, Valkey, or a cluster of either.
//!
//! # Keys
//!
//! Every name begins with `tablecall:`. The part in braces decides the slot of a cluster, so what
//! is in one pair of braces can change together, in one script. Values with data of a guest are
//! sealed with the ticket keys (`record`); numbers, API keys and idempotency keys are hashed into
//! names under `TABLECALL_INDEX_KEY` (`keys`).
//!
//! | key | type | what | expires |
//! |---|---|---|---|
//! | `{s0}:call:ID` … `{s31}:…` | string | a call: its version and a revision in 12 bytes; then, sealed, the call and its pending event | open: a day and the retention after it was given up; finished: the retention |
//! | `{s0}:told:ID` … | string | a call of which a repeated create was told, so that it is not revoked | an hour |
//! | `{s0}:due` … | sorted set | when each open call of the shard is looked at next (milliseconds) | 402 days after the last new call |
//! | `{s0}:events` … | sorted set | when the pending event of each call is sent next | 402 days |
//! | `{s0}:calls:HASH` … | sorted set | the calls of an API key in the shard, by id and so by time of creation | 402 days and the retention |
//! | `{s0}:finished:HASH` … | sorted set | those of them that are finished, by the end of their records (milliseconds) | as `calls` |
//! | `{nHASH}:open` | sorted set | open calls to a number: id and digest of what is asked, by the time of entry | 402 days |
//! | `{nHASH}:live` | string | the call that has the number: id and time. A lease: an hour and a quarter, longer than any line | |
//! | `{nHASH}:starts` | sorted set | attempts of the day to the number, where a limit counts them | a day |
//! | `{nHASH}:never` | string | staff asked never to be called again | a year after it was last asked for |
//! | `{house}:minute:HASH` | sorted set | creates of an API key | a minute |
//! | `{house}:day` | sorted set | attempts of the day | a day |
//! | `{house}:beat` | hash | when the next start is free; the round of the queue of starts | two days |
//! | `{house}:line`, `{house}:rounds` | sorted set, hash | calls that wait for a start, by round; the last round of each API key | two days |
//! | `{house}:lines` | sorted set | calls with an open line, by the time until which they count, where lines are limited | an hour and a quarter |
//! | `{house}:census` | hash | counts of calls by instance, for metrics | two minutes |
//! | `{iHASH}` | string | an idempotency key: digest of the request and the call | a day |
//! | `run`, `probe` | string | markers: if `run` is missing, the server has lost its data; if `probe` cannot be written, it takes no writes | 35 days; a minute |
//! | `{m0}:run` … `{m127}:run` | string | the same for the masters of a cluster, each of which can lose its data | 35 days |
//! | `{keys}:instances` | hash | fingerprints of the index key and of the sealing ticket key; each instance with those of its ticket keys (`fitting`) | 402 days |
//! | `{keys}:clock` | string | its life is the time by which instances are seen | 402 days |
//! | `{keys}:lost` | hash | instances that were seen no more and had not left, since when (`witnesses`) | an hour |
//! | `changes:INSTANCE` | channel | id and stamp of each call that the instance saved last and another has saved since | |
//! | `changes:ID` | channel | the stamp of each record of a call, for those who follow it | |
//!
//! Names with `house` belong to all calls; in the code they are `global`. The names of keys stay as
//! they are, because instances of two releases share a server while one replaces the other.
//!
//! A number is entered before the call is stored, taken before the intent is stored, and given back
//! after the line is closed. An instance that dies in between leaves a trace, which the next
//! instance that meets it removes (`dial`): a lock whose call has no line, an open call that is
//! none.
//!
//! # What a call costs
//!
//! A webhook is one script where this instance saved the call last (`owned`), and a load more where
//! another did. That instance gets id and stamp, so no instance pays for what others store. A dial
//! is one script, which stores a new call as well; the save that ends a line gives its number back.
//! In a cluster these are scripts of their own, for their keys lie in different slots.
//!
//! # What a server has to do
//!
//! On each connection a call is rehearsed that is never placed (`rehearsal`), and a message is
//! published and heard (`greeting`). While the server refuses something after that, the rehearsal
//! is repeated every second, and no new call is made. Instances compare their keys before they use
//! it together (`fitting`).
//!
//! # When the server is away
//!
//! Then `link` knows it, and no request waits for it. Changes of calls wait in the process
//! (`write_behind`), and are applied to what others made of the call when the server is back. A new
//! call or an attempt, which one instance must not decide alone, is refused. Scripts read no clock:
//! each call of one carries the time of its instance.

mod call_counts;
mod calls;
mod dial;
mod events;
mod examine;
mod failure;
mod fitting;
mod greeting;
mod idempotency;
mod keys;
mod lifecycle;
mod link;
mod listing;
mod loading;
mod metrics;
mod moments;
mod numbers;
mod owned;
mod recent_loads;
mod record;
mod rehearsal;
mod restoring;
mod save_locks;
mod scripts;
mod sentinel;
mod shards;
mod start_rate;
mod storing;
mod switches;
mod watchers;
mod wire;
mod witnesses;
mod write_back;
mod write_behind;

#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

pub use self::examine::{Examination, Examined, Unusable, examine};

use self::fitting::{Fingerprints, Fit};
use self::keys::Names;
use self::link::Link;
use self::metrics::StoreMetrics;
use self::owned::OwnedCalls;
use self::recent_loads::RecentLoads;
use self::record::{Instance, Records};
use self::restoring::Remembered;
use self::save_locks::SaveLocks;
use self::scripts::Scripts;
use self::shards::Round;
use self::watchers::Watchers;
use self::wire::Address;
use self::write_behind::WriteBehind;
use crate::domain::Phone;
use crate::telemetry::metrics::Metrics;
use crate::ticket::{Key, Vault};

/// The prefix of every name.
const PREFIX: &str = "tablecall";

/// The settings of a shared server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the server.
    pub url: Url,
    /// The key that hashes names.
    pub index_key: Key,
    /// Time for which a finished call stays readable.
    pub retention: SignedDuration,
    /// Calls started a second, by all instances together; 0: as many as come.
    pub per_second: u32,
    /// Numbers that asked not to be called again before this process began; they are written to the
    /// server.
    pub opted_out: HashSet<Phone>,
}

/// The address of a server or a cluster; may hold a password.
#[derive(Clone)]
pub struct Url(Address);

/// The text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be redis://, rediss://, redis+unix://, redis+cluster:// or redis+sentinel://, then user:password@ where the server wants them, its address, and for sentinels /NAME of the primary"
)]
pub struct BadUrl;

/// Certificates cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificates {
    /// Those of authorities.
    #[error(
        "must be the certificates of authorities in PEM, for a server that is reached by rediss://, rediss+cluster:// or \
         rediss+sentinel://"
    )]
    Authorities,
    /// Those that this instance shows.
    #[error(
        "must be a certificate in PEM, with its key in REDIS_KEY, for a server that is reached by rediss://, rediss+cluster:// or \
         rediss+sentinel://"
    )]
    Client,
}

/// The certificates with which a server is reached, in PEM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Certificates<'a> {
    /// Certificates of the authorities that are trusted in place of the public ones.
    pub authorities: Option<&'a str>,
    /// Certificate of this instance, and its private key.
    pub client: Option<(&'a str, &'a str)>,
}

impl Url {
    /// The same server, reached with these certificates.
    ///
    /// # Errors
    /// One cannot be read, or the server is not reached by TLS.
    pub fn with_certificates(self, given: Certificates<'_>) -> Result<Self, BadCertificates> {
        let is_certificate = |pem: &str| pem.contains("-----BEGIN CERTIFICATE-----");
        if given.authorities.is_some_and(|pem| !is_certificate(pem)) {
            return Err(BadCertificates::Authorities);
        }
        let wrong = match given.client {
            Some((certificate, _)) if !is_certificate(certificate) => {
                return Err(BadCertificates::Client);
            }
            Some(_) => BadCertificates::Client,
            None => BadCertificates::Authorities,
        };
        let address = self.0.with_certificates(given);
        address.map(Self).map_err(|_| wrong)
    }
}

impl std::str::FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        Address::parse(text).map(Self).map_err(|_| BadUrl)
    }
}

/// The password stays out of every log.
impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url(…)")
    }
}

/// The back end of several instances.
#[derive(Debug)]
pub struct Redis {
    link: Arc<Link>,
    names: Names,
    scripts: Arc<Scripts>,
    records: Records,
    owned: Arc<OwnedCalls>,
    recent_loads: RecentLoads,
    watchers: Arc<Watchers>,
    /// Serialises subscribing to calls and unsubscribing.
    subscribing: tokio::sync::Mutex<()>,
    due_turn: Round,
    events_turn: Round,
    save_locks: SaveLocks,
    write_behind: WriteBehind,
    /// Boxed, to keep this back end about as large as the other one of the enum.
    remembered: Box<Remembered>,
    retention: SignedDuration,
    /// Milliseconds between two starts; 0: no limit.
    start_interval: f64,
    /// The time of the next start, as far as is known here, while a call waits for it.
    next_start: Mutex<Option<Timestamp>>,
    enqueued: tokio::sync::Notify,
    /// The id of this instance among others.
    instance: Instance,
    run: Box<Mutex<Run>>,
    fingerprints: Fingerprints,
    fit: Fit,
    /// Notified when this instance hears what it has published for itself.
    heard: Arc<tokio::sync::Notify>,
    /// The log has the server's description of itself.
    was_told: AtomicBool,
}

/// The parts in which a rehearsal differs from the store that serves calls.
struct Dependencies {
    link: Link,
    names: Names,
    scripts: Arc<Scripts>,
    records: Records,
    retention: SignedDuration,
    start_interval: f64,
    fingerprints: Fingerprints,
    opted_out: HashSet<Phone>,
}

/// The marker keys, written once. If one is missing, the server has lost its data, or a master of the
/// cluster has.
#[derive(Debug, Default)]
struct Run {
    marks: Option<Vec<String>>,
    /// Time at which it was found to be emptied.
    emptied_at: Option<std::time::Instant>,
    /// It has not got back yet what this instance knows.
    must_restore: bool,
    /// It has refused something since the connection was made.
    is_behind: bool,
}

impl Redis {
    /// The back end; nothing is connected before `Lifecycle::keep_connected` runs.
    #[must_use]
    pub fn new(settings: &Settings, ticket_keys: &[Key], metrics: &Metrics) -> Self {
        Self::with_prefix(PREFIX, settings, ticket_keys, StoreMetrics::new(metrics))
    }

    fn with_prefix(
        prefix: &str,
        settings: &Settings,
        ticket_keys: &[Key],
        metrics: StoreMetrics,
    ) -> Self {
        let Url(address) = settings.url.clone();
        Self::of(Dependencies {
            link: Link::new(address, metrics),
            names: Names::new(prefix, &settings.index_key),
            scripts: Arc::new(Scripts::new()),
            records: Records::new(Vault::new(ticket_keys)),
            retention: settings.retention,
            start_interval: if settings.per_second == 0 {
                0.0
            } else {
                1_000.0 / f64::from(settings.per_second)
            },
            fingerprints: Fingerprints::of(&settings.index_key, ticket_keys),
            opted_out: settings.opted_out.clone(),
        })
    }

    fn of(parts: Dependencies) -> Self {
        Self {
            link: Arc::new(parts.link),
            names: parts.names,
            scripts: parts.scripts,
            records: parts.records,
            owned: Arc::new(OwnedCalls::new(parts.retention)),
            recent_loads: RecentLoads::default(),
            watchers: Arc::default(),
            subscribing: tokio::sync::Mutex::default(),
            due_turn: Round::default(),
            events_turn: Round::default(),
            save_locks: SaveLocks::default(),
            write_behind: WriteBehind::default(),
            remembered: Box::new(Remembered::new(parts.opted_out)),
            retention: parts.retention,
            start_interval: parts.start_interval,
            next_start: Mutex::default(),
            enqueued: tokio::sync::Notify::new(),
            instance: uuid::Uuid::new_v4().into_bytes(),
            run: Box::default(),
            fingerprints: parts.fingerprints,
            fit: Fit::default(),
            heard: Arc::default(),
            was_told: AtomicBool::new(false),
        }
    }
}
