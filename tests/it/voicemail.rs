//! Machines at the other end: what is left on them, what is not, and who wins when somebody presses
//! a key after all.

use serde_json::{Value, json};

use crate::app::{RESTAURANT, TestApp, table, table_at, with};
use crate::webhook::Webhook;

const MACHINE: &str = "+14155550106";

/// Texts that were said on each line to a number, oldest first.
async fn said_to(app: &TestApp, number: &str) -> Vec<Vec<String>> {
    let state = app.simulator("calls").await;
    let lines = state["calls"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter(|line| line["to"] == number);
    let said = |line: &Value| {
        let transcript = line["transcript"].as_array().unwrap().iter();
        let said =
            transcript.filter(|entry| entry["speaker"] == "twilio" && entry["kind"] == "say");
        said.map(|entry| entry["text"].as_str().unwrap().to_owned())
            .collect()
    };
    lines.map(said).collect()
}

fn leaving(number: &str, language: &str) -> Value {
    let more = json!({
        "voicemail": "leave_message", "language": language, "guest_phone": "+14155552672", "notes": "window table",
    });
    with(table_at(number), more)
}

#[tokio::test]
async fn one_message_is_left_after_the_beep_without_the_guests_name_and_number() {
    for (language, begins, contact) in [
        (
            "en-US",
            "Hello, this is an automated message from Tablecall.",
            "5 0 0",
        ),
        (
            "de-DE",
            "Guten Tag, dies ist eine automatische Nachricht von Tablecall.",
            "5 0 0",
        ),
        ("ja-JP", "Tablecallからの自動音声メッセージです。", "5 0 0"),
    ] {
        let app = TestApp::start().await;
        let call = app.asks(leaving(MACHINE, language)).await;
        let waiting = call
            .comes_to(|call| call["waiting_for"] == "callback")
            .await;
        let last = &waiting["attempts"][0];
        assert_eq!(
            (&last["ended_because"], &last["answered_by"]),
            (&json!("machine"), &json!("beep")),
            "{waiting:#}"
        );
        let said = said_to(&app, MACHINE).await.remove(0);
        assert_eq!(
            said.len(),
            2,
            "the message to staff, cut off by the one to the machine: {said:?}"
        );
        assert!(
            said[1].starts_with(begins) && said[1].contains(contact),
            "{language}: {}",
            said[1]
        );
        for private in ["Ana", "2 6 7 2", "window table"] {
            assert!(
                !said[1].contains(private),
                "{language}: {private}: {}",
                said[1]
            );
        }
        let left = waiting["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["what"] == "message_left");
        assert_eq!(left.count(), 1);
        let call = call.ends_as("machine", 1).await;
        assert!(
            call["updated_at"].as_str().unwrap() >= "2026-12-02T20:00:00",
            "not before give_up_at: {call:#}"
        );
        app.finish().await;
    }
}

#[tokio::test]
async fn a_verdict_that_comes_twice_leaves_one_message() {
    let app = TestApp::start().await;
    let call = app.asks(leaving(MACHINE, "en-US")).await;
    call.comes_to(|call| {
        call["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["what"] == "message_left")
    })
    .await;
    let (verdict, _) = app.webhooks("amd").await.remove(0);
    assert_eq!(verdict.sent(&app).await.status, 204);
    call.comes_to(|call| call["waiting_for"] == "callback")
        .await;
    assert_eq!(verdict.sent(&app).await.status, 204);
    call.ends_as("machine", 1).await;
    let is_update = |it: &&Value| {
        it["method"] == "POST" && !it["url"].as_str().unwrap().ends_with("/Calls.json")
    };
    assert_eq!(app.wire("rest").await.iter().filter(is_update).count(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_message_for_a_line_that_has_just_closed_is_left_the_next_time() {
    let app = TestApp::start().await;
    app.goes_wrong(json!({"update_21220": {"count": 1}})).await;
    let call = app.asks(leaving(MACHINE, "de-DE")).await;
    let waiting = call.comes_to(|call| call["waiting_for"] == "retry").await;
    assert_eq!(
        waiting["attempts"][0]["ended_because"], "machine",
        "{waiting:#}"
    );
    let waiting = call
        .comes_to(|call| call["waiting_for"] == "callback")
        .await;
    assert_eq!(waiting["attempts"].as_array().unwrap().len(), 2);
    let left = waiting["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["what"] == "message_left");
    assert_eq!(left.count(), 1);
    call.ends_as("machine", 2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_machine_without_a_beep_is_heard_out_and_no_message_is_left() {
    let app = TestApp::start().await;
    app.behaves(
        MACHINE,
        json!({"voicemail": {"greeting_seconds": 9, "beep": false}}),
    )
    .await;
    let call = app
        .asks(with(leaving(MACHINE, "es-ES"), json!({"attempts": 1})))
        .await;
    let call = call.ends_as("machine", 1).await;
    assert_eq!(call["attempts"][0]["ended_because"], "machine");
    let said = said_to(&app, MACHINE).await.remove(0);
    assert_eq!(
        said.len(),
        1,
        "one message and one wait for a key: {said:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_fax_is_hung_up_on_and_never_rung_again() {
    let app = TestApp::start().await;
    app.behaves(
        RESTAURANT,
        json!({"answer_after_seconds": 2, "answered_by": "fax"}),
    )
    .await;
    let call = app.asks(table()).await;
    let call = call.ends_as("machine", 1).await;
    assert_eq!(call["attempts"][0]["answered_by"], "fax");
    app.finish().await;
}

#[tokio::test]
async fn who_sounds_like_a_machine_and_presses_a_key_has_answered() {
    for (language, heard, outcome, keys) in [
        ("en-US", "Accepted", "confirmed", "1"),
        ("de-DE", "Abgelehnt", "rejected", "2"),
        ("ja-JP", "ご承諾ありがとうございます", "confirmed", "1"),
    ] {
        let app = TestApp::start().await;
        // A company that greets at such length that its voice is called a machine's.
        app.behaves(RESTAURANT, json!({"answered_by": "machine_end_silence"}))
            .await;
        let call = app
            .asks(with(
                table(),
                json!({"language": language, "voicemail": "leave_message"}),
            ))
            .await;
        let mut phone = app.phone(RESTAURANT).picks_up("Tablecall").await;
        call.comes_to(|call| call["attempts"][0]["answered_by"] == "voice")
            .await;
        phone.presses(keys).await;
        phone.hears(heard).await;
        phone.hangs_up().await;
        call.ends_as(outcome, 1).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn behind_a_menu_the_extension_is_dialled_and_five_rounds_are_heard() {
    let app = TestApp::start().await;
    let call = app
        .asks(with(
            table(),
            json!({"extension": "ww2", "attempts": 1, "voicemail": "leave_message"}),
        ))
        .await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    let create = Webhook::of(&app.creates().await[0]);
    let sent = |name: &str| {
        create
            .params
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (
            sent("SendDigits"),
            sent("MachineDetection"),
            sent("AsyncAmd")
        ),
        (Some("ww2"), None, None)
    );
    phone.answers().await;
    for _ in 0..5 {
        phone.hears("To accept, press 1").await;
        phone.keeps_silent().await;
    }
    phone.hears("nothing is booked").await;
    phone.is_hung_up_on().await;
    call.ends_as("no_response", 1).await;
    app.finish().await;
}
