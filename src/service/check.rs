//! Answers what a create would do, without doing it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ServiceError;
use super::create::{CallCreator, ValidRequest};
use super::dial_decision::DialQuestion;
use crate::call::Call;
use crate::domain::phone::LineKind;
use crate::domain::{CallId, Phone, PhoneFacts, zones};
use crate::policy::{Allowance, DialReason, PolicyVerdict, Refusal};
use crate::speech::Script;
use crate::store::{Creates, NumberStore as _};

/// The result that a create would have.
#[derive(Debug)]
pub struct Check {
    /// Policy's answer.
    pub verdict: PolicyVerdict,
    /// The zones in which the restaurant can lie, where policy needs to know which.
    pub possible_zones: Option<Vec<&'static str>>,
    /// The message that staff would hear.
    pub script: Script,
}

impl CallCreator {
    /// Checks a request of `owner` as [`Self::create`] would; nothing is dialled.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with every wrong field, or the service cannot judge yet. A call that
    /// policy forbids is no error here.
    pub async fn check(
        &self,
        owner: &Arc<str>,
        request: &Map<String, Value>,
    ) -> Result<Check, ServiceError> {
        let now = self.engine.now();
        let ValidRequest { reservation, facts } = self.read(request, now)?;
        self.dialler.wait_for_listing().await?;
        let call = Call::new(CallId::new(now), owner.clone(), Arc::new(reservation), now);
        let question = DialQuestion {
            call: &call,
            phone: Some(facts),
            reason: DialReason::Create,
            start_was_given: false,
        };
        let verdict = self.dialler.judge(&question, now).await?;
        let needs_zone = verdict == PolicyVerdict::Blocked(Refusal::TimezoneNeeded);
        let phone = call.reservation.phone;
        Ok(Check {
            verdict,
            possible_zones: needs_zone.then(|| self.zones_to_choose(phone, facts)),
            script: self
                .speech
                .script(&self.settings.render_context(&call.reservation, now)),
        })
    }

    /// The rest of the limit of `owner`'s key; `None`: there is no limit. The store is asked only
    /// if a create has not returned it.
    ///
    /// # Errors
    /// The store cannot serve.
    pub async fn allowance(
        &self,
        owner: &str,
        told: Option<Creates>,
    ) -> Result<Option<Allowance>, ServiceError> {
        let (limits, now) = (&self.settings.rules.limits, self.engine.now());
        if limits.key_minute.is_none() {
            return Ok(None);
        }
        let Creates { made, oldest } = match told {
            Some(told) => told,
            None => self.engine.store.creates(owner, now).await?,
        };
        Ok(limits.for_key(made, oldest, now))
    }

    /// The zones that a client may choose from for a number.
    pub(super) fn zones_to_choose(&self, phone: Phone, facts: PhoneFacts) -> Vec<&'static str> {
        let allowed = self.settings.rules.countries.as_deref();
        let mut zones = zones::of_number(phone, facts, allowed).into_owned();
        if facts.kind == LineKind::TollFree {
            let nameable = zones::nameable(phone, facts, allowed);
            zones.extend(nameable);
            let mut known = std::collections::HashSet::new();
            zones.retain(|zone| known.insert(*zone));
        }
        zones
    }
}
