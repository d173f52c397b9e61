//! The form of lines, through real events and without a subscriber for the process.

use std::sync::mpsc::{Sender, channel};

use proptest::prelude::*;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

struct Out(Sender<Vec<u8>>);

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line that is written when `say` logs at `2026-12-01T12:05:01.123Z`.
fn logged(format: Format, filter: &str, say: impl FnOnce()) -> String {
    let clock = Clock::simulated("2026-12-01T12:05:01.123Z".parse().unwrap());
    let (written, writes) = channel();
    let (lines, guard) = layer(format, clock, Out(written)).unwrap();
    let filter = crate::telemetry::filter(filter).unwrap();
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    tracing::subscriber::with_default(subscriber, say);
    drop(guard);
    String::from_utf8(writes.try_iter().flatten().collect()).unwrap()
}

fn json_line(say: impl FnOnce()) -> Value {
    let text = logged(Format::Json, "trace", say);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] io::Error);

#[test]
fn a_json_line_has_its_fields_beside_the_message_and_numbers_as_numbers() {
    let error = Outer(io::Error::other("inner"));
    let line = json_line(|| {
        tracing::info!(
            call.id = "c1",
            latency_ms = 12.5,
            attempt = 2_u8,
            delta = -3,
            held = true,
            error = &error as &dyn std::error::Error,
            size = ?Some(1),
            "call {}",
            "ended"
        );
    });
    let expected = json!({
        "timestamp": "2026-12-01T12:05:01.123Z", "level": "INFO", "target": module_path!(), "message": "call ended",
        "call.id": "c1", "latency_ms": 12.5, "attempt": 2, "delta": -3, "held": true, "error": "outer: inner",
        "size": "Some(1)",
    });
    assert_eq!(line, expected);
}

#[test]
fn a_text_line_has_its_message_first_and_one_line_only() {
    let text = logged(Format::Text, "info", || {
        tracing::info!(attempt = 2, name = "two words", empty = "", "call\nended");
        tracing::error!(target: "hyper::server", "gone");
    });
    let expected = "12:05:01.123 INFO  call\\nended attempt=2 name=\"two words\" empty=\"\"\n\
                    12:05:01.123 ERROR gone target=hyper::server\n";
    assert_eq!(text, expected);
}

#[test]
fn an_event_cannot_overwrite_what_the_line_says_itself() {
    let line = json_line(|| tracing::warn!(level = "fine", target = "x", timestamp = 0, "told"));
    assert_eq!(
        (
            &line["level"],
            &line["field.level"],
            &line["field.timestamp"]
        ),
        (&json!("WARN"), &json!("fine"), &json!(0))
    );
}

#[test]
fn a_number_that_json_does_not_know_is_text() {
    assert_eq!(
        json_line(|| tracing::info!(value = f64::NAN))["value"],
        "NaN"
    );
}

#[test]
fn a_field_that_logs_while_it_is_written_does_no_harm() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("inner");
            f.write_str("chatty")
        }
    }
    let text = logged(
        Format::Text,
        "info",
        || tracing::info!(field = ?Chatty, "outer"),
    );
    assert!(text.ends_with("INFO  outer field=chatty\n"), "{text}");
}

#[test]
fn what_the_filter_leaves_out_is_not_written_and_its_fields_are_not_looked_at() {
    let text = logged(Format::Text, "warn,tablecall::telemetry=info", || {
        tracing::debug!(value = %{ panic!("looked at"); #[expect(unreachable_code, reason = "typed")] 0 }, "hidden");
        tracing::info!(target: "elsewhere", "hidden");
        tracing::info!("shown");
    });
    assert_eq!(text, "12:05:01.123 INFO  shown\n");
}

#[test]
fn a_panic_is_told_by_its_place_and_its_literal_message_only() {
    let place = std::panic::Location::caller();
    let literal = json_line(|| crate::telemetry::panicked(Some(place), &"no such state"));
    assert_eq!(
        (&literal["level"], &literal["panic"]),
        (&json!("ERROR"), &json!("no such state"))
    );
    assert!(
        literal["location"]
            .as_str()
            .unwrap()
            .contains("layer/tests.rs:")
    );
    let formatted = json_line(|| crate::telemetry::panicked(Some(place), &"Ann Guest".to_owned()));
    assert!(!formatted.to_string().contains("Ann"), "{formatted}");
    assert_eq!(formatted["payload"], "formatted");
}

#[test]
fn the_time_of_a_line_follows_the_clock_over_a_second() {
    let mut stamp = LineTime::default();
    let mut text = String::new();
    for now in [
        "2026-12-31T23:59:59.999Z",
        "2027-01-01T00:00:00Z",
        "2027-01-01T00:00:00.001Z",
        "1969-12-31T23:59:59.5Z",
    ] {
        stamp.write(Format::Text, now.parse().unwrap(), &mut text);
        text.push(' ');
    }
    assert_eq!(text, "23:59:59.999 00:00:00.000 00:00:00.001 23:59:59.500 ");
}

#[test]
fn the_details_of_others_are_never_written() {
    let text = logged(Format::Text, "trace", || {
        tracing::trace!(target: "hyper_util::client", host = "guest.example", "connecting");
        tracing::debug!(target: "reqwest", "https://guest.example/?name=Ana");
        tracing::info!(target: "rustls", "a certificate expires");
        tracing::trace!(target: "tablecall::call", "ours");
    });
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains("guest.example"), "{text}");
}

#[test]
fn lost_lines_are_told_in_both_formats() {
    let now = "2026-12-01T12:05:01.123Z".parse().unwrap();
    let line: Value = serde_json::from_slice(&dropped(Format::Json, now, 7)).unwrap();
    assert_eq!(
        (&line["lines"], &line["level"]),
        (&json!(7), &json!("WARN"))
    );
    assert_eq!(
        dropped(Format::Text, now, 7),
        b"12:05:01.123 WARN  log lines were dropped lines=7\n"
    );
}

proptest! {
    #[test]
    fn any_text_survives_as_json_on_one_line(text in any::<String>()) {
        let line = json_line(|| tracing::info!(value = text.as_str(), shown = %text, "{text}"));
        prop_assert_eq!(&line["value"], &json!(text));
        prop_assert_eq!(&line["shown"], &json!(text));
        prop_assert_eq!(&line["message"], &json!(text));
    }

    #[test]
    fn no_text_breaks_a_text_line(text in any::<String>()) {
        let line = logged(Format::Text, "info", || tracing::info!(value = text.as_str(), "{text}"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(!line.trim_end_matches('\n').contains(|c: char| c.is_control()));
    }
}
