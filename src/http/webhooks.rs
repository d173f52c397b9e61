//! Twilio's webhooks: one plain endpoint, outside poem-openapi, looked at before any route.
//!
//! The body is split into pairs once; the signature over them is verified before any of them is
//! believed. A missing, wrong or doubled signature gets an empty 403. A verified request gets a 2xx
//! whatever happens here: TwiML, or 204.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{IntoResponse as _, Request, Response};

use super::listener::{ConnectionLimits, read_body};
use super::refused_webhooks::RefusedWebhooks;
use crate::call::TalkPosition;
use crate::domain::id;
use crate::service::links::path;
use crate::service::{DocumentRequest, Service, WebhookOutcome};
use crate::speech::LAST_RESORT;
use crate::telemetry;
use crate::telemetry::metrics::{Family, Metrics, Webhook};
use crate::telemetry::request::Context;
use crate::telemetry::traces::{Attribute, FinishedSpan, SpanRole};
use crate::twilio::form::Form;
use crate::twilio::signature::{SignatureFailure, SignatureHeaders, Verifier};
use crate::twilio::webhook::{AmdCallback, StatusCallback, VoiceRequest};

/// Every path of a webhook begins with this.
pub const PREFIX: &str = "/twiml/";

/// Answers webhooks.
#[derive(Debug)]
pub struct Webhooks {
    service: Service,
    verifier: Verifier,
    limits: ConnectionLimits,
    webhooks: Family<Webhook>,
    refused: RefusedWebhooks,
}

/// The kind of webhook at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WebhookPath<'a> {
    Document(DocumentRequest, &'a str),
    Status(&'a str),
    Machine(&'a str),
    /// A path of another version, or an unknown one. Staff on the line hear one sentence.
    Unknown,
}

impl<'a> WebhookPath<'a> {
    fn of(path: &'a str) -> Self {
        Self::known(path).unwrap_or(Self::Unknown)
    }

    fn known(path: &'a str) -> Option<Self> {
        if let Some(ticket) = path.strip_prefix(path::ANSWER) {
            return Some(Self::Document(DocumentRequest::Answer, ticket));
        }
        if let Some(rest) = path.strip_prefix(path::KEYS) {
            let (position, ticket) = rest.split_once('/')?;
            let position: TalkPosition = position.parse().ok()?;
            return Some(Self::Document(DocumentRequest::Keys(position), ticket));
        }
        if path == path::INBOUND {
            return Some(Self::Document(DocumentRequest::Inbound, ""));
        }
        if let Some(rest) = path.strip_prefix(path::INBOUND_KEYS) {
            let (position, ticket) = rest.split_once('/')?;
            return Some(Self::Document(
                DocumentRequest::InboundKeys(position.parse().ok()?),
                ticket,
            ));
        }
        if let Some(ticket) = path.strip_prefix(path::STATUS) {
            return Some(Self::Status(ticket));
        }
        if let Some(ticket) = path.strip_prefix(path::FALLBACK) {
            return Some(Self::Document(DocumentRequest::Fallback, ticket));
        }
        path.strip_prefix(path::MACHINE).map(Self::Machine)
    }

    /// Its `kind` in metrics and log lines.
    const fn word(self) -> &'static str {
        match self {
            Self::Document(DocumentRequest::Answer, _) => "answer",
            Self::Document(DocumentRequest::Keys(_), _) => "gather",
            Self::Status(_) => "status",
            Self::Machine(_) => "machine",
            Self::Document(DocumentRequest::Fallback, _) => "fallback",
            Self::Document(DocumentRequest::Inbound | DocumentRequest::InboundKeys(_), _) => {
                "inbound"
            }
            Self::Unknown => "other",
        }
    }
}

impl Webhooks {
    /// Webhooks of a service, verified by `verifier`; those that are not believed go to `refused`.
    #[must_use]
    pub fn new(
        service: Service,
        verifier: Verifier,
        limits: ConnectionLimits,
        refused: RefusedWebhooks,
        metrics: &Metrics,
    ) -> Self {
        let webhooks = metrics.webhooks.clone();
        Self {
            service,
            verifier,
            limits,
            webhooks,
            refused,
        }
    }

    /// Answers one webhook.
    ///
    /// Takes `&mut Request`: passing it by value would make every future on the way larger by its
    /// size.
    pub async fn answer(&self, request: &mut Request) -> Response {
        let context = Context::new(id::random_text());
        context.scope(self.serve(request, &context)).await
    }

    async fn serve(&self, request: &mut Request, context: &Context) -> Response {
        let begun = Instant::now();
        let uri = request.uri().clone();
        let hook = WebhookPath::of(uri.path());
        if *request.method() != Method::POST {
            return self.refused.wrong_method(request, hook.word());
        }
        let body = match read_body(request, self.limits.body_bytes, self.limits.body).await {
            Ok(body) => body,
            Err(error) => {
                let status = poem::error::ResponseError::status(&error);
                return self.refused.unread_body(request, hook.word(), status);
            }
        };
        let form = match self.verify(request, &body) {
            Ok(form) => form,
            Err((failure, form)) => {
                let why = (failure, form.as_ref());
                return self
                    .refused
                    .unverified(request, hook.word(), &self.verifier, why);
            }
        };
        let dispatched = AssertUnwindSafe(self.dispatch(hook, &form))
            .catch_unwind()
            .await;
        // Whatever failed, the restaurant hears a sentence and not Twilio's "application error".
        let (response, outcome) =
            dispatched.unwrap_or_else(|_panic| (last_resort(hook), WebhookOutcome::Failed));
        let (outcome, took) = (outcome.word(), begun.elapsed());
        let counted = self.webhooks.get(hook.word());
        counted.duration.record(took);
        counted.heard.get(outcome).increment(1);
        self.trace(hook, outcome, context, took);
        let (call_sid, call) = (form.get("CallSid").unwrap_or_default(), context.call());
        tracing::info!(
            webhook = hook.word(),
            call.id = call.map(display),
            twilio.call_sid = call_sid,
            outcome,
            duration_ms = telemetry::milliseconds(took),
            "webhook"
        );
        response
    }

    /// Adds the webhook to the trace of its call, if there is one.
    fn trace(
        &self,
        hook: WebhookPath<'_>,
        outcome: &'static str,
        context: &Context,
        took: Duration,
    ) {
        let (Some(traces), Some(parent)) = (self.service.traces(), context.trace()) else {
            return;
        };
        let call = context
            .call()
            .map(|call| Attribute::new("tablecall.call.id", call.to_string()));
        let outcome = [
            Attribute::new("tablecall.outcome", outcome),
            Attribute::new("tablecall.request.id", context.id().to_owned()),
        ];
        let past = FinishedSpan {
            parent,
            name: format!("webhook {}", hook.word()).into(),
            side: SpanRole::Server,
            attributes: outcome.into_iter().chain(call).collect(),
            failed: None,
        };
        traces.took(past, took);
    }

    /// The pairs of the body, once the signature over them holds; else what is wrong, with the
    /// pairs where there are any.
    fn verify(
        &self,
        request: &Request,
        body: &[u8],
    ) -> Result<Form, (SignatureFailure, Option<Form>)> {
        let headers = SignatureHeaders::of(request.headers());
        let form = Form::parse(body).map_err(|_| (SignatureFailure::Malformed, None))?;
        // The bytes of the request line; scheme and host come from the configured public URL.
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        match self.verifier.verify(target, &headers, &form) {
            Ok(()) => Ok(form),
            Err(failure) => Err((failure, Some(form))),
        }
    }

    async fn dispatch(&self, hook: WebhookPath<'_>, form: &Form) -> (Response, WebhookOutcome) {
        let handler = self.service.webhooks();
        match hook {
            WebhookPath::Document(document, ticket) => match VoiceRequest::read(form) {
                Ok(request) => {
                    let (twiml, outcome) = handler.document(document, ticket, &request).await;
                    (xml(twiml), outcome)
                }
                Err(_) => (xml(LAST_RESORT.to_owned()), WebhookOutcome::Foreign),
            },
            WebhookPath::Status(ticket) => {
                let outcome = match StatusCallback::read(form) {
                    Ok(callback) => handler.status(ticket, &callback).await,
                    Err(_) => WebhookOutcome::Foreign,
                };
                (StatusCode::NO_CONTENT.into_response(), outcome)
            }
            WebhookPath::Machine(ticket) => {
                let outcome = match AmdCallback::read(form) {
                    Ok(callback) => handler.machine(ticket, &callback).await,
                    Err(_) => WebhookOutcome::Foreign,
                };
                (StatusCode::NO_CONTENT.into_response(), outcome)
            }
            WebhookPath::Unknown => (last_resort(hook), WebhookOutcome::Foreign),
        }
    }
}

fn xml(twiml: String) -> Response {
    let mut response = Response::from(twiml);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/xml; charset=utf-8"),
    );
    response
}

