//! Open calls and attempts of each number, and the numbers that must not be called, in maps of this
//! process.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;

use super::usage::Usage;
use super::{Memory, SHARDS};
use crate::call::{Call, Decision};
use crate::domain::{CallId, Phone};
use crate::policy::{CallLimits, Room};
use crate::store::{Creates, DialGrant, DialMode, DialRequest, NumberStore, StoreError};

/// The numbers in use, the opted-out numbers, and the counts for limits.
#[derive(Debug)]
pub(super) struct NumberTable {
    shards: Vec<Mutex<NumberShard>>,
    /// Numbers that are never rung.
    opted_out: RwLock<HashSet<Phone>>,
    /// Attempts of the last 24 hours, to any number.
    starts: Mutex<Usage>,
    /// Creates of the last minute, by API key.
    creates: Mutex<HashMap<Arc<str>, Usage>>,
}

#[derive(Debug, Default)]
struct NumberShard {
    /// Calls to each number, while any of them is open.
    calls: HashMap<Phone, CallsOfNumber>,
    /// Attempts of the last 24 hours to each number, while a limit needs them.
    starts: HashMap<Phone, Usage>,
}

/// The calls to a number. Nearly always there is one, which `SmallVec` keeps without an allocation.
#[derive(Debug, Default)]
struct CallsOfNumber {
    open: SmallVec<[CallId; 1]>,
    /// Calls with a line: one, or more if this process took over calls of one that has died.
    live: SmallVec<[CallId; 1]>,
}

/// The claims of a call on its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// The call is not finished.
    pub(super) is_open: bool,
    /// The call has a line.
    pub(super) has_line: bool,
}

impl Hold {
    /// The claims of a call that is not stored.
    pub(super) const NONE: Self = Self {
        is_open: false,
        has_line: false,
    };

    pub(super) const fn of(call: &Call) -> Self {
        Self {
            is_open: !call.is_finished(),
            has_line: call.has_line(),
        }
    }
}

impl NumberShard {
    fn drop_if_idle(&mut self, phone: Phone) {
        let is_idle = |calls: &CallsOfNumber| calls.open.is_empty() && calls.live.is_empty();
        if self.calls.get(&phone).is_some_and(is_idle) {
            self.calls.remove(&phone);
        }
    }
}

