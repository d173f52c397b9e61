//! The connection to the server: made when the process starts and again whenever it is lost, with a
//! limit on how long a command waits for it. While it is away no command waits at all.
//!
//! Own work instead of the library's `ConnectionManager`, because that one waits for a reconnection
//! inside a command, and stays with a connection on which nothing is answered any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use redis::{FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::Notify;

use super::failure::ServerFailure;
use super::metrics::{Cause, StoreMetrics};
use super::wire::{Address, PushHandler, Wire};
use crate::store::StoreError;

/// Time limit of one command. A webhook needs two at most, and is answered within a second.
const PATIENCE: Duration = Duration::from_millis(400);
/// The same for a rehearsal, which no request waits for.
const REHEARSAL: Duration = Duration::from_secs(1);
/// Interval at which an idle connection is tested.
const PULSE: Duration = Duration::from_secs(2);
/// Milliseconds for which the result of a probe stands.
const PROBE_LIFE: u64 = 60_000;

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    address: Address,
    state: RwLock<LinkState>,
    /// Counts connections, so that the end of an old one is not taken for the end of a new one.
    generation: AtomicU64,
    changed: Notify,
    /// Somebody needs the server while it is away.
    wanted: Notify,
    /// The last refusal of the server, until a rehearsal succeeds. The server lives, but takes no
    /// new call.
    refusal: Mutex<Option<ServerFailure>>,
    refused: Notify,
    patience: Duration,
    /// Failures are neither logged nor counted.
    is_rehearsal: bool,
    pub(super) metrics: StoreMetrics,
}

#[derive(Clone, Debug)]
enum LinkState {
    /// No connection was tried yet.
    Starting,
    Up(Wire, u64),
    Away(ServerFailure),
}

impl Link {
    pub(super) fn new(address: Address, metrics: StoreMetrics) -> Self {
        let (state, generation) = (RwLock::new(LinkState::Starting), AtomicU64::new(0));
        Self {
            address,
            state,
            generation,
            changed: Notify::new(),
            wanted: Notify::new(),
            refusal: Mutex::default(),
            refused: Notify::new(),
            patience: PATIENCE,
            is_rehearsal: false,
            metrics,
        }
    }

