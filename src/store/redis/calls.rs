//! Calls: loads, saves, wakes and watches them, for the service.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Redis;
use super::keys::Names;
use super::loading::CLIENT_PATIENCE;
use super::shards::Question;
use super::storing::Put;
use crate::call::{Call, State};
use crate::domain::CallId;
use crate::store::{CallCounts, CallStore, Change, Changed, Listing, Saved, StoreError};

/// Time for which one instance alone may wake a call that another has left.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// Time for which a due call is left to the instance that saved it last. That instance does not
/// ask: should others wake the call all the same, the quicker save wins, and the number belongs to
/// the call in both cases.
const OWNERS: SignedDuration = SignedDuration::from_secs(1);

impl Redis {
    /// Returns whether it is known here that a call has changed since, so that the server need not
    /// be asked. What waits for it is newer than what is stored.
    fn is_overtaken(&self, before: &Call) -> bool {
        let stamp = self.owned.stamp(before.id);
        stamp.is_some_and(|stamp| stamp.version > before.version)
            && self.write_behind.get(before.id).is_none()
    }

    /// The result of a change that waits to be written.
    fn changed_here(&self, saved: Saved) -> Option<Changed> {
        let Saved::Done(call) = saved else {
            return None;
        };
        self.noted_here(&call);
        Some(Changed {
            call,
            others_open: false,
        })
    }

    fn noted_here(&self, call: &Arc<Call>) {
        self.count_waiting();
        self.owned.note_waiting(call);
        self.watchers.show(call);
    }

    pub(super) fn count_waiting(&self) {
        self.link.metrics.unwritten(self.write_behind.count());
    }

    /// Claims what others have left.
    pub(super) async fn claim_left(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CallId>, StoreError> {
        let lapses = clock::later(now, LEASE);
        let until = now.saturating_sub(OWNERS).unwrap_or(now);
        let args = [
            until.as_millisecond(),
            i64::try_from(most).unwrap_or(i64::MAX),
            lapses.as_millisecond(),
        ];
        let question = Question {
            operation: "due",
            script: &self.scripts.due,
            key: Names::due,
            args: &args,
        };
        let left = self.ask_shards(&self.due_turn, question).await?;
        if most > 0 && left.len() >= most {
            self.owned.poll_again(now);
        }
        let known =
            futures_util::future::join_all(left.iter().map(|id| self.recently_stored(*id))).await;
        let mut found = Vec::with_capacity(left.len());
        for (id, known) in left.into_iter().zip(known) {
            match known {
                Ok(None) => self.postpone(id, now).await,
                // Waking it reports the fault.
                Ok(Some(_)) | Err(_) => found.push(id),
            }
        }
        Ok(found)
    }
}

impl CallStore for Redis {
    async fn acknowledge(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        // What this instance has stored, no other revokes.
        if self.owned.stamp(id).is_none() {
            self.keep_from_revocation(id).await?;
        }
        self.load(id).await
    }

    /// The newest state that can be had.
    async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        if let Some(call) = self.write_behind.get(id) {
            return Ok(Some(call));
        }
        let stored = self
            .stored_within(id, CLIENT_PATIENCE, CLIENT_PATIENCE)
            .await?;
        Ok(stored.map(|stored| stored.call))
    }

