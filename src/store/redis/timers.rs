//! The open calls that this instance saved last: it wakes them to the millisecond and counts them.
//! Whoever saves a call after it takes that over. The calls of instances that are no more are found
//! by asking all shards now and then.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::call::Call;
use crate::domain::CallId;
use crate::store::call_counts::{CallCounts, Tally};

/// How often all shards are asked.
const POLL: SignedDuration = SignedDuration::from_secs(3);

#[derive(Debug, Default)]
pub(super) struct Timers {
    inner: Mutex<Inner>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    own: HashMap<CallId, (Arc<Call>, Option<Timestamp>)>,
    due: BTreeSet<(Timestamp, CallId)>,
    tally: Tally,
    poll: Option<Timestamp>,
}

impl Inner {
    fn set(&mut self, call: &Arc<Call>, at: Option<Timestamp>) {
        let id = call.id;
        let after = (!call.is_finished()).then_some(call);
        let before = match after {
            Some(call) => self.own.insert(id, (call.clone(), at)),
            None => self.own.remove(&id),
        };
        if let Some((_, Some(at))) = before {
            self.due.remove(&(at, id));
        }
        if let (Some(at), Some(_)) = (at, after) {
            self.due.insert((at, id));
        }
        self.tally.change(
            before.as_ref().map(|(call, _)| &**call),
            after.map(|call| &**call),
        );
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

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This instance has saved a call, and wakes it when it is due.
    pub(super) fn own(&self, call: &Arc<Call>) {
        let mut inner = self.lock();
        let before = inner.next();
        inner.set(call, call.wake_at());
        let sooner = inner
            .next()
            .is_some_and(|next| before.is_none_or(|before| next < before));
        drop(inner);
        if sooner {
            self.sooner.notify_one();
        }
    }

    /// Another instance has saved this version of a call.
    pub(super) fn hand_over(&self, id: CallId, version: u64) {
        let mut inner = self.lock();
        if inner
            .own
            .get(&id)
            .is_some_and(|(call, _)| call.version < version)
            && let Some((call, at)) = inner.own.remove(&id)
        {
            if let Some(at) = at {
                inner.due.remove(&(at, id));
            }
            inner.tally.change(Some(&call), None);
        }
    }

    /// Takes out what is due, at most `most`; whether all shards are to be asked as well.
    pub(super) fn take(&self, now: Timestamp, most: usize) -> (Vec<CallId>, bool) {
        let mut inner = self.lock();
        let due: Vec<_> = inner
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(most)
            .copied()
            .collect();
        for (at, id) in &due {
            inner.due.remove(&(*at, *id));
            if let Some((_, due)) = inner.own.get_mut(id) {
                *due = None;
            }
        }
        let polls = inner.poll.is_none_or(|at| at <= now);
        if polls {
            inner.poll = now.saturating_add(POLL).ok();
        }
        (due.into_iter().map(|(_, id)| id).collect(), polls)
    }

    /// There is more than was taken: all shards are to be asked at once.
    pub(super) fn poll_again(&self, now: Timestamp) {
        self.lock().poll = Some(now);
    }

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

    /// How many of the calls that this instance saved last stand where; over all instances that is
    /// every open call.
    pub(super) fn call_counts(&self, now: Timestamp) -> CallCounts {
        let inner = self.lock();
        let overdue = now.saturating_sub(crate::store::OVERDUE).unwrap_or(now);
        let mut call_counts = CallCounts::default();
        inner.tally.add_to(&mut call_counts);
        call_counts.overdue =
            u64::try_from(inner.due.iter().take_while(|(at, _)| *at < overdue).count())
                .unwrap_or(u64::MAX);
        call_counts
    }

    /// The calls that this instance saved last.
    pub(super) fn all(&self) -> Vec<Arc<Call>> {
        self.lock()
            .own
            .values()
            .map(|(call, _)| call.clone())
            .collect()
    }
}
