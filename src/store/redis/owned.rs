//! The calls that this instance saved last. It wakes them and sends their events to the
//! millisecond, counts them, and stores them again on a server that comes back empty. An instance
//! that saves such a call later takes it over, and publishes that.

mod save;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use super::record::{Stamp, Stored};
use crate::call::Call;
use crate::domain::CallId;
use crate::store::call_counts::{CallCounts, OVERDUE, Tally};
use crate::store::deadlines::{Deadlines, EarliestDeadline};

pub(super) use save::Save;

/// Interval at which all shards are asked for calls whose instance is no more.
const POLL_CALLS: SignedDuration = SignedDuration::from_secs(3);
/// The same for their events.
const POLL_EVENTS: SignedDuration = SignedDuration::from_secs(5);

/// The longest time for which a finished call is kept, so that a server which comes back with an
/// older state of it is corrected: by default Redis writes a snapshot at least once an hour after a
/// change.
const FINISHED_LIFE: Duration = Duration::from_hours(1);
/// The most finished calls that are kept, about 2 KiB each.
const MOST_FINISHED: usize = 4_096;

/// The table.
#[derive(Debug, Default)]
pub(super) struct OwnedCalls {
    inner: Mutex<Inner>,
    /// Wakes the sweep.
    next_call: EarliestDeadline,
    /// Wakes who sends events.
    next_event: EarliestDeadline,
}

#[derive(Debug, Default)]
struct Inner {
    calls: HashMap<CallId, Owned, FxBuildHasher>,
    wake: Schedule,
    events: Schedule,
    tally: Tally,
    /// Number of calls with an event that is still to be received.
    pending_events: usize,
    /// Calls that are finished and have no event, in the order in which they were, and the end of
    /// their time here.
    finished: VecDeque<(Instant, CallId)>,
    /// Time for which they are kept.
    finished_life: Duration,
    /// Saves under way, and the newest state that others saved meanwhile.
    saving: HashMap<CallId, Saving, FxBuildHasher>,
}

#[derive(Debug, Default)]
struct Saving {
    count: usize,
    heard: Option<Stamp>,
}

/// Deadlines of one kind, and when the shards are asked for those of other instances.
#[derive(Debug, Default)]
struct Schedule {
    deadlines: Deadlines,
    poll_at: Option<Timestamp>,
}

impl Schedule {
    fn earliest(&self) -> Option<Timestamp> {
        self.deadlines
            .earliest()
            .into_iter()
            .chain(self.poll_at)
            .min()
    }

    /// Returns whether the shards are to be asked at `now`; then the next time is `pause` later.
    fn polls(&mut self, now: Timestamp, pause: SignedDuration) -> bool {
        let polls = self.poll_at.is_none_or(|at| at <= now);
        if polls {
            self.poll_at = now.saturating_add(pause).ok();
        }
        polls
    }
}

/// An owned call.
#[derive(Debug)]
struct Owned {
    /// The record on the server; `None`: it waits to be written for the first time.
    stored: Option<Stored>,
    /// The state that waits to be written, if there is one.
    waiting: Option<Arc<Call>>,
    /// The connection on which it was saved, or found unchanged. What others saved after a break
    /// was not heard.
    connection: u64,
    /// Time at which it is to be looked at; `None` once it was handed out.
    wake_at: Option<Timestamp>,
    /// The same for its event.
    event_at: Option<Timestamp>,
}

impl Owned {
    fn newest(&self) -> Option<&Arc<Call>> {
        let stored = self.stored.as_ref().map(|stored| &stored.call);
        self.waiting.as_ref().or(stored)
    }

    fn open(&self) -> Option<&Arc<Call>> {
        self.newest().filter(|call| !call.is_finished())
    }

    /// Returns whether nothing happens with the call any more.
    fn is_done(&self) -> bool {
        self.open().is_none() && !self.has_event()
    }

    fn has_event(&self) -> bool {
        let entry = self
            .stored
            .as_ref()
            .and_then(|stored| stored.entry.as_ref());
        entry.is_some_and(|entry| entry.next_at.is_some())
    }
}

