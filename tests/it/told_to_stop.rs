//! SIGTERM at each moment of a call, to the only process there is: no verdict is lost, and nobody
//! is rung twice.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::{RESTAURANT, within};
use crate::pair::Pair;
use crate::process::Program;

/// The longest that a platform has to wait.
const LONGEST: Duration = Duration::from_secs(25);

/// Moment of a call at which its process is told to stop.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Ringing,
    Talking,
    Decided,
    Settling,
}

async fn stops(program: Program) {
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("\"message\":\"stopped\""), "{log}");
}

async fn rang_once(pair: &Pair) {
    let ledger = pair.simulator("ledger").await;
    assert_eq!(ledger["calls"].as_array().unwrap().len(), 1, "{ledger:#}");
}

async fn goes_wrong(pair: &Pair, faults: Value) {
    let request = pair
        .http
        .put(format!("{}/simulator/api/faults", pair.carrier.origin))
        .json(&faults);
    assert_eq!(Answer::of(request).await.status, 200);
}

/// Waits until this status callback has got its answer.
async fn was_told(pair: &Pair, status: &str) {
    within("the end is told", async {
        let mut state = pair.simulator("state").await;
        loop {
            let ledger = pair.simulator("ledger").await;
            let sent = ledger["calls"][0]["webhooks"].as_array().unwrap().clone();
            if sent
                .iter()
                .any(|sent| sent["call_status"] == status && sent["status"] == 204)
            {
                return;
            }
            state = pair
                .simulator(&format!("state?after={}&wait=30", state["version"]))
                .await;
        }
    })
    .await;
}

/// A call whose process is told to stop at `moment`, and which the next process brings to its end.
async fn survives(moment: Moment) {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    let id = pair.asks(RESTAURANT).await;
    pair.line("rings", |line| line["status"] == "ringing").await;
    if !matches!(moment, Moment::Ringing) {
        pair.answers().await;
    }
    if matches!(moment, Moment::Decided | Moment::Settling) {
        pair.presses_and_hears("2", "Declined: no table").await;
    }
    if matches!(moment, Moment::Settling) {
        pair.hangs_up().await;
        was_told(&pair, "completed").await;
        let before = pair.reads(&id).await.body;
        assert_eq!(before["outcome"], "rejected", "{before:#}");
    }
    // A call whose line is closed waits some seconds for a key that was overtaken, and so does its
    // process.
    let (code, log) = first.stops_within(LONGEST).await;
    assert_eq!(code, Some(0), "{log}");
    let concluded = log.contains("\"event\":\"finished\",\"detail\":\"rejected\"");
    assert_eq!(concluded, matches!(moment, Moment::Settling), "{log}");
    let second = pair.starts().await;
    match moment {
        // It was concluded, and the line is closed: nothing will bring it back.
        Moment::Settling => {
            assert_eq!(pair.reads(&id).await.status, 404);
        }
        Moment::Ringing | Moment::Talking | Moment::Decided => {
            if matches!(moment, Moment::Ringing) {
                pair.answers().await;
            }
            if !matches!(moment, Moment::Decided) {
                pair.presses_and_hears("2", "Declined: no table").await;
            }
            if matches!(moment, Moment::Decided) {
                // The other key of those that may still be changed: the process knows from the
                // ticket what was said.
                pair.listens().await;
                pair.presses_and_hears("1", "Accepted").await;
            }
            pair.hangs_up().await;
            let done = pair
                .until(&id, "is finished", |call| call["final"] == true)
                .await;
            let outcome = if matches!(moment, Moment::Decided) {
                "confirmed"
            } else {
                "rejected"
            };
            assert_eq!(done["outcome"], outcome, "{moment:?}: {done:#}");
        }
    }
    rang_once(&pair).await;
    stops(second).await;
}

#[tokio::test]
async fn signals_to_open_files_again_end_nothing_and_are_told() {
    let pair = Pair::new().await;
    let program = pair.starts().await;
    for signal in ["HUP", "USR1", "USR2"] {
        program.gets(signal);
        let alive = Answer::of(pair.http.get(format!("{}/healthz", program.origin))).await;
        assert_eq!(alive.status, 200);
    }
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    for signal in ["SIGHUP", "SIGUSR1", "SIGUSR2"] {
        let told = format!("\"signal\":\"{signal}\"");
        assert!(log.contains(&told), "{signal}: {log}");
    }
}

#[tokio::test]
async fn told_while_it_rings_the_next_process_takes_the_answer() {
    survives(Moment::Ringing).await;
}

#[tokio::test]
async fn told_in_the_talk_the_next_process_takes_the_key() {
    survives(Moment::Talking).await;
}

#[tokio::test]
async fn told_after_the_key_the_next_process_lets_it_be_changed() {
    survives(Moment::Decided).await;
}

#[tokio::test]
async fn told_once_the_line_is_closed_nobody_is_rung_again() {
    survives(Moment::Settling).await;
}

