//! Calls that are answered, and what is said and pressed in them.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::{Harness, TOKEN};
use super::service::CannedReply;
use crate::SimulatorConfig;

fn asks(prompt: &str) -> CannedReply {
    CannedReply::twiml(&format!(
        "<Gather numDigits='1' timeout='5' finishOnKey='' action='/key'><Say voice='Polly.Joanna-Neural' \
         language='en-US'>{prompt}</Say></Gather><Say>Nobody is there.</Say>"
    ))
}

#[tokio::test]
async fn a_restaurant_hears_the_question_presses_one_and_the_call_completes() {
    let harness = Harness::running().await;
    harness.on("/answer", asks("A table for four. To accept, press one."));
    harness.on("/key", CannedReply::twiml("<Say>Thank you.</Say><Hangup/>"));
    let sid = harness.dial("+14155550101", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["digits"][0]["digits"]),
        (&json!("completed"), &json!("1"))
    );

    let answer = harness.asked("/answer", 1).await.remove(0);
    assert_eq!(
        (answer.param("CallStatus"), answer.param("Direction")),
        ("in-progress", "outbound-api")
    );
    assert!(
        answer.params.contains_key("ToCity"),
        "empty geographic parameters are sent"
    );
    assert_eq!(answer.header("user-agent"), "TwilioProxy/1.1");
    assert!(answer.is_signed(&harness.origin, TOKEN));
    let key = harness.asked("/key", 1).await.remove(0);
    assert_eq!(
        (
            key.param("Digits"),
            key.param("msg"),
            key.param("FinishedOnKey")
        ),
        ("1", "Gather End", "")
    );
    assert!(key.is_signed(&harness.origin, TOKEN));

    let callbacks = harness.asked("/status", 4).await;
    let statuses: Vec<_> = callbacks
        .iter()
        .map(|callback| callback.param("CallStatus"))
        .collect();
    assert_eq!(
        statuses,
        ["initiated", "ringing", "in-progress", "completed"]
    );
    let sequence: Vec<_> = callbacks
        .iter()
        .map(|callback| callback.param("SequenceNumber"))
        .collect();
    assert_eq!(sequence, ["0", "1", "2", "3"]);
    let last = callbacks.last().unwrap();
    assert_eq!(
        (last.param("SipResponseCode"), last.param("Duration")),
        ("200", "1")
    );
    assert!(last.param("Timestamp").ends_with("+0000"));
    harness.simulator.stop().await;
}

#[tokio::test]
async fn a_callee_that_listens_presses_what_the_message_asks_for() {
    let harness = Harness::running().await;
    harness.on("/answer", asks("To accept, press 1. To decline, press 2."));
    harness.on("/key", asks("Declined. To accept instead, press 1."));
    let told = json!({"keys": [
        {"when_said": "press 2", "digits": "2", "after_prompt": true, "pause_seconds": 1.5},
        {"when_said": "instead", "digits": "11", "times": 2},
    ]});
    let (status, _) = harness
        .control(Method::PUT, "numbers/+14155552671", &told)
        .await;
    assert_eq!(status, StatusCode::OK);
    let sid = harness.dial("+14155552671", &[]).await;
    harness.ended(&sid).await;
    let keys = harness.asked("/key", 3).await;
    let digits: Vec<_> = keys.iter().map(|key| key.param("Digits")).collect();
    assert_eq!(digits, ["2", "1", "1"], "each Gather takes one key");
    for wrong in [
        json!({"keys": [{"when_said": "a", "at_gather": 1, "digits": "1"}]}),
        json!({"keys": [{"after_seconds": 1, "pause_seconds": 1, "digits": "1"}]}),
        json!({"keys": [{"at_gather": 1, "times": 2, "digits": "1"}]}),
        json!({"says": [{"text": "yes"}]}),
    ] {
        let (status, _) = harness
            .control(Method::PUT, "numbers/+14155552671", &wrong)
            .await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn nobody_at_the_keys_lets_a_gather_fall_through_without_asking_its_action() {
    let harness = Harness::running().await;
    harness.on("/answer", asks("Press one."));
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    let heard: Vec<_> = call["transcript"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["text"].clone())
        .collect();
    assert_eq!(heard, ["Press one.", "Nobody is there."]);
    assert!(harness.asked_so_far("/key").is_empty());
}

#[tokio::test]
async fn an_action_on_an_empty_result_is_asked_without_digits() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather actionOnEmptyResult='true' action='/key' timeout='2'/>"),
    );
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let key = harness.asked("/key", 1).await.remove(0);
    assert!(!key.params.contains_key("Digits"));
}

