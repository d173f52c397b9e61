//! Processes that die in the middle of a call, and others that finish it.

use serde_json::Value;

use crate::app::RESTAURANT;
use crate::call::assert_ended;
use crate::pair::Pair;

/// A number that lets the test press, in a country of its own.
const PHONE: &str = RESTAURANT;

async fn rang_once(pair: &Pair) {
    let ledger = pair.simulator("ledger").await;
    assert_eq!(ledger["calls"].as_array().unwrap().len(), 1, "{ledger:#}");
}

fn declined(call: &Value) -> bool {
    call["outcome"] == "rejected"
}

#[tokio::test]
async fn a_process_killed_before_the_key_is_replaced_by_one_that_takes_the_key() {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    let id = pair.asks(PHONE).await;
    pair.answers().await;
    first.dies().await;
    let second = pair.starts().await;
    assert_eq!(
        pair.reads(&id).await.status,
        404,
        "it has never heard of the call"
    );
    pair.presses_and_hears("2", "Declined: no table").await;
    let call = pair.until(&id, "is declined", declined).await;
    assert_eq!(call["reservation"]["name"], "Ana Quetzalcoatl");
    pair.hears("Thank you").await;
    pair.hangs_up().await;
    let done = pair
        .until(&id, "is finished", |call| call["final"] == true)
        .await;
    assert_ended(&done, "rejected", 1);
    rang_once(&pair).await;
    let (code, log) = second.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    for private in ["Quetzalcoatl", &PHONE[1..]] {
        assert!(!log.contains(private), "{private} is in the log: {log}");
    }
}

#[tokio::test]
async fn a_process_killed_after_the_key_never_lets_the_phone_ring_again() {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    let id = pair.asks(PHONE).await;
    pair.answers().await;
    pair.presses_and_hears("2", "Declined: no table").await;
    pair.until(&id, "is declined", declined).await;
    first.dies().await;
    let second = pair.starts().await;
    pair.hangs_up().await;
    pair.line("ends", |line| line["ended"] == true).await;
    // The final callback reaches a process that never saw a key: it must not conclude that there
    // was none.
    let told = |ledger: &Value| {
        let webhooks = ledger["calls"][0]["webhooks"].as_array().unwrap().clone();
        webhooks
            .iter()
            .any(|sent| sent["call_status"] == "completed" && sent["status"] == 204)
    };
    let mut state = pair.simulator("state").await;
    while !told(&pair.simulator("ledger").await) {
        state = pair
            .simulator(&format!("state?after={}&wait=30", state["version"]))
            .await;
    }
    let call = pair.reads(&id).await.body;
    assert_ne!(call["outcome"], "no_response", "{call:#}");
    assert_ne!(call["waiting_for"], "retry", "{call:#}");
    rang_once(&pair).await;
    let (code, log) = second.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    rang_once(&pair).await;
}

#[tokio::test]
async fn a_process_killed_after_key_9_leaves_the_wish_in_the_file() {
    let list = tempfile::NamedTempFile::new().unwrap();
    let path = list.path().to_str().unwrap().to_owned();
    let pair = Pair {
        further: vec![("TABLECALL_DO_NOT_CALL_FILE", path)],
        ..Pair::new().await
    };
    let first = pair.starts().await;
    pair.asks(PHONE).await;
    pair.answers().await;
    pair.presses_and_hears("9", "Should we never call this number again?")
        .await;
    first.dies().await;
    // Nobody hears how the talk ends, and Twilio's list of live calls does not show it any more.
    pair.hangs_up().await;
    pair.line("ends", |line| line["ended"] == true).await;
    assert_eq!(
        std::fs::read_to_string(&list).unwrap(),
        format!("{PHONE}\n")
    );
    let _second = pair.starts().await;
    pair.tries_a_table(PHONE).await.is_problem(422, "opted_out");
    rang_once(&pair).await;
}

#[tokio::test]
async fn a_process_told_to_stop_in_a_live_call_ends_at_once_and_another_finishes_the_call() {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    let id = pair.asks(PHONE).await;
    pair.answers().await;
    let (code, log) = first.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let _second = pair.starts().await;
    pair.presses_and_hears("2", "Declined: no table for 4 people")
        .await;
    pair.hangs_up().await;
    let done = pair
        .until(&id, "is finished", |call| call["final"] == true)
        .await;
    assert_eq!(done["outcome"], "rejected", "{done:#}");
    rang_once(&pair).await;
}

#[tokio::test]
async fn wrong_settings_are_all_named_and_nothing_is_bound() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tablecall"));
    command
        .env_clear()
        .env("TABLECALL_PUBLIC_URL", "ftp://x/y")
        .env("TWILIO_ACCOUNT_SID", "AC1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = crate::app::within("it refuses", output)
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{told}");
    for name in [
        "TABLECALL_PUBLIC_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TABLECALL_API_KEYS",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
}
