//! Verbs that do not work here, and speech.

use http::Method;
use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn what_does_not_work_is_said_aloud_and_ends_the_call() {
    for verb in [
        "<Connect><Stream url='wss://a.example'/></Connect>",
        "<Start><Transcription/></Start>",
        "<Prompt><Say>never</Say></Prompt>",
        "<Dial><Application>AP1</Application></Dial>",
        "<Enqueue workflowSid='WW1'/>",
    ] {
        let harness = Harness::answering(&format!("{verb}<Say>never</Say>")).await;
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
    let harness =
        Harness::answering("<Refer action='/after'><Sip>sip:a@b.example</Sip></Refer>").await;
    let sid = harness.dial("+14155550107", &[]).await;
    let call = harness.ended(&sid).await;
    assert_eq!(call["warnings"][0]["code"], 13_801);
    let after = &harness.asked("/after", 1).await[0];
    assert_eq!(after.param("ReferCallStatus"), "failed");
}

#[tokio::test]
async fn partial_results_come_before_the_result() {
    let harness = Harness::answering(
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
