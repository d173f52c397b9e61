//! Requests that are refused, repeated, or have to wait.

use std::time::Duration;

use jiff::ToSpan;
use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, SECRET, TestApp, table, table_at, with};
use crate::proxy::{Proxy, Way};

#[tokio::test]
async fn all_wrong_fields_are_told_in_one_problem() {
    let app = TestApp::start().await;
    let request = json!({
        "name": "", "phone": "call me", "time": "2026-11-01T19:30", "party_size": 0, "notes": "\u{7}",
        "language": "tlh-KX", "attempts": 9, "voicemail": "sing", "extension": "x", "colour": "red",
        "alternatives": {"earliest": "soon"}, "callback_url": "ftp://x",
    });
    for path in ["/api/call", "/api/call/check"] {
        let answer = app.send(app.post(path).json(&request)).await;
        answer.is_problem(422, "invalid_request");
        let errors = answer.body["errors"].as_array().unwrap();
        let fields: Vec<&str> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        for field in [
            "name",
            "phone",
            "party_size",
            "notes",
            "language",
            "attempts",
            "voicemail",
            "extension",
        ] {
            assert!(fields.contains(&field), "{field}: {}", answer.text);
        }
        for field in [
            "colour",
            "alternatives.earliest",
            "alternatives.latest",
            "callback_url",
        ] {
            assert!(fields.contains(&field), "{field}: {}", answer.text);
        }
        for error in errors {
            assert!(
                error["code"].is_string() && error["message"].is_string(),
                "{error}"
            );
        }
    }
    let past = app
        .tries(with(table(), json!({"time": "2026-11-01T19:30"})))
        .await;
    past.is_problem(422, "invalid_request");
    assert_eq!(past.body["errors"][0]["code"], "in_the_past");
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn every_refusal_at_the_door_is_a_problem_with_a_request_id() {
    let app = TestApp::start().await;
    let json_body = |text: String| {
        app.post("/api/call")
            .header("content-type", "application/json")
            .body(text)
    };
    for broken in ["{", "[]", "\"text\"", "", "{\"name\": \"\u{0}\"}"] {
        app.send(json_body(broken.to_owned()))
            .await
            .is_problem(400, "bad_json");
    }
    let xml = app
        .post("/api/call")
        .header("content-type", "application/xml")
        .body("<call/>");
    app.send(xml)
        .await
        .is_problem(415, "unsupported_media_type");
    let long = with(table(), json!({"notes": "a".repeat(70_000)})).to_string();
    app.send(json_body(long))
        .await
        .is_problem(413, "payload_too_large");
    app.send(app.get("/api/calls"))
        .await
        .is_problem(404, "not_found");
    app.send(app.get("/nothing/here"))
        .await
        .is_problem(404, "not_found");
    app.send(app.get("/api/call/no-id"))
        .await
        .is_problem(404, "call_not_found");
    let empty_key = app
        .post("/api/call")
        .header("idempotency-key", "\"\"")
        .json(&table());
    app.send(empty_key).await.is_problem(400, "bad_request");
    for (request, allowed) in [
        (app.http.put(format!("{}/api/call", app.origin)), "POST"),
        (app.post("/healthz"), "GET"),
        (app.post("/docs"), "GET"),
    ] {
        let answer = app.send(request).await;
        answer.is_problem(405, "method_not_allowed");
        assert!(
            answer.header("allow").contains(allowed),
            "{:?}",
            answer.headers
        );
    }
    let head = app.http.head(format!("{}/healthz", app.origin));
    assert_eq!(
        app.send(head).await.status,
        200,
        "what Allow names is allowed"
    );
    let named = app
        .send(app.get("/api/call/no-id").header("x-request-id", "mine-1"))
        .await;
    assert_eq!(named.body["request_id"], "mine-1");
    app.finish().await;
}

#[tokio::test]
async fn the_very_same_reservation_is_refused_while_one_is_open() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let again = app
        .tries(with(table(), json!({"notes": "said otherwise"})))
        .await;
    again.is_problem(409, "duplicate_call");
    assert_eq!(again.body["call_id"], call.id);
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    let anew = app.asks(table()).await;
    assert_ne!(anew.id, call.id, "what is finished may be asked again");
    assert_eq!(anew.cancels().await.status, 202);
    anew.until(|call| call["final"] == true).await;
    app.finish().await;
}

