//! Where calls are kept: a closed enum of back ends with one contract.
//!
//! A store keeps calls, tells which of them are due, which numbers are taken, and who should hear
//! of a change. It does not decide anything: what a call becomes is computed by `call` and saved
//! here, if nobody was quicker.

mod call_counts;
mod dial_grant;
mod packed_call;
mod memory;
mod outbox;
mod start_rate;
pub mod redis;
mod usage;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::call::{Call, Event, State, WaitingFor};
use crate::domain::{CallId, Phone};

pub use self::redis::Redis;
pub use call_counts::{CallCounts, OVERDUE, Queue};
pub use dial_grant::{Creates, DialGrant, DialMode, DialRequest};
pub use memory::Memory;
pub use outbox::{Claimed, News, PendingEvent, Settled};

/// The back ends.
///
/// What waits for a server is boxed: its room would be moved about with each webhook that never
/// needs it.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one in a process, and no webhook should follow another pointer"
)]
pub enum Store {
    /// In this process.
    Memory(Memory),
    /// On a server that instances share.
    Redis(Arc<Redis>),
}

/// Why a store could not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// As many calls are open as fit; none of them is dropped to make room.
    #[error("the store is full of open calls")]
    Full,
    /// The server of a shared store does not answer, or not in time.
    #[error("the store does not answer")]
    Away,
    /// What is stored cannot be read: it was sealed with keys that this process does not have, or
    /// by a later version.
    #[error("what is stored cannot be read")]
    Unreadable,
}

/// What became of an attempt to save.
#[derive(Clone, Debug)]
pub enum Saved {
    /// It is saved.
    Done(Arc<Call>),
    /// The call is not the one that was loaded any more: load it and compute again.
    Conflict,
}

/// Hash of an `Idempotency-Key` with its owner.
pub type IdempotencyKey = [u8; 16];

/// What an `Idempotency-Key` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The call that the first request became.
    pub call: CallId,
    /// Hash of that request, as it was understood when the call was made.
    pub request: [u8; 16],
}

/// Bounds of a store.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// The most calls held.
    pub max_calls: usize,
    /// How long a finished call stays readable.
    pub retention: SignedDuration,
}

impl Store {
    /// A store in this process.
    #[must_use]
    pub fn memory(limits: StoreLimits) -> Self {
        Self::Memory(Memory::new(limits))
    }

