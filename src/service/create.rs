//! Creates calls for clients, with limits and idempotency keys.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::dial_decision::{DialDecision, DialQuestion};
use super::dialler::Dialler;
use super::engine::CallEngine;
use super::{ServiceError, ServiceSettings, intake};
use crate::call::{Call, CarryOver, Effect, Ended, step, timing};
use crate::domain::{CallId, Name, PhoneFacts, Reservation};
use crate::policy::{DialReason, Refusal};
use crate::speech::Speech;
use crate::store::{
    CallStore as _, Creates, IdempotencyEntry, IdempotencyKey, IdempotencyStore as _,
    NumberStore as _, Saved,
};
use crate::telemetry::request;
use crate::{store, ticket};

/// How often the call of a repeated request is looked for before its client is asked to retry.
pub(super) const PATIENCE: usize = 1_000;
/// Age after which a call that is not stored will never be stored: the create is given up after
/// [`timing::INTENT`].
const ABANDONED: SignedDuration = SignedDuration::from_secs(15);

/// The result of a create.
#[derive(Debug)]
pub struct Created {
    /// The call.
    pub call: Arc<Call>,
    /// Number of creates of its key, this one included, for [`CallCreator::allowance`]; `None` if
    /// it is not known.
    pub creates: Option<Creates>,
}

impl Created {
    pub(super) const fn of(call: Arc<Call>) -> Self {
        Self {
            call,
            creates: None,
        }
    }
}

/// The result of claiming an idempotency key.
pub(super) enum IdempotentStart {
    /// A call of its own.
    New(Created),
    /// Its key stands for the call of a request before it.
    Before(IdempotencyEntry),
}

/// A request that was understood: what is wanted, and what the numbering plan says of the number.
pub(super) struct Understood {
    pub(super) reservation: Reservation,
    pub(super) facts: PhoneFacts,
}

/// Creates calls for clients, and answers what a create would do.
#[derive(Debug)]
pub struct CallCreator {
    pub(super) engine: Arc<CallEngine>,
    pub(super) dialler: Arc<Dialler>,
    pub(super) settings: Arc<ServiceSettings>,
    pub(super) speech: Arc<Speech>,
    /// Locks by the last digits of the number: identical requests at the same moment are judged
    /// one after the other.
    creating: Vec<tokio::sync::Mutex<()>>,
}

impl CallCreator {
    pub(super) fn new(
        engine: Arc<CallEngine>,
        dialler: Arc<Dialler>,
        settings: Arc<ServiceSettings>,
        speech: Arc<Speech>,
    ) -> Self {
        Self {
            engine,
            dialler,
            settings,
            speech,
            creating: (0..64).map(|_| tokio::sync::Mutex::default()).collect(),
        }
    }

