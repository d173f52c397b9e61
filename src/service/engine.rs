//! The one way in which a call changes: load, step, save, perform the effects.
//!
//! Everything that happens to a call goes through [`CallEngine::apply`]. The [`Performer`] carries
//! out the effects of a step, each in a task of its own.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::ServiceError;
use super::cooldown::cooldown_end;
use crate::call::{Call, Effect, Event, Reply, State, step};
use crate::domain::{CallId, Phone};
use crate::store::{self, CallStore as _, Change, Changed, StartRate as _, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request;
use crate::telemetry::traces::Traces;
use clock::Clock;

/// Save conflicts tolerated before an event is given up. A conflict means that another writer
/// saved the call in between, so only a call that changes without end meets this bound.
const MAX_CONFLICTS: usize = 1_000;

/// A call after an event.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) call: Arc<Call>,
    pub(super) reply: Option<Reply>,
    pub(super) effects: Vec<Effect>,
}

/// Carries out the effects of the state machine. `Dialler` is the one implementation.
pub(super) trait Performer: Send + Sync {
    fn perform(self: Arc<Self>, call: Arc<Call>, effect: Effect) -> Performing;

    /// Considers the call that has waited longest for `phone`, once `at` has come.
    fn number_free(self: Arc<Self>, phone: Phone, at: Timestamp);
}

/// The work of one effect.
pub(super) type Performing = Pin<Box<dyn Future<Output = Result<(), ServiceError>> + Send>>;

/// Applies events to calls.
pub(super) struct CallEngine {
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) traces: Option<Traces>,
    /// Tracks work that outlives its request.
    pub(super) tasks: TaskTracker,
    performer: OnceLock<Weak<dyn Performer>>,
    /// The number of open lines is limited (`TWILIO_LINES`).
    counts_lines: bool,
}

