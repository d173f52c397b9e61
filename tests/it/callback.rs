//! People who ring our number.

use serde_json::{Value, json};

use crate::app::{RESTAURANT, TestApp, table, with};
use crate::call::Asked;
use crate::webhook::Webhook;

const ATTESTED: Option<&str> = Some("TN-Validation-Passed-A");

/// A call to [`RESTAURANT`] whose first attempt was not answered, and that waits for its next.
async fn unanswered(app: &TestApp, more: Value) -> Asked<'_> {
    app.behaves(RESTAURANT, json!({"ends": "no_answer"})).await;
    let call = app
        .asks(with(
            with(table(), json!({"guest_phone": "+14155552672"})),
            more,
        ))
        .await;
    call.comes_to(|call| call["waiting_for"] == "retry").await;
    app.behaves(RESTAURANT, json!({})).await;
    call
}

#[tokio::test]
async fn staff_who_ring_back_hear_the_reservation_and_decide_it() {
    for (language, called_you, key, heard, outcome) in [
        (
            "en-US",
            "We called you about a reservation.",
            "1",
            "Accepted: 4 people",
            "confirmed",
        ),
        (
            "de-DE",
            "Wir haben Sie wegen einer Reservierung angerufen.",
            "2",
            "Abgelehnt: kein Tisch für vier Personen",
            "rejected",
        ),
        (
            "ja-JP",
            "ご予約の件でお電話しました。",
            "1",
            "ご承諾ありがとうございます",
            "confirmed",
        ),
        (
            "es-ES",
            "Le hemos llamado por una reserva.",
            "2",
            "Reserva rechazada",
            "rejected",
        ),
    ] {
        let app = TestApp::start().await;
        let call = unanswered(&app, json!({"language": language})).await;
        let mut phone = app.phone(RESTAURANT).rings_us(ATTESTED).await;
        let message = phone.hears(called_you).await;
        assert!(
            message.contains("Ana García") && message.contains("Tablecall"),
            "{message}"
        );
        assert!(
            !message.contains("2 6 7 2"),
            "the guest's number is not for whoever rings: {message}"
        );
        phone.presses(key).await;
        phone.hears(heard).await;
        let decided = call.until(|call| call["outcome"] == outcome).await;
        assert_eq!(decided["final"], false, "it may be changed still");
        phone.keeps_silent().await;
        phone.hears_something().await;
        phone.is_hung_up_on().await;
        let ended = call.ends_as(outcome, 1).await;
        assert_eq!(
            ended["attempts"][0]["ended_because"], "no_answer",
            "what came of the attempt stays true"
        );
        assert!(
            ended["timeline"]
                .as_array()
                .unwrap()
                .iter()
                .any(|entry| entry["what"] == "called_back")
        );
        assert_eq!(app.creates().await.len(), 1, "nobody is rung again");
        app.finish().await;
    }
}

