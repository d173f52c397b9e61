//! A fake Twilio: the REST API, signed webhooks, an interpreter of TwiML, and a phone at the other
//! end.
//!
//! It reaches the product over HTTP only and imports nothing of it: what both know is Twilio's
//! protocol, which each reads with code of its own. It knows no HTTP framework: an adapter hands
//! [`Simulator::handle`] each request under `/simulator/…` (or `/2010-04-01/…`, where it runs
//! alone).
//!
//! Start reading at `simulated_call`, the course of a call; `interpreter`, `gathering`, `dialing`,
//! `queueing` and `conferences` run documents; `webhooks` sends; `rest` and `control` answer.

mod addresses;
mod call;
mod call_course;
pub mod call_file;
pub mod catalogue;
mod status_delivery;
mod behaviour;
mod config;
mod control;
mod control_error;
mod control_inbound;
mod conference_room;
mod conferences;
mod create_call;
mod documents;
mod faults;
mod flow;
mod form;
mod dialing;
mod digit_collector;
mod http_client;
mod http_method;
mod interpreter;
mod simulated_call;
mod gathering;
mod list_calls;
mod media;
mod moments;
mod notifications;
mod overrides;
mod parameters;
mod paging;
mod queueing;
mod recordings;
pub mod replay;
mod resource;
pub mod rest;
mod rest_error;
mod rest_format;
mod rest_request;
mod rest_accounts;
mod rest_calls;
mod rest_media;
mod rest_queues;
mod rest_recordings;
mod rest_rooms;
mod running;
mod signing;
mod speaking;
mod speech_duration;
mod event_stream;
pub mod twiml;
mod update_call;
mod control_view;
mod cookies;
mod waiting;
mod webhook_params;
mod webhook_url;
mod webhooks;
mod exchange_log;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use behaviour::{CallEnding, NumberBehaviour, ScriptedKeys, ScriptedWords, Voicemail};
pub use config::{CallTimings, SignatureAlgorithm, SimulatorConfig};
pub use faults::{Fault, FaultSwitch};
pub use http_method::HttpMethod;
pub use running::{RunningSimulator, SimulatedPhone};

use call::{CallCommand, CallRecord, SidText};
use clock::Clock;
use conference_room::Conference;
use control_inbound::VoiceUrl;
use exchange_log::{Exchange, ExchangeLog};
use faults::Faults;
use http_client::HttpClient;
use queueing::CallQueue;
use recordings::Recording;
use rest_accounts::Application;

/// Body of the simulator's answers; server-sent events stream. An error means: close the
/// connection.
pub type SimulatorBody = BoxBody<Bytes, std::io::Error>;

/// Ended calls that are kept.
const ENDED_CALLS: usize = 2_000;

/// A fake Twilio account with its phones; cheap to clone.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Simulator {
    /// An account without calls. `tls` says which certificates of a service are trusted. Needs a
    /// tokio runtime only once it is used.
    #[must_use]
    pub fn new(config: SimulatorConfig, clock: Clock, tls: rustls::ClientConfig) -> Self {
        let state = SimulatorState {
            version: 0,
            calls: BTreeMap::new(),
            orders: HashMap::new(),
            next_order: 1,
            numbers: HashMap::new(),
            voice_urls: BTreeMap::new(),
            faults: Faults::default(),
            exchanges: ExchangeLog::default(),
            recordings: VecDeque::new(),
            conferences: Vec::new(),
            queues: Vec::new(),
            applications: Vec::new(),
            next_start: Timestamp::MIN,
        };
        Self(Arc::new(Inner {
            client: HttpClient::new(tls, config.idle_connections),
            started_at: clock.now(),
            config,
            clock,
            state: Mutex::new(state),
            version: watch::Sender::new(0),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            in_flight: AtomicUsize::new(0),
        }))
    }

    /// Answers one request; its path must be whole. Never fails: what is unknown gets 404.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<SimulatorBody> {
        let path = request.uri().path().to_owned();
        let below = path.strip_prefix("/simulator").unwrap_or(&path);
        if let Some(resource) = below.strip_prefix("/2010-04-01/") {
            return rest::handle(&self.0, &request, resource).await;
        }
        match path.strip_prefix("/simulator/api/") {
            Some(resource) => control::handle(&self.0, &request, resource).await,
            None => problem(StatusCode::NOT_FOUND, "There is nothing here"),
        }
    }

    /// Ends all calls and streams without a word to anybody, and waits until nothing runs any more.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }
}

