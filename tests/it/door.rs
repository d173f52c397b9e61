//! Access to the API: addresses, wrong keys, limits, methods.

use reqwest::Method;
use serde_json::json;
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{TestApp, table_at};
use crate::webhook::Webhook;

const OURS: &str = "the-secret-of-the-app";

pub(crate) fn with_a_key() -> RawConfig {
    RawConfig::default().with(|it| it.clients.api_keys = Some(format!("app:{OURS}")))
}

/// A read of a call that is not there, with a key, forwarded for an address.
async fn reads(app: &TestApp, key: &str, forwarded: Option<&str>) -> Answer {
    let request = app
        .http
        .get(format!("{}/api/call/x", app.origin))
        .bearer_auth(key);
    let request = match forwarded {
        Some(address) => request.header("x-forwarded-for", address),
        None => request,
    };
    app.send(request).await
}

#[tokio::test]
async fn after_some_wrong_keys_more_of_them_wait_and_the_right_one_never_does() {
    let app = TestApp::with(with_a_key()).await;
    for number in 0..10 {
        reads(&app, &format!("a guess of many: {number}"), None)
            .await
            .is_problem(401, "unauthorized");
    }
    // A client that is no trusted proxy may write any address. The one it connects from counts.
    for forwarded in [None, Some("203.0.113.7")] {
        let slowed = reads(&app, "another guess", forwarded).await;
        slowed.is_problem(429, "too_many_wrong_keys");
        assert_eq!(slowed.header("retry-after"), "6");
    }
    reads(&app, OURS, None)
        .await
        .is_problem(404, "call_not_found");
    app.clock.advance(std::time::Duration::from_secs(6));
    reads(&app, "another guess", None)
        .await
        .is_problem(401, "unauthorized");
    let metrics = app.send(app.get("/metrics")).await.text;
    for line in [
        "tablecall_api_requests_total{key=\"app\"} 1",
        "tablecall_api_key_failures_total{cause=\"wrong\"} 11",
        "tablecall_api_key_failures_total{cause=\"slowed\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let log = app.stops().await;
    assert!(
        log.contains("\"key\":\"app\"") && log.contains("\"client.address\":\"127.0.0.1\""),
        "{log}"
    );
    for secret in [OURS, "another guess", "a guess of many", "203.0.113.7"] {
        assert!(
            !log.contains(secret) && !metrics.contains(secret),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_forwarded_address_counts() {
    let app = TestApp::with(
        with_a_key().with(|it| it.server.trusted_proxies = Some("127.0.0.0/8".to_owned())),
    )
    .await;
    for number in 0..10 {
        let lie = format!("198.51.100.{number}, 203.0.113.7");
        reads(&app, "a guess", Some(&lie))
            .await
            .is_problem(401, "unauthorized");
    }
    reads(&app, "a guess", Some("203.0.113.7"))
        .await
        .is_problem(429, "too_many_wrong_keys");
    reads(&app, "a guess", Some("203.0.113.8"))
        .await
        .is_problem(401, "unauthorized");
    reads(&app, OURS, Some("203.0.113.7"))
        .await
        .is_problem(404, "call_not_found");
    let log = app.stops().await;
    assert!(
        log.contains("\"client.address\":\"203.0.113.8\"") && !log.contains("198.51.100."),
        "{log}"
    );
}

#[tokio::test]
async fn a_create_says_how_many_more_its_key_may_make() {
    let mut app =
        TestApp::with(with_a_key().with(|it| it.calls.limits = Some("key_minute=2".to_owned())))
            .await;
    app.key = Some(OURS);
    let told = |answer: &Answer| {
        (
            answer.header("ratelimit-policy").to_owned(),
            answer.header("ratelimit").to_owned(),
        )
    };
    let policy = "\"key_minute\";q=2;w=60".to_owned();
    let first = app.tries(table_at("+14155550101")).await;
    assert_eq!(
        (first.status, told(&first)),
        (202, (policy.clone(), "\"key_minute\";r=1;t=60".to_owned()))
    );
    let wrong = app.tries(json!({})).await;
    wrong.is_problem(422, "invalid_request");
    let second = app.tries(table_at("+14155550102")).await;
    assert_eq!(
        (second.status, told(&second)),
        (202, (policy.clone(), "\"key_minute\";r=0;t=60".to_owned()))
    );
    let third = app.tries(table_at("+14155550103")).await;
    third.is_problem(429, "key_limit");
    assert_eq!(
        (told(&third), third.header("retry-after")),
        ((policy, "\"key_minute\";r=0;t=60".to_owned()), "60")
    );
    app.stops().await;
    let free = TestApp::start().await;
    let answer = free.tries(table_at("+14155550101")).await;
    assert_eq!(
        (answer.status, told(&answer)),
        (202, (String::new(), String::new())),
        "there is no limit"
    );
    free.stops().await;
}

#[tokio::test]
async fn every_path_says_its_methods_and_nothing_is_kept_by_caches() {
    let app = TestApp::with(with_a_key()).await;
    for (path, allow) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/nothing/here", "GET, HEAD, OPTIONS"),
        ("/api/call/x/events", "GET, HEAD, OPTIONS"),
        ("/api/call/check", "POST, OPTIONS"),
        ("/twiml/answer/x", "POST, OPTIONS"),
    ] {
        let url = format!("{}{path}", app.origin);
        let answer = Answer::of(app.http.request(Method::OPTIONS, url)).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (204, allow),
            "{path}"
        );
    }
    for path in ["/api/call/x", "/readyz", "/metrics", "/about.json"] {
        let answer = app.send(app.get(path)).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let asks = |accept: &str| app.get("/nothing/here").header("accept", accept.to_owned());
    let page = app
        .send(asks("text/html,application/xhtml+xml,*/*;q=0.8"))
        .await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert!(page.text.contains("There is no page here"), "{}", page.text);
    app.send(asks("*/*")).await.is_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn every_method_and_path_gets_an_answer_of_one_shape() {
    let app = TestApp::start().await;
    let ask = |method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Answer::of(
            app.http
                .request(method, format!("{}{path}", app.origin))
                .header("x-request-id", "mine-7"),
        )
    };
    for (method, path, allow) in [
        ("DELETE", "/api/call", "POST"),
        ("PUT", "/api/call/x", "GET"),
        ("PATCH", "/api/call/x/cancel", "POST"),
        ("TRACE", "/api/call", "POST"),
        ("BREW", "/api/call/check", "POST"),
        ("POST", "/", "GET"),
        ("DELETE", "/openapi.json", "GET"),
        ("PUT", "/metrics", "GET"),
    ] {
        let answer = ask(method, path).await;
        answer.is_problem(405, "method_not_allowed");
        assert!(
            answer.header("allow").contains(allow),
            "{method} {path}: {:?}",
            answer.headers
        );
        assert_eq!(answer.body["request_id"], "mine-7");
    }
    for path in [
        "/api",
        "/api/",
        "/api/call/",
        "/api/call/x/y",
        "/api//call",
        "/API/call",
        "/docs/x",
        "/%00",
        "/twiml",
    ] {
        let answer = ask("GET", path).await;
        assert!(
            [404, 405].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(answer.body["request_id"], "mine-7", "{path}");
    }
    for path in ["/api/call/x", "/api/call/x/calendar.ics", "/nothing"] {
        let head = ask("HEAD", path).await;
        assert_eq!((head.status, head.text.as_str()), (404, ""), "{path}");
        assert_eq!(
            head.header("content-type"),
            "application/problem+json",
            "{path}"
        );
    }
    let log = app.stops().await;
    assert!(
        log.contains("\"method\":\"other\"") && !log.contains("BREW"),
        "{log}"
    );
}

#[tokio::test]
async fn a_simulator_that_others_reach_is_nobodys_tool() {
    let app = TestApp::with(
        RawConfig::default().with(|it| it.server.listen = Some("0.0.0.0:0".to_owned())),
    )
    .await;
    app.asks(table_at("+14155550101"))
        .await
        .ends_as("confirmed", 1)
        .await;
    let own = format!(
        "http://127.0.0.1:{}/twiml/inbound",
        app.origin.rsplit(':').next().unwrap()
    );
    let webhook = Webhook {
        url: own.clone(),
        params: Vec::new(),
    }
    .with("CallSid", "CA0123456789abcdef0123456789abcdef");
    assert_eq!(
        webhook.sent(&app).await.status,
        403,
        "the token that everybody knows signs nothing here"
    );
    let rings = |url: &str| {
        let body = json!({"from": "+14155550199", "to": "+15005550006", "url": url});
        Answer::of(
            app.http
                .post(format!("{}/simulator/api/inbound", app.origin))
                .json(&body),
        )
    };
    for elsewhere in [
        "http://169.254.169.254/latest",
        "http://localhost:1/",
        "http://127.0.0.1:1/twiml/inbound",
    ] {
        let refused = rings(elsewhere).await;
        assert!(
            refused.status == 422 && refused.text.contains("one of this service"),
            "{}",
            refused.text
        );
    }
    assert_eq!(rings(&own).await.status, 200);
    app.stops().await;
}
