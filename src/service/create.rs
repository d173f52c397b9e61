//! What a client sets off: a call, or the answer to what a call would be.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Applied, Error, Service, intake};
use crate::call::{Baggage, Call, Effect, Ended, Event, Step, WaitingFor, step};
use crate::domain::{CallId, PhoneFacts, Reservation};
use crate::policy::Verdict;
use crate::speech::{Scene, Script};
use crate::store::{Idempotency, IdempotencyKey, Saved};

/// How soon a call that waits for a number looks again.
const LIVE_CALL: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// How often to look for the call of a repeated request before it counts as no longer held.
const PATIENCE: usize = 1_000;

/// What a create would do.
#[derive(Debug)]
pub struct Check {
    /// Policy's answer.
    pub verdict: Verdict,
    /// What staff would hear.
    pub script: Script,
}

impl Service {
    /// Reads a request that is to ring.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field, or policy forbids the number.
    pub fn read(&self, request: &Map<String, Value>) -> Result<Reservation, Error> {
        let (reservation, facts) = self.understand(request)?;
        self.0.parts.settings.rules.number(reservation.phone, facts)?;
        Ok(reservation)
    }

    /// What [`Self::create`] would do with this request; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field, or the store cannot serve. What policy forbids is an answer here.
    pub async fn check(&self, request: &Map<String, Value>) -> Result<Check, Error> {
        let (reservation, facts) = self.understand(request)?;
        let (rules, now) = (&self.0.parts.settings.rules, self.now());
        let mut verdict = match rules.number(reservation.phone, facts) {
            Ok(()) => rules.moment(&reservation, now),
            Err(refusal) => Verdict::Blocked(refusal),
        };
        if verdict == Verdict::Allowed && self.0.parts.store.is_taken(reservation.phone).await? {
            verdict =
                Verdict::Waits { reason: WaitingFor::LiveCall, until: now.saturating_add(LIVE_CALL).unwrap_or(now) };
        }
        Ok(Check { verdict, script: self.0.parts.speech.script(&self.scene(&reservation)) })
    }

    fn understand(&self, request: &Map<String, Value>) -> Result<(Reservation, PhoneFacts), Error> {
        let parts = &self.0.parts;
        let language = |country| parts.speech.default_for(country);
        intake::reservation(request, &parts.settings.defaults, language, self.now()).map_err(Error::Invalid)
    }

    pub(super) fn scene<'a>(&'a self, reservation: &'a Reservation) -> Scene<'a> {
        let settings = &self.0.parts.settings;
        Scene { reservation, service_name: &settings.service_name, contact_phone: settings.contact_phone }
    }

    /// Makes a call: rings at once if it may, else queues it.
    ///
    /// The intent is stored before Twilio is asked. A repeated `key` gets the call of the first request.
    ///
    /// # Errors
    /// Policy or Twilio refuse, the same reservation is under way, or the store cannot serve.
    pub async fn create(
        &self,
        owner: &Arc<str>,
        reservation: Reservation,
        key: Option<&str>,
    ) -> Result<Arc<Call>, Error> {
        let now = self.now();
        let id = CallId::new(now);
        let key = key.map(|key| idempotency_key(owner, key, &reservation));
        if let Some(known) = self.repeated(key, id, now).await? {
            return Ok(known);
        }
        let made = self.make(owner, id, reservation, key.map(|key| key.key), now).await;
        match made {
            Ok(call) => Ok(call),
            Err(error) => {
                if let Some(key) = key {
                    self.0.parts.store.unreserve(key);
                }
                Err(error)
            }
        }
    }

    /// The call that a key stands for already.
    async fn repeated(
        &self,
        key: Option<IdempotencyKey>,
        id: CallId,
        now: Timestamp,
    ) -> Result<Option<Arc<Call>>, Error> {
        let Some(key) = key else { return Ok(None) };
        for _ in 0..PATIENCE {
            match self.0.parts.store.reserve(key, id, now).await? {
                Idempotency::Fresh => return Ok(None),
                Idempotency::Mismatch => return Err(Error::IdempotencyMismatch),
                // The first request stores its call before it waits for anything, or is refused and lets the key go.
                Idempotency::Repeat(first) => match self.0.parts.store.load(first).await? {
                    Some(call) => return Ok(Some(call)),
                    None => tokio::task::yield_now().await,
                },
            }
        }
        // The call is no longer held: it must not be made a second time under its key.
        Err(Error::NotFound)
    }

