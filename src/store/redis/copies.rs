//! Calls lately seen, so that a webhook need not load what this instance knows, and those who watch
//! them.
//!
//! A copy may be old: the script that saves compares versions. What other instances save arrives
//! sealed and is opened only if somebody needs it. Bounded: of two generations the older one is
//! dropped when the younger one is full.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::record::{Records, Stamp, Stored};
use crate::call::Call;
use crate::domain::CallId;
use crate::store::Error;

const STRIPES: usize = 16;
/// Copies in each generation of each stripe: some 30,000 in all at most.
const GENERATION: usize = 1_000;

#[derive(Debug)]
pub(super) struct Copies {
    records: Records,
    stripes: Vec<Mutex<Stripe>>,
    /// Counts subscriptions: what was seen before the newest one may be old.
    epoch: AtomicU64,
    /// Counts calls that were taken back: what was asked before the newest may tell of one that is
    /// no more.
    taken_back: AtomicU64,
}

/// When a question was asked: what is answered may be overtaken by what was heard since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    epoch: u64,
    taken_back: u64,
}

#[derive(Debug, Default)]
struct Stripe {
    young: HashMap<CallId, (u64, Copy)>,
    old: HashMap<CallId, (u64, Copy)>,
    watchers: HashMap<CallId, watch::Sender<Arc<Call>>>,
}

#[derive(Clone, Debug)]
enum Copy {
    Open(Stored),
    Sealed(Stamp, Arc<[u8]>),
}

/// A copy, and whether everything that others saved since would have been heard.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) stored: Stored,
    pub(super) is_current: bool,
}

impl Copy {
    fn stamp(&self) -> Stamp {
        match self {
            Self::Open(stored) => stored.stamp(),
            Self::Sealed(stamp, _) => *stamp,
        }
    }
}

impl Stripe {
    fn get(&mut self, id: CallId) -> Option<(u64, Copy)> {
        if let Some(copy) = self.young.get(&id) {
            return Some(copy.clone());
        }
        let (epoch, copy) = self.old.remove(&id)?;
        self.put(id, epoch, copy.clone());
        Some((epoch, copy))
    }

    fn put(&mut self, id: CallId, epoch: u64, copy: Copy) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id, (epoch, copy));
    }

    /// Since which epoch a copy is known, and its stamp.
    fn known(&self, id: CallId) -> Option<(u64, Stamp)> {
        self.young
            .get(&id)
            .or_else(|| self.old.get(&id))
            .map(|(epoch, copy)| (*epoch, copy.stamp()))
    }

    fn stamp(&self, id: CallId) -> Option<Stamp> {
        self.known(id).map(|(_, stamp)| stamp)
    }

    fn tell(&mut self, call: &Arc<Call>) {
        let Some(watcher) = self.watchers.get(&call.id) else {
            return;
        };
        let newer = call.version > watcher.borrow().version;
        if newer {
            watcher.send_replace(call.clone());
        }
        if call.is_finished() || watcher.receiver_count() == 0 {
            self.watchers.remove(&call.id);
        }
    }
}

