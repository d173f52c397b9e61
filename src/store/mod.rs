//! The stores of calls: five interfaces with one contract, and a closed enum of their back ends.
//!
//! A store keeps calls, their deadlines, the numbers in use, and the followers of a call. It
//! decides nothing: `call` computes the next state of a call, and the store saves it unless another
//! writer was quicker.

mod call_counts;
mod deadlines;
mod dial_grant;
mod interfaces;
mod memory;
mod outbox;
pub mod redis;
mod idempotency_entry;

#[cfg(test)]
mod contract;

use std::sync::Arc;

use enum_dispatch::enum_dispatch;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::call::{Call, Event, State, WaitingFor};
use crate::domain::{CallId, Phone};

pub use self::redis::Redis;
pub use call_counts::CallCounts;
pub use dial_grant::{Creates, DialGrant, DialMode, DialRequest};
pub use idempotency_entry::{IdempotencyEntry, IdempotencyKey, digest};
pub use interfaces::{CallStore, IdempotencyStore, Lifecycle, NumberStore, OutboxStore, StartRate};
pub use memory::Memory;
pub use outbox::{Claimed, News, PendingEvent, Settled};

/// Longer than any line: ring, talk and Twilio's queue.
const LONGEST_LINE: SignedDuration = SignedDuration::from_mins(75);

/// Reason for which a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is full of open calls, and none of them is dropped to make room.
    #[error("the store is full of open calls")]
    Full,
    /// The server of a shared store does not answer, or not in time.
    #[error("the store does not answer")]
    Away,
    /// A record cannot be read: it was sealed with keys that this process does not have, or by a
    /// later version.
    #[error("what is stored cannot be read")]
    Unreadable,
}

/// The result of a save.
#[derive(Clone, Debug)]
pub enum Saved {
    /// It is saved.
    Done(Arc<Call>),
    /// The call is not the one that was loaded any more: load it and compute again.
    Conflict,
}

/// A call that an event has changed.
#[derive(Debug)]
pub struct Change<'a> {
    /// The call as it was loaded.
    pub before: &'a Arc<Call>,
    /// The call after the event.
    pub after: Call,
    /// The event.
    pub event: Event,
    /// It has lost its line, or is finished, and gives its number back.
    pub releases_number: bool,
}

/// A change that was saved.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The call as it was saved.
    pub call: Arc<Call>,
    /// Its number was given back, and other calls to that number are open.
    pub others_open: bool,
}

/// Calls of one owner, newest first.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The calls. Fewer than were looked at, where some are not held any more.
    pub calls: Vec<Arc<Call>>,
    /// The oldest that was looked at, where there are older ones.
    pub next: Option<CallId>,
}

/// Bounds of a store.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// The most calls held.
    pub max_calls: usize,
    /// Time for which a finished call stays readable.
    pub retention: SignedDuration,
}

/// The back ends.
#[derive(Debug)]
#[enum_dispatch(
    CallStore,
    NumberStore,
    StartRate,
    IdempotencyStore,
    OutboxStore,
    Lifecycle
)]
pub enum Store {
    /// In this process.
    Memory(Memory),
    /// On a server that instances share.
    Redis(Redis),
}

impl Store {
    /// A store in this process.
    #[must_use]
    pub fn memory(limits: StoreLimits) -> Self {
        Self::Memory(Memory::new(limits))
    }

    /// The oldest open call that waits for this number, now that it is free.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn next_in_line(&self, phone: Phone) -> Result<Option<Arc<Call>>, StoreError> {
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
}