#[tokio::test]
async fn unanswered_calls_end_as_their_numbers_say_and_never_ask_for_a_document() {
    let harness = Harness::running().await;
    for (to, status, sip, events) in [
        ("+14155550103", "busy", "486", 3),
        ("+14155550104", "no-answer", "487", 3),
        ("+14155550105", "failed", "404", 2),
    ] {
        let before = harness.asked_so_far("/status").len();
        let sid = harness.dial(to, &[("Timeout", "20")]).await;
        assert_eq!(harness.ended(&sid).await["status"], status);
        let last = harness
            .asked("/status", before + events)
            .await
            .pop()
            .unwrap();
        assert_eq!(
            (last.param("CallStatus"), last.param("SipResponseCode")),
            (status, sip)
        );
        assert_eq!(
            (last.param("CallDuration"), last.param("SequenceNumber")),
            ("0", &*(events - 1).to_string())
        );
    }
    assert!(harness.asked_so_far("/answer").is_empty());
}

#[tokio::test]
async fn a_hand_at_the_page_answers_and_cuts_the_prompt_with_a_key() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on(
        "/answer",
        asks("A very long prompt that nobody needs to hear to its end."),
    );
    harness.on(
        "/key",
        CannedReply::twiml("<Say>Thank you.</Say><Pause length='30'/>"),
    );
    let sid = harness.dial("+14155552671", &[]).await;
    let call = harness
        .advance_until(&sid, |call| call["status"] == "ringing")
        .await;
    assert_eq!(call["waits_for_a_hand"], true);
    harness.answer(&sid).await;
    harness
        .until(&sid, |call| call["saying"]["kind"] == "say")
        .await;
    harness.press(&sid, "2").await;
    let call = harness
        .until(&sid, |call| call["saying"]["text"] == "Thank you.")
        .await;
    assert_eq!(call["transcript"][0]["cut"], true);
    let (status, _) = harness
        .control(Method::POST, &format!("calls/{sid}/hangup"), &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(harness.ended(&sid).await["status"], "completed");
    let (status, problem) = harness
        .control(
            Method::POST,
            &format!("calls/{sid}/press"),
            &json!({"digits": "1"}),
        )
        .await;
    assert_eq!(
        (status, &problem["status"]),
        (StatusCode::CONFLICT, &json!(409))
    );
}

#[tokio::test]
async fn several_digits_then_another_gather_are_pressed_as_a_person_would() {
    let harness = Harness::running().await;
    harness.on(
        "/answer",
        CannedReply::twiml("<Gather numDigits='1' action='/first'><Say>Keys.</Say></Gather>"),
    );
    harness.on(
        "/first",
        CannedReply::twiml("<Gather numDigits='4' action='/second'><Say>Time?</Say></Gather>"),
    );
    harness.on(
        "/second",
        CannedReply::twiml(
            "<Gather numDigits='1' action='/third' bargeIn='false'><Say>Sure?</Say></Gather>",
        ),
    );
    let sid = harness.dial("+14155550110", &[]).await;
    harness.ended(&sid).await;
    for (path, digits) in [("/first", "3"), ("/second", "2015"), ("/third", "1")] {
        assert_eq!(
            harness.asked(path, 1).await.remove(0).param("Digits"),
            digits
        );
    }
}

