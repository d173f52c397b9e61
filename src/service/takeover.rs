//! A call that was rebuilt from its ticket: stores again what belongs to it beside its record, and
//! ends the repeats of its request.

use std::sync::Arc;

use super::webhooks::WebhookHandler;
use crate::call::{Call, Event, State};
use crate::store::{
    CallStore as _, IdempotencyEntry, IdempotencyStore as _, NumberStore as _, StoreError,
};

impl WebhookHandler {
    /// Restores the open line and the idempotency key of a call that was rebuilt; its number was
    /// taken with its record. If the store fails, the person on the line is served all the same.
    pub(super) async fn took_over(&self, call: &Arc<Call>) {
        self.engine.log_new(call);
        if call.has_line() {
            self.dialler.note_line(call.id).await;
        }
        // A client that repeats its request must get this call, and not another one.
        if let Some(key) = call.carry_over.idempotency {
            let _known = self
                .engine
                .store
                .reserve(key, IdempotencyEntry::of(call), self.engine.now())
                .await;
        }
        if let Err(error) = self.end_repeats(call).await {
            tracing::error!(call.id = %call.id, %error, "the same request, asked again meanwhile, could not be ended");
        }
        // The ticket may be older than the wish not to be called again.
        let phone = call.reservation.phone;
        if self.dialler.is_opted_out(phone).await.unwrap_or(false) {
            let _barred = self.engine.apply(call.id, Event::OptedOut).await;
        }
    }

    /// Ends repeats of the request that were made while this call was unknown, because one request
    /// rings once. The same key is certainly the same request, so its call is ended even while it
    /// rings; without one only a call that has not rung yet is.
    async fn end_repeats(&self, call: &Call) -> Result<(), StoreError> {
        let store = &self.engine.store;
        for id in store.open_calls(call.reservation.phone).await? {
            let Some(other) = store.load(id).await? else {
                continue;
            };
            let is_repeat = other.id != call.id
                && other.owner == call.owner
                && other.reservation.asks_the_same(&call.reservation);
            let has_same_key = call.carry_over.idempotency.is_some()
                && other.carry_over.idempotency == call.carry_over.idempotency;
            let is_answered = matches!(
                other.state,
                State::InProgress { .. } | State::Settling { .. }
            );
            let may_end = other.attempts.is_empty() || has_same_key && !is_answered;
            if is_repeat
                && may_end
                && let Some(applied) = self.engine.apply(id, Event::Cancel).await?
            {
                self.engine.perform(&applied);
            }
        }
        Ok(())
    }
}
