//! Takes finished log lines and writes them from a thread of its own. It knows nothing of events or
//! formats.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Longest time that a line waits to be written.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);
/// The buffered bytes from which on they are written without waiting for the interval.
const FULL: usize = 64 * 1024;
/// The buffered bytes from which on lines are dropped and counted.
const MOST: usize = 1024 * 1024;
/// Longest wait of the end of the process for a writer that does not take the last lines.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The writing end of the log, shared by all threads.
#[derive(Clone)]
pub(super) struct Sink(Arc<SharedSink>);

struct SharedSink {
    state: Mutex<SinkState>,
    /// Wakes the writer: there is something to write.
    filled: Condvar,
    /// Wakes the task that waits for the writer's end.
    ended: Condvar,
    /// Makes the line that reports the number of dropped lines.
    report: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
}

#[derive(Default)]
struct SinkState {
    pending: Vec<u8>,
    dropped: u64,
    urgent: bool,
    /// The writer waits for a first line, and not for the end of an interval.
    asleep: bool,
    closed: bool,
    ended: bool,
}

/// Writes what is left when it is dropped; waits at most a second for a writer that is stuck.
#[must_use = "the log ends when its guard is dropped"]
pub struct Guard(Arc<SharedSink>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Sink {
    /// Starts the thread that writes to `out` every `interval` if there is something; `report`
    /// makes the line about dropped ones.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        interval: Duration,
        report: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
    ) -> io::Result<(Self, Guard)> {
        let shared = Arc::new(SharedSink {
            state: Mutex::default(),
            filled: Condvar::new(),
            ended: Condvar::new(),
            report: Box::new(report),
        });
        let writer = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_all(out, interval))?;
        Ok((Self(Arc::clone(&shared)), Guard(shared)))
    }

    /// Takes one line with its line feed, or counts it as dropped when too much is waiting already.
    pub(super) fn push(&self, line: &[u8], urgent: bool) {
        let mut state = self.0.state.lock();
        if state.pending.len() + line.len() > MOST || state.closed {
            state.dropped += 1;
            return;
        }
        state.pending.extend_from_slice(line);
        let now = (urgent || state.pending.len() >= FULL) && !state.urgent;
        state.urgent |= now;
        let sleeper = std::mem::take(&mut state.asleep);
        drop(state);
        if sleeper || now {
            self.0.filled.notify_one();
        }
    }
}

impl SharedSink {
    fn write_all(&self, mut out: impl Write, interval: Duration) {
        let mut lines = Vec::new();
        loop {
            let (dropped, closed) = self.next(&mut lines, interval);
            // A broken stderr cannot be reported anywhere, so lines that it does not take are lost.
            let _unheard = out.write_all(&lines);
            if dropped > 0 {
                let _unheard = out.write_all(&(self.report)(dropped));
            }
            let _unheard = out.flush();
            lines.clear();
            lines.shrink_to(2 * FULL);
            if closed {
                break;
            }
        }
        self.state.lock().ended = true;
        self.ended.notify_all();
    }

    /// Waits until there is something to write and swaps it into `lines`; then how many lines were
    /// dropped, and whether these are the last.
    fn next(&self, lines: &mut Vec<u8>, interval: Duration) -> (u64, bool) {
        let mut state = self.state.lock();
        loop {
            // Where lines were written more will follow: the first of them need not wake anybody.
            let waits = |state: &mut SinkState| !state.urgent && !state.closed;
            self.filled.wait_while_for(&mut state, waits, interval);
            if !state.pending.is_empty() || state.dropped > 0 || state.closed {
                break;
            }
            state.asleep = true;
            self.filled
                .wait_while(&mut state, |state| state.asleep && !state.closed);
        }
        std::mem::swap(&mut state.pending, lines);
        state.urgent = false;
        (std::mem::take(&mut state.dropped), state.closed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.closed = true;
        self.0.filled.notify_one();
        self.0
            .ended
            .wait_while_for(&mut state, |state| !state.ended, LAST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Says what it is given, and takes the next only when it is let.
    struct Gate(Sender<Vec<u8>>, Receiver<()>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            self.1.recv().map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn report(dropped: u64) -> Vec<u8> {
        format!("dropped {dropped}\n").into_bytes()
    }

    #[test]
    fn a_stuck_writer_costs_bounded_memory_and_the_loss_is_told() {
        let ((written, writes), (open, gate)) = (channel(), channel());
        let (sink, guard) = Sink::start(Gate(written, gate), INTERVAL, report).unwrap();
        sink.push(b"first\n", true);
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap(),
            b"first\n"
        );
        let line = vec![b'x'; MOST / 4];
        for _ in 0..7 {
            sink.push(&line, false);
        }
        assert_eq!(sink.0.state.lock().pending.len(), MOST);
        for _ in 0..3 {
            open.send(()).unwrap();
        }
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap().len(),
            MOST
        );
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap(),
            b"dropped 3\n"
        );
        drop(guard);
    }

    #[test]
    fn an_urgent_line_and_a_full_buffer_do_not_wait_for_the_interval() {
        let ((written, writes), (open, gate)) = (channel(), channel());
        for _ in 0..3 {
            open.send(()).unwrap();
        }
        let (sink, guard) =
            Sink::start(Gate(written, gate), Duration::from_secs(3_600), report).unwrap();
        sink.push(b"calm\n", false);
        sink.push(b"urgent\n", true);
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap(),
            b"calm\nurgent\n"
        );
        sink.push(&[b'x'; FULL], false);
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap().len(),
            FULL
        );
        sink.push(b"calm again\n", false);
        drop(guard);
        assert_eq!(
            writes.recv_timeout(Duration::from_secs(10)).unwrap(),
            b"calm again\n"
        );
    }

    #[test]
    fn a_line_after_a_long_silence_is_written_too() {
        let ((written, writes), (open, gate)) = (channel(), channel());
        let (sink, guard) =
            Sink::start(Gate(written, gate), Duration::from_millis(1), report).unwrap();
        for line in [b"one\n", b"two\n"] {
            while !sink.0.state.lock().asleep {
                std::thread::yield_now();
            }
            sink.push(line, false);
            open.send(()).unwrap();
            assert_eq!(writes.recv_timeout(Duration::from_secs(10)).unwrap(), line);
        }
        drop(guard);
    }

    #[test]
    fn a_broken_writer_does_not_end_the_log() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::BrokenPipe))
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::Error::from(io::ErrorKind::BrokenPipe))
            }
        }
        let (sink, guard) = Sink::start(Broken, INTERVAL, report).unwrap();
        sink.push(b"lost\n", true);
        sink.push(b"lost too\n", false);
        drop(guard);
        let state = sink.0.state.lock();
        assert!(state.ended && state.pending.is_empty());
    }

    #[test]
    fn the_last_lines_are_written_when_the_guard_goes() {
        let ((written, writes), (open, gate)) = (channel(), channel());
        let (sink, guard) = Sink::start(Gate(written, gate), INTERVAL, report).unwrap();
        open.send(()).unwrap();
        open.send(()).unwrap();
        sink.push(b"one\n", false);
        sink.push(b"two\n", false);
        drop(guard);
        let all: Vec<u8> = writes.try_iter().flatten().collect();
        assert_eq!(all, b"one\ntwo\n");
    }
}