impl NumberTable {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            opted_out: RwLock::default(),
            starts: Mutex::default(),
            creates: Mutex::default(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the number of shards"
    )]
    fn shard(&self, phone: Phone) -> MutexGuard<'_, NumberShard> {
        self.shards[usize::try_from(phone.digits() % (SHARDS as u64)).unwrap_or_default()].lock()
    }

    /// Updates the claims of a call from `before` to `after`.
    pub(super) fn update(&self, phone: Phone, id: CallId, before: Hold, after: Hold) {
        if before == after {
            return;
        }
        let mut shard = self.shard(phone);
        let calls = shard.calls.entry(phone).or_default();
        let changes = [
            (&mut calls.open, before.is_open, after.is_open),
            (&mut calls.live, before.has_line, after.has_line),
        ];
        for (ids, was, is) in changes {
            if is && !was && !ids.contains(&id) {
                ids.push(id);
            } else if was && !is {
                ids.retain(|known| *known != id);
            }
        }
        shard.drop_if_idle(phone);
    }

    /// Returns whether a call other than `id` has a line to this number.
    fn is_taken(&self, phone: Phone, id: Option<CallId>) -> bool {
        let shard = self.shard(phone);
        let others = |calls: &CallsOfNumber| calls.live.iter().any(|live| Some(*live) != id);
        shard.calls.get(&phone).is_some_and(others)
    }

    /// Returns whether other calls to a number are open.
    pub(super) fn has_others(&self, phone: Phone, id: CallId) -> bool {
        let shard = self.shard(phone);
        let others = |calls: &CallsOfNumber| calls.open.iter().any(|open| *open != id);
        shard.calls.get(&phone).is_some_and(others)
    }

    fn open_calls(&self, phone: Phone) -> Vec<CallId> {
        let shard = self.shard(phone);
        let calls = shard.calls.get(&phone);
        calls.map(|calls| calls.open.to_vec()).unwrap_or_default()
    }

    /// The times at which the limits of attempts and creates have room.
    fn room(&self, phone: Phone, owner: &str, limits: &CallLimits, now: Timestamp) -> Room {
        let mut room = Room::default();
        if let Some(starts) = self.shard(phone).starts.get(&phone) {
            room.number_hour = starts.room(limits.number_hour, CallLimits::HOUR, now);
            room.number_day = starts.room(limits.number_day, CallLimits::DAY, now);
        }
        // The two locks that all numbers share are taken only if there is such a limit.
        if limits.key_minute.is_some() {
            let creates = self.creates.lock();
            room.key_minute = creates
                .get(owner)
                .and_then(|log| log.room(limits.key_minute, CallLimits::MINUTE, now));
        }
        if limits.service_day.is_some() {
            room.service_day = self
                .starts
                .lock()
                .room(limits.service_day, CallLimits::DAY, now);
        }
        room
    }

    /// Counts a create; `false`: its limit leaves no room.
    fn admit(&self, owner: &Arc<str>, limits: &CallLimits, now: Timestamp) -> bool {
        if limits.key_minute.is_none() {
            return true;
        }
        let mut creates = self.creates.lock();
        let log = creates.entry(owner.clone()).or_default();
        log.add_within(limits.key_minute, CallLimits::MINUTE, now)
    }

    /// Gives a call its number, if no other call has it and the limits have room, and counts the
    /// attempt. `true` as well for the call that has it already.
    fn claim(&self, phone: Phone, id: CallId, limits: &CallLimits, now: Timestamp) -> bool {
        let shard = &mut *self.shard(phone);
        let calls = shard.calls.entry(phone).or_default();
        if !calls.live.is_empty() {
            return calls.live.contains(&id);
        }
        let has_room = |starts: &Usage| {
            let hour = starts.room(limits.number_hour, CallLimits::HOUR, now);
            let day = starts.room(limits.number_day, CallLimits::DAY, now);
            hour.or(day).is_none()
        };
        let allowed =
            shard.starts.get(&phone).is_none_or(has_room) && self.count_attempt(limits, now);
        if allowed {
            calls.live.push(id);
            if limits.number_hour.or(limits.number_day).is_some() {
                let starts = shard.starts.entry(phone).or_default();
                starts.add(now, CallLimits::DAY);
            }
        }
        shard.drop_if_idle(phone);
        allowed
    }

    /// Counts an attempt for the limit of all numbers; `false`: it leaves no room.
    fn count_attempt(&self, limits: &CallLimits, now: Timestamp) -> bool {
        limits.service_day.is_none()
            || self
                .starts
                .lock()
                .add_within(limits.service_day, CallLimits::DAY, now)
    }

    fn uncount(&self, phone: Phone, at: Timestamp) {
        if let Some(starts) = self.shard(phone).starts.get_mut(&phone) {
            starts.take_back(at);
        }
        self.starts.lock().take_back(at);
    }

    /// Forgets attempts that no limit counts any more.
    pub(super) fn forget(&self, now: Timestamp) {
        for shard in &self.shards {
            shard
                .lock()
                .starts
                .retain(|_, starts| !starts.prune(now, CallLimits::DAY));
        }
        self.starts.lock().prune(now, CallLimits::DAY);
        self.creates
            .lock()
            .retain(|_, log| !log.prune(now, CallLimits::MINUTE));
    }

    fn is_opted_out(&self, phone: Phone) -> bool {
        self.opted_out.read().contains(&phone)
    }
}

