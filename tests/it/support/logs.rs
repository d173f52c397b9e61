//! The log of one app, apart from all others: each test has a thread and a runtime of its own.

use std::io;
use std::sync::{Arc, Mutex};

use clock::Clock;
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
        self.0.lock().unwrap().extend_from_slice(bytes);
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
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }
}