#[tokio::test]
async fn told_while_twilio_is_asked_the_client_gets_its_answer_and_the_next_process_the_call() {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    goes_wrong(&pair, json!({"create_slow": {"count": 1, "seconds": 2.0}})).await;
    let (asked, (code, log)) = tokio::join!(pair.asks(RESTAURANT), async {
        // The carrier has the call as soon as it was asked, and answers two seconds later.
        pair.line("is taken on", Value::is_object).await;
        first.stops_within(LONGEST).await
    });
    assert_eq!(code, Some(0), "{log}");
    let second = pair.starts().await;
    pair.answers().await;
    pair.declines().await;
    let done = pair
        .until(&asked, "is finished", |call| call["final"] == true)
        .await;
    assert_eq!(done["outcome"], "rejected", "{done:#}");
    rang_once(&pair).await;
    stops(second).await;
}

#[tokio::test]
async fn told_while_a_call_waits_its_follower_hears_that_it_failed() {
    let pair = Pair::new().await;
    let first = pair.starts().await;
    let live = pair.asks(RESTAURANT).await;
    let waits = pair.tries_for(RESTAURANT, 5).await;
    assert_eq!(
        (waits.status, &waits.body["waiting_for"]),
        (202, &json!("live_call")),
        "{}",
        waits.text
    );
    let id = waits.body["id"].as_str().unwrap().to_owned();
    let (last, ()) = tokio::join!(
        pair.until(&id, "is finished", |call| call["final"] == true),
        async {
            pair.until(&live, "rings", |call| call["status"] == "ringing")
                .await;
            stops(first).await;
        }
    );
    assert_eq!(last["outcome"], "failed", "{last:#}");
    let timeline = last["timeline"].as_array().unwrap();
    assert!(
        timeline
            .iter()
            .any(|it| it["what"] == "ended" && it["detail"] == "shutdown"),
        "{last:#}"
    );
    rang_once(&pair).await;
}

#[tokio::test]
async fn told_twice_it_ends_at_once_and_says_by_what() {
    let pair = Pair::new().await;
    let program = pair.starts().await;
    goes_wrong(&pair, json!({"create_slow": {"count": 1, "seconds": 20.0}})).await;
    let asking = pair.sends(RESTAURANT, 4);
    let asking = tokio::spawn(asking.send());
    pair.line("is taken on", Value::is_object).await;
    program.gets("TERM");
    let begun = Instant::now();
    let is_closed = || async { tokio::net::TcpStream::connect(pair.address).await.is_err() };
    within("it takes no more connections", async {
        while !is_closed().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (code, log) = program.stops_within(Duration::from_secs(5)).await;
    assert_eq!(code, Some(143), "{log}");
    assert!(
        begun.elapsed() < Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
    assert!(log.contains("told to stop a second time"), "{log}");
    assert!(asking.await.unwrap().is_err(), "nobody was there to answer");
}

/// The exit code and what was said on standard error.
async fn refused(
    arguments: &'static [&'static str],
    settings: &'static [(&str, &str)],
) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tablecall"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied());
    let output = within(
        "it refuses",
        tokio::task::spawn_blocking(move || command.output()),
    )
    .await
    .unwrap()
    .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn whatever_is_wrong_with_the_settings_it_is_told_at_once_with_status_64() {
    let settings = [
        ("RUST_LOG", "a=loud"),
        ("TABLECALL_LOG_FORMAT", "xml"),
        ("TWILIO_CPS", "many"),
        ("SENTRY_DSN", "x"),
    ];
    let settings: &'static [(&str, &str)] = Box::leak(Box::new(settings));
    let (code, told) = refused(&["serve", "--metrics-listen", "nowhere"], settings).await;
    assert_eq!(code, Some(64), "{told}");
    for name in [
        "RUST_LOG",
        "TABLECALL_LOG_FORMAT",
        "TWILIO_CPS",
        "SENTRY_DSN",
        "TABLECALL_METRICS_LISTEN",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    for arguments in [
        &["--nonsense"][..],
        &["serve", "--nonsense"],
        &["nonsense"],
        &["call", "--party-size", "x"],
    ] {
        let arguments: &'static [&'static str] = Box::leak(arguments.to_vec().into_boxed_slice());
        let (code, told) = refused(arguments, &[]).await;
        assert_eq!(code, Some(64), "{arguments:?}: {told}");
        assert!(told.starts_with("error: "), "{arguments:?}: {told}");
    }
}

#[tokio::test]
#[cfg_attr(
    all(feature = "sentry", feature = "otlp"),
    ignore = "of a program without the features `sentry` and `otlp`"
)]
async fn a_setting_of_a_feature_that_is_left_out_is_refused_with_the_way_out() {
    let settings = &[
        ("SENTRY_DSN", "https://key@sentry.example.com/1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
    ];
    let (code, told) = refused(&["serve", "--listen", "127.0.0.1:0"], settings).await;
    assert_eq!(code, Some(64), "{told}");
    for (feature, setting) in [
        ("sentry", "SENTRY_DSN"),
        ("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let is_left_out = match feature {
            "sentry" => !cfg!(feature = "sentry"),
            _ => !cfg!(feature = "otlp"),
        };
        let line = told.lines().find(|line| line.contains(setting));
        let way = format!("--features {feature}");
        assert_eq!(
            line.is_some_and(|it| it.contains(&way)),
            is_left_out,
            "{told}"
        );
    }
    let versions = Command::new(env!("CARGO_BIN_EXE_tablecall"))
        .args(["--version", "--verbose"])
        .output()
        .unwrap();
    let versions = String::from_utf8(versions.stdout).unwrap();
    assert!(versions.contains("\nfeatures: "), "{versions}");
}
