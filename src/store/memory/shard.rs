//! A part of the calls, under one lock.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use tokio::sync::watch;

use super::packed::PackedCall;
use crate::call::Call;
use crate::domain::CallId;
use crate::store::call_counts::Tally;
use crate::store::deadlines::Deadlines;
use crate::store::outbox::Outbox;

/// Most open calls that each shard keeps whole: some 30,000 in all, about 1.2 KB each. Those that
/// changed longest ago are packed, to less than half of that: a webhook of one costs a quarter more.
const WHOLE: usize = 512;

/// A map by call. Only this service chooses ids, so their hash need not withstand chosen keys.
pub(super) type Calls<V> = HashMap<CallId, V, FxBuildHasher>;

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) calls: Calls<PackedCall>,
    /// The calls of each owner, by id and so by time of creation.
    pub(super) owners: HashMap<Arc<str>, BTreeSet<CallId>, FxBuildHasher>,
    /// The open calls that are kept whole, the one that became so first in front.
    pub(super) whole: VecDeque<CallId>,
    /// Times at which open calls are to be looked at.
    pub(super) deadlines: Deadlines,
    pub(super) tally: Tally,
    pub(super) watchers: Calls<watch::Sender<Arc<Call>>>,
    pub(super) outbox: Outbox,
}

impl Shard {
    /// A call. One that is packed stays so until it changes: otherwise each read of one
    /// call would pack another.
    pub(super) fn get(&self, id: CallId) -> Option<Arc<Call>> {
        self.calls.get(&id)?.call(id)
    }

    /// Enters a call among those of its owner.
    pub(super) fn list(&mut self, call: &Call) {
        let owned = self.owners.entry(call.owner.clone()).or_default();
        owned.insert(call.id);
    }

    /// Removes a call from those of its owner.
    pub(super) fn unlist(&mut self, owner: &str, id: CallId) {
        if let Some(owned) = self.owners.get_mut(owner) {
            owned.remove(&id);
            if owned.is_empty() {
                self.owners.remove(owner);
            }
        }
    }

    /// Keeps a call: an open one whole, and packs the one that was kept so for the longest time.
    pub(super) fn keep(&mut self, call: &Arc<Call>) {
        let before = self.calls.insert(call.id, PackedCall::new(call));
        let was_whole = before.is_some_and(|before| before.is_whole());
        if was_whole || call.is_finished() {
            return;
        }
        self.whole.push_back(call.id);
        if self.whole.len() > WHOLE
            && let Some(longest) = self.whole.pop_front()
            && let Some(kept) = self.calls.get_mut(&longest)
        {
            kept.pack();
        }
    }
}
