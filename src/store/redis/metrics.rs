//! How long the server takes, how often it fails and why, and how much waits for it.

use std::time::Duration;

use crate::telemetry::metrics::Metrics;

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
            Self::Connection => "unreachable",
            Self::Full => "full",
            Self::ReadOnly => "refused",
            Self::Server => "refused",
        }
    }

    /// What it means, for who looks after the service.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Timeout => "Redis does not answer in time",
            Self::Connection => "Redis cannot be reached",
            Self::Full => "Redis is full: it needs more memory, and maxmemory-policy noeviction",
            Self::ReadOnly => {
                "Redis takes no writes: it is a replica, is loading, or its cluster is down"
            }
            Self::Server => {
                "Redis refuses what it is asked; its version or its permissions may not fit"
            }
        }
    }
}

/// The handles.
#[derive(Clone, Debug)]
pub(super) struct StoreMetrics(Metrics);

impl StoreMetrics {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(metrics.clone())
    }

    pub(super) fn took(&self, operation: &'static str, time: Duration) {
        self.0.store.get(operation).record(time);
    }

    pub(super) fn failed(&self, cause: &str) {
        self.0.store_errors.get(cause).increment(1);
    }

    pub(super) fn unwritten(&self, count: usize) {
        self.0
            .store_unwritten
            .set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
}
