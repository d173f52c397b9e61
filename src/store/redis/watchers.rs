//! Those who follow a call at this instance. The server says when a followed call was saved, and by
//! which version; only then it is loaded.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::call::Call;
use crate::domain::CallId;

/// Followed calls.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    inner: Mutex<Inner>,
    /// Set if there are [`FollowerChanges`].
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    followed: HashMap<CallId, Followed>,
    work: FollowerChanges,
}

/// A call that is followed, or is being loaded to be followed.
#[derive(Debug, Default)]
struct Followed {
    sender: Option<watch::Sender<Arc<Call>>>,
    /// The newest version that was saved, as far as was heard.
    heard: u64,
    /// Number of loads of it that are under way.
    loading: usize,
}

/// Subscriptions to make and to end for followers of calls.
#[derive(Debug, Default)]
pub(super) struct FollowerChanges {
    /// Calls that have changed and are to be loaded.
    pub(super) stale: BTreeSet<CallId>,
    /// Calls without followers.
    pub(super) ended: BTreeSet<CallId>,
}

impl Followed {
    /// Shows a state to those who follow the call, unless they have seen a newer one; whether
    /// anybody follows it still.
    fn show(&mut self, call: &Arc<Call>) -> bool {
        self.heard = self.heard.max(call.version);
        if let Some(sender) = &self.sender {
            let newer = call.version > sender.borrow().version;
            if newer {
                sender.send_replace(call.clone());
            }
            if call.is_finished() || sender.receiver_count() == 0 {
                self.sender = None;
            }
        }
        self.sender.is_some() || self.loading > 0
    }
}

impl Inner {
    fn show(&mut self, call: &Arc<Call>) -> bool {
        let Some(followed) = self.followed.get_mut(&call.id) else {
            return false;
        };
        let ends = !followed.show(call);
        if ends {
            self.end(call.id);
        }
        ends
    }

    fn end(&mut self, id: CallId) {
        self.followed.remove(&id);
        self.work.stale.remove(&id);
        self.work.ended.insert(id);
    }
}

impl Watchers {
    /// Begins to follow a call that is about to be loaded: what is saved meanwhile is not missed.
    pub(super) fn begin(&self, id: CallId) -> Beginning<'_> {
        let mut inner = self.inner.lock();
        inner.work.ended.remove(&id);
        let is_new = !inner.followed.contains_key(&id);
        inner.followed.entry(id).or_default().loading += 1;
        Beginning {
            watchers: self,
            id,
            is_new,
        }
    }

    /// Returns whether anybody follows a call, or begins to.
    pub(super) fn has(&self, id: CallId) -> bool {
        self.inner.lock().followed.contains_key(&id)
    }

    /// Shows a state to those who follow the call.
    pub(super) fn show(&self, call: &Arc<Call>) {
        if self.inner.lock().show(call) {
            self.changed.notify_one();
        }
    }

    /// A call was saved.
    pub(super) fn notify(&self, id: CallId, version: u64) {
        let mut inner = self.inner.lock();
        let Some(followed) = inner.followed.get_mut(&id) else {
            return;
        };
        if version <= followed.heard {
            return;
        }
        followed.heard = version;
        let is_left = |sender: &watch::Sender<Arc<Call>>| sender.receiver_count() == 0;
        if followed.loading == 0 && followed.sender.as_ref().is_none_or(is_left) {
            inner.end(id);
        } else {
            inner.work.stale.insert(id);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Every call that is followed.
    pub(super) fn all(&self) -> Vec<CallId> {
        self.inner.lock().followed.keys().copied().collect()
    }

    /// Waits for work.
    pub(super) async fn work(&self) -> FollowerChanges {
        loop {
            let work = mem::take(&mut self.inner.lock().work);
            if !work.stale.is_empty() || !work.ended.is_empty() {
                return work;
            }
            self.changed.notified().await;
        }
    }
}

/// A call that is being loaded to be followed.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    watchers: &'a Watchers,
    id: CallId,
    /// It had no follower before, so this instance has to subscribe to its saves.
    pub(super) is_new: bool,
}

impl Beginning<'_> {
    /// Follows the call as it was loaded.
    pub(super) fn follow(self, call: Arc<Call>) -> watch::Receiver<Arc<Call>> {
        let mut inner = self.watchers.inner.lock();
        let Some(followed) = inner.followed.get_mut(&self.id) else {
            return watch::channel(call).1;
        };
        if call.is_finished() {
            return watch::channel(call).1;
        }
        let is_old = followed.heard > call.version;
        let sender = followed
            .sender
            .get_or_insert_with(|| watch::channel(call.clone()).0);
        let receiver = sender.subscribe();
        followed.show(&call);
        if is_old {
            inner.work.stale.insert(self.id);
        }
        receiver
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        let mut inner = self.watchers.inner.lock();
        let Some(followed) = inner.followed.get_mut(&self.id) else {
            return;
        };
        followed.loading -= 1;
        if followed.loading == 0 && followed.sender.is_none() {
            inner.end(self.id);
        }
        drop(inner);
        self.watchers.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, example, step};

    fn next(call: &Arc<Call>) -> Arc<Call> {
        let from = call.reservation.phone;
        Arc::new(step(call, Event::Dial { from }, example::start()).call)
    }

    #[tokio::test]
    async fn what_is_saved_while_a_call_is_loaded_is_not_missed() {
        let watchers = Watchers::default();
        let first = Arc::new(example::queued(1));
        let beginning = watchers.begin(first.id);
        assert!(beginning.is_new, "the server is asked");
        watchers.notify(first.id, first.version + 1);
        let mut receiver = beginning.follow(first.clone());
        assert_eq!(watchers.work().await.stale, BTreeSet::from([first.id]));
        assert!(!watchers.begin(first.id).is_new, "once");
        watchers.show(&next(&first));
        receiver.changed().await.unwrap();
        watchers.show(&first);
        assert!(!receiver.has_changed().unwrap(), "never an older one");
    }

    #[tokio::test]
    async fn what_nobody_follows_any_more_is_not_asked_for() {
        let watchers = Watchers::default();
        let first = Arc::new(example::queued(1));
        drop(watchers.begin(first.id).follow(first.clone()));
        watchers.notify(first.id, first.version + 1);
        let work = watchers.work().await;
        assert_eq!((work.stale.len(), work.ended.len()), (0, 1));
        watchers.notify(first.id, first.version + 2);
        assert!(watchers.all().is_empty());
        assert!(watchers.begin(first.id).is_new, "it is asked for anew");
        assert_eq!(watchers.work().await.ended, BTreeSet::from([first.id]));
    }

    #[tokio::test]
    async fn the_last_state_ends_it() {
        let watchers = Watchers::default();
        let first = Arc::new(example::queued(1));
        let mut receiver = watchers.begin(first.id).follow(first.clone());
        watchers.show(&Arc::new(
            step(&first, Event::Cancel, example::start()).call,
        ));
        receiver.changed().await.unwrap();
        assert!(receiver.borrow_and_update().is_finished());
        assert!(receiver.changed().await.is_err());
        assert_eq!(watchers.work().await.ended, BTreeSet::from([first.id]));
    }
}
