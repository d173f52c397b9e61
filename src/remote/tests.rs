//! How the progress of a call is told, and which addresses are servers'.

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
        assert!(Server::new(good, None).is_ok(), "{good}");
    }
    for bad in ["nonsense", "ftp://a.example", "http://", "/api", ""] {
        assert_eq!(Server::new(bad, None).err(), Some(BadServerUrl), "{bad}");
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
