//! Documents and requests that no sane application sends: the call ends, and the simulator goes on.

use bytes::Bytes;
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::harness::Harness;
use super::service::CannedReply;
use crate::{Simulator, SimulatorConfig};

#[tokio::test]
async fn a_document_that_cannot_be_run_ends_the_call_with_twilios_code() {
    let harness = Harness::running().await;
    let deep = "<Say>".repeat(6_000);
    let long = format!("<Response>{}</Response>", "<Pause/>".repeat(9_000));
    let wide = format!(
        "<Response>{}<Hangup/></Response>",
        "<a b='c'/>".repeat(6_000)
    );
    for (document, code) in [
        (deep.as_str(), 12_100),
        ("<Response><Say>&bomb;</Say></Response>", 12_100),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>", 12_100),
        ("<Response><Say>\u{0}</Say></Response>", 12_100),
        ("<response/>", 12_102),
        (long.as_str(), 11_750),
        (wide.as_str(), 12_200),
        (
            "<Response><Redirect>http://127.0.0.1:1\\@example.com/</Redirect></Response>",
            11_100,
        ),
        ("<Response><Play>http://[::1/</Play></Response>", 11_200),
    ] {
        let reply = CannedReply {
            status: 200,
            content_type: "text/xml",
            location: None,
            body: document.to_owned(),
        };
        harness.on("/answer", reply);
        let sid = harness.dial("+14155550107", &[]).await;
        let call = harness.ended(&sid).await;
        assert_eq!(call["status"], "completed");
        let shown = document.get(..60).unwrap_or(document);
        assert_eq!(call["warnings"][0]["code"], code, "{shown}");
    }
}

#[tokio::test]
async fn what_strangers_may_ask_stays_on_the_one_origin() {
    let config = SimulatorConfig {
        only_origin: Some("http://127.0.0.1:9".to_owned()),
        ..SimulatorConfig::default()
    };
    let harness = Harness::standing(config).await;
    for url in [
        "http://127.0.0.1:8/x",
        "http://127.0.0.1:9\\@127.0.0.1:8/x",
        "http://127.0.0.1:9@127.0.0.1:8/x",
        "http://127.0.0.1\t:8/x",
        "https://127.0.0.1:9/x",
        "file:///etc/passwd",
        "http://localhost:9/x",
    ] {
        let wanted = json!({"from": "+14155552671", "to": "+14155550199", "url": url});
        let (status, _) = harness.control(Method::POST, "inbound", &wanted).await;
        assert_eq!(status.as_u16(), 422, "{url}");
        let wanted = json!({"url": url});
        let (status, _) = harness
            .control(Method::PUT, "voice-urls/+14155550199", &wanted)
            .await;
        assert_eq!(status.as_u16(), 422, "{url}");
    }
    let (_, urls) = harness
        .control(Method::GET, "voice-urls", &Value::Null)
        .await;
    assert_eq!(urls["numbers"], json!({}));
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let body = json!({"from": "+14155552671", "url": format!("{}/voice", harness.origin)});
    for (site, wanted) in [("cross-site", 403), ("same-origin", 200), ("none", 200)] {
        let request = Request::post("/simulator/api/inbound")
            .header("sec-fetch-site", site)
            .header("content-type", "text/plain")
            .body(Bytes::from(body.to_string()));
        let response = harness.simulator.handle(request.unwrap()).await;
        assert_eq!(response.status().as_u16(), wanted, "{site}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_request_of_the_control_api_panics(
        path in "(calls|inbound|numbers|faults|voice-urls|clock|wire|ledger|state)(/[%+0-9a-zA-Z.]{0,12}){0,3}",
        method in "(GET|PUT|POST|DELETE)",
        body in "\\{?(\"(from|to|url|digits|seconds|keys|parameters)\":(\"[^\"]{0,12}\"|-?[0-9]{1,20}|\\[\\]|null),?){0,3}\\}?",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = clock::Clock::simulated("2026-12-01T12:00:00Z".parse().unwrap());
            let simulator = Simulator::new(SimulatorConfig::default(), clock, super::harness::tls());
            let request = Request::builder().method(method.as_str()).uri(format!("/simulator/api/{path}"));
            let response = simulator.handle(request.body(Bytes::from(body)).unwrap()).await;
            prop_assert!(response.status().as_u16() < 500);
            simulator.stop().await;
            Ok(())
        })?;
    }
}
