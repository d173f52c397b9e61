//! Signals that stop the process: the first SIGTERM or Ctrl-C stops it in order, the second at
//! once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status that a shell reports for a program that SIGTERM ended.
const TERMINATED: u8 = 128 + 15;
/// The same of SIGINT.
const INTERRUPTED: u8 = 128 + 2;

/// Receives the signals from the moment it is made. Process 1 of a container is not even ended by
/// them before that.
#[derive(Debug)]
pub struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hang_up: Option<Signal>,
    user_1: Option<Signal>,
    user_2: Option<Signal>,
}

impl Signals {
    /// Begins to listen. Where the system does not let us, a signal ends the process as it always
    /// does.
    #[must_use]
    pub fn listen() -> Self {
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
            hang_up: signal(SignalKind::hangup()).ok(),
            user_1: signal(SignalKind::user_defined1()).ok(),
            user_2: signal(SignalKind::user_defined2()).ok(),
        }
    }

    /// Waits for the next that stops; the exit code of a process that ends because of it.
    pub async fn next(&mut self) -> u8 {
        loop {
            let passed_over = tokio::select! {
                // Signals that arrived before the stream ended are returned first.
                biased;
                () = received(&mut self.hang_up) => "SIGHUP",
                () = received(&mut self.user_1) => "SIGUSR1",
                () = received(&mut self.user_2) => "SIGUSR2",
                () = received(&mut self.terminate) => return TERMINATED,
                () = received(&mut self.interrupt) => return INTERRUPTED,
            };
            tracing::info!(
                signal = passed_over,
                "a signal is passed over: there are no files to open again, and settings are read at a start only"
            );
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    let came = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if came.is_none() {
        std::future::pending::<()>().await;
    }
}
