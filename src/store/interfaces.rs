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

    /// Loads a call as it was a moment ago at the latest. That is enough for a change, since
    /// [`Self::change`] finds out when it was another meanwhile.
    ///
    /// # Errors
    /// The store cannot be asked, and this process does not know the call.
    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, StoreError>;

    /// Saves what an event made of a call; `None`: another writer was quicker.
    ///
    /// # Errors
    /// The store cannot be asked, and the change must not wait in this process until it can.
    async fn change(&self, change: Change<'_>) -> Result<Option<Changed>, StoreError>;

    /// Saves `call` if the stored version still is `loaded`; `None`: if it is not stored yet.
    ///
    /// # Errors
    /// There is no room for a new call, or the store cannot be asked.
    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, StoreError>;

    /// Saves a call that was taken over from its ticket. It is under way whether there is room or
    /// not.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn adopt(&self, call: Call) -> Result<Saved, StoreError>;

    /// Returns the calls whose deadlines have come, at most `most`.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, StoreError>;

    /// Waits until the next deadline is another than `known`.
    async fn next_due(&self, known: Option<Timestamp>) -> Timestamp;

    /// Follows a call: its newest state and every later one. States in quick succession may merge.
    /// `None`: it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, StoreError>;

    /// Looks at the newest `most` calls of `owner` that are older than the call `before`; `None`: the
    /// newest of all. A call that is new while pages are read stands on none of them.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn list(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, StoreError>;

    /// Counts calls by where they stand.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, StoreError>;
}

/// Numbers: who has one, how often it was rung, and which must not be rung.
#[enum_dispatch]
pub trait NumberStore {
    /// Asks what stands against a call that wants to ring. On [`DialMode::Acquire`], if nothing does, its
    /// number and its start are taken. The number is given back when the call is saved in a state
    /// without a line.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn request_dial(
        &self,
        asking: &DialRequest<'_>,
        want: DialMode,
    ) -> Result<DialGrant, StoreError>;

    /// Counts a create of the call's owner that does not ring at once; `false` when its limit
    /// leaves no room any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn admit(&self, asking: &DialRequest<'_>) -> Result<bool, StoreError>;

    /// Counts the creates of `owner` in the minute of the limit: none while there is no such
    /// limit.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, StoreError>;

    /// Forgets a call that was to be entered among the open ones and will never be stored.
    async fn unregister(&self, call: &Call);

    /// Gives a number back that was claimed at `at` but not rung; the attempt does not count.
    async fn release(&self, call: &Call, at: Timestamp);

    /// Takes back the count of an attempt that was claimed at `at`, or a moment later: nothing
    /// rang.
    async fn uncount(&self, call: &Call, at: Timestamp);

    /// Whether a stored call has this number, as far as the store knows.
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

    /// Whether a number is on that list.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn is_opted_out(&self, phone: Phone) -> Result<bool, StoreError>;
}

/// The rate at which calls are started, and who waits for a start.
#[enum_dispatch]
pub trait StartRate {
    /// Lets a call of `owner` wait for a start; it keeps its place if it waits already.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn enqueue(&self, owner: &Arc<str>, id: CallId) -> Result<(), StoreError>;

    /// When the next start is free, as far as this process knows; `None`: no call waits.
    fn next_start(&self) -> Option<Timestamp>;

    /// Takes a start for the call that is next.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, StoreError>;

    /// Gives back, unused, the start that was taken last.
    async fn return_start(&self);

    /// Resolves when a call begins to wait for a start.
    async fn enqueued(&self);

    /// Opens a line for a call if fewer than `most` are open; a call that has one keeps it. `false`:
    /// all are taken. One that is not closed counts for 75 minutes, which is longer than any line.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn open_line(&self, id: CallId, most: u32, now: Timestamp) -> Result<bool, StoreError>;

    /// Whether [`Self::open_line`] would open one.
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

    /// Notes what came of a claimed event; `false`: the claim has lapsed, and nothing changes.
    ///
    /// # Errors
    /// The store cannot be asked: the claim lapses, and the event is sent again.
    async fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Waits until the moment at which an event is due first, or the first claim ends, is another
    /// than `known`.
    async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp;

    /// Makes every unclaimed event due now, for a process whose outbox ends with it. Does nothing
    /// in a shared store, where others go on.
    fn hurry_events(&self, now: Timestamp);

    /// How far the events of a call have come; `None`: its client wants none, or it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn delivery(&self, id: CallId) -> Result<Option<PendingEvent>, StoreError>;

    /// Lets the newest state of a call be sent once more, now; `false`: its client wants no events,
    /// or it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, StoreError>;

    /// How many events are still to be received: those that were given up do not count.
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

    /// Drops what has been readable long enough. A server does so by itself.
    fn forget(&self, now: Timestamp);

    /// The most calls that are held.
    fn capacity(&self) -> usize;

    /// Whether what is stored outlives this process, and others take over what it leaves.
    fn is_shared(&self) -> bool;

    /// Why the store cannot be used, for who looks after the service; `None`: it can.
    fn health_issue(&self) -> Option<String>;

    /// Keeps the connection to a shared store for as long as it is used; ends only by being
    /// dropped.
    async fn keep_connected(&self);

    /// Writes what waits for a shared store, before this process ends.
    async fn flush(&self, patience: std::time::Duration);
}
