//! Handles Twilio's webhooks. Their signature was verified before; the ticket is opened here.

use std::sync::Arc;
use std::time::Instant;

use super::call_status;
use super::dialler::Dialler;
use super::engine::{Applied, CallEngine};
use super::{ServiceError, ServiceSettings, links};
use crate::call::{
    Apology, AttemptRef, Call, Event, Input, Machine, Reply, SpokenIntent, TalkPosition,
};
use crate::domain::Language;
use crate::speech::Speech;
use crate::store::{self, CallStore as _, Saved};
use crate::telemetry::metrics::labels::{ACCOUNT, EXPIRED, MALFORMED, NO_KEY};
use crate::telemetry::request;
use crate::ticket::{Opened, TicketError, TicketPurpose, Tickets};
use crate::twilio::webhook::{AmdCallback, StatusCallback, VoiceRequest};
use crate::twilio::{AccountSid, AnsweredBy};

/// Kind of the requested document of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentRequest {
    /// The first.
    Answer,
    /// The result of a Gather.
    Keys(TalkPosition),
    /// The fallback for a document that failed.
    Fallback,
    /// An inbound call.
    Inbound,
    /// The keys of an inbound call.
    InboundKeys(TalkPosition),
}

/// The result of a webhook, for its log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// It was taken note of, or known already.
    Heard,
    /// It speaks of no call of ours: it changed nothing.
    Foreign,
    /// The service failed. The response to Twilio does not show it.
    Failed,
}

impl WebhookOutcome {
    /// Its `outcome` in metrics and log lines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::Foreign => "foreign",
            Self::Failed => "failed",
        }
    }
}

/// The most tries to load a webhook's call or to take it over. A try fails if another process was
/// quicker.
const MAX_TRIES: usize = 100;

/// Answers Twilio's requests: documents of the conversation and callbacks.
#[derive(Debug)]
pub struct WebhookHandler {
    pub(super) engine: Arc<CallEngine>,
    pub(super) dialler: Arc<Dialler>,
    pub(super) settings: Arc<ServiceSettings>,
    pub(super) tickets: Arc<Tickets>,
    pub(super) links: Arc<links::Links>,
    pub(super) speech: Arc<Speech>,
}

impl WebhookHandler {
    /// The document for `request`: always TwiML, whatever happens.
    pub async fn document(
        &self,
        document: DocumentRequest,
        ticket: &str,
        request: &VoiceRequest<'_>,
    ) -> (String, WebhookOutcome) {
        match document {
            DocumentRequest::Inbound => return self.inbound(request).await,
            DocumentRequest::InboundKeys(position) => {
                return Box::pin(self.inbound_keys(position, ticket, request)).await;
            }
            DocumentRequest::Answer | DocumentRequest::Keys(_) | DocumentRequest::Fallback => {}
        }
        let opened = self.open(ticket, TicketPurpose::Voice, request.account_sid);
        let opened = match opened.await {
            Ok(opened) => opened,
            Err(refused) => return (self.apologize(refused.as_ref()), WebhookOutcome::Foreign),
        };
        let on = AttemptRef {
            attempt: opened.head.attempt,
            sid: request.call_sid,
        };
        let event = self.voice_event(document, on, request, &opened);
        let keyed = matches!(
            event,
            Event::Keyed {
                input: Input::Digits(_),
                ..
            }
        )
        .then(Instant::now);
        match self.apply_or_adopt(&opened, event).await {
            Ok(Some(applied)) => {
                if let Some(begun) = keyed {
                    self.engine.count_key(begun);
                }
                let reply = applied.reply.unwrap_or(Reply::Apology(Apology::Fault));
                self.dialler.perform_for_twilio(&applied).await;
                (
                    self.say(&reply, &applied.call, |position| {
                        self.links.keys(position, ticket)
                    }),
                    WebhookOutcome::Heard,
                )
            }
            Ok(None) => (self.apologize(Some(&opened)), WebhookOutcome::Foreign),
            Err(error) => {
                tracing::error!(call.id = %opened.head.call, error = %error, "the answer of the restaurant could not be stored");
                (self.apologize(Some(&opened)), WebhookOutcome::Failed)
            }
        }
    }

