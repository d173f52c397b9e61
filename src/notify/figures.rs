//! How events do, in figures.

use metrics::{Counter, Gauge, Histogram, Unit};

use crate::telemetry::metrics::Metrics;

/// Handles for what is counted here.
pub(super) struct Figures {
    pub(super) sent: Counter,
    pub(super) retried: Counter,
    pub(super) given_up: Counter,
    pub(super) pending: Gauge,
    pub(super) duration: Histogram,
}

impl Figures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let (pending, duration) = metrics.register(|| {
            let (pending, duration) = ("tablecall_events_pending", "tablecall_event_duration_seconds");
            metrics::describe_gauge!(pending, "Events that clients have not received yet.");
            metrics::describe_histogram!(duration, Unit::Seconds, "Time an endpoint took for an event.");
            (metrics::gauge!(pending), metrics::histogram!(duration))
        });
        pending.set(0.0);
        let result = |result| metrics.events.get(result).clone();
        Self { sent: result("sent"), retried: result("retried"), given_up: result("given_up"), pending, duration }
    }
}
