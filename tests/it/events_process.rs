//! Events of calls whose process ends. A process that stops sends what it can, and the process that
//! takes a call over sends the rest.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::answer::Answer;
use crate::app::RESTAURANT;
use crate::events::{NEW, telling};
use crate::pair::Pair;
use crate::process::{ACCOUNT, Program, SECRET, TOKEN};
use crate::receiver::{Received, Receiver, Reply};

/// The service with secrets for events.
async fn starts(pair: &Pair) -> Program {
    let settings = [
        ("TABLECALL_LISTEN", pair.address.to_string()),
        ("TABLECALL_PUBLIC_URL", format!("http://{}", pair.address)),
        ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("TWILIO_API_URL", pair.carrier.origin.clone()),
        ("TWILIO_FROM_NUMBER", "+15005550006".to_owned()),
        ("TWILIO_CPS", "0".to_owned()),
        ("TABLECALL_API_KEYS", format!("app:{SECRET}")),
        ("TABLECALL_CALL_HOURS", "always".to_owned()),
        ("TABLECALL_ALLOWED_COUNTRIES", "*".to_owned()),
        (
            "TABLECALL_WEBHOOK_SECRETS",
            telling().clients.webhook_secrets.unwrap(),
        ),
        ("TABLECALL_ALLOW_PRIVATE_CALLBACKS", "true".to_owned()),
        ("RUST_LOG", "info,tablecall=trace".to_owned()),
    ];
    let settings: BTreeMap<String, String> = settings
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    Program::with(&settings, pair.address).await
}

async fn asks(address: SocketAddr, receiver: &Receiver) -> String {
    let http = tablecall::http_client().unwrap();
    let time = clock::Clock::system().now() + jiff::SignedDuration::from_hours(24 * 9);
    let request = json!({
        "name": "Ana", "phone": RESTAURANT, "time": time.strftime("%Y-%m-%dT19:30").to_string(), "party_size": 4,
        "callback_url": receiver.url,
    });
    let request = http
        .post(format!("http://{address}/api/call"))
        .bearer_auth(SECRET)
        .json(&request);
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

fn statuses(events: &[Received]) -> Vec<&Value> {
    events
        .iter()
        .map(|event| &event.body["data"]["status"])
        .collect()
}

#[tokio::test]
async fn a_process_told_to_stop_sends_what_was_not_received_and_the_next_one_goes_on() {
    let (pair, mut receiver) = (Pair::new().await, Receiver::start().await);
    let first = starts(&pair).await;
    receiver.always(Reply::status(500));
    let id = asks(pair.address, &receiver).await;
    pair.line("rings", |line| line["status"] == "ringing").await;
    while receiver.next().await.body["data"]["status"] != "ringing" {}
    receiver.always(Reply::status(204));
    let (code, log) = first.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let last = receiver.rest().pop().expect("a last try");
    assert_eq!(
        (&last.body["type"], &last.body["data"]["status"]),
        (&json!("call.updated"), &json!("ringing"))
    );
    let _second = starts(&pair).await;
    pair.acts("answer", Value::Null).await;
    pair.hears("To accept, press 1").await;
    pair.declines().await;
    let events = receiver.until_finished().await;
    for event in &events {
        assert_eq!(event.body["data"]["id"], id);
        assert!(
            event.version() > last.version(),
            "{} after {}",
            event.version(),
            last.version()
        );
        assert!(
            event.body["data"]["updated_at"].as_str() > last.body["data"]["updated_at"].as_str()
        );
        assert!(
            Webhook::new(NEW)
                .unwrap()
                .verify(event.text.as_bytes(), &event.headers)
                .is_ok()
        );
    }
    assert_eq!(
        events.last().unwrap().body["data"]["outcome"],
        "rejected",
        "{:?}",
        statuses(&events)
    );
}

#[tokio::test]
async fn the_client_of_a_call_is_told_the_end_although_the_process_that_made_it_was_killed() {
    let (pair, mut receiver) = (Pair::new().await, Receiver::start().await);
    let first = starts(&pair).await;
    let id = asks(pair.address, &receiver).await;
    pair.answers().await;
    let log = first.dies().await;
    assert!(!log.contains("hidden") && !log.contains("whsec_"), "{log}");
    let second = starts(&pair).await;
    pair.presses_and_hears("2", "Declined: no table for 4 people")
        .await;
    pair.hangs_up().await;
    let events = receiver.until_finished().await;
    let last = events.last().unwrap();
    assert_eq!(
        (&last.body["data"]["id"], &last.body["data"]["outcome"]),
        (&json!(id), &json!("rejected"))
    );
    let versions: Vec<u64> = events.iter().map(Received::version).collect();
    assert!(
        versions.is_sorted_by(|before, after| before < after),
        "{versions:?}"
    );
    let (code, log) = second.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
}
