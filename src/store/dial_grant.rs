//! The answer of a store to a call that wants to ring. It covers everything that calls share, so
//! that a server has to be asked only once. Policy judges the answer; nothing is decided here.

use std::sync::Arc;

use jiff::Timestamp;

use crate::call::Call;
use crate::domain::CallId;
use crate::policy::{CallLimits, Room};

/// A call that wants to ring.
#[derive(Clone, Copy, Debug)]
pub struct DialRequest<'a> {
    /// The call; it need not be stored yet.
    pub call: &'a Call,
    /// The limits of attempts and creates.
    pub limits: &'a CallLimits,
    /// It is new: identical open ones stand against it, and it counts as a create of its owner once
    /// it is taken.
    pub is_new: bool,
    /// It needs one of the starts of each second; `false`: it was given one.
    pub needs_start: bool,
    /// The new call with its intent, in case it is granted. A store that can do so stores it with
    /// the grant.
    pub intent: Option<&'a Call>,
    /// The time.
    pub now: Timestamp,
}

/// The part of the request beyond looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialMode {
    /// Nothing.
    Peek,
    /// The call is to be known among the open ones of its number, before it is stored.
    Register,
    /// That, and if nothing stands against it, its number and its start are to be taken, and all of
    /// it counted.
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
    /// When its turn comes among the calls that are started each second; `None`: at once.
    pub slot: Option<Timestamp>,
    /// It was counted as a create of its owner.
    pub admitted: bool,
    /// The owner's recent creates, where there is a limit and the server returned them.
    pub creates: Option<Creates>,
    /// Number and start are its own now.
    pub claimed: bool,
    /// The call as it was stored with the grant; `None`: it is still to be stored.
    pub stored: Option<Arc<Call>>,
}

/// How many creates of an API key count for the minute's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creates {
    /// This many.
    pub made: usize,
    /// Since when the oldest of them counts.
    pub oldest: Option<Timestamp>,
}

impl DialGrant {
    /// Whether the number itself leaves it free to ring.
    pub(super) fn number_allows(&self, now: Timestamp) -> bool {
        let full = self
            .room
            .number_hour
            .max(self.room.number_day)
            .is_some_and(|free| free > now);
        !self.opted_out && !self.taken && self.duplicate.is_none() && !full
    }

    /// Whether what all calls share leaves it free to ring.
    pub(super) fn global_limits_allow(&self, now: Timestamp) -> bool {
        let full = self
            .room
            .key_minute
            .max(self.room.service_day)
            .is_some_and(|free| free > now);
        !full && self.slot.is_none_or(|slot| slot <= now)
    }
}
