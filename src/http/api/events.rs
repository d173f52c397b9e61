//! A call as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use metrics::Gauge;
use poem::http::{HeaderName, HeaderValue, header};
use poem::web::sse::Event;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use tokio::sync::watch;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use super::view::CallView;
use crate::call::Call;
use crate::service::Service;

/// A comment keeps the connection open through proxies that close quiet ones.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The comment. An empty line behind it would end an event, and widely used readers deliver an
/// empty one then.
const COMMENT: &[u8] = b":\n";

/// Server-sent events: the text of the stream as it is sent.
pub(super) struct EventText(BoxStream<'static, Bytes>);

impl Payload for EventText {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }
}

impl IntoResponse for EventText {
    fn into_response(self) -> Response {
        let text = self.0.map(Ok::<_, std::io::Error>);
        let mut response = Body::from_bytes_stream(text).into_response();
        let headers = [
            (header::CONTENT_TYPE, Self::CONTENT_TYPE),
            // A proxy that compresses a stream holds events back until its buffer is full.
            (header::CACHE_CONTROL, "no-cache, no-transform"),
            // nginx buffers answers without this header.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        for (name, value) in headers {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The newest state at once unless it was `seen`, then each later one; ends after the final state,
/// or when the process stops: the client comes back and resumes elsewhere.
pub(super) fn stream(
    calls: watch::Receiver<Arc<Call>>,
    seen: Option<u64>,
    service: &Service,
) -> EventText {
    struct Follow {
        calls: watch::Receiver<Arc<Call>>,
        seen: Option<u64>,
        over: bool,
        stop: CancellationToken,
        _counted: CountedStream,
        heartbeat: Interval,
    }
    let counted = CountedStream::new(service.metrics().sse_clients.clone());
    let follow = Follow {
        calls,
        seen,
        over: false,
        stop: service.stopping(),
        _counted: counted,
        heartbeat: tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT),
    };
    let events = stream::unfold(follow, |mut follow| async move {
        while !follow.over {
            let call = follow.calls.borrow_and_update().clone();
            follow.over = call.is_finished();
            // An id that is not of the past is of no use: the current state is sent.
            if follow.seen != Some(call.version) {
                follow.seen = Some(call.version);
                return Some((written(&CallView::of(&call)), follow));
            }
            if !follow.over {
                // A change goes before the end of the process: the last change says how the call
                // ended in it.
                tokio::select! {
                    biased;
                    changed = follow.calls.changed() => follow.over = changed.is_err(),
                    () = follow.stop.cancelled() => follow.over = true,
                    _ = follow.heartbeat.tick() => return Some((Bytes::from_static(COMMENT), follow)),
                }
            }
        }
        None
    });
    EventText(events.boxed())
}

/// A state of a call as an event.
fn written(call: &CallView) -> Bytes {
    let event = Event::message(serde_json::to_string(call).unwrap_or_default())
        .event_type("call")
        .id(call.version().to_string());
    Bytes::from(event.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_is_neither_cached_nor_transformed() {
        let text = EventText(stream::iter([Bytes::from_static(COMMENT)]).boxed());
        let response = text.into_response();
        assert_eq!(
            response.header("cache-control"),
            Some("no-cache, no-transform")
        );
        assert_eq!(response.content_type(), Some("text/event-stream"));
        assert_eq!(response.into_body().into_string().await.unwrap(), ":\n");
    }
}
