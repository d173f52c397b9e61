//! Simulated time: it moves from one moment somebody waits for to the next, once everything of this
//! moment has happened. All of a test runs on one thread, so whoever was woken has acted before the
//! test goes on.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::app::TestApp;

impl TestApp {
    /// Lets time pass until the next moment that anybody waits for.
    pub(crate) async fn time_passes(&self) {
        self.is_quiet().await;
        let next = self
            .clock
            .next_sleeper()
            .filter(|next| *next < Timestamp::MAX)
            .expect("somebody waits");
        self.clock
            .advance(next.duration_since(self.clock.now()).unsigned_abs());
        // Whoever is due has woken up once nobody waits for the past any more.
        while self
            .clock
            .next_sleeper()
            .is_some_and(|next| next <= self.clock.now())
        {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time leap to the next moment that somebody waits for, by `least` at least, once nothing is
    /// under way. `seen` is how the simulator was when it was looked at last: while it changes, a
    /// webhook that is tried again may pause in real time.
    pub(crate) async fn time_leaps(&self, seen: &mut Value, least: Duration) {
        loop {
            let state = self.simulator("state?limit=0").await;
            let version = state["version"].clone();
            if std::mem::replace(seen, version) == state["version"] && state["under_way"] == 0 {
                break;
            }
        }
        let next = self
            .clock
            .next_sleeper()
            .filter(|next| *next < Timestamp::MAX)
            .expect("somebody waits");
        let until_next = Duration::try_from(next.duration_since(self.now())).unwrap_or_default();
        self.clock.advance(until_next.max(least));
    }

    /// Number of calls that are not finished, by the metrics.
    pub(crate) async fn open_calls(&self) -> u32 {
        let metrics = self.send(self.get("/metrics")).await.text;
        let count = |status: &str| {
            let line = format!("tablecall_calls{{status=\"{status}\"}} ");
            let count = metrics
                .lines()
                .find_map(|it| it.strip_prefix(&line)?.parse::<f64>().ok());
            count.unwrap() as u32
        };
        ["queued", "dialing", "ringing", "in_progress"]
            .iter()
            .map(|status| count(status))
            .sum()
    }

    /// Waits, without letting time pass, until nothing is under way over the wire.
    pub(crate) async fn is_quiet(&self) {
        loop {
            let state = self.simulator("state").await;
            let ledger = self.ledger().await;
            let phones = state["calls"].as_array().unwrap();
            if phones
                .iter()
                .all(|phone| self.has_come_to_rest(phone, &ledger))
            {
                return;
            }
            let answer = self
                .simulator(&format!("state?after={}&wait=60", state["version"]))
                .await;
            assert_ne!(
                answer["version"], state["version"],
                "something hangs: {answer:#}"
            );
        }
    }

    /// Returns whether a line waits for time or a hand, and the service knows its state.
    fn has_come_to_rest(&self, phone: &Value, ledger: &[Value]) -> bool {
        let status = phone["status"].as_str().unwrap();
        let entry = ledger
            .iter()
            .find(|entry| entry["sid"] == phone["sid"])
            .expect("it is in the books");
        let webhooks = entry["webhooks"].as_array().unwrap();
        let told = webhooks
            .iter()
            .any(|sent| sent["kind"] == "status" && sent["call_status"] == status);
        // Nobody asked to be told of calls that come to us.
        let told = told
            || phone["direction"] == "inbound"
            || status == "queued"
            || withdrawn(entry)
            || self.loses_callbacks;
        let talks = phone["saying"].is_object() || phone["gather"]["listening"] == true;
        told && (status != "in-progress" || talks)
    }
}

/// Nobody is told of a call that was taken back before it was dialled.
fn withdrawn(entry: &Value) -> bool {
    entry["status"] == "canceled" && entry["dialed_at"].is_null()
}
