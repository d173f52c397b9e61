//! When the calls that this instance saved last are due, so that it wakes them to the millisecond; and when to ask the
//! server for those of instances that are no more.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::domain::CallId;

/// How often all shards are asked.
const POLL: SignedDuration = SignedDuration::from_secs(3);

#[derive(Debug, Default)]
pub(super) struct Timers {
    inner: Mutex<Inner>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    due: BTreeSet<(Timestamp, CallId)>,
    when: HashMap<CallId, Timestamp>,
    poll: Option<Timestamp>,
}

impl Inner {
    fn remove(&mut self, id: CallId) {
        if let Some(at) = self.when.remove(&id) {
            self.due.remove(&(at, id));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at).into_iter().chain(self.poll).min()
    }
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This instance wakes a call at `at`; `None`: it does not.
    pub(super) fn set(&self, id: CallId, at: Option<Timestamp>) {
        let mut inner = self.lock();
        let before = inner.next();
        inner.remove(id);
        if let Some(at) = at {
            inner.when.insert(id, at);
            inner.due.insert((at, id));
        }
        let sooner = inner.next().is_some_and(|next| before.is_none_or(|before| next < before));
        drop(inner);
        if sooner {
            self.sooner.notify_one();
        }
    }

    /// Takes out what is due, at most `most`; whether all shards are to be asked as well.
    pub(super) fn take(&self, now: Timestamp, most: usize) -> (Vec<CallId>, bool) {
        let mut inner = self.lock();
        let due: Vec<_> = inner.due.iter().take_while(|(at, _)| *at <= now).take(most).map(|(_, id)| *id).collect();
        for id in &due {
            inner.remove(*id);
        }
        let polls = inner.poll.is_none_or(|at| at <= now);
        if polls {
            inner.poll = now.saturating_add(POLL).ok();
        }
        (due, polls)
    }

    pub(super) async fn next(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        loop {
            let sooner = self.sooner.notified();
            tokio::pin!(sooner);
            sooner.as_mut().enable();
            let next = self.lock().next();
            if next.is_some() && next != known {
                return next;
            }
            sooner.await;
        }
    }
}
