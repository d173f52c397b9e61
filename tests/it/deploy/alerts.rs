//! Every alert has an entry in the runbook and tests of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::read;

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
