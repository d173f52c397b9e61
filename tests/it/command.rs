//! `tablecall call`: what it prints, and the exit status for each kind of end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, within};
use crate::browser::site::TestSite;
use crate::process::{free_address, program, signalled};

/// The command line for a table at a number.
fn command_line(url: &str, phone: &str, more: &[&str]) -> Command {
    let table = clock::Clock::system().now() + jiff::SignedDuration::from_hours(48);
    let time = table.strftime("%Y-%m-%dT19:30").to_string();
    let mut arguments = vec!["call", "--url", url, "--name", "Ana", "--phone", phone];
    arguments.extend(["--time", &time, "--party-size", "4"]);
    arguments.extend(more);
    program(&arguments)
}

/// Runs it to its end, for a table at a number with these last digits.
async fn calls(url: &str, last: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command_line(url, &format!("+1415555{last}"), more);
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
    let site = TestSite::start().await;
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
    let offer = "they offer ";
    assert!(countered.1.contains(offer), "{countered:?}");
    assert_eq!(unreached.0, Some(1), "{unreached:?}");
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    for arguments in [&["--version"][..], &["openapi"]] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let ended = program(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains("cannot be written"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_simulator_takes_no_nonsense() {
    for (flag, value) in [
        ("--account-sid", "foo"),
        ("--api-key", "foo"),
        ("--api-key", "SK0:"),
        ("--speed", "0"),
    ] {
        let ended = program(&["simulator", flag, value]).output().unwrap();
        assert_eq!(ended.status.code(), Some(64), "{flag} {value}");
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains(flag), "{said}");
    }
}

#[tokio::test]
async fn the_status_tells_why_there_is_no_call() {
    let keyed = TestSite::with(
        RawConfig::default()
            .with(|it| it.clients.api_keys = Some("web:a-secret-of-many-letters".to_owned())),
    )
    .await;
    let right = ["--key", "a-secret-of-many-letters"];
    assert_eq!(calls("nonsense", "0101", &[]).await.0, Some(64));
    assert_eq!(calls(&keyed.origin, "0101", &[]).await.0, Some(77));
    for (key, status) in [
        // A file of a key ends with the end of a line.
        ("a-secret-of-many-letters\r\n", 65),
        ("a-secret\nof-many-letters", 64),
    ] {
        let ended = calls(&keyed.origin, "01", &["--key", key]).await;
        assert_eq!(ended.0, Some(status), "{ended:?}");
    }
    for twice in [
        &["--with", "attempts=5", "--with", "attempts=1"][..],
        &["--with", "name=Bob"],
    ] {
        let ended = calls(&keyed.origin, "0101", twice).await;
        assert_eq!(ended.0, Some(64), "{ended:?}");
        assert!(ended.2.contains("a second time"), "{ended:?}");
    }
    let wrong = calls(&keyed.origin, "01", &right).await;
    assert_eq!(wrong.0, Some(65), "{wrong:?}");
    assert!(wrong.2.contains("phone:"), "{wrong:?}");
    let limited = TestSite::with(
        RawConfig::default().with(|it| it.calls.limits = Some("service_day=1".to_owned())),
    )
    .await;
    let once = ["--with", "attempts=1"];
    assert_eq!(calls(&limited.origin, "0105", &once).await.0, Some(1));
    let later = calls(&limited.origin, "0103", &once).await;
    assert_eq!(later.0, Some(75), "{later:?}");
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

    // Something that speaks no HTTP, and a server without TLS where TLS is asked for.
    let another = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", another.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = another.accept().unwrap();
        let _read = std::io::Read::read(&mut client, &mut [0; 4096]);
        client.write_all(b"-ERR unknown command\r\n").unwrap();
    });
    // Others take the connection and close it without a word, after the request or before it.
    let closing = |reads: bool| {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", other.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut client, _) = other.accept().unwrap();
            if reads {
                let _read = std::io::Read::read(&mut client, &mut [0; 4096]);
            }
        });
        url
    };
    let tls = keyed.origin.replace("http:", "https:");
    for url in [url, tls, closing(true), closing(false)] {
        let (status, _, said) = calls(&url, "0101", &[]).await;
        assert_eq!(status, Some(76), "{said}");
        assert!(said.contains("http or https"), "{said}");
    }
}

/// Output and end of a command that was interrupted once the phone rang.
struct Interrupted {
    status: Option<i32>,
    /// Its output after that.
    printed: String,
    complained: String,
    /// The call as its server has it then.
    call: Value,
}

/// Interrupts the command, as Ctrl-C does, once it has printed that the phone rings.
async fn interrupted(site: &TestSite, more: &[&str]) -> Interrupted {
    let mut command = command_line(&site.origin, RESTAURANT, more);
    let working = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let rings = lines.find(|line| line.as_ref().unwrap().contains("ringing"));
        assert!(rings.is_some(), "the phone rings");
        signalled(&child, "INT");
        let printed: Vec<String> = lines.map(Result::unwrap).collect();
        let mut complained = String::new();
        let mut errors = child.stderr.take().unwrap();
        errors.read_to_string(&mut complained).unwrap();
        let status = child.wait().unwrap().code();
        (first, status, printed.join("\n"), complained)
    });
    let (first, status, printed, complained) = within("it ends", working).await.unwrap();
    let id = first.strip_prefix("call ").unwrap().to_owned();
    let url = format!("{}/api/call/{id}", site.origin);
    let answer = tablecall::http_client().unwrap().get(url).send().await;
    Interrupted {
        status,
        printed,
        complained,
        call: answer.unwrap().json().await.unwrap(),
    }
}

#[tokio::test]
async fn an_interrupted_command_says_that_the_call_goes_on_and_how_to_cancel_it() {
    let site = TestSite::start().await;
    let left = interrupted(&site, &[]).await;
    assert_eq!(left.status, Some(130), "{}", left.complained);
    let id = left.call["id"].as_str().unwrap();
    let hint = format!("curl -X POST {}/api/call/{id}/cancel", site.origin);
    assert!(
        left.complained.contains("the call goes on"),
        "{}",
        left.complained
    );
    assert!(left.complained.contains(&hint), "{}", left.complained);
    assert_eq!(
        (&left.call["final"], &left.call["outcome"]),
        (&false.into(), &Value::Null)
    );
}

#[tokio::test]
async fn an_interrupted_command_cancels_the_call_where_it_was_told_to() {
    let site = TestSite::start().await;
    let left = interrupted(&site, &["--cancel-on-interrupt"]).await;
    assert_eq!(left.status, Some(1), "{}", left.complained);
    assert!(left.printed.ends_with("canceled"), "{}", left.printed);
    assert_eq!(
        (&left.call["final"], &left.call["outcome"]),
        (&true.into(), &"canceled".into())
    );
}