impl fmt::Debug for CallEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallEngine")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl CallEngine {
    pub(super) const fn new(
        clock: Clock,
        store: Store,
        metrics: Metrics,
        traces: Option<Traces>,
        tasks: TaskTracker,
        counts_lines: bool,
    ) -> Self {
        Self {
            clock,
            store,
            metrics,
            traces,
            tasks,
            performer: OnceLock::new(),
            counts_lines,
        }
    }

    /// Sets the performer, once. The reference is weak, because the performer owns this engine.
    pub(super) fn set_performer(&self, performer: Weak<dyn Performer>) {
        let _already_set = self.performer.set(performer);
    }

    fn performer(&self) -> Option<Arc<dyn Performer>> {
        self.performer.get().and_then(Weak::upgrade)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Applies an event to a stored call, and once more after each save conflict. The caller
    /// performs the effects. `None`: the call is not stored.
    ///
    /// # Errors
    /// The store cannot serve, or other writers were quicker [`MAX_CONFLICTS`] times.
    pub(super) async fn apply(
        &self,
        id: CallId,
        event: Event,
    ) -> Result<Option<Applied>, store::StoreError> {
        self.apply_each(id, |_call, _now| event.clone()).await
    }

    /// Wakes a stored call whose time has come. A line is not concluded while the answer of its
    /// staff may be known to a process alone that is gone.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(super) async fn wake(&self, id: CallId) -> Result<Option<Applied>, store::StoreError> {
        self.apply_each(id, |call, now| {
            let in_doubt = call.awaits_late_key()
                && call.wake_at().is_some_and(|at| at <= now)
                && self.store.may_lack_keys(call, now);
            if in_doubt {
                tracing::info!(call.id = %id, "an instance is missing that may have received a key");
                Event::WakeInDoubt
            } else {
                Event::Wake
            }
        })
        .await
    }

    async fn apply_each(
        &self,
        id: CallId,
        event: impl Fn(&Call, Timestamp) -> Event,
    ) -> Result<Option<Applied>, store::StoreError> {
        for _ in 0..MAX_CONFLICTS {
            let Some(before) = self.store.recent(id).await? else {
                return Ok(None);
            };
            let now = self.now();
            if let Some(applied) = self.apply_to(&before, event(&before, now), now).await? {
                return Ok(Some(applied));
            }
        }
        tracing::error!(call.id = %id, conflicts = MAX_CONFLICTS, "a call changes faster than it can be saved");
        Err(store::StoreError::Away)
    }

    /// Applies an event at `now` to a call as it was loaded. `None`: another writer has changed the
    /// stored call, and nothing is saved.
    pub(super) async fn apply_to(
        &self,
        before: &Arc<Call>,
        event: Event,
        now: Timestamp,
    ) -> Result<Option<Applied>, store::StoreError> {
        if let Some(parent) = before.carry_over.trace {
            request::note_trace(parent);
        }
        let step = step(before, event.clone(), now);
        if !step.changed {
            return Ok(Some(Applied {
                call: before.clone(),
                reply: step.reply,
                effects: step.effects,
            }));
        }
        let change = Change {
            before,
            releases_number: releases_number(before, &step.call, now),
            after: step.call,
            event,
        };
        let Some(Changed { call, others_open }) = self.store.change(change).await? else {
            return Ok(None);
        };
        self.log_changes(before, &call);
        if before.has_line() && !call.has_line() {
            self.line_closed(call.id).await;
        }
        if others_open {
            self.consider_next_call(before, &call, now);
        }
        Ok(Some(Applied {
            call,
            reply: step.reply,
            effects: step.effects,
        }))
    }

    /// Applies an event to a stored call and performs the effects.
    pub(super) async fn send(&self, call: &Call, event: Event) -> Result<(), ServiceError> {
        if let Some(applied) = self.apply(call.id, event).await? {
            self.perform(&applied);
        }
        Ok(())
    }

    /// Performs the effects of a step, each in a task of its own.
    pub(super) fn perform(&self, applied: &Applied) {
        self.perform_each(&applied.call, applied.effects.iter().copied());
    }

    pub(super) fn perform_each(&self, call: &Arc<Call>, effects: impl Iterator<Item = Effect>) {
        for effect in effects {
            let Some(performer) = self.performer() else {
                return;
            };
            let call = call.clone();
            self.tasks.spawn(request::carry_for(call.carry_over.trace, async move {
                if let Err(error) = performer.perform(call.clone(), effect).await {
                    tracing::error!(call.id = %call.id, error = %error, ?effect, "an effect could not be performed");
                }
            }));
        }
    }

    /// Takes a closed line out of the limit of open lines (`TWILIO_LINES`).
    async fn line_closed(&self, id: CallId) {
        if self.counts_lines {
            self.store.close_line(id).await;
        }
    }

    /// Asks the performer to consider the next call that waits for this number, if the change at
    /// `now` made the number free. Called only if other calls to the number are open, because a
    /// task for each number that becomes free would be too many.
    fn consider_next_call(&self, before: &Call, call: &Call, now: Timestamp) {
        let closed = before.has_line() && !call.has_line();
        let settled = has_settled(before, call);
        if (closed || settled)
            && let Some(performer) = self.performer()
        {
            let since = if settled { before.updated_at } else { now };
            performer.number_free(call.reservation.phone, cooldown_end(since));
        }
    }
}

/// Returns whether a call that changed at `now` releases its number: its line is closed, or it is
/// finished. If the line is closed but a key may still come, the number is released with the end of
/// that wait, since no call may ring within the cooldown anyway.
fn releases_number(before: &Call, call: &Call, now: Timestamp) -> bool {
    let closed = before.has_line() && !call.has_line();
    let settles = matches!(call.state, State::Settling { until, .. } if until <= cooldown_end(now));
    closed && !settles || has_settled(before, call) || call.is_finished() && !before.is_finished()
}

fn has_settled(before: &Call, call: &Call) -> bool {
    matches!(before.state, State::Settling { .. }) && !matches!(call.state, State::Settling { .. })
}
