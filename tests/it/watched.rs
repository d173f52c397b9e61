//! Dashboards and alerts ask only for what the program gives out: each metric, label and value in a
//! query is in the table of docs/metrics.md, and each metric is in a scrape of the running program.
//! Whether a query can be read at all is promtool's to say (`scripts/lint`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::{TestApp, table};
use crate::metrics::documented;

/// Labels that Prometheus and our own rules add.
const ADDED: [&str; 5] = ["instance", "job", "le", "slo", "__name__"];

/// The subject of a query: a metric with its matchers as label and values.
#[derive(Debug)]
struct Asked {
    name: String,
    labels: Vec<(String, Vec<String>)>,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every expression of the alerts and of the dashboard.
fn queries() -> Vec<String> {
    let rules: yaml_serde::Value =
        yaml_serde::from_str(&read("deploy/prometheus/tablecall.yml")).unwrap();
    let rules = rules["groups"]
        .as_sequence()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_sequence().unwrap());
    let mut queries: Vec<String> = rules
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect();
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/dashboards/tablecall.json")).unwrap();
    collect(&dashboard, &mut queries);
    assert!(queries.len() > 60, "{}", queries.len());
    queries
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(
                fields
                    .get("expr")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// The matchers between braces.
fn matchers(text: &str) -> Vec<(String, Vec<String>)> {
    let pairs = text
        .split("\",")
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (label, value) = pair.split_once('"').unwrap_or_else(|| panic!("{text}"));
            let values = value.trim_end_matches('"').split('|').map(str::to_owned);
            (
                label.trim_end_matches(['=', '~', '!']).trim().to_owned(),
                values.collect(),
            )
        });
    pairs.collect()
}

/// The metrics of ours in a query; names of our own rules have a colon in them.
fn asked(query: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(is_name) {
        let end = rest[start..]
            .find(|letter| !is_name(letter))
            .map_or(rest.len(), |length| start + length);
        let (name, after) = (&rest[start..end], &rest[end..]);
        rest = after;
        let ours =
            (name.starts_with("tablecall_") || name.starts_with("process_")) && !name.contains(':');
        if ours {
            let inside = after
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'));
            let labels = inside
                .map(|(inside, _)| matchers(inside))
                .unwrap_or_default();
            found.push(Asked {
                name: name.to_owned(),
                labels,
            });
        }
    }
    found
}

/// The labels that a query groups by.
fn grouped(query: &str) -> BTreeSet<&str> {
    let groups = query
        .split("by (")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    groups
        .flat_map(|(labels, _)| labels.split(',').map(str::trim))
        .collect()
}

#[test]
fn queries_are_read_as_they_are_written() {
    let query = r#"sum by (a, le) (rate(tablecall_x_bucket{kind=~"one|two",b!="c"}[5m])) / slo:tablecall_errors:ratio or tablecall_y"#;
    let found = asked(query);
    let names: Vec<&str> = found.iter().map(|asked| asked.name.as_str()).collect();
    assert_eq!(names, ["tablecall_x_bucket", "tablecall_y"]);
    let wanted = [("kind", vec!["one", "two"]), ("b", vec!["c"])];
    let wanted = wanted.map(|(label, values)| {
        (
            label.to_owned(),
            values.into_iter().map(str::to_owned).collect(),
        )
    });
    assert_eq!(found[0].labels, wanted);
    assert_eq!(grouped(query), BTreeSet::from(["a", "le"]));
}

#[test]
fn dashboards_and_alerts_ask_for_metrics_labels_and_values_that_are_documented() {
    let table = documented();
    for query in queries() {
        let mut labels = BTreeSet::from(ADDED.map(str::to_owned));
        for Asked {
            name,
            labels: matchers,
        } in asked(&query)
        {
            let stem = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let stem =
                stem.filter(|stem| table.get(*stem).is_some_and(|row| row.kind == "histogram"));
            let row = table
                .get(stem.unwrap_or(&name))
                .unwrap_or_else(|| panic!("{name} is not documented: {query}"));
            assert_eq!(stem.is_some(), row.kind == "histogram", "{name}: {query}");
            labels.extend(row.labels.keys().cloned());
            for (label, values) in matchers
                .iter()
                .filter(|(label, _)| !ADDED.contains(&label.as_str()))
            {
                let known = row
                    .labels
                    .get(label)
                    .unwrap_or_else(|| panic!("{name} has no {label}: {query}"));
                for value in values.iter().filter(|value| !value.contains(".*")) {
                    assert!(
                        known.contains(value),
                        "{name}: {label} is never {value}: {query}"
                    );
                }
            }
        }
        for label in grouped(&query) {
            assert!(labels.contains(label), "nothing has {label}: {query}");
        }
    }
}

#[tokio::test]
async fn every_metric_that_is_watched_is_in_a_scrape_of_the_program() {
    let app = TestApp::start().await;
    app.asks(table()).await;
    let scrape = app.send(app.get("/metrics")).await.text;
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    let given: BTreeSet<&str> = lines
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for query in queries() {
        for Asked { name, .. } in asked(&query) {
            assert!(
                given.contains(name.as_str()),
                "{name} is not in the scrape: {query}"
            );
        }
    }
    app.stops().await;
}
