//! Limits of sending to each endpoint: a few events at a time, and to an endpoint that does not
//! answer a single one now and then. So a dead client costs little and slows no other.
//!
//! An endpoint is an origin (scheme, host and port) as one API key uses it: hosts that many share
//! answer one client and leave another without an answer. Of one key it is the whole origin, since
//! each of its calls may have a path of its own. Only those are remembered that are being sent to
//! or have failed, and of these a bounded number: to forget one costs a few tries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::schedule::spread;
use crate::domain::CallbackUrl;

/// Most requests to an endpoint at a time.
const AT_ONCE: usize = 16;
/// Most events that wait for their turn at an endpoint; more are put back.
const WAITING: usize = 256;
/// Failures in a row that shut an endpoint.
const FAILURES: u32 = 5;
/// The first pause of an endpoint that failed. Each further failure doubles it.
const FIRST_SHUT: SignedDuration = SignedDuration::from_secs(5);
/// Never longer. By then the pause between two tries of one event is longer anyway.
const LONGEST_SHUT: SignedDuration = SignedDuration::from_secs(60);
/// The pause of an event that found a try under way, or too many waiting.
const SOON: SignedDuration = SignedDuration::from_secs(2);
/// Most endpoints that are remembered.
const REMEMBERED: usize = 4_096;

/// All endpoints of this process.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Mutex<HashMap<Box<str>, Endpoint>>);

#[derive(Debug)]
struct Endpoint {
    turns: Arc<Semaphore>,
    /// Passes that are given out.
    passes: usize,
    /// In a row.
    failures: u32,
    /// Number of times that it was shut since it answered last.
    shuts: u32,
    /// No event is sent before this time.
    shut_until: Option<Timestamp>,
    /// One try is under way that decides whether it stays shut.
    probed: bool,
}

/// The name of the endpoint of `owner` at the origin of `url`; no owner has a space in its name.
pub(super) fn name(owner: &str, url: &CallbackUrl) -> String {
    format!("{owner} {}", url.origin())
}

/// The right to send one event to an endpoint.
#[derive(Debug)]
pub(super) struct Pass {
    endpoints: Arc<Endpoints>,
    name: Box<str>,
    turns: Arc<Semaphore>,
    is_probe: bool,
}

impl Endpoints {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pass, or when to ask again.
    pub(super) fn admit(self: &Arc<Self>, name: &str, now: Timestamp) -> Result<Pass, Timestamp> {
        let mut known = self.lock();
        make_room(&mut known, name);
        let endpoint = known.entry(name.into()).or_insert_with(Endpoint::new);
        let is_probe = match endpoint.shut_until {
            Some(until) if now < until => return Err(soon_after(until)),
            Some(_) if endpoint.probed => return Err(spread(now, SOON)),
            Some(_) => true,
            None if endpoint.passes >= WAITING => return Err(spread(now, SOON)),
            None => false,
        };
        endpoint.probed |= is_probe;
        endpoint.passes += 1;
        Ok(Pass {
            endpoints: self.clone(),
            name: name.into(),
            turns: endpoint.turns.clone(),
            is_probe,
        })
    }

    /// A pass for the last moments of the process, when no event can be tried again.
    pub(super) fn admit_anyway(self: &Arc<Self>, name: &str) -> Pass {
        let mut known = self.lock();
        let endpoint = known.entry(name.into()).or_insert_with(Endpoint::new);
        endpoint.passes += 1;
        Pass {
            endpoints: self.clone(),
            name: name.into(),
            turns: endpoint.turns.clone(),
            is_probe: true,
        }
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.lock().len()
    }
}

/// Not all that wait come back at the very moment an endpoint opens.
fn soon_after(until: Timestamp) -> Timestamp {
    until
        .saturating_add(SOON.mul_f64(fastrand::f64()))
        .unwrap_or(until)
}

/// Forgets the endpoint that opens first, when another one would be too many.
fn make_room(known: &mut HashMap<Box<str>, Endpoint>, name: &str) {
    if known.len() < REMEMBERED || known.contains_key(name) {
        return;
    }
    let idle = known.iter().filter(|(_, endpoint)| endpoint.passes == 0);
    if let Some(first) = idle
        .min_by_key(|(_, endpoint)| endpoint.shut_until)
        .map(|(name, _)| name.clone())
    {
        known.remove(&first);
    }
}

impl Endpoint {
    fn new() -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self {
            turns,
            passes: 0,
            failures: 0,
            shuts: 0,
            shut_until: None,
            probed: false,
        }
    }
}

impl Pass {
    /// Waits for a turn at the endpoint.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Time to come again, if the endpoint was shut while this waited.
    pub(super) fn is_void(&self) -> Option<Timestamp> {
        let known = self.endpoints.lock();
        let shut_until = known
            .get(&self.name)
            .and_then(|endpoint| endpoint.shut_until);
        shut_until.filter(|_| !self.is_probe).map(soon_after)
    }

