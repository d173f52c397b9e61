//! Decides whether a call may dial now. Collects what policy needs, then reserves the restaurant's
//! number and one of the starts per second.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::cooldown::cooldown_end;
use super::dialler::Dialler;
use crate::call::{Call, Event, Outcome, State, WaitingFor, step};
use crate::domain::{Phone, PhoneFacts};
use crate::policy::{DialReason, PolicyInput, PolicyVerdict, Refusal};
use crate::store::{
    CallStore as _, Creates, DialGrant, DialMode, DialRequest, Lifecycle as _, NumberStore as _,
    StartRate as _,
};

/// Save conflicts tolerated before a dial gives up and is retried later.
const TRIES: usize = 8;

/// A call that waits for a line stands in the line of those who wait for a start, so this is only
/// when it is looked at in any case.
const LINE_WAIT: SignedDuration = SignedDuration::from_mins(1);

fn line_wait(now: Timestamp) -> Timestamp {
    now.saturating_add(LINE_WAIT).unwrap_or(now)
}

/// A request to dial, with what is known about its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct DialQuestion<'a> {
    pub(super) call: &'a Call,
    pub(super) phone: Option<PhoneFacts>,
    pub(super) purpose: DialReason,
    /// Whether the queue of starts gave this call its start.
    pub(super) start_was_given: bool,
}

/// The decision about a dial.
#[derive(Clone, Debug)]
pub(super) enum DialDecision {
    /// It may dial now: its number and its start are reserved.
    Now {
        from: Phone,
        /// The number of creates of its owner, if the store returned it with the grant.
        creates: Option<Creates>,
        /// The new call with its intent, if the store has stored it with the grant.
        stored: Option<Arc<Call>>,
    },
    /// It has to wait.
    Later {
        reason: WaitingFor,
        until: Timestamp,
    },
    /// It must never dial.
    Never(Refusal),
}

impl Dialler {
    /// The verdict of policy about a call now. Reserves nothing.
    pub(super) async fn judge(
        &self,
        asked: &DialQuestion<'_>,
        now: Timestamp,
    ) -> Result<PolicyVerdict, ServiceError> {
        let store = &self.engine.store;
        let mut grant = store
            .request_dial(&self.asking(asked, now), DialMode::Peek)
            .await?;
        if let Some(most) = self.settings.lines
            && !store.has_free_line(asked.call.id, most, now).await?
        {
            grant.slot = grant.slot.max(Some(line_wait(now)));
        }
        Ok(self.verdict(asked, &grant, now))
    }

    fn asking<'a>(&'a self, asked: &DialQuestion<'a>, now: Timestamp) -> DialRequest<'a> {
        let is_new = matches!(asked.purpose, DialReason::Create);
        let limits = &self.settings.rules.limits;
        DialRequest {
            call: asked.call,
            limits,
            is_new,
            needs_start: !asked.start_was_given,
            intent: None,
            now,
        }
    }

    /// Collects the input of policy from the service's own state and from the store's answer.
    fn facts(&self, asked: &DialQuestion<'_>, grant: &DialGrant, now: Timestamp) -> PolicyInput {
        let phone = asked.call.reservation.phone;
        PolicyInput {
            duplicate: grant.duplicate,
            opted_out: grant.opted_out || self.settings.do_not_call.contains(&phone),
            room: grant.room,
            taken: grant.taken || self.preexisting_calls.has(phone),
            carrier: self.carrier.closed_until(now),
            slot: grant.slot,
        }
    }

    fn verdict(
        &self,
        asked: &DialQuestion<'_>,
        grant: &DialGrant,
        now: Timestamp,
    ) -> PolicyVerdict {
        let facts = self.facts(asked, grant, now);
        let rules = &self.settings.rules;
        rules.judge(
            &asked.call.reservation,
            asked.phone,
            asked.purpose,
            &facts,
            now,
        )
    }

