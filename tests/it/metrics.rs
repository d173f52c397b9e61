//! The figures that the process gives out, held against their table in docs/metrics.md.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tablecall::config::RawConfig;

use crate::answer::Answer;
use crate::app::{RESTAURANT, TestApp, table, table_at};

/// One row of the table.
pub(crate) struct Row {
    pub(crate) kind: String,
    /// The values of each label; none where they are not listed.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
}

fn words(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The table of docs/metrics.md, by name.
pub(crate) fn documented() -> BTreeMap<String, Row> {
    let path = format!("{}/docs/metrics.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("there is a table");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let kind = cells[1].split(',').next().unwrap().to_owned();
            let labels = cells[2]
                .split(';')
                .filter(|label| !label.trim().is_empty())
                .flat_map(|label| {
                    // `a`, `b`: labels whose values are not listed.
                    let Some((name, values)) = label.split_once(':') else {
                        return words(label)
                            .into_iter()
                            .map(|name| (name.to_owned(), BTreeSet::new()))
                            .collect::<Vec<_>>();
                    };
                    vec![(
                        words(name)[0].to_owned(),
                        words(values).into_iter().map(str::to_owned).collect(),
                    )]
                });
            (
                words(cells[0])[0].to_owned(),
                Row {
                    kind,
                    labels: labels.collect(),
                },
            )
        });
    rows.collect()
}

/// One line of a scrape: its name and its labels.
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

fn series(text: &str) -> Vec<Series> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = lines.map(|line| {
        let (head, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split("\",")
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (label, value) = pair.split_once("=\"").unwrap();
                (label.to_owned(), value.trim_end_matches('"').to_owned())
            });
        Series {
            name: name.to_owned(),
            labels: labels.collect(),
        }
    });
    read.collect()
}

async fn scrape(app: &TestApp) -> String {
    let answer = app.send(app.get("/metrics")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4")
    );
    answer.text
}

/// The value of the only series with this head.
fn value(text: &str, head: &str) -> f64 {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(head)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{head} is missing in\n{text}"))
        .parse()
        .unwrap()
}

/// The family of a series, whose type stands before it.
fn family<'a>(name: &'a str, types: &BTreeMap<&str, &str>) -> &'a str {
    let stem = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    stem.filter(|stem| types.get(stem) == Some(&"histogram"))
        .unwrap_or(name)
}

/// Calls that end in several ways, a refusal, a create without an answer, and a webhook of an
/// unknown call.
async fn lives(app: &TestApp) {
    let confirmed = app.asks(table()).await;
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    confirmed.ends_as("confirmed", 1).await;
    app.goes_wrong(json!({"create_error": {"code": 21_215, "status": 400}}))
        .await;
    assert_eq!(app.tries(table_at("+14155550105")).await.status, 502);
    app.goes_wrong(json!({"create_lost_response": {"count": 1}}))
        .await;
    let unknown = app.asks(table_at("+14155550101")).await;
    unknown.ends_as("confirmed", 1).await;
    app.goes_wrong(json!({})).await;
    let waits = app.asks(table_at("+14155550103")).await;
    waits.comes_to(|call| call["waiting_for"] == "retry").await;
    let forged = app
        .http
        .post(format!("{}/twiml/inbound", app.origin))
        .form(&[("CallSid", "CA1")]);
    assert_eq!(Answer::of(forged).await.status, 403);
    assert_eq!(app.send(app.get("/api/call/nobody%27s")).await.status, 404);
}

#[tokio::test]
async fn every_family_is_in_the_table_with_its_type_and_every_label_has_a_value_that_is_listed() {
    let app = TestApp::start().await;
    lives(&app).await;
    let text = scrape(&app).await;
    let of = |word: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("# {word} "))?.split_once(' '));
        lines.collect::<BTreeMap<&str, &str>>()
    };
    let (types, helps) = (of("TYPE"), of("HELP"));
    let table = documented();
    let known: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(
        types.keys().copied().collect::<BTreeSet<_>>(),
        known,
        "in the scrape; in docs/metrics.md"
    );
    assert_eq!(
        helps.keys().copied().collect::<BTreeSet<_>>(),
        known,
        "those with a text; in docs/metrics.md"
    );
    let mut seen: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let all = series(&text);
    for series in &all {
        let name = family(&series.name, &types);
        let row = table
            .get_key_value(name)
            .unwrap_or_else(|| panic!("{name} has no type"))
            .1;
        assert_eq!(types[name], row.kind, "{name}");
        let own: BTreeSet<&str> = series
            .labels
            .keys()
            .map(String::as_str)
            .filter(|label| *label != "le")
            .collect();
        assert_eq!(
            own,
            row.labels.keys().map(String::as_str).collect(),
            "labels of {name}"
        );
        for (label, value) in series.labels.iter().filter(|(label, _)| *label != "le") {
            let listed = &row.labels[label];
            assert!(
                listed.is_empty() || listed.contains(value),
                "{name} has {label}=\"{value}\""
            );
            seen.entry((name, label)).or_default().insert(value);
        }
    }
    for (name, row) in &table {
        for (label, listed) in row
            .labels
            .iter()
            .filter(|(label, listed)| *label != "status" && !listed.is_empty())
        {
            let here = &seen[&(name.as_str(), label.as_str())];
            assert_eq!(
                here,
                &listed.iter().map(String::as_str).collect(),
                "{name} has no series for each {label}"
            );
        }
    }
    assert!(all.len() < 3_000, "{} series", all.len());
    app.stops().await;
}

