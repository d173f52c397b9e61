//! The proofs that are believed: API keys and signatures.

use ring::hmac;
use serde_json::json;
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table};
use crate::phone::Phone;
use crate::tickets::next_action;
use crate::webhook::{TOKEN, Webhook};

const OURS: &str = "the-secret-of-the-app";
const THEIRS: &str = "the-secret-of-others";

fn two_keys() -> RawConfig {
    RawConfig::default()
        .with(|it| it.clients.api_keys = Some(format!("app:{OURS},others:{THEIRS}")))
}

#[tokio::test]
async fn without_a_key_that_is_known_every_operation_answers_401() {
    let mut app = TestApp::with(two_keys()).await;
    for key in [None, Some("the-secret-of-nobody"), Some("")] {
        app.key = key;
        let requests = [
            app.post("/api/call").json(&table()),
            app.post("/api/call/check").json(&table()),
            app.get("/api/call/x"),
            app.get("/api/call/x/events"),
            app.post("/api/call/x/cancel"),
            app.get("/api/call/x/calendar.ics"),
        ];
        for request in requests {
            let answer = app.send(request).await;
            answer.is_problem(401, "unauthorized");
            assert!(
                answer.header("www-authenticate").starts_with("Bearer"),
                "{:?}",
                answer.headers
            );
        }
    }
    for open in [
        "/docs",
        "/openapi.json",
        "/openapi.yaml",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert_eq!(app.send(app.get(open)).await.status, 200, "{open}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_call_of_another_key_does_not_exist() {
    let mut app = TestApp::with(two_keys()).await;
    app.key = Some(OURS);
    let id = app.asks(table()).await.id;
    app.key = Some(THEIRS);
    for (request, code) in [
        (app.get(&format!("/api/call/{id}")), 404),
        (app.get(&format!("/api/call/{id}/events")), 404),
        (app.post(&format!("/api/call/{id}/cancel")), 404),
        (app.get(&format!("/api/call/{id}/calendar.ics")), 404),
    ] {
        app.send(request).await.is_problem(code, "call_not_found");
    }
    let theirs = app.asks(table()).await;
    assert_eq!(
        theirs.reads().await["waiting_for"],
        "live_call",
        "the same reservation of another key is another one"
    );
    assert_eq!(theirs.cancels().await.status, 202);
    app.key = Some(OURS);
    let ours = crate::call::Asked::new(&app, id);
    assert_eq!(ours.cancels().await.status, 202);
    ours.until(|call| call["final"] == true).await;
    app.finish().await;
}

/// A call in which key 1 was pressed, with the webhooks of it.
pub(crate) async fn accepted(app: &TestApp) -> (crate::call::Asked<'_>, Phone<'_>) {
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    phone.presses_and_hears("1", "Accepted").await;
    (call, phone)
}

#[tokio::test]
async fn a_webhook_without_a_right_signature_gets_an_empty_403_and_changes_nothing() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    let before = call.reads().await;
    let voice = app.webhooks("voice").await;
    let status = app.webhooks("status").await;
    let (key, _) = voice.last().unwrap();
    let change = key.clone().with("Digits", "2");
    for webhook in [&change, &voice[0].0, &status[0].0] {
        let right = webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
        let wrong = webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "another token");
        let signed = |signature: &str| {
            webhook
                .unsigned(&app)
                .header("x-twilio-signature", signature)
        };
        for request in [
            webhook.unsigned(&app),
            signed(&wrong),
            signed(""),
            signed("not base64"),
            signed(&right).header("x-twilio-signature", &right),
            signed(&right).header("x-twilio-signature", &wrong),
            signed(&format!("{right},{right}")),
            signed(&right).header(
                "x-twilio-webhooks-signature-settings",
                "key=unknown,algorithm=HMAC_SHA256",
            ),
        ] {
            let answer = Answer::of(request).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (403, ""),
                "{webhook:?}"
            );
        }
    }
    let moved = change.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
    let elsewhere = key
        .clone()
        .unsigned(&app)
        .header("x-twilio-signature", moved);
    assert_eq!(
        Answer::of(elsewhere).await.status,
        403,
        "a signature holds for its own parameters only"
    );
    assert_eq!(call.reads().await, before);
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_signed_request_of_another_account_or_call_changes_nothing() {
    let app = TestApp::start().await;
    let (call, mut phone) = accepted(&app).await;
    let before = call.reads().await;
    let (key, _) = app.webhooks("voice").await.pop().unwrap();
    let (status, _) = app.webhooks("status").await.pop().unwrap();
    let change = key.at(&next_action(&app).await).with("Digits", "2");
    let end = status
        .with("CallStatus", "completed")
        .with("CallDuration", "1");
    for webhook in [change, end] {
        for (name, value) in [
            ("AccountSid", "AC11111111111111111111111111111111"),
            ("CallSid", "CA11111111111111111111111111111111"),
            ("AccountSid", ""),
            ("CallSid", "nonsense"),
        ] {
            let answer = webhook.clone().with(name, value).sent(&app).await;
            assert!(
                (200..300).contains(&answer.status),
                "{name}: {}",
                answer.status
            );
            assert!(
                !answer.text.contains("Ana") && !answer.text.contains("4 people"),
                "{name}: {}",
                answer.text
            );
            assert_eq!(call.reads().await, before, "{name}={value}: {webhook:?}");
        }
    }
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn the_public_url_is_the_configured_one_whatever_a_request_says_of_itself() {
    let given = RawConfig::default().with(|it| {
        it.server.public_url = Some("https://calls.example.com".to_owned());
    });
    let app = TestApp::at_carrier(Default::default(), given).await;
    let request = app
        .post("/api/call")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let answer = app
        .send(request.header("x-forwarded-proto", "http").json(&table()))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let create = app.creates().await.remove(0);
    let created = Webhook::of(&create);
    let given = |name: &str| {
        created
            .params
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .clone()
    };
    for name in [
        "Url",
        "FallbackUrl",
        "StatusCallback",
        "AsyncAmdStatusCallback",
    ] {
        assert!(
            given(name).starts_with("https://calls.example.com/twiml/"),
            "{name}: {}",
            given(name)
        );
    }
    let sid = app.ledger().await[0]["sid"].as_str().unwrap().to_owned();
    let voice = Webhook {
        url: given("Url").split('#').next().unwrap().to_owned(),
        params: Vec::new(),
    };
    let voice = voice
        .with("CallSid", &sid)
        .with("AccountSid", &format!("AC{}", "0".repeat(32)));
    let voice = voice.with("CallStatus", "in-progress");
    let signed = |webhook: &Webhook| {
        let signature = webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
        let request = webhook
            .unsigned(&app)
            .header("x-twilio-signature", signature);
        request
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
    };
    let evil = voice.url.replace("calls.example.com", "evil.example");
    let local = voice.url.replace("https://calls.example.com", &app.origin);
    for other in [evil, local] {
        let path = voice
            .unsigned(&app)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example");
        let signature = voice
            .clone()
            .at(&other)
            .signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN);
        assert_eq!(
            Answer::of(path.header("x-twilio-signature", signature))
                .await
                .status,
            403,
            "{other}"
        );
    }
    let answer = Answer::of(signed(&voice)).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .text
            .contains("action=\"https://calls.example.com/twiml/keys/"),
        "{}",
        answer.text
    );
    app.stops().await;
}

