//! A simulator on a port of its own, with phones that a test picks up.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use twilio_simulator::{Simulator, SimulatorConfig};
//!
//! let twilio = Simulator::start(SimulatorConfig::default()).await?;
//! // The service under test uses `twilio.origin()` instead of https://api.twilio.com, with the
//! // account and the token of the configuration, and is told to call somebody.
//! let phone = twilio.phone("+14155552671");
//! phone.rings().await;
//! phone.answers().await;
//! phone.hears("press 1").await;
//! phone.presses("1").await;
//! assert_eq!(phone.ends().await, "completed");
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::call::{CallCommand, CallParameters, CallRecord, CallStatus, Direction, SidText};
use super::config::SimulatorConfig;
use super::{Inner, Simulator, SimulatorBody, SimulatorState, create_call, event_stream, problem};
use clock::Clock;

/// Largest body of a request, in bytes.
const LARGEST: usize = 1024 * 1024;
/// The longest wait of a phone for what a test expects, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulator that serves HTTP on a loopback address. It ends when it is dropped.
#[derive(Debug)]
pub struct RunningSimulator {
    simulator: Simulator,
    address: SocketAddr,
}

impl Simulator {
    /// Serves a simulator with the system's clock on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(config: SimulatorConfig) -> io::Result<RunningSimulator> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let config = SimulatorConfig {
            api_origin: Some(format!("http://{address}")),
            ..config
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let simulator = Self::new(config, Clock::system(), tls);
        let serving = simulator.clone();
        simulator.0.tracker.spawn(async move {
            let stop = serving.0.stop.clone();
            tokio::select! {
                () = accept(listener, serving) => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(RunningSimulator { simulator, address })
    }
}

async fn accept(listener: TcpListener, simulator: Simulator) {
    while let Ok((stream, _)) = listener.accept().await {
        let served = simulator.clone();
        let service = service_fn(move |request| respond(served.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        let stop = simulator.0.stop.clone();
        simulator.0.tracker.spawn(async move {
            tokio::select! {
                // A client that breaks off is no news.
                _ = connection => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn respond(
    simulator: Simulator,
    request: Request<Incoming>,
) -> Result<Response<SimulatorBody>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, LARGEST).collect().await {
        Ok(body) => {
            let request = Request::from_parts(head, body.to_bytes());
            simulator.handle(request).await
        }
        Err(_) => problem(StatusCode::BAD_REQUEST, "The body cannot be read"),
    })
}

impl RunningSimulator {
    /// The origin of the REST API, instead of `https://api.twilio.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The phone of a number: it rings when the service calls it.
    #[must_use]
    pub fn phone(&self, number: &str) -> SimulatedPhone {
        SimulatedPhone {
            sim: Arc::clone(&self.simulator.0),
            number: number.to_owned(),
            call: Mutex::new(None),
        }
    }

    /// Calls a service as `from`: its voice URL says what happens.
    #[must_use]
    pub fn call(&self, from: &str, to: &str, voice_url: &str) -> SimulatedPhone {
        let parameters = CallParameters {
            url: Some(voice_url.to_owned()),
            time_limit: Duration::from_secs(14_400),
            ..CallParameters::default()
        };
        let sid = create_call::inbound(&self.simulator.0, from, to, parameters);
        let phone = self.phone(from);
        phone.take(sid);
        phone
    }

    /// Ends all calls and the server.
    pub async fn stop(self) {
        self.simulator.stop().await;
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.simulator.0.stop.cancel();
    }
}

/// A phone in the hand of a test. Every wait ends with a panic after 30 seconds, which says what
/// the phone heard instead.
#[derive(Debug)]
pub struct SimulatedPhone {
    sim: Arc<Inner>,
    number: String,
    call: Mutex<Option<SidText>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl SimulatedPhone {
    /// Waits until it rings; calls that it had before do not count.
    pub async fn rings(&self) {
        let rings = |call: &CallRecord| {
            call.to == self.number
                && call.direction != Direction::Inbound
                && call.status == CallStatus::Ringing
        };
        let look = |state: &SimulatorState| {
            let mut calls = state.calls.values();
            calls.find(|call| rings(call)).map(|call| call.sid.clone())
        };
        match event_stream::poll(&self.sim, PATIENCE, look).await {
            Some(sid) => self.take(sid),
            None => self.fail("it never rang"),
        }
    }

    /// Picks up.
    pub async fn answers(&self) {
        self.send(CallCommand::Answer);
        self.wait("answered", |call| call.status == CallStatus::InProgress)
            .await;
    }

    /// Does not take the call.
    pub async fn declines(&self) {
        self.send(CallCommand::Decline);
        self.ends().await;
    }

    /// Waits until this text is said, as a part of what is said at once.
    pub async fn hears(&self, text: &str) {
        let said = |call: &CallRecord| {
            let mut lines = call.transcript.iter();
            lines.any(|line| line.speaker == "twilio" && line.text.contains(text))
        };
        self.wait(&format!("{text:?} was heard"), said).await;
    }

    /// Presses keys: `0`–`9`, `*`, `#`.
    pub async fn presses(&self, keys: &str) {
        let pressed = |call: &CallRecord| call.digits.len();
        let before = self.look(pressed).unwrap_or(0);
        self.send(CallCommand::Press(keys.to_owned()));
        self.wait("the keys were pressed", |call| pressed(call) > before)
            .await;
    }

    /// Says something.
    pub async fn says(&self, text: &str) {
        let spoken = |call: &CallRecord| {
            let lines = call.transcript.iter();
            lines.filter(|line| line.kind == "speech").count()
        };
        let before = self.look(spoken).unwrap_or(0);
        self.send(CallCommand::Speak {
            text: text.to_owned(),
            confidence: 0.9,
        });
        self.wait("the words were said", |call| spoken(call) > before)
            .await;
    }

    /// Hangs up.
    pub async fn hangs_up(&self) {
        self.send(CallCommand::HangUp);
        self.ends().await;
    }

    /// Waits for the end of the call; its status, such as `completed` or `busy`.
    pub async fn ends(&self) -> &'static str {
        self.wait("the call ended", |call| call.status.has_ended())
            .await;
        self.look(|call| call.status.word()).unwrap_or("unknown")
    }

    /// The texts that the phone heard so far, one for each prompt.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        let lines = self.look(|call| {
            let lines = call.transcript.iter().filter(|it| it.speaker == "twilio");
            lines.map(|line| line.text.clone()).collect()
        });
        lines.unwrap_or_default()
    }

    /// Codes of errors and warnings that Twilio would note about the call.
    #[must_use]
    pub fn warnings(&self) -> Vec<u32> {
        let codes = self.look(|call| call.notifications.iter().map(|it| it.code).collect());
        codes.unwrap_or_default()
    }

    fn take(&self, sid: SidText) {
        *self.call.lock() = Some(sid);
    }

    fn sid(&self) -> SidText {
        let call = self.call.lock();
        call.clone()
            .unwrap_or_else(|| self.fail("no call was taken: wait until it rings"))
    }

    fn send(&self, command: CallCommand) {
        self.sim.command(&self.sid(), command);
    }

    fn look<T>(&self, look: impl FnOnce(&CallRecord) -> T) -> Option<T> {
        let sid = self.sid();
        self.sim.lock().call(&sid).map(look)
    }

    async fn wait(&self, what: &str, wanted: impl Fn(&CallRecord) -> bool) {
        let sid = self.sid();
        let look =
            |state: &SimulatorState| state.call(&sid).filter(|call| wanted(call)).map(|_| ());
        if event_stream::poll(&self.sim, PATIENCE, look)
            .await
            .is_none()
        {
            self.fail(&format!("waited in vain until {what}"));
        }
    }

    fn fail(&self, what: &str) -> ! {
        let calls: Vec<Value> = {
            let state = self.sim.lock();
            let calls = state.calls.values();
            calls
                .filter(|call| call.to == self.number || call.from == self.number)
                .map(|call| json!({"status": call.status.word(), "heard": call.transcript}))
                .collect()
        };
        panic!("{}: {what}; its calls: {calls:#?}", self.number);
    }
}
