//! Changes that wait in the process while the server is away: the newest state of each call, with its
//! events since then. Their number is bounded: the oldest call without a decision is dropped first.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::call::{Call, Event, PastEvent};
use crate::domain::{CallId, Phone};
use crate::store::Saved;

/// The most calls that wait. With a decision ten times as many, since decisions must not be lost.
const MOST: usize = 20_000;
const MOST_DECIDED: usize = 10 * MOST;
/// The most events kept of one call: a talk has a few dozen at most.
const MOST_EVENTS: usize = 128;
/// The most calls whose ids a log line names.
const MOST_NAMED: usize = 100;
/// The most opted-out numbers, and calls to revoke, that wait.
const MOST_OTHERS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct WriteBehind {
    inner: Mutex<Inner>,
    /// The number of waiting changes, so that the lock is not taken while there are none.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    calls: HashMap<CallId, Waiting>,
    /// Those without a verdict, oldest first.
    undecided: BTreeSet<(u64, CallId)>,
    next: u64,
    opted_out: HashMap<Phone, Timestamp>,
    to_revoke: HashMap<CallId, u64>,
}

/// A call that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// The version that the server had; `None`: this instance knew the call from its ticket only.
    pub(super) basis: Option<u64>,
    pub(super) call: Arc<Call>,
    pub(super) events: Vec<PastEvent>,
    order: u64,
}

fn past(event: &Event, call: &Call) -> PastEvent {
    PastEvent {
        event: event.clone(),
        at: call.updated_at,
    }
}

fn has_verdict(call: &Call) -> bool {
    call.is_finished() || call.decision().is_some()
}

impl Inner {
    fn insert(&mut self, basis: Option<u64>, call: &Arc<Call>, events: Vec<PastEvent>) -> bool {
        if self.calls.len() >= MOST {
            if let Some((_, oldest)) = self.undecided.pop_first() {
                self.calls.remove(&oldest);
            } else if self.calls.len() >= MOST_DECIDED {
                return false;
            }
        }
        let order = self.next;
        self.next += 1;
        if !has_verdict(call) {
            self.undecided.insert((order, call.id));
        }
        self.calls.insert(
            call.id,
            Waiting {
                basis,
                call: call.clone(),
                events,
                order,
            },
        );
        true
    }

    fn extend(&mut self, before: &Call, call: &Arc<Call>, event: &Event) -> Option<Saved> {
        let waiting = self.calls.get_mut(&call.id)?;
        if waiting.call.version != before.version {
            return Some(Saved::Conflict);
        }
        if waiting.events.len() < MOST_EVENTS {
            waiting.events.push(past(event, call));
        }
        waiting.call = call.clone();
        if has_verdict(call) {
            self.undecided.remove(&(waiting.order, call.id));
        }
        Some(Saved::Done(call.clone()))
    }
}

