//! The outbox of this process: entries lie beside their calls, under the same locks. It decides
//! nothing about them.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Memory, SHARDS, Shard};
use crate::domain::CallId;
use crate::store::{Claimed, OutboxStore, PendingEvent, Settled, StoreError};

impl OutboxStore for Memory {
    async fn due_events(
        &self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut found = Vec::new();
        // Each time from another shard on, so that many events of some calls do not hold up those
        // of others.
        let first = self.events_asked.fetch_add(1, Ordering::Relaxed);
        for shard in self.shards.iter().cycle().skip(first % SHARDS).take(SHARDS) {
            let shard = &mut *shard.lock();
            for (id, entry) in shard.outbox.claim(until, lease_end, most - found.len()) {
                let Some(call) = shard.get(id) else {
                    continue;
                };
                found.push(Claimed {
                    call,
                    version: entry.version,
                    tries: entry.tries,
                    since: entry.since,
                    claim: lease_end,
                });
            }
        }
        Ok(found)
    }

    async fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (held, next_at) = self.shard(event.call.id).outbox.settle(event, settled, now);
        if let Some(at) = next_at {
            self.next_event.note(at);
        }
        Ok(held)
    }

    async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp {
        let look = || {
            let first = |shard: &Mutex<Shard>| shard.lock().outbox.first_due();
            self.shards.iter().filter_map(first).min()
        };
        self.next_event.next(known, look).await
    }

    fn hurry_events(&self, now: Timestamp) {
        self.shards
            .iter()
            .for_each(|shard| shard.lock().outbox.hurry(now));
        self.next_event.note(now);
    }

    async fn delivery(&self, id: CallId) -> Result<Option<PendingEvent>, StoreError> {
        Ok(self.shard(id).outbox.get(id))
    }

    async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, StoreError> {
        let shard = &mut *self.shard(id);
        let Some(call) = shard.get(id) else {
            return Ok(false);
        };
        let due = shard.outbox.resend(&call, now);
        if let Some(at) = due {
            self.next_event.note(at);
        }
        Ok(due.is_some())
    }

    fn events_pending(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().outbox.pending())
            .sum()
    }
}
