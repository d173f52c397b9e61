//! Dial: other phones ring, and one of them is connected.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::harness::Harness;
use super::service::CannedReply;
use crate::SimulatorConfig;

#[tokio::test]
async fn a_dialled_number_is_connected_until_the_time_limit() {
    let harness = Harness::answering(
        "<Dial action='/after' timeLimit='5' callerId='+14155550199' record='record-from-answer'>\
         <Number statusCallback='/leg' statusCallbackEvent='initiated ringing answered completed' \
         url='/whisper'>+44 20 7183 0107</Number></Dial><Say>never</Say>",
    )
    .await;
    harness.on("/whisper", CannedReply::twiml("<Say>A call for you</Say>"));
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "completed");
    assert_eq!(after.param("DialCallDuration"), "5");
    assert_eq!(after.param("DialBridged"), "true");
    assert_eq!(after.param("CallStatus"), "in-progress");
    assert_eq!(after.param("RecordingDuration"), "5");

    let leg_sid = harness.call_to("+442071830107").await;
    assert_eq!(after.param("DialCallSid"), leg_sid);
    let leg = harness.ended(&leg_sid).await;
    assert_eq!(leg["from"], "+14155550199");
    assert_eq!(leg["direction"], "outbound-dial");
    assert_eq!(leg["transcript"][0]["text"], "A call for you");
    let statuses: Vec<_> = harness
        .asked("/leg", 4)
        .await
        .iter()
        .map(|it| it.param("CallStatus").to_owned())
        .collect();
    assert_eq!(
        statuses,
        ["initiated", "ringing", "in-progress", "completed"]
    );
    let leg_request = &harness.asked("/whisper", 1).await[0];
    assert_eq!(leg_request.param("ParentCallSid"), sid);
    assert!(!call["transcript"].to_string().contains("never"));

    let path = format!("/Calls.json?ParentCallSid={sid}");
    let (_, list) = harness.rest(Method::GET, &path, &[]).await;
    assert_eq!(list["calls"][0]["sid"], leg_sid);
    assert_eq!(list["calls"][0]["parent_call_sid"], sid);
}

#[tokio::test]
async fn whoever_does_not_answer_is_told_to_the_action() {
    for (number, timeout, status) in [
        ("+14155550103", 60, "busy"),
        ("+14155550104", 5, "no-answer"),
        ("+14155550105", 60, "failed"),
        ("+1", 60, "failed"),
    ] {
        let dial = format!("<Dial action='/after' timeout='{timeout}'>{number}</Dial>");
        let harness = Harness::answering(&dial).await;
        let sid = harness.dial("+14155550107", &[]).await;
        harness.ended(&sid).await;
        let after = &harness.asked("/after", 1).await[0];
        assert_eq!(after.param("DialCallStatus"), status, "{number}");
        assert_eq!(after.param("DialBridged"), "false");
    }
}

#[tokio::test]
async fn without_an_action_the_next_verb_goes_on() {
    let harness = Harness::answering("<Dial>+14155550103</Dial><Say>Nobody is there</Say>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert!(call["transcript"].to_string().contains("Nobody is there"));
}

#[tokio::test]
async fn of_several_phones_the_first_to_answer_wins() {
    let harness = Harness::answering(
        "<Dial action='/after' timeLimit='2'><Number>+14155550104</Number>\
         <Client>alice</Client><Sip>sip:kate@example.com</Sip></Dial>",
    )
    .await;
    let sid = harness.dial("+14155550107", &[]).await;
    let client = harness.call_to("client:alice").await;
    harness.answer(&client).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallSid"), client);
    for other in ["+14155550104", "sip:kate@example.com"] {
        let other = harness.call_to(other).await;
        assert_eq!(harness.ended(&other).await["status"], "canceled");
    }
}

#[tokio::test]
async fn sequential_phones_ring_one_after_the_other() {
    let harness = Harness::answering(
        "<Dial action='/after' sequential='true' timeLimit='2'><Number>+14155550103</Number>\
         <Number>+14155550107</Number><Number>+14155550102</Number></Dial>",
    )
    .await;
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "completed");
    assert!(harness.calls_to("+14155550102").await.is_empty());
}