    async fn make(
        &self,
        owner: &Arc<str>,
        id: CallId,
        reservation: Reservation,
        idempotency: Option<[u8; 16]>,
        now: Timestamp,
    ) -> Result<Arc<Call>, Error> {
        let phone = reservation.phone;
        let verdict = self.0.parts.settings.rules.moment(&reservation, now);
        if let Verdict::Blocked(refusal) = verdict {
            return Err(refusal.into());
        }
        let mut call = Call::new(id, owner.clone(), Arc::new(reservation), now);
        call.baggage = Baggage { idempotency, trace: None };
        let stripe = usize::try_from(phone.digits()).unwrap_or_default() % self.0.creating.len();
        let creating = match self.0.creating.get(stripe) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        };
        self.refuse_duplicate(&call).await?;
        let first = self.first_step(&call, verdict, now).await?;
        let effects = first.effects;
        let stored = match self.0.parts.store.save(None, first.call).await {
            Ok(Saved::Done(stored)) => stored,
            Ok(Saved::Conflict) => return Err(Error::Internal),
            Err(error) => {
                self.0.parts.store.release(phone, id);
                return Err(error.into());
            }
        };
        drop(creating);
        self.appeared(&stored);
        match effects.as_slice() {
            [Effect::Place { attempt }] => self.place_for_client(stored, *attempt).await,
            _ => Ok(stored),
        }
    }

    /// Counts and logs a call that this process sees for the first time.
    pub(super) fn appeared(&self, call: &Call) {
        self.0.parts.metrics.calls.get(call.state.status()).increment(1.0);
        for entry in &call.timeline {
            super::tell_entry(call, entry.what);
        }
    }

    async fn refuse_duplicate(&self, call: &Call) -> Result<(), Error> {
        for id in self.0.parts.store.open_calls(call.reservation.phone).await? {
            let Some(other) = self.0.parts.store.load(id).await? else { continue };
            if !other.is_finished() && other.owner == call.owner && other.reservation.asks_the_same(&call.reservation) {
                return Err(Error::Duplicate(id));
            }
        }
        Ok(())
    }

    async fn first_step(&self, call: &Call, verdict: Verdict, now: Timestamp) -> Result<Step, Error> {
        let event = match verdict {
            Verdict::Allowed => self.turn(call, now).await?,
            Verdict::Waits { reason, until } => Event::Hold { waiting_for: reason, until },
            Verdict::Blocked(refusal) => return Err(refusal.into()),
        };
        Ok(step(call, event, now))
    }

    /// Whether it is the turn of a call that may ring: its number must be free, and so must the next start.
    pub(super) async fn turn(&self, call: &Call, now: Timestamp) -> Result<Event<'static>, Error> {
        let (phone, store) = (call.reservation.phone, &self.0.parts.store);
        if !store.claim(phone, call.id).await? {
            let until = now.saturating_add(LIVE_CALL).unwrap_or(now);
            return Ok(Event::Hold { waiting_for: WaitingFor::LiveCall, until });
        }
        if let Err(until) = self.0.pace.take(now) {
            store.release(phone, call.id);
            return Ok(Event::Hold { waiting_for: WaitingFor::Slot, until });
        }
        Ok(Event::Dial { from: self.caller_id(call) })
    }

    /// One of our numbers, from the restaurant's own country if there is one.
    fn caller_id(&self, call: &Call) -> crate::domain::Phone {
        let numbers = &self.0.parts.settings.from_numbers;
        let at_home = |number: &&crate::domain::Phone| {
            number.facts().is_some_and(|facts| facts.country == call.reservation.country)
        };
        let only = numbers.first().copied().unwrap_or(call.reservation.phone);
        if numbers.len() < 2 { only } else { numbers.iter().find(at_home).copied().unwrap_or(only) }
    }

    /// Asks Twilio while the client waits, and tells it what Twilio refused.
    async fn place_for_client(&self, stored: Arc<Call>, attempt: u8) -> Result<Arc<Call>, Error> {
        let id = stored.id;
        let refusal = self.place(stored, attempt).await?;
        let call = self.0.parts.store.load(id).await?.ok_or(Error::NotFound)?;
        let was_refused = call.attempts.last().is_some_and(|last| last.ended == Some(Ended::Refused));
        match refusal {
            Some(refusal) if was_refused => Err(Error::Twilio(refusal)),
            _ => Ok(call),
        }
    }

    /// Does what is wanted, each thing in a task of its own.
    pub(super) fn perform(&self, applied: &Applied) {
        for effect in &applied.effects {
            let (service, call, effect) = (self.clone(), applied.call.clone(), *effect);
            self.0.parts.tasks.spawn(async move {
                if let Err(error) = service.effect(call.clone(), effect).await {
                    tracing::error!(call.id = %call.id, error = %error, ?effect, "an effect could not be performed");
                }
            });
        }
    }
}

fn idempotency_key(owner: &str, key: &str, reservation: &Reservation) -> IdempotencyKey {
    let digest = |parts: &[&[u8]]| {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().first_chunk().copied().unwrap_or_default()
    };
    // `give_up_at` may follow from the time of the request; all else is what the client said.
    let request = Reservation { give_up_at: Timestamp::UNIX_EPOCH, ..reservation.clone() };
    let request = postcard::to_allocvec(&request).unwrap_or_default();
    IdempotencyKey { key: digest(&[owner.as_bytes(), key.as_bytes()]), request: digest(&[&request]) }
}