#[tokio::test]
async fn one_leap_of_the_clock_carries_a_call_to_the_end_of_its_prompt() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on("/answer", asks("Press one."));
    let sid = harness.dial("+14155550107", &[]).await;
    harness.clock.advance(std::time::Duration::from_secs(10));
    harness
        .until(&sid, |call| call["saying"]["text"] == "Press one.")
        .await;
    harness.clock.advance(std::time::Duration::from_secs(5));
    harness
        .until(&sid, |call| {
            call["gather"]["listening"] == true || call["saying"]["text"] == "Nobody is there."
        })
        .await;
}

#[tokio::test]
async fn a_voicemail_gets_the_verdict_of_the_beep_on_its_own_track() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Pause length='20'/>"));
    let amd = format!("{}/amd", harness.origin);
    let detection = [
        ("MachineDetection", "DetectMessageEnd"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", amd.as_str()),
    ];
    let sid = harness.dial("+14155550106", &detection).await;
    let verdict = harness.asked("/amd", 1).await.remove(0);
    assert_eq!(
        (
            verdict.param("AnsweredBy"),
            verdict.param("MachineDetectionDuration")
        ),
        ("machine_end_beep", "5500")
    );
    assert_eq!(verdict.param("CallSid"), sid);
    harness.ended(&sid).await;
    let human = harness.dial("+14155550107", &detection).await;
    harness.ended(&human).await;
    assert_eq!(
        harness.asked("/amd", 2).await[1].param("AnsweredBy"),
        "human"
    );
}

#[tokio::test]
async fn detection_that_is_waited_for_delays_the_document_and_tells_it() {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml("<Hangup/>"));
    let sid = harness
        .dial("+14155550106", &[("MachineDetection", "Enable")])
        .await;
    harness.ended(&sid).await;
    let answer = harness.asked("/answer", 1).await.remove(0);
    assert_eq!(
        (
            answer.param("AnsweredBy"),
            answer.param("MachineDetectionDuration")
        ),
        ("machine_start", "4000")
    );
}

#[tokio::test]
async fn an_update_abandons_the_document_at_once() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on("/answer", CannedReply::twiml("<Pause length='600'/>"));
    let sid = harness.talking(&[]).await;
    let path = format!("/Calls/{sid}.json");
    let twiml = ("Twiml", "<Response><Say>Sorry.</Say></Response>");
    let (status, body) = harness.rest(Method::POST, &path, &[twiml]).await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::OK, &json!("in-progress"))
    );
    harness
        .until(&sid, |call| call["saying"]["text"] == "Sorry.")
        .await;
    harness.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(harness.ended(&sid).await["status"], "completed");
    let (status, body) = harness.rest(Method::POST, &path, &[twiml]).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::BAD_REQUEST, &json!(21_220))
    );
    assert_eq!(body["message"], "Call is not in-progress. Cannot redirect.");
}

#[tokio::test]
async fn somebody_who_rings_our_number_is_heard() {
    let harness = Harness::running().await;
    harness.on(
        "/inbound",
        CannedReply::twiml(
            "<Gather numDigits='1' action='/key' timeout='60'><Say>Hello.</Say></Gather>",
        ),
    );
    let url = format!("{}/inbound", harness.origin);
    let wanted = json!({"from": "+14155550123", "to": "+15005550006", "url": url,
        "stir_verstat": "TN-Validation-Passed-A"});
    let (_, call) = harness.control(Method::POST, "inbound", &wanted).await;
    let sid = call["sid"].as_str().unwrap();
    harness.until(sid, |call| call["gather"].is_object()).await;
    harness.press(sid, "1").await;
    harness.ended(sid).await;
    let asked = harness.asked("/inbound", 1).await.remove(0);
    assert_eq!(
        (asked.param("Direction"), asked.param("CallStatus")),
        ("inbound", "ringing")
    );
    assert_eq!(
        (asked.param("StirVerstat"), asked.param("From")),
        ("TN-Validation-Passed-A", "+14155550123")
    );
    assert_eq!(
        harness.asked("/key", 1).await[0].param("CallStatus"),
        "in-progress"
    );
}
