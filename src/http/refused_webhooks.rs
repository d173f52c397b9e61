//! Counts, logs and answers webhooks that are not believed or cannot be read.
//!
//! A log line names the likely cause ([`Verifier::hint`]). Strangers cause them, so both are
//! limited: one hint a second after the first sixty, and a line a minute after the first few.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use metrics::Counter;
use parking_lot::Mutex;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse as _, Request, Response};

use super::networks::{TrustedProxies, subscriber};
use crate::domain::CallSid;
use crate::service::links::path;
use crate::telemetry::line_limit::LineLimit;
use crate::telemetry::metrics::{Family, Metrics};
use crate::twilio::form::Form;
use crate::twilio::signature::{
    HINT_HEADER, PROOF_HEADER, RefusedWebhook, SignatureFailure, Verifier, is_authority,
};
use clock::Clock;

/// Capacity of the token bucket of hints, and the time in which it gets one more.
const HINTS: i32 = 60;
const HINT_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Counts, logs and answers refused webhooks.
#[derive(Debug)]
pub struct RefusedWebhooks {
    public_url: String,
    account_sid: String,
    proxies: TrustedProxies,
    clock: Clock,
    lines: LineLimit,
    /// The token bucket of hints, as the time at which it is full again.
    hints_full_at: Mutex<Timestamp>,
    signatures: Family<Counter>,
    unread: Family<Counter>,
}

impl RefusedWebhooks {
    /// Handles webhooks at `public_url`, an origin, of the account `account_sid`.
    #[must_use]
    pub fn new(
        public_url: String,
        account_sid: String,
        proxies: TrustedProxies,
        clock: Clock,
        metrics: &Metrics,
    ) -> Self {
        Self {
            public_url,
            account_sid,
            proxies,
            clock,
            lines: LineLimit::default(),
            hints_full_at: Mutex::default(),
            signatures: metrics.signature_failures.clone(),
            unread: metrics.webhooks_unread.clone(),
        }
    }

    /// Answers a request with another method than POST.
    pub fn wrong_method(&self, request: &Request, webhook: &'static str) -> Response {
        let hint = match request.method().as_str() {
            "GET" | "HEAD" => {
                "Twilio, or a proxy, asks with GET: set the webhook of the number to HTTP POST"
            }
            _ => "webhooks are asked for with POST",
        };
        self.unread.get("method").increment(1);
        self.log(request, webhook, "method", Some(hint), None);
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        let allowed = HeaderValue::from_static("POST");
        response.headers_mut().insert(header::ALLOW, allowed);
        response
    }

    /// Answers a request whose body was not read: `status` says why.
    pub fn unread_body(
        &self,
        request: &Request,
        webhook: &'static str,
        status: StatusCode,
    ) -> Response {
        let (cause, hint) = match status {
            StatusCode::REQUEST_TIMEOUT => (
                "timeout",
                "the body did not arrive in time: a proxy keeps it back or lost it",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("too_large", "the body is longer than any of Twilio's")
            }
            _ => ("broken", "the connection broke before the body was whole"),
        };
        self.unread.get(cause).increment(1);
        self.log(request, webhook, cause, Some(hint), None);
        status.into_response()
    }

    /// Answers a request whose signature, or form, is not right.
    pub fn unverified(
        &self,
        request: &Request,
        webhook: &'static str,
        verifier: &Verifier,
        (failure, form): (SignatureFailure, Option<&Form>),
    ) -> Response {
        let cause = failure.label();
        let now = self.clock.now();
        let headers = request.headers();
        let is_operator = headers
            .get(PROOF_HEADER)
            .is_some_and(|proof| verifier.is_operator(proof.as_bytes(), now));
        if is_operator && failure == SignatureFailure::Missing && request.uri().path() == path::LOOK
        {
            // The service looks at its own public URL.
            return StatusCode::FORBIDDEN.into_response();
        }
        // `tablecall doctor` has its answer; no operator need look at the log for it.
        if !is_operator {
            self.signatures.get(cause).increment(1);
        }
        let hint = (is_operator || self.may_hint(now)).then(|| {
            let target = request.uri().path_and_query();
            let refused = RefusedWebhook {
                public_url: &self.public_url,
                account_sid: &self.account_sid,
                target: target.map_or("/", |target| target.as_str()),
                headers,
                form,
            };
            verifier.hint(failure, &refused)
        });
        let call_sid = form.and_then(|form| form.get("CallSid"));
        if !is_operator {
            self.log(request, webhook, cause, hint.as_deref(), call_sid);
        }
        let mut response = StatusCode::FORBIDDEN.into_response();
        if is_operator && let Some(hint) = hint.and_then(|hint| HeaderValue::try_from(hint).ok()) {
            response.headers_mut().insert(HINT_HEADER, hint);
        }
        response
    }

    /// Returns whether one more hint may be worked out now.
    fn may_hint(&self, now: Timestamp) -> bool {
        let empty = HINT_EVERY * HINTS;
        let mut full_at = self.hints_full_at.lock();
        // After a clock was set back no more is missing than the bucket holds.
        let missing = full_at
            .duration_since(now)
            .clamp(SignedDuration::ZERO, empty);
        let is_left = missing < empty;
        let taken = if is_left {
            HINT_EVERY
        } else {
            SignedDuration::ZERO
        };
        *full_at = clock::later(now, missing + taken);
        is_left
    }

    fn log(
        &self,
        request: &Request,
        webhook: &'static str,
        cause: &'static str,
        hint: Option<&str>,
        call_sid: Option<&str>,
    ) {
        let client = self.proxies.client(request);
        let kind = (client.map(subscriber), webhook, cause, hint);
        let Some(left_out) = self.lines.admit(kind, self.clock.now()) else {
            return;
        };
        tracing::warn!(
            webhook,
            cause,
            hint,
            public_url = self.public_url,
            host = host(request.headers()),
            client.address = client.map(|client: IpAddr| tracing::field::display(client)),
            twilio.call_sid = call_sid.filter(|sid| is_call_sid(sid)),
            left_out = (left_out > 0).then_some(left_out),
            "refused a webhook"
        );
    }
}

/// Only text in the form of a SID is logged, because it is not signed.
fn is_call_sid(text: &str) -> bool {
    text.parse::<CallSid>().is_ok()
}

/// The host that was asked for, where it can be one: anybody may write anything there.
fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    is_authority(host).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_few_under_attack() {
        let metrics = Metrics::new("1", "a", Timestamp::UNIX_EPOCH);
        let clock = Clock::system();
        let refused = RefusedWebhooks::new(
            "https://a.example".to_owned(),
            "AC1".to_owned(),
            TrustedProxies::default(),
            clock,
            &metrics,
        );
        let start: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let hints = |seconds| (0..1_000).filter(|_| refused.may_hint(at(seconds))).count();
        assert_eq!(hints(0), 60);
        assert_eq!(hints(5), 5);
        assert_eq!(hints(3_600), 60);
        assert_eq!(
            hints(0),
            0,
            "after a clock was set back the bucket is empty at most"
        );
        assert_eq!(hints(61), 60);
    }

    #[test]
    fn what_is_no_sid_and_no_host_is_not_logged() {
        assert!(is_call_sid("CA0123456789abcdef0123456789abcdef"));
        assert!(!is_call_sid("CA+14155550101 Ana García, 4 guests"));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "calls.example.com:8443".parse().unwrap());
        assert_eq!(host(&headers), Some("calls.example.com:8443"));
        headers.insert(header::HOST, "Ana Garcia".parse().unwrap());
        assert_eq!(host(&headers), None);
    }
}
