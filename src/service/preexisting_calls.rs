//! Calls that Twilio knew before this process: their numbers are not rung.
//!
//! A process that is gone has placed them. Their webhooks bring their tickets, and then they are
//! calls like any other. `preexisting_watch` lists and follows them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::domain::{CallSid, Phone};

/// The live calls of processes that are gone.
///
/// Twilio's list may lack a call that was placed just before this process started. Where no shared
/// store knows of it, the list is read twice, and no number is rung before the second time.
#[derive(Debug)]
pub(super) struct PreexistingCalls {
    pub(super) known: Mutex<HashMap<CallSid, Phone>>,
    /// Turns `true` when Twilio's calls have been listed.
    pub(super) listed: watch::Sender<bool>,
    /// Time of the second list; `None`: it is not needed, or has been read.
    second_list_at: Mutex<Option<Timestamp>>,
}

impl PreexistingCalls {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::default(),
            listed: watch::Sender::new(false),
            second_list_at: Mutex::default(),
        }
    }

    /// Returns whether one of them has this number.
    pub(super) fn has(&self, phone: Phone) -> bool {
        self.known.lock().values().any(|taken| *taken == phone)
    }

    /// Returns whether Twilio's calls have been listed.
    pub(super) fn are_listed(&self) -> bool {
        *self.listed.borrow()
    }

    /// Sets the time of the second list; `None`: there is none to wait for.
    pub(super) fn set_second_list(&self, at: Option<Timestamp>) {
        *self.second_list_at.lock() = at;
    }

    /// Time from which numbers may be rung; `None`: now. While the second list is being read, that is
    /// a second from now, again and again.
    pub(super) fn unknown_until(&self, now: Timestamp) -> Option<Timestamp> {
        let list = (*self.second_list_at.lock())?.max(now);
        list.saturating_add(SignedDuration::from_secs(1)).ok()
    }
}
