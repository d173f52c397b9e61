//! Tickets and repeated webhooks: each serves its own call and purpose, and changes nothing twice.

use std::time::Duration;

use ring::hmac;

use crate::answer::Answer;
use crate::app::{TestApp, table_at};
use crate::trust::accepted;
use crate::webhook::{TOKEN, Webhook};

/// Address to which the last document sends the next key.
pub(crate) async fn next_action(app: &TestApp) -> String {
    let body = app.wire("voice").await.last().unwrap()["body"]
        .as_str()
        .unwrap()
        .to_owned();
    let action = body
        .split("action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    action.split('#').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
async fn a_ticket_serves_the_purpose_it_was_given_for_and_no_other() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    let before = call.reads().await;
    let voice = app.webhooks("voice").await.swap_remove(0).0;
    let status = app.webhooks("status").await.swap_remove(0).0;
    let ticket = |webhook: &Webhook| webhook.url.rsplit('/').next().unwrap().to_owned();
    let path = |webhook: &Webhook, ticket: &str| {
        webhook.url.rsplit_once('/').unwrap().0.to_owned() + "/" + ticket
    };
    for url in [
        path(&voice, &ticket(&status)),
        path(&voice, "AAAA"),
        path(&voice, &ticket(&voice)[..80]),
    ] {
        let answer = voice.clone().at(&url).sent(&app).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text.contains("something went wrong") && answer.text.contains("<Hangup/>"),
            "{}",
            answer.text
        );
    }
    let end = status
        .clone()
        .with("CallStatus", "completed")
        .at(&path(&status, &ticket(&voice)));
    assert_eq!(end.sent(&app).await.status, 204);
    assert_eq!(call.reads().await, before);
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn an_expired_ticket_gets_an_apology_and_the_line_is_closed() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    let (key, _) = app.webhooks("voice").await.pop().unwrap();
    phone.hangs_up().await;
    let before = call.ends_as("confirmed", 1).await;
    app.clock.advance(Duration::from_secs(3_700));
    for webhook in [key.clone(), app.webhooks("voice").await.swap_remove(0).0] {
        let answer = webhook.sent(&app).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text.contains("Sorry") && answer.text.contains("<Hangup/>"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("Ana"), "{}", answer.text);
    }
    assert_eq!(call.reads().await, before);
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_webhook_gets_the_same_reply_to_the_byte_and_changes_nothing() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    let before = call.reads().await;
    for (webhook, exchange) in app.webhooks("voice").await {
        for _ in 0..2 {
            let again = webhook.sent(&app).await;
            assert_eq!(
                (again.status, again.text.as_str()),
                (200, exchange["body"].as_str().unwrap())
            );
        }
    }
    for (webhook, _) in app.webhooks("status").await {
        let again = webhook.sent(&app).await;
        assert_eq!((again.status, again.text.as_str()), (204, ""));
    }
    assert_eq!(call.reads().await, before);
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

/// Sends webhooks once more, the last first, as a proxy or Twilio itself might: each gets what it
/// got, or `instead`.
async fn all_once_more(app: &TestApp, instead: Option<&str>) {
    for (webhook, exchange) in app.webhooks("voice").await.into_iter().rev() {
        let signature = webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
        let request = webhook
            .unsigned(app)
            .header("x-twilio-signature", signature);
        let again = Answer::of(request.header("i-twilio-idempotency-token", "seen-before")).await;
        let same = again.text == exchange["body"].as_str().unwrap();
        assert!(
            same || instead.is_some_and(|words| again.text.contains(words)),
            "{}",
            again.text
        );
        assert_eq!(again.status, 200);
    }
    for (webhook, _) in app.webhooks("status").await.into_iter().rev() {
        assert_eq!(webhook.sent(app).await.status, 204);
    }
}

#[tokio::test]
async fn a_replay_never_turns_a_changed_mind_back_neither_before_nor_after_the_end() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    phone.presses_and_hears("2", "Declined").await;
    let before = call.reads().await;
    assert_eq!(before["outcome"], "rejected");
    all_once_more(&app, None).await;
    assert_eq!(call.reads().await, before);
    phone.hangs_up().await;
    let ended = call.ends_as("rejected", 1).await;
    // Staff who listen then must not hear of a decision that no longer counts.
    all_once_more(&app, Some("Declined: no table")).await;
    assert_eq!(call.reads().await, ended);
    assert_eq!(app.creates().await.len(), 1, "nobody is rung again");
    app.finish().await;
}

#[tokio::test]
async fn the_ticket_of_one_call_on_the_line_of_another_changes_neither() {
    let app = TestApp::start().await;
    let (one, mut phone) = accepted(&app).await;
    let (key, _) = app.webhooks("voice").await.pop().unwrap();
    let (status, _) = app.webhooks("status").await.pop().unwrap();
    let change = key.at(&next_action(&app).await).with("Digits", "2");
    let other = app.asks(table_at("+14155552672")).await;
    let mut second = app.phone("+14155552672").picks_up("To accept").await;
    let before = (one.reads().await, other.reads().await);
    let sid = before.1["attempts"][0]["sid"].as_str().unwrap();
    let end = status
        .with("CallStatus", "completed")
        .with("CallDuration", "1");
    for webhook in [change, end] {
        let answer = webhook.with("CallSid", sid).sent(&app).await;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
        assert_eq!((one.reads().await, other.reads().await), before);
    }
    phone.hangs_up().await;
    second.hangs_up().await;
    one.ends_as("confirmed", 1).await;
    assert_eq!(other.cancels().await.status, 202);
    other.until(|call| call["final"] == true).await;
    app.finish().await;
}