    /// The endpoint answered, whatever it said.
    pub(super) fn answered(&self) {
        if let Some(endpoint) = self.endpoints.lock().get_mut(&self.name) {
            (endpoint.failures, endpoint.shuts, endpoint.shut_until) = (0, 0, None);
        }
    }

    /// The endpoint did not answer, or is in trouble by its own account.
    pub(super) fn failed(&self, now: Timestamp) {
        let mut known = self.endpoints.lock();
        let Some(endpoint) = known.get_mut(&self.name) else {
            return;
        };
        // Requests that were under way when it was shut say nothing new.
        if endpoint.shut_until.is_some() && !self.is_probe {
            return;
        }
        endpoint.failures = endpoint.failures.saturating_add(1);
        if endpoint.failures >= FAILURES {
            let shut = FIRST_SHUT
                .checked_mul(1 << endpoint.shuts.min(10))
                .unwrap_or(LONGEST_SHUT)
                .min(LONGEST_SHUT);
            endpoint.shuts = endpoint.shuts.saturating_add(1);
            endpoint.shut_until = now.saturating_add(shut).ok();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut known = self.endpoints.lock();
        let Some(endpoint) = known.get_mut(&self.name) else {
            return;
        };
        endpoint.passes = endpoint.passes.saturating_sub(1);
        endpoint.probed &= !self.is_probe;
        if endpoint.passes == 0 && endpoint.failures == 0 {
            known.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        "2026-12-01T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
    }

    fn fail(endpoints: &Arc<Endpoints>, seconds: i64) {
        endpoints
            .admit("https://dead.example", at(seconds))
            .unwrap()
            .failed(at(seconds));
    }

    #[test]
    fn an_endpoint_that_fails_is_shut_and_tried_by_one_at_a_time() {
        let endpoints = Arc::new(Endpoints::default());
        (0..4).for_each(|_| fail(&endpoints, 0));
        let waiting = endpoints.admit("https://dead.example", at(0)).unwrap();
        assert_eq!(waiting.is_void(), None);
        fail(&endpoints, 0);
        assert!(waiting.is_void().is_some());
        waiting.failed(at(0));
        drop(waiting);
        assert!(endpoints.admit("https://dead.example", at(4)).unwrap_err() >= at(5));
        assert!(
            endpoints.admit("https://living.example", at(4)).is_ok(),
            "others are not slowed"
        );
        let probe = endpoints.admit("https://dead.example", at(5)).unwrap();
        assert!(
            endpoints.admit("https://dead.example", at(5)).is_err(),
            "one at a time"
        );
        probe.failed(at(6));
        drop(probe);
        assert!(
            endpoints.admit("https://dead.example", at(15)).is_err(),
            "twice as long"
        );
        let probe = endpoints.admit("https://dead.example", at(16)).unwrap();
        probe.answered();
        assert!(endpoints.admit("https://dead.example", at(16)).is_ok());
        drop(probe);
        assert_eq!(
            endpoints.remembered(),
            0,
            "nothing is remembered of those that are well"
        );
    }

    #[test]
    fn a_try_that_was_dropped_does_not_shut_an_endpoint_for_ever() {
        let endpoints = Arc::new(Endpoints::default());
        (0..5).for_each(|_| fail(&endpoints, 0));
        drop(endpoints.admit("https://dead.example", at(5)).unwrap());
        assert!(endpoints.admit("https://dead.example", at(5)).is_ok());
    }

    #[test]
    fn an_endpoint_is_never_shut_for_longer_than_a_minute() {
        let endpoints = Arc::new(Endpoints::default());
        (0..5).for_each(|_| fail(&endpoints, 0));
        for probe in 1..40 {
            assert!(
                endpoints
                    .admit("https://dead.example", at(60 * probe - 56))
                    .is_err()
            );
            fail(&endpoints, 60 * probe);
        }
    }

    #[test]
    fn an_endpoint_takes_so_many_and_no_more_and_so_does_the_memory_of_them() {
        let endpoints = Arc::new(Endpoints::default());
        let passes: Vec<Pass> = (0..WAITING)
            .map(|_| endpoints.admit("https://a.example", at(0)).unwrap())
            .collect();
        assert!(endpoints.admit("https://a.example", at(0)).is_err());
        drop(passes);
        assert!(endpoints.admit("https://a.example", at(0)).is_ok());
        for number in 0..REMEMBERED + 100 {
            endpoints
                .admit(&format!("https://{number}.example"), at(0))
                .unwrap()
                .failed(at(0));
        }
        assert_eq!(endpoints.remembered(), REMEMBERED);
    }
}
