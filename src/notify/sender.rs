//! Sends one event once: limits the addresses and the time, and judges the answer.
//!
//! Redirects are not followed, nothing of the environment is used, and of an answer little more
//! than its status is read.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::dns::Resolve;
use rustls::CertificateError;

use super::address::{Private, PublicOnly};
use super::sign::{Secret, signatures};
use crate::domain::CallbackUrl;
use crate::telemetry::causes;
use crate::twilio::client::{Authorities, http_client_trusting};

/// Time limit of a request, from the name to the head of the answer.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for the rest of a response, which is read only to reuse the connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// Most bytes of an answer that are read; the connection of a longer one is closed.
const MAX_BODY: usize = 4 * 1024;

/// Sends events.
pub(super) struct EventSender {
    http: reqwest::Client,
    secrets: Vec<Secret>,
    allow_private: bool,
}

/// An event as it goes out.
#[derive(Clone, Debug)]
pub(super) struct EventDelivery {
    pub(super) url: CallbackUrl,
    /// The same for each repetition.
    pub(super) id: String,
    pub(super) body: String,
}

/// Reason of a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeliveryFailure {
    pub(super) why: FailureCause,
    /// Time for which the endpoint asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// The cause in words that name no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FailureCause {
    #[error("this deployment has no TABLECALL_WEBHOOK_SECRETS to sign with")]
    NoSecret,
    #[error("this URL is not allowed here: it must be https and lead to a public address")]
    NotAllowed,
    #[error("the host's name leads to no public address")]
    PrivateAddress,
    #[error("no connection could be opened")]
    NotConnected,
    #[error("the endpoint's certificate is not accepted: {0}")]
    NotTrusted(&'static str),
    #[error("no answer came within 5 seconds")]
    TimedOut,
    #[error("the connection broke before an answer came")]
    Broken,
    #[error("the endpoint redirects with {0}, which is not followed")]
    Redirected(u16),
    #[error("the endpoint answered 410: it wants no more of this call")]
    Gone,
    #[error("the endpoint answered {0}")]
    Answered(u16),
}

impl FailureCause {
    /// Returns whether the event must not be sent again.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Gone | Self::NoSecret)
    }

    /// Returns whether the endpoint works, whatever it said of this event.
    pub(super) const fn is_answer(self) -> bool {
        match self {
            Self::NoSecret | Self::Gone | Self::Redirected(_) => true,
            Self::Answered(status) => {
                status < 500 && status != StatusCode::TOO_MANY_REQUESTS.as_u16()
            }
            Self::NotAllowed
            | Self::PrivateAddress
            | Self::NotConnected
            | Self::NotTrusted(_)
            | Self::TimedOut
            | Self::Broken => false,
        }
    }
}

impl From<FailureCause> for DeliveryFailure {
    fn from(why: FailureCause) -> Self {
        Self {
            why,
            retry_after: None,
        }
    }
}

impl EventSender {
    /// A sender that finds endpoints by `resolver`; `allow_private`: at any address, and without TLS
    /// too.
    ///
    /// # Errors
    /// No client can be built.
    pub(super) fn new(
        secrets: Vec<Secret>,
        allow_private: bool,
        authorities: &Authorities,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, reqwest::Error> {
        let resolver = if allow_private {
            resolver
        } else {
            Arc::new(PublicOnly(resolver))
        };
        let http = http_client_trusting(authorities)
            .timeout(REQUEST_TIMEOUT)
            .dns_resolver(resolver)
            .build()?;
        Ok(Self {
            http,
            secrets,
            allow_private,
        })
    }

    /// Sends an event, signed as of `now`.
    pub(super) async fn send(
        &self,
        delivery: &EventDelivery,
        now: Timestamp,
    ) -> Result<(), DeliveryFailure> {
        if self.secrets.is_empty() {
            return Err(FailureCause::NoSecret.into());
        }
        // The settings may have been others when the call was made; and an address in a URL is not
        // resolved.
        if CallbackUrl::parse(delivery.url.as_str(), self.allow_private).is_err() {
            return Err(FailureCause::NotAllowed.into());
        }
        let seconds = now.as_second();
        let request = self
            .http
            .post(delivery.url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", seconds)
            .header(
                "webhook-signature",
                signatures(&self.secrets, &delivery.id, seconds, &delivery.body),
            )
            .body(delivery.body.clone());
        let answer = request.send().await.map_err(|error| judge_error(&error))?;
        let judged = judge(answer.status(), answer.headers(), now);
        // A body that takes longer is not worth the wait: its connection is closed instead of used
        // again.
        drop(tokio::time::timeout(BODY_TIMEOUT, read(answer)).await);
        judged
    }
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender")
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), DeliveryFailure> {
    let why = match status {
        StatusCode::GONE => FailureCause::Gone,
        status if status.is_success() => return Ok(()),
        status if status.is_redirection() => FailureCause::Redirected(status.as_u16()),
        status => FailureCause::Answered(status.as_u16()),
    };
    Err(DeliveryFailure {
        why,
        retry_after: retry_after(headers, now),
    })
}

/// Seconds, or a date. More seconds than can be counted are as long as it takes.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let at = rfc2822::parse(text).ok()?.timestamp();
    at.duration_since(now).try_into().ok()
}

fn judge_error(error: &reqwest::Error) -> DeliveryFailure {
    let why = if causes::chain(error).any(|cause| cause.is::<Private>()) {
        FailureCause::PrivateAddress
    } else if let Some(why) = causes::chain(error).find_map(why_untrusted) {
        FailureCause::NotTrusted(why)
    } else if error.is_timeout() {
        FailureCause::TimedOut
    } else if error.is_connect() {
        FailureCause::NotConnected
    } else {
        FailureCause::Broken
    };
    why.into()
}

/// The fault of a certificate; `None`: the error is another.
fn why_untrusted(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let Some(rustls::Error::InvalidCertificate(fault)) = cause.downcast_ref() else {
        return None;
    };
    let is_of_another = matches!(
        fault,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    );
    let has_expired = matches!(
        fault,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    );
    Some(if *fault == CertificateError::UnknownIssuer {
        "its authority is unknown here"
    } else if is_of_another {
        "it is of another host"
    } else if has_expired {
        "it has expired"
    } else {
        "it is not valid"
    })
}

async fn read(mut answer: reqwest::Response) {
    let mut length = 0;
    while length <= MAX_BODY
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        length += chunk.len();
    }
}

#[cfg(test)]
#[path = "sender/tests.rs"]
mod tests;
