//! Rarer things: answers that are lost, stale reads, late verdicts, speech, recordings, hands that
//! come too late.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::harness::{ACCOUNT, Harness, TOKEN, client};
use super::service::CannedReply;
use crate::{SignatureAlgorithm, Simulator, SimulatorConfig, signing};

async fn serve(listener: TcpListener, simulator: Simulator) {
    while let Ok((stream, _)) = listener.accept().await {
        let simulator = simulator.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let simulator = simulator.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body
                    .collect()
                    .await
                    .map(|body| body.to_bytes())
                    .unwrap_or_default();
                Ok::<_, Infallible>(simulator.handle(Request::from_parts(parts, body)).await)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

#[tokio::test]
async fn a_lost_answer_closes_the_connection_though_the_call_was_made() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, harness.simulator.clone()));
    harness
        .faults(json!({"create_lost_response": {"count": 1}}))
        .await;
    let url = format!("http://{address}/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let body = "To=%2B14155552671&From=%2B15005550006&Url=https%3A%2F%2Fa.example%2Fx";
    let post = || {
        client()
            .post(&url)
            .basic_auth(ACCOUNT, Some(TOKEN))
            .body(body)
            .send()
    };
    let error = post().await.unwrap_err();
    assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
    let (_, list) = harness
        .rest(Method::GET, "/Calls.json?To=%2B14155552671", &[])
        .await;
    assert_eq!(list["calls"].as_array().unwrap().len(), 1);
    assert_eq!(post().await.unwrap().status(), StatusCode::CREATED);
}

#[tokio::test]
async fn reads_lag_behind_while_the_switch_is_on() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let sid = harness.dial("+14155552671", &[]).await;
    harness.faults(json!({"list_stale": {"seconds": 30}})).await;
    assert_eq!(
        harness.rest(Method::GET, "/Calls.json", &[]).await.1["calls"],
        json!([])
    );
    harness.clock.advance(Duration::from_secs(31));
    harness
        .until(&sid, |call| call["status"] == "ringing")
        .await;
    let (_, call) = harness
        .rest(Method::GET, &format!("/Calls/{sid}.json"), &[])
        .await;
    assert_eq!(call["status"], "queued");
    harness.faults(json!({})).await;
    let (_, call) = harness
        .rest(Method::GET, &format!("/Calls/{sid}.json"), &[])
        .await;
    assert_eq!(call["status"], "ringing");
}

#[tokio::test]
async fn any_request_can_be_refused_with_any_code() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness
        .faults(
            json!({"create_error": {"code": 21_219}, "rest_error": {"only": "GET", "count": 1}}),
        )
        .await;
    let (status, body) = harness.rest(Method::GET, "/Balance.json", &[]).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::UNAUTHORIZED, &json!(20_003))
    );
    let (status, body) = harness
        .rest(Method::POST, "/Calls.json", &[("To", "+14155552671")])
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(21_219))
    );
}

#[tokio::test]
async fn words_are_an_answer_only_where_they_are_asked_for() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml(
            "<Gather input='dtmf speech' language='fr-FR' action='/key' timeout='600'/>",
        ),
    );
    harness.on("/key", CannedReply::twiml("<Hangup/>"));
    let sid = harness.dial("+14155550107", &[]).await;
    harness
        .until(&sid, |call| call["gather"]["listening"] == true)
        .await;
    let said = json!({"text": "oui", "confidence": 0.5});
    let (status, _) = harness
        .control(Method::POST, &format!("calls/{sid}/say"), &said)
        .await;
    assert_eq!(status, StatusCode::OK);
    let key = harness.asked("/key", 1).await.remove(0);
    assert_eq!(
        (
            key.param("SpeechResult"),
            key.param("Confidence"),
            key.param("Language")
        ),
        ("oui", "0.5", "fr-FR")
    );
    harness.ended(&sid).await;
}

#[tokio::test]
async fn a_recording_that_the_callee_ends_by_hanging_up_is_still_reported() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Record action='/recorded' timeout='60'/>"),
    );
    let sid = harness.talking(&[]).await;
    harness.clock.advance(Duration::from_secs(1));
    harness
        .control(Method::POST, &format!("calls/{sid}/hangup"), &Value::Null)
        .await;
    assert_eq!(harness.ended(&sid).await["status"], "completed");
    let recorded = harness.asked("/recorded", 1).await.remove(0);
    assert_eq!(
        (recorded.param("Digits"), recorded.param("CallStatus")),
        ("hangup", "completed")
    );
}

