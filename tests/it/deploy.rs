//! The files that put the program into the world say what the program does: ports, paths, settings,
//! users, times. What a tool can judge alone is left to `scripts/lint`; here is what needs both
//! sides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Args as _, FromArgMatches as _};
use serde::Deserialize;
use tablecall::config::{Config, RawConfig};

use crate::answer::Answer;
use crate::app::within;
use crate::process::{Program, free_address, program};

/// How long the program itself takes to stop, at most, in seconds.
const STOPS_WITHIN: u64 = 25;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All of `fly.toml` that we use; a name that is not here is a slip, since Fly itself ignores it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fly {
    app: String,
    primary_region: String,
    kill_signal: String,
    kill_timeout: String,
    build: Build,
    deploy: Deploy,
    env: BTreeMap<String, String>,
    http_service: HttpService,
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
struct HttpService {
    internal_port: u16,
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

fn fly() -> Fly {
    toml::from_str(&read("fly.toml")).expect("fly.toml is as it should be")
}

/// Seconds of `35s` or `5m`.
fn seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number
        .parse()
        .unwrap_or_else(|_| panic!("{text} is no time"));
    match unit {
        "s" => number,
        "m" => number * 60,
        _ => panic!("{text} has no unit"),
    }
}

/// The variables that `serve` knows, each with its flag.
fn settings() -> BTreeMap<String, String> {
    let command = RawConfig::augment_args(clap::Command::new("serve"));
    let flags = command
        .get_arguments()
        .filter_map(|flag| Some((flag.get_env()?.to_str()?, flag.get_long()?)));
    flags
        .map(|(name, flag)| (name.to_owned(), flag.to_owned()))
        .collect()
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

/// Every line of the Dockerfile's last stage, as its word and the rest.
fn last_stage() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(word, rest)| (word.to_owned(), rest.to_owned()));
    let words: Vec<_> = words.collect();
    let last = words.iter().rposition(|(word, _)| word == "FROM").unwrap();
    words[last..].to_vec()
}

