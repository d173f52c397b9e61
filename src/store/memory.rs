//! Calls in this process: sharded maps under short locks, never held across an await. A call's
//! shard is locked before its number and before the list of finished calls, never after.
//!
//! Finished calls are dropped after their retention, or oldest first to make room; open ones never.

mod agenda;
mod dial_grant;
mod events;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxBuildHasher;
use tokio::sync::{Notify, watch};

use self::agenda::Agenda;
use super::call_counts::{CallCounts, OVERDUE, Tally};
use super::outbox::{Alarm, Outbox};
use super::packed_call::PackedCall;
use super::start_rate::StartRate;
use super::usage::Log;
use super::{Creates, Error, IdempotencyKey, Saved, Standing, StoreLimits};
use crate::call::Call;
use crate::domain::{CallId, Phone};
use crate::policy::{CallLimits, Room};
use crate::ticket;

const SHARDS: usize = 64;
/// How long an idempotency key is kept.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The back end of a single process.
#[derive(Debug)]
pub struct Memory {
    limits: StoreLimits,
    shards: Vec<Mutex<Shard>>,
    numbers: Vec<Mutex<HashMap<Phone, Number>>>,
    keys: Mutex<Keys>,
    /// Numbers that are never rung.
    opted_out: RwLock<HashSet<Phone>>,
    /// Attempts of the day, to any number.
    starts: Mutex<Log>,
    /// Creates of the minute, by API key.
    creates: Mutex<HashMap<Arc<str>, Log>>,
    /// Finished calls, oldest first.
    finished: Mutex<VecDeque<(Timestamp, CallId)>>,
    held: AtomicUsize,
    pub(super) start_rate: StartRate,
    /// The earliest moment that the sweep knows of, in milliseconds; only earlier ones wake it.
    earliest: AtomicI64,
    sooner: Notify,
    /// Wakes who sends events.
    events: Alarm,
    /// How often events were asked for.
    events_asked: AtomicUsize,
}

/// Something for each of some calls. Nobody but us chooses ids, so their hash need not be safe
/// against who would.
type Calls<V> = HashMap<CallId, V, FxBuildHasher>;

#[derive(Debug, Default)]
struct Shard {
    calls: Calls<PackedCall>,
    agenda: Agenda,
    tally: Tally,
    watchers: Calls<watch::Sender<Arc<Call>>>,
    outbox: Outbox,
}

/// Who has to do with a number.
#[derive(Debug, Default)]
struct Number {
    open: Vec<CallId>,
    /// Calls with a line: one, or more where calls of a process that is no more were taken over
    /// beside it.
    live: Vec<CallId>,
    /// Attempts of the day, where a limit counts them.
    starts: Log,
}

impl Number {
    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.live.is_empty() && self.starts.is_empty()
    }
}

#[derive(Debug, Default)]
struct Keys {
    /// What each stands for, and since when.
    known: HashMap<IdempotencyKey, (Standing, Timestamp)>,
    oldest: VecDeque<(Timestamp, IdempotencyKey)>,
}

