//! The outbox of this process: entries lie beside their calls, under the same locks. It decides
//! nothing about them.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::super::outbox::{Claimed, PendingEvent, Settled};
use super::super::packed_call::PackedCall;
use super::{Memory, SHARDS, lock};
use crate::domain::CallId;

impl Memory {
    pub(in super::super) fn due_events(
        &self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Vec<Claimed> {
        let mut found = Vec::new();
        // Each time from another shard on, so that many events of some calls do not hold up those
        // of others.
        let first = self.events_asked.fetch_add(1, Ordering::Relaxed);
        for shard in self.shards.iter().cycle().skip(first % SHARDS).take(SHARDS) {
            let shard = &mut *lock(shard);
            for (id, entry) in shard.outbox.claim(until, lease_end, most - found.len()) {
                let PendingEvent {
                    version,
                    tries,
                    since,
                    ..
                } = entry;
                let Some(call) = shard.calls.get(&id).and_then(PackedCall::call) else {
                    continue;
                };
                found.push(Claimed {
                    call,
                    version,
                    tries,
                    since,
                    claim: lease_end,
                });
            }
        }
        found
    }

    pub(in super::super) fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> bool {
        let (held, next_at) = self.shard(event.call.id).outbox.settle(event, settled, now);
        if let Some(at) = next_at {
            self.events.set(at);
        }
        held
    }

    pub(in super::super) async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp {
        self.events
            .next(known, || {
                self.shards
                    .iter()
                    .filter_map(|shard| lock(shard).outbox.first_due())
                    .min()
            })
            .await
    }

    pub(in super::super) fn hurry_events(&self, now: Timestamp) {
        self.shards
            .iter()
            .for_each(|shard| lock(shard).outbox.hurry(now));
        self.events.set(now);
    }

    pub(in super::super) fn delivery(&self, id: CallId) -> Option<PendingEvent> {
        self.shard(id).outbox.get(id)
    }

    pub(in super::super) fn resend(&self, id: CallId, now: Timestamp) -> bool {
        let shard = &mut *self.shard(id);
        let Some(call) = shard.calls.get(&id).and_then(PackedCall::call) else {
            return false;
        };
        let due = shard.outbox.resend(&call, now);
        if let Some(at) = due {
            self.events.set(at);
        }
        due.is_some()
    }

    pub(in super::super) fn events_pending(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).outbox.pending())
            .sum()
    }
}
