//! Answers in words, where `TWILIO_SPEECH` is on.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table, with};

fn listening() -> RawConfig {
    RawConfig::default().with(|it| it.calls.twilio_speech = Some("on".to_owned()))
}

fn window() -> Value {
    with(
        table(),
        json!({"alternatives": {"earliest": "18:30", "latest": "21:00"}}),
    )
}

#[tokio::test]
async fn a_spoken_yes_or_no_counts_in_the_language_of_the_call() {
    for (language, listens, word, heard, outcome) in [
        ("en-US", "en-US", "Yes, please.", "Accepted", "confirmed"),
        ("en-US", "en-US", "No problem!", "Accepted", "confirmed"),
        (
            "de-DE",
            "de-DE",
            "Nein, leider nicht",
            "Abgelehnt",
            "rejected",
        ),
        (
            "es-ES",
            "es-ES",
            "Sí, claro",
            "Reserva aceptada",
            "confirmed",
        ),
        (
            "ja-JP",
            "ja-JP",
            "はい、お願いします。",
            "ご承諾ありがとうございます",
            "confirmed",
        ),
        ("cmn-CN", "cmn-Hans-CN", "不行", "4", "rejected"),
    ] {
        let app = TestApp::with(listening()).await;
        let call = app.asks(with(table(), json!({"language": language}))).await;
        let mut phone = app.phone(RESTAURANT).picks_up("Tablecall").await;
        assert_eq!(
            phone.line().await["gather"]["speech"],
            false,
            "no greeting is an answer"
        );
        phone.hears_question().await;
        assert_eq!(phone.line().await["gather"]["language"], listens);
        phone.says(word, 0.9).await;
        phone.hears(heard).await;
        phone.hangs_up().await;
        let call = call.ends_as(outcome, 1).await;
        let said = call["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["what"] == "said")
            .unwrap();
        assert!(
            matches!(said["detail"].as_str(), Some("yes" | "no")),
            "{said}"
        );
        app.finish().await;
    }
}

#[tokio::test]
async fn words_that_are_not_certain_ask_for_a_key_and_a_key_decides() {
    for (language, word, sorry, key, outcome) in [
        (
            "en-US",
            "Yes",
            "Sorry, I did not understand that. Please press a key.",
            "2",
            "rejected",
        ),
        (
            "de-DE",
            "Ja",
            "Das habe ich leider nicht verstanden.",
            "1",
            "confirmed",
        ),
        ("ja-JP", "はい", "聞き取れませんでした", "1", "confirmed"),
    ] {
        let app = TestApp::with(listening()).await;
        let call = app.asks(with(table(), json!({"language": language}))).await;
        let mut phone = app.phone(RESTAURANT).picks_up("Tablecall").await;
        for (text, confidence) in [(word, 0.49), ("Pizza Margherita yes no", 0.99)] {
            phone.says(text, confidence).await;
            phone.hears(sorry).await;
            assert_eq!(call.reads().await["outcome"], Value::Null, "{text}");
        }
        phone.presses(key).await;
        phone.hears_something().await;
        phone.hangs_up().await;
        call.ends_as(outcome, 1).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn once_more_and_another_time_are_understood_and_digits_are_typed() {
    for (language, again, other, digits) in [
        (
            "en-US",
            "Say that again",
            "Another time, please",
            "Please type four digits",
        ),
        (
            "de-DE",
            "Wie bitte?",
            "Eine andere Zeit",
            "Bitte tippen Sie vier Ziffern",
        ),
        ("es-ES", "¿Cómo?", "Otra hora", "cuatro"),
    ] {
        let app = TestApp::with(listening()).await;
        let call = app
            .asks(with(window(), json!({"language": language})))
            .await;
        let mut phone = app.phone(RESTAURANT).picks_up("Ana García").await;
        phone.says(again, 0.8).await;
        phone.hears("Ana García").await;
        phone.says(other, 0.8).await;
        phone.hears(digits).await;
        phone.hears_out().await;
        assert_eq!(
            phone.line().await["gather"]["speech"],
            false,
            "a time is typed"
        );
        phone.presses("2015").await;
        phone.hears_something().await;
        phone.presses("1").await;
        phone.hears_something().await;
        phone.hangs_up().await;
        let call = call.ends_as("confirmed", 1).await;
        assert_eq!(call["agreed_time"], "2026-12-04T20:15");
        app.finish().await;
    }
}

#[tokio::test]
async fn nobody_listens_unless_it_is_switched_on() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    assert_eq!(phone.line().await["gather"]["speech"], false);
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}
