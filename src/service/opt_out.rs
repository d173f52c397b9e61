//! The wish of staff not to be called again: it ends the other calls to their number and is kept
//! before anything is answered.

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::dialler::Dialler;
use super::engine::Applied;
use crate::call::{Call, Decision, Effect, Event};
use crate::domain::Phone;
use crate::store::{CallStore as _, NumberStore as _};
use clock::Backoff;

/// The pauses between tries to write to the file.
const TRIES: Backoff = Backoff::new(SignedDuration::from_secs(1), SignedDuration::from_mins(1));

impl Dialler {
    /// Returns whether a number must not be rung. A key 9 counts from the moment it was pressed,
    /// also before it is on the list.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub(super) async fn is_opted_out(&self, phone: Phone) -> Result<bool, ServiceError> {
        let (settings, store) = (&self.settings, &self.engine.store);
        if settings.do_not_call.contains(&phone) || store.is_opted_out(phone).await? {
            return Ok(true);
        }
        for id in store.open_calls(phone).await? {
            let call = store.load(id).await?;
            if call.is_some_and(|call| call.decision() == Some(Decision::OptedOut)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts a number on the list and ends the other calls to it; doing so again changes nothing.
    pub(super) async fn opt_out(&self, phone: Phone) -> Result<(), ServiceError> {
        let store = &self.engine.store;
        store.opt_out(phone, self.engine.now()).await?;
        if let Some(file) = &self.do_not_call
            && let Err(error) = file.append(phone).await
        {
            tracing::error!(
                %error,
                "a wish not to be called could not be written to TABLECALL_DO_NOT_CALL_FILE: it is tried again, and kept \
                 as long as this process lives"
            );
        }
        for id in store.open_calls(phone).await? {
            if let Some(applied) = self.engine.apply(id, Event::OptedOut).await? {
                self.engine.perform(&applied);
            }
        }
        Ok(())
    }

    /// Writes the wishes that the file did not take at once, as soon as it takes them.
    pub(super) async fn watch_do_not_call_file(&self) {
        let clock = &self.engine.clock;
        let Some(file) = &self.do_not_call else {
            return;
        };
        loop {
            file.refused().await;
            let mut in_vain = 0;
            while file.behind().is_some() {
                let again = clock.now().saturating_add(TRIES.pause(in_vain));
                clock.sleep_until(again.unwrap_or(Timestamp::MAX)).await;
                in_vain = in_vain.saturating_add(1);
                if file.write_pending().await.is_ok() {
                    tracing::info!(
                        "TABLECALL_DO_NOT_CALL_FILE holds all wishes not to be called again"
                    );
                }
            }
        }
    }

    /// Tries once more to write the wishes that the file did not take, before this process ends.
    pub(super) async fn flush_do_not_call_file(&self) {
        if let Some(file) = &self.do_not_call
            && let Err(error) = file.write_pending().await
        {
            let lost = file.behind().map_or(0, |(count, _)| count);
            tracing::error!(
                %error,
                lost,
                "wishes not to be called were never written to TABLECALL_DO_NOT_CALL_FILE: this process knew them only"
            );
        }
    }

    /// Writes key 9 to the file at once, because this process may die before the wish is certain,
    /// and removes it when staff take it back.
    async fn note_doubtful(&self, call: &Call) {
        let Some(file) = &self.do_not_call else {
            return;
        };
        let done = if call.decision() != Some(Decision::OptedOut) {
            file.take_back(call.id).await
        } else if call.is_opted_out() {
            return;
        } else {
            file.append_doubtful(call.id, call.reservation.phone).await
        };
        if let Err(error) = done {
            tracing::warn!(call.id = %call.id, %error, "key 9 could not be noted in TABLECALL_DO_NOT_CALL_FILE");
        }
    }

    /// Performs what an event of Twilio wants done; a wish not to be called is kept before anything
    /// is answered.
    pub(super) async fn perform_for_twilio(&self, applied: &Applied) {
        self.note_doubtful(&applied.call).await;
        if applied.effects.contains(&Effect::OptOut)
            && let Err(error) = Box::pin(self.opt_out(applied.call.reservation.phone)).await
        {
            tracing::error!(call.id = %applied.call.id, %error, "a wish not to be called could not be stored");
        }
        let others = applied
            .effects
            .iter()
            .filter(|effect| **effect != Effect::OptOut);
        self.engine.perform_each(&applied.call, others.copied());
    }
}
