//! Waiting in real time, where simulated time does not reach: other processes, servers, leases that a
//! server counts. No other file of the tests may sleep or ask by the clock (`tests/tidy.rs`).

use std::time::Duration;

use clock::Clock;
use tokio::time::MissedTickBehavior;

use super::app::within;

/// Between two questions of [`poll`].
const EVERY: Duration = Duration::from_millis(20);

/// Lets real time pass: an outage lasts, or a lease runs out, and nobody can be asked when.
pub(crate) async fn sleep_real_time(time: Duration) {
    Clock::system().sleep(time).await;
}

/// Asks `question` until it has an answer; fails when that takes longer than [`within`] allows.
pub(crate) async fn poll<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(EVERY);
    // After a question that took long the others have their turn first.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asking = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = question().await {
                return answer;
            }
        }
    };
    within(what, asking).await
}

/// Waits until `is_so` holds: another task or process makes it so meanwhile.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    poll(what, async || is_so().then_some(())).await;
}
