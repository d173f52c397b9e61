//! Latencies, failures and their causes of the server, and the number of changes that wait for it.

use std::time::Duration;

use crate::telemetry::metrics::Metrics;

/// Cause of a failure of the server.
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
            Self::Connection => "unreachable",
            Self::Full => "full",
            Self::ReadOnly => "refused",
            Self::Server => "refused",
        }
    }

    /// The meaning, for operators.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Timeout => "Redis does not answer in time",
            Self::Connection => "Redis cannot be reached",
            Self::Full => "Redis is full: it needs more memory, and maxmemory-policy noeviction",
            Self::ReadOnly => {
                "Redis takes no writes now: it is a replica, is loading, or its cluster is down"
            }
            Self::Server => "Redis refuses what it is asked",
        }
    }
}

/// The handles.
#[derive(Clone, Debug)]
pub(super) struct StoreMetrics(Option<Metrics>);

impl StoreMetrics {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(Some(metrics.clone()))
    }

    /// Counts nothing.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn took(&self, operation: &'static str, time: Duration) {
        if let Self(Some(metrics)) = self {
            metrics.store.get(operation).record(time);
        }
    }

    pub(super) fn failed(&self, cause: &str) {
        if let Self(Some(metrics)) = self {
            metrics.store_errors.get(cause).increment(1);
        }
    }

    pub(super) fn unwritten(&self, count: usize) {
        if let Self(Some(metrics)) = self {
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics.store_unwritten.set(count);
        }
    }
}