impl Copies {
    pub(super) fn new(records: Records) -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self {
            records,
            stripes,
            epoch: AtomicU64::new(0),
            taken_back: AtomicU64::new(0),
        }
    }

    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the number of stripes"
    )]
    fn stripe(&self, id: CallId) -> MutexGuard<'_, Stripe> {
        self.stripes[usize::from(id.as_bytes()[14]) % STRIPES]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection was lost: what others save meanwhile is not heard.
    pub(super) fn doubt(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// For a question that is about to be asked: an answer of an earlier connection tells nothing
    /// of what was saved while nobody heard, and one from before a call was taken back must not
    /// bring it back.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            epoch: self.epoch(),
            taken_back: self.taken_back.load(Ordering::SeqCst),
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// The newest state that this instance has seen.
    pub(super) fn get(&self, id: CallId) -> Result<Option<Seen>, Error> {
        let copy = self.stripe(id).get(id);
        let Some((epoch, copy)) = copy else {
            return Ok(None);
        };
        let stored = match copy {
            Copy::Open(stored) => stored,
            Copy::Sealed(_, sealed) => {
                let stored = self.records.open(id, &sealed)?;
                let mut stripe = self.stripe(id);
                // It may have been forgotten meanwhile.
                if stripe
                    .stamp(id)
                    .is_some_and(|known| known <= stored.stamp())
                {
                    stripe.put(id, epoch, Copy::Open(stored.clone()));
                }
                stored
            }
        };
        Ok(Some(Seen {
            stored,
            is_current: epoch == self.epoch(),
        }))
    }

    /// Which state that is.
    pub(super) fn stamp(&self, id: CallId) -> Option<Stamp> {
        self.stripe(id).stamp(id)
    }

    /// What this instance has saved or loaded, and when it asked. A copy never gets older: a load
    /// that was overtaken by a save would bring back what the save has changed, and a wake would
    /// find nothing to do in it.
    pub(super) fn put(&self, stored: &Stored, asked: Asked) {
        let id = stored.call.id;
        let mut stripe = self.stripe(id);
        let known = stripe.known(id);
        // Under the lock: what is taken back from here on is removed after this.
        let may_be_gone = known.is_none() && self.asked().taken_back != asked.taken_back;
        if !may_be_gone && known.is_none_or(|(_, known)| known <= stored.stamp()) {
            // The same may have been loaded since, by another question.
            let same = known.filter(|(_, known)| *known == stored.stamp());
            let newest = same.map_or(asked.epoch, |(known, _)| known.max(asked.epoch));
            stripe.put(id, newest, Copy::Open(stored.clone()));
        }
        stripe.tell(&stored.call);
    }

    /// What those who watch a call are to see, before it is stored.
    pub(super) fn tell(&self, call: &Arc<Call>) {
        self.stripe(call.id).tell(call);
    }

    /// What another instance has saved.
    pub(super) fn hear(&self, id: CallId, stamp: Stamp, record: &[u8]) {
        let epoch = self.epoch();
        let mut stripe = self.stripe(id);
        if stripe.stamp(id).is_some_and(|known| known >= stamp) {
            return;
        }
        if stripe.watchers.contains_key(&id) {
            if let Ok(stored) = self.records.open(id, record) {
                stripe.tell(&stored.call);
                stripe.put(id, epoch, Copy::Open(stored));
            }
        } else {
            stripe.put(id, epoch, Copy::Sealed(stamp, record.into()));
        }
    }

    /// A call was taken back: nothing that was asked before may bring it back.
    pub(super) fn take_back(&self, id: CallId) {
        self.taken_back.fetch_add(1, Ordering::SeqCst);
        self.forget(id);
    }

    pub(super) fn forget(&self, id: CallId) {
        let mut stripe = self.stripe(id);
        let (_young, _old) = (stripe.young.remove(&id), stripe.old.remove(&id));
    }

    /// A watcher of a call, which begins with `call` or with what was heard of it since.
    pub(super) fn watch(&self, call: &Arc<Call>) -> watch::Receiver<Arc<Call>> {
        let id = call.id;
        let mut stripe = self.stripe(id);
        // Under the lock, so that nothing is heard between the look and the beginning of the watch.
        let newest = match stripe.get(id).map(|(_, copy)| copy) {
            Some(Copy::Open(known)) if known.call.version > call.version => known.call,
            Some(Copy::Sealed(stamp, sealed)) if stamp.version > call.version => self
                .records
                .open(id, &sealed)
                .map_or_else(|_unreadable| call.clone(), |stored| stored.call),
            Some(Copy::Open(_) | Copy::Sealed(..)) | None => call.clone(),
        };
        if newest.is_finished() {
            return watch::channel(newest).1;
        }
        let receiver = stripe
            .watchers
            .entry(id)
            .or_insert_with(|| watch::channel(newest.clone()).0)
            .subscribe();
        stripe.tell(&newest);
        receiver
    }

    /// The open calls that this instance has seen, for a server that has lost them.
    pub(super) fn open(&self) -> Vec<Arc<Call>> {
        let ids = |stripe: &Mutex<Stripe>| {
            let stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe
                .young
                .keys()
                .chain(stripe.old.keys())
                .copied()
                .collect::<Vec<_>>()
        };
        let ids = self.stripes.iter().flat_map(ids).collect::<Vec<_>>();
        let calls = ids
            .into_iter()
            .filter_map(|id| self.get(id).ok().flatten())
            .map(|seen| seen.stored.call);
        calls.filter(|call| !call.is_finished()).collect()
    }

    /// The calls that somebody watches.
    pub(super) fn watched(&self) -> Vec<CallId> {
        let watched = |stripe: &Mutex<Stripe>| {
            let mut stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe
                .watchers
                .retain(|_, watcher| watcher.receiver_count() > 0);
            stripe.watchers.keys().copied().collect::<Vec<_>>()
        };
        self.stripes.iter().flat_map(watched).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, example, step};
    use crate::ticket::{Key, Vault};

    #[test]
    fn a_load_that_was_overtaken_by_a_save_does_not_bring_the_old_call_back() {
        let copies = Copies::new(Records::new(Vault::new(&[Key::derive(b"a")])));
        let old = Arc::new(example::queued(1));
        let new = Arc::new(step(&old, Event::Cancel, example::start()).call);
        for call in [&old, &new, &old] {
            copies.put(&Stored::after(None, call), copies.asked());
        }
        let seen = copies.get(old.id).unwrap().unwrap();
        assert_eq!(
            (seen.stored.call.version, seen.is_current),
            (new.version, true)
        );
    }

    #[test]
    fn an_answer_from_before_a_break_is_not_taken_for_the_newest() {
        let copies = Copies::new(Records::new(Vault::new(&[Key::derive(b"a")])));
        let stored = Stored::after(None, &Arc::new(example::queued(1)));
        let id = stored.call.id;
        let asked = copies.asked();
        copies.doubt();
        copies.put(&stored, asked);
        assert!(
            !copies.get(id).unwrap().unwrap().is_current,
            "others may have saved meanwhile, unheard"
        );
        copies.put(&stored, copies.asked());
        copies.put(&stored, asked);
        assert!(
            copies.get(id).unwrap().unwrap().is_current,
            "it was loaded since"
        );
    }

    #[test]
    fn what_was_asked_before_a_call_was_taken_back_does_not_bring_it_back() {
        let copies = Copies::new(Records::new(Vault::new(&[Key::derive(b"a")])));
        let stored = Stored::after(None, &Arc::new(example::queued(1)));
        let id = stored.call.id;
        let asked = copies.asked();
        copies.put(&stored, asked);
        copies.take_back(id);
        copies.put(&stored, asked);
        assert!(copies.get(id).unwrap().is_none());
        copies.put(&stored, copies.asked());
        assert!(copies.get(id).unwrap().is_some(), "the server has it again");
    }
}
