//! Sends reports to Sentry, and says why it cannot: the library's own transport drops a report in
//! silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::{StatusCode, header};
use sentry::transports::{RateLimiter, TokioTransportThread, TokioTransportThreadOptions};
use sentry::{Envelope, Transport, TransportFactory, TransportOptions};

use crate::telemetry::causes::innermost;

/// Time between two lines about reports that are lost.
const TELL_INTERVAL: Duration = Duration::from_mins(1);

/// Makes the transport with a client of ours: its roots are in the program, and no other TLS comes
/// in.
pub(super) struct Outbound(pub(super) reqwest::Client);

impl TransportFactory for Outbound {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let sender = Arc::new(Sender {
            http: self.0.clone(),
            url: options.dsn.envelope_api_url().to_string(),
            auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
            losses: Mutex::default(),
        });
        let send = move |envelope, limits| Arc::clone(&sender).send(envelope, limits);
        let thread = TokioTransportThreadOptions::new(send)
            .with_client_report_recorder(options.client_report_recorder);
        Arc::new(Delivery(thread.spawn_thread()))
    }
}

struct Delivery(TokioTransportThread);

impl Transport for Delivery {
    fn send_envelope(&self, envelope: Envelope) {
        self.0.send(envelope);
    }

    fn flush(&self, timeout: Duration) -> bool {
        self.0.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> bool {
        self.flush(timeout)
    }
}

struct Sender {
    http: reqwest::Client,
    url: String,
    auth: String,
    losses: Mutex<Losses>,
}

impl Sender {
    async fn send(self: Arc<Self>, envelope: Envelope, mut limits: RateLimiter) -> RateLimiter {
        let mut body = Vec::new();
        let sent = match envelope.to_writer(&mut body) {
            Ok(()) => self.post(body, &mut limits).await,
            Err(error) => Err(error.to_string()),
        };
        let line = self.losses.lock().note(sent, Instant::now());
        // A warning: what is logged as an error would be a report itself.
        match line {
            Some(Line::Lost { reason, lost }) => {
                tracing::warn!(reason, lost, "errors cannot be reported to Sentry");
            }
            Some(Line::Delivered) => tracing::info!("errors are reported to Sentry again"),
            None => {}
        }
        limits
    }

    /// Posts one envelope, and heeds how long Sentry wants no more of them.
    async fn post(&self, body: Vec<u8>, limits: &mut RateLimiter) -> Result<(), String> {
        let request = self
            .http
            .post(&self.url)
            .header("x-sentry-auth", &self.auth);
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| innermost(&error.without_url()))?;
        let text = |name: &str| answer.headers().get(name)?.to_str().ok();
        if let Some(limited) = text("x-sentry-rate-limits") {
            limits.update_from_sentry_header(limited);
        } else if let Some(pause) = text(header::RETRY_AFTER.as_str()) {
            limits.update_from_retry_after(pause);
        } else if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            limits.update_from_429();
        }
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("Sentry answers {}", answer.status()))
        }
    }
}

/// Reports that did not arrive.
#[derive(Default)]
struct Losses {
    /// Reports lost since the last line.
    lost: u64,
    is_failing: bool,
    told_at: Option<Instant>,
}

/// A line to log.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Lost { reason: String, lost: u64 },
    Delivered,
}

impl Losses {
    fn note(&mut self, sent: Result<(), String>, now: Instant) -> Option<Line> {
        let Err(reason) = sent else {
            let was_failing = std::mem::take(&mut self.is_failing);
            return was_failing.then_some(Line::Delivered);
        };
        self.lost += 1;
        let told = self
            .told_at
            .is_some_and(|at| now.saturating_duration_since(at) < TELL_INTERVAL);
        if told {
            return None;
        }
        self.told_at = Some(now);
        self.is_failing = true;
        let lost = std::mem::take(&mut self.lost);
        Some(Line::Lost { reason, lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_reports_are_told_of_once_a_minute_with_their_reason() {
        let mut losses = Losses::default();
        let begun = Instant::now();
        let mut note = |sent: Result<(), &str>, seconds| {
            let sent = sent.map_err(str::to_owned);
            losses.note(sent, begun + Duration::from_secs(seconds))
        };
        let lost = |reason: &str, lost| {
            Some(Line::Lost {
                reason: reason.to_owned(),
                lost,
            })
        };
        assert_eq!(note(Ok(()), 0), None);
        assert_eq!(note(Err("refused"), 1), lost("refused", 1));
        assert_eq!(note(Err("refused"), 2), None);
        assert_eq!(note(Err("reset"), 61), lost("reset", 2));
        assert_eq!(note(Ok(()), 62), Some(Line::Delivered));
        assert_eq!(note(Ok(()), 63), None);
        assert_eq!(note(Err("refused"), 64), None, "it has been told of");
        assert_eq!(note(Ok(()), 65), None);
        assert_eq!(note(Err("refused"), 121), lost("refused", 2));
    }
}
