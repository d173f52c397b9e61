//! The files that put the program into the world say what the program does: ports, paths, settings,
//! users, times. What a tool can judge alone is left to `scripts/lint`; here is what needs both
//! sides.

mod alerts;
mod fly;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args as _;
use tablecall::config::RawConfig;

use crate::app::within;
use crate::process::{Program, free_address, program};

/// Longest time that the program itself takes to stop, in seconds.
const STOPS_WITHIN: u64 = 25;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
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
    let port = fly::fly().http_service.internal_port.to_string();
    assert_eq!(
        (line("ENV"), line("EXPOSE")),
        (format!("PORT={port}"), port)
    );
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