    /// The state as it was a moment ago at the latest.
    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        if let Some(call) = self.write_behind.get(id) {
            return Ok(Some(call));
        }
        Ok(self.recently_stored(id).await?.map(|stored| stored.call))
    }

    /// Saves what an event made of a call, if need be here.
    async fn change(&self, change: Change<'_>) -> Result<Option<Changed>, StoreError> {
        let Change {
            before,
            after,
            event,
            releases_number,
        } = change;
        let is_intent = is_intent(before, &after);
        let call = Arc::new(after);
        if !is_intent && let Some(saved) = self.write_behind.extend(before, &call, &event) {
            return Ok(self.changed_here(saved));
        }
        // Webhooks of one moment come together: the second waits for the first instead of asking in
        // vain.
        let _turn = self.save_locks.lock(call.id).await;
        if self.is_overtaken(before) {
            return Ok(None);
        }
        let others_open = match self.replace(before, &call, releases_number).await {
            Ok(Put::Done { others_open }) => others_open,
            Ok(Put::Other(_) | Put::Gone) => return Ok(None),
            // An intent that is not stored must not be dialled.
            Err(error) if is_intent || error == StoreError::Unreadable => return Err(error),
            Err(error) => {
                let saved = self.write_behind.add(before, &call, &event).ok_or(error)?;
                return Ok(self.changed_here(saved));
            }
        };
        Ok(Some(Changed { call, others_open }))
    }

    /// Saves a new call; in a test, any call.
    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, StoreError> {
        let call = Arc::new(call);
        match self.put(loaded, &call).await {
            Ok(Put::Done { .. }) => Ok(Saved::Done(call)),
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(error) => {
                if loaded.is_none() {
                    // It may have been stored before the answer was lost, and the client learns
                    // that it was not made.
                    self.write_behind.revoke(call.id, call.version);
                }
                Err(error)
            }
        }
    }

    /// Saves a call that was taken over from its ticket, if need be here.
    async fn adopt(&self, call: Call) -> Result<Saved, StoreError> {
        let call = Arc::new(call);
        match self.put(None, &call).await {
            Ok(Put::Done { .. }) => {
                // Who is on the line is served all the same.
                let _numbered: Result<(), StoreError> = self.adopt_line(&call).await;
                Ok(Saved::Done(call))
            }
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(StoreError::Away | StoreError::Full) => {
                let added = self.write_behind.adopt(&call);
                self.count_waiting();
                if added {
                    self.noted_here(&call);
                }
                Ok(if added {
                    Saved::Done(call)
                } else {
                    Saved::Conflict
                })
            }
            Err(StoreError::Unreadable) => Err(StoreError::Unreadable),
        }
    }

    /// Calls whose time has come: those that this instance saved last, and now and then those that
    /// others have left.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, StoreError> {
        let (mut due, polls) = self.owned.take_due(now, most);
        // While the server is away, changes made here are merged with those of others once it is
        // back.
        if self.fits().is_err() {
            // Those that fit take them over.
            return Ok(Vec::new());
        }
        if polls && self.link.away().is_none() {
            match self.claim_left(now, most).await {
                Ok(left) => due.extend(left),
                Err(error) if due.is_empty() => return Err(error),
                Err(_away) => {}
            }
            due.sort_unstable();
            due.dedup();
        }
        Ok(due)
    }

    async fn next_due(&self, known: Option<Timestamp>) -> Timestamp {
        self.owned.next_call(known).await
    }

    async fn list(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, StoreError> {
        self.newest_calls(owner, before, most).await
    }

    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, StoreError> {
        let guard = self.subscribing.lock().await;
        let beginning = self.watchers.begin(id);
        if beginning.is_new {
            // A stamp that was published while the server was away is lost; it is asked again then.
            let _heard: Result<(), StoreError> = self.link.subscribe(&self.names.changes(id)).await;
        }
        drop(guard);
        Ok(self.load(id).await?.map(|call| beginning.follow(call)))
    }

    fn may_lack_keys(&self, call: &Call, now: Timestamp) -> bool {
        self.remembered.witnesses.may_lack_keys(call, now)
    }

    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, StoreError> {
        // Away from the server an instance counts what it knows.
        let own = self.owned.count(now);
        Ok(self.counts_of_all(&own, now).await.unwrap_or(own))
    }
}

/// Returns whether the change is the intent to ring, which has to be stored before Twilio is asked.
fn is_intent(before: &Call, call: &Call) -> bool {
    call.attempts.len() > before.attempts.len() && matches!(call.state, State::Dialing { .. })
}