/// The parts that everything in the simulator shares.
struct Inner {
    config: SimulatorConfig,
    clock: Clock,
    client: HttpClient,
    state: Mutex<SimulatorState>,
    /// The newest version, for those who wait for it.
    version: watch::Sender<u64>,
    started_at: Timestamp,
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Webhooks that were sent and have no answer yet, pauses between their tries included.
    in_flight: AtomicUsize,
}

/// Everything that changes, under one lock: the simulator is a tool, and tests need one order.
struct SimulatorState {
    /// Counts every change; exchanges and calls carry the version at which they were last touched.
    version: u64,
    calls: BTreeMap<u64, CallRecord>,
    orders: HashMap<SidText, u64>,
    next_order: u64,
    numbers: HashMap<String, NumberBehaviour>,
    voice_urls: BTreeMap<String, VoiceUrl>,
    faults: Faults,
    exchanges: ExchangeLog,
    recordings: VecDeque<Recording>,
    conferences: Vec<Conference>,
    queues: Vec<CallQueue>,
    applications: Vec<Application>,
    /// The time at which the next call may leave the queue.
    next_start: Timestamp,
}

impl SimulatorState {
    fn call(&self, sid: &str) -> Option<&CallRecord> {
        self.calls.get(self.orders.get(sid)?)
    }

    fn call_mut(&mut self, sid: &str) -> Option<&mut CallRecord> {
        self.calls.get_mut(self.orders.get(sid)?)
    }

    fn insert(&mut self, call: CallRecord) {
        self.orders.insert(call.sid.clone(), call.order);
        self.calls.insert(call.order, call);
        if self.calls.len() > ENDED_CALLS {
            let oldest = self
                .calls
                .values()
                .find(|call| call.status.has_ended())
                .map(|call| call.sid.clone());
            if let Some(oldest) = oldest {
                self.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, sid: &str) {
        if let Some(order) = self.orders.remove(sid) {
            self.calls.remove(&order);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        self.state.lock()
    }

    /// Changes the state and wakes those who wait for a change.
    fn change<R>(&self, change: impl FnOnce(&mut SimulatorState) -> R) -> R {
        let mut state = self.lock();
        state.version += 1;
        let result = change(&mut state);
        self.version.send_replace(state.version);
        result
    }

    /// Changes one call, if it is still known, and wakes those who wait for a change.
    fn change_call<R>(&self, sid: &str, change: impl FnOnce(&mut CallRecord) -> R) -> Option<R> {
        self.change(|state| {
            let version = state.version;
            let call = state.call_mut(sid)?;
            call.version = version;
            Some(change(call))
        })
    }

    /// Gives a command to a call; one that is over does not get it.
    fn command(&self, sid: &str, command: CallCommand) {
        let now = self.clock.now();
        if let Some(call) = self.lock().call(sid) {
            drop(call.inbox.send((now, command)));
        }
    }

    fn record(&self, mut exchange: Exchange) {
        self.change(|state| {
            exchange.id = state.version;
            state.exchanges.push(exchange);
        });
    }

    /// The switch of a fault that applies to a call to `to`, or to a webhook of the kinds in `what`.
    fn trigger(&self, fault: Fault, to: &str, what: &[&str]) -> Option<FaultSwitch> {
        self.lock().faults.trigger(fault, to, what)
    }
}

/// An answer with a JSON body.
fn json(status: StatusCode, value: &Value) -> Response<SimulatorBody> {
    answer(status, "application/json", value.to_string())
}

/// A problem of the control API (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response<SimulatorBody> {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    answer(status, "application/problem+json", body.to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<SimulatorBody> {
    let body = Full::new(Bytes::from(body))
        .map_err(|never| match never {})
        .boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    response
}
