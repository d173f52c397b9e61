//! Fewer log lines under attack: of lines that repeat, the first few of a minute are written, and
//! from then on one a minute that says how many were left out.
//!
//! Memory is bounded however many kinds of lines there are. Metrics count every event all the same.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// Lines of one kind that are written in the first minute.
const OF_A_KIND: u32 = 3;
/// Lines of all kinds together.
const OF_ALL: u32 = 60;
/// The number of kinds that are limited at a time.
const KINDS: usize = 512;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// Decides which lines are written.
#[derive(Default)]
pub struct LineLimit {
    hasher: RandomState,
    windows: Mutex<Windows>,
}

#[derive(Default)]
struct Windows {
    all: Window,
    kinds: HashMap<u64, Window>,
}

/// The lines of one kind since `begun`.
#[derive(Clone, Copy, Default)]
struct Window {
    begun: Option<Timestamp>,
    written: u32,
    left_out: u64,
}

impl Window {
    fn is_over(&self, now: Timestamp) -> bool {
        self.begun.is_none_or(|begun| {
            let age = now.duration_since(begun);
            // A clock that was set back ends the window too.
            age >= MINUTE || age.is_negative()
        })
    }

    /// Number of lines that were left out before this one; `None`: this one is left out too.
    fn admit(&mut self, most: u32, now: Timestamp) -> Option<u64> {
        if self.is_over(now) {
            // After a minute with too many, this one gets a single line.
            let before = if self.left_out > 0 { most } else { 1 };
            let left_out = self.left_out;
            *self = Self {
                begun: Some(now),
                written: before,
                left_out: 0,
            };
            return Some(left_out);
        }
        if self.written < most {
            self.written += 1;
            return Some(0);
        }
        self.left_out += 1;
        None
    }
}

impl LineLimit {
    /// Returns whether a line of this kind is written at `now`: how many like it were left out
    /// before, or `None` when it is left out too.
    pub fn admit(&self, kind: impl Hash, now: Timestamp) -> Option<u64> {
        let kind = self.hasher.hash_one(kind);
        let mut windows = self.windows.lock();
        let Windows { all, kinds } = &mut *windows;
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            kinds.retain(|_, window| !window.is_over(now));
        }
        let left_out = if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            0
        } else {
            kinds.entry(kind).or_default().admit(OF_A_KIND, now)?
        };
        all.admit(OF_ALL, now).map(|others| left_out.max(others))
    }
}

impl fmt::Debug for LineLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineLimit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        let start: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        start + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn an_attack_is_one_line_a_minute_that_counts_the_others() {
        let limit = LineLimit::default();
        let written = |seconds| {
            (0..1_000)
                .filter_map(|_| limit.admit("mismatch", at(seconds)))
                .collect::<Vec<_>>()
        };
        assert_eq!(written(0), [0, 0, 0]);
        assert!(written(59).is_empty());
        assert_eq!(written(60), [1_997], "one line, with what it stands for");
        assert_eq!(written(120), [999]);
        assert_eq!(
            limit.admit("other", at(121)),
            Some(0),
            "another kind has lines of its own"
        );
        assert_eq!(written(240), [999], "after a pause the rest is told");
        assert_eq!(written(300), [999]);
    }

    #[test]
    fn many_kinds_have_a_bound_together_and_take_no_more_memory() {
        let limit = LineLimit::default();
        let written = (0..100_000)
            .filter(|kind| limit.admit(kind, at(0)).is_some())
            .count();
        assert_eq!(written, 60);
        assert!(limit.windows.lock().kinds.len() <= KINDS);
        assert!(
            limit
                .admit("new", at(61))
                .is_some_and(|left_out| left_out > 90_000)
        );
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let limit = LineLimit::default();
        for _ in 0..10 {
            limit.admit("x", at(0));
        }
        assert!(limit.admit("x", at(-3_600)).is_some());
    }
}
