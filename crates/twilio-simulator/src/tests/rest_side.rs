//! The REST side: refusals, lists, the queue, and what follows the end of a call.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::harness::{ACCOUNT, Harness};
use super::service::CannedReply;
use crate::SimulatorConfig;

#[tokio::test]
async fn creates_are_refused_in_twilios_order_with_its_codes() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let url = ("Url", "https://a.example/x");
    let from = ("From", "+15005550006");
    let long = format!("<Response>{}</Response>", " ".repeat(4_000));
    for (params, code) in [
        (vec![], 21_201),
        (vec![("To", "+14155550101")], 21_213),
        (vec![("To", "555"), from, url], 21_211),
        (
            vec![("To", "+14155550101"), ("From", "+15005550001"), url],
            21_212,
        ),
        (vec![("To", "+15005550001"), from, url], 21_217),
        (vec![("To", "+15005550002"), from, url], 21_214),
        (vec![("To", "+15005550003"), from, url], 21_215),
        (vec![("To", "+15005550004"), from, url], 21_216),
        (vec![("To", "+14155550101"), from], 21_205),
        (
            vec![("To", "+14155550101"), from, ("Url", "/relative")],
            21_205,
        ),
        (
            vec![("To", "+14155550101"), from, url, ("Timeout", "601")],
            21_208,
        ),
        (
            vec![("To", "+14155550101"), from, url, ("SendDigits", "12x")],
            21_206,
        ),
        (
            vec![("To", "+14155550101"), from, url, ("Method", "PUT")],
            21_209,
        ),
        (
            vec![
                ("To", "+14155550101"),
                from,
                url,
                ("StatusCallback", "http://a_b.example/"),
            ],
            21_609,
        ),
        (vec![("To", "+14155550101"), from, ("Twiml", &long)], 32_018),
        (
            vec![
                ("To", "+14155550101"),
                from,
                url,
                ("MachineDetection", "Maybe"),
            ],
            21_234,
        ),
    ] {
        let (status, body) = harness.rest(Method::POST, "/Calls.json", &params).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{params:?}: {body}"
        );
        assert_eq!(body["status"], 400);
    }
    let (_, list) = harness.rest(Method::GET, "/Calls.json", &[]).await;
    assert_eq!(list["calls"], json!([]));
}

#[tokio::test]
async fn only_the_right_credentials_open_the_account() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT}.json");
    let request = Request::get(uri)
        .header("authorization", "Basic QUM6eA==")
        .body(Bytes::new())
        .unwrap();
    let response = harness.simulator.handle(request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&body["code"], &body["message"]),
        (&json!(20_003), &json!("Authenticate"))
    );
    let (status, account) = harness.rest(Method::GET, ".json", &[]).await;
    assert_eq!(
        (status, &account["status"]),
        (StatusCode::OK, &json!("active"))
    );
    let (status, missing) = harness.rest(Method::GET, "/Calls/CA0.json", &[]).await;
    assert_eq!(
        (status, &missing["code"]),
        (StatusCode::NOT_FOUND, &json!(20_404))
    );
}

#[tokio::test]
async fn lists_are_newest_first_and_their_pages_follow_one_another() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let mut sids = Vec::new();
    for _ in 0..5 {
        sids.push(harness.dial("+14155552671", &[]).await);
    }
    sids.push(harness.dial("+14155552672", &[]).await);
    let mut path = "/Calls.json?To=%2B14155552671&PageSize=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let (_, page) = harness.rest(Method::GET, &path, &[]).await;
        seen.extend(
            page["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["sid"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_page_uri"].as_str() else {
            break;
        };
        path = next
            .strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT}"))
            .unwrap()
            .to_owned();
    }
    sids.truncate(5);
    sids.reverse();
    assert_eq!(seen, sids);
    let (status, body) = harness
        .rest(Method::GET, "/Calls.json?PageSize=1001", &[])
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(20_007))
    );
    let (_, none) = harness
        .rest(Method::GET, "/Calls.json?StartTime%3E=2026-12-01", &[])
        .await;
    assert_eq!(none["calls"], json!([]), "queued calls have no start time");
}

#[tokio::test]
async fn the_queue_lets_one_call_a_second_go_and_a_cancelled_one_says_nothing() {
    let harness = Harness::standing(SimulatorConfig {
        calls_per_second: 1,
        ..SimulatorConfig::default()
    })
    .await;
    let first = harness.dial("+14155552671", &[]).await;
    let second = harness.dial("+14155552672", &[]).await;
    let (_, waiting) = harness
        .rest(Method::GET, &format!("/Calls/{second}.json"), &[])
        .await;
    assert_eq!(
        (&waiting["queue_time"], &waiting["status"]),
        (&json!("1000"), &json!("queued"))
    );
    let path = format!("/Calls/{second}.json");
    let (status, canceled) = harness
        .rest(Method::POST, &path, &[("Status", "canceled")])
        .await;
    assert_eq!(
        (status, &canceled["status"]),
        (StatusCode::OK, &json!("canceled"))
    );
    harness.clock.advance(Duration::from_secs(90));
    harness.ended(&first).await;
    let callbacks = harness.asked("/status", 3).await;
    assert!(
        callbacks
            .iter()
            .all(|callback| callback.param("CallSid") == first),
        "{callbacks:?}"
    );
    let (status, body) = harness
        .rest(Method::POST, &path, &[("Status", "completed")])
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(21_220))
    );
}

