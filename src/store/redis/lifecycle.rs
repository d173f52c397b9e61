//! Keeps the connection: opens it, handles what the server pushes, and after each break brings this
//! instance and the server back into agreement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use redis::{PushInfo, PushKind, RedisResult, Value};

use super::Redis;
use super::failure::ServerFailure;
use super::greeting::ECHO;
use super::owned::OwnedCalls;
use super::record::{STAMP, Stamp};
use super::watchers::Watchers;
use super::wire::{PushHandler, Wire};
use crate::domain::CallId;
use crate::store::{CallStore as _, Lifecycle, StoreError};
use clock::Backoff;

/// The shortest pause after a connection that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSES: Backoff = Backoff::new(
    SignedDuration::from_millis(100),
    SignedDuration::from_secs(3),
);
/// Time limit until a connection can be used.
const CONNECTING: Duration = Duration::from_secs(3);
/// Interval at which all of a call is rehearsed while the server refuses something.
const REHEARSALS: Duration = Duration::from_secs(1);
/// Interval at which refused changes are offered to the server again.
const RETRY: Duration = Duration::from_secs(2);
/// Life of the mark of a server after the last instance was seen.
const RUN_LIFE: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Time after it came back empty in which a server may lack calls that other instances know: until
/// all of them are connected again.
const RESTORING: Duration = Duration::from_secs(5);
/// Number of stamps that are asked for at once.
const CONFIRMED_AT_ONCE: usize = 256;

impl Redis {
    /// Reads the marks of the server, and sets those that it lacks; whether it was emptied, or a
    /// master of the cluster was.
    pub(super) async fn read_marks(&self, wire: &Wire) -> RedisResult<bool> {
        let new = uuid::Uuid::new_v4().to_string();
        let marks = self.names.marks(self.link.is_cluster());
        let read = marks.into_iter().map(async |name| {
            let mut mark = redis::cmd("SET");
            mark.arg(name).arg(&new).arg("NX").arg("GET");
            mark.arg("PX").arg(RUN_LIFE.as_millis().to_string());
            let known: Option<String> = mark.query_async(&mut wire.clone()).await?;
            RedisResult::Ok(known.unwrap_or_else(|| new.clone()))
        });
        futures_util::future::try_join_all(read)
            .await
            .map(|marks| self.note_run(marks))
    }

    /// Keeps the marks from expiring.
    async fn renew_marks(&self) {
        let marks = self.names.marks(self.link.is_cluster());
        let renewals = marks.into_iter().map(async |name| {
            let mut cmd = redis::cmd("PEXPIRE");
            cmd.arg(name).arg(RUN_LIFE.as_millis().to_string());
            let _renewed: Result<bool, StoreError> = self.link.ask("other", &cmd).await;
        });
        futures_util::future::join_all(renewals).await;
    }

    /// The channel on which other instances publish what they have saved of its calls.
    pub(super) fn channel(&self) -> String {
        self.names.changes(uuid::Uuid::from_bytes(self.instance))
    }

    /// Tries again what a server refused, until it does not any more.
    async fn rehearse_until_accepted(&self) {
        loop {
            self.link.refused().await;
            tokio::time::sleep(REHEARSALS).await;
            let Ok((wire, _)) = self.link.wire().await else {
                return std::future::pending().await;
            };
            match self.rehearse(&wire).await {
                Ok(()) => self.link.accept(),
                Err(failure) => self.link.refuse(failure),
            }
        }
    }

