//! Idempotency keys in this process, kept for a day.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::Memory;
use crate::domain::CallId;
use crate::store::{IdempotencyEntry, IdempotencyKey, IdempotencyStore, StoreError};

/// Life of a key.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The keys of all clients.
#[derive(Debug, Default)]
pub(super) struct IdempotencyKeys(Mutex<KeyEntries>);

#[derive(Debug, Default)]
struct KeyEntries {
    /// The entry of each key, and its time.
    known: HashMap<IdempotencyKey, (IdempotencyEntry, Timestamp)>,
    oldest: VecDeque<(Timestamp, IdempotencyKey)>,
}

impl IdempotencyKeys {
    /// Drops the keys that were kept long enough.
    pub(super) fn forget(&self, now: Timestamp) {
        let mut keys = self.0.lock();
        let is_old = |at: &Timestamp| now.duration_since(*at) >= KEY_LIFE;
        while let Some((at, key)) = keys.oldest.front().copied().filter(|(at, _)| is_old(at)) {
            keys.oldest.pop_front();
            // One that was given up after a refusal and used again since has a life of its own.
            if keys.known.get(&key).is_some_and(|(_, since)| *since == at) {
                keys.known.remove(&key);
            }
        }
    }
}

impl IdempotencyStore for Memory {
    async fn reserve(
        &self,
        key: IdempotencyKey,
        first: IdempotencyEntry,
        now: Timestamp,
    ) -> Result<Option<IdempotencyEntry>, StoreError> {
        let mut keys = self.idempotency.0.lock();
        if let Some((entry, _)) = keys.known.get(&key) {
            return Ok(Some(*entry));
        }
        keys.known.insert(key, (first, now));
        keys.oldest.push_back((now, key));
        Ok(None)
    }

    async fn idempotency_entry(
        &self,
        key: IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StoreError> {
        let keys = self.idempotency.0.lock();
        Ok(keys.known.get(&key).map(|(entry, _)| *entry))
    }

    async fn unreserve(&self, key: IdempotencyKey, call: CallId) {
        let mut keys = self.idempotency.0.lock();
        let known = keys.known.get(&key);
        if known.is_some_and(|(entry, _)| entry.call == call) {
            keys.known.remove(&key);
        }
    }
}
