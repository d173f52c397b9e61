//! The one clock of the process.
//!
//! Sweeps, retries, leases, limits, retention and the simulator read time and wait for it here, so
//! that tests run whole days in seconds over real sockets. Socket timeouts are not ours to move:
//! they stay on tokio's clock. Everything below `service` takes `now` as an argument and never sees
//! a [`Clock`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp, TimestampArithmetic};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Time ahead of the clock from which a noted moment counts as noted before the clock was set back.
/// Smaller differences are those between the clocks of instances.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);

/// Returns whether the clock was set back after something was noted at `noted`: such a note means
/// nothing any more.
#[must_use]
pub fn was_set_back(noted: Timestamp, now: Timestamp) -> bool {
    noted.duration_since(now) > SET_BACK
}

/// The moment `by` after `at`, or the last one that there is.
#[must_use]
pub fn later(at: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Pauses between tries, each twice as long as the one before.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: SignedDuration,
    longest: SignedDuration,
}

impl Backoff {
    /// Pauses that begin with `first` and grow up to `longest`.
    #[must_use]
    pub const fn new(first: SignedDuration, longest: SignedDuration) -> Self {
        Self { first, longest }
    }

    /// The pause after one try in vain and `more` of them.
    #[must_use]
    pub fn pause(self, more: u32) -> SignedDuration {
        let pause = 2_i32
            .checked_pow(more)
            .and_then(|times| self.first.checked_mul(times));
        pause.map_or(self.longest, |pause| pause.min(self.longest))
    }
}

/// A handle on the time of this process; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Simulated>>);

/// Time that a test moves by hand, or lets run at a multiple of the real one.
#[derive(Debug)]
struct Simulated {
    state: Mutex<ClockState>,
    moved: Notify,
}

#[derive(Debug)]
struct ClockState {
    /// The simulated time at `since`.
    base: Timestamp,
    since: Instant,
    /// Simulated seconds per real second; 0 stands still.
    speed: u32,
    /// Time by which the clock was set forward, less the time by which it was set back.
    stepped: SignedDuration,
    /// Number of sleepers that wait for each instant, by a clock that was never set.
    sleepers: BTreeMap<Timestamp, usize>,
}

impl ClockState {
    fn now(&self) -> Timestamp {
        later(self.base, self.since.elapsed() * self.speed)
    }
}

impl ClockState {
    /// The time by a clock that was never set.
    fn steady_now(&self) -> Timestamp {
        let now = self.now();
        now.saturating_sub(self.stepped).unwrap_or(now)
    }
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that begins at `start` and stands still until it is [advanced](Self::advance) or
    /// [let run](Self::run).
    #[must_use]
    pub fn simulated(start: Timestamp) -> Self {
        let state = ClockState {
            base: start,
            since: Instant::now(),
            speed: 0,
            stepped: SignedDuration::ZERO,
            sleepers: BTreeMap::new(),
        };
        Self(Some(Arc::new(Simulated {
            state: Mutex::new(state),
            moved: Notify::new(),
        })))
    }

    /// The current time.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    pub fn now(&self) -> Timestamp {
        self.0
            .as_ref()
            .map_or_else(Timestamp::now, |simulated| simulated.state.lock().now())
    }

    /// Waits until it is `at`; returns at once when that has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            None => {
                tokio::time::sleep(at.duration_since(self.now()).try_into().unwrap_or_default())
                    .await;
            }
            Some(simulated) => simulated.sleep_until(at).await,
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(later(self.now(), duration)).await;
    }

    /// Moves a simulated clock forward and wakes every task that is due. The system's clock is not
    /// moved.
    pub fn advance(&self, by: Duration) {
        if let Some(simulated) = &self.0 {
            let mut state = simulated.state.lock();
            state.base = state.base.saturating_add(by).unwrap_or(Timestamp::MAX);
            drop(state);
            simulated.moved.notify_waiters();
        }
    }

    /// Sets a simulated clock forward or back by `by`, as an operator or a time server does: no time
    /// passes, and who sleeps goes on for as long as before.
    pub fn step(&self, by: SignedDuration) {
        if let Some(simulated) = &self.0 {
            let mut state = simulated.state.lock();
            let now = state.base;
            state.base = now.saturating_add(by).unwrap_or(now);
            state.stepped += by;
        }
    }

    /// Lets a simulated clock run at `speed` simulated seconds per real second; 0 stops it.
    pub fn run(&self, speed: u32) {
        if let Some(simulated) = &self.0 {
            let mut state = simulated.state.lock();
            (state.base, state.since) = (state.now(), Instant::now());
            state.speed = speed;
            drop(state);
            simulated.moved.notify_waiters();
        }
    }

    /// The next instant somebody waits for on a simulated clock.
    #[must_use]
    pub fn next_sleeper(&self) -> Option<Timestamp> {
        self.0.as_ref().and_then(|simulated| {
            let state = simulated.state.lock();
            let first = state.sleepers.keys().next()?;
            first.checked_add(state.stepped).ok()
        })
    }
}