impl WriteBehind {
    fn recount(&self, inner: &Inner) {
        self.count.store(
            inner.calls.len() + inner.opted_out.len() + inner.to_revoke.len(),
            Ordering::SeqCst,
        );
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Number of changes that wait.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The call as it waits here.
    pub(super) fn get(&self, id: CallId) -> Option<Arc<Call>> {
        if self.is_empty() {
            return None;
        }
        self.inner
            .lock()
            .calls
            .get(&id)
            .map(|waiting| waiting.call.clone())
    }

    /// Adds to a call that waits already. `None`: it does not.
    pub(super) fn extend(&self, before: &Call, call: &Arc<Call>, event: &Event) -> Option<Saved> {
        if self.is_empty() {
            None
        } else {
            self.inner.lock().extend(before, call, event)
        }
    }

    /// Lets a change wait. `None`: there is no room.
    pub(super) fn add(&self, before: &Call, call: &Arc<Call>, event: &Event) -> Option<Saved> {
        let mut inner = self.inner.lock();
        if let Some(saved) = inner.extend(before, call, event) {
            return Some(saved);
        }
        let kept = vec![past(event, call)];
        let added = inner.insert(Some(before.version), call, kept);
        self.recount(&inner);
        added.then(|| Saved::Done(call.clone()))
    }

    /// Lets a call wait that was taken over from its ticket; `false` when it waits already, or
    /// there is no room.
    pub(super) fn adopt(&self, call: &Arc<Call>) -> bool {
        let mut inner = self.inner.lock();
        let added = !inner.calls.contains_key(&call.id) && inner.insert(None, call, Vec::new());
        self.recount(&inner);
        added
    }

    /// Revokes a call that may have been stored although its client got an error.
    pub(super) fn revoke(&self, id: CallId, version: u64) {
        let mut inner = self.inner.lock();
        if inner.to_revoke.len() < MOST_OTHERS {
            inner.to_revoke.insert(id, version);
        }
        self.recount(&inner);
    }

    /// Lets an opted-out number wait.
    pub(super) fn opt_out(&self, phone: Phone, now: Timestamp) {
        let mut inner = self.inner.lock();
        if inner.opted_out.len() < MOST_OTHERS {
            inner.opted_out.insert(phone, now);
        }
        self.recount(&inner);
    }

    /// Everything that waits, to be written; opted-out numbers first.
    pub(super) fn all(&self) -> (Vec<Phone>, Vec<(CallId, u64)>, Vec<CallId>) {
        let inner = self.inner.lock();
        // Verdicts before the rest.
        let mut calls: Vec<_> = inner
            .calls
            .values()
            .map(|w| (!has_verdict(&w.call), w.order, w.call.id))
            .collect();
        calls.sort_unstable();
        let to_revoke = inner
            .to_revoke
            .iter()
            .map(|(id, version)| (*id, *version))
            .collect();
        (
            inner.opted_out.keys().copied().collect(),
            to_revoke,
            calls.into_iter().map(|(.., id)| id).collect(),
        )
    }

    /// What waits, for a log line: the ids of calls, as many as fit, and the number of opted-out
    /// phones.
    pub(super) fn left(&self) -> (String, usize) {
        let (opted_out, to_revoke, calls) = self.all();
        let ids = calls
            .into_iter()
            .chain(to_revoke.into_iter().map(|(id, _)| id));
        let ids: Vec<_> = ids.take(MOST_NAMED).map(|id| id.to_string()).collect();
        (ids.join(" "), opted_out.len())
    }

    pub(super) fn waiting(&self, id: CallId) -> Option<Waiting> {
        self.inner.lock().calls.get(&id).cloned()
    }

    /// Notes that the waiting state of a call was written and became `stored`. Later events wait
    /// on. Returns whether none does.
    pub(super) fn written(&self, was: &Waiting, stored: &Arc<Call>) -> bool {
        let mut inner = self.inner.lock();
        let id = was.call.id;
        let Some(waiting) = inner.calls.get_mut(&id) else {
            return true;
        };
        let done = waiting.call.version == was.call.version;
        if done {
            let order = waiting.order;
            inner.calls.remove(&id);
            inner.undecided.remove(&(order, id));
        } else {
            waiting.basis = Some(stored.version);
            waiting
                .events
                .drain(..was.events.len().min(waiting.events.len()));
        }
        self.recount(&inner);
        done
    }

    pub(super) fn opt_out_written(&self, phone: Phone) {
        let mut inner = self.inner.lock();
        inner.opted_out.remove(&phone);
        self.recount(&inner);
    }

    pub(super) fn revocation_written(&self, id: CallId) {
        let mut inner = self.inner.lock();
        inner.to_revoke.remove(&id);
        self.recount(&inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{example, step};

    fn changed(call: &Arc<Call>) -> Arc<Call> {
        Arc::new(step(call, Event::Cancel, example::start()).call)
    }

    #[test]
    fn changes_wait_in_order_and_what_comes_meanwhile_waits_on() {
        let changes = WriteBehind::default();
        let first = Arc::new(example::queued(1));
        let dialed = step(
            &first,
            Event::Dial {
                from: example::reservation().phone,
            },
            example::start(),
        )
        .call;
        let dialed = Arc::new(dialed);
        assert!(changes.extend(&first, &dialed, &Event::Wake).is_none());
        assert!(matches!(
            changes.add(&first, &dialed, &Event::Wake),
            Some(Saved::Done(_))
        ));
        let was = changes.waiting(first.id).unwrap();
        let canceled = changed(&dialed);
        assert!(matches!(
            changes.extend(&first, &canceled, &Event::Cancel),
            Some(Saved::Conflict)
        ));
        assert!(matches!(
            changes.extend(&dialed, &canceled, &Event::Cancel),
            Some(Saved::Done(_))
        ));
        assert!(
            !changes.written(&was, &dialed),
            "the cancellation came meanwhile"
        );
        let rest = changes.waiting(first.id).unwrap();
        assert_eq!((rest.basis, rest.events.len()), (Some(dialed.version), 1));
        assert!(changes.written(&rest, &canceled));
        assert_eq!(changes.count(), 0);
    }

    #[test]
    fn the_oldest_without_a_verdict_goes_first() {
        let changes = WriteBehind::default();
        let call = |number: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            Call {
                id: CallId::from_bytes(id),
                ..example::decided()
            }
        };
        let decided = Arc::new(call(0));
        assert!(changes.adopt(&decided));
        for number in 1..=MOST {
            assert!(changes.adopt(&Arc::new(Call {
                answer: None,
                ..call(number)
            })));
        }
        assert_eq!(changes.count(), MOST);
        assert!(changes.get(decided.id).is_some());
        assert!(changes.get(call(1).id).is_none());
        assert!(changes.get(call(2).id).is_some());
    }
}
