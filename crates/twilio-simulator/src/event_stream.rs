//! Changes of the simulator as they happen: long polls and server-sent events with resume.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Inner, SimulatorBody, SimulatorState, control_view};

/// Interval of the comments that keep an idle stream open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Waits until `look` finds something, at most `patience` of real time.
pub(super) async fn poll<T>(
    sim: &Inner,
    patience: Duration,
    look: impl Fn(&SimulatorState) -> Option<T>,
) -> Option<T> {
    let mut version = sim.version.subscribe();
    let found = async {
        loop {
            version.mark_unchanged();
            if let Some(found) = look(&sim.lock()) {
                return Some(found);
            }
            if version.changed().await.is_err() {
                return None;
            }
        }
    };
    tokio::select! {
        found = found => found,
        () = tokio::time::sleep(patience) => None,
        () = sim.stop.cancelled() => None,
    }
}

/// `text/event-stream` of everything after version `after`.
pub(super) fn events(sim: &Arc<Inner>, after: u64) -> Response<SimulatorBody> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(16);
    let source = Arc::clone(sim);
    sim.tracker.spawn(async move {
        tokio::select! {
            () = feed(&source, after, &sender) => {}
            () = source.stop.cancelled() => {}
        }
    });
    let frames = futures_util::stream::poll_fn(move |context| {
        receiver
            .poll_recv(context)
            .map(|chunk| chunk.map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk))))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn feed(sim: &Inner, mut after: u64, sender: &mpsc::Sender<Bytes>) {
    if sender
        .send(Bytes::from_static(b": simulator\n\n"))
        .await
        .is_err()
    {
        return;
    }
    loop {
        let news = poll(sim, HEARTBEAT, |state| {
            let news = news(state, sim, after);
            (!news.is_empty()).then_some(news)
        });
        let chunk = match news.await {
            Some(news) => {
                after = news.last().map_or(after, |(id, _, _)| *id);
                news.iter()
                    .map(|(id, name, data)| format!("id: {id}\nevent: {name}\ndata: {data}\n\n"))
                    .collect()
            }
            None => ": still here\n\n".to_owned(),
        };
        if sender.send(Bytes::from(chunk)).await.is_err() {
            return;
        }
    }
}

/// Exchanges and calls changed after a version, in order. A call is shown in its newest state
/// only.
fn news(state: &SimulatorState, sim: &Inner, after: u64) -> Vec<(u64, &'static str, Value)> {
    if state.version <= after {
        return Vec::new();
    }
    let exchanges = state.exchanges.after(after).map(|it| {
        (
            it.id,
            "exchange",
            serde_json::to_value(it).unwrap_or_default(),
        )
    });
    let touched = state.calls.values().filter(|call| call.version > after);
    let calls = touched.map(|call| (call.version, "call", control_view::phone(state, sim, call)));
    let mut news: Vec<_> = exchanges.chain(calls).collect();
    news.sort_unstable_by_key(|(id, _, _)| *id);
    news
}