#[tokio::test]
async fn a_second_call_to_one_restaurant_waits_until_the_first_is_over() {
    let app = TestApp::start().await;
    let first = app.asks(table()).await;
    let check = app.checks(with(table(), json!({"name": "Bob"}))).await;
    assert_eq!(
        (&check["verdict"], &check["code"]),
        (&json!("waits"), &json!("live_call"))
    );
    let second = app.asks(with(table(), json!({"name": "Bob"}))).await;
    let waiting = second.reads().await;
    assert_eq!(
        (&waiting["status"], &waiting["waiting_for"]),
        (&json!("queued"), &json!("live_call"))
    );
    let mut phone = app.phone(RESTAURANT).picks_up("Ana García").await;
    phone.presses_and_hears("1", "Accepted").await;
    phone.hangs_up().await;
    assert_eq!(app.ledger().await.len(), 1);
    first.ends_as("confirmed", 1).await;
    let mut phone = app.phone(RESTAURANT).picks_up("Bob").await;
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    second.ends_as("rejected", 1).await;
    assert_eq!(app.ledger().await.len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn an_idempotency_key_gives_one_call_however_often_it_comes() {
    let app = TestApp::start().await;
    let keyed = |key: &str, request: &Value| {
        app.post("/api/call")
            .header("idempotency-key", key)
            .json(request)
    };
    app.send(keyed("k-1", &json!({})))
        .await
        .is_problem(422, "invalid_request");
    let together = ["k-1", "\"k-1\"", "k-1", " k-1 "].map(|key| app.send(keyed(key, &table())));
    let answers = futures_util::future::join_all(together).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.body["id"]),
            (202, &answers[0].body["id"]),
            "{}",
            answer.text
        );
    }
    let same = with(table(), json!({"phone": "(415) 555-2671"}));
    assert_eq!(
        app.send(keyed("k-1", &same)).await.body["id"],
        answers[0].body["id"],
        "it is the same in other words"
    );
    let other = with(table(), json!({"party_size": 5}));
    app.send(keyed("k-1", &other))
        .await
        .is_problem(422, "idempotency_mismatch");
    app.send(keyed("k-2", &table()))
        .await
        .is_problem(409, "duplicate_call");
    assert_eq!(app.creates().await.len(), 1);
    app.stops().await;
}

/// An app that does not know yet which calls are under way, with the way to its carrier.
async fn not_listed_yet(carrier: &TestApp) -> (TestApp, Proxy) {
    let twilio = Proxy::to(&[carrier.origin["http://".len()..].parse().unwrap()]).await;
    twilio.stalls();
    let given = TestApp::with_account(&format!("http://{}", twilio.address), RawConfig::default());
    let mut app = TestApp::at(given, carrier.clock.clone()).await;
    app.key = Some(SECRET);
    twilio.has_caught(Way::There).await;
    (app, twilio)
}