    /// The call, if it is held.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.load(id)),
            Self::Redis(redis) => Box::pin(redis.load(id)).await,
        }
    }

    /// The call as it was a moment ago at the latest: enough for a change, since [`Self::change`]
    /// tells when it was another meanwhile.
    ///
    /// # Errors
    /// The store cannot be asked, and this process does not know the call.
    pub async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.load(id)),
            Self::Redis(redis) => Box::pin(redis.recent(id)).await,
        }
    }

    /// Saves what `event` made of `before`, unless somebody was quicker.
    ///
    /// # Errors
    /// The store cannot be asked, and the change must not wait in this process until it can.
    pub async fn change(
        &self,
        before: &Arc<Call>,
        call: Call,
        event: Event<'_>,
    ) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(Some(before.version), call, true),
            Self::Redis(redis) => Box::pin(redis.change(before, call, event)).await,
        }
    }

    /// Saves `call` if the stored version still is `loaded`; `None`: if it is not stored yet.
    ///
    /// # Errors
    /// There is no room for a new call, or the store cannot be asked.
    pub async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(loaded, call, true),
            Self::Redis(redis) => Box::pin(redis.save(loaded, call)).await,
        }
    }

    /// Saves a call that was taken over from its ticket. It is under way whether there is room or
    /// not.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn adopt(&self, call: Call) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(None, call, false),
            Self::Redis(redis) => Box::pin(redis.adopt(call)).await,
        }
    }

    /// Calls whose time has come, at most `most`.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.due(now, most)),
            Self::Redis(redis) => Box::pin(redis.due(now, most)).await,
        }
    }

    /// Waits until a call may be due earlier than anybody knew, and tells when the next one is.
    pub async fn next_due(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Memory(memory) => memory.next_due(known).await,
            Self::Redis(redis) => Box::pin(redis.next_due(known)).await,
        }
    }

    /// The open calls to a number.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.open_calls(phone)),
            Self::Redis(redis) => Box::pin(redis.open_calls(phone)).await,
        }
    }

    /// What stands against a call that wants to ring; on [`DialMode::Acquire`] nothing may, and then its
    /// number and its start are taken. The number is given back when the call is saved in a state
    /// without a line.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn request_dial(
        &self,
        asking: &DialRequest<'_>,
        want: DialMode,
    ) -> Result<DialGrant, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.request_dial(asking, want)),
            Self::Redis(redis) => Box::pin(redis.request_dial(asking, want)).await,
        }
    }

    /// Counts a create of `call`'s owner that does not ring at once; `false` when its limit leaves
    /// no room any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn admit(&self, asking: &DialRequest<'_>) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.admit(&asking.call.owner, asking.often, asking.now)),
            Self::Redis(redis) => Box::pin(redis.admit(asking)).await,
        }
    }

    /// Forgets a call that was to be entered among the open ones and will never be stored.
    pub async fn leave(&self, call: &Call) {
        match self {
            Self::Memory(_) => {}
            Self::Redis(redis) => Box::pin(redis.leave(call)).await,
        }
    }

    /// How many creates of `owner` count for the minute's limit. Nothing is counted while there is
    /// no such limit.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn creates(&self, owner: &str, now: Timestamp) -> Result<Creates, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.creates(owner, now)),
            Self::Redis(redis) => Box::pin(redis.creates(owner, now)).await,
        }
    }

    /// Lets a call of `owner` wait for its turn among those that are started each second; it keeps
    /// its place if it stands there already.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn join(&self, owner: &Arc<str>, id: CallId) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                memory.start_rate.join(owner, id);
                Ok(())
            }
            Self::Redis(redis) => Box::pin(redis.join(owner, id)).await,
        }
    }

    /// When the next turn comes, as far as this process knows; `None`: nobody waits.
    #[must_use]
    pub fn next_start(&self) -> Option<Timestamp> {
        match self {
            Self::Memory(memory) => memory.start_rate.next_start(),
            Self::Redis(redis) => redis.next_start(),
        }
    }

    /// Takes a start for the call whose turn has come.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.start_rate.dequeue_start(now)),
            Self::Redis(redis) => Box::pin(redis.dequeue_start(now)).await,
        }
    }

    /// Gives the start back that was taken last, unused.
    pub async fn return_start(&self) {
        match self {
            Self::Memory(memory) => memory.start_rate.return_start(),
            Self::Redis(redis) => Box::pin(redis.return_start()).await,
        }
    }

    /// Resolves when a call begins to wait for its turn.
    pub async fn joined(&self) {
        match self {
            Self::Memory(memory) => memory.start_rate.joined().await,
            Self::Redis(redis) => Box::pin(redis.joined()).await,
        }
    }

    /// Gives a number back that was claimed at `at` but not rung; the attempt does not count.
    pub async fn release(&self, call: &Call, at: Timestamp) {
        match self {
            Self::Memory(memory) => memory.release(call.reservation.phone, call.id, at),
            Self::Redis(redis) => Box::pin(redis.release(call, at)).await,
        }
    }

    /// An attempt that was claimed at `at`, or a moment later, does not count: nothing rang.
    pub async fn uncount(&self, call: &Call, at: Timestamp) {
        match self {
            Self::Memory(memory) => memory.uncount(call.reservation.phone, at),
            Self::Redis(redis) => Box::pin(redis.uncount(call, at)).await,
        }
    }

    /// A call has lost its line, or is finished, and its change is saved; whether other calls to
    /// its number are open.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn vacate(&self, call: &Call) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory
                .open_calls(call.reservation.phone)
                .iter()
                .any(|open| *open != call.id)),
            Self::Redis(redis) => Box::pin(redis.vacate(call)).await,
        }
    }

    /// Whether a stored call has this number, as far as the store knows.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn has_line(&self, phone: Phone) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.is_taken(phone, CallId::from_bytes([0; 16]))),
            Self::Redis(redis) => Box::pin(redis.has_line(phone)).await,
        }
    }

    /// Why it cannot be used, for who looks after the service; `None`: it can.
    #[must_use]
    pub fn health_issue(&self) -> Option<&'static str> {
        match self {
            Self::Memory(_) => None,
            Self::Redis(redis) => redis.health_issue(),
        }
    }

    /// Keeps the connection to a shared store, for as long as it is used; ends only by being
    /// dropped.
    pub async fn tend(&self) {
        match self {
            Self::Memory(_) => std::future::pending().await,
            Self::Redis(redis) => Box::pin(redis.tend()).await,
        }
    }

    /// Writes what waits for a shared store, before this process ends.
    pub async fn flush(&self, patience: std::time::Duration) {
        match self {
            Self::Memory(_) => {}
            Self::Redis(redis) => Box::pin(redis.flush(patience)).await,
        }
    }

    /// The oldest open call that waits for this number, now that nobody has it.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn next_in_line(&self, phone: Phone) -> Result<Option<Arc<Call>>, Error> {
        for id in self.open_calls(phone).await? {
            let waits = |call: &Arc<Call>| {
                matches!(
                    call.state,
                    State::Queued {
                        waiting_for: Some(WaitingFor::LiveCall),
                        ..
                    }
                )
            };
            if let Some(call) = self.load(id).await?.filter(waits) {
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    /// Puts a number on the list of those that are never rung.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn opt_out(&self, phone: Phone, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                memory.opt_out(phone);
                Ok(())
            }
            Self::Redis(redis) => Box::pin(redis.opt_out(phone, now)).await,
        }
    }

    /// Whether a number is on that list.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn is_opted_out(&self, phone: Phone) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.is_opted_out(phone)),
            Self::Redis(redis) => Box::pin(redis.is_opted_out(phone)).await,
        }
    }

    /// Makes a key stand for a call, unless it stands for one already: then that is told and
    /// nothing changes.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn reserve(
        &self,
        key: IdempotencyKey,
        first: Standing,
        now: Timestamp,
    ) -> Result<Option<Standing>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.reserve(key, first, now)),
            Self::Redis(redis) => Box::pin(redis.reserve(key, first)).await,
        }
    }

    /// What a key stands for.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn standing(&self, key: IdempotencyKey) -> Result<Option<Standing>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.standing(key)),
            Self::Redis(redis) => Box::pin(redis.standing(key)).await,
        }
    }

    /// Forgets a key whose request was refused, if it still stands for that request's call.
    pub async fn unreserve(&self, key: IdempotencyKey, call: CallId) {
        match self {
            Self::Memory(memory) => memory.unreserve(key, call),
            Self::Redis(redis) => Box::pin(redis.unreserve(key, call)).await,
        }
    }

    /// The newest state of a call and every later one; states in quick succession may merge.
    /// `None`: not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.watch(id)),
            Self::Redis(redis) => Box::pin(redis.watch(id)).await,
        }
    }

    /// Claims the events that are due at `until`, at most `most`, for whoever asks; until
    /// `lease_end` nobody else gets them.
    ///
    /// An entry of the outbox is made and changed by [`Self::save`] and [`Self::adopt`] themselves,
    /// together with the call, when what a client sees of it has changed ([`News`]).
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn due_events(
        &self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Result<Vec<Claimed>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.due_events(until, lease_end, most)),
            Self::Redis(redis) => Box::pin(redis.due_events(until, lease_end, most)).await,
        }
    }

    /// Says what came of a claimed event; `false`: the claim has lapsed, and what was said changes
    /// nothing.
    ///
    /// # Errors
    /// The store cannot be asked: the claim lapses, and the event is sent again.
    pub async fn settle_event(
        &self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.settle_event(event, settled, now)),
            Self::Redis(redis) => Box::pin(redis.settle_event(event, settled, now)).await,
        }
    }

    /// Waits until the moment at which an event is due first, or the first claim ends, is another
    /// than `known`.
    pub async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp {
        match self {
            Self::Memory(memory) => memory.next_event_due(known).await,
            Self::Redis(redis) => Box::pin(redis.next_event_due(known)).await,
        }
    }

    /// Lets every event be due now that nobody has claimed, for a process whose outbox ends with
    /// it. Nothing in a shared store: others go on there.
    pub fn hurry_events(&self, now: Timestamp) {
        match self {
            Self::Memory(memory) => memory.hurry_events(now),
            Self::Redis(_) => {}
        }
    }

    /// How far the events of a call have come; `None`: its client wants none, or it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn delivery(&self, id: CallId) -> Result<Option<PendingEvent>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.delivery(id)),
            Self::Redis(redis) => Box::pin(redis.delivery(id)).await,
        }
    }

    /// The newest state of a call is told once more, now; `false`: its client wants no events, or
    /// it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.resend(id, now)),
            Self::Redis(redis) => Box::pin(redis.resend(id, now)).await,
        }
    }

    /// How many events are still to be received: those that were given up do not count.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(
        clippy::unused_async,
        reason = "who asks need not know which back end has to ask a server"
    )]
    pub async fn events_pending(&self) -> Result<usize, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.events_pending()),
            Self::Redis(redis) => Ok(redis.events_pending()),
        }
    }

    /// Whether what is stored outlives this process, and others take over what it leaves.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Redis(_) => true,
        }
    }

    /// Drops what has been readable long enough.
    #[expect(
        clippy::unused_async,
        reason = "who asks need not know which back end has to ask a server"
    )]
    pub async fn forget(&self, now: Timestamp) {
        match self {
            Self::Memory(memory) => memory.forget(now),
            // The server does so by itself.
            Self::Redis(_) => {}
        }
    }

    /// How many calls are held.
    #[expect(
        clippy::unused_async,
        reason = "who asks need not know which back end has to ask a server"
    )]
    pub async fn held(&self) -> usize {
        match self {
            Self::Memory(memory) => memory.held(),
            Self::Redis(_) => 0,
        }
    }

    /// The most calls that are held.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        match self {
            Self::Memory(memory) => memory.capacity(),
            // As many as the server has memory for.
            Self::Redis(_) => usize::MAX,
        }
    }

    /// How many calls stand where.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.call_counts(now)),
            Self::Redis(redis) => Ok(redis.call_counts(now).await),
        }
    }

    /// The open calls, for a process that ends.
    #[expect(
        clippy::unused_async,
        reason = "who asks need not know which back end has to ask a server"
    )]
    pub async fn open(&self) -> Vec<CallId> {
        match self {
            Self::Memory(memory) => memory.open(),
            // The others go on with them.
            Self::Redis(_) => Vec::new(),
        }
    }
}
