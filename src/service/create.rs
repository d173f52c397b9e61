//! Creates calls for clients, with limits and idempotency keys.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::dial_decision::{DialDecision, DialQuestion};
use super::dialler::Dialler;
use super::engine::CallEngine;
use super::{ServiceError, ServiceSettings, intake};
use crate::call::{Call, CarryOver, Effect, Ended, step, timing};
use crate::domain::{CallId, Phone, PhoneFacts, Reservation};
use crate::policy::{DialReason, Refusal};
use crate::speech::Speech;
use crate::store::{
    CallStore as _, Creates, IdempotencyEntry, IdempotencyKey, IdempotencyStore as _,
    NumberStore as _, Saved, digest,
};
use crate::telemetry::request;
use crate::{store, ticket};

/// Tries to find or make the call of a request before its client is asked to come again.
const MAX_TRIES: usize = 1_000;
/// Age after which a call that is not stored will never be stored, because its create gave up after
/// [`timing::INTENT`].
const ABANDONED: SignedDuration = SignedDuration::from_secs(15);

/// The hash under which an `Idempotency-Key` of `owner` is stored.
fn idempotency_key(owner: &str, key: &str) -> IdempotencyKey {
    digest(&[owner.as_bytes(), key.as_bytes()])
}

/// The result of a create.
#[derive(Debug)]
pub struct Created {
    /// The call.
    pub call: Arc<Call>,
    /// Creates that count for the limit of its API key, this one included; `None`: not known.
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

/// The result of a create under an idempotency key.
enum IdempotentStart {
    /// The key was free or there is none: a new call was made.
    New(Created),
    /// An earlier request has the key.
    Repeat(IdempotencyEntry),
}

/// A valid request: the reservation, and the facts of the numbering plan about its number.
pub(super) struct ValidRequest {
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
    /// Locks by the last digits of the number, so that identical requests of the same moment are
    /// judged one after the other.
    number_locks: Vec<tokio::sync::Mutex<()>>,
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
            number_locks: (0..64).map(|_| tokio::sync::Mutex::default()).collect(),
        }
    }

    /// Reads a request. What it leaves open, or says relative to the present, is taken at `now`.
    pub(super) fn read(
        &self,
        request: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<ValidRequest, ServiceError> {
        let read = intake::reservation(request, &self.settings.defaults, &self.speech, now);
        let (reservation, facts) = read.map_err(ServiceError::Invalid)?;
        Ok(ValidRequest { reservation, facts })
    }

    /// Creates a call: dials at once if policy allows it, else queues the call.
    ///
    /// The intent is stored before Twilio is asked. A repeated `key` gets the call of the first
    /// request, even if the request would be refused by now because the table's time has passed.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with every wrong field, policy or Twilio refuse, the same
    /// reservation is under way, the key belongs to another request, or the store cannot serve.
    pub async fn create(
        self: &Arc<Self>,
        owner: &Arc<str>,
        request: &Map<String, Value>,
        key: Option<&str>,
    ) -> Result<Created, ServiceError> {
        let id = CallId::new(self.engine.now());
        let key = key.map(|key| idempotency_key(owner, key));
        let ValidRequest { reservation, facts } = match self.read(request, id.made_at()) {
            Ok(valid) => valid,
            Err(wrong) => {
                let entry = self.entry_of(key).await?.ok_or(wrong)?;
                let known = self.call_of_entry(entry, Some(request)).await?;
                return known.map(Created::of).ok_or(ServiceError::NotFound);
            }
        };
        let phone = reservation.phone;
        if let Some(known) = self.known_before(key, Some(request), phone).await? {
            return Ok(Created::of(known));
        }
        let call = Call::new(id, owner.clone(), Arc::new(reservation), id.made_at());
        self.make_once(call, facts, key, Some(request)).await
    }

    /// Returns the call that was made under `key`, if calls of a process that is gone may be open to
    /// this number: this request may be a repeat of one of theirs. Without such a call it waits
    /// until those calls are known.
    ///
    /// # Errors
    /// They are not known yet, `request` is not the one of the key, or the store cannot serve.
    pub(super) async fn known_before(
        &self,
        key: Option<IdempotencyKey>,
        request: Option<&Map<String, Value>>,
        phone: Phone,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        let dialler = &self.dialler;
        if dialler.knows_keys(phone).await? {
            return Ok(None);
        }
        if let Some(entry) = self.entry_of(key).await?
            && let Some(call) = self.call_of_entry(entry, request).await?
        {
            return Ok(Some(call));
        }
        match key {
            // A key without an entry proves nothing before those calls are known.
            Some(_) => dialler.wait_for_keys(phone).await?,
            None => dialler.wait_for_listing().await?,
        }
        Ok(None)
    }

    /// Makes a new call, or finds the one that another request made under the same key.
    ///
    /// # Errors
    /// As of [`Self::create`].
    pub(super) async fn make_once(
        self: &Arc<Self>,
        mut call: Call,
        facts: PhoneFacts,
        key: Option<IdempotencyKey>,
        request: Option<&Map<String, Value>>,
    ) -> Result<Created, ServiceError> {
        call.carry_over = CarryOver {
            idempotency: key,
            trace: request::current().and_then(|it| it.trace()),
        };
        let call = Arc::new(call);
        for _ in 0..MAX_TRIES {
            let entry = match self.make_in_task(call.clone(), facts, key).await? {
                IdempotentStart::New(made) => return Ok(made),
                IdempotentStart::Repeat(entry) => entry,
            };
            match self.call_of_entry(entry, request).await? {
                Some(call) => return Ok(Created::of(call)),
                // The first request is about to store its call, or was refused and frees the key.
                None => self.free_abandoned_key(key, entry.call).await?,
            }
        }
        Err(store::StoreError::Away.into())
    }

    /// Frees an idempotency key whose call the store does not hold, if the call is older than
    /// [`ABANDONED`]: it was never stored, because its process died or the store was away. A
    /// younger call may be about to be stored, so the key stays.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] after the life of a ticket: the call was stored and is forgotten.
    async fn free_abandoned_key(
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

    async fn entry_of(
        &self,
        key: Option<IdempotencyKey>,
    ) -> Result<Option<IdempotencyEntry>, ServiceError> {
        match key {
            Some(key) => Ok(self.engine.store.idempotency_entry(key).await?),
            None => Ok(None),
        }
    }

    /// Reserves the idempotency key for this call and creates the call, or returns the call that
    /// the key belongs to.
    ///
    /// Spawned, so that a client disconnect cannot cancel it between reserving the key, saving the
    /// intent and reading Twilio's answer.
    async fn make_in_task(
        self: &Arc<Self>,
        call: Arc<Call>,
        facts: PhoneFacts,
        key: Option<IdempotencyKey>,
    ) -> Result<IdempotentStart, ServiceError> {
        let creator = self.clone();
        let making = async move { creator.make_under_key(&call, facts, key).await };
        // Boxed, because spawning moves the future several times.
        let making = Box::pin(making);
        self.engine
            .tasks
            .spawn(request::carry(making))
            .await
            .map_err(|_panicked| ServiceError::Internal)?
    }

    async fn make_under_key(
        &self,
        call: &Call,
        facts: PhoneFacts,
        key: Option<IdempotencyKey>,
    ) -> Result<IdempotentStart, ServiceError> {
        let Some(key) = key else {
            return self.make(call, facts).await.map(IdempotentStart::New);
        };
        let (store, now) = (&self.engine.store, self.engine.now());
        let own = IdempotencyEntry::of(call);
        if let Some(entry) = store.reserve(key, own, now).await?
            // A command to a cluster may be sent twice, and then finds its own entry.
            && entry.call != call.id
        {
            return Ok(IdempotentStart::Repeat(entry));
        }
        let made = self.make(call, facts).await;
        if made.is_err() {
            store.unreserve(key, call.id).await;
        }
        made.map(IdempotentStart::New)
    }

    /// Loads the call of an entry, if `request` is the one that made it (`None`: the key itself says
    /// what was asked for). A request is read as of the moment of the first one, since the meaning
    /// of "tomorrow" and of open fields depends on it.
    async fn call_of_entry(
        &self,
        entry: IdempotencyEntry,
        request: Option<&Map<String, Value>>,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        if let Some(request) = request {
            let same = self.read(request, entry.call.made_at());
            if !same.is_ok_and(|same| entry.asks_for(&same.reservation)) {
                return Err(ServiceError::IdempotencyMismatch);
            }
        }
        Ok(self.engine.store.acknowledge(entry.call).await?)
    }

    /// Decides about a new call, saves it, and dials it if it may dial now.
    async fn make(&self, call: &Call, facts: PhoneFacts) -> Result<Created, ServiceError> {
        let phone = call.reservation.phone;
        let lock = self.lock_number(phone).await;
        let question = DialQuestion {
            call,
            phone: Some(facts),
            reason: DialReason::Create,
            start_was_given: false,
        };
        let decision = self.dialler.decide_dial(&question, call.created_at).await?;
        if let DialDecision::Never(refusal) = decision {
            self.engine.store.unregister(call).await;
            if refusal == Refusal::TimezoneNeeded {
                let zones = self.zones_to_choose(phone, facts);
                return Err(ServiceError::TimezoneNeeded(zones));
            }
            return Err(refusal.into());
        }
        let first = step(call, decision.event(), call.created_at);
        let stored = self.save_new(call, &decision, first.call).await?;
        drop(lock);
        self.engine.log_new(&stored);
        self.dialler.enqueue_for_start(&stored).await;
        let call = match first.effects.as_slice() {
            [Effect::Place { attempt }] => self.place_for_client(stored, *attempt).await?,
            _ => stored,
        };
        let creates = match decision {
            DialDecision::Now { creates, .. } => creates,
            DialDecision::Later { .. } | DialDecision::Never(_) => None,
        };
        Ok(Created { call, creates })
    }

    async fn lock_number(&self, phone: Phone) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let digits = usize::try_from(phone.digits()).unwrap_or_default();
        let lock = self.number_locks.get(digits % self.number_locks.len())?;
        Some(lock.lock().await)
    }

    /// Saves a new call as `first`, unless the store has saved it with the grant. If that fails,
    /// gives back everything that the dial reserved.
    async fn save_new(
        &self,
        call: &Call,
        decision: &DialDecision,
        first: Call,
    ) -> Result<Arc<Call>, ServiceError> {
        if let DialDecision::Now {
            stored: Some(stored),
            ..
        } = decision
        {
            return Ok(stored.clone());
        }
        // If this process was suspended, the client may have given up and created the call again.
        let age = self.engine.now().duration_since(call.created_at);
        let saved = if age > timing::INTENT {
            Err(store::StoreError::Away)
        } else {
            self.engine.store.save(None, first).await
        };
        let error = match saved {
            Ok(Saved::Done(stored)) => return Ok(stored),
            Ok(Saved::Conflict) => ServiceError::Internal,
            Err(error) => error.into(),
        };
        if let DialDecision::Now { .. } = decision {
            self.engine.store.release(call, call.created_at).await;
            self.dialler.close_line(call.id).await;
        }
        self.engine.store.unregister(call).await;
        Err(error)
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
