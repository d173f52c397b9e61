//! The service looks at its public URL as Twilio would.

use std::time::Duration;

use tablecall::config::RawConfig;

use crate::app::{TestApp, within};
use crate::collector::Collector;

#[tokio::test]
async fn a_public_url_that_leads_elsewhere_is_told_after_two_looks() {
    let elsewhere = Collector::start().await;
    let carrier = TestApp::start().await;
    let given =
        RawConfig::default().with(|it| it.server.public_url = Some(elsewhere.origin.clone()));
    let app = TestApp::beside(&carrier, given).await;
    let ready = within("it is told", async {
        loop {
            app.clock.advance(Duration::from_secs(1));
            let ready = app.send(app.get("/readyz")).await;
            if ready.text.contains("public_url") {
                return ready;
            }
        }
    })
    .await;
    let looks = elsewhere.so_far();
    assert!(looks.len() > 1, "one look proves nothing");
    assert_eq!(looks[0].line, "POST /twiml/status/look HTTP/1.1");
    assert_eq!(ready.status, 200, "others may reach us all the same");
    assert!(
        ready
            .text
            .contains("answers 200 to a webhook without a signature, not 403"),
        "{}",
        ready.text
    );
    app.stops().await;
    carrier.stops().await;
}

#[tokio::test]
async fn a_look_is_no_refused_webhook() {
    let app = TestApp::start().await;
    let look = || {
        let request = app.http.post(format!("{}/twiml/status/look", app.origin));
        request.form(&[("CallStatus", "ringing")])
    };
    let proof = tablecall::internals::prove(crate::webhook::TOKEN, app.now());
    let ours = app.send(look().header("x-tablecall-doctor", proof)).await;
    assert_eq!(ours.status, 403);
    let missing = |metrics: &str| {
        let line = "tablecall_signature_failures_total{cause=\"missing\"} ";
        metrics
            .lines()
            .find_map(|known| known.strip_prefix(line).map(str::to_owned))
    };
    let metrics = app.send(app.get("/metrics")).await.text;
    assert_eq!(missing(&metrics).as_deref(), Some("0"));
    assert_eq!(app.send(look()).await.status, 403);
    let metrics = app.send(app.get("/metrics")).await.text;
    assert_eq!(missing(&metrics).as_deref(), Some("1"));
    app.finish().await;
}
