//! Accepts connections and bounds what each of them may cost.
//!
//! poem's own server gives hyper no timer (a half-sent head stays open for ever), has no cap on
//! connections and retries accept errors without a pause. This loop drives the connections itself,
//! under [`ConnectionLimits`], and hands each request to one poem endpoint. It must not
//! know routes, keys or error shapes: whatever it answers by itself is a last resort, and the
//! endpoint is expected to have answered before (see [`TimeLimit`]).

pub(super) mod body;
mod connection;
mod http_2;
mod peers;
mod proxy_protocol;
mod pulse;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use poem::http::StatusCode;
use poem::{Endpoint, Middleware, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::body::{BodyLimit, read_body};
use self::connection::Connections;
use self::peers::Peers;
use super::networks::Network;
use clock::Backoff;

/// The pauses after failed accepts.
const ACCEPT_PAUSES: Backoff =
    Backoff::new(SignedDuration::from_millis(5), SignedDuration::from_secs(1));

/// The limits of one connection, of one peer, and of all of them together.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Time from the connection to its first byte; 10 s. Browsers open connections ahead of need.
    pub first_byte: Duration,
    /// Time from the first byte of a request's head to its end (HTTP/1); 10 s.
    pub head: Duration,
    /// Time a connection may rest between two requests; 75 s, longer than the 60 s of the usual
    /// fronting proxies, so that they close the connection, and we never close it under a request
    /// on its way.
    pub idle: Duration,
    /// Time for a request's body, as given to [`read_body`]; 10 s.
    pub body: Duration,
    /// Time from the end of the head to the head of the answer, as given to [`TimeLimit`]; 30 s.
    /// The body of an answer may stream for as long as it likes, but a peer that takes nothing of
    /// it for this long is cut off.
    pub request: Duration,
    /// Bytes of a request's body, as given to [`read_body`]; 64 KiB.
    pub body_bytes: usize,
    /// Bytes of a request's head; 16 KiB. HTTP/1 asks for at least 8 KiB.
    pub head_bytes: usize,
    /// Header fields of a request (HTTP/1); 64.
    pub headers: usize,
    /// Time between two looks whether the peer of an HTTP/2 connection is still there; 30 s.
    pub ping: Duration,
    /// Time for the peer's answer to such a look; 20 s.
    pub pong: Duration,
    /// Requests at once on one HTTP/2 connection; 64.
    pub streams: u32,
    /// Connections at once; 4,096. Further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Connections at once of one peer (an IPv4 address or an IPv6 /64); 512. Further ones are
    /// closed at once.
    pub connections_per_peer: usize,
    /// Networks that the limit per peer does not hold for; the private ones. A fronting proxy
    /// brings everybody, and the usual one comes from an address that the internet does not route;
    /// others belong here too.
    pub unlimited_peers: Vec<Network>,
    /// Networks of proxies whose connections begin with a header of the PROXY protocol; none.
    pub proxy_protocol: Vec<Network>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            request: Duration::from_secs(30),
            body_bytes: 64 * 1024,
            head_bytes: 16 * 1024,
            headers: 64,
            ping: Duration::from_secs(30),
            pong: Duration::from_secs(20),
            streams: 64,
            connections: 4_096,
            connections_per_peer: 512,
            unlimited_peers: Network::PRIVATE.to_vec(),
            proxy_protocol: Vec::new(),
        }
    }
}

/// Open files that are kept for our own use: connections to Twilio, clients and a store, and the
/// files of the process itself.
const OWN_FILES: u64 = 256;

impl ConnectionLimits {
    /// The most connections that fit the limit of open files, which is raised first.
    ///
    /// The usual soft limit of 1,024 is for programs of another time; every process may raise it up
    /// to the hard one.
    #[must_use]
    pub fn within_open_files(self) -> Self {
        let wanted = u64::try_from(self.connections)
            .unwrap_or(u64::MAX)
            .saturating_add(OWN_FILES);
        match rlimit::increase_nofile_limit(wanted) {
            Ok(files) if files < wanted => self.within(files),
            Ok(_) => self,
            Err(error) => {
                tracing::warn!(%error, "the limit of open files is not known");
                self
            }
        }
    }

