//! How long the server takes, how often it fails, and how much waits for it.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};

use crate::telemetry::metrics::{Family, Metrics};

/// `operation` of a request to the store.
pub(super) const OPERATIONS: &[&str] =
    &["load", "save", "due", "number", "house", "line", "idempotency", "opt_out", "probe", "other"];
/// `cause` of a failure.
const CAUSES: &[&str] = &["timeout", "connection", "full", "read_only", "unreadable", "server", "other"];

/// Why the server could not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It did not answer in time.
    Timeout,
    /// It cannot be reached, or hung up.
    Connection,
    /// Its memory is full.
    Full,
    /// It takes no writes: a replica, or a server that is still loading.
    ReadOnly,
    /// It refused the command.
    Server,
}

impl Cause {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Server => "server",
        }
    }

    /// What it means, for who looks after the service.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Timeout => "Redis does not answer in time",
            Self::Connection => "Redis cannot be reached",
            Self::Full => "Redis is full: it needs more memory, and maxmemory-policy noeviction",
            Self::ReadOnly => "Redis takes no writes: it is a replica, is loading, or its cluster is down",
            Self::Server => "Redis refuses what it is asked; its version or its permissions may not fit",
        }
    }
}

/// The handles.
pub(super) struct Figures {
    durations: Family<Histogram>,
    errors: Family<Counter>,
    unwritten: Gauge,
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}

impl Figures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        metrics.register(|| {
            metrics::describe_histogram!(
                "tablecall_store_duration_seconds",
                Unit::Seconds,
                "How long the shared store took to answer"
            );
            metrics::describe_counter!("tablecall_store_errors_total", "Requests to the shared store that failed");
            metrics::describe_gauge!(
                "tablecall_store_unwritten",
                "Changes that wait in this process for the shared store"
            );
            Self {
                durations: Family::new(
                    OPERATIONS,
                    |operation| histogram!("tablecall_store_duration_seconds", "operation" => operation),
                ),
                errors: Family::new(CAUSES, |cause| counter!("tablecall_store_errors_total", "cause" => cause)),
                unwritten: gauge!("tablecall_store_unwritten"),
            }
        })
    }

    pub(super) fn took(&self, operation: &'static str, time: Duration) {
        self.durations.get(operation).record(time);
    }

    pub(super) fn failed(&self, cause: &str) {
        self.errors.get(cause).increment(1);
    }

    pub(super) fn unwritten(&self, count: usize) {
        self.unwritten.set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
}
