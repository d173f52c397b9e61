//! When the events that this instance saved last are due, so that it sends them at once; those of
//! instances that are no more are found by asking all shards now and then.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::record::Stamp;
use crate::domain::CallId;

/// How often all shards are asked.
const POLL: SignedDuration = SignedDuration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Alarms {
    inner: Mutex<Inner>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    own: HashMap<CallId, (Stamp, Timestamp)>,
    due: BTreeSet<(Timestamp, CallId)>,
    poll: Option<Timestamp>,
}

impl Inner {
    fn remove(&mut self, id: CallId) {
        if let Some((_, at)) = self.own.remove(&id) {
            self.due.remove(&(at, id));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.due
            .first()
            .map(|(at, _)| *at)
            .into_iter()
            .chain(self.poll)
            .min()
    }
}

impl Alarms {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This instance has saved a call whose event is due at `at`; `None`: nothing is to be told.
    pub(super) fn own(&self, id: CallId, stamp: Stamp, at: Option<Timestamp>) {
        let mut inner = self.lock();
        let before = inner.next();
        inner.remove(id);
        if let Some(at) = at {
            inner.own.insert(id, (stamp, at));
            inner.due.insert((at, id));
        }
        let sooner = inner
            .next()
            .is_some_and(|next| before.is_none_or(|before| next < before));
        drop(inner);
        if sooner {
            self.sooner.notify_one();
        }
    }

    /// Another instance has saved it since.
    pub(super) fn hand_over(&self, id: CallId, stamp: Stamp) {
        let mut inner = self.lock();
        if inner.own.get(&id).is_some_and(|(known, _)| *known < stamp) {
            inner.remove(id);
        }
    }

    /// Takes out what is due, at most `most`; whether all shards are to be asked as well.
    pub(super) fn take(&self, until: Timestamp, most: usize) -> (Vec<CallId>, bool) {
        let mut inner = self.lock();
        let due: Vec<_> = inner
            .due
            .iter()
            .take_while(|(at, _)| *at <= until)
            .take(most)
            .map(|(_, id)| *id)
            .collect();
        for id in &due {
            inner.remove(*id);
        }
        let polls = inner.poll.is_none_or(|at| at <= until);
        if polls {
            inner.poll = until.saturating_add(POLL).ok();
        }
        (due, polls)
    }

    /// There is more than was taken: all shards are to be asked at once.
    pub(super) fn poll_again(&self, now: Timestamp) {
        self.lock().poll = Some(now);
    }

    /// Waits until the earliest moment is another than `known`.
    pub(super) async fn next(&self, known: Option<Timestamp>) -> Timestamp {
        loop {
            let sooner = self.sooner.notified();
            tokio::pin!(sooner);
            sooner.as_mut().enable();
            let next = self.lock().next();
            if let Some(next) = next.filter(|next| Some(*next) != known) {
                return next;
            }
            sooner.await;
        }
    }

    /// How many events this instance saved last are still to be received.
    pub(super) fn pending(&self) -> usize {
        self.lock().own.len()
    }
}