#[tokio::test]
async fn a_document_asked_for_with_get_is_signed_over_its_query() {
    let harness = Harness::running().await;
    let url = format!("{}/got?a=1", harness.origin);
    let params = [
        ("To", "+14155550107"),
        ("From", "+15005550006"),
        ("Url", &*url),
        ("Method", "GET"),
    ];
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    harness.ended(call["sid"].as_str().unwrap()).await;
    let asked = harness.asked("/got", 1).await.remove(0);
    let (_, wire) = harness.control(Method::GET, "wire", &Value::Null).await;
    let exchange = wire["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .find(|exchange| exchange["kind"] == "voice")
        .unwrap();
    let full = exchange["url"].as_str().unwrap();
    assert!(full.starts_with(&format!("{url}&AccountSid=")), "{full}");
    assert_eq!(
        asked.header("x-twilio-signature"),
        signing::sign(SignatureAlgorithm::HmacSha1, TOKEN, full, &[])
    );
}

#[tokio::test]
async fn a_shared_key_signs_and_is_named() {
    let key = (
        "SK1".to_owned(),
        "secret".to_owned(),
        SignatureAlgorithm::HmacSha256,
    );
    let harness = Harness::standing(SimulatorConfig {
        webhook_key: Some(key),
        ..SimulatorConfig::default()
    })
    .await;
    harness.clock.run(1_000);
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let asked = harness.asked("/answer", 1).await.remove(0);
    assert_eq!(
        asked.header("x-twilio-webhooks-signature-settings"),
        "key=SK1,algorithm=HMAC_SHA256"
    );
    let url = format!("{}/answer", harness.origin);
    assert_eq!(
        asked.header("x-twilio-signature"),
        signing::sign(SignatureAlgorithm::HmacSha256, "secret", &url, &asked.pairs)
    );
}

#[tokio::test]
async fn a_number_does_as_it_was_told() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Pause length='60'/>"));
    let told = json!({"answer_after_seconds": 1, "keys": [{"after_seconds": 2, "digits": "5"}], "hang_up_after_seconds": 4});
    let (status, body) = harness
        .control(Method::PUT, "numbers/+14155550103", &told)
        .await;
    assert_eq!(
        (status, &body["hang_up_after_seconds"]),
        (StatusCode::OK, &json!(4.0))
    );
    let sid = harness.dial("+14155550103", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["digits"][0]["digits"]),
        (&json!("completed"), &json!("5"))
    );
    harness
        .control(Method::DELETE, "numbers/+14155550103", &Value::Null)
        .await;
    let sid = harness.dial("+14155550103", &[]).await;
    assert_eq!(harness.ended(&sid).await["status"], "busy");
}

#[tokio::test]
async fn a_late_verdict_a_hang_up_and_a_redirected_key_come_as_the_switches_say() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml(
            "<Gather numDigits='1' action='/key'><Say>A prompt of some length.</Say></Gather>",
        ),
    );
    harness.on("/key", CannedReply::twiml("<Pause length='30'/>"));
    let amd = format!("{}/amd", harness.origin);
    harness
        .faults(json!({"amd_late": {"seconds": 10}, "redirect_action": {"count": 1}}))
        .await;
    let detection = [
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", amd.as_str()),
    ];
    let sid = harness.dial("+14155550101", &detection).await;
    harness.ended(&sid).await;
    assert_eq!(
        harness.asked("/amd", 1).await[0].param("MachineDetectionDuration"),
        "14000"
    );
    let key = harness.asked("/key", 1).await.remove(0);
    assert_eq!(
        (key.method, key.params.contains_key("Digits")),
        (Method::GET, false)
    );
    harness.faults(json!({"hangup_mid_prompt": {}})).await;
    let sid = harness.dial("+14155550101", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["digits"]),
        (&json!("completed"), &json!([]))
    );
}

#[tokio::test]
async fn only_a_simulated_clock_is_moved() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let (status, body) = harness
        .control(Method::POST, "clock/advance", &json!({"seconds": 60}))
        .await;
    assert_eq!(
        (status, &body["now"]),
        (StatusCode::OK, &json!("2026-12-01T12:01:00Z"))
    );
    let real = Simulator::new(
        SimulatorConfig::default(),
        clock::Clock::system(),
        super::harness::tls(),
    );
    let request = Request::post("/simulator/api/clock/advance")
        .body(Bytes::from_static(b"{\"seconds\": 60}"))
        .unwrap();
    let response = real.handle(request).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
}

#[tokio::test]
async fn documents_that_only_point_at_each_other_come_to_an_end() {
    for (trial, most) in [(true, 11), (false, 250)] {
        let harness = Harness::standing(SimulatorConfig {
            trial,
            ..SimulatorConfig::default()
        })
        .await;
        harness.clock.run(1_000);
        harness.on("/loop", CannedReply::twiml("<Redirect>/loop</Redirect>"));
        let url = format!("{}/loop", harness.origin);
        let params = [
            ("To", "+14155550107"),
            ("From", "+15005550006"),
            ("Url", &*url),
        ];
        let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
        let call = harness.ended(call["sid"].as_str().unwrap()).await;
        assert_eq!(harness.asked_so_far("/loop").len(), most);
        // Twilio has no such limit for full accounts, so it is called what it is.
        let noted = !trial;
        assert_eq!(call["warnings"][0]["code"] == 999_001, noted, "{call}");
    }
}

#[tokio::test]
async fn a_time_limit_ends_the_call_and_can_be_changed_while_it_lasts() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on("/answer", CannedReply::twiml("<Pause length='600'/>"));
    let sid = harness.talking(&[("TimeLimit", "300")]).await;
    let path = format!("/Calls/{sid}.json");
    assert_eq!(
        harness
            .rest(Method::POST, &path, &[("TimeLimit", "20")])
            .await
            .0,
        StatusCode::OK
    );
    harness.clock.advance(Duration::from_secs(20));
    assert_eq!(harness.ended(&sid).await["status"], "completed");
    let (_, call) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(call["duration"], "20");
}

#[tokio::test]
async fn standard_api_keys_open_everything_but_the_account() {
    let keys = vec![("SK1".to_owned(), "secret".to_owned())];
    let harness = Harness::standing(SimulatorConfig {
        api_keys: keys,
        ..SimulatorConfig::default()
    })
    .await;
    for (path, wanted) in [
        ("/Calls.json", StatusCode::OK),
        (".json", StatusCode::UNAUTHORIZED),
    ] {
        // "SK1:secret"
        let request = Request::get(format!("/2010-04-01/Accounts/{ACCOUNT}{path}"));
        let request = request
            .header("authorization", "Basic U0sxOnNlY3JldA==")
            .body(Bytes::new())
            .unwrap();
        assert_eq!(
            harness.simulator.handle(request).await.status(),
            wanted,
            "{path}"
        );
    }
}