impl Inner {
    /// Puts `after` in the place of what is known of a call. Finished calls without an event are
    /// kept for a while.
    fn replace(&mut self, id: CallId, after: Option<Owned>) {
        if after.as_ref().is_some_and(Owned::is_done) {
            self.finished
                .push_back((Instant::now() + self.finished_life, id));
        }
        self.put(id, after);
        while let Some((until, id)) = self.finished.front().copied()
            && (until <= Instant::now() || self.finished.len() > MOST_FINISHED)
        {
            self.finished.pop_front();
            if self.calls.get(&id).is_some_and(Owned::is_done) {
                self.put(id, None);
            }
        }
    }

    fn put(&mut self, id: CallId, after: Option<Owned>) {
        let before = self.calls.remove(&id);
        let deadlines = |owned: &Option<Owned>| {
            owned
                .as_ref()
                .map_or((None, None), |owned| (owned.wake_at, owned.event_at))
        };
        let ((was_due, event_was_due), (is_due, event_is_due)) =
            (deadlines(&before), deadlines(&after));
        self.wake.deadlines.set(id, was_due, is_due);
        self.events.deadlines.set(id, event_was_due, event_is_due);
        let open = |owned: &Option<Owned>| owned.as_ref().and_then(Owned::open).cloned();
        let (was, is) = (open(&before), open(&after));
        self.tally.change(was.as_deref(), is.as_deref());
        self.pending_events += usize::from(after.as_ref().is_some_and(Owned::has_event));
        self.pending_events -= usize::from(before.as_ref().is_some_and(Owned::has_event));
        if let Some(after) = after {
            self.calls.insert(id, after);
        }
    }

    fn stamp(&self, id: CallId) -> Option<Stamp> {
        self.calls.get(&id)?.stored.as_ref().map(Stored::stamp)
    }
}

impl OwnedCalls {
    /// An empty table. Finished calls are kept no longer than `retention`.
    pub(super) fn new(retention: SignedDuration) -> Self {
        let inner = Inner {
            finished_life: FINISHED_LIFE.min(retention.unsigned_abs()),
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            ..Self::default()
        }
    }

    /// A call as the server has it, as far as this instance knows, and the connection on which that
    /// was so.
    pub(super) fn get(&self, id: CallId) -> Option<(Stored, u64)> {
        let inner = self.inner.lock();
        let owned = inner.calls.get(&id)?;
        Some((owned.stored.clone()?, owned.connection))
    }

    /// The stamp of that state; `None`: it is not known.
    pub(super) fn stamp(&self, id: CallId) -> Option<Stamp> {
        self.inner.lock().stamp(id)
    }