#[tokio::test]
async fn what_happened_to_calls_is_in_the_figures() {
    let app = TestApp::start().await;
    lives(&app).await;
    let text = scrape(&app).await;
    for (head, count) in [
        ("tablecall_calls_total{outcome=\"confirmed\"}", 2.0),
        ("tablecall_calls_total{outcome=\"failed\"}", 1.0),
        ("tablecall_attempts_total{ended=\"confirmed\"}", 2.0),
        ("tablecall_attempts_total{ended=\"refused\"}", 1.0),
        ("tablecall_attempts_total{ended=\"busy\"}", 1.0),
        ("tablecall_calls{status=\"queued\"}", 1.0),
        ("tablecall_calls{status=\"finished\"}", 3.0),
        ("tablecall_queue_length{waiting_for=\"retry\"}", 1.0),
        ("tablecall_call_create_to_ring_seconds_count", 3.0),
        ("tablecall_call_ring_to_verdict_seconds_count", 2.0),
        ("tablecall_twilio_errors_total{code=\"21215\"}", 1.0),
        ("tablecall_twilio_errors_total{code=\"none\"}", 1.0),
        (
            "tablecall_twilio_request_duration_seconds_count{operation=\"create\",result=\"refused\"}",
            1.0,
        ),
        ("tablecall_unknown_creates_total", 1.0),
        ("tablecall_signature_failures_total{cause=\"missing\"}", 1.0),
        (
            "tablecall_webhooks_total{kind=\"answer\",outcome=\"heard\"}",
            2.0,
        ),
        (
            "tablecall_webhooks_total{kind=\"answer\",outcome=\"failed\"}",
            0.0,
        ),
        ("tablecall_ready", 1.0),
        ("tablecall_ailing{part=\"twilio\"}", 0.0),
        ("tablecall_calls_capacity", 200_000.0),
        ("tablecall_overdue_calls", 0.0),
    ] {
        assert_eq!(value(&text, head), count, "{head}");
    }
    assert!(value(&text, "tablecall_call_key_to_record_seconds_count") >= 2.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1_000_000.0);
    let created =
        "tablecall_http_request_duration_seconds_count{route=\"/api/call\",method=\"POST\",status=";
    assert_eq!(
        (
            value(&text, &format!("{created}\"202\"}}")),
            value(&text, &format!("{created}\"502\"}}"))
        ),
        (3.0, 1.0)
    );
    app.clock.advance(std::time::Duration::from_secs(120));
    let waited = value(
        &scrape(&app).await,
        "tablecall_queue_oldest_seconds{waiting_for=\"retry\"}",
    );
    assert!((120.0..200.0).contains(&waited), "{waited}");
    app.stops().await;
}

#[tokio::test]
async fn followers_are_counted_while_they_follow() {
    let app = TestApp::start().await;
    let call = app.asks(table()).await;
    let mut follower = call.follows(None).await;
    follower.next().await.expect("the state now");
    assert_eq!(value(&scrape(&app).await, "tablecall_sse_clients"), 1.0);
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    while follower.next().await.is_some() {}
    assert_eq!(value(&scrape(&app).await, "tablecall_sse_clients"), 0.0);
    app.finish().await;
}

#[tokio::test]
async fn metrics_with_an_address_of_their_own_are_nowhere_else() {
    let given = RawConfig::default()
        .with(|it| it.observability.metrics_listen = Some("127.0.0.1:0".to_owned()));
    let app = TestApp::with(given).await;
    assert_eq!(app.send(app.get("/metrics")).await.status, 404);
    let own = format!("http://{}", app.metrics.expect("it has an address"));
    let alone = Answer::of(app.http.get(format!("{own}/metrics"))).await;
    assert_eq!(alone.status, 200);
    assert_eq!(value(&alone.text, "tablecall_ready"), 1.0);
    for other in ["/", "/docs", "/healthz", "/twiml/inbound"] {
        assert_eq!(
            Answer::of(app.http.get(format!("{own}{other}")))
                .await
                .status,
            404,
            "{other}"
        );
    }
    app.finish().await;
}