impl Simulated {
    async fn sleep_until(&self, at: Timestamp) {
        let asleep = Asleep::new(self, at);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let (left, speed) = {
                let state = self.state.lock();
                (asleep.at.duration_since(state.steady_now()), state.speed)
            };
            if left <= SignedDuration::ZERO {
                return;
            }
            if speed == 0 {
                moved.await;
                continue;
            }
            let real = left.unsigned_abs() / speed + Duration::from_micros(1);
            tokio::select! {
                () = tokio::time::sleep(real) => {}
                () = moved => {}
            }
        }
    }
}

/// Counts a sleeper for as long as it sleeps, also when its future is dropped.
struct Asleep<'a> {
    simulated: &'a Simulated,
    at: Timestamp,
}

impl<'a> Asleep<'a> {
    fn new(simulated: &'a Simulated, at: Timestamp) -> Self {
        let mut state = simulated.state.lock();
        let at = at.saturating_sub(state.stepped).unwrap_or(at);
        *state.sleepers.entry(at).or_default() += 1;
        drop(state);
        Self { simulated, at }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        let mut state = self.simulated.state.lock();
        if let Some(count) = state.sleepers.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                state.sleepers.remove(&self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Backoff::new(SignedDuration::from_secs(2), SignedDuration::from_secs(15));
        let seconds = |more| pauses.pause(more).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 99, u32::MAX].map(seconds),
            [2, 4, 8, 15, 15, 15]
        );
    }

    #[tokio::test]
    async fn sleepers_wake_when_their_time_has_come_and_not_before() {
        let start: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let clock = Clock::simulated(start);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(60)).await;
                clock.now()
            }
        });
        while clock.next_sleeper().is_none() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        assert_eq!(
            sleeper.await.unwrap(),
            start + SignedDuration::from_secs(60)
        );
        assert_eq!(clock.next_sleeper(), None);
    }

    #[tokio::test]
    async fn sleepers_sleep_on_when_the_clock_is_set() {
        let start: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        for by in [
            SignedDuration::from_hours(2),
            SignedDuration::from_hours(-2),
        ] {
            let clock = Clock::simulated(start);
            let sleeper = tokio::spawn({
                let clock = clock.clone();
                async move { clock.sleep(Duration::from_secs(60)).await }
            });
            while clock.next_sleeper().is_none() {
                tokio::task::yield_now().await;
            }
            clock.step(by);
            assert_eq!(clock.now(), start + by);
            let wakes_at = start + by + SignedDuration::from_secs(60);
            assert_eq!(clock.next_sleeper(), Some(wakes_at));
            clock.advance(Duration::from_secs(59));
            tokio::task::yield_now().await;
            assert!(!sleeper.is_finished());
            clock.advance(Duration::from_secs(1));
            sleeper.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_running_clock_is_faster_than_the_real_one() {
        let clock = Clock::simulated("2026-12-01T12:00:00Z".parse().unwrap());
        let begun = clock.now();
        clock.run(1_000_000);
        clock.sleep(Duration::from_secs(3_600)).await;
        assert!(clock.now().duration_since(begun) >= SignedDuration::from_hours(1));
    }
}