    /// Reads a request as it is to be understood at `now`.
    pub(super) fn read(
        &self,
        request: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Understood, ServiceError> {
        let read = intake::reservation(request, &self.settings.defaults, &self.speech, now);
        let (reservation, facts) = read.map_err(ServiceError::Invalid)?;
        Ok(Understood { reservation, facts })
    }

    /// Makes a call: rings at once if it may, else queues it.
    ///
    /// The intent is stored before Twilio is asked. A repeated `key` gets the call of the first
    /// request, whatever the request would be worth by now: the table's time may have passed.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with every wrong field, policy or Twilio refuse, the same reservation is under way, the key
    /// stands for another request, or the store cannot serve.
    pub async fn create(
        self: &Arc<Self>,
        owner: &Arc<str>,
        request: &Map<String, Value>,
        key: Option<&str>,
    ) -> Result<Created, ServiceError> {
        let id = CallId::new(self.engine.now());
        let key = key.map(|key| idempotency_key(owner, key));
        let understood = match self.read(request, id.made_at()) {
            Ok(understood) => understood,
            Err(wrong) => {
                let Some(key) = key else { return Err(wrong) };
                let entry = self
                    .engine
                    .store
                    .idempotency_entry(key)
                    .await?
                    .ok_or(wrong)?;
                return self
                    .repeated(entry, request)
                    .await?
                    .map(Created::of)
                    .ok_or(ServiceError::NotFound);
            }
        };
        let phone = understood.reservation.phone;
        if !self.dialler.preexisting_calls.are_listed()
            || self.dialler.is_rung_by_unknown(phone).await?
        {
            // A key that stands for a call needs no listing; any other stands for nothing before
            // there is one.
            if let Some(known) = self.known(key, request).await? {
                return Ok(Created::of(known));
            }
            match key {
                Some(_) => self.dialler.keys_known(phone).await?,
                None => self.dialler.preexisting_calls_listed().await?,
            }
        }
        let mut call = Call::new(
            id,
            owner.clone(),
            Arc::new(understood.reservation),
            id.made_at(),
        );
        call.carry_over = CarryOver {
            idempotency: key,
            trace: request::current().and_then(|it| it.trace()),
        };
        let call = Arc::new(call);
        for _ in 0..PATIENCE {
            let before = match self.make_apart(call.clone(), understood.facts, key).await? {
                IdempotentStart::New(made) => return Ok(made),
                IdempotentStart::Before(before) => before,
            };
            // The first request stores its call before it waits for anything, or is refused and
            // lets the key go.
            match self.repeated(before, request).await? {
                Some(call) => return Ok(Created::of(call)),
                None => self.let_go(key, before.call).await?,
            }
        }
        Err(store::StoreError::Away.into())
    }

    /// Handles an idempotency key whose call the store does not hold. A young call may be about to
    /// be stored. An older one was never stored, because its process died or the store was away.
    /// After the life of a ticket it was stored and has been forgotten.
    pub(super) async fn let_go(
        &self,
        key: Option<IdempotencyKey>,
        call: CallId,
    ) -> Result<(), ServiceError> {
        let age = self.engine.now().duration_since(call.made_at());
        if age >= ticket::LIFE {
            // A second call must not be made under the same key.
            return Err(ServiceError::NotFound);
        }
        match key.filter(|_| age >= ABANDONED) {
            Some(key) => self.engine.store.unreserve(key, call).await,
            None => tokio::task::yield_now().await,
        }
        Ok(())
    }

    /// The call that was created under this key before.
    async fn known(
        &self,
        key: Option<IdempotencyKey>,
        request: &Map<String, Value>,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        let Some(key) = key else { return Ok(None) };
        match self.engine.store.idempotency_entry(key).await? {
            Some(entry) => self.repeated(entry, request).await,
            None => Ok(None),
        }
    }

    /// Reserves the idempotency key for this call and creates the call, or returns the call that
    /// the key belongs to.
    ///
    /// Spawned, so that a client disconnect cannot cancel it between reserving the key, saving the
    /// intent and reading Twilio's answer.
    pub(super) async fn make_apart(
        self: &Arc<Self>,
        call: Arc<Call>,
        facts: PhoneFacts,
        key: Option<IdempotencyKey>,
    ) -> Result<IdempotentStart, ServiceError> {
        let creator = self.clone();
        let making = async move {
            let store = &creator.engine.store;
            if let Some(key) = key
                && let Some(before) = store.reserve(key, idempotency_entry(call.id, &call.reservation), creator.engine.now()).await?
                // A cluster may have been asked twice for what was done the first time.
                && before.call != call.id
            {
                return Ok(IdempotentStart::Before(before));
            }
            let made = creator.make(&call, facts).await;
            if let (Err(_), Some(key)) = (&made, key) {
                store.unreserve(key, call.id).await;
            }
            made.map(IdempotentStart::New)
        };
        // Boxed, for a task moves what it does more than once.
        self.engine
            .tasks
            .spawn(request::carry(Box::pin(making)))
            .await
            .map_err(|_panicked| ServiceError::Internal)?
    }

    /// The call that a key stands for, if this is the same request: read as of the moment of the
    /// first, since what is left open or lies in the future depends on that.
    async fn repeated(
        &self,
        entry: IdempotencyEntry,
        request: &Map<String, Value>,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        let same = self.read(request, entry.call.made_at());
        if same.is_ok_and(|same| request_hash(&same.reservation) == entry.request) {
            Ok(self.engine.store.load(entry.call).await?)
        } else {
            Err(ServiceError::IdempotencyMismatch)
        }
    }

    async fn make(&self, call: &Call, facts: PhoneFacts) -> Result<Created, ServiceError> {
        let (phone, now) = (call.reservation.phone, call.created_at);
        let stripe = usize::try_from(phone.digits()).unwrap_or_default() % self.creating.len();
        let creating = match self.creating.get(stripe) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        };
        let asked = DialQuestion {
            call,
            phone: Some(facts),
            purpose: DialReason::Create,
            start_was_given: false,
        };
        let decision = self.dialler.decide_dial(&asked, now).await?;
        if let DialDecision::Never(refusal) = decision {
            self.engine.store.unregister(call).await;
            if refusal == Refusal::TimezoneNeeded {
                let zones = self.zones_to_choose(phone, facts);
                return Err(ServiceError::TimezoneNeeded(zones));
            }
            return Err(refusal.into());
        }
        let first = step(call, decision.event(), now);
        let effects = first.effects;
        // This process may have stood still: the client may have given up and created the call
        // again by now.
        let is_late = self.engine.now().duration_since(now) > timing::INTENT;
        let stored = if let DialDecision::Now { stored, .. } = &decision {
            stored.clone()
        } else {
            None
        };
        let saved = match stored {
            Some(stored) => Ok(Saved::Done(stored)),
            None if is_late => Err(store::StoreError::Away),
            None => self.engine.store.save(None, first.call).await,
        };
        let Ok(Saved::Done(stored)) = saved else {
            if let DialDecision::Now { .. } = decision {
                self.engine.store.release(call, now).await;
                self.dialler.close_line(call.id).await;
            }
            self.engine.store.unregister(call).await;
            return Err(saved
                .err()
                .map_or(ServiceError::Internal, ServiceError::from));
        };
        drop(creating);
        self.engine.appeared(&stored);
        self.dialler.line_up(&stored).await;
        let creates = if let DialDecision::Now { creates, .. } = decision {
            creates
        } else {
            None
        };
        let call = match effects.as_slice() {
            [Effect::Place { attempt }] => self.place_for_client(stored, *attempt).await?,
            _ => stored,
        };
        Ok(Created { call, creates })
    }

