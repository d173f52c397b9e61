//! How many calls are started each second, so that none waits at Twilio and rings when nobody expects it any more.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A steady beat.
#[derive(Debug)]
pub(super) struct Pace {
    interval: SignedDuration,
    next: Mutex<Timestamp>,
}

impl Pace {
    /// So many starts a second; 0: as many as come.
    #[must_use]
    pub(super) fn new(per_second: u32) -> Self {
        let interval = if per_second == 0 {
            SignedDuration::ZERO
        } else {
            SignedDuration::from_secs(1) / i32::try_from(per_second).unwrap_or(i32::MAX)
        };
        Self { interval, next: Mutex::new(Timestamp::MIN) }
    }

    /// Takes a start now, or tells when the next is free.
    ///
    /// # Errors
    /// The moment of the next start.
    pub(super) fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if *next > now {
            return Err(*next);
        }
        *next = now.saturating_add(self.interval).unwrap_or(Timestamp::MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_spread() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let pace = Pace::new(2);
        assert_eq!(pace.take(now), Ok(()));
        let next = now + SignedDuration::from_millis(500);
        assert_eq!(pace.take(now), Err(next));
        assert_eq!(pace.take(next), Ok(()));
        let free = Pace::new(0);
        assert!((0..1_000).all(|_| free.take(now).is_ok()));
    }
}