    /// Asks policy and, if it allows the dial, reserves what the dial needs. If another call
    /// reserved it meanwhile, it asks again.
    pub(super) async fn decide_dial(
        &self,
        asked: &DialQuestion<'_>,
        now: Timestamp,
    ) -> Result<DialDecision, ServiceError> {
        let call = asked.call;
        // What this process knows alone comes first: a call that may not ring now takes nothing
        // from others.
        let may_ring = self.verdict(asked, &DialGrant::default(), now) == PolicyVerdict::Allowed;
        let has_line = may_ring && self.open_line(call.id, now).await?;
        let lacks_line = may_ring && !has_line;
        let want = if has_line {
            DialMode::Acquire
        } else {
            DialMode::Register
        };
        let decision = self.decide_on_line(asked, (want, lacks_line), now).await;
        if has_line && !matches!(decision, Ok(DialDecision::Now { .. })) {
            self.close_line(call.id).await;
        }
        decision
    }

    /// The rest of the decision, once it is known whether the call has a line.
    async fn decide_on_line(
        &self,
        asked: &DialQuestion<'_>,
        (want, lacks_line): (DialMode, bool),
        now: Timestamp,
    ) -> Result<DialDecision, ServiceError> {
        let (call, store) = (asked.call, &self.engine.store);
        let mut asking = self.asking(asked, now);
        let may_ring = want == DialMode::Acquire;
        let from = self.carrier.caller_id(call.reservation.country, now);
        let from = from.unwrap_or(call.reservation.phone);
        // What it becomes if it is granted, for a store that stores it with the grant.
        let stores_intent = asking.is_new && may_ring && store.is_shared();
        let intent = stores_intent.then(|| step(call, Event::Dial { from }, now).call);
        asking.intent = intent.as_ref();
        let mut creates = None;
        for _ in 0..TRIES {
            let mut grant = store.request_dial(&asking, want).await?;
            if lacks_line {
                grant.slot = grant.slot.max(Some(line_wait(now)));
            }
            if !asking.is_new || grant.admitted {
                grant.room.key_minute = None;
            }
            asking.is_new &= !grant.admitted;
            creates = grant.creates.or(creates);
            let verdict = self.verdict(asked, &grant, now);
            match verdict {
                // What is stored is an intent, even if Twilio has closed while the store was asked.
                PolicyVerdict::Allowed
                | PolicyVerdict::Waits { .. }
                | PolicyVerdict::Blocked(_)
                    if grant.stored.is_some()
                        || grant.claimed && verdict == PolicyVerdict::Allowed =>
                {
                    let stored = grant.stored;
                    return Ok(DialDecision::Now {
                        from,
                        creates,
                        stored,
                    });
                }
                PolicyVerdict::Allowed => {}
                PolicyVerdict::Waits { reason, until } => {
                    // Twilio may have closed while the store was asked.
                    if grant.claimed {
                        store.release(call, now).await;
                        if asking.needs_start {
                            store.return_start().await;
                        }
                    }
                    if !asking.is_new || store.admit(&asking).await? {
                        return Ok(DialDecision::Later { reason, until });
                    }
                }
                PolicyVerdict::Blocked(refusal) => return Ok(DialDecision::Never(refusal)),
            }
        }
        // Others were quicker each time.
        Ok(DialDecision::Later {
            reason: WaitingFor::LiveCall,
            until: cooldown_end(now),
        })
    }

    /// The time of a queued call has come, or its pause was planned: asks policy. Whether it rings.
    pub(super) async fn consider(
        self: &Arc<Self>,
        call: &Arc<Call>,
        start_was_given: bool,
    ) -> Result<bool, ServiceError> {
        let State::Queued { waiting_for, until } = call.state else {
            return Ok(false);
        };
        let now = self.engine.now();
        let earliest = if waiting_for == Some(WaitingFor::Retry) {
            until
        } else {
            now
        };
        let purpose = DialReason::Attempt { earliest };
        let asked = DialQuestion {
            call,
            phone: call.reservation.phone.facts(),
            purpose,
            start_was_given,
        };
        let decision = self.decide_dial(&asked, now).await?;
        // If another writer was quicker, this turn is given up; the sweep will consider the call
        // again. The intent is as old as its claim on the number: a process that stood still in
        // between must not ring beside another call.
        let applied = self.engine.apply_to(call, decision.event(), now).await;
        let rings = matches!(
            (&decision, &applied),
            (DialDecision::Now { .. }, Ok(Some(_)))
        );
        if let (DialDecision::Now { .. }, false) = (&decision, rings) {
            self.give_number_back(call, now).await?;
        }
        if let Some(applied) = applied? {
            self.line_up(&applied.call).await;
            self.engine.perform(&applied);
        }
        Ok(rings)
    }

