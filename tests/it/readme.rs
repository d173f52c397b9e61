//! The documents agree with the program: the table of settings lists the flags of `serve`, and the
//! README shows how to try it.

use std::collections::BTreeSet;

use clap::Args as _;
use tablecall::config::RawConfig;

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The variables in the first column of the table.
fn table() -> Vec<String> {
    let text = read("docs/configuration.md");
    let cells = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let named = cells
        .flat_map(|cell| cell.split(['`', ',', ' ']))
        .filter(|name| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_uppercase() || letter == '_')
        });
    named.map(str::to_owned).collect()
}

#[test]
fn the_documentation_lists_every_setting_once() {
    let rows = table();
    assert!(
        rows.contains(&"TABLECALL_LISTEN".to_owned()),
        "docs/configuration.md has no table of settings: {rows:?}"
    );
    let listed: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(
        listed.len(),
        rows.len(),
        "a setting is listed twice: {rows:?}"
    );
    let command = RawConfig::augment_args(clap::Command::new("serve"));
    let flags = command.get_arguments().filter_map(|flag| flag.get_env());
    let flags: BTreeSet<&str> = flags.map(|name| name.to_str().unwrap()).collect();
    let missing: Vec<_> = flags.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&flags).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing in docs/configuration.md: {missing:?}; unknown: {unknown:?}"
    );
}

#[test]
fn every_setting_is_a_flag_and_a_variable() {
    let command = RawConfig::augment_args(clap::Command::new("serve"));
    for flag in command.get_arguments() {
        assert!(
            flag.get_env().is_some() && flag.get_long().is_some(),
            "{}",
            flag.get_id()
        );
        assert!(
            flag.get_help().is_some(),
            "{} is not explained",
            flag.get_id()
        );
    }
}

#[test]
fn the_readme_is_short_and_shows_how_to_try_and_test() {
    let text = read("README.md");
    let lines = text.lines().count();
    assert!(
        lines <= 100,
        "README.md has {lines} lines; details belong in docs/"
    );
    for shown in [
        "\ncargo run\n",
        "\nscripts/test\n",
        "\ncurl -s http://127.0.0.1:8080/api/call ",
    ] {
        assert!(text.contains(shown), "README.md does not show {shown:?}");
    }
    for digits in 101..=112 {
        let cell = format!("| `0{digits}` |");
        assert!(
            text.contains(&cell),
            "README.md does not say what {cell} does"
        );
    }
}

#[test]
fn the_oldest_rust_that_is_promised_is_the_one_that_ci_tests() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let promised = manifest["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap();
    for (path, says) in [
        (
            ".github/workflows/ci.yml",
            format!("RUSTUP_TOOLCHAIN: {promised}.0\n"),
        ),
        (
            ".github/workflows/deny.yml",
            format!("RUSTUP_TOOLCHAIN: {promised}.0\n"),
        ),
        ("Dockerfile", format!("FROM rust:{promised}-slim-")),
        ("README.md", format!("Rust {promised} or newer")),
    ] {
        assert!(read(path).contains(&says), "{path} does not say {says:?}");
    }
}
