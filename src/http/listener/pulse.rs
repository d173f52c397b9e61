//! Activity of a connection, seen from the bytes that pass and the answers under way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::ConnectionLimits;

/// The activities of a connection with their starts, in milliseconds since it began; 0: not active.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    /// Requests between the end of their head and the end of their answer.
    busy: AtomicU32,
    /// Time at which it last came to rest.
    rested: AtomicU64,
    /// The time of the first byte of an unfinished head.
    head: AtomicU64,
    /// The time since which the peer takes no data.
    stalled: AtomicU64,
    /// HTTP/2 has frames between requests, so bytes at rest begin no head.
    multiplexed: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            busy: AtomicU32::default(),
            rested: AtomicU64::default(),
            head: AtomicU64::default(),
            stalled: AtomicU64::default(),
            multiplexed: AtomicBool::default(),
        }
    }
}

impl Pulse {
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// The time at which the connection is closed if nothing happens until then.
    pub(super) fn due(&self, limits: &ConnectionLimits) -> Instant {
        let at = |since: u64, limit: Duration| self.began + Duration::from_millis(since) + limit;
        let (head, stalled) = (
            self.head.load(Ordering::Relaxed),
            self.stalled.load(Ordering::Relaxed),
        );
        if stalled > 0 {
            at(stalled, limits.request)
        } else if self.busy.load(Ordering::Relaxed) > 0 {
            Instant::now() + limits.idle
        } else if head > 0 {
            at(head, limits.head)
        } else {
            at(self.rested.load(Ordering::Relaxed), limits.idle)
        }
    }

    pub(super) fn received(&self) {
        if self.busy.load(Ordering::Relaxed) > 0 || self.multiplexed.load(Ordering::Relaxed) {
            return;
        }
        if self.head.load(Ordering::Relaxed) == 0 {
            self.head.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The connection is one of HTTP/2.
    pub(super) fn multiplex(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, taken: bool) {
        let stalled = self.stalled.load(Ordering::Relaxed) > 0;
        if taken && stalled {
            self.stalled.store(0, Ordering::Relaxed);
        } else if !taken && !stalled {
            self.stalled.store(self.now(), Ordering::Relaxed);
        }
    }
}

/// Marks its connection as busy for as long as it lives.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pulse>);

impl Busy {
    pub(super) fn new(pulse: &Arc<Pulse>) -> Self {
        pulse.busy.fetch_add(1, Ordering::Relaxed);
        pulse.head.store(0, Ordering::Relaxed);
        Self(Arc::clone(pulse))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.rested.store(self.0.now(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which keeps its connection busy until it is sent.
pub(super) struct CountedBody {
    pub(super) body: BoxBody<Bytes, io::Error>,
    pub(super) _busy: Busy,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket whose bytes are noticed.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    /// Bytes that were read before.
    pub(super) read: Bytes,
    pub(super) pulse: Arc<Pulse>,
}

impl Watched {
    fn wrote<T>(&self, poll: Poll<T>) -> Poll<T> {
        self.pulse.wrote(poll.is_ready());
        poll
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = if self.read.is_empty() {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        } else {
            let part = self.read.len().min(buffer.remaining());
            buffer.put_slice(&self.read.split_to(part));
            Poll::Ready(Ok(()))
        };
        if buffer.filled().len() > before {
            self.pulse.received();
        }
        poll
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
