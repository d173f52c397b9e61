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

/// Wait of a call that found all lines open (`TWILIO_LINES`) until the sweep considers it in any
/// case. It is also queued for a start, and considered earlier if a line closes.
const LINE_WAIT: SignedDuration = SignedDuration::from_mins(1);

fn line_wait(now: Timestamp) -> Timestamp {
    clock::later(now, LINE_WAIT)
}

/// A request to dial, with what is known about its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct DialQuestion<'a> {
    pub(super) call: &'a Call,
    pub(super) phone: Option<PhoneFacts>,
    pub(super) reason: DialReason,
    /// The call was taken from the queue of starts, so it has its start already.
    pub(super) start_was_given: bool,
}

/// The line of a dial, where the number of open lines is limited (`TWILIO_LINES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DialLine {
    /// Not asked for, because the call may not dial now.
    NotAsked,
    NoneFree,
    Opened,
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
    /// Asks policy whether a call may dial now. Reserves nothing.
    pub(super) async fn judge(
        &self,
        question: &DialQuestion<'_>,
        now: Timestamp,
    ) -> Result<PolicyVerdict, ServiceError> {
        let store = &self.engine.store;
        let mut grant = store
            .request_dial(&self.dial_request(question, now), DialMode::Peek)
            .await?;
        if let Some(most) = self.settings.lines
            && !store.has_free_line(question.call.id, most, now).await?
        {
            grant.slot = grant.slot.max(Some(line_wait(now)));
        }
        Ok(self.verdict(question, &grant, now))
    }

    fn dial_request<'a>(&'a self, question: &DialQuestion<'a>, now: Timestamp) -> DialRequest<'a> {
        DialRequest {
            call: question.call,
            limits: &self.settings.rules.limits,
            is_new: matches!(question.reason, DialReason::Create),
            needs_start: !question.start_was_given,
            intent: None,
            now,
        }
    }

    /// Collects the input of policy from the service's own state and from the store's answer.
    fn policy_input(
        &self,
        question: &DialQuestion<'_>,
        grant: &DialGrant,
        now: Timestamp,
    ) -> PolicyInput {
        let phone = question.call.reservation.phone;
        PolicyInput {
            duplicate: grant.duplicate,
            opted_out: grant.opted_out || self.settings.do_not_call.contains(&phone),
            room: grant.room,
            taken: grant.taken || self.preexisting_calls.has(phone),
            carrier: self.closed_until(now),
            slot: grant.slot,
        }
    }

    fn verdict(
        &self,
        question: &DialQuestion<'_>,
        grant: &DialGrant,
        now: Timestamp,
    ) -> PolicyVerdict {
        let input = self.policy_input(question, grant, now);
        self.settings.rules.judge(
            &question.call.reservation,
            question.phone,
            question.reason,
            &input,
            now,
        )
    }

    /// Asks policy and, if it allows the dial, reserves what the dial needs. If another call
    /// reserved it meanwhile, it asks again.
    pub(super) async fn decide_dial(
        &self,
        question: &DialQuestion<'_>,
        now: Timestamp,
    ) -> Result<DialDecision, ServiceError> {
        let call = question.call;
        // Judged first without the store: a call that may not dial now takes nothing from others.
        let without_store = self.verdict(question, &DialGrant::default(), now);
        let line = if without_store != PolicyVerdict::Allowed {
            DialLine::NotAsked
        } else if self.open_line(call.id, now).await? {
            DialLine::Opened
        } else {
            DialLine::NoneFree
        };
        let decision = self.decide_with_line(question, line, now).await;
        if line == DialLine::Opened && !matches!(decision, Ok(DialDecision::Now { .. })) {
            self.close_line(call.id).await;
        }
        decision
    }

    /// Asks the store and then policy, until one of them says more than that another call was
    /// quicker. Without an open line nothing is reserved, but a new call is registered.
    async fn decide_with_line(
        &self,
        question: &DialQuestion<'_>,
        line: DialLine,
        now: Timestamp,
    ) -> Result<DialDecision, ServiceError> {
        let mode = match line {
            DialLine::Opened => DialMode::Acquire,
            DialLine::NotAsked | DialLine::NoneFree => DialMode::Register,
        };
        let call = question.call;
        let from = self.carrier.caller_id(call.reservation.country, now);
        // There always is a number of ours: the settings demand one.
        let from = from.unwrap_or(call.reservation.phone);
        let mut request = self.dial_request(question, now);
        let intent = self.intent_to_store(&request, mode, from);
        request.intent = intent.as_ref();
        let mut creates = None;
        for _ in 0..TRIES {
            let mut grant = self.engine.store.request_dial(&request, mode).await?;
            if line == DialLine::NoneFree {
                grant.slot = grant.slot.max(Some(line_wait(now)));
            }
            // A create is counted once, and its own count does not stand against it.
            request.is_new &= !grant.admitted;
            if !request.is_new {
                grant.room.key_minute = None;
            }
            creates = grant.creates.or(creates);
            let verdict = self.verdict(question, &grant, now);
            // A stored intent stands, even if Twilio has closed while the store was asked.
            if grant.stored.is_some() || grant.claimed && verdict == PolicyVerdict::Allowed {
                return Ok(DialDecision::Now {
                    from,
                    creates,
                    stored: grant.stored,
                });
            }
            match verdict {
                // Another call was quicker.
                PolicyVerdict::Allowed => {}
                PolicyVerdict::Waits { reason, until } => {
                    if self.may_wait(&request, &grant).await? {
                        return Ok(DialDecision::Later { reason, until });
                    }
                }
                PolicyVerdict::Blocked(refusal) => return Ok(DialDecision::Never(refusal)),
            }
        }
        Ok(DialDecision::Later {
            reason: WaitingFor::LiveCall,
            until: cooldown_end(now),
        })
    }

    /// The next state of a new call, if the store saves it together with the grant, as a shared
    /// store does.
    fn intent_to_store(
        &self,
        request: &DialRequest<'_>,
        mode: DialMode,
        from: Phone,
    ) -> Option<Call> {
        let is_stored =
            request.is_new && mode == DialMode::Acquire && self.engine.store.is_shared();
        is_stored.then(|| step(request.call, Event::Dial { from }, request.now).call)
    }

    /// Returns what the store reserved for a call that has to wait all the same, because Twilio has
    /// closed while the store was asked. Then counts a create that is not counted yet; `false`: its
    /// limit has no room any more, so policy is to be asked again.
    async fn may_wait(
        &self,
        request: &DialRequest<'_>,
        grant: &DialGrant,
    ) -> Result<bool, ServiceError> {
        let store = &self.engine.store;
        if grant.claimed {
            store.release(request.call, request.now).await;
            if request.needs_start {
                store.return_start().await;
            }
        }
        Ok(!request.is_new || store.admit(request).await?)
    }

    /// Asks policy about a queued call, because its time has come or its pause was just planned,
    /// and applies the decision. Returns whether the call dials.
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
        let question = DialQuestion {
            call,
            phone: call.reservation.phone.facts(),
            reason: DialReason::Attempt { earliest },
            start_was_given,
        };
        let decision = self.decide_dial(&question, now).await?;
        // Applied at `now`, so that the intent is as old as the claim on the number: a process that
        // was suspended in between must not ring beside another call. On a save conflict nothing is
        // applied, and the sweep considers the call again.
        let applied = self.engine.apply_to(call, decision.event(), now).await;
        let dials = matches!(
            (&decision, &applied),
            (DialDecision::Now { .. }, Ok(Some(_)))
        );
        if let (DialDecision::Now { .. }, false) = (&decision, dials) {
            self.release_unused(call, now).await?;
        }
        if let Some(applied) = applied? {
            self.enqueue_for_start(&applied.call).await;
            self.engine.perform(&applied);
        }
        Ok(dials)
    }

    /// Releases the number and the line of a dial whose intent could not be saved, unless another
    /// writer dials for the same call.
    async fn release_unused(&self, call: &Call, claimed_at: Timestamp) -> Result<(), ServiceError> {
        let stored = self.engine.store.load(call.id).await?;
        if !stored.is_some_and(|stored| stored.has_line()) {
            self.engine.store.release(call, claimed_at).await;
            self.close_line(call.id).await;
        }
        Ok(())
    }

    /// Puts a stored call into the queue of starts, if that is what it waits for.
    pub(super) async fn enqueue_for_start(&self, call: &Call) {
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

    /// Considers the first calls of the queue of starts, as many as there are starts now.
    pub(super) async fn start_queued(self: &Arc<Self>, now: Timestamp) {
        // Queued calls keep their places while Twilio takes no calls or no line is free.
        let store = &self.engine.store;
        while self.closed_until(now).is_none() && !self.are_lines_full(now).await {
            let id = match store.dequeue_start(now).await {
                Ok(Some(id)) => id,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(error = %error, "the store does not tell whose turn it is");
                    return;
                }
            };
            let dials = match store.load(id).await {
                Ok(Some(call)) => self.consider(&call, true).await,
                Ok(None) => Ok(false),
                Err(error) => Err(error.into()),
            };
            match dials {
                Ok(true) => {}
                Ok(false) => store.return_start().await,
                Err(error) => {
                    store.return_start().await;
                    tracing::error!(call.id = %id, error = %error, "a call could not be considered");
                }
            }
        }
    }

    /// The time at which the first call of the queue may be started; `None`: the queue is empty.
    pub(super) fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let next_start = self.engine.store.next_start()?;
        let carrier_opens = self.closed_until(now);
        let line_opens = self.lines_full_until(now);
        Some(next_start.max(carrier_opens.max(line_opens).unwrap_or(next_start)))
    }

    /// Considers the call that has waited longest for a number that is free again. `at` is the end
    /// of the cooldown that staff get between two calls.
    pub(super) fn notify_number_free(self: &Arc<Self>, phone: Phone, at: Timestamp) {
        let dialler = self.clone();
        self.engine.tasks.spawn(async move {
            let (clock, stop) = (&dialler.engine.clock, &dialler.stop);
            let cooldown = clock.sleep_until(at.max(clock.now()));
            if stop.run_until_cancelled(cooldown).await.is_none() {
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
    /// The event that applies the decision to the call.
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
