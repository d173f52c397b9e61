//! Calls in this process: sharded maps under short locks, never held across an await. A call's
//! shard is locked before its number and before the list of finished calls, never after.
//!
//! Finished calls are dropped after their retention, or oldest first to make room; open ones never.

mod idempotency;
mod numbers;
mod outbox;
mod packed;
mod shard;
mod start_rate;
mod usage;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use self::idempotency::IdempotencyKeys;
use self::numbers::{Hold, NumberTable};
use self::packed::PackedCall;
use self::shard::Shard;
use self::start_rate::{OpenLines, StartQueue};
use super::call_counts::{CallCounts, OVERDUE};
use super::deadlines::EarliestDeadline;
use super::{CallStore, Change, Changed, Lifecycle, Listing, Saved, StoreError, StoreLimits};
use crate::call::Call;
use crate::domain::CallId;
use crate::ticket;

const SHARDS: usize = 64;

/// The back end of a single process.
#[derive(Debug)]
pub struct Memory {
    limits: StoreLimits,
    shards: Vec<Mutex<Shard>>,
    /// Finished calls, oldest first: when each was finished, in milliseconds.
    finished: Mutex<VecDeque<(i64, CallId)>>,
    held: AtomicUsize,
    /// Wakes the sweep.
    next_due: EarliestDeadline,
    numbers: NumberTable,
    start_queue: StartQueue,
    open_lines: OpenLines,
    idempotency: IdempotencyKeys,
    /// Wakes who sends events.
    next_event: EarliestDeadline,
    /// Number of requests for due events.
    events_asked: AtomicUsize,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            finished: Mutex::default(),
            held: AtomicUsize::new(0),
            next_due: EarliestDeadline::default(),
            numbers: NumberTable::new(),
            start_queue: StartQueue::new(0),
            open_lines: OpenLines::default(),
            idempotency: IdempotencyKeys::default(),
            next_event: EarliestDeadline::default(),
            events_asked: AtomicUsize::new(0),
        }
    }

    /// Limits the starts per second; 0: no limit.
    #[must_use]
    pub fn paced(self, per_second: u32) -> Self {
        Self {
            start_queue: StartQueue::new(per_second),
            ..self
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the number of shards"
    )]
    fn shard(&self, id: CallId) -> MutexGuard<'_, Shard> {
        // The last byte of a UUID of version 7 is random.
        self.shards[usize::from(id.as_bytes()[15]) % SHARDS].lock()
    }

    fn get(&self, id: CallId) -> Option<Arc<Call>> {
        self.shard(id).get(id)
    }

    /// Saves a call over the version that was loaded; `None`: as the first. Whoever still has what
    /// was loaded hands it over as `known`, so that it is not unpacked once more.
    fn put(&self, loaded: Option<u64>, known: Option<&Arc<Call>>, call: Call) -> Saved {
        let call = Arc::new(call);
        let mut shard = self.shard(call.id);
        let before = shard.calls.get(&call.id);
        if before.and_then(PackedCall::version) != loaded {
            return Saved::Conflict;
        }
        let is_new = before.is_none();
        let before = match known {
            Some(known) => Some(known.clone()).filter(|known| !known.is_finished()),
            None => before.and_then(|before| before.open(call.id)),
        };
        let hold = before
            .as_ref()
            .map_or(Hold::NONE, |before| Hold::of(before));
        let was_due = before.as_ref().and_then(|before| before.wake_at());
        let wake_at = call.wake_at();
        shard.deadlines.set(call.id, was_due, wake_at);
        // A finished call changes no count any more.
        if is_new || before.is_some() {
            shard.tally.change(before.as_deref(), Some(&call));
        }
        shard.keep(&call);
        if is_new {
            shard.list(&call);
        }
        if let Some(watcher) = shard.watchers.get(&call.id) {
            watcher.send_replace(call.clone());
            if call.is_finished() {
                shard.watchers.remove(&call.id);
            }
        }
        let event_due = shard.outbox.note(&call);
        // Under the lock of the call, so that a quicker change cannot overtake a slower one in the
        // indexes.
        self.numbers
            .update(call.reservation.phone, call.id, hold, Hold::of(&call));
        if call.is_finished() && (is_new || hold.is_open) {
            self.finished
                .lock()
                .push_back((call.updated_at.as_millisecond(), call.id));
        }
        drop(shard);
        if let Some(at) = event_due {
            self.next_event.note(at);
        }
        if is_new {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(at) = wake_at {
            self.next_due.note(at);
        }
        Saved::Done(call)
    }

    /// Drops the oldest finished calls while there are too many, but none whose tickets can still
    /// be used: a late callback would bring it back as a call that is not finished.
    fn make_room(&self, now: Timestamp) -> Result<(), StoreError> {
        while self.held() >= self.limits.max_calls {
            if !self.drop_oldest(now, ticket::LIFE) {
                return Err(StoreError::Full);
            }
        }
        Ok(())
    }

    /// Drops the oldest finished call if it was finished `age` ago; whether there was one.
    fn drop_oldest(&self, now: Timestamp, age: jiff::SignedDuration) -> bool {
        let mut finished = self.finished.lock();
        let is_old = |at: i64| {
            let passed = now.as_millisecond().saturating_sub(at);
            i128::from(passed) >= age.as_millis()
        };
        let Some((_, oldest)) = finished.pop_front_if(|(at, _)| is_old(*at)) else {
            return false;
        };
        drop(finished);
        self.remove(oldest);
        true
    }

    fn remove(&self, id: CallId) {
        let mut shard = self.shard(id);
        shard.watchers.remove(&id);
        shard.outbox.remove(id);
        let gone = shard.calls.remove(&id);
        if let Some(gone) = gone {
            if let Some(call) = gone.call(id) {
                shard.unlist(&call.owner, id);
            }
            match gone.open(id) {
                Some(gone) => shard.tally.change(Some(&gone), None),
                None => shard.tally.forget_finished(),
            }
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Number of calls that are held.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl CallStore for Memory {
    async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        Ok(self.get(id))
    }

    async fn acknowledge(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        Ok(self.get(id))
    }

    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError> {
        Ok(self.get(id))
    }

    /// The number is given back with the save, whether that is asked for or not.
    async fn change(&self, change: Change<'_>) -> Result<Option<Changed>, StoreError> {
        let Change { before, after, .. } = change;
        let Saved::Done(call) = self.put(Some(before.version), Some(before), after) else {
            return Ok(None);
        };
        let others_open =
            change.releases_number && self.numbers.has_others(call.reservation.phone, call.id);
        Ok(Some(Changed { call, others_open }))
    }

    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, StoreError> {
        if loaded.is_none() {
            self.make_room(call.updated_at)?;
        }
        Ok(self.put(loaded, None, call))
    }

    async fn adopt(&self, call: Call) -> Result<Saved, StoreError> {
        Ok(self.put(None, None, call))
    }

    /// They stay due until they are saved.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, StoreError> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let Shard {
                deadlines, calls, ..
            } = &mut *shard.lock();
            let due = deadlines.take_due(now, most - found.len(), |id| calls.get(&id)?.wake_at(id));
            for (at, id) in &due {
                deadlines.set(*id, None, Some(*at));
            }
            found.extend(due);
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    async fn next_due(&self, known: Option<Timestamp>) -> Timestamp {
        let look = || {
            let earliest = |shard: &Mutex<Shard>| shard.lock().deadlines.earliest();
            self.shards.iter().filter_map(earliest).min()
        };
        self.next_due.next(known, look).await
    }

    async fn list(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, StoreError> {
        let older = (
            Bound::Unbounded,
            before.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let mut ids: Vec<CallId> = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let owned = shard.owners.get(owner).into_iter();
            ids.extend(owned.flat_map(|owned| owned.range(older).rev().take(most + 1)));
        }
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let has_older = ids.len() > most;
        ids.truncate(most);
        let next = ids.last().copied().filter(|_| has_older);
        let held = |id: CallId| self.shard(id).calls.get(&id)?.call(id);
        Ok(Listing {
            calls: ids.into_iter().filter_map(held).collect(),
            next,
        })
    }

    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, StoreError> {
        let mut shard = self.shard(id);
        let Some(call) = shard.get(id) else {
            return Ok(None);
        };
        if call.is_finished() {
            return Ok(Some(watch::channel(call).1));
        }
        let watcher = shard
            .watchers
            .entry(id)
            .or_insert_with(|| watch::channel(call).0);
        Ok(Some(watcher.subscribe()))
    }

    /// What one process received is all.
    fn may_lack_keys(&self, _call: &Call, _now: Timestamp) -> bool {
        false
    }

    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, StoreError> {
        let mut call_counts = CallCounts::default();
        let late = now.saturating_sub(OVERDUE).unwrap_or(Timestamp::MIN);
        for shard in &self.shards {
            let shard = shard.lock();
            shard.tally.add_to(&mut call_counts);
            let overdue = shard
                .deadlines
                .overdue(late, |id| shard.calls.get(&id)?.wake_at(id));
            call_counts.overdue += u64::try_from(overdue).unwrap_or(u64::MAX);
        }
        Ok(call_counts)
    }
}

impl Lifecycle for Memory {
    fn open(&self) -> Vec<CallId> {
        let open = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            let is_open = |id: &CallId| shard.calls.get(id).is_some_and(PackedCall::is_open);
            shard
                .deadlines
                .calls()
                .filter(is_open)
                .collect::<BTreeSet<_>>()
        };
        self.shards.iter().flat_map(open).collect()
    }

    fn woken_here(&self) -> Vec<CallId> {
        self.open()
    }

    fn forget(&self, now: Timestamp) {
        self.numbers.forget(now);
        while self.drop_oldest(now, self.limits.retention) {}
        self.idempotency.forget(now);
    }

    fn capacity(&self) -> usize {
        self.limits.max_calls
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn health_issue(&self) -> Option<String> {
        None
    }

    async fn keep_connected(&self) {
        std::future::pending::<()>().await;
    }

    async fn flush(&self, _patience: std::time::Duration) {}
}
