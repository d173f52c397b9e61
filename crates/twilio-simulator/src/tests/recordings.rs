//! Files that are played, and recordings that exist.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use super::harness::Harness;
use super::service::CannedReply;
use crate::SimulatorConfig;

#[tokio::test]
async fn a_file_is_fetched_before_it_is_played() {
    let harness = Harness::answering(
        "<Play>/missing</Play><Play>/page</Play><Play>/tune</Play><Say>Done</Say>",
    )
    .await;
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
    harness.clock.advance(Duration::from_secs(5));
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
async fn a_callback_alone_asks_for_the_words_of_a_recording() {
    for (more, wanted) in [("", 1), (" transcribe='false'", 0)] {
        let harness = Harness::answering(&format!(
            "<Record action='/after' timeout='0' maxLength='4' transcribeCallback='/text'{more}/>"
        ))
        .await;
        let sid = harness.dial("+14155550107", &[]).await;
        harness.ended(&sid).await;
        let (_, list) = harness.rest(Method::GET, "/Transcriptions.json", &[]).await;
        assert_eq!(list["transcriptions"].as_array().unwrap().len(), wanted);
        harness.asked("/text", wanted).await;
    }
}

#[tokio::test]
async fn silence_ends_a_recording_only_where_it_may() {
    let harness =
        Harness::answering("<Record action='/after' timeout='0' maxLength='20'/><Say>never</Say>")
            .await;
    let sid = harness.dial("+14155550107", &[]).await;
    harness.ended(&sid).await;
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("RecordingDuration"), "20");

    let harness =
        Harness::answering("<Record action='/after' timeout='3'/><Say>Nothing heard</Say>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert!(call["transcript"].to_string().contains("Nothing heard"));
    assert!(harness.asked_so_far("/after").is_empty());
}

#[tokio::test]
async fn a_whole_call_is_recorded_on_demand() {
    let harness = Harness::answering("<Pause length='7'/>").await;
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
