//! Refused webhooks name their cause, in the log and to an operator who knows the auth token.

use clock::Clock;
use ring::hmac;
use serde_json::Value;
use tablecall::config::{Config, RawConfig};
use tablecall::doctor::{Finding, examine};

use crate::answer::Answer;
use crate::app::TestApp;
use crate::webhook::{TOKEN, Webhook};

/// A status callback of no call, signed for `url`.
fn callback(url: &str) -> Webhook {
    let params = [
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("CallSid", "CA0123456789abcdef0123456789abcdef"),
        ("CallStatus", "ringing"),
        ("To", "+14155552671"),
    ];
    Webhook {
        url: url.to_owned(),
        params: params
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    }
}

fn signature(webhook: &Webhook) -> String {
    webhook.signature(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN)
}

/// The lines of refused webhooks.
fn refusals(logs: &str) -> Vec<Value> {
    let lines = logs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["message"] == "refused a webhook")
        .collect()
}

#[tokio::test]
async fn each_refusal_names_its_likely_cause_and_no_guest() {
    let app = TestApp::start().await;
    let target = format!("{}/twiml/status/T", app.origin);
    let port = app.origin.rsplit(':').next().unwrap().to_owned();
    let plain = signature(&callback(&target));
    let send = |url: String, signature: String| {
        let request = callback(&url).unsigned(&app);
        request.header("x-twilio-signature", signature)
    };
    let https = target.replace("http://", "https://");
    let elsewhere = target.replace("127.0.0.1", "calls.example.com");
    let cases = [
        (
            send(format!("{target}/"), plain.clone()),
            "a trailing slash was added to the path on the way".to_owned(),
        ),
        (
            send(format!("{target}?x=1"), plain.clone()),
            "a query was added to the URL on the way".to_owned(),
        ),
        (
            send(target.clone(), signature(&callback(&https))),
            "Twilio signed https, TABLECALL_PUBLIC_URL is http".to_owned(),
        ),
        (
            send(target.clone(), signature(&callback(&elsewhere)))
                .header("x-forwarded-host", "calls.example.com"),
            format!(
                "Twilio signed http://calls.example.com:{port}, TABLECALL_PUBLIC_URL is {}",
                app.origin
            ),
        ),
        (
            app.http.post(&target).header("x-twilio-signature", &plain),
            "the body was lost on the way".to_owned(),
        ),
        (
            app.http
                .post(&target)
                .header("x-twilio-signature", &plain)
                .header("content-type", "application/json")
                .body(r#"{"CallStatus":"completed"}"#),
            "the body is application/json and not the form that Twilio sends: something rewrites it \
             on the way"
                .to_owned(),
        ),
        (
            callback(&target).unsigned(&app),
            "no X-Twilio-Signature arrived: a proxy drops it, or the sender is not Twilio"
                .to_owned(),
        ),
    ];
    let mut hints = Vec::new();
    for (request, hint) in cases {
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.text.as_str()), (403, ""), "{hint}");
        assert!(
            !answer.headers.contains_key("x-tablecall-hint"),
            "a stranger is told nothing"
        );
        hints.push(hint);
    }
    let get = Answer::of(app.http.get(&target)).await;
    assert_eq!(get.status, 405);
    let large = app.http.post(&target).body("x".repeat(200_000));
    assert_eq!(Answer::of(large).await.status, 413);
    let metrics = app.send(app.get("/metrics")).await.text;
    for line in [
        r#"tablecall_signature_failures_total{cause="mismatch"} 6"#,
        r#"tablecall_signature_failures_total{cause="missing"} 1"#,
        r#"tablecall_webhooks_unread_total{cause="method"} 1"#,
        r#"tablecall_webhooks_unread_total{cause="too_large"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    let origin = app.origin.clone();
    let logs = app.finish().await;
    let lines = refusals(&logs);
    let found: Vec<&str> = lines
        .iter()
        .map(|line| line["hint"].as_str().unwrap())
        .collect();
    hints.push(
        "Twilio, or a proxy, asks with GET: set the webhook of the number to HTTP POST".to_owned(),
    );
    hints.push("the body is longer than any of Twilio's".to_owned());
    assert_eq!(found, hints);
    for line in &lines {
        assert_eq!(line["public_url"], origin.as_str(), "{line}");
        assert_eq!(line["host"], format!("127.0.0.1:{port}"), "{line}");
        assert_eq!(line["client.address"], "127.0.0.1", "{line}");
        assert!(!line.to_string().contains("2671"), "{line}");
    }
    assert_eq!(
        lines[0]["twilio.call_sid"],
        "CA0123456789abcdef0123456789abcdef"
    );
}

