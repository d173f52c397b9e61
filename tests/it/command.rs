//! `tablecall call`: what it prints, and the exit status for each kind of end.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;
use tablecall::config::RawConfig;

use crate::browser::site::AppState;
use crate::process::{free_address, program};

/// Runs it to its end, for a table at a number with these last digits.
async fn calls(url: &str, last: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let phone = format!("+1415555{last}");
    let table = clock::Clock::system().now() + jiff::SignedDuration::from_hours(48);
    let time = table.strftime("%Y-%m-%dT19:30").to_string();
    let mut arguments = vec!["call", "--url", url, "--name", "Ana", "--phone", &phone];
    arguments.extend(["--time", &time, "--party-size", "4"]);
    arguments.extend(more);
    let mut command = program(&arguments);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = ended.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_status_tells_what_the_restaurant_said() {
    let site = AppState::start().await;
    let window = r#"alternatives={"earliest":"19:00","latest":"19:45"}"#;
    let with_window = ["--with", window];
    let once = ["--with", "attempts=1"];
    let (confirmed, declined, countered, unreached) = tokio::join!(
        calls(&site.origin, "0101", &["--json"]),
        calls(&site.origin, "0102", &[]),
        calls(&site.origin, "0110", &with_window),
        calls(&site.origin, "0103", &once),
    );
    assert_eq!(confirmed.0, Some(0), "{confirmed:?}");
    let states: Vec<Value> = confirmed
        .1
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(states.last().unwrap()["outcome"], "confirmed");
    assert!(states.len() > 2, "each state is a line");
    assert_eq!(declined.0, Some(2), "{declined:?}");
    assert!(declined.1.ends_with("rejected\n"), "{declined:?}");
    assert_eq!(countered.0, Some(3), "{countered:?}");
    assert_eq!(unreached.0, Some(1), "{unreached:?}");
}

#[tokio::test]
async fn the_status_tells_why_there_is_no_call() {
    let keyed = AppState::with(RawConfig {
        api_keys: Some("web:a-secret-of-many-letters".to_owned()),
        ..RawConfig::default()
    })
    .await;
    let right = ["--key", "a-secret-of-many-letters"];
    assert_eq!(calls("nonsense", "0101", &[]).await.0, Some(64));
    assert_eq!(calls(&keyed.origin, "0101", &[]).await.0, Some(77));
    let wrong = calls(&keyed.origin, "01", &right).await;
    assert_eq!(wrong.0, Some(65), "{wrong:?}");
    assert!(wrong.2.contains("phone:"), "{wrong:?}");
    let nobody = format!("http://{}", free_address());
    assert_eq!(calls(&nobody, "0101", &[]).await.0, Some(69));

    let another = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", another.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = another.accept().unwrap();
        let _read = std::io::Read::read(&mut client, &mut [0; 4096]);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
        client.write_all(answer.as_bytes()).unwrap();
    });
    let (status, _, said) = calls(&url, "0101", &[]).await;
    assert_eq!(status, Some(76), "{said}");
    assert!(said.contains("no Tablecall server"), "{said}");
}
