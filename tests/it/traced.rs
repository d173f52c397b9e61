//! One trace per call: told by the real program to a collector, across webhooks and across
//! processes. The exporter is built with the feature `otlp` alone.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tablecall::config::RawConfig;

use crate::app::{RESTAURANT, TestApp, table};
use crate::collector::{Collector, Posted};
use crate::pair::Pair;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn decoded(posted: &[Posted]) -> Vec<ExportTraceServiceRequest> {
    let read = posted.iter().map(|posted| {
        assert_eq!(posted.line, "POST /v1/traces HTTP/1.1");
        assert!(
            posted
                .head
                .iter()
                .any(|line| line == "content-type: application/x-protobuf"),
            "{:?}",
            posted.head
        );
        ExportTraceServiceRequest::decode(posted.body.as_slice()).expect("it is OTLP")
    });
    read.collect()
}

fn spans(posted: &[Posted]) -> Vec<Span> {
    let resources = decoded(posted)
        .into_iter()
        .flat_map(|request| request.resource_spans);
    resources
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let value = attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?;
    let AnyValue {
        value: Some(Value::StringValue(text)),
    } = value
    else {
        return None;
    };
    Some(text)
}

fn names(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test]
#[cfg_attr(not(feature = "otlp"), ignore = "needs `--features otlp`")]
async fn a_call_is_one_trace_across_its_webhooks_and_goes_on_with_its_clients() {
    let collector = Collector::start().await;
    let app = TestApp::with(
        RawConfig::default()
            .with(|it| it.observability.otlp_endpoint = Some(collector.origin.clone())),
    )
    .await;
    let above = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let asked = app
        .send(
            app.post("/api/call")
                .header("traceparent", above)
                .json(&table()),
        )
        .await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let call = crate::call::Asked::new(&app, asked.body["id"].as_str().unwrap().to_owned());
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.accepts().await;
    call.ends_as("confirmed", 1).await;
    let id = call.id.clone();
    app.finish().await;
    let posted = collector.so_far();
    let spans = spans(&posted);
    let expected = [
        "POST /api/call",
        "Twilio create",
        "attempt",
        "call",
        "webhook answer",
        "webhook gather",
        "webhook status",
    ];
    assert!(
        names(&spans).is_superset(&BTreeSet::from(expected)),
        "{:?}",
        names(&spans)
    );
    assert!(
        spans.iter().all(|span| hex(&span.trace_id) == TRACE),
        "{spans:#?}"
    );
    let root = spans
        .iter()
        .find(|span| span.name == "POST /api/call")
        .unwrap();
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7");
    for span in spans.iter().filter(|span| span.name != "POST /api/call") {
        assert_eq!(span.parent_span_id, root.span_id, "{}", span.name);
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{}",
            span.name
        );
    }
    let whole = spans.iter().find(|span| span.name == "call").unwrap();
    assert_eq!(
        text(&whole.attributes, "tablecall.outcome"),
        Some("confirmed")
    );
    assert_eq!(
        text(&whole.attributes, "tablecall.call.id"),
        Some(id.as_str())
    );
    let told: Vec<&str> = whole
        .events
        .iter()
        .map(|event| event.name.as_str())
        .collect();
    assert!(
        told.contains(&"ringing") && told.contains(&"key 1"),
        "{told:?}"
    );
    let resource = decoded(&posted)[0].resource_spans[0]
        .resource
        .clone()
        .unwrap()
        .attributes;
    assert_eq!(text(&resource, "service.name"), Some("tablecall"));
    assert_eq!(
        text(&resource, "deployment.environment.name"),
        Some("simulator")
    );
    let everything = format!("{spans:?}");
    for private in ["Garc", &RESTAURANT[1..], "5005550006", "/twiml/"] {
        assert!(!everything.contains(private), "{private}: {everything}");
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "otlp"), ignore = "needs `--features otlp`")]
async fn a_client_that_wants_no_trace_gets_none() {
    let collector = Collector::start().await;
    let app = TestApp::with(
        RawConfig::default()
            .with(|it| it.observability.otlp_endpoint = Some(collector.origin.clone())),
    )
    .await;
    let unwanted = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let asked = app
        .send(
            app.post("/api/call")
                .header("traceparent", unwanted)
                .json(&table()),
        )
        .await;
    let call = crate::call::Asked::new(&app, asked.body["id"].as_str().unwrap().to_owned());
    assert_eq!(call.cancels().await.status, 202);
    call.until(|call| call["final"] == true).await;
    app.finish().await;
    assert!(
        collector.so_far().is_empty(),
        "{:?}",
        names(&spans(&collector.so_far()))
    );
}

#[tokio::test]
#[cfg_attr(not(feature = "otlp"), ignore = "needs `--features otlp`")]
async fn a_process_that_takes_a_call_over_goes_on_with_its_trace() {
    let collector = Collector::start().await;
    let mut pair = Pair::new().await;
    pair.further = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", collector.origin.clone())];
    let first = pair.starts().await;
    let id = pair.asks(RESTAURANT).await;
    pair.answers().await;
    let (code, log) = first.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let before = spans(&collector.so_far());
    assert!(
        names(&before).contains("POST /api/call"),
        "it told what it had: {:?}",
        names(&before)
    );
    let second = pair.starts().await;
    pair.presses_and_hears("2", "Declined").await;
    pair.hangs_up().await;
    pair.until(&id, "is finished", |call| call["final"] == true)
        .await;
    let (code, log) = second.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    let all = spans(&collector.so_far());
    let traces: BTreeSet<String> = all.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces.len(), 1, "{all:#?}");
    let after = names(&all[before.len()..]);
    assert!(
        after.contains("webhook gather") && after.contains("call"),
        "{after:?}"
    );
}

#[tokio::test]
#[cfg_attr(not(feature = "otlp"), ignore = "needs `--features otlp`")]
async fn the_variables_of_opentelemetry_hold_and_those_without_effect_are_named() {
    let collector = Collector::start().await;
    let mut pair = Pair::new().await;
    let traces = format!("{}/v1/traces", collector.origin);
    pair.further = vec![
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces),
        ("OTEL_SERVICE_NAME", "calls".to_owned()),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,deployment.environment.name=test,team=tables".to_owned(),
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
    ];
    let program = pair.starts().await;
    pair.asks(RESTAURANT).await;
    let (code, log) = program.stops_when_told().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("\"setting\":\"OTEL_EXPORTER_OTLP_PROTOCOL\""),
        "{log}"
    );
    let posted = decoded(&collector.so_far());
    let resource = posted[0].resource_spans[0].resource.as_ref().unwrap();
    for (name, value) in [
        ("service.name", "calls"),
        ("deployment.environment.name", "test"),
        ("team", "tables"),
    ] {
        assert_eq!(text(&resource.attributes, name), Some(value), "{name}");
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "otlp"), ignore = "needs `--features otlp`")]
async fn a_log_line_says_why_traces_are_not_delivered() {
    let mut pair = Pair::new().await;
    let nobody = format!("http://{}", crate::process::free_address());
    pair.further = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)];
    let program = pair.starts().await;
    pair.asks(RESTAURANT).await;
    let (_, log) = program.stops_when_told().await;
    let line = log
        .lines()
        .find(|line| line.contains("traces cannot be delivered"))
        .expect(&log);
    assert!(line.contains("Connection refused"), "{line}");
}
