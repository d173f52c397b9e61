//! A connection of HTTP/2, by hyper's own `h2`.
//!
//! hyper's server cannot send an interim answer over HTTP/2: a client that waits for
//! `100 Continue` (RFC 9110, 10.1.1) before it sends its body would wait until it gives up waiting,
//! a second for each request. It would also send the body of an answer to HEAD.
//! `h2` gives up all requests of a peer that closes its side of the connection, also those that are
//! complete; over HTTP/1 they are answered.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Handshake, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame};
use jiff::fmt::rfc2822::DateTimePrinter;
use poem::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use poem::http::{Method, Request, Response, StatusCode, request};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use super::ConnectionLimits;
use super::pulse::{CountedBody, Watched};
use clock::Clock;

/// The first bytes of each connection (RFC 9113, 3.4); no method of HTTP/1 begins so.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of request bodies that a connection, or one of its requests, may send ahead of being read.
const WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that wait for the peer in memory.
const SEND_BUFFER: usize = 256 * 1024;

/// Bytes of an answer that are handed over at once: a frame of the usual size.
const PIECE: usize = 16 * 1024;

/// Header fields that belong to a connection of HTTP/1 and are malformed here (RFC 9113, 8.2.2).
const CONNECTION_FIELDS: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A connection that can be asked to end after its requests in progress.
pub(super) trait Graceful: Future {
    fn finish(self: Pin<&mut Self>);
}

/// One connection, which ends with its last request once it is told to finish.
pub(super) struct Connection<S> {
    state: Http2State,
    /// Time between two pings, and for the answer to one.
    pings: (Duration, Duration),
    /// Time in which a peer must take some of an answer.
    patience: Duration,
    /// Makes the answer to one request.
    service: S,
    finishing: bool,
}

enum Http2State {
    Opening(Box<Handshake<Watched, Bytes>>),
    Open {
        connection: Box<h2::server::Connection<Watched, Bytes>>,
        pings: Option<Pings>,
    },
}

impl<S> Connection<S> {
    pub(super) fn new(stream: Watched, limits: &ConnectionLimits, service: S) -> Self {
        let handshake = h2::server::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(20)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake(stream);
        Self {
            state: Http2State::Opening(Box::new(handshake)),
            pings: (limits.ping, limits.pong),
            patience: limits.request,
            service,
            finishing: false,
        }
    }
}

impl<S, F> Future for Connection<S>
where
    S: Fn(request::Parts, poem::Body) -> F + Unpin,
    F: Future<Output = Response<CountedBody>> + Send + 'static,
{
    type Output = ();

    /// Ends with the connection; errors of a peer are its own affair.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                Http2State::Opening(handshake) => {
                    let Ok(mut connection) = ready!(Pin::new(&mut **handshake).poll(cx)) else {
                        return Poll::Ready(());
                    };
                    if this.finishing {
                        connection.graceful_shutdown();
                    }
                    this.state = Http2State::Open {
                        pings: connection
                            .ping_pong()
                            .map(|ping_pong| Pings::new(ping_pong, this.pings)),
                        connection: Box::new(connection),
                    };
                }
                Http2State::Open { connection, pings } => {
                    if pings.as_mut().is_some_and(|pings| pings.poll_lost(cx)) {
                        tracing::debug!("closed a connection: a ping was not answered");
                        return Poll::Ready(());
                    }
                    let Some(Ok((request, reply))) = ready!(connection.poll_accept(cx)) else {
                        return Poll::Ready(());
                    };
                    let exchange = Http2Exchange::new(&request, reply, this.patience);
                    let (head, body) = exchange.receive(request);
                    tokio::spawn(exchange.run((this.service)(head, body)));
                }
            }
        }
    }
}

impl<S, F> Graceful for Connection<S>
where
    S: Fn(request::Parts, poem::Body) -> F + Unpin,
    F: Future<Output = Response<CountedBody>> + Send + 'static,
{
    fn finish(mut self: Pin<&mut Self>) {
        self.finishing = true;
        if let Http2State::Open { connection, .. } = &mut self.state {
            connection.graceful_shutdown();
        }
    }
}

/// Finds out whether the peer is still there: a network that went away closes no connection.
struct Pings {
    ping_pong: PingPong,
    interval: Duration,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    awaits_pong: bool,
}

impl Pings {
    fn new(ping_pong: PingPong, (interval, limit): (Duration, Duration)) -> Self {
        Self {
            ping_pong,
            interval,
            limit,
            timer: Box::pin(tokio::time::sleep(interval)),
            awaits_pong: false,
        }
    }

    /// Returns whether the peer left a ping without an answer.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> bool {
        if self.awaits_pong && matches!(self.ping_pong.poll_pong(cx), Poll::Ready(Ok(_))) {
            self.awaits_pong = false;
            self.timer.as_mut().reset(Instant::now() + self.interval);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.awaits_pong {
                return true;
            }
            // Only a connection that is closing refuses it.
            self.awaits_pong = self.ping_pong.send_ping(Ping::opaque()).is_ok();
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        false
    }
}

/// One request and its answer.
struct Http2Exchange {
    reply: SendResponse<Bytes>,
    /// Time in which the peer must take some of the answer.
    limit: Duration,
    is_head: bool,
    /// Notified when the body is read of a request that expects `100 Continue`.
    body_wanted: Option<Arc<Notify>>,
}