/// The response to Twilio when everything else failed.
fn last_resort(hook: WebhookPath<'_>) -> Response {
    match hook {
        WebhookPath::Document(..) | WebhookPath::Unknown => xml(LAST_RESORT.to_owned()),
        WebhookPath::Status(_) | WebhookPath::Machine(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_webhook() {
        assert_eq!(
            WebhookPath::of("/twiml/answer/T"),
            WebhookPath::Document(DocumentRequest::Answer, "T")
        );
        let keys = WebhookPath::of("/twiml/keys/1-0-0-7-k-o/T");
        assert_eq!(
            keys,
            WebhookPath::Document(DocumentRequest::Keys(TalkPosition::first(7)), "T")
        );
        assert_eq!(
            WebhookPath::of("/twiml/inbound"),
            WebhookPath::Document(DocumentRequest::Inbound, "")
        );
        let position = TalkPosition::called_back(crate::call::position::TalkStage::Called);
        let keys = WebhookPath::of("/twiml/inbound/keys/128-0-0-0-b-o/T");
        assert_eq!(
            keys,
            WebhookPath::Document(DocumentRequest::InboundKeys(position), "T")
        );
        assert_eq!(WebhookPath::of("/twiml/status/T"), WebhookPath::Status("T"));
        assert_eq!(
            WebhookPath::of("/twiml/machine/T"),
            WebhookPath::Machine("T")
        );
        for (path, word) in [
            ("/twiml/answer/T", "answer"),
            ("/twiml/keys/1-0-0-7-k-o/T", "gather"),
            ("/twiml/status/T", "status"),
            ("/twiml/machine/T", "machine"),
            ("/twiml/fallback/T", "fallback"),
            ("/twiml/inbound", "inbound"),
            ("/twiml/x", "other"),
        ] {
            assert_eq!(WebhookPath::of(path).word(), word, "{path}");
        }
        for wrong in [
            "/twiml/",
            "/twiml/keys/T",
            "/twiml/keys/x/T",
            "/twiml/other/T",
        ] {
            assert_eq!(WebhookPath::of(wrong), WebhookPath::Unknown, "{wrong}");
        }
    }
}