#[tokio::test]
async fn clients_that_hang_up_leave_no_key_that_stands_for_no_call() {
    let carrier = TestApp::start().await;
    let (app, twilio) = not_listed_yet(&carrier).await;
    let request = with(
        table(),
        json!({"not_before": (app.now() + 2.hours()).to_string()}),
    );
    let keyed = || {
        app.post("/api/call")
            .header("idempotency-key", "early")
            .json(&request)
    };
    let gives_up = || keyed().timeout(Duration::from_millis(300)).send();
    let (first, repeat) = tokio::join!(gives_up(), gives_up());
    for gave_up in [first, repeat] {
        assert!(
            gave_up.is_err_and(|error| error.is_timeout()),
            "a request and its repeat wait for the carrier"
        );
    }
    twilio.passes();
    let answer = app.send(keyed()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    app.stops().await;
    carrier.stops().await;
}

#[tokio::test]
async fn a_repeat_gets_its_call_even_when_the_request_would_be_refused_by_now() {
    let app = TestApp::start().await;
    let keyed = |request: &Value| {
        app.post("/api/call")
            .header("idempotency-key", "late")
            .json(request)
    };
    let asked = with(
        table_at("+14155550101"),
        json!({"give_up_at": (app.now() + 2.hours()).to_string()}),
    );
    let first = app.send(keyed(&asked)).await;
    assert_eq!(first.status, 202, "{}", first.text);
    for passed in [0, 3, 8] {
        app.clock.advance(Duration::from_secs(passed * 3_600));
        let again = app.send(keyed(&asked)).await;
        assert_eq!(
            (again.status, &again.body["id"]),
            (202, &first.body["id"]),
            "{}",
            again.text
        );
        let other = with(
            asked.clone(),
            json!({"give_up_at": (app.now() + 3.hours()).to_string()}),
        );
        app.send(keyed(&other))
            .await
            .is_problem(422, "idempotency_mismatch");
        app.send(keyed(&json!({"name": "Ana"})))
            .await
            .is_problem(422, "idempotency_mismatch");
    }
    app.tries(asked).await.is_problem(422, "invalid_request");
    assert_eq!(app.creates().await.len(), 1);
    app.stops().await;
}

#[tokio::test]
async fn what_the_carrier_refuses_is_told_with_its_code() {
    let app = TestApp::start().await;
    for (code, status) in [
        (21_217, 400),
        (21_214, 400),
        (21_215, 400),
        (21_216, 400),
        (21_219, 400),
    ] {
        app.goes_wrong(json!({"create_error": {"code": code, "status": status}}))
            .await;
        let answer = app.tries(table()).await;
        answer.is_problem(502, "call_refused");
        assert_eq!(answer.body["twilio_code"], code);
        assert!(
            answer.body["detail"]
                .as_str()
                .unwrap()
                .contains(&code.to_string()),
            "{}",
            answer.text
        );
    }
    app.goes_wrong(json!({})).await;
    assert!(app.ledger().await.is_empty(), "nothing rang");
    app.asks(table_at("+14155550101"))
        .await
        .ends_as("confirmed", 1)
        .await;
    app.finish().await;
}

#[tokio::test]
async fn a_magic_number_of_twilios_test_credentials_is_refused_as_there() {
    let app = TestApp::start().await;
    for (number, code) in [
        ("+15005550001", 21_217),
        ("+15005550002", 21_214),
        ("+15005550003", 21_215),
        ("+15005550004", 21_216),
    ] {
        let answer = app.tries(table_at(number)).await;
        answer.is_problem(502, "call_refused");
        assert_eq!(answer.body["twilio_code"], code);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_check_tells_what_staff_would_hear_and_dials_nothing() {
    let app = TestApp::start().await;
    let check = app.checks(table()).await;
    assert_eq!(
        (&check["verdict"], &check["script"]["language"]),
        (&json!("allowed"), &json!("en-US"))
    );
    for part in ["Ana García", "Friday, December 4", "To accept, press 1"] {
        assert!(
            check["script"]["text"].as_str().unwrap().contains(part),
            "{part}: {check:#}"
        );
    }
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_service_that_is_full_says_when_to_come_back_and_drops_nothing() {
    let app = TestApp::with(
        tablecall::config::RawConfig::default()
            .with(|it| it.storage.max_calls = Some("1".to_owned())),
    )
    .await;
    let call = app.asks(table()).await;
    let refused = app.tries(table_at("+14155550101")).await;
    refused.is_problem(503, "unavailable");
    assert!(
        refused.header("retry-after").parse::<u32>().is_ok(),
        "{:?}",
        refused.headers
    );
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    // The webhooks of a call can come for an hour, and one that was forgotten would come back
    // unfinished.
    app.tries(table_at("+14155550101"))
        .await
        .is_problem(503, "unavailable");
    app.clock.advance(Duration::from_secs(3_601));
    app.asks(table_at("+14155550101"))
        .await
        .ends_as("confirmed", 1)
        .await;
    app.finish().await;
}
