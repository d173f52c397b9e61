//! The figures of the process, for Prometheus.
//!
//! Every series is made at start from a closed list of label values, so that it is present with 0
//! and its number is bounded; recording is an atomic or two. There is no process-wide recorder:
//! each application has its own, and two in one test process do not mix. docs/metrics.md says what
//! each figure means.

mod family;
pub mod labels;
mod describe;
mod recorder;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram, with_local_recorder};

use self::labels::{
    ENDS, EVENT_RESULTS, HEARD, OPERATIONS, OUTCOMES, PARTS, RESULTS, SIGNATURE_CAUSES, STATUSES,
    STORE_CAUSES, STORE_OPERATIONS, TICKET_CAUSES, UNREAD_CAUSES, WAITS, WEBHOOKS,
};
use describe::describe;
use recorder::Series;

pub use self::family::{Family, Route, TwilioErrors};

/// Upper bounds of latencies in seconds; the last is Twilio's patience with a webhook.
const LATENCY: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
];
/// Upper bounds of the time until a phone rings: at once, or hours later when the restaurant opens.
const WAIT: [f64; 14] = [
    0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0,
];
/// Upper bounds of the time that people take: to pick up, to listen, to press.
const TALK: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0,
];

/// Handles for all that is counted; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    series: Arc<Series>,
    memory: Gauge,
    /// Verified webhooks, by kind.
    pub webhooks: Family<Webhook>,
    /// `tablecall_calls_total{outcome}`: finished calls.
    pub outcomes: Family<Counter>,
    /// `tablecall_attempts_total{ended}`: ended attempts.
    pub attempts: Family<Counter>,
    /// `tablecall_call_create_to_ring_seconds`: from a create to the first ring.
    pub create_to_ring: Histogram,
    /// `tablecall_call_ring_to_verdict_seconds`: from the last ring to the verdict.
    pub ring_to_verdict: Histogram,
    /// `tablecall_call_key_to_record_seconds`: from a verified webhook with keys to the stored
    /// call.
    pub key_to_record: Histogram,
    /// `tablecall_signature_failures_total{cause}`: webhooks refused.
    pub signature_failures: Family<Counter>,
    /// `tablecall_webhooks_unread_total{cause}`: webhooks whose method or body was refused before
    /// the signature was looked at.
    pub webhooks_unread: Family<Counter>,
    /// `tablecall_tickets_unopened_total{cause}`: signed webhooks whose ticket cannot be used.
    pub tickets_unopened: Family<Counter>,
    /// `tablecall_twilio_request_duration_seconds{operation,result}`: requests to Twilio.
    pub twilio: Family<Family<Histogram>>,
    /// `tablecall_twilio_errors_total{code}`: those that failed.
    pub twilio_errors: TwilioErrors,
    /// `tablecall_unknown_creates_total`: creates that Twilio did not answer.
    pub unknown_creates: Counter,
    /// `tablecall_stuck_calls_found_total`: look-ups of calls that were silent for too long.
    pub stuck_calls: Counter,
    /// `tablecall_store_duration_seconds{operation}`: requests to a shared store.
    pub store: Family<Histogram>,
    /// `tablecall_store_errors_total{cause}`: those that failed.
    pub store_errors: Family<Counter>,
    /// `tablecall_store_unwritten`: changes that wait in this process for a shared store.
    pub store_unwritten: Gauge,
    /// `tablecall_events_total{result}`: events to clients.
    pub events: Family<Counter>,
    /// `tablecall_event_duration_seconds`: one event, sent once.
    pub event_duration: Histogram,
    /// `tablecall_sse_clients`: open streams.
    pub sse_clients: Gauge,
    /// Gauges that are read at each scrape.
    pub state: StateGauges,
}

/// The counters of one kind of webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `tablecall_webhook_duration_seconds{kind}`: from the end of its head to its answer.
    pub duration: Histogram,
    /// `tablecall_webhooks_total{kind,outcome}`, in the order of [`HEARD`].
    pub heard: Family<Counter>,
}

