//! Reading of the environment: secrets in files, names that are no settings, quotes, and the form
//! of the output.

use std::process::Output;

use serde_json::Value;

use crate::answer::Answer;
use crate::logs::each_field_has_one_type;
use crate::pair::Pair;
use crate::process::{Program, SECRET, TOKEN, free_address, program};

#[tokio::test]
async fn secrets_may_stand_in_files_and_unknown_names_are_told_with_the_nearest() {
    let pair = Pair::new().await;
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut command = Program::serve(
        pair.address,
        &format!("http://{}", pair.address),
        &pair.carrier.origin,
    );
    command
        .env_remove("TWILIO_AUTH_TOKEN")
        .env_remove("TABLECALL_API_KEYS")
        .env(
            "TWILIO_AUTH_TOKEN_FILE",
            file("token", &format!("{TOKEN}\n")),
        )
        .env(
            "TABLECALL_API_KEYS_FILE",
            file("keys", &format!("app:{SECRET}\n")),
        )
        .env("TABLECALL_PUBLIC_ULR", "https://calls.example.com");
    let program = Program::started(command, pair.address).await;
    let id = pair.asks("+14155550101").await;
    assert_eq!(pair.reads(&id).await.status, 200);
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let warning = log
        .lines()
        .find(|line| line.contains("\"setting\":\"TABLECALL_PUBLIC_ULR\""))
        .expect(&log);
    assert!(
        warning.contains("perhaps TABLECALL_PUBLIC_URL is meant"),
        "{warning}"
    );
    assert!(
        !log.contains("calls.example.com"),
        "a value may be a secret"
    );
    each_field_has_one_type(&log);
}

#[tokio::test]
async fn with_json_every_line_on_both_streams_is_json() {
    let mut command = program(&["serve"]);
    command
        .env("TABLECALL_LOG_FORMAT", "json")
        .env("TABLECALL_SERVICE_NAME", "\"La Table\"");
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = ended.unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(64), 0));
    let told: Value = serde_json::from_slice(&stderr).unwrap();
    let problem = told["problems"][0].as_str().unwrap();
    assert!(
        problem.starts_with("TABLECALL_SERVICE_NAME: stands in quotes"),
        "{told}"
    );

    let address = free_address();
    let taken = std::net::TcpListener::bind(address).unwrap();
    let mut command = program(&["serve"]);
    command
        .env("TABLECALL_LOG_FORMAT", "json")
        .env("TABLECALL_LISTEN", address.to_string());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await;
    let ended = ended.unwrap();
    drop(taken);
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(69), 0));
    let log = String::from_utf8(ended.stderr).unwrap();
    assert!(log.contains("cannot listen on"), "{log}");
    assert!(log.contains("set TABLECALL_LISTEN to another"), "{log}");
    each_field_has_one_type(&log);
}

#[tokio::test]
async fn the_greeting_is_json_beside_json_and_alive_is_told() {
    let address = free_address();
    let mut command = program(&["serve"]);
    command
        .env("TABLECALL_LOG_FORMAT", "json")
        .env("TABLECALL_LISTEN", address.to_string());
    let (program, first) = Program::greeted(command, address).await;
    let greeting: Value = serde_json::from_str(&first).expect(&first);
    assert_eq!(greeting["url"], format!("http://{address}"));
    assert_eq!(greeting["simulated"], true);
    assert!(
        greeting["webhook_secret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    let http = tablecall::http_client().unwrap();
    let alive = Answer::of(http.get(format!("{}/healthz", program.origin))).await;
    assert_eq!(alive.status, 200);
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    each_field_has_one_type(&log);
}
