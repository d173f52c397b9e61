//! Whose turn it is: gathers what policy asks for, and takes number and start for a call that may ring.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Error, Service};
use crate::call::{Call, Event, Outcome, State, WaitingFor};
use crate::domain::{Phone, PhoneFacts};
use crate::policy::{Facts, Purpose, Refusal, Verdict};

/// The pause between two calls to one number.
const BREATH: SignedDuration = SignedDuration::from_secs(5);

/// Who asks to ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call,
    pub(super) phone: Option<PhoneFacts>,
    pub(super) purpose: Purpose,
    /// The start of this second was given to this call.
    pub(super) called_up: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// Now: its number and its start are taken.
    Now { from: Phone },
    /// Later.
    Later { reason: WaitingFor, until: Timestamp },
    /// Never.
    Never(Refusal),
}

impl Service {
    /// What policy says of a call, with all that is known now. Nothing is taken.
    pub(super) async fn judge(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Verdict, Error> {
        let facts = self.facts(asked, now).await?;
        let rules = &self.0.parts.settings.rules;
        Ok(rules.judge(&asked.call.reservation, asked.phone, asked.purpose, &facts, now))
    }

    async fn facts(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Facts, Error> {
        let (call, store) = (asked.call, &self.0.parts.store);
        let phone = call.reservation.phone;
        let duplicate = match asked.purpose {
            Purpose::Create => self.duplicate(call).await?,
            Purpose::Attempt { .. } => None,
        };
        let slot = if asked.called_up { None } else { self.0.pace.slot(&call.owner, call.id, now) };
        Ok(Facts {
            duplicate,
            opted_out: self.is_opted_out(phone).await?,
            room: store.room(phone, &call.owner, &self.0.parts.settings.rules.limits, now).await?,
            taken: store.is_taken(phone, call.id).await? || self.0.strangers.has(phone),
            carrier: self.0.carrier.closed_until(now),
            slot,
        })
    }

    /// An open call of the same key that asks for the very same.
    async fn duplicate(&self, call: &Call) -> Result<Option<crate::domain::CallId>, Error> {
        for id in self.0.parts.store.open_calls(call.reservation.phone).await? {
            let Some(other) = self.0.parts.store.load(id).await? else { continue };
            if !other.is_finished() && other.owner == call.owner && other.reservation.asks_the_same(&call.reservation) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Asks policy; if it allows, takes what it takes to ring. Others may be quicker meanwhile: then it asks again.
    pub(super) async fn turn(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Turn, Error> {
        let (call, store, rules) = (asked.call, &self.0.parts.store, &self.0.parts.settings.rules);
        let phone = call.reservation.phone;
        let mut admitted = asked.purpose != Purpose::Create;
        loop {
            let mut facts = self.facts(asked, now).await?;
            if admitted {
                facts.room.key_minute = None;
            }
            let verdict = rules.judge(&call.reservation, asked.phone, asked.purpose, &facts, now);
            if let Verdict::Blocked(refusal) = verdict {
                return Ok(Turn::Never(refusal));
            }
            if !admitted {
                admitted = store.admit(&call.owner, &rules.limits, now).await?;
                if !admitted {
                    continue;
                }
            }
            if let Verdict::Waits { reason, until } = verdict {
                return Ok(Turn::Later { reason, until });
            }
            // The start first: it can be given back without a word, where the number may be another turn's of this call.
            if !asked.called_up && !self.0.pace.take(now) {
                continue;
            }
            if !store.claim(phone, call.id, &rules.limits, now).await? {
                if !asked.called_up {
                    self.0.pace.give_back();
                }
                continue;
            }
            let from = self.0.carrier.caller_id(call.reservation.country, now).unwrap_or(phone);
            return Ok(Turn::Now { from });
        }
    }

    /// The time of a queued call has come, or its pause was planned: asks policy. Whether it rings.
    pub(super) async fn consider(&self, call: &Arc<Call>, called_up: bool) -> Result<bool, Error> {
        let State::Queued { waiting_for, until } = call.state else { return Ok(false) };
        let now = self.now();
        let earliest = if waiting_for == Some(WaitingFor::Retry) { until } else { now };
        let purpose = Purpose::Attempt { earliest };
        let asked = Asked { call, phone: call.reservation.phone.facts(), purpose, called_up };
        let turn = self.turn(&asked, now).await?;
        // If another writer was quicker, this turn is given up; the sweep will consider the call again.
        let applied = self.apply_to(call, turn.event()).await;
        let rings = matches!((&turn, &applied), (Turn::Now { .. }, Ok(Some(_))));
        if let (Turn::Now { .. }, false) = (turn, rings) {
            self.give_number_back(call, now).await?;
        }
        if let Some(applied) = applied? {
            self.line_up(&applied.call);
            self.perform(&applied);
        }
        Ok(rings)
    }

    /// Gives a number back that was claimed in vain, unless whoever was quicker rings it for the same call.
    async fn give_number_back(&self, call: &Call, claimed_at: Timestamp) -> Result<(), Error> {
        let rings = self.0.parts.store.load(call.id).await?.is_some_and(|call| call.has_line());
        if !rings {
            self.0.parts.store.release(call.reservation.phone, call.id, claimed_at).await;
        }
        Ok(())
    }

    /// A call that waits for its turn gets its place in the line, once it is stored.
    pub(super) fn line_up(&self, call: &Call) {
        if matches!(call.state, State::Queued { waiting_for: Some(WaitingFor::Slot), .. }) {
            self.0.pace.join(&call.owner, call.id);
        }
    }

    /// Starts the calls whose turn has come.
    pub(super) async fn call_up(&self, now: Timestamp) {
        // Those in the line keep their places while Twilio takes no calls.
        while self.0.carrier.closed_until(now).is_none()
            && let Some(id) = self.0.pace.call_up(now)
        {
            let rings = match self.0.parts.store.load(id).await {
                Ok(Some(call)) => self.consider(&call, true).await,
                Ok(None) => Ok(false),
                Err(error) => Err(error.into()),
            };
            match rings {
                Ok(true) => {}
                Ok(false) => self.0.pace.give_back(),
                Err(error) => {
                    self.0.pace.give_back();
                    tracing::error!(call.id = %id, error = %error, "a call could not be considered");
                }
            }
        }
    }

    /// When the next call may be started that waits for it.
    pub(super) fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.pace.next_turn().map(|turn| self.0.carrier.closed_until(now).map_or(turn, |open| turn.max(open)))
    }

    /// A number is free again: who waited for it longest is considered, once staff had the time to draw breath.
    pub(super) fn freed(&self, phone: Phone) {
        let service = self.clone();
        self.0.parts.tasks.spawn(async move {
            let (clock, stop) = (&service.0.parts.clock, &service.0.parts.stop);
            let breath = clock.sleep_until(clock.now().saturating_add(BREATH).unwrap_or(Timestamp::MAX));
            if stop.run_until_cancelled(breath).await.is_none() {
                return;
            }
            if let Err(error) = service.consider_next(phone).await {
                tracing::error!(error = %error, "a call that waits for a number could not be considered");
            }
        });
    }

    async fn consider_next(&self, phone: Phone) -> Result<(), Error> {
        if let Some(call) = self.0.parts.store.next_in_line(phone).await? {
            self.consider(&call, false).await?;
        }
        Ok(())
    }
}

impl Turn {
    /// What it means for the call.
    pub(super) const fn event(self) -> Event<'static> {
        match self {
            Self::Now { from } => Event::Dial { from },
            Self::Later { reason, until } => Event::Hold { waiting_for: reason, until },
            Self::Never(Refusal::TooLate) => Event::Block(Outcome::Expired),
            Self::Never(Refusal::OptedOut) => Event::OptedOut,
            Self::Never(
                Refusal::NumberType
                | Refusal::OwnNumber
                | Refusal::Country
                | Refusal::Duplicate(_)
                | Refusal::NumberLimit { .. }
                | Refusal::KeyLimit { .. }
                | Refusal::ServiceLimit { .. },
            ) => Event::Block(Outcome::Failed),
        }
    }
}
