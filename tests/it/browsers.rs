//! Rights of browsers: pages of other origins, and the headers that bind a page.

use reqwest::Method;

use crate::answer::Answer;
use crate::app::{SECRET, TestApp, table, table_at};
use crate::door::with_a_key;

fn from_page(app: &TestApp, method: Method, path: &str, origin: &str) -> reqwest::RequestBuilder {
    app.http
        .request(method, format!("{}{path}", app.origin))
        .header("origin", origin)
}

#[tokio::test]
async fn pages_of_elsewhere_reach_the_api_only_where_they_are_named() {
    const PAGE: &str = "https://app.example.com";
    let app =
        TestApp::with(with_a_key().with(|it| it.server.cors_origins = Some(PAGE.to_owned()))).await;
    let asks = |path: &str, origin: &str| {
        let request = from_page(&app, Method::OPTIONS, path, origin)
            .header("access-control-request-method", "POST");
        Answer::of(request.header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key",
        ))
    };
    let may = asks("/api/call", PAGE).await;
    assert_eq!(
        (may.status, may.header("access-control-allow-origin")),
        (204, PAGE)
    );
    for header in [
        "authorization",
        "idempotency-key",
        "last-event-id",
        "content-type",
    ] {
        assert!(
            may.header("access-control-allow-headers").contains(header),
            "{header}"
        );
    }
    assert!(
        may.header("access-control-allow-methods").contains("POST")
            && may.header("vary") == "origin"
    );
    for (path, origin) in [
        ("/api/call", "https://evil.example"),
        ("/api/call", "null"),
        ("/twiml/inbound", PAGE),
    ] {
        let answer = asks(path, origin).await;
        assert!(answer.status >= 400, "{path} {origin}: {}", answer.status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "",
            "{path} {origin}"
        );
    }
    let call = from_page(&app, Method::POST, "/api/call", PAGE)
        .bearer_auth(SECRET)
        .json(&table_at("+14155550101"));
    let made = app.send(call).await;
    assert_eq!(
        (made.status, made.header("access-control-allow-origin")),
        (202, PAGE),
        "{}",
        made.text
    );
    for header in [
        "location",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
    ] {
        assert!(
            made.header("access-control-expose-headers")
                .contains(header),
            "{header}"
        );
    }
    assert_eq!(
        made.header("access-control-allow-credentials"),
        "",
        "no cookie is ever asked for"
    );
    let wrong = app
        .send(from_page(&app, Method::GET, "/api/call/x", PAGE))
        .await;
    wrong.is_problem(401, "unauthorized");
    assert_eq!(
        wrong.header("access-control-allow-origin"),
        PAGE,
        "its page may read why"
    );
    let other = app
        .send(from_page(
            &app,
            Method::GET,
            "/api/call/x",
            "https://evil.example",
        ))
        .await;
    assert_eq!(
        (
            other.header("access-control-allow-origin"),
            other.header("vary")
        ),
        ("", "origin")
    );
    let page = app
        .send(from_page(&app, Method::GET, "/metrics", PAGE))
        .await;
    assert_eq!(page.header("access-control-allow-origin"), "");
    app.stops().await;
}

#[tokio::test]
async fn unless_told_otherwise_no_page_of_elsewhere_reaches_anything() {
    let app = TestApp::start().await;
    for path in ["/api/call", "/openapi.json", "/"] {
        let asks = from_page(&app, Method::OPTIONS, path, "https://app.example.com");
        let answer = Answer::of(asks.header("access-control-request-method", "POST")).await;
        answer.is_problem(405, "method_not_allowed");
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().starts_with("access-control")),
            "{path}"
        );
    }
    // The app's own page sends its own origin, and is no stranger.
    let own = from_page(&app, Method::POST, "/api/call/check", &app.origin).json(&table());
    assert_eq!(app.send(own).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn the_documents_are_read_from_elsewhere_compressed_and_known_again() {
    const PAGE: &str = "https://app.example.com";
    let app =
        TestApp::with(with_a_key().with(|it| it.server.cors_origins = Some(PAGE.to_owned()))).await;
    for path in ["/openapi.json", "/openapi.yaml"] {
        let ask = || from_page(&app, Method::GET, path, PAGE).header("accept-encoding", "gzip");
        let whole = Answer::of(ask()).await;
        assert_eq!(
            (whole.status, whole.header("content-encoding")),
            (200, "gzip"),
            "{path}"
        );
        assert_eq!(whole.header("access-control-allow-origin"), PAGE, "{path}");
        let etag = whole.header("etag").to_owned();
        let again = Answer::of(ask().header("if-none-match", etag)).await;
        assert_eq!(again.status, 304, "{path}");
    }
    let traced = from_page(&app, Method::OPTIONS, "/api/call", PAGE)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "traceparent,tracestate,baggage",
        );
    let answer = Answer::of(traced).await;
    for header in ["traceparent", "tracestate", "baggage"] {
        let allowed = answer.header("access-control-allow-headers");
        assert!(allowed.contains(header), "{header}");
    }
    app.finish().await;
}

#[tokio::test]
async fn no_browser_does_anything_with_an_answer_but_what_it_is_for() {
    let app = TestApp::with(with_a_key()).await;
    let paths = [
        "/",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/healthz",
        "/api/call/x",
        "/nothing",
        "/simulator/api/state",
    ];
    for path in paths {
        let answer = app.send(app.get(path)).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(
            answer
                .header("permissions-policy")
                .contains("microphone=()"),
            "{path}"
        );
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    app.stops().await;
}