/// The text of the only line with that word.
fn line(word: &str) -> String {
    let found: Vec<_> = last_stage()
        .into_iter()
        .filter(|(first, _)| first == word)
        .map(|(_, rest)| rest)
        .collect();
    let [only] = found.as_slice() else {
        panic!("{word} stands there {} times", found.len())
    };
    only.clone()
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
fn the_image_holds_the_program_alone_and_runs_it_as_nobody() {
    assert_eq!(line("FROM"), "scratch");
    let user = line("USER");
    let number = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 0);
    assert!(
        user.split_once(':')
            .is_some_and(|(user, group)| number(user) && number(group)),
        "{user}"
    );
    let copies: Vec<_> = last_stage()
        .into_iter()
        .filter(|(word, _)| word == "COPY")
        .map(|(_, rest)| rest)
        .collect();
    let own = format!("--from=build --chown={user} /image/data /data");
    assert_eq!(
        copies,
        ["--from=build /image/tablecall /tablecall", &own],
        "and nothing else"
    );
    assert!(!last_stage().iter().any(|(word, _)| word == "RUN"));
    assert_eq!(line("ENTRYPOINT"), r#"["/tablecall"]"#);
    assert!(line("HEALTHCHECK").ends_with(r#"CMD ["/tablecall", "health"]"#));
    let port = fly().http_service.internal_port.to_string();
    assert_eq!(
        (line("ENV"), line("EXPOSE")),
        (format!("PORT={port}"), port)
    );
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

#[tokio::test]
async fn health_tells_by_its_status_whether_the_program_is_alive() {
    let address = free_address();
    let ask = |address: String| {
        let output = program(&["health"])
            .env("TABLECALL_LISTEN", address)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let program = Program::with(
        &BTreeMap::from([("PORT".to_owned(), address.port().to_string())]),
        address,
    )
    .await;
    let (code, said, _) = ask(format!("0.0.0.0:{}", address.port()));
    assert_eq!((code, said.as_str()), (Some(0), "alive\n"));
    within("it ends", program.dies()).await;
    let (code, _, complaint) = ask(address.to_string());
    assert_eq!(code, Some(69));
    assert!(complaint.contains(&address.to_string()), "{complaint}");
    assert_eq!(ask("nowhere".to_owned()).0, Some(64));
}

#[test]
fn compose_sets_what_the_program_knows_and_scrapes_where_it_listens() {
    let compose: yaml_serde::Value = yaml_serde::from_str(&read("deploy/compose.yaml")).unwrap();
    let service = &compose["services"]["tablecall"];
    let known = settings();
    let names = service["environment"]
        .as_mapping()
        .unwrap()
        .keys()
        .map(|name| name.as_str().unwrap());
    for name in names {
        assert!(known.contains_key(name), "{name} is no setting of ours");
    }
    let port = line("EXPOSE");
    assert_eq!(
        service["ports"][0].as_str().unwrap(),
        format!("127.0.0.1:{port}:{port}")
    );
    assert!(seconds(service["stop_grace_period"].as_str().unwrap()) > STOPS_WITHIN);
    let metrics = service["environment"]["TABLECALL_METRICS_LISTEN"]
        .as_str()
        .unwrap();
    let prometheus: yaml_serde::Value =
        yaml_serde::from_str(&read("deploy/prometheus/prometheus.yml")).unwrap();
    let target = prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0]
        .as_str()
        .unwrap();
    assert_eq!(target, metrics.replace("0.0.0.0", "tablecall"));
}

/// The rules, the tests of the rules.
fn alerts() -> BTreeMap<String, yaml_serde::Value> {
    let rules: yaml_serde::Value =
        yaml_serde::from_str(&read("deploy/prometheus/tablecall.yml")).unwrap();
    let groups = rules["groups"].as_sequence().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_sequence().unwrap());
    rules
        .filter_map(|rule| Some((rule["alert"].as_str()?.to_owned(), rule.clone())))
        .collect()
}

#[test]
fn every_alert_leads_to_its_entry_in_the_runbook() {
    let runbook = read("docs/runbook.md");
    let entries = runbook
        .split("\n## ")
        .skip(1)
        .map(|entry| entry.split_once('\n').unwrap());
    let entries: BTreeMap<&str, &str> = entries.collect();
    let alerts = alerts();
    let named: BTreeSet<&str> = alerts.keys().map(String::as_str).collect();
    assert_eq!(
        entries.keys().copied().collect::<BTreeSet<_>>(),
        named,
        "entries and alerts"
    );
    for (name, rule) in &alerts {
        let link = format!("{{{{ $externalLabels.runbook }}}}#{}", name.to_lowercase());
        assert_eq!(
            rule["annotations"]["runbook_url"].as_str(),
            Some(link.as_str())
        );
        assert!(
            matches!(rule["labels"]["severity"].as_str(), Some("page" | "ticket")),
            "{name}"
        );
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            assert!(
                entries[name.as_str()].contains(part),
                "{name} has no {part}"
            );
        }
        // What an entry sends its reader to must be there.
        let told = entries[name.as_str()].split(|letter: char| !letter.is_alphanumeric());
        for other in
            told.filter(|word| word.starts_with("Tablecall") && word.len() > "Tablecall".len())
        {
            assert!(alerts.contains_key(other), "{name} sends to {other}");
        }
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let tests: yaml_serde::Value =
        yaml_serde::from_str(&read("deploy/prometheus/tablecall_test.yml")).unwrap();
    let tests = tests["tests"].as_sequence().unwrap();
    let cases: Vec<_> = tests
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_sequence().unwrap())
        .collect();
    for name in alerts().keys() {
        let own = cases
            .iter()
            .copied()
            .filter(|case| case["alertname"].as_str() == Some(name));
        let (silent, fires): (Vec<&yaml_serde::Value>, Vec<_>) =
            own.partition(|case: &&yaml_serde::Value| {
                case["exp_alerts"].as_sequence().unwrap().is_empty()
            });
        assert!(
            !fires.is_empty() && !silent.is_empty(),
            "{name}: {} fire, {} do not",
            fires.len(),
            silent.len()
        );
    }
}