    /// A status callback.
    pub async fn status(&self, ticket: &str, callback: &StatusCallback) -> WebhookOutcome {
        let opened = self.open(ticket, TicketPurpose::Status, callback.account_sid);
        let Ok(opened) = opened.await else {
            return WebhookOutcome::Foreign;
        };
        let on = AttemptRef {
            attempt: opened.head.attempt,
            sid: callback.call_sid,
        };
        self.callback(&opened, call_status::event(on, callback))
            .await
    }

    /// The result of answering-machine detection. A human or an unknown result changes nothing.
    pub async fn machine(&self, ticket: &str, callback: &AmdCallback) -> WebhookOutcome {
        let opened = self.open(ticket, TicketPurpose::Machine, callback.account_sid);
        let Ok(opened) = opened.await else {
            return WebhookOutcome::Foreign;
        };
        let on = AttemptRef {
            attempt: opened.head.attempt,
            sid: callback.call_sid,
        };
        let machine = match callback.answered_by {
            Some(AnsweredBy::MachineEndBeep) => Machine::Beep,
            Some(AnsweredBy::Fax) => Machine::Fax,
            Some(
                AnsweredBy::MachineStart
                | AnsweredBy::MachineEndSilence
                | AnsweredBy::MachineEndOther,
            ) => Machine::Voice,
            Some(AnsweredBy::Human | AnsweredBy::Unknown) | None => return WebhookOutcome::Heard,
        };
        self.callback(&opened, Event::Detected(on, machine)).await
    }

    fn voice_event(
        &self,
        document: DocumentRequest,
        on: AttemptRef,
        request: &VoiceRequest<'_>,
        opened: &Opened,
    ) -> Event {
        let sealed_at = opened.head.sealed_at;
        // Only what was said needs the language, and only then is it worth opening the whole
        // ticket.
        let language = || opened.body().map(|body| body.reservation.language);
        let input = || self.input(request.speech_result.and_then(|_| language()), request);
        match document {
            DocumentRequest::Answer
            | DocumentRequest::Inbound
            | DocumentRequest::InboundKeys(_) => Event::Fetched { on, sealed_at },
            DocumentRequest::Keys(position) => Event::Keyed {
                on,
                position,
                input: input(),
                sealed_at,
            },
            DocumentRequest::Fallback => {
                match (request.error_url.and_then(links::failed_position), input()) {
                    // The keys that were on their way when the document failed, if Twilio sends
                    // them along.
                    (Some(position), input @ (Input::Digits(_) | Input::Spoken(_))) => {
                        Event::Keyed {
                            on,
                            position: position.heard_late(),
                            input,
                            sealed_at,
                        }
                    }
                    (position, _) => Event::Resumed {
                        on,
                        position,
                        sealed_at,
                    },
                }
            }
        }
    }

    async fn callback(&self, opened: &Opened, event: Event) -> WebhookOutcome {
        match self.apply_or_adopt(opened, event).await {
            Ok(Some(applied)) => {
                self.dialler.perform_for_twilio(&applied).await;
                WebhookOutcome::Heard
            }
            Ok(None) => WebhookOutcome::Foreign,
            Err(error) => {
                tracing::error!(call.id = %opened.head.call, error = %error, "a callback could not be stored");
                WebhookOutcome::Failed
            }
        }
    }