    /// Asks Twilio while the client waits, so that the client gets Twilio's refusal.
    async fn place_for_client(
        &self,
        stored: Arc<Call>,
        attempt: u8,
    ) -> Result<Arc<Call>, ServiceError> {
        let id = stored.id;
        let refusal = self.dialler.place(stored, attempt).await?;
        let call = self
            .engine
            .store
            .recent(id)
            .await?
            .ok_or(ServiceError::NotFound)?;
        let was_refused = call
            .attempts
            .last()
            .is_some_and(|last| last.ended == Some(Ended::Refused));
        match refusal {
            Some(refusal) if was_refused => Err(ServiceError::Twilio(refusal)),
            _ => Ok(call),
        }
    }
}

fn idempotency_key(owner: &str, key: &str) -> IdempotencyKey {
    digest(&[owner.as_bytes(), key.as_bytes()])
}

/// The entry of a call for its idempotency key.
pub(super) fn idempotency_entry(call: CallId, reservation: &Reservation) -> IdempotencyEntry {
    IdempotencyEntry {
        call,
        request: request_hash(reservation),
    }
}

fn request_hash(reservation: &Reservation) -> [u8; 16] {
    // A retry may come through another input method or text layer.
    let compared = Reservation {
        name: reservation.name.canonical(),
        restaurant: reservation.restaurant.as_ref().map(Name::canonical),
        ..reservation.clone()
    };
    let extension = reservation.guest_extension.as_ref();
    let extension = extension.map_or(&b""[..], |extension| extension.as_str().as_bytes());
    let request = postcard::to_allocvec(&compared).unwrap_or_default();
    match &reservation.opening_hours {
        // As an earlier version computed it: its keys must stand for the same requests.
        None => digest(&[&request, extension]),
        Some(hours) => digest(&[&request, extension, hours.as_str().as_bytes()]),
    }
}

pub(super) fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context
        .finish()
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}