/// Gauges that are true at the moment they are asked for.
#[derive(Clone, Debug)]
pub struct StateGauges {
    /// `tablecall_calls{status}`: calls held.
    pub calls: Family<Gauge>,
    /// `tablecall_calls_capacity`: the most calls held.
    pub capacity: Gauge,
    /// `tablecall_queue_length{waiting_for}`: queued calls.
    pub queue: Family<Gauge>,
    /// `tablecall_queue_oldest_seconds{waiting_for}`: how long the oldest of them waits.
    pub oldest: Family<Gauge>,
    /// `tablecall_overdue_calls`: calls that should have been looked at over a minute ago.
    pub overdue: Gauge,
    /// `tablecall_events_pending`: events that clients have not received yet.
    pub events_pending: Gauge,
    /// `tablecall_caller_ids_set_aside`: our numbers that Twilio refused.
    pub caller_ids_set_aside: Gauge,
    /// `tablecall_ailing{part}`: 1 while `/readyz` names it.
    pub ailing: Family<Gauge>,
    /// `tablecall_ready`: 1 while `/readyz` answers 200.
    pub ready: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Makes all series for a process that starts at `now`; `version` and `commit` go into
    /// `tablecall_build_info`.
    #[must_use]
    pub fn new(version: &'static str, commit: &'static str, now: Timestamp) -> Self {
        let series = Arc::new(Series::new(|name| match name {
            "tablecall_call_create_to_ring_seconds" => &WAIT,
            "tablecall_call_ring_to_verdict_seconds" => &TALK,
            _ => &LATENCY,
        }));
        with_local_recorder(&*series, || {
            describe();
            gauge!("tablecall_build_info", "version" => version, "commit" => commit).set(1.0);
            gauge!("process_start_time_seconds").set(now.as_duration().as_secs_f64());
            Self::register_all(&series)
        })
    }

    fn register_all(series: &Arc<Series>) -> Self {
        Self {
            series: Arc::clone(series),
            memory: gauge!("process_resident_memory_bytes"),
            webhooks: Family::new(WEBHOOKS, webhook),
            outcomes: Family::new(
                OUTCOMES,
                |outcome| counter!("tablecall_calls_total", "outcome" => outcome),
            ),
            attempts: Family::new(
                ENDS,
                |ended| counter!("tablecall_attempts_total", "ended" => ended),
            ),
            create_to_ring: histogram!("tablecall_call_create_to_ring_seconds"),
            ring_to_verdict: histogram!("tablecall_call_ring_to_verdict_seconds"),
            key_to_record: histogram!("tablecall_call_key_to_record_seconds"),
            signature_failures: Family::new(
                SIGNATURE_CAUSES,
                |cause| counter!("tablecall_signature_failures_total", "cause" => cause),
            ),
            webhooks_unread: Family::new(
                UNREAD_CAUSES,
                |cause| counter!("tablecall_webhooks_unread_total", "cause" => cause),
            ),
            tickets_unopened: Family::new(
                TICKET_CAUSES,
                |cause| counter!("tablecall_tickets_unopened_total", "cause" => cause),
            ),
            twilio: Family::new(OPERATIONS, twilio),
            twilio_errors: TwilioErrors::new(),
            unknown_creates: counter!("tablecall_unknown_creates_total"),
            stuck_calls: counter!("tablecall_stuck_calls_found_total"),
            store: Family::new(
                STORE_OPERATIONS,
                |operation| histogram!("tablecall_store_duration_seconds", "operation" => operation),
            ),
            store_unwritten: gauge!("tablecall_store_unwritten"),
            store_errors: Family::new(
                STORE_CAUSES,
                |cause| counter!("tablecall_store_errors_total", "cause" => cause),
            ),
            events: Family::new(
                EVENT_RESULTS,
                |result| counter!("tablecall_events_total", "result" => result),
            ),
            event_duration: histogram!("tablecall_event_duration_seconds"),
            sse_clients: gauge!("tablecall_sse_clients"),
            state: state(),
        }
    }

    /// The latency of one route, `tablecall_http_request_duration_seconds{route,method,status}`.
    ///
    /// Call it once per route at start, with the path as it is written in the document, never as it
    /// was asked for. `success` is the status that is present with 0; others appear when they first
    /// happen.
    #[must_use]
    pub fn route(&self, route: &'static str, method: &'static str, success: u16) -> Route {
        Route::new(Arc::clone(&self.series), route, method, success)
    }

    /// Makes further series under this recorder: inside `make`, the macros of `metrics` register
    /// here.
    pub fn register<T>(&self, make: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.series, make)
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.memory.set(resident_memory().unwrap_or_default());
        self.series.render()
    }
}

fn webhook(kind: &'static str) -> Webhook {
    Webhook {
        duration: histogram!("tablecall_webhook_duration_seconds", "kind" => kind),
        heard: Family::new(
            HEARD,
            |outcome| counter!("tablecall_webhooks_total", "kind" => kind, "outcome" => outcome),
        ),
    }
}

fn twilio(operation: &'static str) -> Family<Histogram> {
    Family::new(
        RESULTS,
        |result| histogram!("tablecall_twilio_request_duration_seconds", "operation" => operation, "result" => result),
    )
}

