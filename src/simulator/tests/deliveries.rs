//! How webhooks are delivered: failures, retries, redirects, faults.

use http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, Reply, TOKEN};

#[tokio::test]
async fn a_document_that_fails_is_asked_of_the_fallback_and_else_apologised_for() {
    let bench = Bench::running().await;
    bench.on("/answer", Reply::status(500));
    let fallback = format!("{}/fallback", bench.origin);
    bench.on("/fallback", Reply::twiml("<Say>From the fallback.</Say>"));
    let sid = bench
        .dial("+14155550107", &[("FallbackUrl", &fallback)])
        .await;
    let call = bench.ended(&sid).await;
    assert_eq!(call["transcript"][0]["text"], "From the fallback.");
    let asked = bench.asked("/fallback", 1).await.remove(0);
    assert_eq!(asked.param("ErrorCode"), "11200");
    assert_eq!(asked.param("ErrorUrl"), format!("{}/answer", bench.origin));

    bench.on(
        "/answer",
        Reply {
            content_type: "application/json",
            ..Reply::twiml("")
        },
    );
    let sid = bench.dial("+14155550107", &[]).await;
    let call = bench.ended(&sid).await;
    assert_eq!(call["status"], "completed");
    assert!(
        call["transcript"][0]["text"]
            .as_str()
            .unwrap()
            .contains("application error")
    );
    let (_, notes) = bench
        .rest(
            Method::GET,
            &format!("/Calls/{sid}/Notifications.json"),
            &[],
        )
        .await;
    assert_eq!(notes["notifications"][0]["error_code"], "12300");
}

#[tokio::test]
async fn overrides_in_the_fragment_retry_with_the_same_token_and_are_neither_sent_nor_signed() {
    let bench = Bench::running().await;
    bench.on("/flaky", Reply::status(503));
    let url = format!("{}/flaky#rc=2&rp=5xx", bench.origin);
    let params = [
        ("To", "+14155550107"),
        ("From", "+15005550006"),
        ("Url", &*url),
    ];
    let (_, call) = bench.rest(Method::POST, "/Calls.json", &params).await;
    bench.ended(call["sid"].as_str().unwrap()).await;
    let asked = bench.asked("/flaky", 3).await;
    assert_eq!(asked.len(), 3);
    let tokens: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("i-twilio-idempotency-token"))
        .collect();
    assert!(
        !tokens[0].is_empty() && tokens.iter().all(|token| *token == tokens[0]),
        "{tokens:?}"
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.is_signed(&bench.origin, TOKEN))
    );
}

#[tokio::test]
async fn a_redirected_action_arrives_without_its_digits() {
    let bench = Bench::running().await;
    bench.on(
        "/answer",
        Reply::twiml("<Gather numDigits='1' action='/key'/>"),
    );
    bench.on(
        "/key",
        Reply {
            location: Some("/moved".to_owned()),
            ..Reply::status(302)
        },
    );
    bench.on("/moved", Reply::twiml("<Hangup/>"));
    let sid = bench.dial("+14155550101", &[]).await;
    bench.ended(&sid).await;
    let moved = bench.asked("/moved", 1).await.remove(0);
    assert_eq!((moved.method.as_str(), moved.param("Digits")), ("GET", ""));
    assert_eq!(moved.param("CallSid"), sid);
}

#[tokio::test]
async fn callbacks_are_dropped_repeated_and_reordered_as_the_switches_say() {
    let bench = Bench::running().await;
    bench.on("/answer", Reply::twiml("<Pause/>"));
    bench
        .faults(json!({
            "drop_callback": {"only": "initiated"},
            "reorder_callbacks": {"only": "ringing"},
            "duplicate_callback": {"only": "completed", "count": 1},
        }))
        .await;
    let sid = bench.dial("+14155550107", &[]).await;
    bench.ended(&sid).await;
    let asked = bench.asked("/status", 4).await;
    let statuses: Vec<_> = asked
        .iter()
        .map(|asked| asked.param("CallStatus"))
        .collect();
    assert_eq!(
        statuses,
        ["in-progress", "ringing", "completed", "completed"]
    );
    assert_eq!(
        asked[2].header("i-twilio-idempotency-token"),
        asked[3].header("i-twilio-idempotency-token")
    );
}

