//! Twilio's REST API as the service uses it: each request is measured, logged and traced.

use std::time::{Duration, Instant};

use crate::domain::CallSid;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request;
use crate::telemetry::traces::{Attribute, FinishedSpan, SpanRole, Traces};
use crate::twilio::client::{
    CallEvent, CallPage, CallResource, CallUpdate, Client, ListQuery, NewCall, SendDeadline,
    TwilioError, UnansweredCause,
};

/// The client of the REST API, with metrics and traces around each request.
#[derive(Debug)]
pub(super) struct TwilioApi {
    client: Client,
    metrics: Metrics,
    traces: Option<Traces>,
}

impl TwilioApi {
    pub(super) const fn new(client: Client, metrics: Metrics, traces: Option<Traces>) -> Self {
        Self {
            client,
            metrics,
            traces,
        }
    }

    /// Creates a call; nothing is sent after `deadline`.
    pub(super) async fn create(
        &self,
        call: &NewCall,
        deadline: Option<SendDeadline>,
    ) -> Result<CallSid, TwilioError> {
        self.measured("create", self.client.create(call, deadline))
            .await
    }

    pub(super) async fn update(
        &self,
        sid: CallSid,
        update: &CallUpdate,
    ) -> Result<CallResource, TwilioError> {
        self.measured("update", self.client.update(sid, update))
            .await
    }

    pub(super) async fn fetch(&self, sid: CallSid) -> Result<CallResource, TwilioError> {
        self.measured("fetch", self.client.fetch(sid)).await
    }

    pub(super) async fn list(&self, query: &ListQuery) -> Result<CallPage, TwilioError> {
        self.measured("list", self.client.list(query)).await
    }

    /// Fetches the page that a list named as its next.
    pub(super) async fn list_next(&self, uri: &str) -> Result<CallPage, TwilioError> {
        self.measured("list", self.client.list_next(uri)).await
    }

    /// Fetches the requests that Twilio made for a call, with their parameters.
    pub(super) async fn events(&self, sid: CallSid) -> Result<Vec<CallEvent>, TwilioError> {
        self.measured("events", self.client.events(sid)).await
    }

    /// A request to Twilio that was made for the request at hand.
    fn trace(&self, operation: &'static str, result: &'static str, took: Duration) {
        let Some(traces) = self.traces.as_ref() else {
            return;
        };
        let Some(parent) = request::current().and_then(|context| context.trace()) else {
            return;
        };
        let past = FinishedSpan {
            parent,
            name: format!("Twilio {operation}").into(),
            side: SpanRole::Client,
            attributes: vec![Attribute::new("tablecall.result", result)],
            failed: (result != "ok").then_some(result),
        };
        traces.took(past, took);
    }

    /// Measures a request to Twilio.
    async fn measured<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, TwilioError>>,
    ) -> Result<T, TwilioError> {
        let metrics = &self.metrics;
        let begun = Instant::now();
        let result = request.await;
        let (word, code) = match &result {
            Ok(_) => ("ok", None),
            Err(TwilioError::Refused(refusal)) => ("refused", refusal.code),
            Err(TwilioError::TryLater { code, .. }) => ("rate_limited", *code),
            Err(TwilioError::NotSent(_)) => ("connect", None),
            Err(TwilioError::Unanswered { why }) => (unanswered(why), None),
        };
        if result.is_err() {
            metrics.twilio_errors.count(code);
        }
        let took = begun.elapsed();
        metrics.twilio.get(operation).get(word).record(took);
        let duration_ms = took.as_secs_f64() * 1_000.0;
        self.trace(operation, word, took);
        tracing::debug!(
            operation,
            result = word,
            twilio.code = code,
            duration_ms,
            "asked Twilio"
        );
        result
    }
}

const fn unanswered(why: &UnansweredCause) -> &'static str {
    match why {
        UnansweredCause::Timeout => "timeout",
        UnansweredCause::Broken(_) => "broken",
        UnansweredCause::Status(_) => "server_error",
        UnansweredCause::Unreadable | UnansweredCause::ForeignPage | UnansweredCause::NoSid => {
            "unreadable"
        }
    }
}