#[tokio::test]
async fn a_hang_up_on_either_side_ends_both_calls() {
    for (who, status) in [("parent", "completed"), ("leg", "in-progress")] {
        let harness = Harness::answering("<Dial action='/after'>+14155552672</Dial>").await;
        let sid = harness.dial("+14155552671", &[]).await;
        harness.answer(&sid).await;
        let leg = harness.call_to("+14155552672").await;
        harness.answer(&leg).await;
        harness
            .until(&sid, |call| {
                call["transcript"].to_string().contains("connected")
            })
            .await;
        let first = if who == "parent" { &sid } else { &leg };
        let path = format!("calls/{first}/hangup");
        harness.control(Method::POST, &path, &Value::Null).await;
        assert_eq!(harness.ended(&leg).await["status"], "completed");
        assert_eq!(harness.ended(&sid).await["status"], "completed");
        let after = &harness.asked("/after", 1).await[0];
        assert_eq!(after.param("DialCallStatus"), "completed", "{who}");
        assert_eq!(after.param("CallStatus"), status, "{who}");
    }
}

#[tokio::test]
async fn star_hangs_up_where_it_is_asked_for() {
    let harness =
        Harness::answering("<Dial action='/after' hangupOnStar='true'>+14155552672</Dial>").await;
    let sid = harness.dial("+14155552671", &[]).await;
    harness.answer(&sid).await;
    let leg = harness.call_to("+14155552672").await;
    harness.answer(&leg).await;
    harness
        .until(&sid, |call| {
            call["transcript"].to_string().contains("connected")
        })
        .await;
    harness.press(&sid, "1*").await;
    harness.ended(&sid).await;
    assert_eq!(harness.ended(&leg).await["status"], "completed");
}

/// Rings our number with this document; the sid of the call.
async fn rung(harness: &Harness, verbs: &str) -> String {
    harness.on("/inbound", CannedReply::twiml(verbs));
    let url = format!("{}/inbound", harness.origin);
    let wanted = json!({"from": "+14155550123", "to": "+15005550006", "url": url});
    let (_, call) = harness.control(Method::POST, "inbound", &wanted).await;
    call["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_caller_hears_ringing_until_the_dialled_phone_is_connected() {
    let harness = Harness::answering("").await;
    let sid = rung(
        &harness,
        "<Dial answerOnBridge='true' action='/after' timeLimit='5'>+14155552672</Dial>",
    )
    .await;
    let leg = harness.call_to("+14155552672").await;
    let leg_rings = harness
        .until(&leg, |call| call["status"] == "ringing")
        .await;
    let (_, call) = harness
        .control(Method::GET, &format!("calls/{sid}"), &Value::Null)
        .await;
    assert_eq!(call["status"], "ringing", "{leg_rings}");
    harness.answer(&leg).await;
    harness
        .until(&sid, |call| call["status"] == "in-progress")
        .await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["status"], "completed");
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "completed");
    assert_eq!(after.param("CallStatus"), "in-progress");
}

#[tokio::test]
async fn a_caller_whom_nobody_answers_is_not_answered_either() {
    let dial = "<Dial answerOnBridge='true' action='/after'>+14155550103</Dial>";
    let harness = Harness::answering("").await;
    harness.on(
        "/after",
        CannedReply::twiml("<Pause/><Dial answerOnBridge='true'>+14155550103</Dial>"),
    );
    let sid = rung(&harness, dial).await;
    let call = harness.ended(&sid).await;
    assert_eq!(
        (&call["status"], &call["answered_at"]),
        (&json!("no-answer"), &Value::Null)
    );
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "busy");
    assert_eq!(after.param("CallStatus"), "ringing");

    // Words after it need an answered call.
    let sid = rung(
        &harness,
        &format!("{}<Say>Closed</Say>", dial.replace(" action='/after'", "")),
    )
    .await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["status"], "completed");
    assert!(call["transcript"].to_string().contains("Closed"));
}

