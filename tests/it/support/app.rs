//! A running app with a clock of its own. It must not reach into the app: everything goes over
//! HTTP.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tablecall::app::App;
use tablecall::config::{Config, RawConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::call::Asked;
use crate::listeners;
use crate::logs::Logs;
use crate::phone::{Phone, prompts};

/// Beginning of simulated time: noon in San Francisco, in office hours everywhere in America.
pub(crate) const NOON: &str = "2026-12-01T20:00:00Z";
/// A number that only a test picks up.
pub(crate) const RESTAURANT: &str = "+14155552671";
/// The secret of the API key of an app beside another.
pub(crate) const SECRET: &str = "the-secret-of-the-app";
/// Everything that takes real time is over by then, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of `work`, which must come in time.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(result) => result,
        Err(_) => panic!("{what}: nothing came in {} s", PATIENCE.as_secs()),
    }
}

/// A table for four at [`RESTAURANT`], three days ahead.
pub(crate) fn table() -> Value {
    table_at(RESTAURANT)
}

/// A table for four at a number.
pub(crate) fn table_at(phone: &str) -> Value {
    json!({"name": "Ana García", "phone": phone, "time": "2026-12-04T19:30", "party_size": 4})
}

/// The same request with other fields.
pub(crate) fn with(mut request: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

/// The app, its clock, and what it logs.
pub(crate) struct TestApp {
    pub(crate) origin: String,
    /// Address of the simulated carrier: here, or at the app beside which this one was started.
    pub(crate) carrier: String,
    /// Address of metrics alone, if they have one.
    pub(crate) metrics: Option<std::net::SocketAddr>,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
    /// Secret of the API key that requests carry.
    pub(crate) key: Option<&'static str>,
    /// The simulator loses callbacks, so they are not waited for.
    pub(crate) loses_callbacks: bool,
    /// Number of prompts that were read of each line that somebody listened to.
    pub(crate) read: RefCell<BTreeMap<String, usize>>,
    /// The numbers that clients asked to be rung.
    asked: RefCell<BTreeSet<String>>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), tablecall::app::AppError>>,
    logs: Logs,
}

impl TestApp {
    /// Starts it as `cargo run` does, with only the port configured.
    pub(crate) async fn start() -> Self {
        Self::with(RawConfig::default()).await
    }

    /// With settings.
    pub(crate) async fn with(given: RawConfig) -> Self {
        Self::at(given, Clock::simulated(NOON.parse().unwrap())).await
    }

    /// Starts it as a second process with an account at the carrier of `other`, and in its time.
    pub(crate) async fn beside(other: &Self, given: RawConfig) -> Self {
        Self::beside_lagging(other, given, SignedDuration::ZERO).await
    }

    /// The same where the carrier's list may lag behind for so long.
    pub(crate) async fn beside_lagging(
        other: &Self,
        given: RawConfig,
        lag: SignedDuration,
    ) -> Self {
        let mut config = Config::read(&Self::with_account(&other.carrier, given)).unwrap();
        config.list_lag = lag;
        Self {
            carrier: other.carrier.clone(),
            ..Self::configured(config, other.clock.clone()).await
        }
    }

    /// With an account at a carrier that runs alone, and with a key.
    pub(crate) async fn at_carrier(
        config: twilio_simulator::SimulatorConfig,
        given: RawConfig,
    ) -> Self {
        let clock = Clock::simulated(NOON.parse().unwrap());
        let config = twilio_simulator::SimulatorConfig {
            auth_tokens: vec![crate::webhook::TOKEN.to_owned()],
            ..config
        };
        let (tell, told) = tokio::sync::oneshot::channel();
        let bound = move |address| tell.send(address).expect("somebody wants to know");
        let listen = "127.0.0.1:0".parse().unwrap();
        let running = tablecall::app::run_simulator(
            listen,
            config,
            clock.clone(),
            bound,
            std::future::pending(),
        );
        tokio::spawn(async move { running.await.expect("the carrier runs") });
        let carrier = format!(
            "http://{}",
            within("the carrier listens", told).await.unwrap()
        );
        let given = Self::with_account(&carrier, given);
        Self {
            carrier,
            key: Some(SECRET),
            ..Self::at(given, clock).await
        }
    }

    pub(crate) fn with_account(carrier: &str, given: RawConfig) -> RawConfig {
        let address = given
            .server
            .listen
            .clone()
            .unwrap_or_else(|| listeners::reserve().to_string());
        given.with(|it| {
            let or = |setting: &mut Option<String>, default: &str| {
                setting.get_or_insert_with(|| default.to_owned());
            };
            or(&mut it.server.public_url, &format!("http://{address}"));
            or(&mut it.carrier.twilio_auth_token, crate::webhook::TOKEN);
            or(&mut it.carrier.twilio_from_number, "+15005550006");
            or(&mut it.carrier.twilio_cps, "0");
            or(&mut it.calls.allowed_countries, "*");
            or(&mut it.calls.call_hours, "always");
            or(&mut it.calls.limits, "off");
            it.server.listen = Some(address);
            it.carrier.twilio_account_sid = Some(format!("AC{}", "0".repeat(32)));
            it.carrier.twilio_api_url = Some(format!("{carrier}/simulator"));
            it.clients.api_keys = Some(format!("app:{SECRET}"));
        })
    }

    /// With settings, in a time of its own.
    pub(crate) async fn at(given: RawConfig, clock: Clock) -> Self {
        let listen = given
            .server
            .listen
            .clone()
            .or_else(|| Some("127.0.0.1:0".to_owned()));
        let config = Config::read(&given.with(|it| it.server.listen = listen))
            .expect("the settings are right");
        Self::configured(config, clock).await
    }

