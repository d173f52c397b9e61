//! The use cases: load, step, save, perform the effects. The only place where the core meets store,
//! Twilio and speech.
//!
//! Whatever happens to a call goes through `Service::apply`. Start with `create` for what a client
//! sets off, and with `webhooks` for what Twilio does.

pub mod intake;
pub mod links;

pub mod opt_out;

mod carrier_health;
mod create;
mod delivery;
mod effects;
mod metrics;
mod inbound;
mod dial;
mod ready;
mod call_log;
mod preexisting_calls;
mod sweep;
mod traced;
mod voicemail;
mod dial_decision;
mod webhooks;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::{Call, Effect, Event, Reply, step};
use crate::clock::Clock;
use crate::domain::{CallId, Phone};
use crate::policy::{Refusal, Rules};
use crate::speech::Speech;
use crate::store::{CallStore as _, Saved, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request;
use crate::telemetry::traces::Traces;
use crate::ticket::Tickets;
use crate::{store, twilio};

pub use carrier_health::HealthIssue;
pub use create::Check;
pub use ready::Readiness;
pub use webhooks::{DocumentRequest, WebhookOutcome};

/// What a deployment decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account that webhooks must name.
    pub account: twilio::AccountSid,
    /// Our numbers, the preferred one first.
    pub from_numbers: Vec<Phone>,
    /// How the service names itself.
    pub service_name: String,
    /// The number spoken as the one to reach us by.
    pub contact_phone: Option<Phone>,
    /// Whether machines are detected.
    pub machine_detection: bool,
    /// What requests leave open.
    pub defaults: intake::Defaults,
    /// Who may be rung when.
    pub rules: Rules,
    /// Numbers that are never rung, from the start.
    pub do_not_call: HashSet<Phone>,
}

/// The parts that a service is made of.
#[derive(Debug)]
pub struct Parts {
    /// What this deployment decides.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// Where calls are kept.
    pub store: Store,
    /// Seals and opens webhook URLs.
    pub tickets: Tickets,
    /// The public origin of those URLs.
    pub links: links::Links,
    /// Twilio's REST API.
    pub twilio: twilio::client::Client,
    /// What staff hear.
    pub speech: Speech,
    /// What is counted.
    pub metrics: Metrics,
    /// Where traces are told, if anywhere.
    pub traces: Option<Traces>,
    /// Where wishes not to be called outlive the process.
    pub do_not_call: Option<opt_out::DoNotCallFile>,
    /// Where work that outlives its request is tracked.
    pub tasks: TaskTracker,
    /// Ends the sweep.
    pub stop: CancellationToken,
    /// What looks at the public URL now and then, where it is another than the address that was
    /// bound.
    pub probe: Option<Probe>,
}

/// A look at ourselves from outside.
#[derive(Debug)]
pub struct Probe {
    /// Sends it.
    pub http: reqwest::Client,
    /// The public origin.
    pub origin: String,
}

/// All use cases; cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    carrier: carrier_health::CarrierHealth,
    preexisting_calls: preexisting_calls::PreexistingCalls,
    /// What the public URL answered last, when that was not our answer.
    unreachable: std::sync::Mutex<Option<String>>,
    /// Identical requests at the same moment are looked at one after the other.
    creating: Vec<tokio::sync::Mutex<()>>,
    /// The digest of the account in tickets.
    account: [u8; 8],
}

/// Why a use case could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such call, or it is another key's.
    #[error("there is no such call")]
    NotFound,
    /// Fields are wrong.
    #[error("fields of the request are wrong")]
    Invalid(Vec<intake::FieldError>),
    /// Policy forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Twilio has not told yet which calls are under way.
    #[error("this process has just started and does not know yet which numbers are being rung")]
    Starting,
    /// The key stands for another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// It is too late to change the call.
    #[error("the call is decided or finished")]
    CallFinished,
    /// Its client asked for no events.
    #[error("the call has no callback_url")]
    NoCallbackUrl,
    /// Twilio refused to place the call.
    #[error("Twilio refused the call")]
    Twilio(twilio::client::Refusal),
    /// The store cannot serve.
    #[error("the store cannot serve")]
    Unavailable(#[from] store::Error),
    /// No ticket can be sealed.
    #[error("no ticket can be sealed")]
    Internal,
}

