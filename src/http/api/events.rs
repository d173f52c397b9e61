//! A call as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use metrics::Gauge;
use poem::web::sse::Event;
use poem_openapi::payload::EventStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::view::CallView;
use crate::call::Call;
use crate::service::Service;

/// A comment keeps the connection open through proxies that close quiet ones.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The newest state at once unless it was `seen`, then each later one; ends after the final state,
/// or when the process stops: the client comes back and resumes elsewhere.
pub(super) fn stream(
    calls: watch::Receiver<Arc<Call>>,
    seen: Option<u64>,
    service: &Service,
) -> EventStream<BoxStream<'static, CallView>> {
    struct Follow {
        calls: watch::Receiver<Arc<Call>>,
        seen: Option<u64>,
        over: bool,
        stop: CancellationToken,
        _counted: CountedStream,
    }
    let counted = CountedStream::new(service.metrics().sse_clients.clone());
    let follow = Follow {
        calls,
        seen,
        over: false,
        stop: service.stopping(),
        _counted: counted,
    };
    let events = stream::unfold(follow, |mut follow| async move {
        while !follow.over {
            let call = follow.calls.borrow_and_update().clone();
            follow.over = call.is_finished();
            // An id that is not of the past is of no use: the current state is sent.
            if follow.seen != Some(call.version) {
                follow.seen = Some(call.version);
                return Some((CallView::of(&call), follow));
            }
            if !follow.over {
                // A change goes before the end of the process: the last one tells what became of
                // the call in it.
                tokio::select! {
                    biased;
                    changed = follow.calls.changed() => follow.over = changed.is_err(),
                    () = follow.stop.cancelled() => follow.over = true,
                }
            }
        }
        None
    });
    let event = |call: CallView| {
        Event::message(serde_json::to_string(&call).unwrap_or_default())
            .event_type("call")
            .id(call.version().to_string())
    };
    EventStream::new(events.boxed())
        .keep_alive(HEARTBEAT)
        .to_event(event)
}

/// An open stream, as the metrics count it.
struct CountedStream(Gauge);

impl CountedStream {
    fn new(clients: Gauge) -> Self {
        clients.increment(1.0);
        Self(clients)
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