    async fn configured(config: Config, clock: Clock) -> Self {
        let logs = Logs::capture(&clock);
        let listener = listeners::bound(config.listen);
        let app = App::build(listener, config, clock.clone())
            .await
            .expect("the app can be built");
        let origin = format!("http://{}", app.address());
        let metrics = app.metrics_address();
        let stop = CancellationToken::new();
        let running = tokio::spawn(app.run_until(stop.clone().cancelled_owned()));
        let http = tablecall::http_client().unwrap();
        Self {
            carrier: origin.clone(),
            origin,
            metrics,
            clock,
            http,
            key: None,
            loses_callbacks: false,
            read: RefCell::default(),
            asked: RefCell::default(),
            stop,
            running,
            logs,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    // The client's side

    /// A client asks for a table: the call is taken on.
    pub(crate) async fn asks(&self, request: Value) -> Asked<'_> {
        let answer = self.tries(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let id = answer.body["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), format!("/api/call/{id}"));
        Asked::new(self, id)
    }

    /// A client asks for a table, whatever comes of it.
    pub(crate) async fn tries(&self, request: Value) -> Answer {
        let answer = self.send(self.post("/api/call").json(&request)).await;
        if let Some(phone) = answer.body["reservation"]["phone"].as_str() {
            self.asked.borrow_mut().insert(phone.to_owned());
        }
        answer
    }

    /// Checks a request.
    pub(crate) async fn checks(&self, request: Value) -> Value {
        let answer = self.send(self.post("/api/call/check").json(&request)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.with_key(self.http.post(format!("{}{path}", self.origin)))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.with_key(self.http.get(format!("{}{path}", self.origin)))
    }

    fn with_key(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request).await
    }

    // The restaurant's side

    /// The phone with this number.
    pub(crate) fn phone(&self, number: &str) -> Phone<'_> {
        Phone::new(self, number)
    }

    /// Asks the simulator's control API.
    pub(crate) async fn simulator(&self, path: &str) -> Value {
        let answer = Answer::of(
            self.http
                .get(format!("{}/simulator/api/{path}", self.carrier)),
        )
        .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.body
    }

    /// Lets things go wrong from now on, and nothing else.
    pub(crate) async fn goes_wrong(&self, faults: Value) {
        let request = self
            .http
            .put(format!("{}/simulator/api/faults", self.carrier))
            .json(&faults);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Says how a number behaves from its next call on.
    pub(crate) async fn behaves(&self, number: &str, behaviour: Value) {
        let number = number.replace('+', "%2B");
        let request = self
            .http
            .put(format!("{}/simulator/api/numbers/{number}", self.carrier))
            .json(&behaviour);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Waits, without letting time pass, until the carrier has taken a call on.
    pub(crate) async fn is_taken_on(&self) -> String {
        let state = self.simulator("state").await;
        let state = match state["calls"].as_array().unwrap().is_empty() {
            true => {
                self.simulator(&format!("state?after={}&wait=30", state["version"]))
                    .await
            }
            false => state,
        };
        state["calls"][0]["sid"]
            .as_str()
            .expect("a call was taken on")
            .to_owned()
    }

    /// Waits until the app has received the end of every call.
    pub(crate) async fn hears_of_the_end(&self) {
        self.is_quiet().await;
        let ledger = self.ledger().await;
        assert!(
            ledger.iter().all(|call| call["final"] == true),
            "{ledger:#?}"
        );
    }

    /// The simulator's books: every call it ever took on, oldest first.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        self.simulator("ledger").await["calls"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// The exchanges of this kind: `rest`, `voice`, `status` or `amd`.
    pub(crate) async fn wire(&self, kind: &str) -> Vec<Value> {
        let wire = self.simulator("wire").await;
        let exchanges = wire["exchanges"].as_array().unwrap();
        exchanges
            .iter()
            .filter(|exchange| exchange["kind"] == kind)
            .cloned()
            .collect()
    }

    /// Requests to `Calls.json`: how often the carrier was asked to ring.
    pub(crate) async fn creates(&self) -> Vec<Value> {
        let is_create = |it: &Value| {
            it["method"] == "POST" && it["url"].as_str().unwrap().ends_with("/Calls.json")
        };
        self.wire("rest")
            .await
            .into_iter()
            .filter(is_create)
            .collect()
    }

    // The end

    /// Nothing is left: no phone rings or talks, no number was called without a request, every
    /// event of a stream was read, no document had a fault, nothing was logged as an error, and the
    /// app stops in order. What was logged.
    pub(crate) async fn finish(self) -> String {
        let phones = self.simulator("calls").await;
        for phone in phones["calls"].as_array().unwrap() {
            assert_eq!(phone["ended"], true, "a line is still open: {phone:#}");
            assert_eq!(
                phone["warnings"],
                json!([]),
                "the carrier complained: {phone:#}"
            );
            let (number, sid) = (
                phone["to"].as_str().unwrap(),
                phone["sid"].as_str().unwrap(),
            );
            // Who asked an app beside this one is not known here.
            let asked = self.asked.borrow();
            let theirs = phone["direction"] == "inbound";
            assert!(
                theirs || asked.is_empty() || asked.contains(number),
                "nobody asked for this call: {phone:#}"
            );
            if let Some(read) = self.read.borrow().get(sid) {
                let said = prompts(phone);
                assert_eq!(said.len(), *read, "not read: {:?}", said.get(*read..));
            }
        }
        let log = self.stops().await;
        let errors: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("\"ERROR\""))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        log
    }

    /// Stops the app, whatever is left. What was logged.
    pub(crate) async fn stops(self) -> String {
        self.stop.cancel();
        within("the app stops", self.running)
            .await
            .expect("the app did not panic")
            .expect("nothing was wrong with the words");
        self.logs.text()
    }
}
