//! Where calls are kept: a closed enum of back ends with one contract.
//!
//! A store keeps calls, tells which of them are due, which numbers are taken, and who should hear of a change. It does
//! not decide anything: what a call becomes is computed by `call` and saved here, if nobody was quicker.

mod census;
mod kept;
mod memory;
mod outbox;
mod usage;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::call::{Call, Event, State, WaitingFor};
use crate::domain::{CallId, Phone};
use crate::policy::{Limits as Often, Room};

pub use census::{Census, OVERDUE, Queue};
pub use memory::Memory;
pub use outbox::{Claimed, Entry, News, Settled};

/// The back ends.
#[derive(Debug)]
pub enum Store {
    /// In this process.
    Memory(Memory),
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
    /// What is stored cannot be read: it was sealed with keys that this process does not have, or by a later version.
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
pub struct Limits {
    /// The most calls held.
    pub max_calls: usize,
    /// How long a finished call stays readable.
    pub retention: SignedDuration,
}

impl Store {
    /// A store in this process.
    #[must_use]
    pub fn memory(limits: Limits) -> Self {
        Self::Memory(Memory::new(limits))
    }

    /// The call, if it is held.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.load(id)),
        }
    }

    /// The call as it was a moment ago at the latest: enough for a change, since [`Self::change`] tells when it was
    /// another meanwhile.
    ///
    /// # Errors
    /// The store cannot be asked, and this process does not know the call.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.load(id)),
        }
    }

    /// Saves what `event` made of `before`, unless somebody was quicker.
    ///
    /// # Errors
    /// The store cannot be asked, and the change must not wait in this process until it can.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn change(&self, before: &Arc<Call>, call: Call, _event: Event<'_>) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(Some(before.version), call, true),
        }
    }

    /// Saves `call` if the stored version still is `loaded`; `None`: if it is not stored yet.
    ///
    /// # Errors
    /// There is no room for a new call, or the store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(loaded, call, true),
        }
    }

    /// Saves a call that was taken over from its ticket. It is under way whether there is room or not.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn adopt(&self, call: Call) -> Result<Saved, Error> {
        match self {
            Self::Memory(memory) => memory.save(None, call, false),
        }
    }

    /// Calls whose time has come, at most `most`.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.due(now, most)),
        }
    }

    /// Waits until a call may be due earlier than anybody knew, and tells when the next one is.
    pub async fn next_due(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Memory(memory) => memory.next_due(known).await,
        }
    }

    /// The open calls to a number.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn open_calls(&self, phone: Phone) -> Result<Vec<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.open_calls(phone)),
        }
    }

    /// Whether another call than `id` has this number.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn is_taken(&self, phone: Phone, id: CallId) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.is_taken(phone, id)),
        }
    }

    /// When the limits leave room for a create of `owner` and for an attempt to a number.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn room(&self, phone: Phone, owner: &str, often: &Often, now: Timestamp) -> Result<Room, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.room(phone, owner, often, now)),
        }
    }

    /// Counts a create of `owner`; `false` when its limit leaves no room any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn admit(&self, owner: &Arc<str>, often: &Often, now: Timestamp) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.admit(owner, often, now)),
        }
    }

    /// How many creates of `owner` count for the minute's limit, and since when the oldest of them does. Nothing is
    /// counted while there is no such limit.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn creates(&self, owner: &str, now: Timestamp) -> Result<(usize, Option<Timestamp>), Error> {
        match self {
            Self::Memory(memory) => Ok(memory.creates(owner, now)),
        }
    }

    /// Takes a number for a call that is about to ring it, and counts the attempt; `false` when another call has it, or
    /// a limit leaves no room any more. The number is given back when the call is saved in a state without a line.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn claim(&self, phone: Phone, id: CallId, often: &Often, now: Timestamp) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.claim(phone, id, often, now)),
        }
    }

    /// Gives a number back that was claimed at `at` but not rung; the attempt does not count.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn release(&self, phone: Phone, id: CallId, at: Timestamp) {
        match self {
            Self::Memory(memory) => memory.release(phone, id, at),
        }
    }

    /// An attempt that was claimed at `at`, or a moment later, does not count: nothing rang.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn uncount(&self, phone: Phone, at: Timestamp) {
        match self {
            Self::Memory(memory) => memory.uncount(phone, at),
        }
    }

    /// The oldest open call that waits for this number, now that nobody has it.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn next_in_line(&self, phone: Phone) -> Result<Option<Arc<Call>>, Error> {
        for id in self.open_calls(phone).await? {
            let waits =
                |call: &Arc<Call>| matches!(call.state, State::Queued { waiting_for: Some(WaitingFor::LiveCall), .. });
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
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn opt_out(&self, phone: Phone, _now: Timestamp) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                memory.opt_out(phone);
                Ok(())
            }
        }
    }

    /// Whether a number is on that list.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn is_opted_out(&self, phone: Phone) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.is_opted_out(phone)),
        }
    }

    /// Makes a key stand for a call, unless it stands for one already: then that is told and nothing changes.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn reserve(
        &self,
        key: IdempotencyKey,
        first: Standing,
        now: Timestamp,
    ) -> Result<Option<Standing>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.reserve(key, first, now)),
        }
    }

    /// What a key stands for.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn standing(&self, key: IdempotencyKey) -> Result<Option<Standing>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.standing(key)),
        }
    }

    /// Forgets a key whose request was refused, if it still stands for that request's call.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn unreserve(&self, key: IdempotencyKey, call: CallId) {
        match self {
            Self::Memory(memory) => memory.unreserve(key, call),
        }
    }

    /// The newest state of a call and every later one; states in quick succession may merge. `None`: not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.watch(id)),
        }
    }

    /// Claims the events that are due at `until`, at most `most`, for whoever asks; until `lease_end` nobody else gets
    /// them.
    ///
    /// An entry of the outbox is made and changed by [`Self::save`] and [`Self::adopt`] themselves, together with the
    /// call, when what a client sees of it has changed ([`News`]).
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn due_events(&self, until: Timestamp, lease_end: Timestamp, most: usize) -> Result<Vec<Claimed>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.due_events(until, lease_end, most)),
        }
    }

    /// Says what came of a claimed event; `false`: the claim has lapsed, and what was said changes nothing.
    ///
    /// # Errors
    /// The store cannot be asked: the claim lapses, and the event is sent again.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn settle_event(&self, event: &Claimed, settled: Settled, now: Timestamp) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.settle_event(event, settled, now)),
        }
    }

    /// Waits until the moment at which an event is due first, or the first claim ends, is another than `known`.
    pub async fn next_event_due(&self, known: Option<Timestamp>) -> Timestamp {
        match self {
            Self::Memory(memory) => memory.next_event_due(known).await,
        }
    }

    /// Lets every event be due now that nobody has claimed, for a process whose outbox ends with it. Nothing in a shared
    /// store: others go on there.
    pub fn hurry_events(&self, now: Timestamp) {
        match self {
            Self::Memory(memory) => memory.hurry_events(now),
        }
    }

    /// How far the events of a call have come; `None`: its client wants none, or it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn delivery(&self, id: CallId) -> Result<Option<Entry>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.delivery(id)),
        }
    }

    /// The newest state of a call is told once more, now; `false`: its client wants no events, or it is not held.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn resend(&self, id: CallId, now: Timestamp) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.resend(id, now)),
        }
    }

    /// How many events are still to be received: those that were given up do not count.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn events_pending(&self) -> Result<usize, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.events_pending()),
        }
    }

    /// Whether what is stored outlives this process, and others take over what it leaves.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        match self {
            Self::Memory(_) => false,
        }
    }

    /// Drops what has been readable long enough.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn forget(&self, now: Timestamp) {
        match self {
            Self::Memory(memory) => memory.forget(now),
        }
    }

    /// How many calls are held.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn held(&self) -> usize {
        match self {
            Self::Memory(memory) => memory.held(),
        }
    }

    /// The most calls that are held.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        match self {
            Self::Memory(memory) => memory.capacity(),
        }
    }

    /// How many calls stand where.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn census(&self, now: Timestamp) -> Result<Census, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.census(now)),
        }
    }

    /// The open calls, for a process that ends.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn open(&self) -> Vec<CallId> {
        match self {
            Self::Memory(memory) => memory.open(),
        }
    }
}