#[tokio::test]
async fn a_shared_key_with_sha_256_is_believed_and_so_is_each_token_while_rotating() {
    let carrier = TestApp::start().await;
    let given = RawConfig::default().with(|it| {
        it.carrier.twilio_auth_token = Some(format!("the-newest-token,{TOKEN}"));
        it.carrier.twilio_api_key = Some(format!("AC{}", "0".repeat(32)));
        it.carrier.twilio_api_secret = Some(TOKEN.to_owned());
        it.carrier.twilio_webhook_keys = Some("WK1:the-shared-secret".to_owned());
    });
    let mut app = TestApp::beside(&carrier, given).await;
    app.key = Some(crate::app::SECRET);
    let answer = app.tries(table()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    // The carrier signs with the older token.
    let mut phone = carrier.phone(RESTAURANT).picks_up("To accept").await;
    let (voice, _) = carrier.webhooks("voice").await.remove(0);
    let shared = |secret: &str, settings: &str| {
        let signature = voice.signature(hmac::HMAC_SHA256, secret);
        let request = voice.unsigned(&app).header("x-twilio-signature", signature);
        Answer::of(request.header("x-twilio-webhooks-signature-settings", settings))
    };
    assert_eq!(
        shared("the-shared-secret", "key=WK1,algorithm=HMAC_SHA256")
            .await
            .status,
        200
    );
    assert_eq!(
        shared("another-secret", "key=WK1,algorithm=HMAC_SHA256")
            .await
            .status,
        403
    );
    assert_eq!(
        shared("the-shared-secret", "key=WK1,algorithm=HMAC_SHA1")
            .await
            .status,
        403
    );
    for (token, status) in [
        ("the-newest-token", 200),
        (TOKEN, 200),
        ("an-old-token", 403),
    ] {
        let signature = voice.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token);
        let answer = Answer::of(voice.unsigned(&app).header("x-twilio-signature", signature)).await;
        assert_eq!(answer.status, status, "{token}");
    }
    phone.hangs_up().await;
    assert_eq!(carrier.ledger().await.len(), 1);
    app.stops().await;
    assert_eq!(json!(carrier.finish().await.is_empty()), json!(false));
}