#[tokio::test]
async fn signatures_go_wrong_as_the_switches_say() {
    let bench = Bench::running().await;
    bench.on("/answer", Reply::twiml("<Hangup/>"));
    for (fault, signed, by_second) in [
        ("unsigned", false, false),
        ("wrong_signature", false, false),
        ("rotated_signature", false, true),
    ] {
        bench.faults(json!({fault: {"only": "voice"}})).await;
        let before = bench.asked_so_far("/answer").len();
        let sid = bench.dial("+14155550107", &[]).await;
        bench.ended(&sid).await;
        let asked = bench.asked("/answer", before + 1).await.pop().unwrap();
        assert_eq!(asked.is_signed(&bench.origin, TOKEN), signed, "{fault}");
        assert_eq!(
            asked.is_signed(&bench.origin, "67890"),
            by_second,
            "{fault}"
        );
    }
    bench
        .faults(json!({"shuffled_params": {}, "extra_params": {}}))
        .await;
    let before = bench.asked_so_far("/answer").len();
    let sid = bench.dial("+14155550107", &[]).await;
    bench.ended(&sid).await;
    let asked = bench.asked("/answer", before + 1).await.pop().unwrap();
    assert!(
        asked.params.contains_key("UnannouncedByTwilio") && asked.is_signed(&bench.origin, TOKEN)
    );
}

#[tokio::test]
async fn the_wire_and_the_ledger_tell_what_happened() {
    let bench = Bench::running().await;
    bench.on(
        "/answer",
        Reply::twiml("<Gather numDigits='1' action='/key'/>"),
    );
    let sid = bench.dial("+14155550101", &[]).await;
    bench.ended(&sid).await;
    bench.asked("/status", 4).await;
    let (_, wire) = bench
        .control(Method::GET, "wire?after=0", &Value::Null)
        .await;
    let exchanges = wire["exchanges"].as_array().unwrap();
    assert_eq!(exchanges[0]["direction"], "rest");
    let ids: Vec<_> = exchanges
        .iter()
        .map(|exchange| exchange["id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted());
    let (_, ledger) = bench.control(Method::GET, "ledger", &Value::Null).await;
    let entry = &ledger["calls"][0];
    assert_eq!(
        (&entry["status"], &entry["digits"][0]["digits"]),
        (&json!("completed"), &json!("1"))
    );
    assert!(
        entry["webhooks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|webhook| webhook["digits"] == "1")
    );
}

#[tokio::test]
async fn a_key_pressed_just_before_hanging_up_arrives_after_the_final_callback() {
    let bench = Bench::running().await;
    bench.clock.run(100);
    bench.on(
        "/answer",
        Reply::twiml("<Gather numDigits='1' action='/key'><Say>Press one.</Say></Gather>"),
    );
    bench.faults(json!({"delay_voice": {"only": "key", "seconds": 30}, "duplicate_voice": {"only": "key"}})).await;
    let told = json!({"keys": [{"at_gather": 1, "digits": "1", "hang_up_after_seconds": 0.0}]});
    bench
        .control(Method::PUT, "numbers/+14155552671", &told)
        .await;
    let sid = bench.dial("+14155552671", &[]).await;
    let call = bench.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["digits"][0]["digits"]),
        (&json!("completed"), &json!("1"))
    );
    let keys = bench.asked("/key", 2).await;
    assert_eq!(
        keys[0].header("i-twilio-idempotency-token"),
        keys[1].header("i-twilio-idempotency-token")
    );
    let order = bench.in_order();
    let end = order
        .iter()
        .position(|(path, status)| path == "/status" && status == "completed")
        .unwrap();
    assert!(
        order.iter().position(|(path, _)| path == "/key").unwrap() > end,
        "{order:?}"
    );
}

#[tokio::test]
async fn a_callback_can_come_long_after_the_end_and_a_service_can_be_out_of_reach() {
    let bench = Bench::running().await;
    bench.on("/answer", Reply::twiml("<Pause/>"));
    bench
        .faults(json!({
            "delay_callback": {"only": "ringing", "seconds": 600},
            "webhook_unreachable": {"only": "voice", "count": 1},
        }))
        .await;
    let sid = bench.dial("+14155550107", &[]).await;
    assert_eq!(
        bench.ended(&sid).await["transcript"][0]["kind"],
        "pause",
        "the connection is tried once more"
    );
    let statuses: Vec<_> = bench
        .asked("/status", 4)
        .await
        .iter()
        .map(|asked| asked.param("CallStatus").to_owned())
        .collect();
    assert_eq!(
        statuses,
        ["initiated", "in-progress", "completed", "ringing"]
    );
}
