//! Slows down clients that try many wrong keys: a few are free, then one every so often, per
//! address.
//!
//! A right key is always served, whatever came from its address before: many clients may share one,
//! and to shut others out is what an attacker wants. Their length keeps keys from being guessed;
//! this keeps the noise and its cost small. It knows addresses and times, no keys.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::networks::subscriber;

/// Number of wrong keys of an address that are answered without a delay.
const BURST: i64 = 10;
/// Afterwards one wrong key is answered in this many milliseconds.
const EVERY: i64 = 6_000;
/// Number of slots that all addresses share, so that memory does not grow with their number. Two
/// addresses with the same slot slow each other down, but only for wrong keys, and an attacker
/// cannot choose the address to share with.
const PLACES: usize = 16_384;

/// Wrong keys lately, by address.
pub struct WrongKeyThrottle {
    /// Time at which each place will have paid for its wrong keys, in milliseconds since 1970.
    paid_at: Box<[AtomicI64]>,
    places: RandomState,
}

impl Default for WrongKeyThrottle {
    fn default() -> Self {
        let paid_at = std::iter::repeat_with(AtomicI64::default)
            .take(PLACES)
            .collect();
        Self {
            paid_at,
            places: RandomState::new(),
        }
    }
}

impl WrongKeyThrottle {
    /// Notes a wrong key. How many seconds to wait, when it was one too many.
    #[must_use]
    pub fn note(&self, address: IpAddr, now: Timestamp) -> Option<u32> {
        let hash = usize::try_from(self.places.hash_one(subscriber(address)) % PLACES as u64)
            .unwrap_or_default();
        let place = self.paid_at.get(hash)?;
        let now = now.as_millisecond();
        let mut wait = None;
        // Two at once may count as one, which allows no more than one more wrong key.
        let paid = place.load(Ordering::Relaxed).max(now).saturating_add(EVERY);
        let over = paid - now - BURST * EVERY;
        if over > 0 {
            wait = u32::try_from((over + 999) / 1_000).ok();
        } else {
            place.store(paid, Ordering::Relaxed);
        }
        wait
    }
}

impl fmt::Debug for WrongKeyThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrongKeyThrottle")
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_some_wrong_keys_one_every_so_often_is_looked_at() {
        let failures = WrongKeyThrottle::default();
        let start: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let attacker = ip("203.0.113.7");
        for _ in 0..10 {
            assert_eq!(failures.note(attacker, at(0)), None);
        }
        assert_eq!(failures.note(attacker, at(0)), Some(6));
        assert_eq!(
            failures.note(attacker, at(4)),
            Some(2),
            "asking does not make it longer"
        );
        assert_eq!(failures.note(attacker, at(6)), None);
        assert_eq!(failures.note(attacker, at(6)), Some(6));
        for _ in 0..10 {
            assert_eq!(
                failures.note(attacker, at(3_600)),
                None,
                "an hour later all is forgotten"
            );
        }
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_than_one() {
        let failures = WrongKeyThrottle::default();
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        for number in 0..100_000_u32 {
            let _waits = failures.note(IpAddr::V4(number.into()), now);
        }
        assert_eq!(failures.paid_at.len(), PLACES);
    }

    #[test]
    fn one_subscriber_does_not_get_more_by_changing_its_address() {
        let failures = WrongKeyThrottle::default();
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        for number in 0..10 {
            assert_eq!(failures.note(ip(&format!("2001:db8::{number}")), now), None);
        }
        assert!(failures.note(ip("2001:db8::beef"), now).is_some());
    }
}
