//! Signals that stop the process: the first SIGTERM or Ctrl-C stops it in order, the second at
//! once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status that a shell reports for a program that SIGTERM ended.
const TERMINATED: u8 = 128 + 15;
/// The same of SIGINT.
const INTERRUPTED: u8 = 128 + 2;

/// Receives both signals from the moment it is made. Process 1 of a container is not even ended by
/// them before that.
#[derive(Debug)]
pub struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Signals {
    /// Begins to listen. Where the system does not let us, a signal ends the process as it always
    /// does.
    #[must_use]
    pub fn listen() -> Self {
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    /// Waits for the next; the exit code of a process that ends because of it.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            () = received(&mut self.terminate) => TERMINATED,
            () = received(&mut self.interrupt) => INTERRUPTED,
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
