//! Counts events of calls and of Twilio, and reads the gauges when they are asked for.
//!
//! It reads and counts; it changes nothing. docs/metrics.md says what each figure means.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::Service;
use super::engine::CallEngine;
use crate::call::{AccountTier, Call, TimelineEvent};
use crate::store::{CallStore as _, Lifecycle as _, OutboxStore as _};

/// Removes the gauge of finished calls. A shared server holds them until they expire and nothing
/// counts them, so no figure is better than 0.
fn without_finished(text: &str) -> String {
    const FINISHED: &str = "tablecall_calls{status=\"finished\"}";
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with(FINISHED))
        .collect()
}

impl Service {
    /// All metrics, in Prometheus' text format.
    pub async fn scrape(&self) -> String {
        let (now, metrics) = (self.now(), self.metrics());
        let state = &metrics.state;
        match self.0.engine.store.call_counts(now).await {
            Ok(call_counts) => {
                for (status, count) in call_counts.by_status() {
                    state.calls.get(status).set(float(count));
                }
                for (reason, queue) in call_counts.by_reason() {
                    state.queue.get(reason).set(float(queue.length));
                    let waited = queue
                        .oldest
                        .map_or(SignedDuration::ZERO, |since| now.duration_since(since));
                    state.oldest.get(reason).set(waited.as_secs_f64().max(0.0));
                }
                state.overdue.set(float(call_counts.overdue));
            }
            // The last known figures stay; that the store does not answer is a figure of its own.
            Err(error) => {
                tracing::warn!(error = %error, "the store does not tell how many calls it holds");
            }
        }
        let pending = self.0.engine.store.events_pending();
        state
            .events_pending
            .set(float(u64::try_from(pending).unwrap_or(u64::MAX)));
        state.capacity.set(float(
            u64::try_from(self.0.engine.store.capacity()).unwrap_or(u64::MAX),
        ));
        state.caller_ids_set_aside.set(float(
            u64::try_from(self.0.dialler.carrier.suspended(now)).unwrap_or(u64::MAX),
        ));
        let readiness = self.readiness();
        for (part, gauge) in state.ailing.iter() {
            gauge.set(flag(
                readiness
                    .health_issues
                    .iter()
                    .any(|health_issue| health_issue.part == part),
            ));
        }
        state.ready.set(flag(readiness.is_ready()));
        let text = metrics.render();
        if self.0.engine.store.is_shared() {
            without_finished(&text)
        } else {
            text
        }
    }
}

impl CallEngine {
    /// Counts what is new about a call.
    pub(super) fn count(&self, before: &Call, call: &Call) {
        let metrics = &self.metrics;
        for (place, entry) in call.timeline.iter().enumerate().skip(before.timeline.len()) {
            match entry.what {
                TimelineEvent::Ended(because) => {
                    metrics.attempts.get(because.word()).increment(1);
                }
                TimelineEvent::Finished(outcome) => {
                    metrics.outcomes.get(outcome.word()).increment(1);
                }
                TimelineEvent::Unanswered => metrics.unknown_creates.increment(1),
                TimelineEvent::Ringing if last_ring(call, place).is_none() => {
                    metrics
                        .create_to_ring
                        .record(seconds(call.created_at, entry.at));
                }
                TimelineEvent::Ringing
                | TimelineEvent::Created
                | TimelineEvent::TakenOver
                | TimelineEvent::Waits(_)
                | TimelineEvent::Dialed(_)
                | TimelineEvent::Accepted
                | TimelineEvent::TryLater
                | TimelineEvent::Refused(_)
                | TimelineEvent::Initiated
                | TimelineEvent::Answered
                | TimelineEvent::Greeted(_)
                | TimelineEvent::Key { .. }
                | TimelineEvent::Silence { .. }
                | TimelineEvent::Spoken { .. }
                | TimelineEvent::CalledBack
                | TimelineEvent::OfferAccepted(_)
                | TimelineEvent::TimeTyped { .. }
                | TimelineEvent::NotConfirmed
                | TimelineEvent::Machine(_)
                | TimelineEvent::MessageLeft(_)
                | TimelineEvent::Canceled => {}
            }
        }
        if before.outcome().is_none()
            && call.outcome().is_some()
            && let Some(rang_at) = last_ring(call, call.timeline.len())
        {
            metrics
                .ring_to_verdict
                .record(seconds(rang_at, call.updated_at));
        }
    }

    /// Counts a call of which no callback came in time. Where Twilio sends no callbacks, polling is
    /// the rule.
    pub(super) fn count_stuck(&self, call: &Call) {
        if call
            .attempt()
            .is_some_and(|last| last.tier == AccountTier::Full)
        {
            tracing::warn!(call.id = %call.id, attempt = call.attempts.len(), "nothing is heard of a call; it is looked up");
            self.metrics.stuck_calls.increment(1);
        }
    }

    /// A webhook with keys that came at `begun` is stored.
    pub(super) fn count_key(&self, begun: Instant) {
        self.metrics.key_to_record.record(begun.elapsed());
    }
}

/// The time at which the phone last rang before a place of the timeline.
fn last_ring(call: &Call, before: usize) -> Option<Timestamp> {
    call.timeline
        .iter()
        .take(before)
        .rev()
        .find(|entry| entry.what == TimelineEvent::Ringing)
        .map(|entry| entry.at)
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use crate::call::{Ended, Outcome};
    use crate::telemetry::metrics::labels::{ENDS, OUTCOMES};

    #[test]
    fn the_metrics_know_every_end_and_outcome() {
        let words: Vec<_> = Ended::ALL.iter().map(|ended| ended.word()).collect();
        assert_eq!(words, ENDS);
        let words: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.word()).collect();
        assert_eq!(words, OUTCOMES);
    }
}