    /// Uses the connection until it is lost.
    async fn run_until_lost(&self) {
        let lost = async {
            while !self.link.is_lost().await {
                // What instances have joined is on one master of a cluster, and another may be emptied.
                if self.join_again().await || self.link.is_cluster() {
                    self.mend_if_emptied().await;
                }
            }
        };
        let offer = async {
            loop {
                tokio::time::sleep(RETRY).await;
                if self.is_behind() {
                    self.resync().await;
                } else if self.write_behind.count() > 0 {
                    self.write_back().await;
                }
                self.close_lines().await;
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
            () = self.rehearse_until_accepted() => {}
        }
    }

    /// Stores calls again if the server was emptied under this connection: nothing else would take
    /// their numbers before something happens to them.
    async fn mend_if_emptied(&self) {
        let Ok((wire, _)) = self.link.wire().await else {
            return;
        };
        if let Ok(true) = self.read_marks(&wire).await {
            self.resync().await;
        }
    }

    /// Opens a connection and uses it, for ever. The pauses are real: they are between sockets.
    async fn stay_connected(&self) {
        let (mut tries, mut last) = (0, None);
        loop {
            let opening = async {
                let opened = self.link.open(self.push_handler()).await;
                let mut wire = opened.map_err(|error| self.link.failure_of(&error))?;
                self.greet(&mut wire).await?;
                Ok((wire, ()))
            };
            let opened = tokio::time::timeout(CONNECTING, opening).await;
            let opened = opened.unwrap_or_else(|_late| Err(ServerFailure::timeout()));
            match self.link.opened(opened) {
                Ok(()) => {
                    (tries, last) = (0, None);
                    self.remembered.witnesses.connected();
                    tracing::info!("the shared store is reached");
                    self.resync().await;
                    self.run_until_lost().await;
                }
                // The same reason is logged once.
                Err(failure) if last.as_ref() == Some(&failure) => {}
                Err(failure) => {
                    tracing::warn!(
                        cause = failure.cause.word(),
                        why = failure.text,
                        "the shared store cannot be used"
                    );
                    last = Some(failure);
                }
            }
            let pause = PAUSES.pause(tries).unsigned_abs();
            // A request that needs the server ends the pause, but for the shortest one.
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

    async fn end_subscription(&self, id: CallId) {
        let _turn = self.subscribing.lock().await;
        if !self.watchers.has(id) {
            // A lost connection ends it as well.
            let _done: Result<(), StoreError> =
                self.link.unsubscribe(&self.names.changes(id)).await;
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

    /// The function that handles messages which the server pushes: saves of other instances, and
    /// the end of the connection.
    pub(super) fn push_handler(&self) -> PushHandler {
        let (owned, watchers) = (self.owned.clone(), self.watchers.clone());
        let heard = self.heard.clone();
        let link = Arc::downgrade(&self.link);
        let mine = std::sync::atomic::AtomicBool::new(true);
        Arc::new(move |push: PushInfo| {
            if push.kind == PushKind::Message {
                if let [Value::BulkString(channel), Value::BulkString(message)] = &*push.data {
                    if message == ECHO {
                        heard.notify_one();
                    }
                    on_saved(&owned, &watchers, channel, message);
                }
            } else if push.kind == PushKind::Disconnection
                && mine.swap(false, std::sync::atomic::Ordering::SeqCst)
                && let Some(link) = link.upgrade()
            {
                link.disconnected();
            }
        })
    }

    /// Works off a break: stores the calls of an emptied server again, writes the changes that
    /// waited, and asks what others saved meanwhile. What the server does not take is tried again.
    async fn resync(&self) {
        self.renew_marks().await;
        let restored = self.restore().await;
        self.write_back().await;
        let followed = self.watchers.all();
        for id in &followed {
            let _heard: Result<(), StoreError> = self.link.subscribe(&self.names.changes(id)).await;
        }
        self.refresh(followed).await;
        let confirmed = self.confirm_owned().await;
        self.run.lock().is_behind = restored.is_err() || confirmed.is_err();
    }

    async fn restore(&self) -> Result<(), StoreError> {
        // First of all: no instance may ring them meanwhile. A server that took over may lack them,
        // too.
        self.restore_opt_outs().await?;
        if self.run.lock().must_restore {
            self.store_again().await?;
            self.run.lock().must_restore = false;
        }
        Ok(())
    }

    /// Asks for the stamps of the calls that this instance saved last on an earlier connection:
    /// another may have saved them since, or a server that took over has never had the last writes.
    async fn confirm_owned(&self) -> Result<(), StoreError> {
        let connection = self.link.connection();
        for ids in self.owned.unconfirmed(connection).chunks(CONFIRMED_AT_ONCE) {
            let asked = ids.iter().map(|id| self.is_lost(*id, connection));
            for (id, asked) in ids.iter().zip(futures_util::future::join_all(asked).await) {
                if asked? {
                    self.store_lost(*id).await?;
                } else if self.link.is_cluster() {
                    self.restore_beside_kept(*id).await?;
                }
            }
        }
        Ok(())
    }

    /// Notes which state of an owned call the server has; whether it has none, or an older one.
    async fn is_lost(&self, id: CallId, connection: u64) -> Result<bool, StoreError> {
        let mut cmd = redis::cmd("GETRANGE");
        cmd.arg(self.names.call(id)).arg(0).arg(STAMP - 1);
        let stamp: Vec<u8> = self.link.ask("load", &cmd).await?;
        let stored = Stamp::of(&stamp);
        if let Some(stored) = stored {
            self.owned.note_loaded(id, stored, connection);
        }
        Ok(self
            .owned
            .stamp(id)
            .is_some_and(|known| stored.is_none_or(|stored| stored < known)))
    }

    /// Notes by which marks the server is known; whether it has lost what it knew when this instance
    /// saw it last.
    fn note_run(&self, marks: Vec<String>) -> bool {
        let mut run = self.run.lock();
        let before = run.marks.replace(marks);
        let is_emptied = before.is_some() && before != run.marks;
        if is_emptied {
            (run.emptied_at, run.must_restore) = (Some(Instant::now()), true);
            self.remembered.witnesses.emptied();
        }
        is_emptied
    }

    /// Returns whether a call that the server does not have may be stored again in a moment, by the
    /// instance that saved it last.
    pub(super) fn is_being_restored(&self) -> bool {
        let emptied_at = self.run.lock().emptied_at;
        emptied_at.is_some_and(|at| at.elapsed() < RESTORING)
    }

    /// Returns whether the server has not taken all that this instance knows.
    fn is_behind(&self) -> bool {
        self.run.lock().is_behind
    }
}

impl Lifecycle for Redis {
    /// The others go on with them.
    fn open(&self) -> Vec<CallId> {
        Vec::new()
    }

    fn woken_here(&self) -> Vec<CallId> {
        self.owned.open().iter().map(|call| call.id).collect()
    }

    /// The server does so by itself.
    fn forget(&self, _now: Timestamp) {}

    /// No limit but the server's memory.
    fn capacity(&self) -> usize {
        usize::MAX
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn health_issue(&self) -> Option<String> {
        let failure = self.link.failure().map(|failure| failure.text);
        failure.or_else(|| self.fit.misfit().map(|misfit| misfit.to_string()))
    }

    /// Runs for as long as the store is used.
    async fn keep_connected(&self) {
        tokio::join!(self.stay_connected(), self.link.follow_primary());
    }

    /// Writes what waits before the process ends; a server that is away is tried again and again.
    async fn flush(&self, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        let written = async {
            while self.write_behind.count() > 0 {
                self.link.reached(deadline).await;
                if self.link.away().is_none() {
                    self.write_back().await;
                }
                if self.write_behind.count() > 0 {
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
            }
        };
        let left = async {
            written.await;
            self.leave_instances().await;
        };
        let flushed = tokio::time::timeout_at(deadline, left).await;
        if flushed.is_err() && self.write_behind.count() > 0 {
            let (ids, opted_out) = self.write_behind.left();
            tracing::error!(
                left = self.write_behind.count(),
                ids,
                opted_out,
                "changes of calls were lost: the shared store was away to the end"
            );
        }
    }
}

/// Handles the message that a call was saved. On the channel of an instance it is id and stamp; on
/// the channel of a call it is the stamp alone, because the name of the channel has the id.
fn on_saved(owned: &OwnedCalls, watchers: &Watchers, channel: &[u8], message: &[u8]) {
    if message.len() == STAMP {
        let name = str::from_utf8(channel).unwrap_or_default();
        let id = name.rsplit(':').next().and_then(|id| id.parse().ok());
        if let (Some(id), Some(stamp)) = (id, Stamp::of(message)) {
            watchers.notify(id, stamp.version);
        }
    } else if let Some((id, stamp)) = message.split_first_chunk::<16>()
        && let Some(stamp) = Stamp::of(stamp)
    {
        owned.hand_over(CallId::from_bytes(*id), stamp);
    }
}
