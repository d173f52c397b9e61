//! A request that must not leave after a certain moment: it is looked at when its bytes are wanted,
//! which is after the connection stands. A process that stood still meanwhile, or a connection that
//! took its time, sends nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use jiff::Timestamp;

use clock::Clock;

/// Until when something may be sent.
#[derive(Clone, Debug)]
pub struct SendDeadline {
    /// The clock for the deadline.
    pub clock: Clock,
    /// Not after this.
    pub at: Timestamp,
}

/// It was too late; nothing was sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it was not sent: the time in which it may be was over")]
pub(super) struct DeadlinePassed;

/// The body of a request.
#[derive(Debug)]
pub(super) struct DeadlineBody {
    body: Full<Bytes>,
    until: Option<SendDeadline>,
}

impl DeadlineBody {
    pub(super) fn new(body: String, until: Option<SendDeadline>) -> Self {
        Self {
            body: Full::from(body),
            until,
        }
    }
}

impl Body for DeadlineBody {
    type Data = Bytes;
    type Error = DeadlinePassed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DeadlinePassed>>> {
        if self
            .until
            .as_ref()
            .is_some_and(|until| until.clock.now() > until.at)
        {
            return Poll::Ready(Some(Err(DeadlinePassed)));
        }
        Pin::new(&mut self.body)
            .poll_frame(context)
            .map_err(|never: Infallible| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