fn state() -> StateGauges {
    StateGauges {
        calls: Family::new(
            STATUSES,
            |status| gauge!("tablecall_calls", "status" => status),
        ),
        capacity: gauge!("tablecall_calls_capacity"),
        queue: Family::new(
            WAITS,
            |reason| gauge!("tablecall_queue_length", "waiting_for" => reason),
        ),
        oldest: Family::new(
            WAITS,
            |reason| gauge!("tablecall_queue_oldest_seconds", "waiting_for" => reason),
        ),
        overdue: gauge!("tablecall_overdue_calls"),
        events_pending: gauge!("tablecall_events_pending"),
        caller_ids_set_aside: gauge!("tablecall_caller_ids_set_aside"),
        ailing: Family::new(PARTS, |part| gauge!("tablecall_ailing", "part" => part)),
        ready: gauge!("tablecall_ready"),
    }
}

/// The resident memory of this process in bytes, where the system reports it.
fn resident_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1_024.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_series_is_there_before_anything_happened() {
        let metrics = Metrics::new("1.2.3", "abc", Timestamp::UNIX_EPOCH);
        let _route = metrics.route("/api/call", "POST", 202);
        let text = metrics.render();
        for series in [
            r#"tablecall_build_info{version="1.2.3",commit="abc"} 1"#,
            r#"tablecall_calls_total{outcome="confirmed"} 0"#,
            r#"tablecall_attempts_total{ended="no_key"} 0"#,
            r#"tablecall_signature_failures_total{cause="missing"} 0"#,
            r#"tablecall_calls{status="queued"} 0"#,
            r#"tablecall_webhook_duration_seconds_count{kind="answer"} 0"#,
            r#"tablecall_twilio_request_duration_seconds_count{operation="create",result="ok"} 0"#,
            r#"tablecall_http_request_duration_seconds_count{route="/api/call",method="POST",status="202"} 0"#,
        ] {
            assert!(text.contains(series), "{series} is missing in\n{text}");
        }
    }

    #[test]
    fn what_happens_is_counted_where_it_belongs() {
        let metrics = Metrics::new("1.2.3", "abc", Timestamp::UNIX_EPOCH);
        metrics.outcomes.get("confirmed").increment(1);
        metrics.signature_failures.get("made up").increment(2);
        metrics.state.calls.get("ringing").set(3.0);
        metrics.webhooks.get("gather").duration.record(0.002);
        metrics
            .webhooks
            .get("gather")
            .heard
            .get("failed")
            .increment(1);
        metrics.twilio_errors.count(Some(21_215));
        metrics.twilio_errors.count(Some(99_999));
        metrics.twilio_errors.count(Some(0));
        metrics.twilio.get("create").get("timeout").record(0.3);
        let route = metrics.route("/api/call/{id}", "GET", 200);
        route.observe(404, Duration::from_millis(2));
        route.observe(418, Duration::from_millis(2));
        let text = metrics.render();
        for line in [
            r#"tablecall_calls_total{outcome="confirmed"} 1"#,
            r#"tablecall_signature_failures_total{cause="other"} 2"#,
            r#"tablecall_webhooks_total{kind="gather",outcome="failed"} 1"#,
            r#"tablecall_twilio_errors_total{code="21215"} 1"#,
            r#"tablecall_twilio_errors_total{code="other"} 1"#,
            r#"tablecall_twilio_errors_total{code="none"} 1"#,
            r#"tablecall_calls{status="ringing"} 3"#,
            r#"tablecall_webhook_duration_seconds_bucket{kind="gather",le="0.001"} 0"#,
            r#"tablecall_webhook_duration_seconds_bucket{kind="gather",le="0.0025"} 1"#,
            r#"tablecall_twilio_request_duration_seconds_count{operation="create",result="timeout"} 1"#,
            r#"tablecall_http_request_duration_seconds_count{route="/api/call/{id}",method="GET",status="404"} 1"#,
            r#"tablecall_http_request_duration_seconds_count{route="/api/call/{id}",method="GET",status="other"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("made up"));
    }

    #[test]
    fn further_series_are_written_with_the_others() {
        let metrics = Metrics::new("1", "a", Timestamp::UNIX_EPOCH);
        let further = metrics.register(|| histogram!("tablecall_further_seconds"));
        further.record(0.5);
        assert!(
            metrics
                .render()
                .contains("tablecall_further_seconds_count 1")
        );
    }

    #[test]
    fn two_applications_in_one_process_do_not_mix() {
        let (one, other) = (
            Metrics::new("1", "a", Timestamp::UNIX_EPOCH),
            Metrics::new("1", "a", Timestamp::UNIX_EPOCH),
        );
        one.outcomes.get("busy").increment(1);
        assert!(
            one.render()
                .contains(r#"tablecall_calls_total{outcome="busy"} 1"#)
        );
        assert!(
            other
                .render()
                .contains(r#"tablecall_calls_total{outcome="busy"} 0"#)
        );
    }
}
