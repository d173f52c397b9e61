//! One connection: hyper's server for HTTP/1, or ours for HTTP/2, watched from outside.
//!
//! hyper's own timer for a head also runs while a kept-alive connection rests, so it cannot
//! distinguish a slow head (10 s) from a quiet proxy (75 s). So the bytes are watched as they pass
//! ([`Pulse`]), in the connection's own task and without a timer being moved for every request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, poll};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoResponse as _, Request, RequestParts};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::http_2::{self, Graceful};
use super::proxy_protocol::{Start, read_start};
use super::pulse::{Busy, CountedBody, Pulse, Watched};
use super::{ConnectionLimits, bare_unavailable};
use crate::telemetry::line_limit::LineLimit;
use clock::Clock;

/// Time after the endpoint's own limit at which the listener answers for it.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// The state that all connections of one listener share.
pub(super) struct Connections<E> {
    limits: ConnectionLimits,
    endpoint: E,
    http_1: http1::Builder,
    stop: CancellationToken,
    /// Lines about proxies that send no header.
    lines: LineLimit,
}

impl<E: Endpoint + 'static> Connections<E> {
    pub(super) fn new(limits: ConnectionLimits, endpoint: E, stop: CancellationToken) -> Self {
        let http_1 = http_1(&limits);
        Self {
            limits,
            endpoint,
            http_1,
            stop,
            lines: LineLimit::default(),
        }
    }

    /// Serves one connection to its end; errors of a peer are its own affair and are not reported.
    pub(super) async fn serve(self: Arc<Self>, mut stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else {
            return;
        };
        if stream.set_nodelay(true).is_err() || !self.speaks(&stream).await {
            return;
        }
        let Some((peer, read)) = self.behind_proxy(&mut stream, peer).await else {
            return;
        };
        let pulse = Arc::new(Pulse::default());
        let mut watched = Watched {
            stream,
            read,
            pulse: Arc::clone(&pulse),
        };
        let Some(is_http_2) = self.is_http_2(&mut watched).await else {
            return;
        };
        let (remote, local) = (RemoteAddr(Addr::from(peer)), LocalAddr(Addr::from(local)));
        if is_http_2 {
            pulse.multiplex();
            let (connections, busy) = (Arc::clone(&self), Arc::clone(&pulse));
            let service = move |head, body| {
                let head = RequestParts::from((head, local.clone(), remote.clone(), Scheme::HTTP));
                let request = Request::from_parts(head, body);
                Box::pin(Arc::clone(&connections).answer(request, Busy::new(&busy)))
            };
            let connection = http_2::Connection::new(watched, &self.limits, service);
            return self.watch(connection, &pulse).await;
        }
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
            let answer = Arc::clone(&self).answer(request, Busy::new(&pulse));
            // hyper keeps room for it as long as the connection lives, and moves it twice: it is
            // some kilobytes.
            Box::pin(answer.map(Ok::<_, Infallible>))
        });
        let connection = self.http_1.serve_connection(TokioIo::new(watched), service);
        self.watch(connection, &pulse).await;
    }

    /// Waits for the first byte without giving the connection any buffers: one that is only kept
    /// open costs little.
    async fn speaks(&self, stream: &TcpStream) -> bool {
        let first = async { matches!(stream.peek(&mut [0]).await, Ok(1..)) };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            spoke = tokio::time::timeout(self.limits.first_byte, first) => spoke.unwrap_or(false),
        }
    }

    /// The peer of a connection, and the bytes that were read of it already, if a proxy announces
    /// the peer at its beginning; `None`: the header of the proxy is wrong.
    ///
    /// This machine may also connect without a proxy, to look whether the service is alive.
    async fn behind_proxy(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
    ) -> Option<(SocketAddr, Bytes)> {
        let proxies = &self.limits.proxy_protocol;
        if !proxies.iter().any(|network| network.contains(peer.ip())) {
            return Some((peer, Bytes::new()));
        }
        let start = tokio::time::timeout(self.limits.head, read_start(stream)).await;
        let is_own = peer.ip().to_canonical().is_loopback();
        match start {
            Ok(Ok(Start::Proxied(client))) => Some((client.unwrap_or(peer), Bytes::new())),
            Ok(Ok(Start::Plain(read))) if is_own => Some((peer, read)),
            Ok(Ok(Start::Plain(_)) | Err(_)) => {
                let left_out = self.lines.admit(peer.ip(), Clock::system().now())?;
                tracing::warn!(
                    peer = %peer.ip(),
                    left_out = (left_out > 0).then_some(left_out),
                    "closed a connection of a trusted proxy without a PROXY header: send one (HAProxy: send-proxy-v2), or \
                     set TABLECALL_PROXY_PROTOCOL=off"
                );
                None
            }
            Err(_elapsed) => None,
        }
    }

    /// Looks at the first bytes without taking them, as long as they are enough; `None`: no more
    /// came in time.
    async fn is_http_2(&self, watched: &mut Watched) -> Option<bool> {
        let preface = http_2::PREFACE;
        if watched.read.is_empty() {
            let mut start = [0; http_2::PREFACE.len()];
            let count = watched.stream.peek(&mut start).await.ok()?;
            if start.get(..count) != preface.get(..count) {
                return Some(false);
            }
            if count == preface.len() {
                return Some(true);
            }
        }
        let mut start = BytesMut::from(std::mem::take(&mut watched.read));
        let known = async {
            loop {
                watched.pulse.received();
                let count = start.len().min(preface.len());
                if start.get(..count) != preface.get(..count) {
                    return Some(false);
                }
                if count == preface.len() {
                    return Some(true);
                }
                if watched.stream.read_buf(&mut start).await.ok()? == 0 {
                    return Some(false);
                }
            }
        };
        let known = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            known = tokio::time::timeout(self.limits.head, known) => known.ok().flatten(),
        };
        watched.read = start.freeze();
        known
    }

    async fn answer(self: Arc<Self>, request: Request, busy: Busy) -> hyper::Response<CountedBody> {
        let mut answering = pin!(self.endpoint.call(request));
        // Many answers, those to webhooks first, wait for nothing: they need no timer.
        let answer = match poll!(answering.as_mut()) {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => {
                let limit = self.limits.request.saturating_add(LAST_RESORT);
                tokio::time::timeout(limit, answering).await
            }
        };
        let answer = match answer {
            Ok(Ok(answer)) => answer.into_response(),
            Ok(Err(error)) => error.into_response(),
            Err(_elapsed) => bare_unavailable(),
        };
        let answer = hyper::Response::<BoxBody<Bytes, io::Error>>::from(answer);
        answer.map(|body| CountedBody { body, _busy: busy })
    }

    /// Drives `connection` until it ends, its time is up, or, after `stop`, its last request is
    /// answered.
    async fn watch<C: Graceful>(&self, connection: C, pulse: &Pulse) {
        let mut connection = pin!(connection);
        let mut stopped = pin!(self.stop.cancelled());
        let mut stopping = false;
        let mut timer = pin!(tokio::time::sleep_until(pulse.due(&self.limits)));
        std::future::poll_fn(|cx| {
            if !stopping && stopped.as_mut().poll(cx).is_ready() {
                stopping = true;
                connection.as_mut().finish();
            }
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // The timer is only ever moved to an earlier time; one that rings too early is set
            // again.
            let due = pulse.due(&self.limits);
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            while timer.as_mut().poll(cx).is_ready() {
                let due = pulse.due(&self.limits);
                if due <= Instant::now() {
                    tracing::debug!("closed a connection that was too slow");
                    return Poll::Ready(());
                }
                timer.as_mut().reset(due);
            }
            Poll::Pending
        })
        .await;
    }
}

fn http_1(limits: &ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // The pulse watches heads; hyper would make and drop a timer for each of them.
        .header_read_timeout(None)
        // A request is served and answered even if the peer has closed its side: a key press is not
        // given up halfway. Looking for that end would take another read, with a buffer for it,
        // from each request.
        .half_close(true)
        // Answers are small: to copy one behind its head is cheaper than to have the kernel gather
        // both.
        .writev(false)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes.max(8 * 1024));
    builder
}

impl<S> Graceful for http1::Connection<TokioIo<Watched>, S>
where
    S: hyper::service::Service<
            hyper::Request<Incoming>,
            Response = hyper::Response<CountedBody>,
            Error = Infallible,
        >,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