    fn within(self, files: u64) -> Self {
        let connections = usize::try_from(files.saturating_sub(OWN_FILES).max(files / 2))
            .unwrap_or(self.connections);
        tracing::warn!(
            files,
            connections,
            "the limit of open files allows few connections: raise it (ulimit -n)"
        );
        Self {
            connections: connections.min(self.connections),
            ..self
        }
    }
}

/// Serves `endpoint` on `listener` until `stop` is cancelled.
///
/// Then no further connection is accepted, connections at rest are closed, and requests in progress
/// get up to `grace` to finish; what is still open after that is cut off. Returns when the last
/// connection is gone.
pub async fn serve<E>(
    listener: TcpListener,
    limits: ConnectionLimits,
    endpoint: E,
    stop: CancellationToken,
    grace: Duration,
) where
    E: Endpoint + 'static,
{
    let room = Arc::new(Semaphore::new(
        limits.connections.min(Semaphore::MAX_PERMITS),
    ));
    let peers = Peers::new(limits.connections_per_peer, limits.unlimited_peers.clone());
    let cut = CancellationToken::new();
    let connections = Arc::new(Connections::new(limits, endpoint, stop.clone()));
    let tracker = TaskTracker::new();
    while let Some((stream, peer, permit)) = next(&listener, &room, &stop).await {
        let Some(place) = peers.enter(peer.ip()) else {
            tracing::debug!("closed a connection: its peer has too many");
            continue;
        };
        let (connections, cut) = (Arc::clone(&connections), cut.clone());
        tracker.spawn(async move {
            tokio::select! {
                () = connections.serve(stream, peer) => {}
                () = cut.cancelled() => {}
            }
            drop((permit, place));
        });
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(grace, tracker.wait()).await.is_err() {
        tracing::warn!(
            connections = tracker.len(),
            "cut off connections that did not end in time"
        );
        cut.cancel();
        tracker.wait().await;
    }
}

/// Waits for room and then for a connection; none once `stop` is cancelled.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, std::net::SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        let permit = Arc::clone(room).acquire_owned().await.ok()?;
        let (stream, peer) = accept(|| listener.accept()).await;
        Some((stream, peer, permit))
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        accepted = accepted => accepted,
    }
}

/// Tries until something was accepted. While the system refuses, because it has no file descriptor
/// left for instance, every try would be refused at once, so the pauses between them grow.
async fn accept<T, F>(mut try_once: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut tries = 0;
    loop {
        match try_once().await {
            Ok(accepted) => return accepted,
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                let pause = ACCEPT_PAUSES.pause(tries).unsigned_abs();
                tracing::error!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                tokio::time::sleep(pause).await;
                tries += 1;
            }
        }
    }
}

/// Returns whether only the connection that was to be accepted failed, so that the next may be
/// tried at once.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// The endpoint took longer than its [`TimeLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request was not answered in time")]
pub struct TooSlow;

impl poem::error::ResponseError for TooSlow {
    fn status(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// Ends a request with [`TooSlow`] when it has no answer in time; the body of an answer is not
/// limited.
///
/// It belongs directly under whatever turns errors into answers. The listener has a limit of its
/// own a second later, whose answer is bare.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit(pub Duration);

impl<E: Endpoint> Middleware<E> for TimeLimit {
    type Output = Within<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        Within {
            endpoint,
            limit: self.0,
        }
    }
}

/// An endpoint under a [`TimeLimit`].
#[derive(Debug)]
pub struct Within<E> {
    endpoint: E,
    limit: Duration,
}

impl<E: Endpoint> Endpoint for Within<E> {
    type Output = E::Output;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Self::Output>> {
        let within = tokio::time::timeout(self.limit, self.endpoint.call(request));
        within.map(|answer| answer.unwrap_or_else(|_elapsed| Err(TooSlow.into())))
    }
}

/// The bare answer to a request whose endpoint hangs.
fn bare_unavailable() -> Response {
    Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header("connection", "close")
        .finish()
}