impl Http2Exchange {
    fn new(request: &Request<RecvStream>, reply: SendResponse<Bytes>, limit: Duration) -> Self {
        let expects = request
            .headers()
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
            && !request.body().is_end_stream();
        Self {
            reply,
            limit,
            is_head: request.method() == Method::HEAD,
            body_wanted: expects.then(Arc::default),
        }
    }

    fn receive(&self, request: Request<RecvStream>) -> (request::Parts, poem::Body) {
        let (head, stream) = request.into_parts();
        let body = RequestBody {
            stream,
            wanted: self.body_wanted.clone(),
        };
        (head, poem::Body::from(body.boxed()))
    }

    /// Sends the answer; the request is given up when its peer resets it.
    async fn run(mut self, answer: impl Future<Output = Response<CountedBody>>) {
        let Some(answer) = self.wait_for(answer).await else {
            return;
        };
        let (head, body) = answer.into_parts();
        let mut head = Response::from_parts(head, ());
        let status = head.status();
        let has_body = !body.is_end_stream()
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = body.size_hint().exact().filter(|_| has_body);
        adapt_head(head.headers_mut(), length);
        let is_empty = self.is_head || !has_body;
        match self.reply.send_response(head, is_empty) {
            Ok(stream) if !is_empty => {
                // An error is the peer's: it is gone, or takes no more of the answer.
                let _gone = send_body(stream, body, self.limit).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "could not answer a request");
                self.reply.send_reset(Reason::INTERNAL_ERROR);
            }
        }
    }

    /// Waits for the answer, and sends `100 Continue` if the body is read before there is one: a
    /// request that is refused for its head alone need not send it.
    async fn wait_for(
        &mut self,
        answer: impl Future<Output = Response<CountedBody>>,
    ) -> Option<Response<CountedBody>> {
        let body_wanted = self.body_wanted.take();
        let mut body_wanted = pin!(async {
            match &body_wanted {
                Some(wanted) => wanted.notified().await,
                None => std::future::pending().await,
            }
        });
        let mut answer = pin!(answer);
        let mut continued = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            if !continued && body_wanted.as_mut().poll(cx).is_ready() {
                continued = true;
                let mut interim = Response::new(());
                *interim.status_mut() = StatusCode::CONTINUE;
                if self.reply.send_informational(interim).is_err() {
                    return Poll::Ready(None);
                }
            }
            self.reply.poll_reset(cx).map(|_reset| None)
        })
        .await
    }
}

/// Makes the head of an answer one of HTTP/2, which has no header fields about the connection.
fn adapt_head(headers: &mut HeaderMap, length: Option<u64>) {
    for name in CONNECTION_FIELDS {
        headers.remove(name);
    }
    if let Some(length) = length
        && !headers.contains_key(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !headers.contains_key(header::DATE) {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&Clock::system().now());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
            headers.insert(header::DATE, date);
        }
    }
}

/// Sends `body` as fast as the peer takes it, in pieces: it counts as being sent until its end. A
/// peer that takes nothing of it for `limit` gets no more.
async fn send_body(
    mut stream: SendStream<Bytes>,
    mut body: CountedBody,
    limit: Duration,
) -> Result<(), h2::Error> {
    loop {
        let frame = std::future::poll_fn(|cx| {
            if let Poll::Ready(reset) = stream.poll_reset(cx) {
                return Poll::Ready(Err(reset.map_or_else(|error| error, h2::Error::from)));
            }
            Pin::new(&mut body).poll_frame(cx).map(Ok)
        });
        let mut data = match frame.await? {
            // There are no trailers.
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_broken)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            None => return stream.send_data(Bytes::new(), true),
        };
        let is_last = body.is_end_stream();
        if is_last && data.is_empty() {
            return stream.send_data(data, true);
        }
        while !data.is_empty() {
            let room = room_for(&mut stream, data.len().min(PIECE));
            let Ok(room) = tokio::time::timeout(limit, room).await else {
                tracing::debug!("gave up an answer: its peer takes nothing of it");
                stream.send_reset(Reason::CANCEL);
                return Ok(());
            };
            let piece = data.split_to(room?.min(data.len()));
            stream.send_data(piece, is_last && data.is_empty())?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Waits until the peer takes some of `most` bytes, and returns how many.
async fn room_for(stream: &mut SendStream<Bytes>, most: usize) -> Result<usize, h2::Error> {
    stream.reserve_capacity(most);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(reset) = stream.poll_reset(cx) {
            return Poll::Ready(Err(reset.map_or_else(|error| error, h2::Error::from)));
        }
        while stream.capacity() == 0 {
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
            }
        }
        Poll::Ready(Ok(stream.capacity()))
    })
    .await
}

/// The body of a request. What is taken of it makes room for more.
struct RequestBody {
    stream: RecvStream,
    /// Notified once, when data is read that the peer has not sent.
    wanted: Option<Arc<Notify>>,
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.stream.poll_data(cx);
        if let Some(wanted) = self.wanted.take()
            && polled.is_pending()
        {
            wanted.notify_one();
        }
        Poll::Ready(match ready!(polled) {
            Some(Ok(data)) => {
                let released = self.stream.flow_control().release_capacity(data.len());
                Some(
                    released
                        .map(|()| Frame::data(data))
                        .map_err(io::Error::other),
                )
            }
            Some(Err(error)) => Some(Err(io::Error::other(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
