//! Limits of sending to each endpoint: a few events at a time, and a circuit breaker. An endpoint
//! that does not answer gets a single event now and then, so that a dead client costs little and
//! slows no other.
//!
//! An endpoint is an origin (scheme, host and port) as one API key uses it: hosts that many share
//! answer one client and leave another without an answer. The path does not count, since each call
//! of a key may have one of its own. Only endpoints that are being sent to or have failed are
//! remembered, at most [`MAX_REMEMBERED`] of them: forgetting one costs a few tries.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::schedule::spread;
use crate::domain::CallbackUrl;

/// Most requests to an endpoint at a time.
const MAX_CONCURRENT: usize = 16;
/// Most events that wait for a slot of an endpoint; more are put back.
const MAX_WAITING: usize = 256;
/// Failures in a row that shut an endpoint.
const FAILURES_TO_SHUT: u32 = 5;
/// The first pause of an endpoint that failed. Each further failure doubles it.
const FIRST_SHUT: SignedDuration = SignedDuration::from_secs(5);
/// The longest pause. By then the pause between two tries of one event is longer anyway.
const LONGEST_SHUT: SignedDuration = SignedDuration::from_secs(60);
/// The pause of an event that found a try under way, or too many waiting.
const SHORT_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// Most endpoints that are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// All endpoints of this process.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Mutex<HashMap<Box<str>, Endpoint>>);

#[derive(Debug)]
struct Endpoint {
    slots: Arc<Semaphore>,
    /// Passes that are given out.
    passes: usize,
    /// Failures in a row.
    failures: u32,
    /// Number of times that it was shut since it answered last.
    shuts: u32,
    /// No event is sent before this time.
    shut_until: Option<Timestamp>,
    /// One try is under way that decides whether it stays shut.
    is_probed: bool,
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
    slots: Arc<Semaphore>,
    is_probe: bool,
}

impl Endpoints {
    /// A pass, or when to ask again.
    pub(super) fn admit(self: &Arc<Self>, name: &str, now: Timestamp) -> Result<Pass, Timestamp> {
        let mut known = self.0.lock();
        make_room(&mut known, name);
        let endpoint = known.entry(name.into()).or_insert_with(Endpoint::new);
        let is_probe = match endpoint.shut_until {
            Some(until) if now < until => return Err(soon_after(until)),
            Some(_) if endpoint.is_probed => return Err(spread(now, SHORT_PAUSE)),
            Some(_) => true,
            None if endpoint.passes >= MAX_WAITING => return Err(spread(now, SHORT_PAUSE)),
            None => false,
        };
        endpoint.is_probed |= is_probe;
        endpoint.passes += 1;
        Ok(Pass {
            endpoints: self.clone(),
            name: name.into(),
            slots: endpoint.slots.clone(),
            is_probe,
        })
    }

    /// A pass for the last moments of the process, when no event can be tried again.
    pub(super) fn admit_anyway(self: &Arc<Self>, name: &str) -> Pass {
        let mut known = self.0.lock();
        let endpoint = known.entry(name.into()).or_insert_with(Endpoint::new);
        endpoint.passes += 1;
        Pass {
            endpoints: self.clone(),
            name: name.into(),
            slots: endpoint.slots.clone(),
            is_probe: true,
        }
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.0.lock().len()
    }
}

/// A moment shortly after `until`, another one for each event, so that not all come back at once.
fn soon_after(until: Timestamp) -> Timestamp {
    clock::later(until, SHORT_PAUSE.mul_f64(fastrand::f64()))
}

/// Forgets the endpoint that opens first, when another one would be too many.
fn make_room(known: &mut HashMap<Box<str>, Endpoint>, name: &str) {
    if known.len() < MAX_REMEMBERED || known.contains_key(name) {
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
        let slots = Arc::new(Semaphore::new(MAX_CONCURRENT));
        Self {
            slots,
            passes: 0,
            failures: 0,
            shuts: 0,
            shut_until: None,
            is_probed: false,
        }
    }
}

impl Pass {
    /// Waits for a free slot at the endpoint.
    pub(super) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// Time at which the endpoint opens again, if it was shut while this waited.
    pub(super) fn reopens_at(&self) -> Option<Timestamp> {
        let known = self.endpoints.0.lock();
        let shut_until = known
            .get(&self.name)
            .and_then(|endpoint| endpoint.shut_until);
        shut_until.filter(|_| !self.is_probe).map(soon_after)
    }

    /// The endpoint answered, whatever it said.
    pub(super) fn answered(&self) {
        if let Some(endpoint) = self.endpoints.0.lock().get_mut(&self.name) {
            (endpoint.failures, endpoint.shuts, endpoint.shut_until) = (0, 0, None);
        }
    }

    /// The endpoint did not answer, or is in trouble by its own account.
    pub(super) fn failed(&self, now: Timestamp) {
        let mut known = self.endpoints.0.lock();
        let Some(endpoint) = known.get_mut(&self.name) else {
            return;
        };
        // Requests that were under way when it was shut say nothing new.
        if endpoint.shut_until.is_some() && !self.is_probe {
            return;
        }
        endpoint.failures = endpoint.failures.saturating_add(1);
        if endpoint.failures >= FAILURES_TO_SHUT {
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
        let mut known = self.endpoints.0.lock();
        let Some(endpoint) = known.get_mut(&self.name) else {
            return;
        };
        endpoint.passes = endpoint.passes.saturating_sub(1);
        endpoint.is_probed &= !self.is_probe;
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
        assert_eq!(waiting.reopens_at(), None);
        fail(&endpoints, 0);
        assert!(waiting.reopens_at().is_some());
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
        let passes: Vec<Pass> = (0..MAX_WAITING)
            .map(|_| endpoints.admit("https://a.example", at(0)).unwrap())
            .collect();
        assert!(endpoints.admit("https://a.example", at(0)).is_err());
        drop(passes);
        assert!(endpoints.admit("https://a.example", at(0)).is_ok());
        for number in 0..MAX_REMEMBERED + 100 {
            endpoints
                .admit(&format!("https://{number}.example"), at(0))
                .unwrap()
                .failed(at(0));
        }
        assert_eq!(endpoints.remembered(), MAX_REMEMBERED);
    }
}
