//! Requests to the carrier: their parameters, their rate, and an outage.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table, table_at, with};
use crate::webhook::Webhook;

#[tokio::test]
async fn a_create_asks_for_everything_that_the_call_needs() {
    let app = TestApp::start().await;
    app.asks(table_at("+14155550101"))
        .await
        .ends_as("confirmed", 1)
        .await;
    let create = Webhook::of(&app.creates().await[0]);
    let all = |name: &str| -> Vec<&str> {
        create
            .params
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect()
    };
    assert_eq!(
        (all("To"), all("From")),
        (vec!["+14155550101"], vec!["+15005550006"])
    );
    assert_eq!(
        (all("Timeout"), all("TimeLimit")),
        (vec!["30"], vec!["300"])
    );
    assert_eq!(
        all("StatusCallbackEvent"),
        ["initiated", "ringing", "answered", "completed"]
    );
    assert_eq!(
        (all("MachineDetection"), all("AsyncAmd")),
        (vec!["DetectMessageEnd"], vec!["true"])
    );
    let mut tickets = BTreeSet::new();
    for (name, path) in [
        ("Url", "answer"),
        ("FallbackUrl", "fallback"),
        ("StatusCallback", "status"),
        ("AsyncAmdStatusCallback", "machine"),
    ] {
        let url = all(name)[0];
        assert!(
            url.starts_with(&format!("{}/twiml/{path}/", app.origin)),
            "{name}: {url}"
        );
        let (address, overrides) = url.split_once('#').expect("connection overrides");
        assert!(
            overrides.contains("ct,") && overrides.contains("5xx"),
            "failures are tried again: {overrides}"
        );
        assert!(
            !address.contains('?'),
            "no query that a proxy could sort: {address}"
        );
        tickets.insert(address.rsplit('/').next().unwrap().to_owned());
    }
    assert_eq!(
        tickets.len(),
        3,
        "the fallback goes on with the ticket of the conversation"
    );
    app.finish().await;
}

#[tokio::test]
async fn calls_are_started_one_a_second_where_the_carrier_allows_no_more() {
    let app =
        TestApp::with(RawConfig::default().with(|it| it.carrier.twilio_cps = Some("1".to_owned())))
            .await;
    let first = app.asks(table_at("+14155550101")).await;
    let second = app.asks(table_at("+14155550102")).await;
    let waiting = second.reads().await;
    assert_eq!(
        (&waiting["status"], &waiting["waiting_for"]),
        (&json!("queued"), &json!("slot"))
    );
    first.ends_as("confirmed", 1).await;
    second.ends_as("rejected", 1).await;
    let creates = app.creates().await;
    let at = |create: &Value| {
        create["at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(at(&creates[1]).duration_since(at(&creates[0])).as_secs() >= 1);
    app.finish().await;
}

#[tokio::test]
async fn a_call_waits_for_the_moment_its_client_named() {
    let app = TestApp::start().await;
    let call = app
        .asks(with(
            table_at("+14155550101"),
            json!({"not_before": "2026-12-01T21:00:00Z"}),
        ))
        .await;
    let waiting = call.reads().await;
    assert_eq!(
        (&waiting["waiting_for"], &waiting["next_attempt_at"]),
        (&json!("not_before"), &json!("2026-12-01T21:00:00.000Z"))
    );
    let done = call.ends_as("confirmed", 1).await;
    assert!(done["attempts"][0]["started_at"].as_str().unwrap() >= "2026-12-01T21:00:00");
    app.finish().await;
}

#[tokio::test]
async fn many_restaurants_at_once_each_ring_once_and_each_answer_is_kept_apart() {
    let app = TestApp::start().await;
    let mut calls = Vec::new();
    for number in 0..20 {
        let (digits, outcome) = if number % 2 == 0 {
            ("0101", "confirmed")
        } else {
            ("0102", "rejected")
        };
        let request = with(
            table_at(&format!("+1415{}{digits}", 220 + number)),
            json!({"party_size": number + 1}),
        );
        calls.push((app.asks(request).await, outcome));
    }
    for (call, outcome) in &calls {
        call.ends_as(outcome, 1).await;
    }
    let rung: BTreeSet<String> = app
        .ledger()
        .await
        .iter()
        .map(|call| call["to"].to_string())
        .collect();
    assert_eq!((rung.len(), app.ledger().await.len()), (20, 20));
    app.finish().await;
}

#[tokio::test]
async fn a_fax_is_never_rung_again() {
    let app = TestApp::start().await;
    let fax = json!({"voicemail": {"greeting_seconds": 3.0, "beep": false}, "answered_by": "fax"});
    app.behaves(RESTAURANT, fax).await;
    let call = app.asks(table()).await.ends_as("machine", 1).await;
    assert_eq!(call["attempts"][0]["answered_by"], "fax");
    app.finish().await;
}

#[tokio::test]
async fn a_document_that_cannot_be_fetched_is_replaced_and_the_talk_goes_on() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept").await;
    // The carrier tries four times, as the address asks it to.
    app.goes_wrong(json!({"webhook_unreachable": {"count": 4, "only": "key"}}))
        .await;
    phone.presses("3").await;
    app.goes_wrong(json!({})).await;
    phone.hears("To accept, press 1").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    let tried = app
        .wire("voice")
        .await
        .iter()
        .filter(|it| it["error"].is_string())
        .count();
    assert_eq!(tried, 4);
    app.stops().await;
}

#[tokio::test]
async fn only_a_confirmed_reservation_has_a_calendar_entry() {
    let app = TestApp::start().await;
    let call = app.asks(table_at("+14155550101")).await;
    let entry = || app.send(app.get(&format!("/api/call/{}/calendar.ics", call.id)));
    entry().await.is_problem(409, "not_confirmed");
    call.ends_as("confirmed", 1).await;
    let entry = entry().await;
    assert_eq!(
        (entry.status, entry.header("content-type")),
        (200, "text/calendar; charset=utf-8")
    );
    assert!(
        entry
            .text
            .contains("DTSTART;TZID=America/Los_Angeles:20261204T193000"),
        "{}",
        entry.text
    );
    app.finish().await;
}

#[tokio::test]
async fn keys_for_a_menu_are_sent_after_the_pick_up_and_rule_machine_detection_out() {
    let app = TestApp::start().await;
    app.asks(with(table_at("+14155550101"), json!({"extension": "ww2"})))
        .await
        .ends_as("confirmed", 1)
        .await;
    let create = Webhook::of(&app.creates().await[0]);
    assert!(
        create
            .params
            .contains(&("SendDigits".to_owned(), "ww2".to_owned())),
        "{create:?}"
    );
    assert!(
        create
            .params
            .iter()
            .all(|(name, _)| !name.contains("Amd") && !name.contains("Machine")),
        "{create:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_deployment_for_one_restaurant_rings_it_and_reads_the_guests_number_out() {
    let given =
        RawConfig::default().with(|it| it.calls.restaurant_phone = Some(RESTAURANT.to_owned()));
    let app = TestApp::with(given).await;
    let call = app.asks(table_at("+14155550123")).await;
    let reservation = call.reads().await["reservation"].clone();
    assert_eq!(
        (&reservation["phone"], &reservation["guest_phone"]),
        (&json!(RESTAURANT), &json!("+14155550123"))
    );
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    let heard = phone.hears("To accept").await;
    assert!(heard.contains("Phone: 4 1 5, 5 5 5, 0 1 2 3"), "{heard}");
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    call.ends_as("confirmed", 1).await;
    app.finish().await;
}