#[tokio::test]
async fn a_leading_pause_lets_the_call_ring_on() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let sid = rung(&harness, "<Pause length='7'/><Say>Hello</Say>").await;
    harness
        .until(&sid, |call| call["saying"]["kind"] == "pause")
        .await;
    let (_, call) = harness
        .control(Method::GET, &format!("calls/{sid}"), &Value::Null)
        .await;
    assert_eq!(call["status"], "ringing");
    harness.clock.advance(Duration::from_secs(7));
    let call = harness
        .until(&sid, |call| call["saying"]["text"] == "Hello")
        .await;
    assert_eq!(call["status"], "in-progress");
}

#[tokio::test]
async fn machine_detection_of_a_dialled_phone_is_reported_beside_the_call() {
    for noun in [
        "<Number machineDetection='DetectMessageEnd' amdStatusCallback='/amd'>+14155550106</Number>",
        "<Number machineDetection='Enable' amdStatusCallback='/amd' \
         amdStatusCallbackMethod='GET' statusCallback='/leg'>+14155550107</Number>",
    ] {
        let harness = Harness::answering(&format!(
            "<Dial action='/after' timeLimit='20'>{noun}</Dial>"
        ))
        .await;
        let sid = harness.dial("+14155550107", &[]).await;
        let verdict = &harness.asked("/amd", 1).await[0];
        let human = noun.contains("GET");
        let (word, method) = if human {
            ("human", Method::GET)
        } else {
            ("machine_end_beep", Method::POST)
        };
        assert_eq!(
            (verdict.param("AnsweredBy"), &verdict.method),
            (word, &method)
        );
        assert!(!verdict.param("MachineDetectionDuration").is_empty());
        harness.ended(&sid).await;
        let number = if human {
            "+14155550107"
        } else {
            "+14155550106"
        };
        let calls = harness.calls_to(number).await;
        let leg = calls.iter().find(|it| it["direction"] == "outbound-dial");
        assert_eq!(leg.unwrap()["answered_by"], word);
        assert_eq!(verdict.param("CallSid"), leg.unwrap()["sid"]);
        if human {
            let status = &harness.asked("/leg", 1).await[0];
            assert_eq!(status.param("AnsweredBy"), word);
        }
    }
}

#[tokio::test]
async fn a_sip_address_may_stand_without_its_scheme() {
    let harness = Harness::answering("<Dial timeout='5'><Sip>kate@example.com</Sip></Dial>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let leg = harness.call_to("sip:kate@example.com").await;
    harness.ended(&leg).await;
    assert_eq!(harness.ended(&sid).await["warnings"], json!([]));
}

#[tokio::test]
async fn the_timeout_of_a_dial_ends_with_the_pick_up() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    let dial = "<Dial action='/after' timeout='5' timeLimit='2'>\
                <Number url='/whisper'>+14155552672</Number></Dial>";
    harness.on("/answer", CannedReply::twiml(dial));
    harness.on("/after", CannedReply::twiml(""));
    harness.on("/whisper", CannedReply::twiml("<Pause length='20'/>"));
    let sid = harness.dial("+14155550107", &[]).await;
    harness
        .advance_until(&sid, |call| call["transcript"].to_string().contains("dial"))
        .await;
    let leg = harness.call_to("+14155552672").await;
    harness
        .advance_until(&leg, |call| call["status"] == "ringing")
        .await;
    harness.answer(&leg).await;
    harness.until(&leg, |call| !call["saying"].is_null()).await;
    harness
        .advance_until(&sid, |call| call["ended"] == true)
        .await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "completed");
}