    /// Gives back a number that was claimed in vain, unless another writer rings it for the same
    /// call.
    async fn give_number_back(
        &self,
        call: &Call,
        claimed_at: Timestamp,
    ) -> Result<(), ServiceError> {
        let rings = self
            .engine
            .store
            .load(call.id)
            .await?
            .is_some_and(|call| call.has_line());
        if !rings {
            self.engine.store.release(call, claimed_at).await;
            self.close_line(call.id).await;
        }
        Ok(())
    }

    /// A call that waits for its turn gets its place in the line, once it is stored.
    pub(super) async fn line_up(&self, call: &Call) {
        if matches!(
            call.state,
            State::Queued {
                waiting_for: Some(WaitingFor::Slot),
                ..
            }
        ) && let Err(error) = self.engine.store.enqueue(&call.owner, call.id).await
        {
            tracing::warn!(call.id = %call.id, error = %error, "a call will be looked at again when its turn should have come");
        }
    }

    /// Starts the calls whose turn has come.
    pub(super) async fn dequeue_start(self: &Arc<Self>, now: Timestamp) {
        // Those in the line keep their places while Twilio takes no calls.
        let store = &self.engine.store;
        while self.carrier.closed_until(now).is_none() && !self.are_lines_full(now).await {
            let id = match store.dequeue_start(now).await {
                Ok(Some(id)) => id,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(error = %error, "the store does not tell whose turn it is");
                    return;
                }
            };
            let rings = match store.load(id).await {
                Ok(Some(call)) => self.consider(&call, true).await,
                Ok(None) => Ok(false),
                Err(error) => Err(error.into()),
            };
            match rings {
                Ok(true) => {}
                Ok(false) => store.return_start().await,
                Err(error) => {
                    store.return_start().await;
                    tracing::error!(call.id = %id, error = %error, "a call could not be considered");
                }
            }
        }
    }

    /// The time at which the next waiting call may be started.
    pub(super) fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let closed = self.carrier.closed_until(now);
        let closed = closed.max(self.lines_full_until(now));
        self.engine
            .store
            .next_start()
            .map(|turn| closed.map_or(turn, |open| turn.max(open)))
    }

    /// A number is free again: who waited for it longest is considered at `at`, once staff had the
    /// time to draw breath.
    pub(super) fn notify_number_free(self: &Arc<Self>, phone: Phone, at: Timestamp) {
        let dialler = self.clone();
        self.engine.tasks.spawn(async move {
            let (clock, stop) = (&dialler.engine.clock, &dialler.stop);
            let breath = clock.sleep_until(at.max(clock.now()));
            if stop.run_until_cancelled(breath).await.is_none() {
                return;
            }
            if let Err(error) = dialler.consider_next(phone).await {
                tracing::error!(error = %error, "a call that waits for a number could not be considered");
            }
        });
    }

    async fn consider_next(self: &Arc<Self>, phone: Phone) -> Result<(), ServiceError> {
        if let Some(call) = self.engine.store.next_in_line(phone).await? {
            self.consider(&call, false).await?;
        }
        Ok(())
    }
}

impl DialDecision {
    /// The event that the decision is for the call.
    pub(super) const fn event(&self) -> Event {
        match *self {
            Self::Now { from, .. } => Event::Dial { from },
            Self::Later { reason, until } => Event::Hold {
                waiting_for: reason,
                until,
            },
            Self::Never(Refusal::TooLate | Refusal::RestaurantClosed) => {
                Event::Block(Outcome::Expired)
            }
            Self::Never(Refusal::OptedOut) => Event::OptedOut,
            Self::Never(
                Refusal::NumberKind(_)
                | Refusal::UnknownNumber
                | Refusal::TimezoneNeeded
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
