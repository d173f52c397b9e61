//! The figures of the process, for Prometheus.
//!
//! Every series is made at start from a closed list of label values, so that it is present with 0 and its number is
//! bounded; recording is an atomic or two. A value outside its list is counted as `other`. There is no process-wide
//! recorder: each application has its own, and two in one test process do not mix.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio_util::sync::CancellationToken;

/// Upper bounds of the latency histograms in seconds; the last is Twilio's patience with a webhook.
const LATENCY: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// How often the histograms are folded up: until then every sample is kept.
const UPKEEP: Duration = Duration::from_secs(5);

const OTHER: &str = "other";

/// `kind` of a webhook.
pub const WEBHOOKS: &[&str] = &["answer", "gather", "status", "machine", "fallback", "inbound", OTHER];
/// `outcome` of a call, as in the API.
pub const OUTCOMES: &[&str] = &[
    "confirmed",
    "rejected",
    "countered",
    "no_response",
    "no_answer",
    "busy",
    "machine",
    "failed",
    "canceled",
    "expired",
    "opted_out",
    "unknown",
    OTHER,
];
/// `ended`: why an attempt ended, as in the API's `ended_because`.
pub const ENDS: &[&str] = &[
    "confirmed",
    "rejected",
    "countered",
    "opted_out",
    "no_key",
    "hung_up",
    "busy",
    "no_answer",
    "machine",
    "fax",
    "refused",
    "unreachable",
    "canceled",
    "shutdown",
    "unknown",
    OTHER,
];
/// `cause` of a refused signature.
pub const SIGNATURE_CAUSES: &[&str] =
    &["missing", "doubled", "malformed", "mismatch", "unknown_key", "unknown_algorithm", OTHER];
/// `operation` of a request to Twilio.
pub const OPERATIONS: &[&str] = &["create", "fetch", "update", "list", "events", "account", OTHER];
/// `result` of a request to Twilio.
pub const RESULTS: &[&str] = &["ok", "refused", "rate_limited", "server_error", "timeout", "connect", OTHER];
/// `status` of a call, as in the API.
pub const STATUSES: &[&str] = &["queued", "dialing", "ringing", "in_progress", "finished", OTHER];
/// `result` of an event to a client: received; tried in vain and tried again; given up.
pub const EVENT_RESULTS: &[&str] = &["sent", "retried", "given_up", OTHER];
/// `status` of an answer; anything else is `other`.
const CODES: [u16; 20] =
    [200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504];

/// Handles for all that is counted; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    /// `tablecall_webhook_duration_seconds{kind}`: from the end of a webhook's head to its answer.
    pub webhooks: Family<Histogram>,
    /// `tablecall_calls_total{outcome}`: finished calls.
    pub outcomes: Family<Counter>,
    /// `tablecall_attempts_total{ended}`: ended attempts.
    pub attempts: Family<Counter>,
    /// `tablecall_signature_failures_total{cause}`: webhooks refused.
    pub signature_failures: Family<Counter>,
    /// `tablecall_twilio_request_duration_seconds{operation,result}`: requests to Twilio.
    pub twilio: Family<Family<Histogram>>,
    /// `tablecall_calls{status}`: calls held now.
    pub calls: Family<Gauge>,
    /// `tablecall_events_total{result}`: events to clients.
    pub events: Family<Counter>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Makes all series; `version` and `commit` go into `tablecall_build_info`.
    ///
    /// # Errors
    /// Only if the buckets in this file are wrong.
    pub fn new(version: &'static str, commit: &'static str) -> Result<Self, BuildError> {
        let recorder = Arc::new(PrometheusBuilder::new().set_buckets(&LATENCY)?.build_recorder());
        with_local_recorder(&*recorder, describe);
        let metrics = with_local_recorder(&*recorder, || {
            gauge!("tablecall_build_info", "version" => version, "commit" => commit).set(1.0);
            Self {
                recorder: Arc::clone(&recorder),
                handle: recorder.handle(),
                webhooks: Family::new(
                    WEBHOOKS,
                    |kind| histogram!("tablecall_webhook_duration_seconds", "kind" => kind),
                ),
                outcomes: Family::new(OUTCOMES, |outcome| counter!("tablecall_calls_total", "outcome" => outcome)),
                attempts: Family::new(ENDS, |ended| counter!("tablecall_attempts_total", "ended" => ended)),
                signature_failures: Family::new(
                    SIGNATURE_CAUSES,
                    |cause| counter!("tablecall_signature_failures_total", "cause" => cause),
                ),
                twilio: Family::new(OPERATIONS, twilio),
                calls: Family::new(STATUSES, |status| gauge!("tablecall_calls", "status" => status)),
                events: Family::new(EVENT_RESULTS, |result| counter!("tablecall_events_total", "result" => result)),
            }
        });
        Ok(metrics)
    }

    /// The latency of one route, `tablecall_http_request_duration_seconds{route,method,status}`.
    ///
    /// Call it once per route at start, with the path as it is written in the document, never as it was asked for.
    /// `success` is the status that is present with 0; others appear when they first happen.
    #[must_use]
    pub fn route(&self, route: &'static str, method: &'static str, success: u16) -> Route {
        let made = Route { recorder: Arc::clone(&self.recorder), route, method, by_code: Arc::default() };
        made.histogram(success);
        made
    }

    /// Makes further series under this recorder: inside `make`, the macros of `metrics` register here.
    pub fn register<T>(&self, make: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.recorder, make)
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds the samples of the histograms up every 5 s until `stop`: without it they are all kept in memory.
    pub async fn run_upkeep(&self, stop: CancellationToken) {
        // The memory that is given back is real, so is the time: a simulated clock may stand still.
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.handle.run_upkeep();
        }
    }
}

