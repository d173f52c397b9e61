//! Verbs that involve other calls, files and recordings.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::{CannedReply, Harness};
use crate::SimulatorConfig;

/// A harness whose service answers `/answer` with these verbs, and `/after` with a Hangup.
async fn answering(verbs: &str) -> Harness {
    let harness = Harness::running().await;
    harness.on("/answer", CannedReply::twiml(verbs));
    harness.on("/after", CannedReply::twiml("<Hangup/>"));
    harness
}

/// All calls that the control API shows to this number.
async fn calls_to(harness: &Harness, number: &str) -> Vec<Value> {
    let (_, state) = harness.control(Method::GET, "calls", &Value::Null).await;
    let calls = state["calls"].as_array().unwrap().clone();
    calls.into_iter().filter(|it| it["to"] == number).collect()
}

/// The sid of the one call to a number, once it exists.
async fn call_to(harness: &Harness, number: &str) -> String {
    let found = async {
        loop {
            if let [call] = calls_to(harness, number).await.as_slice() {
                return call["sid"].as_str().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), found).await;
    waited.expect("no such call")
}

#[tokio::test]
async fn a_dialled_number_is_connected_until_the_time_limit() {
    let harness = answering(
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

    let leg_sid = call_to(&harness, "+442071830107").await;
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
        let harness = answering(&dial).await;
        let sid = harness.dial("+14155550107", &[]).await;
        harness.ended(&sid).await;
        let after = &harness.asked("/after", 1).await[0];
        assert_eq!(after.param("DialCallStatus"), status, "{number}");
        assert_eq!(after.param("DialBridged"), "false");
    }
}

#[tokio::test]
async fn without_an_action_the_next_verb_goes_on() {
    let harness = answering("<Dial>+14155550103</Dial><Say>Nobody is there</Say>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert!(call["transcript"].to_string().contains("Nobody is there"));
}

#[tokio::test]
async fn of_several_phones_the_first_to_answer_wins() {
    let harness = answering(
        "<Dial action='/after' timeLimit='2'><Number>+14155550104</Number>\
         <Client>alice</Client><Sip>sip:kate@example.com</Sip></Dial>",
    )
    .await;
    let sid = harness.dial("+14155550107", &[]).await;
    let client = call_to(&harness, "client:alice").await;
    harness.answer(&client).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallSid"), client);
    for other in ["+14155550104", "sip:kate@example.com"] {
        let other = call_to(&harness, other).await;
        assert_eq!(harness.ended(&other).await["status"], "canceled");
    }
}

#[tokio::test]
async fn sequential_phones_ring_one_after_the_other() {
    let harness = answering(
        "<Dial action='/after' sequential='true' timeLimit='2'><Number>+14155550103</Number>\
         <Number>+14155550107</Number><Number>+14155550102</Number></Dial>",
    )
    .await;
    let sid = harness.dial("+14155550101", &[]).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "completed");
    assert!(calls_to(&harness, "+14155550102").await.is_empty());
}

#[tokio::test]
async fn a_hang_up_on_either_side_ends_both_calls() {
    for (who, status) in [("parent", "completed"), ("leg", "in-progress")] {
        let harness = answering("<Dial action='/after'>+14155552672</Dial>").await;
        let sid = harness.dial("+14155552671", &[]).await;
        harness.answer(&sid).await;
        let leg = call_to(&harness, "+14155552672").await;
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
    let harness = answering("<Dial action='/after' hangupOnStar='true'>+14155552672</Dial>").await;
    let sid = harness.dial("+14155552671", &[]).await;
    harness.answer(&sid).await;
    let leg = call_to(&harness, "+14155552672").await;
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

#[tokio::test]
async fn a_call_waits_in_a_queue_until_another_takes_it() {
    let harness = answering("<Enqueue action='/after' waitUrl='/wait'>support</Enqueue>").await;
    harness.on("/wait", CannedReply::twiml("<Say>Please hold</Say>"));
    harness.on(
        "/agent",
        CannedReply::twiml("<Dial action='/agent-after' timeLimit='3'><Queue url='/connecting'>support</Queue></Dial>"),
    );
    harness.on("/connecting", CannedReply::twiml("<Say>Connecting</Say>"));
    harness.on("/agent-after", CannedReply::twiml("<Hangup/>"));
    let waiting = harness.dial("+14155550107", &[]).await;
    let wait = &harness.asked("/wait", 2).await[0];
    assert_eq!(wait.param("QueuePosition"), "1");
    assert_eq!(wait.param("CurrentQueueSize"), "1");
    let (_, queues) = harness.rest(Method::GET, "/Queues.json", &[]).await;
    assert_eq!(queues["queues"][0]["friendly_name"], "support");
    assert_eq!(queues["queues"][0]["current_size"], 1);

    let url = format!("{}/agent", harness.origin);
    let params = [
        ("To", "+14155550101"),
        ("From", "+15005550006"),
        ("Url", &url),
    ];
    let (_, agent) = harness.rest(Method::POST, "/Calls.json", &params).await;
    let agent = agent["sid"].as_str().unwrap();
    harness.ended(agent).await;
    let call = harness.ended(&waiting).await;
    assert!(call["transcript"].to_string().contains("Connecting"));
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("QueueResult"), "bridged");
    let agent_after = &harness.asked("/agent-after", 1).await[0];
    assert_eq!(agent_after.param("DialCallStatus"), "completed");
    assert_eq!(agent_after.param("DialCallSid"), waiting);
}

#[tokio::test]
async fn a_call_leaves_its_queue_by_leave_and_finds_a_full_one() {
    let harness =
        answering("<Enqueue action='/after' waitUrl='/wait' maxQueueSize='1'>support</Enqueue>")
            .await;
    harness.on("/wait", CannedReply::twiml("<Pause length='600'/><Leave/>"));
    let first = harness.dial("+14155550107", &[]).await;
    harness.asked("/wait", 1).await;
    let second = harness.dial("+14155550107", &[]).await;
    harness.ended(&second).await;
    harness.ended(&first).await;
    let results: Vec<_> = harness
        .asked("/after", 2)
        .await
        .iter()
        .map(|it| it.param("QueueResult").to_owned())
        .collect();
    assert_eq!(results, ["queue-full", "leave"]);
}

#[tokio::test]
async fn a_conference_starts_with_the_second_call_and_ends_with_the_moderator() {
    let harness = answering(
        "<Dial action='/after'><Conference endConferenceOnExit='false' startConferenceOnEnter='false' \
         waitUrl='/music' statusCallback='/room' statusCallbackEvent='start end join leave'>Room</Conference></Dial>",
    )
    .await;
    harness.on("/music", CannedReply::twiml("<Say>Wait</Say>"));
    harness.on(
        "/moderator",
        CannedReply::twiml(
            "<Dial timeLimit='4'><Conference endConferenceOnExit='true'>Room</Conference></Dial>",
        ),
    );
    let guest = harness.dial("+14155550107", &[]).await;
    harness.asked("/music", 1).await;
    let url = format!("{}/moderator", harness.origin);
    let params = [
        ("To", "+14155550101"),
        ("From", "+15005550006"),
        ("Url", &url),
    ];
    let (_, call) = harness.rest(Method::POST, "/Calls.json", &params).await;
    harness.ended(call["sid"].as_str().unwrap()).await;
    harness.ended(&guest).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("DialCallStatus"), "answered");
    let mut events: Vec<_> = harness
        .asked("/room", 5)
        .await
        .iter()
        .map(|it| it.param("StatusCallbackEvent").to_owned())
        .collect();
    events.sort();
    events.dedup();
    assert_eq!(
        events,
        [
            "conference-end",
            "conference-start",
            "participant-join",
            "participant-leave"
        ]
    );
    let (_, list) = harness
        .rest(Method::GET, "/Conferences.json?Status=completed", &[])
        .await;
    assert_eq!(list["conferences"][0]["friendly_name"], "Room");
}

#[tokio::test]
async fn what_does_not_work_is_said_aloud_and_ends_the_call() {
    for verb in [
        "<Connect><Stream url='wss://a.example'/></Connect>",
        "<Start><Transcription/></Start>",
        "<Prompt><Say>never</Say></Prompt>",
        "<Dial><Application>AP1</Application></Dial>",
        "<Enqueue workflowSid='WW1'/>",
    ] {
        let harness = answering(&format!("{verb}<Say>never</Say>")).await;
        let sid = harness.dial("+14155550107", &[]).await;
        let call = harness.ended(&sid).await;
        let heard = call["transcript"].to_string();
        assert!(heard.contains("The simulator does not support"), "{verb}");
        assert!(!heard.contains("never"), "{verb}");
        assert_eq!(call["warnings"][0]["code"], 999_001, "{verb}");
    }
}

#[tokio::test]
async fn a_refer_is_refused_because_no_call_here_is_a_sip_call() {
    let harness = answering("<Refer action='/after'><Sip>sip:a@b.example</Sip></Refer>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["warnings"][0]["code"], 13_801);
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("ReferCallStatus"), "failed");
}

#[tokio::test]
async fn a_file_is_fetched_before_it_is_played() {
    let harness =
        answering("<Play>/missing</Play><Play>/page</Play><Play>/tune</Play><Say>Done</Say>").await;
    harness.on("/missing", CannedReply::status(404));
    harness.on("/page", CannedReply::twiml(""));
    let tune = CannedReply {
        status: 200,
        content_type: "audio/basic",
        location: None,
        body: "x".repeat(16_000),
    };
    harness.on("/tune", tune);
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    let codes: Vec<_> = call["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [11_200, 13_420]);
    assert_eq!(call["transcript"][0]["seconds"], 2.0);
    assert_eq!(call["transcript"][1]["text"], "Done");
    let request = &harness.asked("/tune", 1).await[0];
    assert_eq!(request.method, Method::GET);
    assert!(request.params.is_empty() && request.header("x-twilio-signature").is_empty());
}

#[tokio::test]
async fn a_recording_exists_with_its_length_and_its_words() {
    let harness = Harness::standing(SimulatorConfig::default()).await;
    harness.on(
        "/answer",
        CannedReply::twiml(
            "<Record action='/after' timeout='5' transcribe='true' transcribeCallback='/text' \
             recordingStatusCallback='/recording' recordingStatusCallbackEvent='in-progress completed'/>",
        ),
    );
    harness.on("/after", CannedReply::twiml("<Hangup/>"));
    let sid = harness.dial("+14155550107", &[]).await;
    harness
        .advance_until(&sid, |call| {
            call["transcript"].to_string().contains("beep") && call["saying"].is_null()
        })
        .await;
    let words = json!({"text": "We are closed on Monday"});
    let path = format!("calls/{sid}/say");
    let (status, _) = harness.control(Method::POST, &path, &words).await;
    assert_eq!(status, StatusCode::OK);
    harness
        .advance_until(&sid, |call| call["ended"] == true)
        .await;

    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("Digits"), "");
    let recording_sid = after.param("RecordingSid").to_owned();
    assert!(
        recording_sid.starts_with("RE") && after.param("RecordingUrl").ends_with(&recording_sid)
    );
    let seconds: u64 = after.param("RecordingDuration").parse().unwrap();
    assert!(
        (1..=3).contains(&seconds),
        "{seconds}: the silence is trimmed"
    );
    let news = harness.asked("/recording", 2).await;
    assert_eq!(news[0].param("RecordingStatus"), "in-progress");
    assert_eq!(news[1].param("RecordingDuration"), seconds.to_string());
    let text = &harness.asked("/text", 1).await[0];
    assert_eq!(text.param("TranscriptionText"), "We are closed on Monday");

    for list in [
        "/Recordings.json".to_owned(),
        format!("/Calls/{sid}/Recordings.json"),
    ] {
        let (_, list) = harness.rest(Method::GET, &list, &[]).await;
        assert_eq!(list["recordings"][0]["sid"], recording_sid.as_str());
    }
    let path = format!("/Recordings/{recording_sid}");
    let (_, one) = harness
        .rest(Method::GET, &format!("{path}.json"), &[])
        .await;
    assert_eq!(one["duration"], seconds.to_string());
    for suffix in ["", ".wav"] {
        let (status, kind, wav) = harness.bytes(&format!("{path}{suffix}")).await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, "audio/x-wav"));
        assert_eq!(wav.len() as u64, 44 + seconds * 16_000);
    }
    let (status, _) = harness
        .rest(Method::DELETE, &format!("{path}.json"), &[])
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = harness
        .rest(Method::GET, &format!("{path}.json"), &[])
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn silence_ends_a_recording_only_where_it_may() {
    let harness =
        answering("<Record action='/after' timeout='0' maxLength='20'/><Say>never</Say>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("RecordingDuration"), "20");

    let harness = answering("<Record action='/after' timeout='3'/><Say>Nothing heard</Say>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert!(call["transcript"].to_string().contains("Nothing heard"));
    assert!(harness.asked_so_far("/after").is_empty());
}

#[tokio::test]
async fn a_whole_call_is_recorded_on_demand() {
    let harness = answering("<Pause length='7'/>").await;
    let news = format!("{}/recording", harness.origin);
    let params = [
        ("Record", "true"),
        ("RecordingStatusCallback", news.as_str()),
    ];
    let sid = harness.dial("+14155550107", &params).await;
    harness.ended(&sid).await;
    let news = &harness.asked("/recording", 1).await[0];
    assert_eq!(news.param("RecordingSource"), "OutboundAPI");
    // Requests take real time, in which the fast clock of the test runs on.
    let seconds: u64 = news.param("RecordingDuration").parse().unwrap();
    assert!(seconds >= 7, "{seconds}");
    let last = harness.asked("/status", 4).await.pop().unwrap();
    assert_eq!(last.param("RecordingSid"), news.param("RecordingSid"));
}

#[tokio::test]
async fn partial_results_come_before_the_result() {
    let harness = answering(
        "<Gather input='speech' action='/after' partialResultCallback='/partial' timeout='600'/>",
    )
    .await;
    let sid = harness.dial("+14155550107", &[]).await;
    harness
        .until(&sid, |call| call["gather"]["listening"] == true)
        .await;
    let path = format!("calls/{sid}/say");
    let words = json!({"text": "a table for four"});
    harness.control(Method::POST, &path, &words).await;
    harness.ended(&sid).await;
    let partial = harness.asked("/partial", 4).await;
    let heard: Vec<_> = partial
        .iter()
        .map(|it| it.param("UnstableSpeechResult"))
        .collect();
    assert_eq!(heard, ["a", "a table", "a table for", "a table for four"]);
    assert_eq!(partial[3].param("SequenceNumber"), "3");
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("SpeechResult"), "a table for four");
}
