//! Where calls are kept: a closed enum of back ends with one contract.
//!
//! A store keeps calls, tells which of them are due, which numbers are taken, and who should hear of a change. It does
//! not decide anything: what a call becomes is computed by `call` and saved here, if nobody was quicker.

mod memory;
mod pace;
mod standing;
mod usage;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::call::{Call, Event, State, WaitingFor};
use crate::domain::{CallId, Phone};

pub use memory::Memory;
pub use standing::{Asking, Standing, Want};

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

/// What is known of an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// Nobody used it before: it now stands for this call.
    Fresh,
    /// The same request was made before and became this call.
    Repeat(CallId),
    /// It was used for another request.
    Mismatch,
}

/// The name under which a request may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Hash of the key with its owner.
    pub key: [u8; 16],
    /// Hash of the normalised request.
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

    /// The same store with so many calls started a second; 0: as many as come.
    #[must_use]
    pub fn paced(self, per_second: u32) -> Self {
        match self {
            Self::Memory(memory) => Self::Memory(memory.paced(per_second)),
        }
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

    /// What stands against a call that wants to ring; on [`Want::Take`] nothing may, and then its number and its start
    /// are taken. The number is given back when the call is saved in a state without a line.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn stand(&self, asking: &Asking<'_>, want: Want) -> Result<Standing, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.stand(asking, want)),
        }
    }

    /// Counts a create of `call`'s owner that does not ring at once; `false` when its limit leaves no room any more.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn admit(&self, asking: &Asking<'_>) -> Result<bool, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.admit(&asking.call.owner, asking.often, asking.now)),
        }
    }

    /// Forgets a call that was to be entered among the open ones and will never be stored.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn leave(&self, _phone: Phone, _id: CallId) {
        match self {
            Self::Memory(_) => {}
        }
    }

    /// Lets a call of `owner` wait for its turn among those that are started each second; it keeps its place if it
    /// stands there already.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn join(&self, owner: &Arc<str>, id: CallId) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                memory.pace.join(owner, id);
                Ok(())
            }
        }
    }

    /// When the next turn comes, as far as this process knows; `None`: nobody waits.
    #[must_use]
    pub fn next_turn(&self) -> Option<Timestamp> {
        match self {
            Self::Memory(memory) => memory.pace.next_turn(),
        }
    }

    /// Takes a start for the call whose turn has come.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn call_up(&self, now: Timestamp) -> Result<Option<CallId>, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.pace.call_up(now)),
        }
    }

    /// Gives the start back that was taken last, unused.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn give_back(&self) {
        match self {
            Self::Memory(memory) => memory.pace.give_back(),
        }
    }

    /// Resolves when a call begins to wait for its turn.
    pub async fn joined(&self) {
        match self {
            Self::Memory(memory) => memory.pace.joined().await,
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

    /// Makes a key stand for a call, unless it stands for one already.
    ///
    /// # Errors
    /// The store cannot be asked.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn reserve(&self, key: IdempotencyKey, id: CallId, now: Timestamp) -> Result<Idempotency, Error> {
        match self {
            Self::Memory(memory) => Ok(memory.reserve(key, id, now)),
        }
    }

    /// Forgets a key whose request was refused.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn unreserve(&self, key: IdempotencyKey) {
        match self {
            Self::Memory(memory) => memory.unreserve(key),
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

    /// The open calls, for a process that ends.
    #[expect(clippy::unused_async, reason = "a shared back end has to be asked")]
    pub async fn open(&self) -> Vec<CallId> {
        match self {
            Self::Memory(memory) => memory.open(),
        }
    }
}