/// A poisoned lock is only one during which a thread panicked; every change here is complete before
/// it can.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            numbers: (0..SHARDS).map(|_| Mutex::default()).collect(),
            keys: Mutex::default(),
            opted_out: RwLock::default(),
            starts: Mutex::default(),
            creates: Mutex::default(),
            finished: Mutex::default(),
            held: AtomicUsize::new(0),
            start_rate: StartRate::new(0),
            earliest: AtomicI64::new(i64::MAX),
            sooner: Notify::new(),
            events: Alarm::default(),
            events_asked: AtomicUsize::new(0),
        }
    }

    /// Starts so many calls a second; 0: as many as come.
    #[must_use]
    pub fn paced(self, per_second: u32) -> Self {
        Self {
            start_rate: StartRate::new(per_second),
            ..self
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the number of shards"
    )]
    fn shard(&self, id: CallId) -> MutexGuard<'_, Shard> {
        // The last byte of a UUID of version 7 is random.
        lock(&self.shards[usize::from(id.as_bytes()[15]) % SHARDS])
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the number of shards"
    )]
    fn number(&self, phone: Phone) -> MutexGuard<'_, HashMap<Phone, Number>> {
        lock(&self.numbers[usize::try_from(phone.digits() % (SHARDS as u64)).unwrap_or_default()])
    }

    pub(super) fn load(&self, id: CallId) -> Option<Arc<Call>> {
        self.shard(id).calls.get(&id)?.call()
    }

    pub(super) fn save(
        &self,
        loaded: Option<u64>,
        call: Call,
        make_room: bool,
    ) -> Result<Saved, Error> {
        if loaded.is_none() && make_room {
            self.make_room(call.updated_at)?;
        }
        let call = Arc::new(call);
        let mut shard = self.shard(call.id);
        let before = shard.calls.get(&call.id);
        if before.and_then(PackedCall::version) != loaded {
            return Ok(Saved::Conflict);
        }
        let is_new = before.is_none();
        let before = before.and_then(PackedCall::open);
        let (was_due, was_open) = (before.and_then(|before| before.wake_at()), before.is_some());
        let had_line = before.is_some_and(|before| before.has_line());
        let wake_at = call.wake_at();
        shard.agenda.note(call.id, was_due, wake_at);
        match shard.calls.insert(call.id, PackedCall::new(&call)) {
            None => shard.tally.change(None, Some(&call)),
            Some(PackedCall::Open(before)) => shard.tally.change(Some(&before), Some(&call)),
            Some(PackedCall::Packed(_)) => {}
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
        self.index(&call, is_new, was_open, had_line);
        drop(shard);
        if let Some(at) = event_due {
            self.events.set(at);
        }
        if is_new {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
        if wake_at.is_some_and(|at| at.as_millisecond() < self.earliest.load(Ordering::SeqCst)) {
            self.sooner.notify_one();
        }
        Ok(Saved::Done(call))
    }

    /// Keeps the numbers and the order of finished calls true, when something about them has
    /// changed.
    fn index(&self, call: &Arc<Call>, appears: bool, was_open: bool, had_line: bool) {
        let (phone, id) = (call.reservation.phone, call.id);
        let is_open = !call.is_finished();
        let line = call.has_line();
        if appears && is_open || line && !had_line {
            let mut numbers = self.number(phone);
            let number = numbers.entry(phone).or_default();
            if appears && is_open && !number.open.contains(&id) {
                number.open.push(id);
            }
            if line && !number.live.contains(&id) {
                number.live.push(id);
            }
        } else if was_open && !is_open || had_line && !line {
            let mut numbers = self.number(phone);
            if let Some(number) = numbers.get_mut(&phone) {
                if !is_open {
                    number.open.retain(|open| *open != id);
                }
                if !line {
                    number.live.retain(|live| *live != id);
                }
                if number.is_idle() {
                    numbers.remove(&phone);
                }
            }
        }
        if !is_open && (was_open || appears) {
            lock(&self.finished).push_back((call.updated_at, id));
        }
    }

    /// Drops the oldest finished calls while there are too many, but none whose tickets can still
    /// be used: a late callback would bring it back as a call that is not finished.
    fn make_room(&self, now: Timestamp) -> Result<(), Error> {
        while self.held.load(Ordering::Relaxed) >= self.limits.max_calls {
            let mut finished = lock(&self.finished);
            let is_spent = |at: &Timestamp| now.duration_since(*at) >= ticket::LIFE;
            let Some((_, oldest)) = finished.front().filter(|(at, _)| is_spent(at)).copied() else {
                return Err(Error::Full);
            };
            finished.pop_front();
            drop(finished);
            self.remove(oldest);
        }
        Ok(())
    }

    fn remove(&self, id: CallId) {
        let mut shard = self.shard(id);
        shard.watchers.remove(&id);
        shard.outbox.remove(id);
        let gone = shard.calls.remove(&id);
        match &gone {
            Some(PackedCall::Open(gone)) => shard.tally.change(Some(gone), None),
            Some(PackedCall::Packed(_)) => shard.tally.forget_finished(),
            None => {}
        }
        if gone.is_some() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, now: Timestamp) {
        self.forget_starts(now);
        let is_old = |at: Timestamp, life: SignedDuration| now.duration_since(at) >= life;
        loop {
            let mut finished = lock(&self.finished);
            match finished.front() {
                Some((at, _)) if is_old(*at, self.limits.retention) => {
                    let oldest = finished.pop_front();
                    drop(finished);
                    if let Some((_, id)) = oldest {
                        self.remove(id);
                    }
                }
                _ => break,
            }
        }
        let mut keys = lock(&self.keys);
        while let Some((at, key)) = keys
            .oldest
            .front()
            .copied()
            .filter(|(at, _)| is_old(*at, KEY_LIFE))
        {
            keys.oldest.pop_front();
            // One that was given up after a refusal and used again since has a life of its own.
            if keys.known.get(&key).is_some_and(|(_, since)| *since == at) {
                keys.known.remove(&key);
            }
        }
    }

    pub(super) fn due(&self, now: Timestamp, most: usize) -> Vec<CallId> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let Shard { agenda, calls, .. } = &mut *lock(shard);
            found.extend(agenda.due(now, most - found.len(), |id| {
                calls.get(&id)?.open()?.wake_at()
            }));
        }
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) async fn next_due(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        loop {
            let sooner = self.sooner.notified();
            tokio::pin!(sooner);
            sooner.as_mut().enable();
            // Until the new value is known every change wakes us; a needless look is cheap, a
            // missed one is not.
            self.earliest.store(i64::MAX, Ordering::SeqCst);
            let next = self
                .shards
                .iter()
                .filter_map(|shard| lock(shard).agenda.earliest())
                .min();
            self.earliest.store(
                next.map_or(i64::MAX, Timestamp::as_millisecond),
                Ordering::SeqCst,
            );
            if next != known && next.is_some() {
                return next;
            }
            sooner.await;
        }
    }

    pub(super) fn open_calls(&self, phone: Phone) -> Vec<CallId> {
        self.number(phone)
            .get(&phone)
            .map(|number| number.open.clone())
            .unwrap_or_default()
    }

    pub(super) fn is_taken(&self, phone: Phone, id: CallId) -> bool {
        self.number(phone)
            .get(&phone)
            .is_some_and(|number| number.live.iter().any(|live| *live != id))
    }

    pub(super) fn room(
        &self,
        phone: Phone,
        owner: &str,
        often: &CallLimits,
        now: Timestamp,
    ) -> Room {
        let mut room = Room::default();
        if let Some(number) = self.number(phone).get(&phone) {
            room.number_hour = number.starts.room(often.number_hour, CallLimits::HOUR, now);
            room.number_day = number.starts.room(often.number_day, CallLimits::DAY, now);
        }
        // Locks that all calls share are taken only where a limit asks for it.
        if often.key_minute.is_some() {
            let creates = lock(&self.creates);
            room.key_minute = creates
                .get(owner)
                .and_then(|log| log.room(often.key_minute, CallLimits::MINUTE, now));
        }
        if often.service_day.is_some() {
            room.service_day = lock(&self.starts).room(often.service_day, CallLimits::DAY, now);
        }
        room
    }

    pub(super) fn admit(&self, owner: &Arc<str>, often: &CallLimits, now: Timestamp) -> bool {
        if often.key_minute.is_none() {
            return true;
        }
        let mut creates = lock(&self.creates);
        let log = creates.entry(owner.clone()).or_default();
        let has_room = log
            .room(often.key_minute, CallLimits::MINUTE, now)
            .is_none();
        if has_room {
            log.add(now, CallLimits::MINUTE);
        }
        has_room
    }

    pub(super) fn creates(&self, owner: &str, now: Timestamp) -> Creates {
        let known = lock(&self.creates)
            .get(owner)
            .map(|log| log.within(CallLimits::MINUTE, now));
        let (made, oldest) = known.unwrap_or_default();
        Creates { made, oldest }
    }

    pub(super) fn claim(
        &self,
        phone: Phone,
        id: CallId,
        often: &CallLimits,
        now: Timestamp,
    ) -> bool {
        let mut numbers = self.number(phone);
        let number = numbers.entry(phone).or_default();
        if !number.live.is_empty() {
            return number.live.contains(&id);
        }
        let hour = number.starts.room(often.number_hour, CallLimits::HOUR, now);
        if hour
            .or_else(|| number.starts.room(often.number_day, CallLimits::DAY, now))
            .is_some()
        {
            return false;
        }
        if often.service_day.is_some() {
            let mut starts = lock(&self.starts);
            if starts
                .room(often.service_day, CallLimits::DAY, now)
                .is_some()
            {
                return false;
            }
            starts.add(now, CallLimits::DAY);
        }
        if often.number_hour.or(often.number_day).is_some() {
            number.starts.add(now, CallLimits::DAY);
        }
        number.live.push(id);
        true
    }

    pub(super) fn release(&self, phone: Phone, id: CallId, at: Timestamp) {
        let mut numbers = self.number(phone);
        if let Some(number) = numbers.get_mut(&phone) {
            number.live.retain(|live| *live != id);
            if number.is_idle() {
                numbers.remove(&phone);
            }
        }
        drop(numbers);
        self.uncount(phone, at);
    }

    pub(super) fn uncount(&self, phone: Phone, at: Timestamp) {
        if let Some(number) = self.number(phone).get_mut(&phone) {
            number.starts.take_back(at);
        }
        lock(&self.starts).take_back(at);
    }

    /// Forgets attempts that no limit counts any more.
    fn forget_starts(&self, now: Timestamp) {
        for shard in &self.numbers {
            lock(shard).retain(|_, number| {
                number.starts.prune(now, CallLimits::DAY);
                !number.is_idle()
            });
        }
        lock(&self.starts).prune(now, CallLimits::DAY);
        lock(&self.creates).retain(|_, log| !log.prune(now, CallLimits::MINUTE));
    }

    pub(super) fn opt_out(&self, phone: Phone) {
        let _new = self
            .opted_out
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(phone);
    }

    pub(super) fn is_opted_out(&self, phone: Phone) -> bool {
        self.opted_out
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&phone)
    }

    pub(super) fn reserve(
        &self,
        key: IdempotencyKey,
        first: Standing,
        now: Timestamp,
    ) -> Option<Standing> {
        let mut keys = lock(&self.keys);
        if let Some((standing, _)) = keys.known.get(&key) {
            return Some(*standing);
        }
        keys.known.insert(key, (first, now));
        keys.oldest.push_back((now, key));
        None
    }

    pub(super) fn standing(&self, key: IdempotencyKey) -> Option<Standing> {
        lock(&self.keys)
            .known
            .get(&key)
            .map(|(standing, _)| *standing)
    }

    pub(super) fn unreserve(&self, key: IdempotencyKey, call: CallId) {
        let mut keys = lock(&self.keys);
        if keys
            .known
            .get(&key)
            .is_some_and(|(standing, _)| standing.call == call)
        {
            keys.known.remove(&key);
        }
    }

    pub(super) fn watch(&self, id: CallId) -> Option<watch::Receiver<Arc<Call>>> {
        let mut shard = self.shard(id);
        let call = shard.calls.get(&id)?.call()?;
        if call.is_finished() {
            return Some(watch::channel(call).1);
        }
        Some(
            shard
                .watchers
                .entry(id)
                .or_insert_with(|| watch::channel(call).0)
                .subscribe(),
        )
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) const fn capacity(&self) -> usize {
        self.limits.max_calls
    }

    pub(super) fn call_counts(&self, now: Timestamp) -> CallCounts {
        let mut call_counts = CallCounts::default();
        let late = now.saturating_sub(OVERDUE).unwrap_or(Timestamp::MIN);
        for shard in &self.shards {
            let shard = lock(shard);
            shard.tally.add_to(&mut call_counts);
            let overdue = shard
                .agenda
                .overdue(late, |id| shard.calls.get(&id)?.open()?.wake_at());
            call_counts.overdue += u64::try_from(overdue).unwrap_or(u64::MAX);
        }
        call_counts
    }

    pub(super) fn open(&self) -> Vec<CallId> {
        let open = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            let is_open = |id: &CallId| {
                shard
                    .calls
                    .get(id)
                    .is_some_and(|kept| kept.open().is_some())
            };
            shard
                .agenda
                .noted()
                .filter(is_open)
                .collect::<BTreeSet<_>>()
        };
        self.shards.iter().flat_map(open).collect()
    }
}