    /// Begins a save: what others save until its end is not forgotten.
    pub(super) fn save(&self, id: CallId) -> Save<'_> {
        self.inner.lock().saving.entry(id).or_default().count += 1;
        Save { owned: self, id }
    }

    /// Notes a change that waits to be written.
    pub(super) fn note_waiting(&self, call: &Arc<Call>) {
        let mut inner = self.inner.lock();
        let known = inner.calls.get(&call.id);
        let owned = Owned {
            stored: known.and_then(|known| known.stored.clone()),
            waiting: Some(call.clone()),
            connection: known.map_or(0, |known| known.connection),
            wake_at: call.wake_at(),
            event_at: known.and_then(|known| known.event_at),
        };
        inner.replace(call.id, Some(owned));
        drop(inner);
        self.note(call.wake_at(), None);
    }

    /// Notes that the server has this state of a call, as asked on `connection`. A newer one was
    /// saved by another instance; an older one is of a server that lost what it had acknowledged.
    pub(super) fn note_loaded(&self, id: CallId, stamp: Stamp, connection: u64) {
        let mut inner = self.inner.lock();
        match inner.stamp(id) {
            Some(known) if known < stamp => inner.replace(id, None),
            Some(known) if known == stamp => {
                if let Some(owned) = inner.calls.get_mut(&id) {
                    owned.connection = owned.connection.max(connection);
                }
            }
            Some(_) | None => {}
        }
    }

    /// Another instance has saved this state of a call.
    pub(super) fn hand_over(&self, id: CallId, stamp: Stamp) {
        let mut inner = self.inner.lock();
        if let Some(saving) = inner.saving.get_mut(&id) {
            saving.heard = saving.heard.max(Some(stamp));
        }
        if inner.stamp(id).is_some_and(|known| known < stamp) {
            inner.replace(id, None);
        }
    }

    /// The calls of which it is not known whether others have saved them since: they were saved on
    /// an earlier connection.
    pub(super) fn unconfirmed(&self, connection: u64) -> Vec<CallId> {
        let inner = self.inner.lock();
        let calls = inner.calls.iter();
        let is_old = |owned: &Owned| owned.connection != connection;
        calls
            .filter(|(_, owned)| is_old(owned))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Forgets a call that is no more.
    pub(super) fn forget(&self, id: CallId) {
        self.inner.lock().replace(id, None);
    }

    fn note(&self, wake_at: Option<Timestamp>, event_at: Option<Timestamp>) {
        if let Some(at) = wake_at {
            self.next_call.note(at);
        }
        if let Some(at) = event_at {
            self.next_event.note(at);
        }
    }

    /// Hands out the calls that are due, at most `most`; whether all shards are to be asked as
    /// well.
    pub(super) fn take_due(&self, now: Timestamp, most: usize) -> (Vec<CallId>, bool) {
        let Inner { calls, wake, .. } = &mut *self.inner.lock();
        let due = wake
            .deadlines
            .take_due(now, most, |id| calls.get(&id)?.wake_at);
        for (_, id) in &due {
            if let Some(owned) = calls.get_mut(id) {
                owned.wake_at = None;
            }
        }
        let ids = due.into_iter().map(|(_, id)| id).collect();
        (ids, wake.polls(now, POLL_CALLS))
    }

    /// The same for events.
    pub(super) fn take_due_events(&self, until: Timestamp, most: usize) -> (Vec<CallId>, bool) {
        let Inner { calls, events, .. } = &mut *self.inner.lock();
        let due = events
            .deadlines
            .take_due(until, most, |id| calls.get(&id)?.event_at);
        for (_, id) in &due {
            if let Some(owned) = calls.get_mut(id) {
                owned.event_at = None;
            }
        }
        let ids = due.into_iter().map(|(_, id)| id).collect();
        (ids, events.polls(until, POLL_EVENTS))
    }

    /// There is more than was taken: all shards are to be asked at once.
    pub(super) fn poll_again(&self, now: Timestamp) {
        self.inner.lock().wake.poll_at = Some(now);
    }

    /// The same for events.
    pub(super) fn poll_events_again(&self, now: Timestamp) {
        self.inner.lock().events.poll_at = Some(now);
    }

    /// Waits until the next deadline, or the next question to the shards, is another than `known`.
    pub(super) async fn next_call(&self, known: Option<Timestamp>) -> Timestamp {
        let look = || self.inner.lock().wake.earliest();
        self.next_call.next(known, look).await
    }

    /// The same for events.
    pub(super) async fn next_event(&self, known: Option<Timestamp>) -> Timestamp {
        let look = || self.inner.lock().events.earliest();
        self.next_event.next(known, look).await
    }

    /// Number of events that are still to be received.
    pub(super) fn pending_events(&self) -> usize {
        self.inner.lock().pending_events
    }

    /// Counts the open calls. Over all instances that is every open call.
    pub(super) fn count(&self, now: Timestamp) -> CallCounts {
        let inner = self.inner.lock();
        let late = now.saturating_sub(OVERDUE).unwrap_or(now);
        let wake_at = |id| inner.calls.get(&id)?.wake_at;
        let mut call_counts = CallCounts::default();
        inner.tally.add_to(&mut call_counts);
        call_counts.overdue =
            u64::try_from(inner.wake.deadlines.overdue(late, wake_at)).unwrap_or(u64::MAX);
        call_counts
    }

    /// The calls as this instance knows them, for a server that has lost them, the oldest first.
    pub(super) fn known(&self) -> Vec<Arc<Call>> {
        let inner = self.inner.lock();
        let known = inner.calls.values().filter_map(Owned::newest);
        let mut known: Vec<Arc<Call>> = known.cloned().collect();
        known.sort_by_key(|call| call.id);
        known
    }

    /// The open ones.
    pub(super) fn open(&self) -> Vec<Arc<Call>> {
        let inner = self.inner.lock();
        inner
            .calls
            .values()
            .filter_map(Owned::open)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
