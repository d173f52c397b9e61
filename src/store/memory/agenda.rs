//! When to look at which call, as far as it must be known: a moment that moves away is only
//! followed once it has come.
//!
//! Nearly every change of a call moves its moment further away, and most calls end long before it:
//! so a webhook leaves this alone, and whoever looks for due calls pays for the few entries that
//! have come to nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::CallId;

/// For each open call a moment at or before the one at which it wants to be looked at; for others
/// perhaps one too.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeSet<(Timestamp, CallId)>);

impl Agenda {
    /// A call that wanted to be looked at `before` wants it at `wanted` now; `None`: not at all.
    pub(super) fn note(
        &mut self,
        id: CallId,
        before: Option<Timestamp>,
        wanted: Option<Timestamp>,
    ) {
        if let Some(at) = wanted.filter(|at| before.is_none_or(|before| *at < before)) {
            self.0.insert((at, id));
        }
    }

    /// The earliest moment at which there may be something to do.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// All open calls, each once or more often, and others.
    pub(super) fn noted(&self) -> impl Iterator<Item = CallId> {
        self.0.iter().map(|(_, id)| *id)
    }

    /// At most so many calls that are due at `now`, and since when, by what `wanted` knows of each.
    /// They stay.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        most: usize,
        wanted: impl Fn(CallId) -> Option<Timestamp>,
    ) -> BTreeSet<(Timestamp, CallId)> {
        let (mut due, mut behind) = (BTreeSet::new(), Vec::new());
        for (at, id) in self.0.iter().take_while(|(at, _)| *at <= now) {
            if due.len() >= most {
                break;
            }
            let wanted = wanted(*id);
            match wanted {
                Some(wanted) if wanted <= now => drop(due.insert((wanted, *id))),
                _ => behind.push((*at, *id, wanted)),
            }
        }
        for (at, id, wanted) in behind {
            self.0.remove(&(at, id));
            wanted.map(|wanted| self.0.insert((wanted, id)));
        }
        due
    }

    /// How many calls wanted to be looked at before `late`.
    pub(super) fn overdue(
        &self,
        late: Timestamp,
        wanted: impl Fn(CallId) -> Option<Timestamp>,
    ) -> usize {
        let noted = self
            .0
            .iter()
            .take_while(|(at, _)| *at < late)
            .map(|(_, id)| *id);
        noted
            .filter(|id| wanted(*id).is_some_and(|wanted| wanted < late))
            .collect::<BTreeSet<_>>()
            .len()
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
    fn a_moment_that_moved_away_is_followed_when_it_has_come() {
        let mut agenda = Agenda::default();
        agenda.note(id(1), None, Some(at(5)));
        agenda.note(id(1), Some(at(5)), Some(at(60)));
        assert_eq!(agenda.earliest(), Some(at(5)));
        assert!(agenda.due(at(5), 9, |_| Some(at(60))).is_empty());
        assert_eq!(agenda.earliest(), Some(at(60)));
        assert_eq!(
            agenda.due(at(60), 9, |_| Some(at(60))),
            BTreeSet::from([(at(60), id(1))])
        );
        assert!(agenda.due(at(61), 9, |_| None).is_empty(), "it is over");
        assert_eq!(agenda.earliest(), None);
    }

    proptest! {
        /// However calls change, those that are due are found, at their moment and not twice, and
        /// nothing else.
        #[test]
        fn what_is_due_is_found(changes in prop::collection::vec((0..6_u8, prop::option::of(0..40_i64), any::<bool>()), 0..60)) {
            let (mut agenda, mut calls) = (Agenda::default(), HashMap::new());
            for (now, (nth, wanted, looks)) in (0..).zip(changes) {
                let wanted = wanted.map(at);
                agenda.note(id(nth), calls.get(&id(nth)).copied(), wanted);
                match wanted {
                    Some(wanted) => drop(calls.insert(id(nth), wanted)),
                    None => drop(calls.remove(&id(nth))),
                }
                let known = |id| calls.get(&id).copied();
                let expected = |now| calls.iter().map(|(id, at)| (*at, *id)).filter(|(at, _)| *at <= now).collect();
                let (before, now): (BTreeSet<_>, _) = (expected(at(now - 1)), at(now));
                prop_assert_eq!(agenda.overdue(now, known), before.len());
                if looks {
                    prop_assert_eq!(agenda.due(now, 99, known), expected(now));
                }
                let first = calls.values().min();
                prop_assert!(first.is_none_or(|first| agenda.earliest().is_some_and(|earliest| earliest <= *first)));
            }
        }
    }
}