impl NumberStore for Memory {
    async fn request_dial(
        &self,
        request: &DialRequest<'_>,
        mode: DialMode,
    ) -> Result<DialGrant, StoreError> {
        let mut grant = self.peek(request);
        if mode != DialMode::Acquire || !grant.number_allows(request.now) {
            return Ok(grant);
        }
        let (call, limits, now) = (request.call, request.limits, request.now);
        if request.is_new {
            grant.admitted = self.numbers.admit(&call.owner, limits, now);
            if !grant.admitted {
                return Ok(self.peek(request));
            }
            // Its own count does not stand against it.
            grant.room.key_minute = None;
        }
        // The start is taken before the number, and returned if another call took the number since.
        let has_start =
            grant.global_limits_allow(now) && (!request.needs_start || self.start_queue.take(now));
        if has_start {
            grant.claimed = self
                .numbers
                .claim(call.reservation.phone, call.id, limits, now);
            if !grant.claimed && request.needs_start {
                self.start_queue.return_start();
            }
        }
        // Another call was quicker: report what it changed.
        if !grant.claimed {
            let admitted = grant.admitted;
            grant = self.peek(request);
            grant.admitted = admitted;
        }
        Ok(grant)
    }

    async fn admit(&self, request: &DialRequest<'_>) -> Result<bool, StoreError> {
        Ok(self
            .numbers
            .admit(&request.call.owner, request.limits, request.now))
    }

    async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, StoreError> {
        let known = self
            .numbers
            .creates
            .lock()
            .get(owner)
            .map(|log| log.within(CallLimits::MINUTE, now));
        let (made, oldest) = known.unwrap_or_default();
        Ok(Creates { made, oldest })
    }

    /// A call is entered among the open ones when it is saved, and not before.
    async fn unregister(&self, _call: &Call) {}

    async fn release(&self, call: &Call, at: Timestamp) {
        let phone = call.reservation.phone;
        let mut shard = self.numbers.shard(phone);
        if let Some(calls) = shard.calls.get_mut(&phone) {
            calls.live.retain(|live| *live != call.id);
        }
        shard.drop_if_idle(phone);
        drop(shard);
        self.numbers.uncount(phone, at);
    }

    async fn uncount(&self, call: &Call, at: Timestamp) {
        self.numbers.uncount(call.reservation.phone, at);
    }

    async fn has_line(&self, phone: Phone) -> Result<bool, StoreError> {
        Ok(self.numbers.is_taken(phone, None))
    }

    async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, StoreError> {
        Ok(self.numbers.open_calls(phone))
    }

    async fn opt_out(&self, phone: Phone, _now: Timestamp) -> Result<(), StoreError> {
        let mut opted_out = self.numbers.opted_out.write();
        opted_out.insert(phone);
        Ok(())
    }

    async fn is_opted_out(&self, phone: Phone) -> Result<bool, StoreError> {
        Ok(self.numbers.is_opted_out(phone))
    }
}

impl Memory {
    /// Looks for obstacles to a dial. Takes nothing.
    fn peek(&self, request: &DialRequest<'_>) -> DialGrant {
        let (call, numbers, now) = (request.call, &self.numbers, request.now);
        let phone = call.reservation.phone;
        let slot = request
            .needs_start
            .then(|| self.start_queue.slot(&call.owner, call.id, now))
            .flatten();
        let mut grant = DialGrant {
            opted_out: numbers.is_opted_out(phone),
            taken: numbers.is_taken(phone, Some(call.id)),
            room: numbers.room(phone, &call.owner, request.limits, now),
            slot,
            ..DialGrant::default()
        };
        for id in numbers.open_calls(phone) {
            let Some(other) = self.get(id).filter(|other| other.id != call.id) else {
                continue;
            };
            // Key 9 counts from the moment it is pressed, before the number is on the list.
            grant.opted_out |= other.decision() == Some(Decision::OptedOut);
            if request.is_new && grant.duplicate.is_none() && is_duplicate(&other, call) {
                grant.duplicate = Some(other.id);
            }
        }
        grant
    }
}

/// Returns whether `other` is open and an identical request of the same API key.
fn is_duplicate(other: &Call, call: &Call) -> bool {
    !other.is_finished()
        && other.owner == call.owner
        && other.reservation.asks_the_same(&call.reservation)
}