#[tokio::test]
async fn an_attack_writes_a_few_lines_and_counts_the_rest() {
    let app = TestApp::start().await;
    let target = format!("{}/twiml/status/T", app.origin);
    for at in 0..100 {
        let request = callback(&target).unsigned(&app);
        let request = request.header(
            "x-twilio-signature",
            signature(&callback(&format!("{target}{at}"))),
        );
        assert_eq!(Answer::of(request).await.status, 403);
    }
    app.clock.advance(std::time::Duration::from_secs(61));
    let last = callback(&target)
        .unsigned(&app)
        .header("x-twilio-signature", "d3Jvbmc=");
    Answer::of(last).await;
    let again = callback(&target).unsigned(&app);
    let again = again.header(
        "x-twilio-signature",
        signature(&callback(&format!("{target}x"))),
    );
    Answer::of(again).await;
    let lines = refusals(&app.finish().await);
    assert!((4..10).contains(&lines.len()), "{lines:#?}");
    assert!(
        lines
            .iter()
            .any(|line| line["left_out"].as_u64().is_some_and(|count| count > 50)),
        "{lines:#?}"
    );
}

/// The doctor's finding about the public URL that leads to `proxy`, while the service has `app`'s.
async fn doctors_word(app: &TestApp, public_url: &str, token: &str) -> String {
    let given = TestApp::with_account(&app.carrier, RawConfig::default()).with(|it| {
        it.server.public_url = Some(public_url.to_owned());
        it.calls.allowed_countries = Some("US".to_owned());
        it.carrier.twilio_from_number = Some("+14155550199".to_owned());
    });
    let given = given.with(|it| it.carrier.twilio_auth_token = Some(token.to_owned()));
    let findings: Vec<Finding> = examine(
        &Config::read(&given).unwrap(),
        None,
        &Clock::simulated(crate::app::NOON.parse().unwrap()),
    )
    .await
    .unwrap();
    let found = findings
        .into_iter()
        .find(|finding| finding.subject == "public URL");
    found.unwrap().to_string()
}

#[tokio::test]
async fn doctor_gives_the_hint_of_the_server_and_only_with_its_token() {
    let app = TestApp::start().await;
    let by_name = app.origin.replace("127.0.0.1", "localhost");
    assert_eq!(
        doctors_word(&app, &app.origin, TOKEN).await,
        "ok    public URL    Answers, believes Twilio's signature and no other."
    );
    assert_eq!(
        doctors_word(&app, &by_name, TOKEN).await,
        format!(
            "BAD   public URL    {by_name} refuses a request with Twilio's signature: Twilio signed {by_name}, \
             TABLECALL_PUBLIC_URL is {}.",
            app.origin
        )
    );
    let wrong = doctors_word(&app, &app.origin, "another token").await;
    assert!(wrong.contains("another TWILIO_AUTH_TOKEN"), "{wrong}");
    // A probe of this service's own doctor is not logged as refused; one of a stranger is.
    let logs = app.finish().await;
    assert_eq!(refusals(&logs).len(), 2, "{logs}");
    assert!(!logs.contains("its ticket cannot be used"), "{logs}");
}
