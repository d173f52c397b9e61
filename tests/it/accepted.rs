//! A guest takes the time that a restaurant offered: one call back, linked with the first, in
//! memory and on a server.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table, with};
use crate::call::Asked;
use crate::instances::{INDEX_KEY, TICKET_KEY};
use crate::redis_server::RedisServer;

/// An app; on a server where one is given.
async fn app_on(redis: Option<&RedisServer>, given: RawConfig) -> TestApp {
    TestApp::with(given.with(|it| {
        it.storage.redis_url = redis.map(|redis| format!("redis://{}", redis.address));
        it.storage.ticket_keys = redis.map(|_| TICKET_KEY.to_owned());
        it.storage.index_key = redis.map(|_| INDEX_KEY.to_owned());
    }))
    .await
}

/// The restaurant offers ten to nine for half past seven.
async fn offered(app: &TestApp) -> Value {
    let call = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).picks_up("To accept, press 1").await;
    phone.presses_and_hears("3", "type four digits").await;
    phone.presses_and_hears("2050", "You offer").await;
    phone.presses_and_hears("1", "Nothing is booked yet").await;
    phone.hangs_up().await;
    let call = call.ends_as("countered", 1).await;
    assert_eq!(call["offered_time"], "2026-12-04T20:50");
    call
}

async fn accepts(app: &TestApp, id: &Value) -> Answer {
    let path = format!("/api/call/{}/accept", id.as_str().unwrap());
    app.send(app.post(&path)).await
}

#[tokio::test]
async fn an_offered_time_is_taken_by_one_call_back_that_is_linked_both_ways() {
    needs!("redis-server", "redis-cli");
    let server = RedisServer::starts().await;
    for redis in [None, Some(&server)] {
        let app = app_on(redis, RawConfig::default()).await;
        let offer = offered(&app).await;
        let (one, other) = tokio::join!(accepts(&app, &offer["id"]), accepts(&app, &offer["id"]));
        assert_eq!(
            (one.status, other.status),
            (202, 202),
            "{} {}",
            one.text,
            other.text
        );
        let id = one.body["id"].as_str().unwrap();
        assert_eq!(other.body["id"], id, "nobody is rung twice");
        assert_eq!(one.header("location"), format!("/api/call/{id}"));
        assert_eq!(
            (
                &one.body["accepts_offer_of"],
                &one.body["reservation"]["time"]
            ),
            (&offer["id"], &json!("2026-12-04T20:50"))
        );
        let mut phone = app.phone(RESTAURANT).rings().await;
        phone.answers().await;
        let message = phone
            .hears("a guest accepts the time that you offered")
            .await;
        assert!(
            message.contains("At eight fifty PM") && !message.contains("press 3"),
            "{message}"
        );
        assert!(!message.contains("would like a table"), "{message}");
        phone.presses_and_hears("1", "Accepted: 4 people").await;
        phone.hangs_up().await;
        let done = Asked::new(&app, id.to_owned())
            .ends_as("confirmed", 1)
            .await;
        assert_eq!(done["agreed_time"], "2026-12-04T20:50");

        let first = Asked::new(&app, offer["id"].as_str().unwrap().to_owned())
            .reads()
            .await;
        assert_eq!(
            (&first["offer_accepted_by"], &first["outcome"]),
            (&json!(id), &json!("countered"))
        );
        let last = first["timeline"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["what"], &last["detail"]),
            (&json!("offer_accepted"), &json!(id))
        );
        let again = accepts(&app, &offer["id"]).await;
        assert_eq!((again.status, &again.body["id"]), (202, &json!(id)));
        let refused = accepts(&app, &json!(id)).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (409, &json!("no_offer")),
            "{}",
            refused.text
        );
        assert_eq!(app.creates().await.len(), 2, "one call, and one back");
        app.finish().await;
    }
}

#[tokio::test]
async fn a_call_back_obeys_the_hours_and_what_is_asked_already() {
    needs!("redis-server", "redis-cli");
    let app = app_on(
        None,
        RawConfig::default().with(|it| it.calls.call_hours = Some("11:00-12:30".to_owned())),
    )
    .await;
    let offer = offered(&app).await;
    let same = json!({"time": "2026-12-04T20:50", "not_before": "2026-12-02T20:00:00Z"});
    let open = app.asks(with(table(), same)).await;
    let refused = accepts(&app, &offer["id"]).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("duplicate_call")),
        "{}",
        refused.text
    );
    assert_eq!(refused.body["call_id"], open.id.as_str());
    assert_eq!(open.cancels().await.status, 202);

    app.clock.advance(std::time::Duration::from_secs(3600));
    let waits = accepts(&app, &offer["id"]).await;
    assert_eq!(
        (waits.status, &waits.body["waiting_for"]),
        (202, &json!("call_hours")),
        "{}",
        waits.text
    );
    let id = waits.body["id"].as_str().unwrap().to_owned();
    assert_eq!(Asked::new(&app, id).cancels().await.status, 202);
    assert_eq!(
        app.creates().await.len(),
        1,
        "nobody was rung outside of the hours"
    );
    app.finish().await;
}

#[tokio::test]
async fn only_the_key_of_the_first_call_takes_its_offer() {
    needs!("redis-server", "redis-cli");
    let mut app = app_on(
        None,
        RawConfig::default().with(|it| {
            it.clients.api_keys =
                Some("first:secret-of-the-first-key,second:secret-of-the-second".to_owned());
        }),
    )
    .await;
    app.key = Some("secret-of-the-first-key");
    let offer = offered(&app).await;
    app.key = Some("secret-of-the-second");
    let refused = accepts(&app, &offer["id"]).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (404, &json!("call_not_found"))
    );
    app.finish().await;
}

#[tokio::test]
async fn an_offer_across_midnight_is_of_the_day_that_staff_mean_and_hear() {
    for (wished, digits, offered, heard) in [
        (
            "2026-12-04T23:30",
            "0015",
            "2026-12-05T00:15",
            "Friday night, going into Saturday, December 5",
        ),
        (
            "2026-12-05T00:15",
            "2330",
            "2026-12-04T23:30",
            "Friday, December 4",
        ),
    ] {
        let app = app_on(None, RawConfig::default()).await;
        // Times are allowed on the day of the table alone.
        let any_time = json!({"earliest": "00:00", "latest": "23:59"});
        let call = app
            .asks(with(
                table(),
                json!({"time": wished, "alternatives": any_time}),
            ))
            .await;
        let mut phone = app.phone(RESTAURANT).picks_up("To accept, press 1").await;
        phone.presses_and_hears("3", "type four digits").await;
        phone
            .presses_and_hears("2515", "That is not a time of day")
            .await;
        phone.presses(digits).await;
        phone.hears(&format!("Your offer: 4 people, {heard}")).await;
        phone.presses("1").await;
        phone.hears(&format!("what you offer: {heard}")).await;
        phone.hangs_up().await;
        let call = call.ends_as("countered", 1).await;
        assert_eq!(call["offered_time"], offered);
        let accepted = accepts(&app, &call["id"]).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        let mut phone = app.phone(RESTAURANT).rings().await;
        phone.answers().await;
        let message = phone.hears("To accept, press 1").await;
        assert!(message.contains(heard), "{heard}: {message}");
        phone.presses_and_hears("1", "Accepted").await;
        phone.hangs_up().await;
        let id = accepted.body["id"].as_str().unwrap();
        let call = Asked::new(&app, id.to_owned())
            .ends_as("confirmed", 1)
            .await;
        assert_eq!(call["agreed_time"], offered);
        app.finish().await;
    }
}
