//! Reports of the progress of a call, and addresses that are accepted for a server.

use super::progress::progress;
use super::*;
use serde_json::json;

#[test]
fn progress_is_told_once() {
    let entry = |what: &str, detail: Value| json!({"at": "2026-12-01T20:00:00.000Z", "what": what, "detail": detail});
    let mut call = json!({"timeline": [entry("created", Value::Null)], "waiting_for": null, "next_attempt_at": null});
    let mut lines = Vec::new();
    let told = progress(&call, 0, &mut |line| lines.push(line));
    call["timeline"] = json!([
        entry("created", Value::Null),
        entry("waits", json!("call_hours"))
    ]);
    call["waiting_for"] = json!("call_hours");
    call["next_attempt_at"] = json!("2026-12-02T10:00:00.000Z");
    let told = progress(&call, told, &mut |line| lines.push(line));
    assert_eq!(progress(&call, told, &mut |line| lines.push(line)), 2);
    assert_eq!(
        lines,
        [
            "20:00:00  created",
            "20:00:00  waits call_hours",
            "          waits for call hours until 2026-12-02T10:00:00.000Z"
        ]
    );
}

#[test]
fn an_address_has_a_scheme_and_a_host() {
    for good in ["http://127.0.0.1:8080", "https://calls.example.com/"] {
        assert!(RemoteService::new(good, None).is_ok(), "{good}");
    }
    for bad in ["nonsense", "ftp://a.example", "http://", "/api", ""] {
        assert_eq!(
            RemoteService::new(bad, None).err(),
            Some(BadServerUrl),
            "{bad}"
        );
    }
}

#[test]
fn a_server_on_all_addresses_is_asked_at_its_own() {
    for (listen, asked) in [
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("[::]:8080", "[::1]:8080"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
    ] {
        assert_eq!(beside(listen.parse().unwrap()).to_string(), asked);
    }
}

#[test]
fn a_refusal_names_each_field() {
    let body = json!({"detail": "One field is wrong.", "errors": [{"field": "name", "code": "empty", "message": "must not be empty"}]});
    assert_eq!(
        problem(&body),
        "One field is wrong.\n  name: must not be empty"
    );
}

/// A server that gives these answers, one for each connection, the last one for ever.
async fn answering(
    answers: &'static [&'static str],
) -> (RemoteService, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let last = answers.last().into_iter().cycle();
        for answer in answers.iter().chain(last) {
            let (mut client, _) = listener.accept().await.unwrap();
            let _read = client.read(&mut [0; 4096]).await.unwrap();
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (RemoteService::new(&url, None).unwrap(), serving)
}

const UNKNOWN: &str = "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
    {\"code\":\"call_not_found\",\"detail\":\"There is no call with this id for this key.\"}";
const RINGING: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
    data: {\"version\":3,\"final\":false}\n\n";
const CONFIRMED: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
    data: {\"version\":9,\"final\":true,\"outcome\":\"confirmed\"}\n\n";
const AT_ONCE: [Duration; 5] = [Duration::ZERO; 5];

#[tokio::test]
async fn a_placed_call_is_followed_over_a_server_that_does_not_know_it_for_a_while() {
    let answers = &[RINGING, UNKNOWN, "", UNKNOWN, CONFIRMED];
    let (server, serving) = answering(answers).await;
    let http = crate::http_client().unwrap();
    let mut states = Vec::new();
    let tell = |call: &Value| states.push(call["version"].clone());
    let last = server.follow_for(&http, "1", AT_ONCE, tell).await.unwrap();
    assert_eq!(last["outcome"], "confirmed");
    assert_eq!(states, [3, 9]);
    serving.abort();
}

#[tokio::test]
async fn a_placed_call_that_is_never_known_again_is_lost_from_sight_and_named() {
    let (server, serving) = answering(&[UNKNOWN]).await;
    let http = crate::http_client().unwrap();
    let lost = server.follow_for(&http, "0199-a", AT_ONCE, |_| ()).await;
    let error = lost.unwrap_err();
    assert!(matches!(error, RemoteError::Lost { .. }), "{error:?}");
    let words = error.to_string();
    assert!(
        words.contains("may still ring") && words.contains("id is 0199-a"),
        "{words}"
    );
    // Who asks for a call that was never there gets an answer at once.
    let refused = server.follow(&http, "0199-a", |_| ()).await.unwrap_err();
    assert!(matches!(refused, RemoteError::Refused { status: 404, .. }));
    serving.abort();
}
