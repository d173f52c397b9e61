//! Errors reach Sentry from the real program, with the data needed to find them and no private
//! data.

use serde_json::{Value, json};

use crate::app::RESTAURANT;
use crate::collector::{Collector, Posted};
use crate::pair::Pair;

/// The events in the envelopes: lines of JSON, of which each item has a head and a body.
fn events(posted: &[Posted]) -> Vec<Value> {
    let lines = posted
        .iter()
        .flat_map(|posted| std::str::from_utf8(&posted.body).unwrap().lines());
    let read = lines.map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    read.filter(|line| line["event_id"].is_string() && line["platform"].is_string())
        .collect()
}

#[tokio::test]
#[cfg_attr(not(feature = "sentry"), ignore = "needs `--features sentry`")]
async fn an_error_is_reported_with_release_and_ids_and_without_names_and_numbers() {
    let sentry = Collector::start().await;
    let mut pair = Pair::new().await;
    let dsn = sentry.origin.replace("http://", "http://the-key@") + "/42";
    pair.further = vec![
        ("SENTRY_DSN", dsn),
        ("SENTRY_ENVIRONMENT", "staging".to_owned()),
    ];
    let program = pair.starts().await;
    // Twilio refuses the account: that is an error of this deployment.
    let refuses = json!({"create_error": {"code": 20_003, "status": 401}});
    let faults = pair
        .http
        .put(format!("{}/simulator/api/faults", pair.carrier.origin))
        .json(&refuses);
    assert_eq!(crate::answer::Answer::of(faults).await.status, 200);
    let refused = pair.tries_a_table(RESTAURANT).await;
    assert_eq!(refused.status, 502, "{}", refused.text);
    let posted = sentry
        .until("a report comes", |posted| !events(posted).is_empty())
        .await;
    assert!(
        posted[0].line.starts_with("POST /api/42/envelope/"),
        "{}",
        posted[0].line
    );
    assert!(
        posted[0]
            .head
            .iter()
            .any(|line| line.starts_with("x-sentry-auth:") && line.contains("the-key"))
    );
    let reports = events(&posted);
    let report = &reports[0];
    assert_eq!(
        report["message"],
        "Twilio refuses this account: nothing is dialled until it works again"
    );
    assert_eq!(report["environment"], "staging");
    assert!(
        report["release"]
            .as_str()
            .unwrap()
            .starts_with("tablecall@0."),
        "{report:#}"
    );
    assert_eq!(report["tags"]["twilio.code"], "20003");
    assert_eq!(report["tags"]["request.id"], refused.header("x-request-id"));
    assert!(report["tags"]["call.id"].is_string(), "{report:#}");
    for absent in [
        "server_name",
        "request",
        "user",
        "breadcrumbs",
        "contexts",
        "modules",
    ] {
        assert!(report[absent].is_null(), "{absent}: {report:#}");
    }
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let all: Vec<u8> = sentry
        .so_far()
        .into_iter()
        .flat_map(|posted| posted.body)
        .collect();
    let all = String::from_utf8(all).unwrap();
    for private in [
        "Quetzalcoatl",
        &RESTAURANT[1..],
        "5005550006",
        "/twiml/",
        "the-secret",
    ] {
        assert!(!all.contains(private), "{private}: {all}");
    }
    assert!(!log.contains("the-key"), "{log}");
}