fn twilio(operation: &'static str) -> Family<Histogram> {
    Family::new(
        RESULTS,
        |result| histogram!("tablecall_twilio_request_duration_seconds", "operation" => operation, "result" => result),
    )
}

fn describe() {
    let seconds = Unit::Seconds;
    metrics::describe_histogram!("tablecall_http_request_duration_seconds", seconds, "Time to the head of an answer.");
    metrics::describe_histogram!("tablecall_webhook_duration_seconds", seconds, "Time to answer a webhook of Twilio.");
    metrics::describe_histogram!("tablecall_twilio_request_duration_seconds", seconds, "Time Twilio took to answer.");
    metrics::describe_counter!("tablecall_calls_total", "Calls that are finished.");
    metrics::describe_counter!("tablecall_attempts_total", "Attempts that have ended.");
    metrics::describe_counter!("tablecall_signature_failures_total", "Webhooks refused for their signature.");
    metrics::describe_gauge!("tablecall_calls", "Calls held.");
    metrics::describe_counter!("tablecall_events_total", "Events to clients.");
    metrics::describe_gauge!("tablecall_build_info", "1, with the version and commit of the program.");
}

/// One handle per value of a label.
#[derive(Clone, Debug)]
pub struct Family<T> {
    values: &'static [&'static str],
    handles: Arc<[T]>,
    other: T,
}

impl<T: Clone> Family<T> {
    fn new(values: &'static [&'static str], make: impl Fn(&'static str) -> T) -> Self {
        Self { values, handles: values.iter().map(|value| make(value)).collect(), other: make(OTHER) }
    }

    /// The handle for `value`; that of `other` when it is not in the list.
    #[must_use]
    pub fn get(&self, value: &str) -> &T {
        let place = self.values.iter().position(|known| *known == value);
        place.and_then(|place| self.handles.get(place)).unwrap_or(&self.other)
    }
}

/// The latency histograms of one route and method.
#[derive(Clone)]
pub struct Route {
    recorder: Arc<PrometheusRecorder>,
    route: &'static str,
    method: &'static str,
    by_code: Arc<ByCode>,
}

#[derive(Default)]
struct ByCode {
    /// In the order of [`CODES`].
    known: [OnceLock<Histogram>; CODES.len()],
    other: OnceLock<Histogram>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("route", &self.route).field("method", &self.method).finish_non_exhaustive()
    }
}

impl Route {
    /// Counts one answer.
    pub fn observe(&self, status: u16, took: Duration) {
        self.histogram(status).record(took.as_secs_f64());
    }

    fn histogram(&self, status: u16) -> &Histogram {
        let known = CODES.iter().zip(&self.by_code.known).find(|(code, _)| **code == status);
        let (code, handle) = known.map_or((None, &self.by_code.other), |(code, made)| (Some(code), made));
        handle.get_or_init(|| {
            with_local_recorder(&*self.recorder, || {
                let (route, method) = (self.route, self.method);
                let label = code.map_or_else(|| OTHER.to_owned(), u16::to_string);
                histogram!("tablecall_http_request_duration_seconds",
                    "route" => route, "method" => method, "status" => label)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_before_anything_happened() {
        let metrics = Metrics::new("1.2.3", "abc").unwrap();
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
        let metrics = Metrics::new("1.2.3", "abc").unwrap();
        metrics.outcomes.get("confirmed").increment(1);
        metrics.outcomes.get("made up").increment(2);
        metrics.calls.get("ringing").set(3.0);
        metrics.webhooks.get("gather").record(0.002);
        metrics.twilio.get("create").get("timeout").record(0.3);
        let route = metrics.route("/api/call/{id}", "GET", 200);
        route.observe(404, Duration::from_millis(2));
        route.observe(418, Duration::from_millis(2));
        let text = metrics.render();
        for line in [
            r#"tablecall_calls_total{outcome="confirmed"} 1"#,
            r#"tablecall_calls_total{outcome="other"} 2"#,
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

    #[tokio::test]
    async fn the_upkeep_folds_samples_up_and_ends_when_it_is_stopped() {
        let metrics = Metrics::new("1", "a").unwrap();
        let further = metrics.register(|| histogram!("tablecall_further_seconds"));
        further.record(0.5);
        let stop = CancellationToken::new();
        let upkeep = tokio::spawn({
            let (metrics, stop) = (metrics.clone(), stop.clone());
            async move { metrics.run_upkeep(stop).await }
        });
        stop.cancel();
        tokio::time::timeout(UPKEEP, upkeep).await.unwrap().unwrap();
        assert!(metrics.render().contains("tablecall_further_seconds_count 1"));
    }

    #[test]
    fn two_applications_in_one_process_do_not_mix() {
        let (one, other) = (Metrics::new("1", "a").unwrap(), Metrics::new("1", "a").unwrap());
        one.outcomes.get("busy").increment(1);
        assert!(one.render().contains(r#"tablecall_calls_total{outcome="busy"} 1"#));
        assert!(other.render().contains(r#"tablecall_calls_total{outcome="busy"} 0"#));
    }
}
