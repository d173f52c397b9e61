//! Helpers of the tests: a simulator, a service, and actions on calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::service::{Books, CannedReply, ReceivedRequest, serve};
use crate::{Simulator, SimulatorConfig, form};
use clock::Clock;

/// A simulator, a service, and a clock between them.
pub(super) struct Harness {
    pub(super) simulator: Simulator,
    pub(super) clock: Clock,
    pub(super) origin: String,
    books: Arc<Mutex<Books>>,
    asked: watch::Receiver<usize>,
}

pub(super) const TOKEN: &str = "12345";
pub(super) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

impl Harness {
    /// With a clock that runs a thousand times faster than ours.
    pub(super) async fn running() -> Self {
        let harness = Self::standing(SimulatorConfig::default()).await;
        harness.clock.run(1_000);
        harness
    }

    /// With a fast clock and a service that answers `/answer` with these verbs, and `/after` with a
    /// Hangup.
    pub(super) async fn answering(verbs: &str) -> Self {
        let harness = Self::running().await;
        harness.on("/answer", CannedReply::twiml(verbs));
        harness.on("/after", CannedReply::twiml("<Hangup/>"));
        harness
    }

    /// With a clock that stands still.
    pub(super) async fn standing(config: SimulatorConfig) -> Self {
        let config = SimulatorConfig {
            account_sid: ACCOUNT.to_owned(),
            auth_tokens: vec![TOKEN.to_owned(), "67890".to_owned()],
            ..config
        };
        let clock = Clock::simulated("2026-12-01T12:00:00Z".parse().unwrap());
        let simulator = Simulator::new(config, clock.clone(), tls());
        let books = Arc::new(Mutex::new(Books::default()));
        let (sender, asked) = watch::channel(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Arc::clone(&books), Arc::new(sender)));
        Self {
            simulator,
            clock,
            origin,
            books,
            asked,
        }
    }

    /// Answers `path` so from now on; other paths get 204.
    pub(super) fn on(&self, path: &str, reply: CannedReply) {
        self.books.lock().replies.insert(path.to_owned(), reply);
    }

    pub(super) async fn rest(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        self.send(rest_request(method, path, params)).await
    }

    /// Type and text of an answer in any form.
    pub(super) async fn text(&self, path: &str) -> (String, String) {
        let request = rest_request(Method::GET, path, &[]);
        let (head, body) = self.simulator.handle(request).await.into_parts();
        let kind = head.headers["content-type"].to_str().unwrap().to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Rings `to` with the document at `/answer` and all callbacks; the call's sid.
    pub(super) async fn dial(&self, to: &str, more: &[(&str, &str)]) -> String {
        let (url, callback) = (
            format!("{}/answer", self.origin),
            format!("{}/status", self.origin),
        );
        let mut params = vec![
            ("To", to),
            ("From", "+15005550006"),
            ("Url", &url),
            ("StatusCallback", &callback),
        ];
        params.extend(
            ["initiated", "ringing", "answered", "completed"]
                .map(|event| ("StatusCallbackEvent", event)),
        );
        params.extend_from_slice(more);
        let (status, call) = self.rest(Method::POST, "/Calls.json", &params).await;
        assert_eq!(status, StatusCode::CREATED, "{call}");
        call["sid"].as_str().unwrap().to_owned()
    }

    /// Rings a phone on a clock that stands still, picks up, and waits until something is heard;
    /// the call's sid.
    pub(super) async fn talking(&self, more: &[(&str, &str)]) -> String {
        let sid = self.dial("+14155552671", more).await;
        self.advance_until(&sid, |call| call["status"] == "ringing")
            .await;
        self.answer(&sid).await;
        self.until(&sid, |call| !call["saying"].is_null()).await;
        sid
    }

    pub(super) async fn control(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/simulator/api/{path}"));
        self.send(request.body(body).unwrap()).await
    }

    /// Status, type and bytes of a resource that anybody may read.
    pub(super) async fn bytes(&self, path: &str) -> (StatusCode, String, Bytes) {
        let uri = format!("/simulator/2010-04-01/Accounts/{ACCOUNT}{path}");
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let response = self.simulator.handle(request).await;
        let (head, body) = response.into_parts();
        let kind = head.headers["content-type"].to_str().unwrap().to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, kind, body)
    }

    async fn send(&self, request: Request<Bytes>) -> (StatusCode, Value) {
        let response = self.simulator.handle(request).await;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(super) async fn faults(&self, switches: Value) {
        let (status, body) = self.control(Method::PUT, "faults", &switches).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    /// Waits (ten real seconds at most) until the phone is as wanted.
    pub(super) async fn until(&self, sid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut version = 0;
        let seen = async {
            loop {
                let path = format!("calls/{sid}?after={version}");
                let (_, call) = self.control(Method::GET, &path, &Value::Null).await;
                if wanted(&call) {
                    return call;
                }
                version = call["version"].as_u64().unwrap_or(version);
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), seen).await {
            Ok(call) => call,
            Err(_) => {
                panic!(
                    "never seen: {:#}",
                    self.control(Method::GET, &format!("calls/{sid}"), &Value::Null)
                        .await
                        .1
                )
            }
        }
    }

    pub(super) async fn ended(&self, sid: &str) -> Value {
        self.until(sid, |call| call["ended"] == true).await
    }

    /// All calls that the control API shows to this number.
    pub(super) async fn calls_to(&self, number: &str) -> Vec<Value> {
        let (_, state) = self.control(Method::GET, "calls", &Value::Null).await;
        let calls = state["calls"].as_array().unwrap().clone();
        calls.into_iter().filter(|it| it["to"] == number).collect()
    }

    /// The sid of the one call to a number, once it exists.
    pub(super) async fn call_to(&self, number: &str) -> String {
        let found = async {
            loop {
                if let [call] = self.calls_to(number).await.as_slice() {
                    return call["sid"].as_str().unwrap().to_owned();
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), found).await;
        waited.expect("no such call")
    }

    /// Waits until every webhook that was sent has its answer.
    pub(super) async fn quiet(&self) {
        let quiet = async {
            while self.control(Method::GET, "calls", &Value::Null).await.1["under_way"] != 0 {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), quiet).await;
        waited.expect("webhooks are still under way");
    }

    /// Moves the clock from deadline to deadline until the phone is as wanted.
    pub(super) async fn advance_until(&self, sid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let moving = async {
            loop {
                let (_, call) = self
                    .control(Method::GET, &format!("calls/{sid}"), &Value::Null)
                    .await;
                if wanted(&call) {
                    return call;
                }
                if let Some(next) = self
                    .clock
                    .next_sleeper()
                    .filter(|next| *next < jiff::Timestamp::MAX)
                {
                    self.clock
                        .advance(next.duration_since(self.clock.now()).unsigned_abs());
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), moving)
            .await
            .expect("the call never came there")
    }

    pub(super) async fn press(&self, sid: &str, digits: &str) {
        let (status, body) = self
            .control(
                Method::POST,
                &format!("calls/{sid}/press"),
                &json!({"digits": digits}),
            )
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    pub(super) async fn answer(&self, sid: &str) {
        self.until(sid, |call| call["status"] == "ringing").await;
        let (status, body) = self
            .control(Method::POST, &format!("calls/{sid}/answer"), &Value::Null)
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    /// The requests to `path`, once there are this many.
    pub(super) async fn asked(&self, path: &str, times: usize) -> Vec<ReceivedRequest> {
        let mut counted = self.asked.clone();
        let enough = async {
            loop {
                counted.mark_unchanged();
                let asked = self.asked_so_far(path);
                if asked.len() >= times {
                    return asked;
                }
                counted.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), enough).await {
            Ok(asked) => asked,
            Err(_) => {
                panic!(
                    "asked {} times only: {:?}",
                    self.asked_so_far(path).len(),
                    self.books.lock().asked
                )
            }
        }
    }

    /// Path and `CallStatus` of every webhook, in the order of their coming.
    pub(super) fn in_order(&self) -> Vec<(String, String)> {
        let books = self.books.lock();
        books
            .asked
            .iter()
            .map(|asked| (asked.path.clone(), asked.param("CallStatus").to_owned()))
            .collect()
    }

    pub(super) fn asked_so_far(&self, path: &str) -> Vec<ReceivedRequest> {
        self.books
            .lock()
            .asked
            .iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }
}

fn rest_request(method: Method, path: &str, params: &[(&str, &str)]) -> Request<Bytes> {
    let pairs: Vec<_> = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let credentials = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{ACCOUNT}:{TOKEN}"),
    );
    Request::builder()
        .method(method)
        .uri(format!("/simulator/2010-04-01/Accounts/{ACCOUNT}{path}"))
        .header("authorization", format!("Basic {credentials}"))
        .body(Bytes::from(form::encode(&pairs)))
        .unwrap()
}
/// TLS without any trusted authority: the services of these tests speak plain HTTP.
pub(super) fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

pub(super) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.tls_backend_preconfigured(tls()).build().unwrap()
}