#[tokio::test]
async fn ending_a_ringing_call_over_rest_cancels_it_with_one_final_callback() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let sid = harness.dial("+14155552671", &[]).await;
    harness
        .advance_until(&sid, |call| call["status"] == "ringing")
        .await;
    let (status, _) = harness
        .rest(Method::DELETE, &format!("/Calls/{sid}.json"), &[])
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    harness
        .rest(
            Method::POST,
            &format!("/Calls/{sid}.json"),
            &[("Status", "completed")],
        )
        .await;
    assert_eq!(harness.ended(&sid).await["status"], "canceled");
    let last = harness.asked("/status", 3).await.pop().unwrap();
    assert_eq!(last.param("CallStatus"), "canceled");
    let (status, _) = harness
        .rest(Method::DELETE, &format!("/Calls/{sid}.json"), &[])
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn events_can_be_read_a_quarter_of_an_hour_after_the_end() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/key'/>"),
    );
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    harness.clock.run(0);
    let path = format!("/Calls/{sid}/Events.json");
    assert_eq!(
        harness.rest(Method::GET, &path, &[]).await.1["events"],
        json!([])
    );
    harness.clock.advance(Duration::from_secs(15 * 60));
    let (_, events) = harness.rest(Method::GET, &path, &[]).await;
    let events = events["events"].as_array().unwrap();
    assert_eq!(events[0]["response"]["response_code"], 201);
    let key = events
        .iter()
        .find(|event| event["request"]["parameters"]["digits"] == "1");
    assert_eq!(key.unwrap()["request"]["parameters"]["call_sid"], sid);
}

#[tokio::test]
async fn trial_accounts_refuse_most_parameters() {
    let harness = Harness::standing(SimulatorConfig {
        trial: true,
        ..SimulatorConfig::default()
    })
    .await;
    let params = [
        ("To", "+14155550101"),
        ("From", "+15005550006"),
        ("Url", "https://a.example/x"),
    ];
    let mut more = params.to_vec();
    more.push(("Timeout", "30"));
    let (status, body) = harness.rest(Method::POST, "/Calls.json", &more).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(0))
    );
    let (status, _) = harness.rest(Method::POST, "/Calls.json", &params).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn creates_fail_as_the_switches_say_and_only_some_of_them_ring() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let params = [
        ("To", "+14155552671"),
        ("From", "+15005550006"),
        ("Url", "https://a.example/x"),
    ];
    for (fault, wanted, rings) in [
        ("create_429", StatusCode::TOO_MANY_REQUESTS, 0),
        ("create_503", StatusCode::SERVICE_UNAVAILABLE, 0),
        (
            "create_500_after_accepting",
            StatusCode::INTERNAL_SERVER_ERROR,
            1,
        ),
    ] {
        harness
            .faults(json!({fault: {"count": 1, "retry_after": 3}}))
            .await;
        let before = harness.rest(Method::GET, "/Calls.json", &[]).await.1["calls"]
            .as_array()
            .unwrap()
            .len();
        let (status, _) = harness.rest(Method::POST, "/Calls.json", &params).await;
        let after = harness.rest(Method::GET, "/Calls.json", &[]).await.1["calls"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!((status, after - before), (wanted, rings), "{fault}");
    }
    let (status, problem) = harness
        .control(Method::PUT, "faults", &json!({"no_such_fault": {}}))
        .await;
    assert_eq!(
        (status, &problem["title"]),
        (StatusCode::BAD_REQUEST, &json!("Bad Request"))
    );
}

#[tokio::test]
async fn server_sent_events_tell_of_calls_and_exchanges_after_the_id_that_was_seen() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let sid = harness.dial("+14155552671", &[]).await;
    let request = Request::get("/simulator/api/events")
        .header("last-event-id", "0")
        .body(Bytes::new())
        .unwrap();
    let mut body = harness.simulator.handle(request).await.into_body();
    let mut text = String::new();
    while !text.contains("event: exchange") || !text.contains("event: call") {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(text.contains(&sid) && text.contains("id: "));
    harness.simulator.stop().await;
    while let Some(Ok(_)) = body.frame().await {}
}

#[tokio::test]
async fn a_version_from_before_a_restart_gets_the_current_state_at_once() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.dial("+14155552671", &[]).await;
    let asked = harness.control(Method::GET, "state?after=4000000000", &Value::Null);
    let (_, state) = tokio::time::timeout(Duration::from_secs(5), asked)
        .await
        .unwrap();
    assert_eq!(state["calls"].as_array().unwrap().len(), 1);
    let (_, wire) = harness
        .control(Method::GET, "wire?after=4000000000", &Value::Null)
        .await;
    assert_eq!(wire["exchanges"].as_array().unwrap().len(), 1);
}
