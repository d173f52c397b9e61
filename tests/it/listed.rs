//! The list of a key's calls, in memory and on a server: newest first, page by page, filtered, and
//! nobody else's; no number stands in a URL or in the log.

use serde_json::{Value, json};
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table_at, with};
use crate::instances::{INDEX_KEY, TICKET_KEY};
use crate::redis_server::RedisServer;

const KEYS: &str = "first:secret-of-the-first-key,second:secret-of-the-second";
const FIRST: &str = "secret-of-the-first-key";
const SECOND: &str = "secret-of-the-second";
/// A number that declines by itself.
const DECLINES: &str = "+14155550102";

/// An app with two keys; on a server where one is given.
async fn keyed(redis: Option<&RedisServer>) -> TestApp {
    TestApp::with(RawConfig::default().with(|it| {
        it.clients.api_keys = Some(KEYS.to_owned());
        it.storage.redis_url = redis.map(|redis| format!("redis://{}", redis.address));
        it.storage.ticket_keys = redis.map(|_| TICKET_KEY.to_owned());
        it.storage.index_key = redis.map(|_| INDEX_KEY.to_owned());
    }))
    .await
}

async fn lists(app: &TestApp, key: &str, query: &str) -> Answer {
    let request = app.http.get(format!("{}/api/call{query}", app.origin));
    app.send(request.bearer_auth(key)).await
}

/// The ids of a page.
fn ids(page: &Answer) -> Vec<&str> {
    assert_eq!(page.status, 200, "{}", page.text);
    let calls = page.body["calls"].as_array().unwrap().iter();
    calls.map(|call| call["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn calls_are_listed_newest_first_page_by_page_and_filtered() {
    needs!("redis-server", "redis-cli");
    let server = RedisServer::starts().await;
    for redis in [None, Some(&server)] {
        let mut app = keyed(redis).await;
        app.key = Some(FIRST);
        let declined = app.asks(table_at(DECLINES)).await.id;
        crate::call::Asked::new(&app, declined.clone())
            .ends_as("rejected", 1)
            .await;
        let mut made = vec![declined.clone()];
        for guests in 1..=3 {
            let later = json!({"party_size": guests, "not_before": "2026-12-02T20:00:00Z"});
            made.push(app.asks(with(table_at(RESTAURANT), later)).await.id.clone());
        }
        // Ids of one millisecond are in no order.
        made.sort_by(|one, other| other.cmp(one));

        let whole = lists(&app, FIRST, "").await;
        assert_eq!(
            (ids(&whole), &whole.body["next_cursor"]),
            (made.iter().map(String::as_str).collect(), &Value::Null)
        );
        let one = app.send(app.get(&format!("/api/call/{declined}"))).await;
        assert_eq!(
            whole.body["calls"][3], one.body,
            "a call is listed as it is read"
        );

        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = lists(&app, FIRST, &format!("?limit=3{cursor}")).await;
            read.extend(ids(&page).into_iter().map(str::to_owned));
            let Some(next) = page.body["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(read, made);

        for (query, count) in [
            ("?status=finished", 1),
            ("?status=queued", 3),
            ("?outcome=rejected", 1),
            ("?outcome=confirmed", 0),
            ("?status=queued&outcome=rejected", 0),
        ] {
            assert_eq!(
                ids(&lists(&app, FIRST, query).await).len(),
                count,
                "{query}"
            );
        }
        for (phone, count) in [
            (RESTAURANT, 3),
            ("+1 (415) 555-0102", 1),
            ("+14155552670", 0),
        ] {
            let request = app.get("/api/call").header("restaurant-phone", phone);
            assert_eq!(ids(&app.send(request).await).len(), count, "{phone}");
        }
        let others = lists(&app, SECOND, "").await;
        assert!(ids(&others).is_empty(), "calls of another key");
        let beside = lists(&app, SECOND, &format!("?cursor={}", made[0])).await;
        assert!(ids(&beside).is_empty(), "calls of another key");
        assert_eq!(
            app.send(app.http.get(format!("{}/api/call", app.origin)))
                .await
                .status,
            401
        );
        let log = app.finish().await;
        assert!(
            !log.contains("status=queued") && !log.contains("4155552671"),
            "a query was logged"
        );
    }
}

#[tokio::test]
async fn a_list_names_each_parameter_that_is_wrong() {
    needs!("redis-server", "redis-cli");
    let app = keyed(None).await;
    let request = app
        .http
        .get(format!(
            "{}/api/call?limit=0&cursor=x&status=done&outcome=maybe&phone=1",
            app.origin
        ))
        .header("restaurant-phone", "12");
    let refused = app.send(request.bearer_auth(FIRST)).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let errors = refused.body["errors"].as_array().unwrap();
    let fields: Vec<&str> = errors
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "phone",
            "limit",
            "cursor",
            "status",
            "outcome",
            "Restaurant-Phone"
        ]
    );
    assert!(
        errors[0]["message"]
            .as_str()
            .unwrap()
            .contains("Restaurant-Phone"),
        "{errors:?}"
    );
    for limit in ["101", "-1", "1.5", "", "x"] {
        assert_eq!(
            lists(&app, FIRST, &format!("?limit={limit}")).await.status,
            422,
            "{limit}"
        );
    }
    app.finish().await;
}
