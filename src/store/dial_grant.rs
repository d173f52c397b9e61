//! A request to dial, and the store's grant. They cover everything that calls share, so that a
//! server has to be asked only once. Policy judges the grant; nothing is decided here.

use std::sync::Arc;

use jiff::Timestamp;

use crate::call::Call;
use crate::domain::CallId;
use crate::policy::{CallLimits, Room};

/// A request to dial.
#[derive(Clone, Copy, Debug)]
pub struct DialRequest<'a> {
    /// The call; it need not be stored yet.
    pub call: &'a Call,
    /// The limits of attempts and creates.
    pub limits: &'a CallLimits,
    /// The call is new: an identical open call stands against it, and it counts as a create of its
    /// owner.
    pub is_new: bool,
    /// The call needs one of the starts per second; `false`: it has one from the queue.
    pub needs_start: bool,
    /// The new call with its intent. A shared store saves it together with the grant, if it can.
    pub intent: Option<&'a Call>,
    /// The time.
    pub now: Timestamp,
}

/// The changes that a request makes in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialMode {
    /// Nothing.
    Peek,
    /// Adds the call to the open calls of its number, before it is stored.
    Register,
    /// Does that and, if there is no obstacle, takes the number and a start, and counts both.
    Acquire,
}

/// The store's answer. A time means "not before it".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialGrant {
    /// An open call of the same owner that asks for the very same.
    pub duplicate: Option<CallId>,
    /// The staff of this number asked never to be called again.
    pub opted_out: bool,
    /// Another call has the number.
    pub taken: bool,
    /// The times at which the limits leave room.
    pub room: Room,
    /// Time of its start, after the calls that wait before it; `None`: at once.
    pub slot: Option<Timestamp>,
    /// The call was counted as a create of its owner.
    pub admitted: bool,
    /// The owner's recent creates, where there is a limit and the server returned them.
    pub creates: Option<Creates>,
    /// The call has taken its number and a start.
    pub claimed: bool,
    /// The call as it was saved with the grant; `None`: it was not.
    pub stored: Option<Arc<Call>>,
}

/// Creates of an API key that count for the limit per minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creates {
    /// Number of them.
    pub made: usize,
    /// Time of the oldest of them.
    pub oldest: Option<Timestamp>,
}

impl DialGrant {
    /// Returns whether there is no obstacle at the number itself: other calls, opt-out, limits per
    /// number.
    pub(super) fn number_allows(&self, now: Timestamp) -> bool {
        let full = self
            .room
            .number_hour
            .max(self.room.number_day)
            .is_some_and(|free| free > now);
        !self.opted_out && !self.taken && self.duplicate.is_none() && !full
    }

    /// Returns whether the limits that all calls share have room.
    pub(super) fn global_limits_allow(&self, now: Timestamp) -> bool {
        let full = self
            .room
            .key_minute
            .max(self.room.service_day)
            .is_some_and(|free| free > now);
        !full && self.slot.is_none_or(|slot| slot <= now)
    }
}
