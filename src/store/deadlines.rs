//! Deadlines: the queue and the wake-up behind calls and events of both back ends.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::CallId;

/// Calls by their deadlines, to the millisecond.
///
/// A deadline that moves later is not followed at once: nearly every change of a call moves its
/// deadline away, and most calls end long before it. The queue holds a moment at or before the
/// deadline of each call, and perhaps entries that are void. The caller that takes the due calls
/// gives their true deadlines, which corrects the queue.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(i64, CallId)>);

impl Deadlines {
    /// Notes that the deadline of a call was `before` and is `after` now; `None`: it has none.
    pub(super) fn set(&mut self, id: CallId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if let Some(at) = after.filter(|at| before.is_none_or(|before| *at < before)) {
            self.0.insert((key(at), id));
        }
    }

    /// The earliest moment at which something may be due.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.first().and_then(|(at, _)| moment(*at))
    }

    /// Every call with a deadline, each once or more often, and others.
    pub(super) fn calls(&self) -> impl Iterator<Item = CallId> {
        self.0.iter().map(|(_, id)| *id)
    }

    /// Takes out at most `most` calls that are due at `now`, the earliest first. `deadline` gives
    /// the true deadline of a call; [`Self::set`] puts a call back.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        most: usize,
        deadline: impl Fn(CallId) -> Option<Timestamp>,
    ) -> Vec<(Timestamp, CallId)> {
        let (mut due, mut seen) = (BTreeSet::new(), Vec::new());
        for (at, id) in self.0.iter().take_while(|(at, _)| *at <= key(now)) {
            if due.len() >= most {
                break;
            }
            let deadline = deadline(*id);
            match deadline.filter(|deadline| *deadline <= now) {
                Some(deadline) => {
                    due.insert((deadline, *id));
                    seen.push((*at, *id, None));
                }
                None => seen.push((*at, *id, deadline)),
            }
        }
        for (at, id, later) in seen {
            self.0.remove(&(at, id));
            self.set(id, None, later);
        }
        due.into_iter().collect()
    }

    /// Counts the calls whose deadlines were before `late`.
    pub(super) fn overdue(
        &self,
        late: Timestamp,
        deadline: impl Fn(CallId) -> Option<Timestamp>,
    ) -> usize {
        self.0
            .iter()
            .take_while(|(at, _)| *at <= key(late))
            .map(|(_, id)| *id)
            .filter(|id| deadline(*id).is_some_and(|deadline| deadline < late))
            .collect::<BTreeSet<_>>()
            .len()
    }
}

/// Rounded up, so that a deadline within a millisecond is not met before it has come.
fn key(at: Timestamp) -> i64 {
    let whole = at.as_millisecond();
    if moment(whole).is_some_and(|floor| floor < at) {
        whole + 1
    } else {
        whole
    }
}

fn moment(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

/// Wakes the task that waits for the earliest of many deadlines when an earlier one is noted.
#[derive(Debug)]
pub(super) struct EarliestDeadline {
    /// The deadline that is waited for, in milliseconds.
    known: AtomicI64,
    sooner: Notify,
}

impl Default for EarliestDeadline {
    fn default() -> Self {
        Self {
            known: AtomicI64::new(i64::MAX),
            sooner: Notify::new(),
        }
    }
}

impl EarliestDeadline {
    /// Notes a deadline. It wakes no task if it is later than the awaited one.
    pub(super) fn note(&self, at: Timestamp) {
        if at.as_millisecond() < self.known.load(Ordering::SeqCst) {
            self.sooner.notify_one();
        }
    }

    /// Waits until the earliest deadline, as `look` finds it, is another than `known`.
    pub(super) async fn next(
        &self,
        known: Option<Timestamp>,
        look: impl Fn() -> Option<Timestamp>,
    ) -> Timestamp {
        loop {
            let sooner = self.sooner.notified();
            tokio::pin!(sooner);
            sooner.as_mut().enable();
            // Until the new value is known every change wakes us: a needless look is cheap, a
            // missed one is not.
            self.known.store(i64::MAX, Ordering::SeqCst);
            let next = look();
            self.known.store(
                next.map_or(i64::MAX, Timestamp::as_millisecond),
                Ordering::SeqCst,
            );
            if let Some(next) = next.filter(|next| Some(*next) != known) {
                return next;
            }
            sooner.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::call::example;

    fn at(seconds: i64) -> Timestamp {
        example::start() + jiff::SignedDuration::from_secs(seconds)
    }

    fn id(nth: u8) -> CallId {
        CallId::from_bytes([nth; 16])
    }

    #[test]
    fn a_deadline_that_moved_away_is_followed_when_it_has_come() {
        let mut deadlines = Deadlines::default();
        deadlines.set(id(1), None, Some(at(5)));
        deadlines.set(id(1), Some(at(5)), Some(at(60)));
        assert_eq!(deadlines.earliest(), Some(at(5)));
        assert!(deadlines.take_due(at(5), 9, |_| Some(at(60))).is_empty());
        assert_eq!(deadlines.earliest(), Some(at(60)));
        assert_eq!(
            deadlines.take_due(at(60), 9, |_| Some(at(60))),
            [(at(60), id(1))]
        );
        deadlines.set(id(1), None, Some(at(61)));
        assert!(
            deadlines.take_due(at(61), 9, |_| None).is_empty(),
            "it is over"
        );
        assert_eq!(deadlines.earliest(), None);
    }

    #[test]
    fn a_deadline_within_a_millisecond_is_met_at_its_moment_and_not_before() {
        let late = at(5) + jiff::SignedDuration::from_nanos(1);
        let mut deadlines = Deadlines::default();
        deadlines.set(id(1), None, Some(late));
        assert!(deadlines.earliest().is_some_and(|earliest| earliest > late));
        assert!(deadlines.take_due(at(5), 9, |_| Some(late)).is_empty());
        assert_eq!(deadlines.take_due(late, 9, |_| Some(late)), [(late, id(1))]);
    }

    proptest! {
        /// However deadlines move, those that have come are found, at their moment and not twice,
        /// and nothing else.
        #[test]
        fn what_is_due_is_found(changes in prop::collection::vec((0..6_u8, prop::option::of(0..40_i64), any::<bool>()), 0..60)) {
            let (mut deadlines, mut calls) = (Deadlines::default(), HashMap::new());
            for (now, (nth, wanted, looks)) in (0..).zip(changes) {
                let wanted = wanted.map(at);
                deadlines.set(id(nth), calls.get(&id(nth)).copied(), wanted);
                match wanted {
                    Some(wanted) => drop(calls.insert(id(nth), wanted)),
                    None => drop(calls.remove(&id(nth))),
                }
                let known = |id| calls.get(&id).copied();
                let expected = |now| {
                    let due = calls.iter().map(|(id, at)| (*at, *id)).filter(|(at, _)| *at <= now);
                    due.collect::<BTreeSet<_>>()
                };
                let (before, now) = (expected(at(now - 1)), at(now));
                prop_assert_eq!(deadlines.overdue(now, known), before.len());
                if looks {
                    let due = deadlines.take_due(now, 99, known);
                    for (at, id) in &due {
                        deadlines.set(*id, None, Some(*at));
                    }
                    prop_assert_eq!(due.into_iter().collect::<BTreeSet<_>>(), expected(now));
                }
                let first = calls.values().min();
                prop_assert!(first.is_none_or(|first| deadlines.earliest().is_some_and(|earliest| earliest <= *first)));
            }
        }
    }
}
