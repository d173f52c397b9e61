//! Deliveries of webhooks: failures, retries, redirects, faults.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Harness, TOKEN};
use super::service::CannedReply;

#[tokio::test]
async fn a_document_that_fails_is_asked_of_the_fallback_and_else_apologised_for() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::status(500));
    let fallback = format!("{}/fallback", harness.origin);
    harness.on(
        "/fallback",
        CannedReply::twiml("<Say>From the fallback.</Say>"),
    );
    let sid = harness
        .dial("+14155550107", &[("FallbackUrl", &fallback)])
        .await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["transcript"][0]["text"], "From the fallback.");
    let asked = harness.asked("/fallback", 1).await.remove(0);
    assert_eq!(asked.param("ErrorCode"), "11200");
    assert_eq!(
        asked.param("ErrorUrl"),
        format!("{}/answer", harness.origin)
    );

    harness.on(
        "/answer",
        CannedReply {
            content_type: "application/json",
            ..CannedReply::twiml("")
        },
    );
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["status"], "completed");
    assert!(
        call["transcript"][0]["text"]
            .as_str()
            .unwrap()
            .contains("application error")
    );
    let (_, notes) = harness
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
    let harness = Harness::running().await;
    harness.on("/flaky", CannedReply::status(503));
    let url = format!("{}/flaky#rc=2&rp=5xx", harness.origin);
    let params = [
        ("To", "+14155550107"),
        ("From", "+15005550006"),
        ("Url", &*url),
    ];
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    harness.ended(call["sid"].as_str().unwrap()).await;
    let asked = harness.asked("/flaky", 3).await;
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
            .all(|asked| asked.is_signed(&harness.origin, TOKEN))
    );
}

#[tokio::test]
async fn a_redirected_action_arrives_without_its_digits() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/key'/>"),
    );
    harness.on(
        "/key",
        CannedReply {
            location: Some("/moved".to_owned()),
            ..CannedReply::status(302)
        },
    );
    harness.on("/moved", CannedReply::twiml("<Hangup/>"));
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    let moved = harness.asked("/moved", 1).await.remove(0);
    assert_eq!((moved.method.as_str(), moved.param("Digits")), ("GET", ""));
    assert_eq!(moved.param("CallSid"), sid);
}

#[tokio::test]
async fn callbacks_are_dropped_repeated_and_reordered_as_the_switches_say() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Pause/>"));
    harness
        .faults(json!({
            "drop_callback": {"only": "initiated"},
            "reorder_callbacks": {"only": "ringing"},
            "duplicate_callback": {"only": "completed", "count": 1},
        }))
        .await;
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let asked = harness.asked("/status", 4).await;
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
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Hangup/>"));
    for (fault, signed, by_second) in [
        ("unsigned", false, false),
        ("wrong_signature", false, false),
        ("rotated_signature", false, true),
    ] {
        harness.faults(json!({fault: {"only": "voice"}})).await;
        let before = harness.asked_so_far("/answer").len();
        let sid = harness.dial("+14155550107", &[]).await;
        harness.ended(&sid).await;
        let asked = harness.asked("/answer", before + 1).await.pop().unwrap();
        assert_eq!(asked.is_signed(&harness.origin, TOKEN), signed, "{fault}");
        assert_eq!(
            asked.is_signed(&harness.origin, "67890"),
            by_second,
            "{fault}"
        );
    }
    harness
        .faults(json!({"shuffled_params": {}, "extra_params": {}}))
        .await;
    let before = harness.asked_so_far("/answer").len();
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let asked = harness.asked("/answer", before + 1).await.pop().unwrap();
    assert!(
        asked.params.contains_key("UnannouncedByTwilio") && asked.is_signed(&harness.origin, TOKEN)
    );
}

#[tokio::test]
async fn the_wire_and_the_ledger_tell_what_happened() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/key'/>"),
    );
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    harness.asked("/status", 4).await;
    let (_, wire) = harness
        .control(Method::GET, "wire?after=0", &Value::Null)
        .await;
    let exchanges = wire["exchanges"].as_array().unwrap();
    assert_eq!(exchanges[0]["direction"], "rest");
    let ids: Vec<_> = exchanges
        .iter()
        .map(|exchange| exchange["id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted());
    let (_, ledger) = harness.control(Method::GET, "ledger", &Value::Null).await;
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
    let harness = Harness::running().await;
    harness.clock.run(100);
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/key'><Say>Press one.</Say></Gather>"),
    );
    harness.faults(json!({"delay_voice": {"only": "key", "seconds": 30}, "duplicate_voice": {"only": "key"}})).await;
    let told = json!({"keys": [{"at_gather": 1, "digits": "1", "hang_up_after_seconds": 0.0}]});
    harness
        .control(Method::PUT, "numbers/+14155552671", &told)
        .await;
    let sid = harness.dial("+14155552671", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["digits"][0]["digits"]),
        (&json!("completed"), &json!("1"))
    );
    let keys = harness.asked("/key", 2).await;
    assert_eq!(
        keys[0].header("i-twilio-idempotency-token"),
        keys[1].header("i-twilio-idempotency-token")
    );
    let order = harness.in_order();
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
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Pause/>"));
    harness
        .faults(json!({
            "delay_callback": {"only": "ringing", "seconds": 600},
            "webhook_unreachable": {"only": "voice", "count": 1},
        }))
        .await;
    let sid = harness.dial("+14155550107", &[]).await;
    assert_eq!(
        harness.ended(&sid).await["transcript"][0]["kind"],
        "pause",
        "the connection is tried once more"
    );
    let statuses: Vec<_> = harness
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
