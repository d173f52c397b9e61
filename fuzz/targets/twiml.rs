//! A document on the simulator's line: read, and then run to the end of the call.
//!
//! Whatever it says, the call must end: every document the simulator takes is finite in simulated
//! time. Nothing may leave this process: a document that could name an address is not run.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use clock::Clock;
use twilio_simulator::{Simulator, SimulatorBody, SimulatorConfig, twiml};
use tablecall::internals::form;
use tokio::runtime::{Builder, Runtime};

/// A number that picks up and stays silent.
const SILENT: &str = "+14155550107";
const ACCOUNT: &str = "AC00000000000000000000000000000000";
const TOKEN: &str = "simulator-auth-token";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = twiml::parse(text) else { return };
    if document.verbs.is_empty() || text.chars().count() > 4_000 || may_name_an_address(text) {
        return;
    }
    RUNTIME.block_on(run(text));
});

/// Returns whether a URL may stand in a document, also one that is written with references, or torn
/// apart by comments or white space.
fn may_name_an_address(document: &str) -> bool {
    let letters = document.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let plain = letters.collect::<String>().to_lowercase();
    ["http", "ws:", "wss:", "&#", "<!"].iter().any(|part| plain.contains(part))
}

async fn run(document: &str) {
    let clock = Clock::simulated("2026-12-01T12:00:00Z".parse().expect("an instant"));
    let simulator = Simulator::new(SimulatorConfig::default(), clock.clone(), tablecall::tls_config());
    let mut body = String::new();
    for (name, value) in [("To", SILENT), ("From", "+15005550006"), ("Twiml", document)] {
        form::append(&mut body, name, value);
    }
    let created = simulator.handle(request(Method::POST, "Calls.json", body)).await;
    assert_eq!(created.status(), 201, "{document:?}");
    let call = json(created).await;
    let sid = call["sid"].as_str().expect("a call has a sid").to_owned();
    let path = format!("Calls/{sid}.json");
    // A call lasts four hours at most. Whoever sleeps is woken, one after the other.
    for _ in 0..20_000 {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let call = json(simulator.handle(request(Method::GET, &path, String::new())).await).await;
        if !["queued", "initiated", "ringing", "in-progress"].contains(&call["status"].as_str().unwrap_or_default()) {
            simulator.stop().await;
            return;
        }
        match clock.next_sleeper() {
            Some(at) => clock.advance(at.duration_since(clock.now()).try_into().unwrap_or_default()),
            // It waits for an answer over the wire, which comes in real time.
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    panic!("the call does not end: {document:?}");
}

fn request(method: Method, path: &str, body: String) -> Request<Bytes> {
    let credentials = BASE64_STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    Request::builder()
        .method(method)
        .uri(format!("/simulator/2010-04-01/Accounts/{ACCOUNT}/{path}"))
        .header("authorization", format!("Basic {credentials}"))
        .body(Bytes::from(body))
        .expect("a request")
}

async fn json(response: Response<SimulatorBody>) -> serde_json::Value {
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&body).unwrap_or_default()
}
