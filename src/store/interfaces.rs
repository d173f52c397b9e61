//! The five interfaces of a store, and its life. Each has a back end in memory and one on Redis, and
//! a part of the contract suite; [`Store`](super::Store) is either of them.

use std::sync::Arc;

use enum_dispatch::enum_dispatch;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    CallCounts, Change, Changed, Claimed, Creates, DialGrant, DialMode, DialRequest,
    IdempotencyEntry, IdempotencyKey, Listing, PendingEvent, Saved, Settled, StoreError,
};
use crate::call::Call;
use crate::domain::{CallId, Phone};

/// Calls: loaded, saved, due and watched.
#[enum_dispatch]
#[expect(async_fn_in_trait, reason = "the back ends are a closed list")]
pub trait CallStore {
    /// Loads a call; `None`: it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError>;

    /// Loads a call of which its client is told once more. From then on it stays, although the
    /// instance that made it may have answered its create with an error.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn acknowledge(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError>;

    /// Loads a call, perhaps from this process's memory and a moment old. That is enough for a
    /// change, since [`Self::change`] finds out whether the stored call is newer.
    ///
    /// # Errors
    /// The store cannot be asked, and this process does not know the call.
    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError>;

    /// Saves a call that an event has changed; `None`: another writer was quicker.
    ///
    /// # Errors
    /// The store cannot be asked, and the change must not wait in this process until it can.
    async fn change(&self, change: Change<'_>) -> Result<Option<Changed>, StoreError>;

    /// Saves `call` if the stored version still is `loaded`; `None`: if it is not stored yet.
    ///
    /// # Errors
    /// There is no room for a new call, or the store cannot be asked.
    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, StoreError>;

    /// Saves a call that was rebuilt from its ticket, even beyond the limit of calls: it is under
    /// way in any case.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn adopt(&self, call: Call) -> Result<Saved, StoreError>;

    /// Returns the calls whose deadlines have come, at most `most`.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, StoreError>;

    /// Waits until the next deadline differs from `known`, and returns it.
    async fn next_due(&self, known: Option<Timestamp>) -> Timestamp;

    /// Follows a call: its newest state and every later one. States in quick succession may merge.
    /// `None`: it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, StoreError>;

    /// Lists the newest `most` calls of `owner` that are older than the call `before`; `None`: the
    /// newest of all. A call created while pages are read is on none of them.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn list(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, StoreError>;

    /// Returns whether a key may have been pressed in the call's last attempt that only another
    /// process knew, which is gone or cut off.
    fn may_lack_keys(&self, call: &Call, now: Timestamp) -> bool;

    /// Counts calls by state.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, StoreError>;
}

/// Numbers: who has one, how often it was rung, and which must not be rung.
#[enum_dispatch]
pub trait NumberStore {
    /// Looks for obstacles to a dial. On [`DialMode::Acquire`], if there is none, the call takes
    /// its number and a start. The number is released when the call is saved in a state without a
    /// line.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn request_dial(
        &self,
        request: &DialRequest<'_>,
        mode: DialMode,
    ) -> Result<DialGrant, StoreError>;

    /// Counts a create of the call's owner that does not dial at once; `false`: its limit leaves no
    /// room any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn admit(&self, request: &DialRequest<'_>) -> Result<bool, StoreError>;

    /// Creates of `owner` in the last minute. They are counted only while there is a limit.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, StoreError>;

    /// Removes a call from the open calls of its number, because it will never be stored.
    async fn unregister(&self, call: &Call);

    /// Releases a number that was taken at `at` but not dialled. The attempt does not count.
    async fn release(&self, call: &Call, at: Timestamp);

    /// Takes the newest attempt that was counted at `at` or before out of the limits, because no
    /// phone rang.
    async fn uncount(&self, call: &Call, at: Timestamp);

    /// Returns whether a call with a line has this number, as far as the store knows.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn has_line(&self, phone: Phone) -> Result<bool, StoreError>;

    /// The open calls to a number.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, StoreError>;

    /// Puts a number on the list of those that are never rung.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn opt_out(&self, phone: Phone, now: Timestamp) -> Result<(), StoreError>;

    /// Returns whether a number is on that list.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn is_opted_out(&self, phone: Phone) -> Result<bool, StoreError>;
}

