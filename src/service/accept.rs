//! A guest takes the time that a restaurant offered: one call back that says so and asks for key 1.

use std::sync::Arc;

use super::create::Created;
use super::intake::TRY_FOR;
use super::{CallCreator, ServiceError};
use crate::call::{Call, Event};
use crate::domain::{CallId, PhoneFacts, Reservation, TableTime};
use crate::store::{CallStore as _, IdempotencyKey, digest};

impl CallCreator {
    /// Makes the call that takes the offered time of `offer`, a call of the same owner; a repeat
    /// gets the same call, whatever became of it.
    ///
    /// # Errors
    /// There is no offered time in a finished call, policy or Twilio refuse, the same reservation
    /// is under way, or the store cannot serve.
    pub async fn accept(self: &Arc<Self>, offer: &Arc<Call>) -> Result<Created, ServiceError> {
        let time = offer.offered_time().filter(|_| offer.is_finished());
        let time = time.ok_or(ServiceError::NoOffer)?;
        if let Some(id) = offer.offer_accepted_by() {
            let call = self.engine.store.load(id).await?;
            return call.map(Created::of).ok_or(ServiceError::NotFound);
        }
        let made = self.accept_once(offer, time).await?;
        let event = Event::OfferAccepted { by: made.call.id };
        // Without the entry a repeat finds the call by its key all the same, for a day.
        if let Err(error) = self.engine.apply(offer.id, event).await {
            tracing::warn!(call.id = %offer.id, error = %error, "the call that takes an offer could not be noted");
        }
        Ok(made)
    }

    /// Makes the call, or finds the one that another request for the same made.
    async fn accept_once(
        self: &Arc<Self>,
        offer: &Call,
        time: TableTime,
    ) -> Result<Created, ServiceError> {
        let key = Some(key_of(offer));
        let phone = offer.reservation.phone;
        if let Some(known) = self.known_before(key, None, phone).await? {
            return Ok(Created::of(known));
        }
        let facts = phone.facts();
        let facts = facts.ok_or(crate::policy::Refusal::UnknownNumber)?;
        let id = CallId::new(self.engine.now());
        let reservation = self.accepting(offer, time, facts, id);
        let owner = offer.owner.clone();
        let call = Call::new(id, owner, Arc::new(reservation), id.made_at());
        self.make_once(call, facts, key, None).await
    }

    /// The reservation at the offered time. The restaurant has heard everything else already, so
    /// nothing else changes but how long it is tried for.
    fn accepting(
        &self,
        offer: &Call,
        time: TableTime,
        facts: PhoneFacts,
        id: CallId,
    ) -> Reservation {
        let asked = Reservation {
            time,
            alternatives: None,
            not_before: None,
            accepts_offer_of: Some(offer.id),
            ..(*offer.reservation).clone()
        };
        let now = id.made_at();
        let zones = self.settings.rules.possible_zones(&asked, Some(facts), now);
        let latest = time.latest_instant(&zones);
        let give_up_at = clock::later(now, TRY_FOR).min(latest);
        Reservation {
            give_up_at,
            ..asked
        }
    }
}

/// The idempotency key of the request to take this offer: no `Idempotency-Key` of a client has
/// three parts.
fn key_of(offer: &Call) -> IdempotencyKey {
    digest(&[offer.owner.as_bytes(), offer.id.as_bytes(), b"accept"])
}
