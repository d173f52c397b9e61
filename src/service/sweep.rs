//! The one place that waits: wakes each call at its time, and forgets what was kept long enough.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::Probe;
use super::dialler::Dialler;
use super::engine::CallEngine;
use tokio_util::sync::CancellationToken;

use crate::call::{Event, Evidence, State};
use crate::domain::CallId;
use crate::store::{CallStore as _, Lifecycle as _, StartRate as _};

/// Interval at which finished calls are looked at for their retention.
const HOUSEKEEPING: SignedDuration = SignedDuration::from_secs(60);
/// Most calls that are woken at once.
const BATCH: usize = 256;

/// Wakes calls at their time and watches what the service depends on.
#[derive(Debug)]
pub struct Sweeper {
    pub(super) engine: Arc<CallEngine>,
    pub(super) dialler: Arc<Dialler>,
    pub(super) stop: CancellationToken,
    /// The check of the public URL.
    pub(super) probe: Option<Probe>,
    /// The last answer of the public URL, if it was not ours.
    pub(super) unreachable: Mutex<Option<String>>,
}

impl Sweeper {
    /// Wakes calls until the service is stopped.
    pub async fn run_sweep(&self) {
        let stop = self.stop.clone();
        let work = async {
            tokio::join!(
                self.sweep_for_ever(),
                self.dialler.watch_carrier(),
                self.dialler.watch_preexisting_calls(),
                self.dialler.watch_do_not_call_file(),
                self.watch_public_url()
            )
        };
        let swept = stop.run_until_cancelled(work).await;
        debug_assert!(swept.is_none(), "the sweep ends only by being stopped");
    }

    async fn sweep_for_ever(&self) {
        let (clock, store) = (&self.engine.clock, &self.engine.store);
        let mut housekeeping = clock.now();
        let (mut next, mut last) = (None, housekeeping);
        loop {
            let now = clock.now();
            let is_set_back = clock::was_set_back(last, now);
            last = now;
            if is_set_back {
                tracing::warn!("the clock was set back: what waited for a later time waits anew");
                self.wake(store.woken_here()).await;
            }
            if now >= housekeeping || is_set_back {
                store.forget(now);
                housekeeping = clock::later(now, HOUSEKEEPING);
            }
            self.dialler.start_queued(now).await;
            self.wake_due(now).await;
            let until = [next, self.dialler.next_start(now)]
                .into_iter()
                .flatten()
                .fold(housekeeping, Timestamp::min);
            tokio::select! {
                () = clock.sleep_until(until.max(now)) => next = None,
                () = store.enqueued() => {}
                sooner = store.next_due(next) => next = Some(sooner),
            }
        }
    }

    /// Wakes what is due; calls that are due still are woken at the next turn.
    async fn wake_due(&self, now: Timestamp) {
        let due = match self.engine.store.due(now, BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = %error, "the store does not tell which calls are due");
                return;
            }
        };
        self.wake(due).await;
    }

    async fn wake(&self, calls: Vec<CallId>) {
        for id in calls {
            match self.engine.wake(id).await {
                // Considered here and not in a task: a call whose turn has not come would be due
                // again at once.
                Ok(Some(applied)) if matches!(applied.call.state, State::Queued { .. }) => {
                    for effect in &applied.effects {
                        if let Err(error) = self.dialler.effect(applied.call.clone(), *effect).await
                        {
                            tracing::error!(call.id = %id, error = %error, "a call could not be considered");
                        }
                    }
                }
                Ok(Some(applied)) => self.engine.perform(&applied),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(call.id = %id, error = %error, "a call could not be woken");
                }
            }
        }
    }

    /// Keeps the connection to a shared store; ends only by being dropped.
    pub async fn tend_store(&self) {
        self.engine.store.keep_connected().await;
    }

    /// Writes what waits for a shared store, for `patience` of real time at most, and the wishes that
    /// wait for their file.
    pub async fn flush_store(&self, patience: std::time::Duration) {
        tokio::join!(
            self.engine.store.flush(patience),
            self.dialler.flush_do_not_call_file()
        );
    }

    /// Waits for calls whose line has just been closed, as long as they wait for a key that was
    /// overtaken, because no other process will conclude them. Does nothing with a shared store,
    /// where others do.
    pub async fn settle_last(&self) {
        let (clock, store) = (&self.engine.clock, &self.engine.store);
        while !store.is_shared() {
            let mut settling = Vec::new();
            for id in store.open() {
                if let Ok(Some(call)) = store.load(id).await
                    && let State::Settling {
                        until,
                        from: Evidence::Keypad,
                    } = call.state
                {
                    settling.push((until, id));
                }
            }
            let Some((until, id)) = settling.into_iter().min() else {
                return;
            };
            clock.sleep_until(until).await;
            // The effects are not performed, because a pause before the next attempt would end with
            // this process.
            if let Err(error) = self.engine.apply(id, Event::Wake).await {
                tracing::error!(call.id = %id, error = %error, "a call could not be concluded");
                return;
            }
        }
    }

    /// Ends the calls that wait for a later moment, if no store or process will remember them.
    pub async fn shut_down(&self) {
        for id in self.engine.store.open() {
            if let Err(error) = self.engine.apply(id, Event::Shutdown).await {
                tracing::error!(call.id = %id, error = %error, "a call could not be ended");
            }
        }
    }
}