/// A call after an event.
#[derive(Debug)]
struct Applied {
    call: Arc<Call>,
    reply: Option<Reply>,
    effects: Vec<Effect>,
}

impl Service {
    /// Puts the parts together; nothing runs yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let account = account_digest(&parts.settings.account);
        let carrier = carrier_health::CarrierHealth::new(&parts.settings.from_numbers);
        let preexisting_calls = preexisting_calls::PreexistingCalls::new();
        let creating = (0..64).map(|_| tokio::sync::Mutex::default()).collect();
        let unreachable = std::sync::Mutex::default();
        Self(Arc::new(Inner {
            parts,
            carrier,
            preexisting_calls,
            unreachable,
            creating,
            account,
        }))
    }

    /// The time of this service.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// What it reads the time from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    /// What this deployment decides.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// Where calls are kept, and what clients are still to be told of them.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.parts.metrics
    }

    /// Where traces are told, if anywhere.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.0.parts.traces.as_ref()
    }

    /// Cancelled when this process ends.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.parts.stop.clone()
    }

    /// A call of `owner`.
    ///
    /// # Errors
    /// There is none, or the store cannot serve.
    pub async fn get(&self, owner: &str, id: CallId) -> Result<Arc<Call>, Error> {
        let call = self.0.parts.store.load(id).await?.ok_or(Error::NotFound)?;
        if *call.owner != *owner {
            return Err(Error::NotFound);
        }
        request::note_call(id.as_bytes());
        Ok(call)
    }

    /// The newest state of a call of `owner`, and each later one.
    ///
    /// # Errors
    /// There is none, or the store cannot serve.
    pub async fn watch(
        &self,
        owner: &str,
        id: CallId,
    ) -> Result<tokio::sync::watch::Receiver<Arc<Call>>, Error> {
        self.get(owner, id).await?;
        self.0.parts.store.watch(id).await?.ok_or(Error::NotFound)
    }

    /// Cancels a call of `owner`; cancelling twice is cancelling once.
    ///
    /// # Errors
    /// There is none, it is decided or finished, or the store cannot serve.
    pub async fn cancel(&self, owner: &str, id: CallId) -> Result<Arc<Call>, Error> {
        let before = self.get(owner, id).await?;
        let is_canceled =
            |call: &Call| call.canceled || call.outcome() == Some(crate::call::Outcome::Canceled);
        if !is_canceled(&before) && (before.is_finished() || before.decision().is_some()) {
            return Err(Error::CallFinished);
        }
        let applied = self
            .apply(id, Event::Cancel)
            .await?
            .ok_or(Error::NotFound)?;
        // A key may have been quicker.
        if !is_canceled(&applied.call) {
            return Err(Error::CallFinished);
        }
        self.perform(&applied);
        Ok(applied.call)
    }

    /// Lets an event happen to a stored call, again and again until no other writer was quicker.
    /// `None`: not stored.
    async fn apply(&self, id: CallId, event: Event<'_>) -> Result<Option<Applied>, store::Error> {
        loop {
            let Some(before) = self.0.parts.store.recent(id).await? else {
                return Ok(None);
            };
            if let Some(applied) = self.apply_to(&before, event, self.now()).await? {
                return Ok(Some(applied));
            }
        }
    }

    /// Lets an event happen at `now` to a call as it was loaded; `None` when it has changed
    /// meanwhile.
    async fn apply_to(
        &self,
        before: &Arc<Call>,
        event: Event<'_>,
        now: Timestamp,
    ) -> Result<Option<Applied>, store::Error> {
        if let Some(parent) = before.baggage.trace {
            request::note_trace(parent);
        }
        let step = step(before, event, now);
        if !step.changed {
            return Ok(Some(Applied {
                call: before.clone(),
                reply: step.reply,
                effects: step.effects,
            }));
        }
        match self.0.parts.store.change(before, step.call, event).await? {
            Saved::Conflict => Ok(None),
            Saved::Done(call) => {
                self.log_changes(before, &call);
                self.leave_number(before, &call, now).await;
                Ok(Some(Applied {
                    call,
                    reply: step.reply,
                    effects: step.effects,
                }))
            }
        }
    }
}

fn account_digest(account: &twilio::AccountSid) -> [u8; 8] {
    let digest = ring::digest::digest(&ring::digest::SHA256, account.to_string().as_bytes());
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}
