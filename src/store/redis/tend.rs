//! Keeps the connection: makes it, hears what others save, and after each break puts right what it
//! left undone.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use redis::{PushInfo, PushKind, RedisResult, Value};

use super::Redis;
use super::calls::Put;
use super::keys::Names;
use super::link::Link;
use super::owned::OwnedCalls;
use super::record::{REVOKED, STAMP, Stamp};
use super::unwritten::Waiting;
use super::watchers::Watchers;
use super::wire::{Ear, Wire};
use crate::call::{Call, again};
use crate::domain::CallId;
use crate::store::{CallStore as _, Error, Lifecycle};
use clock::Backoff;

/// The shortest pause after a connection that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSES: Backoff = Backoff::new(
    SignedDuration::from_millis(100),
    SignedDuration::from_secs(3),
);
/// How long it may take until a connection can be used.
const CONNECTING: Duration = Duration::from_secs(3);
/// How often what the server refused is offered to it again.
const RETRY: Duration = Duration::from_secs(2);
/// How long the mark of a server is kept after the last instance was seen.
const RUN_LIFE: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How long after it came back empty a server may lack calls that other instances know: until all
/// of them are connected again.
const RESTORING: Duration = Duration::from_secs(5);
/// How long it is known of a call that it was revoked: longer than anybody has one in hand.
const REVOKED_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How many stamps are asked for at once.
const CONFIRMED_AT_ONCE: usize = 256;

impl Redis {
    /// Subscribes, teaches the scripts, tries whether the server takes writes, compares keys with
    /// other instances, and finds out by its mark whether the server was emptied.
    async fn greet(&self, wire: &mut Wire, channel: &str, probe: &str) -> RedisResult<bool> {
        let () = Link::write(probe).query_async(wire).await?;
        wire.subscribe(channel).await?;
        // The nodes of a cluster learn each script when it is first refused.
        if matches!(wire, Wire::Server(_)) {
            let () = self.scripts.load().query_async(wire).await?;
        }
        self.join_instances(wire).await?;
        let new = uuid::Uuid::new_v4().to_string();
        let mut mark = redis::cmd("SET");
        mark.arg(self.names.run())
            .arg(&new)
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(RUN_LIFE.as_millis().to_string());
        let known: Option<String> = mark.query_async(wire).await?;
        Ok(self.note_run(known.unwrap_or(new)))
    }

    /// Until the connection is lost.
    async fn stay(&self) {
        let lost = async {
            while !self.link.is_lost().await {
                self.join_again().await;
            }
        };
        let offer = async {
            loop {
                tokio::time::sleep(RETRY).await;
                if self.unwritten.count() > 0 {
                    self.write_back().await;
                }
            }
        };
        let follow = async {
            loop {
                let work = self.watchers.work().await;
                for id in work.ended {
                    self.end_subscription(id).await;
                }
                self.refresh(work.stale).await;
            }
        };
        tokio::select! {
            () = lost => {}
            () = offer => {}
            () = follow => {}
        }
    }

    async fn end_subscription(&self, id: CallId) {
        let _turn = self.subscribing.lock().await;
        if !self.watchers.has(id) {
            // A lost connection ends it as well.
            let _done: Result<(), Error> = self.link.unsubscribe(&self.names.changes(id)).await;
        }
    }

