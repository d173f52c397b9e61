//! One save that is under way, and what becomes of the ownership when it is done.

use std::collections::hash_map::Entry as Slot;

use super::{Owned, OwnedCalls};
use crate::domain::CallId;
use crate::store::redis::record::Stored;

/// A save under way. What is dropped without [`Self::done`] came to nothing.
#[derive(Debug)]
pub(in crate::store::redis) struct Save<'a> {
    pub(super) owned: &'a OwnedCalls,
    pub(super) id: CallId,
}

impl Save<'_> {
    /// The record was saved on `connection`. The call is owned from here on, unless another
    /// instance was heard to have saved it since.
    pub(in crate::store::redis) fn done(self, stored: &Stored, connection: u64) {
        let mut inner = self.owned.inner.lock();
        let stamp = stored.stamp();
        let heard = inner.saving.get(&self.id).and_then(|saving| saving.heard);
        if inner
            .stamp(self.id)
            .max(heard)
            .is_some_and(|known| known > stamp)
        {
            return;
        }
        let version = stored.call.version;
        let known = inner.calls.get(&self.id);
        let waiting = known.and_then(|known| known.waiting.clone());
        let waiting = waiting.filter(|waiting| waiting.version > version);
        // A change of its event alone leaves the call where it is, also if it was handed out.
        let is_same = known
            .and_then(Owned::newest)
            .is_some_and(|newest| newest.version == version || waiting.is_some());
        let wake_at = if is_same {
            known.and_then(|known| known.wake_at)
        } else {
            stored.call.wake_at()
        };
        let event_at = stored.entry.as_ref().and_then(|entry| entry.next_at);
        let owned = Owned {
            stored: Some(stored.clone()),
            waiting,
            connection,
            wake_at,
            event_at,
        };
        inner.replace(self.id, Some(owned));
        drop(inner);
        self.owned.note(wake_at, event_at);
    }
}

impl Drop for Save<'_> {
    fn drop(&mut self) {
        if let Slot::Occupied(mut saving) = self.owned.inner.lock().saving.entry(self.id) {
            saving.get_mut().count -= 1;
            if saving.get().count == 0 {
                saving.remove();
            }
        }
    }
}
