//! Requests that say a thing twice, or something that nobody reads, are refused by name; so nobody is
//! rung for what was not meant.

use crate::app::{TestApp, table};

#[tokio::test]
async fn what_is_given_twice_or_read_by_nobody_is_refused_by_name() {
    let app = TestApp::start().await;
    let fault = |answer: &crate::answer::Answer| {
        answer.is_problem(422, "invalid_request");
        let error = &answer.body["errors"][0];
        [&error["field"], &error["code"]].map(|text| text.as_str().unwrap().to_owned())
    };
    let twice = table().to_string().replacen('{', "{\"party_size\":9,", 1);
    for path in ["/api/call", "/api/call/check"] {
        let json_body = app.post(path).header("content-type", "application/json");
        let answer = app.send(json_body.body(twice.clone())).await;
        assert_eq!(fault(&answer), ["party_size", "given_twice"]);
        let answer = app
            .send(app.post(&format!("{path}?dry_run=true")).json(&table()))
            .await;
        assert_eq!(fault(&answer), ["dry_run", "unknown_parameter"]);
    }
    for (query, expected) in [
        ("state=finished", ["state", "unknown_parameter"]),
        ("limit=1&limit=2", ["limit", "given_twice"]),
        ("phone=%2B14155550101", ["phone", "not_in_url"]),
    ] {
        let answer = app.send(app.get(&format!("/api/call?{query}"))).await;
        assert_eq!(fault(&answer), expected);
    }
    for header in ["idempotency-key", "restaurant-phone"] {
        let request = match header {
            "idempotency-key" => app.post("/api/call").json(&table()),
            _ => app.get("/api/call"),
        };
        let doubled = request
            .header(header, "+14155550101")
            .header(header, "+14155550101");
        app.send(doubled).await.is_problem(400, "bad_request");
    }
    assert!(app.creates().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn an_idempotency_key_may_be_any_text() {
    let app = TestApp::start().await;
    let sends = async || {
        let request = app.post("/api/call").json(&table());
        let key = reqwest::header::HeaderValue::from_bytes("Réservation 1".as_bytes()).unwrap();
        app.send(request.header("idempotency-key", key)).await
    };
    let (first, again) = (sends().await, sends().await);
    assert_eq!((first.status, again.status), (202, 202), "{}", again.text);
    assert_eq!(first.body["id"], again.body["id"]);
    let no_text = app.post("/api/call").json(&table()).header(
        "idempotency-key",
        reqwest::header::HeaderValue::from_bytes(b"\xff").unwrap(),
    );
    app.send(no_text).await.is_problem(400, "bad_request");
    assert_eq!(app.creates().await.len(), 1);
    let id = first.body["id"].as_str().unwrap();
    let canceled = app.send(app.post(&format!("/api/call/{id}/cancel"))).await;
    assert_eq!(canceled.status, 202, "{}", canceled.text);
    app.finish().await;
}