    /// Loads calls for those who follow them.
    async fn refresh(&self, ids: impl IntoIterator<Item = CallId>) {
        let refresh = async |id| match self.load(id).await {
            Ok(Some(call)) => self.watchers.show(&call),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(call.id = %id, error = %error, "a followed call could not be loaded");
            }
        };
        futures_util::future::join_all(ids.into_iter().map(refresh)).await;
    }

    /// Handles what the server sends unasked, where it arrives.
    fn ear(&self) -> Ear {
        let (owned, watchers) = (self.owned.clone(), self.watchers.clone());
        let link = Arc::downgrade(&self.link);
        let mine = std::sync::atomic::AtomicBool::new(true);
        Arc::new(move |push: PushInfo| {
            if push.kind == PushKind::Message {
                if let [Value::BulkString(channel), Value::BulkString(message)] = &*push.data {
                    hear(&owned, &watchers, channel, message);
                }
            } else if push.kind == PushKind::Disconnection
                && mine.swap(false, std::sync::atomic::Ordering::SeqCst)
                && let Some(link) = link.upgrade()
            {
                link.hung_up();
            }
        })
    }

    /// After a break: calls of an emptied server are stored again, what waited is written, and what
    /// others saved meanwhile is found out.
    async fn came_back(&self, is_emptied: bool) {
        let mut cmd = redis::cmd("PEXPIRE");
        cmd.arg(self.names.run())
            .arg(RUN_LIFE.as_millis().to_string());
        let _renewed: Result<bool, Error> = self.link.ask("other", &cmd).await;
        if is_emptied {
            self.store_again().await;
        }
        self.write_back().await;
        let followed = self.watchers.all();
        for id in &followed {
            let _heard: Result<(), Error> = self.link.subscribe(&self.names.changes(id)).await;
        }
        self.refresh(followed).await;
        self.confirm_owned().await;
    }

    /// Asks for the stamps of the calls that this instance saved last on an earlier connection:
    /// another may have saved them since.
    async fn confirm_owned(&self) {
        let connection = self.link.connection();
        let confirm = async |id: &CallId| {
            let mut cmd = redis::cmd("GETRANGE");
            cmd.arg(self.names.call(*id)).arg(0).arg(STAMP - 1);
            let stamp: Vec<u8> = self.link.ask("load", &cmd).await?;
            // A call that the server has lost is known here alone.
            if let Some(stamp) = Stamp::of(&stamp) {
                self.owned.note_loaded(*id, stamp, connection);
            }
            Ok::<_, Error>(())
        };
        for ids in self.owned.unconfirmed(connection).chunks(CONFIRMED_AT_ONCE) {
            let asked = futures_util::future::join_all(ids.iter().map(confirm)).await;
            if asked.iter().any(Result::is_err) {
                return;
            }
        }
    }

    /// Notes by which mark the server is known; whether it has lost what it knew when this instance
    /// saw it last.
    fn note_run(&self, mark: String) -> bool {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let before = run.mark.replace(mark);
        let is_emptied = before.is_some() && before != run.mark;
        if is_emptied {
            run.emptied_at = Some(Instant::now());
        }
        is_emptied
    }

    /// Whether a call that the server does not have may be stored again in a moment, by the
    /// instance that saved it last.
    pub(super) fn is_being_restored(&self) -> bool {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.emptied_at.is_some_and(|at| at.elapsed() < RESTORING)
    }

    async fn store_again(&self) {
        let open = self.owned.open();
        tracing::warn!(
            calls = open.len(),
            "the shared store was emptied; what this instance saved last is stored again"
        );
        for call in open {
            if self.unwritten.get(call.id).is_none() {
                match self.put(None, &call).await {
                    Ok(Put::Done { .. }) => self.adopt_line(&call).await,
                    Ok(Put::Other(_) | Put::Gone) => {}
                    Err(_) => return,
                }
            }
        }
    }

    /// Writes what waited. What fails again waits on.
    pub(in crate::store) async fn write_back(&self) {
        if self.unwritten.count() == 0 {
            return;
        }
        let (opted_out, voids, calls) = self.unwritten.all();
        tracing::info!(
            calls = calls.len(),
            "what waited for the shared store is written"
        );
        if self.write_all(opted_out, voids, calls).await.is_err() {
            tracing::warn!(
                left = self.unwritten.count(),
                "some of what waits for the shared store waits on"
            );
        }
        self.count_unwritten();
    }

    async fn write_all(
        &self,
        opted_out: Vec<crate::domain::Phone>,
        voids: Vec<(CallId, u64)>,
        calls: Vec<CallId>,
    ) -> Result<(), Error> {
        for phone in opted_out {
            if self.has_index().is_err() {
                break;
            }
            self.write_opt_out(phone).await?;
            self.unwritten.opt_out_written(phone);
        }
        for (id, version) in voids {
            let mut script = self.scripts.void.prepare_invoke();
            let shard = Names::shard(id);
            script
                .key(self.names.call(id))
                .key(self.names.due(shard))
                .key(self.names.events(shard));
            script
                .arg(
                    &Stamp {
                        version,
                        revision: 0,
                    }
                    .bytes(),
                )
                .arg(id.as_bytes())
                .arg(REVOKED)
                .arg(REVOKED_LIFE.as_millis().to_string());
            let _done: i64 = self.link.run("save", &script).await?;
            self.unwritten.voided(id);
        }
        for id in calls {
            while let Some(waiting) = self.unwritten.waiting(id) {
                let stored = match self.write(&waiting).await {
                    Ok(stored) => stored,
                    // It stays; the others need not wait for it.
                    Err(Error::Unreadable) => break,
                    Err(error) => return Err(error),
                };
                if self.unwritten.written(&waiting, &stored) {
                    tracing::debug!(call.id = %id, version = stored.version, "a call that waited is written");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes a call over what it grew from, or lets what happened here happen to what others made
    /// of it.
    async fn write(&self, waiting: &Waiting) -> Result<Arc<Call>, Error> {
        let mut found = match self.put(waiting.basis, &waiting.call).await? {
            Put::Done { .. } => {
                if waiting.basis.is_none() {
                    self.adopt_line(&waiting.call).await;
                }
                return Ok(waiting.call.clone());
            }
            // The server has lost it, and its number with it.
            Put::Gone => match self.put(None, &waiting.call).await? {
                Put::Done { .. } | Put::Gone => {
                    self.adopt_line(&waiting.call).await;
                    return Ok(waiting.call.clone());
                }
                Put::Other(stored) => stored,
            },
            Put::Other(stored) => stored,
        };
        loop {
            let Some(merged) = again(&found, &waiting.events) else {
                return Ok(found);
            };
            // Whoever follows the call here has seen the version that waited.
            let version = merged.version.max(waiting.call.version + 1);
            let merged = Arc::new(Call { version, ..merged });
            match self.put(Some(found.version), &merged).await? {
                Put::Done { .. } => return Ok(merged),
                Put::Other(stored) => found = stored,
                Put::Gone => return Ok(found),
            }
        }
    }
}

impl Lifecycle for Redis {
    /// The others go on with them.
    fn open(&self) -> Vec<CallId> {
        Vec::new()
    }

    /// The server does so by itself.
    fn forget(&self, _now: Timestamp) {}

    /// As many as the server has memory for.
    fn capacity(&self) -> usize {
        usize::MAX
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn health_issue(&self) -> Option<String> {
        match self.link.away() {
            Some(cause) => Some(cause.sentence().to_owned()),
            None => self.fit.misfit().map(|misfit| misfit.to_string()),
        }
    }

    /// Runs for as long as the store is used. Its pauses are real: they are between sockets.
    async fn tend(&self) {
        let instance = uuid::Uuid::from_bytes(self.instance);
        let (channel, probe) = (self.names.changes(instance), self.names.probe());
        let mut tries = 0;
        loop {
            let opening = async {
                let mut wire = self.link.open(self.ear()).await?;
                let is_emptied = self.greet(&mut wire, &channel, &probe).await?;
                Ok((wire, is_emptied))
            };
            let opened = tokio::time::timeout(CONNECTING, opening).await;
            let opened = opened.unwrap_or_else(|_late| Err(timed_out()));
            match self.link.opened(opened) {
                Ok(is_emptied) => {
                    tries = 0;
                    tracing::info!("the shared store is reached");
                    self.came_back(is_emptied).await;
                    self.stay().await;
                }
                Err((cause, why)) => {
                    tracing::warn!(cause = cause.word(), why, "{}", cause.sentence());
                }
            }
            let pause = PAUSES.pause(tries).unsigned_abs();
            // Who needs the server waits for the shortest pause only.
            let wanted = async {
                tokio::time::sleep(FIRST_PAUSE).await;
                self.link.wanted().await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
                () = wanted => {}
            }
            tries += 1;
        }
    }

    /// Writes what waits before the process ends, for as long as it takes the server to answer.
    async fn flush(&self, patience: Duration) {
        let written = async {
            while self.unwritten.count() > 0 {
                if self.link.away().is_none() {
                    self.write_back().await;
                }
                if self.unwritten.count() > 0 {
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
            }
        };
        let left = async {
            written.await;
            self.leave_instances().await;
        };
        if tokio::time::timeout(patience, left).await.is_err() {
            tracing::error!(
                left = self.unwritten.count(),
                "changes of calls were lost: the shared store was away to the end"
            );
        }
    }
}

/// The error of a server with which nothing came about in time.
fn timed_out() -> redis::RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 3 s").into()
}

/// Takes in that a call was saved. What concerns the calls of this instance is the id and the stamp;
/// what concerns one call is the stamp alone, for its id is in the name of the channel.
fn hear(owned: &OwnedCalls, watchers: &Watchers, channel: &[u8], message: &[u8]) {
    if message.len() == STAMP {
        let name = str::from_utf8(channel).unwrap_or_default();
        let id = name.rsplit(':').next().and_then(|id| id.parse().ok());
        if let (Some(id), Some(stamp)) = (id, Stamp::of(message)) {
            watchers.hear(id, stamp.version);
        }
    } else if let Some((id, stamp)) = message.split_first_chunk::<16>()
        && let Some(stamp) = Stamp::of(stamp)
    {
        owned.hand_over(CallId::from_bytes(*id), stamp);
    }
}
