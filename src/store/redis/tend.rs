//! Keeps the connection: makes it, hears what others save, and after each break puts right what it
//! left undone.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::{PushInfo, PushKind, Value};

use super::Redis;
use super::calls::Put;
use super::keys::Names;
use super::metrics;
use super::record::Stamp;
use super::unwritten::Waiting;
use super::wire::Ear;
use crate::call::{Call, again};
use crate::domain::CallId;
use crate::store::{CallStore as _, Error, Lifecycle};

/// The pause after a connection that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How often what the server refused is offered to it again.
const RETRY: Duration = Duration::from_secs(2);
/// How long the mark of a server is kept after the last instance was seen.
const RUN_LIFE: SignedDuration = SignedDuration::from_hours(35 * 24);

impl Redis {
    /// Until the connection is lost.
    async fn stay(&self, probe: &str) {
        let lost = self.link.until_lost(probe);
        let offer = async {
            loop {
                tokio::time::sleep(RETRY).await;
                if self.unwritten.count() > 0 {
                    self.write_back().await;
                }
            }
        };
        tokio::select! {
            () = lost => {}
            () = offer => {}
        }
    }

    /// What the server sends unasked, handled where it arrives.
    fn ear(&self) -> Ear {
        let (copies, link) = (self.copies.clone(), Arc::downgrade(&self.link));
        let (timers, alarms) = (self.timers.clone(), self.alarms.clone());
        let mine = std::sync::atomic::AtomicBool::new(true);
        Arc::new(move |push: PushInfo| {
            if push.kind == PushKind::Message {
                if let Some(Value::BulkString(message)) = push.data.get(1)
                    && let Some((id, record)) = message.split_first_chunk::<16>()
                {
                    let id = CallId::from_bytes(*id);
                    if let Some(stamp) = Stamp::of(record) {
                        copies.hear(id, stamp, record);
                        timers.hand_over(id, stamp.version);
                        alarms.hand_over(id, stamp);
                    } else if record.is_empty() {
                        // It was taken back: a copy would be taken for a call that the server has
                        // lost.
                        copies.take_back(id);
                    }
                }
            } else if push.kind == PushKind::Disconnection
                && mine.swap(false, std::sync::atomic::Ordering::SeqCst)
                && let Some(link) = link.upgrade()
            {
                link.hung_up();
            }
        })
    }

    /// After a break: calls of an emptied server are stored again, what waited is written, and
    /// watchers learn what they may have missed.
    async fn came_back(&self) {
        if self.is_emptied().await {
            self.store_again().await;
        }
        self.write_back().await;
        for id in self.copies.watched() {
            if let Err(error) = self.load(id).await {
                tracing::debug!(call.id = %id, error = %error, "a watched call could not be loaded");
                return;
            }
        }
    }

    /// Whether the server has lost what it knew when this instance saw it last.
    async fn is_emptied(&self) -> bool {
        let new = uuid::Uuid::new_v4().to_string();
        let mut cmd = redis::cmd("SET");
        cmd.arg(self.names.run())
            .arg(&new)
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(RUN_LIFE.as_millis().to_string());
        let stored: Result<Option<String>, Error> = self.link.ask("other", &cmd).await;
        let Ok(stored) = stored else { return false };
        if stored.is_some() {
            let mut cmd = redis::cmd("PEXPIRE");
            cmd.arg(self.names.run())
                .arg(RUN_LIFE.as_millis().to_string());
            let _renewed: Result<bool, Error> = self.link.ask("other", &cmd).await;
        }
        let now = stored.unwrap_or(new);
        let before = self
            .run
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now.clone());
        before.is_some_and(|before| before != now)
    }

    async fn store_again(&self) {
        let mut open = self.copies.open();
        open.extend(self.timers.all());
        open.sort_unstable_by_key(|call| (call.id, call.version));
        open.dedup_by_key(|call| call.id);
        tracing::warn!(
            calls = open.len(),
            "the shared store was emptied; what this instance knows is stored again"
        );
        for call in open {
            if self.unwritten.get(call.id).is_none() {
                match self.put(None, &call).await {
                    Ok(Put::Done) => self.adopt_line(&call).await,
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
                .arg(self.names.channel());
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
            Put::Done => {
                if waiting.basis.is_none() {
                    self.adopt_line(&waiting.call).await;
                }
                return Ok(waiting.call.clone());
            }
            // The server has lost it, and its number with it.
            Put::Gone => match self.put(None, &waiting.call).await? {
                Put::Done | Put::Gone => {
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
                Put::Done => return Ok(merged),
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

    fn health_issue(&self) -> Option<&'static str> {
        self.link.away().map(metrics::Cause::sentence)
    }

    /// Runs for as long as the store is used. Its pauses are real: they are between sockets.
    async fn tend(&self) {
        let (channel, probe) = (self.names.channel(), self.names.probe());
        let mut pause = FIRST_PAUSE;
        loop {
            match self.link.connect(self.ear(), &channel, &probe).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    tracing::info!("the shared store is reached");
                    self.came_back().await;
                    self.stay(&probe).await;
                    self.copies.doubt();
                }
                Err((cause, why)) => {
                    tracing::warn!(cause = cause.word(), why, "{}", cause.sentence());
                }
            }
            tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
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
        if tokio::time::timeout(patience, written).await.is_err() {
            tracing::error!(
                left = self.unwritten.count(),
                "changes of calls were lost: the shared store was away to the end"
            );
        }
    }
}