    /// A connection of its own that does not log what fails.
    pub(super) fn rehearsing(other: &Self, wire: Wire) -> Self {
        let link = Self {
            patience: REHEARSAL,
            is_rehearsal: true,
            ..Self::new(other.address.clone(), StoreMetrics::none())
        };
        link.set(LinkState::Up(wire, 0));
        link
    }

    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Returns whether keys that are asked for together must lie in one slot.
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.address, Address::Cluster(..))
    }

    fn state(&self) -> LinkState {
        self.state.read().clone()
    }

    fn set(&self, state: LinkState) {
        *self.state.write() = state;
        self.changed.notify_waiters();
    }

    /// Reason for which the server is away; `None`: it is not.
    pub(super) fn away(&self) -> Option<ServerFailure> {
        match self.state() {
            LinkState::Starting => Some(ServerFailure::new(
                Cause::Connection,
                Cause::Connection.sentence(),
            )),
            LinkState::Up(..) => None,
            LinkState::Away(failure) => Some(failure),
        }
    }

    /// The refusal of a server that is reachable; `None`: it refuses nothing.
    pub(super) fn refusal(&self) -> Option<ServerFailure> {
        self.refusal.lock().clone()
    }

    /// Reason for which no new call can be stored; `None`: one can.
    pub(super) fn failure(&self) -> Option<ServerFailure> {
        self.away().or_else(|| self.refusal())
    }

    /// The failure behind an error at this address.
    pub(super) fn failure_of(&self, error: &RedisError) -> ServerFailure {
        if self.is_cluster() {
            ServerFailure::of(error)
        } else {
            ServerFailure::outside_of_a_cluster(error)
        }
    }

    /// The server refuses something though it is there.
    pub(super) fn refuse(&self, failure: ServerFailure) {
        let mut refusal = self.refusal.lock();
        if refusal.is_none() && !self.is_rehearsal {
            tracing::error!(
                why = failure.text,
                "the shared store refuses something; no new call is made"
            );
        }
        *refusal = Some(failure);
        drop(refusal);
        self.refused.notify_one();
    }

    /// The server refuses nothing any more.
    pub(super) fn accept(&self) {
        let mut refusal = self.refusal.lock();
        if refusal.take().is_some() {
            tracing::info!("the shared store refuses nothing any more");
        }
    }

    /// Resolves while the server refuses something.
    pub(super) async fn refused(&self) {
        while self.refusal().is_none() {
            self.refused.notified().await;
        }
    }

    /// The connection, or at once the error. Only at the very start the first attempt is waited
    /// for.
    pub(super) async fn wire(&self) -> Result<(Wire, u64), StoreError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.state() {
                LinkState::Up(wire, generation) => return Ok((wire, generation)),
                LinkState::Away(_) => {
                    self.wanted.notify_one();
                    return Err(StoreError::Away);
                }
                LinkState::Starting => {
                    tokio::time::timeout_at(deadline, changed)
                        .await
                        .map_err(|_late| StoreError::Away)?;
                }
            }
        }
    }

    /// Waits until the server is reached, at most until `deadline`; meanwhile it is tried at once.
    pub(super) async fn reached(&self, deadline: tokio::time::Instant) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.away().is_none() {
                return;
            }
            self.wanted.notify_one();
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return;
            }
        }
    }

    /// Resolves when somebody has asked for the server in vain.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Resolves at once, but at the very start; the error: the server is away.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        self.wire().await.map(|_wire| ())
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let (mut wire, generation) = self.wire().await?;
        // The library's future is large, and would make that of every caller as large.
        let work = Box::pin(script.invoke_async(&mut wire));
        self.timed(operation, generation, work).await
    }

    /// Runs a command.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        operation: &'static str,
        cmd: &redis::Cmd,
    ) -> Result<T, StoreError> {
        let (mut wire, generation) = self.wire().await?;
        let work = Box::pin(cmd.query_async(&mut wire));
        self.timed(operation, generation, work).await
    }

    /// Hears what is published on a channel, until the connection is lost.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), StoreError> {
        let (mut wire, generation) = self.wire().await?;
        self.timed("other", generation, wire.subscribe(channel))
            .await
    }

    pub(super) async fn unsubscribe(&self, channel: &str) -> Result<(), StoreError> {
        let (mut wire, generation) = self.wire().await?;
        self.timed("other", generation, wire.unsubscribe(channel))
            .await
    }

    /// The number of the connection, or of the last one. On each, everything is heard that this
    /// instance has subscribed to.
    pub(super) fn connection(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    async fn timed<T>(
        &self,
        operation: &'static str,
        generation: u64,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let done = tokio::time::timeout(self.patience, work).await;
        self.metrics.took(operation, begun.elapsed());
        let failure = match done {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => self.failure_of(&error),
            Err(_late) => ServerFailure::timeout(),
        };
        self.metrics.failed(failure.cause.word());
        if failure.cause == Cause::Server {
            self.refuse(failure);
        } else {
            self.lost(generation, failure);
        }
        Err(StoreError::Away)
    }

    /// The connection of this generation is of no use any more.
    fn lost(&self, generation: u64, failure: ServerFailure) {
        let mut state = self.state.write();
        if matches!(&*state, LinkState::Up(_, current) if *current == generation) {
            if !self.is_rehearsal {
                tracing::warn!(
                    cause = failure.cause.word(),
                    why = failure.text,
                    "the shared store is away; calls under way go on"
                );
            }
            *state = LinkState::Away(failure);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// The server has closed the connection.
    pub(super) fn disconnected(&self) {
        let failure = ServerFailure::new(
            Cause::Connection,
            "Redis has closed the connection, or the way to it is broken",
        );
        self.lost(self.generation.load(Ordering::SeqCst), failure);
    }

    /// Leaves a primary that is about to become a replica; never ends.
    pub(super) async fn follow_primary(&self) {
        let Address::Sentinels(sentinels) = &self.address else {
            return std::future::pending().await;
        };
        let switched = || {
            let why = "the sentinels name another primary";
            let failure = ServerFailure::new(Cause::Connection, why);
            self.lost(self.generation.load(Ordering::SeqCst), failure);
            // One that has died was away before: now there is another.
            self.wanted.notify_one();
        };
        sentinels.watch(switched).await;
    }

    /// Opens a connection that nothing else uses yet; messages that the server pushes go to
    /// `push_handler`.
    pub(super) async fn open(&self, push_handler: PushHandler) -> Result<Wire, RedisError> {
        self.address.connect(push_handler).await
    }

    /// Lets everybody use a new connection, or know why there is none.
    pub(super) fn opened<T>(
        &self,
        opened: Result<(Wire, T), ServerFailure>,
    ) -> Result<T, ServerFailure> {
        match opened {
            Ok((wire, found)) => {
                let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
                self.accept();
                self.set(LinkState::Up(wire, generation));
                Ok(found)
            }
            Err(failure) => {
                self.metrics.failed(failure.cause.word());
                self.set(LinkState::Away(failure.clone()));
                Err(failure)
            }
        }
    }

    /// Asks the server whether it takes writes, on a key of its own.
    pub(super) fn write(probe: &str) -> redis::Cmd {
        let mut cmd = redis::cmd("SET");
        cmd.arg(probe).arg(1).arg("PX").arg(PROBE_LIFE);
        cmd
    }

    /// Resolves when the connection is lost (`true`), or is to be asked whether it lives.
    pub(super) async fn is_lost(&self) -> bool {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if self.away().is_none() {
            let _still = tokio::time::timeout(PULSE, changed).await;
        }
        self.away().is_some()
    }
}
