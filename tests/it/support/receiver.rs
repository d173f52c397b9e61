//! A client's endpoint for events: it takes requests over HTTP, answers as a test wants, and keeps
//! what came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::app::within;

/// An event as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// Kind of the answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, with a header.
    Status(u16, Option<(&'static str, String)>),
    /// Nothing, until the other side has gone or the test says so.
    Silence(Arc<Notify>),
}

impl Reply {
    pub(crate) const fn status(status: u16) -> Self {
        Self::Status(status, None)
    }
}

/// The endpoint; it is gone when it is dropped.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: mpsc::UnboundedReceiver<Received>,
    replies: Arc<Mutex<Replies>>,
    running: JoinHandle<()>,
}

struct Replies {
    next: VecDeque<Reply>,
    then: Reply,
}

impl Receiver {
    /// Answers with 204.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/hidden-path?token=hidden",
            listener.local_addr().unwrap()
        );
        let (tell, received) = mpsc::unbounded_channel();
        let replies = Arc::new(Mutex::new(Replies {
            next: VecDeque::new(),
            then: Reply::status(204),
        }));
        let running = tokio::spawn(listen(listener, tell, replies.clone()));
        Self {
            url,
            received,
            replies,
            running,
        }
    }

    /// Answers so, one after the other, and then as before.
    pub(crate) fn replies(&self, next: impl IntoIterator<Item = Reply>) {
        self.replies.lock().next.extend(next);
    }

    /// Answers so from now on.
    pub(crate) fn always(&self, reply: Reply) {
        self.replies.lock().then = reply;
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Received {
        within("an event", self.received.recv())
            .await
            .expect("the endpoint runs")
    }

    /// The events up to the last of a call.
    pub(crate) async fn until_finished(&mut self) -> Vec<Received> {
        let mut all = vec![self.next().await];
        while all.last().unwrap().body["type"] != "call.finished" {
            all.push(self.next().await);
        }
        all
    }

    /// Takes the requests that came and were not looked at.
    pub(crate) fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing"))
            .to_str()
            .unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Time at which it was signed, in seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.header("webhook-timestamp").parse().unwrap()
    }

    pub(crate) fn version(&self) -> u64 {
        self.body["data"]["version"].as_u64().unwrap()
    }
}

async fn listen(
    listener: TcpListener,
    tell: mpsc::UnboundedSender<Received>,
    replies: Arc<Mutex<Replies>>,
) {
    // Connections end with the endpoint.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tell, replies) = (tell.clone(), replies.clone());
        let service = service_fn(move |request| answer(request, tell.clone(), replies.clone()));
        connections.spawn(async move {
            // A client that hangs up is what some tests are about.
            let _over = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Received>,
    replies: Arc<Mutex<Replies>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/hidden-path")
    );
    let headers = request.headers().clone();
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap();
    let reply = {
        let mut replies = replies.lock();
        replies
            .next
            .pop_front()
            .unwrap_or_else(|| replies.then.clone())
    };
    // A test that has seen enough does not listen.
    let _told = tell.send(Received {
        headers,
        text,
        body,
    });
    let (status, header) = match reply {
        Reply::Status(status, header) => (status, header),
        Reply::Silence(until) => {
            until.notified().await;
            (204, None)
        }
    };
    let mut response = Response::builder().status(status);
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    Ok(response.body(Full::default()).unwrap())
}