#[tokio::test]
async fn staff_who_ring_back_can_change_their_mind_and_a_repeat_changes_nothing() {
    let app = TestApp::start().await;
    let call = unanswered(&app, json!({})).await;
    let mut phone = app.phone(RESTAURANT).rings_us(ATTESTED).await;
    phone.hears("To accept, press 1").await;
    phone.presses_and_hears("7", "To accept, press 1").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.presses_and_hears("2", "Declined").await;
    phone.keeps_silent().await;
    phone.hears("Goodbye").await;
    phone.is_hung_up_on().await;
    let is_keys = |hook: &Webhook| hook.url.contains("/twiml/inbound/keys/");
    let sent: Vec<_> = app
        .webhooks("voice")
        .await
        .into_iter()
        .filter(|(hook, _)| is_keys(hook))
        .collect();
    // Three keys, and the silence after the last of them.
    assert_eq!(sent.len(), 4);
    for (hook, exchange) in sent {
        let again = hook.sent(&app).await;
        assert_eq!(
            (again.status, Some(&*again.text)),
            (200, exchange["body"].as_str()),
            "the same reply again"
        );
    }
    assert_eq!(call.reads().await["outcome"], "rejected");
    call.ends_as("rejected", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn after_a_message_on_the_machine_staff_ring_back_and_accept() {
    let app = TestApp::start().await;
    app.behaves(
        RESTAURANT,
        json!({"voicemail": {"greeting_seconds": 5, "beep": true}}),
    )
    .await;
    let call = app
        .asks(with(table(), json!({"voicemail": "leave_message"})))
        .await;
    call.comes_to(|call| call["waiting_for"] == "callback")
        .await;
    let mut phone = app.phone(RESTAURANT).rings_us(ATTESTED).await;
    phone.hears("To accept, press 1").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_caller_whose_number_nobody_attests_is_rung_instead() {
    for attested in [
        None,
        Some("TN-Validation-Passed-B"),
        Some("TN-Validation-Failed-A"),
        Some("No-TN-Validation"),
    ] {
        let app = TestApp::start().await;
        let call = unanswered(&app, json!({})).await;
        let mut caller = app.phone(RESTAURANT).rings_us(attested).await;
        let offer = caller
            .hears("To have us call your restaurant now, press 1.")
            .await;
        assert!(
            !offer.contains("Ana") && !offer.contains("4 people"),
            "{offer}"
        );
        caller.presses_and_hears("1", "Thank you").await;
        caller.is_hung_up_on().await;
        let waiting = call.reads().await;
        assert!(
            waiting["next_attempt_at"].as_str().unwrap() < "2026-12-01T20:05",
            "{waiting:#}"
        );
        let mut phone = app.phone(RESTAURANT).picks_up("Ana García").await;
        phone.presses_and_hears("1", "Accepted").await;
        phone.hangs_up().await;
        call.ends_as("confirmed", 2).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn outside_north_america_carriers_attest_nothing_and_the_restaurant_is_rung() {
    let app = TestApp::start().await;
    let number = "+442079460018";
    app.behaves(number, json!({"ends": "busy"})).await;
    let call = app.asks(with(table(), json!({"phone": number}))).await;
    call.comes_to(|call| call["waiting_for"] == "retry").await;
    app.behaves(number, json!({})).await;
    let mut caller = app.phone(number).rings_us(None).await;
    let offer = caller.hears("press 1").await;
    assert!(!offer.contains("Ana"), "{offer}");
    caller.presses_and_hears("1", "Thank you").await;
    caller.is_hung_up_on().await;
    let mut phone = app.phone(number).picks_up("Ana García").await;
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    call.ends_as("rejected", 2).await;
    app.finish().await;
}

#[tokio::test]
async fn everybody_else_hears_who_we_are_in_their_language() {
    let given = tablecall::config::RawConfig::default()
        .with(|it| it.calls.contact_phone = Some("+14155550123".to_owned()));
    let app = TestApp::with(given).await;
    for (number, who, reach) in [
        (
            "+14155559999",
            "We call restaurants to reserve tables for guests.",
            "You can reach us at",
        ),
        (
            "+493012345678",
            "ein automatischer Dienst",
            "Sie erreichen uns unter",
        ),
        ("+81312345678", "自動音声サービスです", "お問い合わせは"),
    ] {
        let mut caller = app.phone(number).rings_us(ATTESTED).await;
        let text = caller.hears(who).await;
        assert!(
            text.contains(reach) && text.contains("4 1 5, 5 5 5, 0 1 2 3"),
            "{text}"
        );
        caller.is_hung_up_on().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn the_number_they_have_dialled_is_not_given_to_them() {
    let app = TestApp::start().await;
    let mut caller = app.phone("+14155559999").rings_us(ATTESTED).await;
    let text = caller.hears("We call restaurants").await;
    assert!(!text.contains("reach us"), "{text}");
    caller.is_hung_up_on().await;
    app.finish().await;
}

#[tokio::test]
async fn what_a_caller_is_asked_is_bound_to_their_call_and_signed() {
    let app = TestApp::start().await;
    let call = unanswered(&app, json!({})).await;
    let mut phone = app.phone(RESTAURANT).rings_us(ATTESTED).await;
    phone.hears("To accept").await;
    phone.presses_and_hears("7", "To accept").await;
    phone.hangs_up().await;
    let (keys, _) = app
        .webhooks("voice")
        .await
        .into_iter()
        .rev()
        .find(|(hook, _)| hook.url.contains("/keys/"))
        .unwrap();
    let pressed = keys.clone().with("Digits", "1");
    assert_eq!(
        crate::answer::Answer::of(pressed.unsigned(&app))
            .await
            .status,
        403
    );
    let ticket = keys.url.rsplit('/').next().unwrap();
    // A ticket for callers opens no other door, and those of our own calls do not open theirs.
    let elsewhere = pressed
        .clone()
        .at(&format!("{}/twiml/keys/1-0-0-0-k-o/{ticket}", app.origin))
        .sent(&app)
        .await;
    assert!(
        elsewhere.status == 200 && elsewhere.text.contains("Sorry"),
        "{}",
        elsewhere.text
    );
    let create = Webhook::of(&app.creates().await[0]);
    let answer = create
        .params
        .iter()
        .find(|(name, _)| name == "Url")
        .unwrap()
        .1
        .clone();
    let ours = answer
        .split('#')
        .next()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    let stolen = pressed
        .clone()
        .at(&format!(
            "{}/twiml/inbound/keys/128-0-0-0-b-o/{ours}",
            app.origin
        ))
        .sent(&app)
        .await;
    assert!(
        stolen.status == 200 && stolen.text.contains("Sorry"),
        "{}",
        stolen.text
    );
    assert_eq!(call.reads().await["outcome"], Value::Null);
    assert_eq!(call.cancels().await.status, 202);
    let late = pressed.sent(&app).await;
    assert!(
        late.text.contains("Sorry, the guest has canceled"),
        "{}",
        late.text
    );
    call.ends_as("canceled", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_is_offered_a_ring_that_policy_forbids() {
    let app = TestApp::start().await;
    let call = app
        .asks(with(table(), json!({"not_before": "2026-12-02T20:00:00Z"})))
        .await;
    let mut caller = app.phone(RESTAURANT).rings_us(ATTESTED).await;
    let text = caller.hears("We call restaurants").await;
    assert!(!text.contains("press 1"), "{text}");
    caller.is_hung_up_on().await;
    assert_eq!(call.cancels().await.status, 202);
    app.finish().await;
}
