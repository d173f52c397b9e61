//! The connection to the server: made when the process starts and again whenever it is lost, with a
//! limit on how long anybody waits for it. While it is away nobody waits at all.
//!
//! Own work instead of the library's `ConnectionManager`, because that one waits for a reconnection
//! inside a command, and stays with a connection on which nothing is answered any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::{ErrorKind, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use tokio::sync::Notify;

use super::metrics::{Cause, StoreMetrics};
use super::wire::{Address, Ear, Wire};
use crate::store::Error;

/// How long one command may take. A webhook needs two at most, and is answered within a second.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often an idle connection is asked whether it lives.
pub(super) const PULSE: Duration = Duration::from_secs(2);
/// How long what was probed stands.
const PROBE_LIFE: u64 = 60_000;

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    address: Address,
    state: RwLock<State>,
    /// Counts connections, so that the end of an old one is not taken for the end of a new one.
    generation: AtomicU64,
    changed: Notify,
    /// Somebody needs the server while it is away.
    wanted: Notify,
    pub(super) metrics: StoreMetrics,
}

#[derive(Clone, Debug)]
enum State {
    /// Nobody has tried yet.
    Starting,
    Up(Wire, u64),
    Away(Cause),
}

impl Link {
    pub(super) fn new(address: Address, metrics: StoreMetrics) -> Self {
        let (state, generation) = (RwLock::new(State::Starting), AtomicU64::new(0));
        Self {
            address,
            state,
            generation,
            changed: Notify::new(),
            wanted: Notify::new(),
            metrics,
        }
    }

    /// Whether keys that are asked for together must lie in one slot.
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.address, Address::Cluster(..))
    }

    fn state(&self) -> State {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed.notify_waiters();
    }

    /// Why the server is away; `None`: it is not.
    pub(super) fn away(&self) -> Option<Cause> {
        match self.state() {
            State::Starting => Some(Cause::Connection),
            State::Up(..) => None,
            State::Away(cause) => Some(cause),
        }
    }

    /// The connection, or at once the error. Only at the very start the first attempt is waited
    /// for.
    async fn wire(&self) -> Result<(Wire, u64), Error> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.state() {
                State::Up(wire, generation) => return Ok((wire, generation)),
                State::Away(_) => {
                    self.wanted.notify_one();
                    return Err(Error::Away);
                }
                State::Starting => {
                    tokio::time::timeout_at(deadline, changed)
                        .await
                        .map_err(|_late| Error::Away)?;
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
    pub(super) async fn ready(&self) -> Result<(), Error> {
        self.wire().await.map(|_wire| ())
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Error> {
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
    ) -> Result<T, Error> {
        let (mut wire, generation) = self.wire().await?;
        let work = Box::pin(cmd.query_async(&mut wire));
        self.timed(operation, generation, work).await
    }

    /// Hears what is published on a channel, until the connection is lost.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), Error> {
        let (mut wire, generation) = self.wire().await?;
        self.timed("other", generation, wire.subscribe(channel))
            .await
    }

    pub(super) async fn unsubscribe(&self, channel: &str) -> Result<(), Error> {
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
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let done = tokio::time::timeout(PATIENCE, work).await;
        self.metrics.took(operation, begun.elapsed());
        let cause = match done {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let cause = cause(&error);
                if cause == Cause::Server {
                    let code = error.code().unwrap_or("none");
                    tracing::error!(operation, code, kind = ?error.kind(), "the shared store refused a command");
                }
                cause
            }
            Err(_late) => Cause::Timeout,
        };
        self.metrics.failed(cause.word());
        if cause != Cause::Server {
            self.lost(generation, cause);
        }
        Err(if cause == Cause::Full {
            Error::Full
        } else {
            Error::Away
        })
    }

    /// The connection of this generation is of no use any more.
    fn lost(&self, generation: u64, cause: Cause) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*state, State::Up(_, current) if *current == generation) {
            *state = State::Away(cause);
            drop(state);
            tracing::warn!(
                cause = cause.word(),
                "the shared store is away; calls under way go on"
            );
            self.changed.notify_waiters();
        }
    }

    /// The server hung up.
    pub(super) fn hung_up(&self) {
        self.lost(self.generation.load(Ordering::SeqCst), Cause::Connection);
    }

    /// A connection that nobody else uses yet; what the server sends unasked goes to `ear`.
    pub(super) async fn open(&self, ear: Ear) -> Result<Wire, RedisError> {
        self.address.connect(ear).await
    }

    /// Lets everybody use a new connection, or know why there is none. The error: the cause, and how
    /// it was told.
    pub(super) fn opened<T>(
        &self,
        opened: Result<(Wire, T), RedisError>,
    ) -> Result<T, (Cause, String)> {
        match opened {
            Ok((wire, found)) => {
                let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
                self.set(State::Up(wire, generation));
                Ok(found)
            }
            Err(error) => {
                let cause = cause(&error);
                self.metrics.failed(cause.word());
                self.set(State::Away(cause));
                Err((cause, error.to_string()))
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

/// What an error says of the server.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list of kinds is open"
)]
fn cause(error: &RedisError) -> Cause {
    if error.code() == Some("OOM") {
        return Cause::Full;
    }
    if error.is_timeout() {
        return Cause::Timeout;
    }
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => Cause::ReadOnly,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => {
            // A script that meets a full server says so in the text of its error.
            if error.to_string().contains("OOM command not allowed") {
                Cause::Full
            } else {
                Cause::Server
            }
        }
        _ => Cause::Connection,
    }
}