/// The rate at which calls are started, the queue of calls that wait for a start, and the open
/// lines.
#[enum_dispatch]
pub trait StartRate {
    /// Puts a call of `owner` into the queue of starts. It keeps its place if it is in there
    /// already.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn enqueue(&self, owner: &Arc<str>, id: CallId) -> Result<(), StoreError>;

    /// Time at which the next start is free, as far as this process knows; `None`: no call waits.
    fn next_start(&self) -> Option<Timestamp>;

    /// Takes a start for the call that is next.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, StoreError>;

    /// Returns the start that was taken last, because it was not used.
    async fn return_start(&self);

    /// Resolves when a call begins to wait for a start.
    async fn enqueued(&self);

    /// Opens a line for a call if fewer than `most` are open. A call that has one keeps it.
    /// `false`: all are taken. A line that is never closed counts for 75 minutes, longer than any
    /// lasts.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn open_line(&self, id: CallId, most: u32, now: Timestamp) -> Result<bool, StoreError>;

    /// Returns whether [`Self::open_line`] would open one.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn has_free_line(
        &self,
        id: CallId,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Closes the line of a call, if it has one.
    async fn close_line(&self, id: CallId);
}

/// The calls behind each `Idempotency-Key`.
#[enum_dispatch]
pub trait IdempotencyStore {
    /// Stores `first` under a key that is free. If the key has an entry, returns that, and nothing
    /// changes.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn reserve(
        &self,
        key: IdempotencyKey,
        first: IdempotencyEntry,
        now: Timestamp,
    ) -> Result<Option<IdempotencyEntry>, StoreError>;

    /// The entry of a key; `None`: the key is free.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn idempotency_entry(
        &self,
        key: IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StoreError>;

    /// Forgets a key whose request was refused, if it still stands for that request's call.
    async fn unreserve(&self, key: IdempotencyKey, call: CallId);
}

/// The events that clients are still to be sent.
///
/// An entry is made and changed by [`CallStore::save`], [`CallStore::change`] and [`CallStore::adopt`], together with the call, when
/// what a client sees of it has changed ([`News`](super::News)).
#[enum_dispatch]
pub trait OutboxStore {
    /// Claims the events that are due at `until`, at most `most`. No other caller gets them until
    /// `lease_end`.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn due_events(
        &self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Saves the result of sending a claimed event; `false`: the claim has lapsed, and nothing
    /// changes.
    ///
    /// # Errors
    /// The store cannot be asked: the claim lapses, and the event is sent again.
    async fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Waits until the next time at which an event is due or a claim ends differs from `known`, and
    /// returns it.
    async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp;

    /// Makes every unclaimed event due now, for a process whose outbox ends with it. Does nothing
    /// in a shared store, where others go on.
    fn hurry_events(&self, now: Timestamp);

    /// State of the events of a call; `None`: its client wants none, or the call is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn delivery(&self, id: CallId) -> Result<Option<PendingEvent>, StoreError>;

    /// Makes the newest event of a call due once more, now; `false`: its client wants no events, or
    /// the call is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, StoreError>;

    /// Number of events that are still to be delivered, without those that were given up.
    fn events_pending(&self) -> usize;
}

/// The life of a store in its process, from start to end.
#[enum_dispatch]
pub trait Lifecycle {
    /// Returns the open calls that end with this process: none of a shared store, where others go
    /// on with them.
    fn open(&self) -> Vec<CallId>;

    /// Returns the open calls that this process wakes.
    fn woken_here(&self) -> Vec<CallId>;

    /// Drops calls and counts that have been kept long enough. A server does so by itself.
    fn forget(&self, now: Timestamp);

    /// Largest number of calls that the store holds.
    fn capacity(&self) -> usize;

    /// Returns whether the calls outlive this process, and other instances go on with them.
    fn is_shared(&self) -> bool;

    /// Reason why the store cannot be used, for operators; `None`: it can.
    fn health_issue(&self) -> Option<String>;

    /// Keeps the connection to a shared store for as long as it is used; ends only by being
    /// dropped.
    async fn keep_connected(&self);

    /// Writes the changes that wait for a shared store, before this process ends; gives up after
    /// `patience`.
    async fn flush(&self, patience: std::time::Duration);
}
