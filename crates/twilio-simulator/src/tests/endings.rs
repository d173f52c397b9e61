//! Whatever a document says, the call that runs it ends.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::Value;

use super::harness::tls;
use crate::{Simulator, SimulatorConfig, form};
use clock::Clock;

/// A number that picks up and stays silent.
const SILENT: &str = "+14155550107";
const ACCOUNT: &str = "AC00000000000000000000000000000000";

/// A call that runs `document`, until it has ended. Time passes whenever somebody waits for it.
async fn runs_to_its_end(document: &str) {
    let clock = Clock::simulated("2026-12-01T12:00:00Z".parse().unwrap());
    let simulator = Simulator::new(SimulatorConfig::default(), clock.clone(), tls());
    let pairs = [
        ("To", SILENT),
        ("From", "+15005550006"),
        ("Twiml", document),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (status, call) = asks(&simulator, Method::POST, "Calls.json", form::encode(&pairs)).await;
    assert_eq!(status, StatusCode::CREATED, "{call}");
    let path = format!("Calls/{}.json", call["sid"].as_str().unwrap());
    for _ in 0..50_000 {
        let (_, call) = asks(&simulator, Method::GET, &path, String::new()).await;
        if ["completed", "failed", "busy", "no-answer", "canceled"]
            .contains(&call["status"].as_str().unwrap())
        {
            simulator.stop().await;
            return;
        }
        if let Some(at) = clock.next_sleeper() {
            clock.advance(
                at.duration_since(clock.now())
                    .try_into()
                    .unwrap_or_default(),
            );
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not end: {document}");
}

async fn asks(
    simulator: &Simulator,
    method: Method,
    path: &str,
    body: String,
) -> (StatusCode, Value) {
    let credentials = format!("{ACCOUNT}:{}", SimulatorConfig::default().auth_tokens[0]);
    let credentials =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, credentials);
    let request = Request::builder()
        .method(method)
        .uri(format!("/simulator/2010-04-01/Accounts/{ACCOUNT}/{path}"));
    let request = request.header("authorization", format!("Basic {credentials}"));
    let response = simulator
        .handle(request.body(Bytes::from(body)).unwrap())
        .await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Verbs that need no other document.
fn verbs() -> impl Strategy<Value = String> {
    let prompt = prop_oneof![
        "<Say( loop=\"[0-9]{1,3}\")?>[a-z ]{0,30}</Say>",
        "<Pause length=\"[0-9]{1,5}\"/>",
        "<Play( loop=\"[0-9]{1,2}\")? digits=\"[0-9w#*]{0,6}\"/>",
        "<Say><prosody rate=\"slow\">x</prosody><break time=\"[0-9]{1,5}(ms|s)\"/></Say>",
    ];
    let gather = (
        "timeout=\"[0-9]{1,4}\"|numDigits=\"[0-9]\"|input=\"dtmf speech\"",
        prompt.clone(),
    );
    prop_oneof![
        prompt,
        gather.prop_map(|(attribute, prompt)| format!("<Gather {attribute}>{prompt}</Gather>")),
        Just("<Hangup/>".to_owned()),
        Just("<Reject/>".to_owned()),
        Just("<Dial>x</Dial><Bogus/>".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_call_ends(verbs in proptest::collection::vec(verbs(), 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(runs_to_its_end(&format!("<Response>{}</Response>", verbs.concat())));
    }
}
