//! README's table of settings is the list of flags that `serve` has.

use std::collections::BTreeSet;

use clap::Args as _;
use tablecall::config::Given;

/// The variables in the first column of the table.
fn table() -> Vec<String> {
    let path = format!("{}/README.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("there is a README");
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
fn every_setting_stands_once_in_the_table_of_the_readme() {
    let rows = table();
    assert!(
        rows.contains(&"TABLECALL_LISTEN".to_owned()),
        "README has no table of settings: {rows:?}"
    );
    let listed: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), rows.len(), "one stands there twice: {rows:?}");
    let command = Given::augment_args(clap::Command::new("serve"));
    let flags = command.get_arguments().filter_map(|flag| flag.get_env());
    let flags: BTreeSet<&str> = flags.map(|name| name.to_str().unwrap()).collect();
    let missing: Vec<_> = flags.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&flags).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing in README: {missing:?}; unknown: {unknown:?}"
    );
}

#[test]
fn every_setting_is_a_flag_and_a_variable() {
    let command = Given::augment_args(clap::Command::new("serve"));
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
