//! Counts of recent events, in exact sliding windows that are as long as their limit's.

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;

/// Moments in milliseconds, oldest first. Two need no allocation.
#[derive(Debug, Default)]
pub(super) struct Usage(SmallVec<[i64; 2]>);

impl Usage {
    /// Time from which fewer than `most` are within `window`; `None`: now.
    pub(super) fn room(
        &self,
        most: Option<u32>,
        window: SignedDuration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let most = usize::try_from(most?).unwrap_or(usize::MAX);
        let oldest = self
            .known(now)
            .checked_sub(most)
            .and_then(|at| self.0.get(at))?;
        Timestamp::from_millisecond(*oldest)
            .ok()?
            .saturating_add(window)
            .ok()
            .filter(|free| *free > now)
    }

    /// Adds one if fewer than `most` are within `window`. Returns whether it did.
    pub(super) fn add_within(
        &mut self,
        most: Option<u32>,
        window: SignedDuration,
        now: Timestamp,
    ) -> bool {
        let has_room = self.room(most, window, now).is_none();
        if has_room {
            self.add(now, window);
        }
        has_room
    }

    /// Adds one. Moments older than `window` are dropped when they are more than half.
    pub(super) fn add(&mut self, now: Timestamp, window: SignedDuration) {
        self.0.truncate(self.known(now));
        let past = self.past(window, now);
        if past > self.0.len() / 2 {
            self.0.drain(..past);
        }
        self.0.push(now.as_millisecond());
    }

    /// Number of moments within `window`, and the oldest of them.
    pub(super) fn within(
        &self,
        window: SignedDuration,
        now: Timestamp,
    ) -> (usize, Option<Timestamp>) {
        let lately = self.0.get(self.past(window, now)..self.known(now));
        let lately = lately.unwrap_or_default();
        let oldest = lately.iter().min();
        let oldest = oldest.and_then(|at| Timestamp::from_millisecond(*at).ok());
        (lately.len(), oldest)
    }

    /// Removes the newest moment at `at` or before, because it did not happen after all.
    pub(super) fn take_back(&mut self, at: Timestamp) {
        let at = at.as_millisecond();
        if let Some(place) = self.0.iter().rposition(|noted| *noted <= at) {
            self.0.remove(place);
        }
    }

    /// Drops moments older than `window`. Returns whether none is left.
    pub(super) fn prune(&mut self, now: Timestamp, window: SignedDuration) -> bool {
        self.0.truncate(self.known(now));
        self.0.drain(..self.past(window, now));
        self.0.shrink_to_fit();
        self.0.is_empty()
    }

    /// Number of moments older than `window`.
    fn past(&self, window: SignedDuration, now: Timestamp) -> usize {
        let since = now.saturating_sub(window).unwrap_or(Timestamp::MIN);
        self.0.partition_point(|at| *at <= since.as_millisecond())
    }

    /// Number of moments without those in the future, which were added before the clock was set
    /// back.
    fn known(&self, now: Timestamp) -> usize {
        let is_ahead = |at: &&i64| {
            Timestamp::from_millisecond(**at).is_ok_and(|at| clock::was_set_back(at, now))
        };
        self.0.len() - self.0.iter().rev().take_while(is_ahead).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_when_the_oldest_that_counts_is_over() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let (minute, at) = (SignedDuration::from_mins(1), |seconds| {
            now + SignedDuration::from_secs(seconds)
        });
        let mut usage = Usage::default();
        for second in [0, 10, 20] {
            usage.add(at(second), minute);
        }
        assert_eq!(usage.room(Some(4), minute, at(20)), None);
        assert_eq!(usage.room(Some(3), minute, at(20)), Some(at(60)));
        assert_eq!(usage.room(Some(2), minute, at(20)), Some(at(70)));
        assert_eq!(usage.room(None, minute, at(20)), None);
        assert_eq!(usage.within(minute, at(20)), (3, Some(at(0))));
        assert_eq!(usage.within(minute, at(65)), (2, Some(at(10))));
        assert_eq!(usage.within(minute, at(80)), (0, None));
        usage.take_back(at(10));
        assert_eq!(usage.room(Some(2), minute, at(20)), Some(at(60)));
        assert!(!usage.prune(at(79), minute));
        assert!(usage.prune(at(80), minute));
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_room() {
        let (now, minute): (Timestamp, _) = (
            "2026-12-01T12:00:00Z".parse().unwrap(),
            SignedDuration::from_mins(1),
        );
        let mut usage = Usage::default();
        usage.add(now, minute);
        let before = now - SignedDuration::from_hours(1);
        assert_eq!(
            (
                usage.room(Some(1), minute, before),
                usage.within(minute, before)
            ),
            (None, (0, None))
        );
        usage.add(before, minute);
        assert_eq!(usage.room(Some(1), minute, before), Some(before + minute));
    }
}
