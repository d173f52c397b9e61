//! The use cases. The only place where the core meets store, Twilio and speech.
//!
//! Four types share the work, over one that changes calls:
//!
//! - [`CallCreator`] (`create`): a client's request becomes a call.
//! - [`WebhookHandler`] (`webhooks`, `inbound`): Twilio's requests are answered.
//! - `Dialler` (`dialler`, `dial_decision`, `dial`, `effects`): phones ring and lines end.
//! - [`Sweeper`] (`sweep`): calls are woken at their time.
//! - `CallEngine` (`engine`): load, step, save, perform the effects.
//!
//! The way of a webhook: `http::webhooks` (bytes, verified form) → [`WebhookHandler::document`]
//! (ticket, event) → `CallEngine::apply` (load, step, save) → `speech` (reply). The way of a
//! create: `http::api` → [`CallCreator::create`] → `Dialler::decide_dial` → the store →
//! `Dialler::place`.

pub mod intake;
pub mod links;

pub mod do_not_call_file;

mod accept;
mod call_status;
mod carrier_health;
mod create;
mod check;
mod delivery;
mod effects;
mod metrics;
mod inbound;
mod list;
mod dial;
mod dialler;
mod engine;
mod twilio_api;
mod lines;
mod ready;
mod call_log;
mod cooldown;
mod opt_out;
mod preexisting_calls;
mod preexisting_watch;
mod settings;
mod sweep;
mod takeover;
mod traced;
mod voicemail;
mod dial_decision;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::{Call, Event};
use crate::domain::CallId;
use crate::policy::Refusal;
use crate::speech::Speech;
use crate::store::{CallStore as _, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request;
use crate::telemetry::traces::Traces;
use crate::ticket::Tickets;
use crate::{store, twilio};
use clock::Clock;

use carrier_health::CarrierHealth;
use dialler::Dialler;
use engine::CallEngine;
use preexisting_calls::PreexistingCalls;
use twilio_api::TwilioApi;

pub use carrier_health::HealthIssue;
pub use check::Check;
pub use create::{CallCreator, Created};
pub use list::CallFilter;
pub use settings::ServiceSettings;
pub use sweep::Sweeper;
pub use webhooks::{DocumentRequest, WebhookHandler, WebhookOutcome};

/// The dependencies of the service.
#[derive(Debug)]
pub struct ServiceDependencies {
    /// The settings of this deployment.
    pub settings: ServiceSettings,
    /// The time.
    pub clock: Clock,
    /// The store of the calls.
    pub store: Store,
    /// Seals and opens webhook URLs.
    pub tickets: Tickets,
    /// The public origin of those URLs.
    pub links: links::Links,
    /// Twilio's REST API.
    pub twilio: twilio::client::Client,
    /// The words for calls.
    pub speech: Speech,
    /// The metrics.
    pub metrics: Metrics,
    /// The exporter of traces, if there is one.
    pub traces: Option<Traces>,
    /// File in which opt-outs outlive the process.
    pub do_not_call: Option<do_not_call_file::DoNotCallFile>,
    /// Tracker of work that outlives its request.
    pub tasks: TaskTracker,
    /// Ends the sweep.
    pub stop: CancellationToken,
    /// The check of the public URL, where it differs from the bound address.
    pub probe: Option<Probe>,
}

/// A look at ourselves from outside.
pub struct Probe {
    /// Sends it.
    pub http: reqwest::Client,
    /// The public origin.
    pub origin: String,
    /// The newest auth token, which proves that it is a look of this service.
    pub auth_token: String,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// All use cases; cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<CallEngine>,
    settings: Arc<ServiceSettings>,
    dialler: Arc<Dialler>,
    creator: Arc<CallCreator>,
    webhooks: WebhookHandler,
    sweeper: Sweeper,
}

/// Reason for which a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such call, or it is another key's.
    #[error("there is no such call")]
    NotFound,
    /// Fields are wrong.
    #[error("fields of the request are wrong")]
    Invalid(Vec<intake::FieldError>),
    /// Policy forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The number does not determine the restaurant's time zone. The possible ones, the most likely
    /// first; empty: all are possible.
    #[error("the time zone of the restaurant is needed")]
    TimezoneNeeded(Vec<&'static str>),
    /// The list of Twilio's open calls has not arrived yet.
    #[error("this process has just started and does not know yet which numbers are being rung")]
    Starting,
    /// The key stands for another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// It is too late to change the call.
    #[error("the call is decided or finished")]
    CallFinished,
    /// No time was offered that could be taken.
    #[error("the call has no offered time")]
    NoOffer,
    /// Its client asked for no events.
    #[error("the call has no callback_url")]
    NoCallbackUrl,
    /// Twilio refused to place the call.
    #[error("Twilio refused the call")]
    Twilio(twilio::client::TwilioRefusal),
    /// The store cannot serve.
    #[error("the store cannot serve")]
    Unavailable(#[from] store::StoreError),
    /// No ticket can be sealed.
    #[error("no ticket can be sealed")]
    Internal,
}

impl Service {
    /// Builds a service; nothing runs yet.
    #[must_use]
    pub fn new(parts: ServiceDependencies) -> Self {
        let engine = Arc::new(CallEngine::new(
            parts.clock,
            parts.store,
            parts.metrics.clone(),
            parts.traces.clone(),
            parts.tasks,
            parts.settings.lines.is_some(),
        ));
        let settings = Arc::new(parts.settings);
        let tickets = Arc::new(parts.tickets);
        let links = Arc::new(parts.links);
        let speech = Arc::new(parts.speech);
        let dialler = Arc::new(Dialler {
            engine: engine.clone(),
            twilio: TwilioApi::new(parts.twilio, parts.metrics, parts.traces),
            tickets: tickets.clone(),
            links: links.clone(),
            speech: speech.clone(),
            do_not_call: parts.do_not_call,
            stop: parts.stop.clone(),
            carrier: CarrierHealth::new(&settings.from_numbers),
            preexisting_calls: PreexistingCalls::new(),
            lines_full: Mutex::default(),
            settings: settings.clone(),
        });
        let performer = Arc::downgrade(&dialler);
        engine.set_performer(performer);
        let creator = Arc::new(CallCreator::new(
            engine.clone(),
            dialler.clone(),
            settings.clone(),
            speech.clone(),
        ));
        let webhooks = WebhookHandler {
            engine: engine.clone(),
            dialler: dialler.clone(),
            settings: settings.clone(),
            tickets,
            links,
            speech,
        };
        let sweeper = Sweeper {
            engine: engine.clone(),
            dialler: dialler.clone(),
            stop: parts.stop,
            probe: parts.probe,
            unreachable: Mutex::default(),
        };
        Self(Arc::new(Inner {
            engine,
            settings,
            dialler,
            creator,
            webhooks,
            sweeper,
        }))
    }

    /// Creates calls.
    #[must_use]
    pub fn creator(&self) -> &Arc<CallCreator> {
        &self.0.creator
    }

    /// Answers Twilio's requests.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookHandler {
        &self.0.webhooks
    }

    /// Wakes calls, and ends them with the process.
    #[must_use]
    pub fn sweeper(&self) -> &Sweeper {
        &self.0.sweeper
    }

    /// The time of this service.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.engine.clock.now()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.engine.clock
    }

    /// The settings of this deployment.
    #[must_use]
    pub fn settings(&self) -> &ServiceSettings {
        &self.0.settings
    }

    /// The page on which a guest sees a call.
    #[must_use]
    pub fn page_of(&self, call: CallId) -> String {
        self.0.dialler.links.page(call)
    }

    /// The store of calls and of pending events.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.engine.store
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.engine.metrics
    }

    /// The exporter of traces, if there is one.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.0.engine.traces.as_ref()
    }

    /// Cancelled when this process ends.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.sweeper.stop.clone()
    }

    /// A call of `owner`.
    ///
    /// # Errors
    /// There is none, or the store cannot serve.
    pub async fn get(&self, owner: &str, id: CallId) -> Result<Arc<Call>, ServiceError> {
        let call = self
            .0
            .engine
            .store
            .load(id)
            .await?
            .ok_or(ServiceError::NotFound)?;
        if *call.owner != *owner {
            return Err(ServiceError::NotFound);
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
    ) -> Result<tokio::sync::watch::Receiver<Arc<Call>>, ServiceError> {
        self.get(owner, id).await?;
        self.0
            .engine
            .store
            .watch(id)
            .await?
            .ok_or(ServiceError::NotFound)
    }

    /// Cancels a call of `owner`; cancelling twice is cancelling once.
    ///
    /// # Errors
    /// There is none, it is decided or finished, or the store cannot serve.
    pub async fn cancel(&self, owner: &str, id: CallId) -> Result<Arc<Call>, ServiceError> {
        let before = self.get(owner, id).await?;
        let is_canceled =
            |call: &Call| call.canceled || call.outcome() == Some(crate::call::Outcome::Canceled);
        if !is_canceled(&before) && (before.is_finished() || before.decision().is_some()) {
            return Err(ServiceError::CallFinished);
        }
        let applied = self
            .0
            .engine
            .apply(id, Event::Cancel)
            .await?
            .ok_or(ServiceError::NotFound)?;
        // A key may have been quicker.
        if !is_canceled(&applied.call) {
            return Err(ServiceError::CallFinished);
        }
        self.0.engine.perform(&applied);
        Ok(applied.call)
    }
}

/// The first eight bytes of the SHA-256 of an account's SID.
#[must_use]
pub fn account_digest(account: &twilio::AccountSid) -> [u8; 8] {
    let digest = ring::digest::digest(&ring::digest::SHA256, account.to_string().as_bytes());
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}
