//! `fly.toml` says what the program does.

use std::collections::BTreeMap;

use clap::{Args as _, FromArgMatches as _};
use serde::Deserialize;
use tablecall::config::{Config, RawConfig};

use super::{STOPS_WITHIN, last_stage, line, read, seconds, settings};
use crate::answer::Answer;
use crate::app::within;
use crate::process::{Program, free_address};

/// All of `fly.toml` that we use; a name that is not here is a slip, since Fly itself ignores it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fly {
    app: String,
    primary_region: String,
    kill_signal: String,
    kill_timeout: String,
    build: Build,
    deploy: Deploy,
    env: BTreeMap<String, String>,
    pub(super) http_service: HttpService,
    checks: BTreeMap<String, Check>,
    metrics: Endpoint,
    mounts: Vec<Mount>,
    vm: Vec<Vm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    dockerfile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deploy {
    strategy: String,
    max_unavailable: u32,
    wait_timeout: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpService {
    pub(super) internal_port: u16,
    force_https: bool,
    auto_stop_machines: String,
    auto_start_machines: bool,
    min_machines_running: u32,
    concurrency: Concurrency,
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Concurrency {
    r#type: String,
    soft_limit: u32,
    hard_limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    /// Only where it stands outside of a service.
    r#type: Option<String>,
    port: Option<u16>,
    method: String,
    path: String,
    interval: String,
    timeout: String,
    grace_period: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    port: u16,
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    source: String,
    destination: String,
    initial_size: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vm {
    size: String,
    memory: String,
}

pub(super) fn fly() -> Fly {
    toml::from_str(&read("fly.toml")).expect("fly.toml is as it should be")
}

/// Settings as a platform would set them.
fn configured(env: &BTreeMap<String, String>) -> Config {
    let known = settings();
    let flag = |name: &String| {
        known
            .get(name)
            .unwrap_or_else(|| panic!("{name} is no setting of ours"))
    };
    let arguments: Vec<String> = env
        .iter()
        .map(|(name, value)| format!("--{}={value}", flag(name)))
        .collect();
    let command = RawConfig::augment_args(clap::Command::new("serve").no_binary_name(true));
    let given =
        RawConfig::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap();
    Config::read(&given).unwrap()
}

#[test]
fn fly_keeps_one_machine_running_and_lets_it_stop_in_its_own_time() {
    let fly = fly();
    assert!(
        !fly.app.is_empty()
            && fly.primary_region.len() == 3
            && fly.build.dockerfile == "Dockerfile"
    );
    assert_eq!(
        (fly.deploy.strategy.as_str(), fly.deploy.max_unavailable),
        ("rolling", 1)
    );
    assert_eq!(fly.kill_signal, line("STOPSIGNAL"));
    assert!(seconds(&fly.kill_timeout) > STOPS_WITHIN && seconds(&fly.deploy.wait_timeout) >= 60);
    let service = &fly.http_service;
    assert_eq!(
        (
            service.auto_stop_machines.as_str(),
            service.auto_start_machines
        ),
        ("off", true)
    );
    assert!(service.min_machines_running >= 1 && service.force_https);
    assert_eq!(service.concurrency.r#type, "requests");
    assert!(service.concurrency.soft_limit < service.concurrency.hard_limit);
    let [machine] = fly.vm.as_slice() else {
        panic!("one kind of machine: {:?}", fly.vm)
    };
    assert!(!machine.size.is_empty() && machine.memory.ends_with("mb"));
}

#[test]
fn fly_sends_requests_checks_and_scrapes_to_the_ports_that_are_bound() {
    let fly = fly();
    let config = configured(&fly.env);
    assert!(
        config.listen.ip().is_unspecified(),
        "the proxy comes from outside: {}",
        config.listen
    );
    assert_eq!(fly.http_service.internal_port, config.listen.port());
    for check in fly.checks.values() {
        assert_eq!(
            (check.r#type.as_deref(), check.port),
            (Some("http"), Some(config.listen.port()))
        );
    }
    for check in fly.http_service.checks.iter().chain(fly.checks.values()) {
        assert_eq!(check.method, "GET");
        assert!(
            seconds(&check.timeout) < seconds(&check.interval) && seconds(&check.grace_period) >= 5
        );
    }
    let metrics: std::net::SocketAddr = fly.env["TABLECALL_METRICS_LISTEN"].parse().unwrap();
    assert_eq!(
        (fly.metrics.port, fly.metrics.path.as_str()),
        (metrics.port(), "/metrics")
    );
    assert_ne!(
        metrics.port(),
        config.listen.port(),
        "metrics are not for the world"
    );
}

#[test]
fn every_setting_that_is_named_for_fly_is_one() {
    let known = settings();
    let text = read("fly.toml");
    let secrets = text
        .lines()
        .filter_map(|line| line.strip_prefix("#   ")?.split("   ").next());
    let names = secrets
        .flat_map(|names| names.split(", "))
        .filter(|name| !name.contains(' '));
    let names: Vec<&str> = names.filter(|name| name.contains('_')).collect();
    assert!(names.len() > 8, "fly.toml names the secrets: {names:?}");
    for name in names {
        assert!(known.contains_key(name), "{name} is no setting of ours");
    }
}

#[tokio::test]
async fn a_program_with_the_environment_of_fly_answers_what_fly_asks() {
    let fly = fly();
    let address = free_address();
    let folder = tempfile::tempdir().unwrap();
    let mut env = fly.env.clone();
    env.insert("PORT".to_owned(), address.port().to_string());
    let metrics = free_address();
    env.insert("TABLECALL_METRICS_LISTEN".to_owned(), metrics.to_string());
    let file = folder.path().join("do-not-call");
    env.insert(
        "TABLECALL_DO_NOT_CALL_FILE".to_owned(),
        file.to_str().unwrap().to_owned(),
    );
    let program = Program::with(&env, address).await;
    let http = tablecall::http_client().unwrap();
    let asked = |path: &str| Answer::of(http.get(format!("{}{path}", program.origin)));
    // It learns which calls are under way before it takes new ones.
    within("it is ready", async {
        while asked("/readyz").await.status != 200 {}
    })
    .await;
    for check in fly.http_service.checks.iter().chain(fly.checks.values()) {
        let answer = asked(&check.path).await;
        assert_eq!(answer.status, 200, "{}: {}", check.path, answer.text);
    }
    let scraped = |origin: &str| Answer::of(http.get(format!("{origin}{}", fly.metrics.path)));
    assert_eq!(
        (
            scraped(&format!("http://{metrics}")).await.status,
            scraped(&program.origin).await.status
        ),
        (200, 404)
    );
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_is_written_on_fly_is_written_on_the_volume() {
    let fly = fly();
    let [mount] = fly.mounts.as_slice() else {
        panic!("one volume: {:?}", fly.mounts)
    };
    assert!(!mount.source.is_empty() && mount.initial_size.ends_with("gb"));
    assert!(fly.env["TABLECALL_DO_NOT_CALL_FILE"].starts_with(&format!("{}/", mount.destination)));
    let made = last_stage()
        .into_iter()
        .any(|(_, rest)| rest.ends_with(&format!(" {}", mount.destination)));
    assert!(made, "the image has no {}", mount.destination);
}
