//! Calls that Twilio knew before this process: their numbers are not rung.
//!
//! A process that is gone has placed them. Their webhooks bring their tickets, and then they are
//! calls like any other. `preexisting_watch` lists and follows them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::{CallSid, Phone};

/// The live calls of processes that are gone.
#[derive(Debug)]
pub(super) struct PreexistingCalls {
    known: Mutex<HashMap<CallSid, Phone>>,
    /// Turns `true` when Twilio's calls have been listed.
    pub(super) listed: watch::Sender<bool>,
}

impl PreexistingCalls {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::default(),
            listed: watch::Sender::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<CallSid, Phone>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether one of them has this number.
    pub(super) fn has(&self, phone: Phone) -> bool {
        self.lock().values().any(|taken| *taken == phone)
    }

    /// Returns whether Twilio's calls are known.
    pub(super) fn are_listed(&self) -> bool {
        *self.listed.borrow()
    }
}
