//! The findings of `tablecall doctor`, and its exit status.

use clock::Clock;
use tablecall::config::{Config, RawConfig};
use tablecall::doctor::{Finding, Level, examine, worst};

use crate::app::TestApp;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An app at a carrier with one number and one API key, and the settings to reach it.
async fn deployed(trial: bool) -> (TestApp, RawConfig) {
    let carrier = twilio_simulator::SimulatorConfig {
        owned_numbers: vec!["+14155550199".to_owned()],
        api_keys: vec![("SK1".to_owned(), "the-secret-of-sk1".to_owned())],
        trial,
        ..twilio_simulator::SimulatorConfig::default()
    };
    let given =
        RawConfig::default().with(|it| it.carrier.twilio_from_number = some("+14155550199"));
    let app = TestApp::at_carrier(carrier, given.clone()).await;
    let given = TestApp::with_account(&app.carrier, given)
        .with(|it| it.server.public_url = some(&app.origin));
    (
        app,
        given.with(|it| it.calls.allowed_countries = some("US")),
    )
}

async fn found(given: &RawConfig) -> Vec<Finding> {
    let given = given
        .clone()
        .with(|it| it.server.public_url = given.server.public_url.clone());
    examine(&Config::read(&given).unwrap(), None, &Clock::system())
        .await
        .unwrap()
}

fn level(findings: &[Finding], subject: &str) -> Level {
    findings
        .iter()
        .find(|finding| finding.subject == subject)
        .unwrap_or_else(|| panic!("{findings:#?}"))
        .level
}

#[tokio::test]
async fn a_good_deployment_is_found_good() {
    let (app, given) = deployed(false).await;
    let findings = found(&given).await;
    assert!(worst(&findings) < Level::Bad, "{findings:#?}");
    for subject in ["account", "balance", "from-number", "public URL"] {
        assert_eq!(level(&findings, subject), Level::Good, "{findings:#?}");
    }
    app.stops().await;
}

#[tokio::test]
async fn a_key_that_cannot_read_the_account_is_not_called_wrong() {
    let (app, given) = deployed(false).await;
    let key = given.clone().with(|it| {
        it.carrier.twilio_api_key = some("SK1");
        it.carrier.twilio_api_secret = some("the-secret-of-sk1");
    });
    let findings = found(&key).await;
    assert_eq!(level(&findings, "account"), Level::Note, "{findings:#?}");
    assert!(worst(&findings) < Level::Bad);
    let wrong = key.with(|it| it.carrier.twilio_api_secret = some("another-secret"));
    assert_eq!(level(&found(&wrong).await, "account"), Level::Bad);
    app.stops().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_remedy() {
    let (app, given) = deployed(true).await;
    let findings = found(&given).await;
    assert_eq!(
        level(&findings, "account"),
        Level::Note,
        "a trial account works: {findings:#?}"
    );
    let other = given.clone().with(|it| {
        it.storage.ticket_keys = None;
        it.carrier.twilio_auth_token = some("another-token");
    });
    let findings = found(&other).await;
    assert_eq!(
        (level(&findings, "account"), level(&findings, "public URL")),
        (Level::Bad, Level::Bad)
    );
    app.stops().await;
    let findings = found(&given).await;
    assert_eq!(
        (level(&findings, "account"), level(&findings, "public URL")),
        (Level::Note, Level::Bad)
    );
    assert!(
        findings
            .iter()
            .any(|finding| finding.text.contains("Start the server")),
        "{findings:#?}"
    );
}
