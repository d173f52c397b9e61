//! The log of one app, apart from all others: each test has a thread and a runtime of its own.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use clock::Clock;
use parking_lot::Mutex;
use serde_json::Value;
use tablecall::{Format, Guard};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// The lines so far.
pub(crate) struct Logs {
    written: Buffer,
    writer: Guard,
    _subscriber: DefaultGuard,
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// Takes down everything that this thread logs from now on, in detail.
    pub(crate) fn capture(clock: &Clock) -> Self {
        let written = Buffer::default();
        let (lines, writer) =
            tablecall::log_layer(Format::Json, clock.clone(), written.clone()).unwrap();
        let lines = lines.with_filter(tablecall::log_filter("info,tablecall=trace").unwrap());
        let subscriber = tracing_subscriber::registry().with(lines);
        Self {
            written,
            writer,
            _subscriber: tracing::subscriber::set_default(subscriber),
        }
    }

    /// All lines, once they are written.
    pub(crate) fn text(self) -> String {
        drop(self.writer);
        let text = String::from_utf8(self.written.0.lock().clone()).unwrap();
        each_field_has_one_type(&text);
        text
    }
}

/// Whoever stores lines decides by the first of them what a field is, and refuses the others.
pub(crate) fn each_field_has_one_type(lines: &str) {
    let mut types = HashMap::new();
    for line in lines.lines() {
        let read: Value = serde_json::from_str(line).expect(line);
        for (name, value) in read.as_object().expect(line) {
            let kind = match value {
                Value::Null => continue,
                Value::Bool(_) => "a truth value",
                Value::Number(number) if number.is_f64() => "a fraction",
                Value::Number(_) => "a whole number",
                Value::String(_) => "a text",
                Value::Array(_) | Value::Object(_) => "a structure",
            };
            let known = *types.entry(name.clone()).or_insert(kind);
            assert_eq!(known, kind, "{name} in {line}");
        }
    }
}