    /// Opens a ticket that we sealed for this purpose and this account.
    ///
    /// # Errors
    /// It is none, or too old; with its content where it can be read all the same.
    pub(super) async fn open(
        &self,
        ticket: &str,
        purpose: TicketPurpose,
        account: AccountSid,
    ) -> Result<Opened, Option<Opened>> {
        let (opened, expired) = match self.tickets.open(ticket, purpose, self.engine.now()) {
            Ok(opened) => (opened, false),
            Err(TicketError::Expired(opened)) => (opened, true),
            Err(TicketError::Forged) => {
                self.unopened(NO_KEY, "no key in TABLECALL_TICKET_KEYS opens the ticket in its URL; give all instances the same keys");
                return Err(None);
            }
            Err(TicketError::Malformed) if ticket == links::path::DOCTOR => return Err(None),
            Err(TicketError::Malformed) => {
                self.unopened(MALFORMED, "there is no ticket in its URL");
                return Err(None);
            }
        };
        request::note_call(opened.head.call.as_bytes());
        if expired && !Box::pin(self.is_open(&opened)).await {
            self.unopened(EXPIRED, "the ticket in its URL is too old");
            return Err(Some(opened));
        }
        let fits =
            account == self.settings.account && opened.head.account == self.settings.account_digest;
        if fits {
            return Ok(opened);
        }
        self.unopened(
            ACCOUNT,
            "the ticket in its URL is of a call of another account",
        );
        Err(Some(opened))
    }

    /// Returns whether the call of a ticket is under way in the attempt that it was sealed for: a
    /// ticket that is too old then is one whose clock was set forward.
    async fn is_open(&self, opened: &Opened) -> bool {
        let call = self.engine.store.recent(opened.head.call).await;
        call.ok().flatten().is_some_and(|call| {
            let attempt = call.attempt().map(|last| last.number);
            !call.is_finished() && attempt == Some(opened.head.attempt)
        })
    }

    /// Counts and logs a webhook that Twilio has signed and that changes nothing: the person on
    /// the line hears an apology.
    fn unopened(&self, cause: &'static str, why: &'static str) {
        self.engine.metrics.tickets_unopened.get(cause).increment(1);
        tracing::warn!(
            cause,
            why,
            "a webhook is signed, but its ticket cannot be used"
        );
    }

    /// Lets the event happen: to the stored call, or to the one in the ticket. `None`: the ticket
    /// is of a form that this process does not know.
    async fn apply_or_adopt(
        &self,
        opened: &Opened,
        event: Event,
    ) -> Result<Option<Applied>, ServiceError> {
        for _ in 0..MAX_TRIES {
            match self.engine.apply(opened.head.call, event.clone()).await {
                Ok(Some(applied)) => return Ok(Some(applied)),
                // The stored call cannot be loaded now, and the restaurant is on the line: the
                // ticket holds enough.
                Ok(None) | Err(store::StoreError::Away | store::StoreError::Full) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(taken) = opened.call(self.engine.now()) else {
                return Ok(None);
            };
            match self.engine.store.adopt(taken).await? {
                Saved::Done(call) => Box::pin(self.took_over(&call)).await,
                // Somebody else was quicker: then it is there now.
                Saved::Conflict => {}
            }
        }
        // It can be neither loaded nor taken over: the store is away, and has no room left for calls
        // that wait for it.
        Err(store::StoreError::Full.into())
    }

    /// Renders a reply about a call. `action` makes the URL to which the next key is sent.
    pub(super) fn say(
        &self,
        reply: &Reply,
        call: &Call,
        action: impl FnOnce(TalkPosition) -> String,
    ) -> String {
        let context = self
            .settings
            .render_context(&call.reservation, self.engine.now());
        self.speech.render(reply, &context, action)
    }

    /// One sentence, in the language of the call if the ticket holds it; then the line is closed.
    pub(super) fn apologize(&self, opened: Option<&Opened>) -> String {
        let body = opened.and_then(Opened::body);
        let reply = Reply::Apology(Apology::Fault);
        match body {
            Some(body) => self.speech.render(
                &reply,
                &self
                    .settings
                    .render_context(&body.reservation, self.engine.now()),
                |_| String::new(),
            ),
            None => crate::speech::LAST_RESORT.to_owned(),
        }
    }
}

/// The meaning of spoken words; `None` when nothing was said.
pub(super) fn spoken_intent(
    speech: &Speech,
    language: Option<Language>,
    request: &VoiceRequest<'_>,
) -> Option<SpokenIntent> {
    let text = request
        .speech_result
        .filter(|text| !text.trim().is_empty())?;
    Some(language.map_or(SpokenIntent::Unclear, |language| {
        speech.understand(language, text, request.confidence)
    }))
}
