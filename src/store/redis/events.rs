//! The outbox on the server. An entry lies in the record of its call and changes with it; a change
//! of the entry alone compares the record's revision, so that it does not undo the change of
//! another instance.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::keys::Names;
use super::moments::millis_of;
use super::record::Stored;
use super::shards::Question;
use super::storing::Sent;
use crate::domain::CallId;
use crate::store::{Claimed, News, OutboxStore, PendingEvent, Settled, StoreError};

/// Conflicts with others about an entry before it is left to them.
const TRIES: usize = 8;
/// Time for which an event is postponed whose record cannot be read, or is being changed by others.
const POSTPONED: SignedDuration = SignedDuration::from_secs(15);

impl Redis {
    /// Postpones due entries of a call that cannot be processed, so that they do not block the ones
    /// behind them.
    pub(super) async fn postpone(&self, id: CallId, now: Timestamp) {
        let mut script = self.scripts.postpone.prepare_invoke();
        self.add_record_keys(&mut script, id);
        script
            .arg(id.as_bytes())
            .arg(millis_of(clock::later(now, POSTPONED)));
        // An entry that cannot be postponed now comes up again.
        let _done: Result<i64, StoreError> = self.link.run("other", &script).await;
    }

    /// Changes the entry of a call alone; `None`: there is none, or `change` wants nothing of it as
    /// it stands now.
    async fn change_entry(
        &self,
        id: CallId,
        mut change: impl FnMut(&mut PendingEvent) -> bool,
    ) -> Result<Option<Stored>, StoreError> {
        let mut known = self.recently_stored(id).await?;
        let mut is_fresh = false;
        for _ in 0..TRIES {
            let Some(stored) = known else { return Ok(None) };
            let Some(mut entry) = stored.entry.clone() else {
                return Ok(None);
            };
            if !change(&mut entry) {
                if is_fresh {
                    return Ok(None);
                }
                // The entry known here may be old.
                (known, is_fresh) = (self.stored(id).await?, true);
                continue;
            }
            let next = stored.with(entry, self.instance);
            match self
                .send_record("events", Some(&stored), &next, None, false)
                .await?
            {
                Sent::Saved { .. } => return Ok(Some(next)),
                Sent::Other(other) => (known, is_fresh) = (other, true),
            }
        }
        Ok(None)
    }

    /// The calls whose events are due: those of this instance, and now and then those that other
    /// instances left behind.
    async fn due_event_ids(
        &self,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<CallId>, StoreError> {
        let (mut ids, polls) = self.owned.take_due_events(until, most);
        if polls && self.fits().is_ok() {
            let args = [
                until.as_millisecond(),
                i64::try_from(most).unwrap_or(i64::MAX),
            ];
            let script = &self.scripts.due_events;
            let question = Question {
                operation: "events",
                script,
                key: Names::events,
                args: &args,
            };
            let left = self.ask_shards(&self.events_turn, question).await?;
            if left.len() >= most {
                self.owned.poll_events_again(until);
            }
            ids.extend(left);
            ids.sort_unstable();
            ids.dedup();
            ids.truncate(most);
        }
        Ok(ids)
    }

    /// Claims the event of a call until `lease_end`; `None`: it has none that is due.
    async fn claim_event(
        &self,
        id: CallId,
        until: Timestamp,
        lease_end: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let claim = |entry: &mut PendingEvent| entry.claim(until, lease_end);
        let changed = self.change_entry(id, claim).await?;
        Ok(changed.and_then(|Stored { call, entry, .. }| {
            entry.map(|entry| Claimed {
                call,
                version: entry.version,
                tries: entry.tries,
                since: entry.since,
                claim: lease_end,
            })
        }))
    }
}

impl OutboxStore for Redis {
    async fn due_events(
        &self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.link.ready().await?;
        // Stored times have milliseconds, and a claim is identified by its end.
        let lease_end =
            Timestamp::from_millisecond(lease_end.as_millisecond()).unwrap_or(lease_end);
        let mut claimed = Vec::new();
        for id in self.due_event_ids(until, most).await? {
            match self.claim_event(id, until, lease_end).await {
                Ok(Some(event)) => claimed.push(event),
                Ok(None) | Err(StoreError::Unreadable) => self.postpone(id, until).await,
                Err(error) if claimed.is_empty() => return Err(error),
                // The rest is due still.
                Err(StoreError::Away | StoreError::Full) => break,
            }
        }
        Ok(claimed)
    }

    async fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let settle = |entry: &mut PendingEvent| {
            entry.settle(event.claim, event.version, settled.clone(), now)
        };
        Ok(self.change_entry(event.call.id, settle).await?.is_some())
    }

    async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp {
        self.owned.next_event(known).await
    }

    fn hurry_events(&self, _now: Timestamp) {}

    async fn delivery(&self, id: CallId) -> Result<Option<PendingEvent>, StoreError> {
        Ok(self.stored(id).await?.and_then(|stored| stored.entry))
    }

    async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(stored) = self.stored(id).await? else {
            return Ok(false);
        };
        let Some(news) = News::of(&stored.call) else {
            return Ok(false);
        };
        let renew = |entry: &mut PendingEvent| {
            entry.resend(News { at: now, ..news });
            true
        };
        Ok(self.change_entry(id, renew).await?.is_some())
    }

    fn events_pending(&self) -> usize {
        self.owned.pending_events()
    }
}
