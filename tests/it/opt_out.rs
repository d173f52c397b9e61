//! Restaurants that do not want to be called, and what becomes of those who want to call them.

use serde_json::json;
use tablecall::config::{Config, RawConfig};
use tempfile::NamedTempFile;

use crate::app::{RESTAURANT, TestApp, table, with};

/// A file of numbers, gone when the test is over.
struct List(NamedTempFile);

impl List {
    fn of(text: &str) -> Self {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        Self(file)
    }

    fn given(&self) -> RawConfig {
        RawConfig::default()
            .with(|it| it.calls.do_not_call_file = Some(self.0.path().to_str().unwrap().to_owned()))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

/// Every path by which a number could be rung refuses it.
async fn is_refused(app: &TestApp) {
    let checked = app.checks(table()).await;
    assert_eq!(
        (&checked["verdict"], &checked["code"]),
        (&json!("blocked"), &json!("opted_out")),
        "{checked:#}"
    );
    let answer = app.tries(table()).await;
    answer.is_problem(422, "opted_out");
    assert_eq!(
        answer.body["errors"][0]["field"], "phone",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn key_9_is_for_ever_however_the_talk_ends() {
    for (language, question, gone, end) in [
        (
            "en-US",
            "Should we never call this number again?",
            "We will not call this number again",
            "confirms",
        ),
        (
            "de-DE",
            "Sollen wir diese Nummer nie wieder anrufen?",
            "Wir rufen diese Nummer nicht mehr an",
            "keeps silent",
        ),
        (
            "ja-JP",
            "",
            "今後この番号にはお電話いたしません",
            "hangs up",
        ),
    ] {
        let list = List::of("# by letter\n+442079460018\n");
        let app = TestApp::with(list.given()).await;
        let call = app.asks(with(table(), json!({"language": language}))).await;
        let mut phone = app.phone(RESTAURANT).picks_up("9").await;
        phone.presses("9").await;
        phone.hears(question).await;
        // It counts from this moment on.
        is_refused(&app).await;
        match end {
            "confirms" => phone.presses("1").await,
            "keeps silent" => phone.keeps_silent().await,
            _ => phone.hangs_up().await,
        }
        if end != "hangs up" {
            phone.hears(gone).await;
            // What is said is kept already.
            assert!(list.text().contains(RESTAURANT));
            phone.is_hung_up_on().await;
        }
        let ended = call.ends_as("opted_out", 1).await;
        assert_eq!(ended["attempts"][0]["ended_because"], "opted_out");
        is_refused(&app).await;
        app.finish().await;
        assert_eq!(
            list.text(),
            format!("# by letter\n+442079460018\n{RESTAURANT}\n")
        );
        let again = TestApp::with(list.given()).await;
        is_refused(&again).await;
        again.finish().await;
    }
}

#[tokio::test]
async fn all_waiting_calls_to_the_number_end_at_once() {
    let app = TestApp::start().await;
    let first = app.asks(table()).await;
    let second = app.asks(with(table(), json!({"name": "Bob Li"}))).await;
    let later = app
        .asks(with(
            table(),
            json!({"name": "Cem Su", "not_before": "2026-12-02T20:00:00Z"}),
        ))
        .await;
    let other = app
        .asks(with(
            table(),
            json!({"phone": "+14155552672", "not_before": "2026-12-02T20:00:00Z"}),
        ))
        .await;
    let mut phone = app.phone(RESTAURANT).picks_up("press 9").await;
    phone.presses_and_hears("9", "never").await;
    phone.presses("1").await;
    for waiting in [&second, &later] {
        let ended = waiting.until(|call| call["final"] == true).await;
        assert_eq!(
            (&ended["outcome"], &ended["attempts"]),
            (&json!("opted_out"), &json!([])),
            "{ended:#}"
        );
    }
    assert_eq!(other.reads().await["status"], "queued");
    phone.hears("We will not call this number again").await;
    phone.is_hung_up_on().await;
    first.ends_as("opted_out", 1).await;
    assert_eq!(other.cancels().await.status, 202);
    assert_eq!(app.ledger().await.len(), 1, "nobody was rung again");
    app.finish().await;
}

#[tokio::test]
async fn a_wish_that_was_taken_back_is_forgotten() {
    let list = List::of("");
    let app = TestApp::with(list.given()).await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("press 9").await;
    phone.presses_and_hears("9", "To go back, press 2").await;
    phone.presses_and_hears("2", "To accept, press 1").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    assert_eq!(app.checks(table()).await["verdict"], "allowed");
    assert_eq!(list.text(), "");
    app.finish().await;
}

#[tokio::test]
async fn numbers_of_the_configuration_are_never_rung() {
    let given = RawConfig::default()
        .with(|it| it.calls.do_not_call = Some(format!("+442079460018, {RESTAURANT}")));
    let app = TestApp::with(given).await;
    is_refused(&app).await;
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn whoever_picks_up_after_the_wish_hears_an_apology_also_from_another_process() {
    for (language, sorry) in [
        ("en-US", "Sorry, something went wrong on our side."),
        (
            "de-DE",
            "Entschuldigung, bei uns ist ein Fehler aufgetreten.",
        ),
        ("ja-JP", "申し訳ありません、こちらで問題が発生しました。"),
    ] {
        let app = TestApp::start().await;
        let call = app.asks(with(table(), json!({"language": language}))).await;
        let mut phone = app.phone(RESTAURANT).picks_up("Tablecall").await;
        phone.hangs_up().await;
        let (asked, _) = app.webhooks("voice").await.remove(0);
        let given =
            RawConfig::default().with(|it| it.calls.do_not_call = Some(RESTAURANT.to_owned()));
        let other = TestApp::beside(&app, given).await;
        let asked = asked
            .clone()
            .at(&asked.url.replace(&app.origin, &other.origin));
        let heard = asked.sent(&other).await.text;
        assert!(
            heard.contains(sorry) && heard.contains("<Hangup/>") && !heard.contains("Ana"),
            "{heard}"
        );
        assert_eq!(call.cancels().await.status, 202);
        other.stops().await;
        app.finish().await;
    }
}

#[test]
fn a_garbled_list_is_an_error_of_the_start_that_names_the_line() {
    let list = List::of("+442079460018\n\n+1415\n");
    let problems = Config::read(&list.given()).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["TABLECALL_DO_NOT_CALL_FILE: line 3 is no number such as +14155550100"]
    );
}
