//! Trial accounts: few parameters, few documents, few callbacks, and all the same an end.

use serde_json::{Value, json};
use tablecall::config::RawConfig;
use twilio_simulator::SimulatorConfig;

use crate::app::{RESTAURANT, TestApp, table, table_at};

async fn trial() -> TestApp {
    let mut app = TestApp::at_carrier(
        SimulatorConfig {
            trial: true,
            ..SimulatorConfig::default()
        },
        RawConfig::default(),
    )
    .await;
    app.loses_callbacks = true;
    app
}

/// The names of the parameters of each create, in order.
async fn asked_for(app: &TestApp) -> Vec<Vec<String>> {
    let names = |create: &Value| {
        let params = create["params"].as_array().unwrap().iter();
        params
            .map(|pair| pair[0].as_str().unwrap().to_owned())
            .collect()
    };
    app.creates().await.iter().map(names).collect()
}

#[tokio::test]
async fn a_trial_account_is_asked_for_what_it_may_have_and_that_is_remembered() {
    let app = trial().await;
    app.asks(table_at("+14155550101"))
        .await
        .ends_as("confirmed", 1)
        .await;
    let asked = asked_for(&app).await;
    assert_eq!(asked.len(), 2, "refused, and repeated with less");
    assert!(asked[0].len() > 4);
    assert_eq!(asked[1], ["To", "From", "Url", "StatusCallback"]);
    app.asks(table_at("+14155550102"))
        .await
        .ends_as("rejected", 1)
        .await;
    assert_eq!(asked_for(&app).await.len(), 3, "it is known by now");
    assert_eq!(app.ledger().await.len(), 2);
    let log = app.stops().await;
    assert!(log.contains("this is a trial account"), "{log}");
}

#[tokio::test]
async fn without_callbacks_calls_are_asked_about_until_they_have_ended() {
    let app = trial().await;
    app.goes_wrong(json!({"trial_no_callback": {}})).await;
    for (number, outcome) in [("+14155550101", "confirmed"), ("+14155550102", "rejected")] {
        app.asks(table_at(number)).await.ends_as(outcome, 1).await;
    }
    let asked = asked_for(&app).await;
    assert_eq!(asked[2], ["To", "From", "Url"]);
    assert_eq!(
        asked.len(),
        4,
        "three tries for the first, one for the second"
    );
    let call = app.asks(table_at("+14155550103")).await;
    let waiting = call.comes_to(|call| call["waiting_for"] == "retry").await;
    assert_eq!(waiting["attempts"][0]["ended_because"], "busy");
    app.stops().await;
}

#[tokio::test]
async fn a_phone_on_trial_rings_no_longer_than_ours_would() {
    let app = trial().await;
    let call = app.asks(table_at("+14155550104")).await;
    let waiting = call.comes_to(|call| call["waiting_for"] == "retry").await;
    assert_eq!(
        waiting["attempts"][0]["ended_because"], "no_answer",
        "{waiting:#}"
    );
    let line = &app.ledger().await[0];
    assert_eq!(
        line["status"], "canceled",
        "we ended it, before Twilio's 60 seconds: {line:#}"
    );
    app.stops().await;
}

#[tokio::test]
async fn a_talk_on_trial_ends_before_its_tenth_document() {
    let app = trial().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    let mut documents = 1;
    while phone.line().await["gather"].is_object() {
        phone.presses("*").await;
        documents += 1;
    }
    assert_eq!(documents, 9);
    let transcript = phone.line().await["transcript"].to_string();
    assert!(
        !transcript.contains("trial"),
        "Twilio had nothing to say: {transcript}"
    );
    phone
        .until("ends", |line| {
            line["saying"].is_object() || line["ended"] == true
        })
        .await;
    call.comes_to(|call| call["waiting_for"] == "retry").await;
    app.stops().await;
}
