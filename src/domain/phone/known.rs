//! Remembers what the numbering plan says about numbers.
//!
//! To match a number against the plan costs more than all else that is read in a request, and the
//! same number is asked about again: for each attempt, and for each guest of a restaurant. The
//! answer never changes while the program runs, so what is forgotten is only asked again.

use parking_lot::RwLock;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::PhoneFacts;

/// Most numbers that are remembered.
const KEPT: usize = 1024;

/// Facts by the digits of their number.
#[derive(Debug)]
pub(super) struct KnownFacts(RwLock<FxHashMap<u64, PhoneFacts>>);

impl KnownFacts {
    pub(super) const fn new() -> Self {
        Self(RwLock::new(FxHashMap::with_hasher(FxBuildHasher)))
    }

    /// The facts of a number; `ask` finds them if they are not remembered. A number without facts
    /// is asked about each time.
    pub(super) fn of(
        &self,
        digits: u64,
        ask: impl FnOnce() -> Option<PhoneFacts>,
    ) -> Option<PhoneFacts> {
        let known = self.0.read();
        if let Some(facts) = known.get(&digits) {
            return Some(*facts);
        }
        drop(known);
        let facts = ask()?;
        let mut known = self.0.write();
        if known.len() >= KEPT {
            known.clear();
        }
        let _before = known.insert(digits, facts);
        Some(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::LineKind;
    use super::*;

    const FACTS: PhoneFacts = PhoneFacts {
        country: None,
        kind: LineKind::Landline,
    };

    #[test]
    fn a_number_is_asked_about_once() {
        let known = KnownFacts::new();
        assert_eq!(known.of(1, || Some(FACTS)), Some(FACTS));
        assert_eq!(
            known.of(1, || unreachable!("it is remembered")),
            Some(FACTS)
        );
        assert_eq!(known.of(2, || None), None);
        assert_eq!(known.of(2, || Some(FACTS)), Some(FACTS));
    }

    #[test]
    fn no_more_numbers_are_remembered_than_there_is_room_for() {
        let known = KnownFacts::new();
        for digits in 0..3 * KEPT as u64 {
            assert_eq!(known.of(digits, || Some(FACTS)), Some(FACTS));
        }
        assert!(known.0.read().len() <= KEPT);
    }
}
