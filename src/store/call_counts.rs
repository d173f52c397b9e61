//! Number of calls in each state, kept with every save, so that asking costs nothing.
//!
//! It counts; what the numbers mean is said in docs/metrics.md.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::call::{Call, State, TimelineEvent, WaitingFor};
use crate::domain::{CallId, millis};

/// An open call that is looked at so much later than it should be counts as stuck.
pub const OVERDUE: SignedDuration = SignedDuration::from_mins(1);

/// The values of `status` in the API, in the order in which they are counted.
const STATUSES: [&str; 5] = ["queued", "dialing", "ringing", "in_progress", "finished"];
/// Index at which finished calls are counted.
const FINISHED: usize = STATUSES.len() - 1;
/// The reasons to wait, and none.
const REASONS: usize = WaitingFor::ALL.len() + 1;

/// Number of calls in each state at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCounts {
    /// By the status of the API; see [`Self::by_status`].
    pub(super) statuses: [u64; STATUSES.len()],
    /// Queued calls by what they wait for, in the order of [`WaitingFor::ALL`]; the last: their
    /// turn has come.
    pub(super) queue: [Queue; REASONS],
    /// Open calls that should have been looked at more than [`OVERDUE`] ago.
    pub overdue: u64,
}

/// Calls that wait for the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Number of calls.
    pub length: u64,
    /// Since when the oldest of them waits for it.
    #[serde(with = "millis::option")]
    pub oldest: Option<Timestamp>,
}

impl CallCounts {
    /// Counts by the `status` of the API.
    pub fn by_status(&self) -> impl Iterator<Item = (&'static str, u64)> {
        STATUSES.into_iter().zip(self.statuses)
    }

    /// Queued calls by the word for what they wait for; `none`: their turn has come.
    pub fn by_reason(&self) -> impl Iterator<Item = (&'static str, Queue)> {
        let reasons = WaitingFor::ALL.iter().map(|reason| reason.word());
        reasons.chain(["none"]).zip(self.queue)
    }

    /// Counts of other calls.
    pub(super) fn add(&mut self, other: &Self) {
        self.statuses
            .iter_mut()
            .zip(other.statuses)
            .for_each(|(sum, count)| *sum += count);
        for (sum, queue) in self.queue.iter_mut().zip(other.queue) {
            sum.length += queue.length;
            sum.oldest = sum.oldest.into_iter().chain(queue.oldest).min();
        }
        self.overdue += other.overdue;
    }
}

/// The running count of some calls.
#[derive(Debug, Default)]
pub(super) struct Tally {
    statuses: [u64; STATUSES.len()],
    waiting: BTreeSet<(usize, Timestamp, CallId)>,
}

impl Tally {
    /// A call has changed, appeared (no `before`) or gone (no `after`).
    pub(super) fn change(&mut self, before: Option<&Call>, after: Option<&Call>) {
        let (was, is) = (
            before.map(|call| place(call.state)),
            after.map(|call| place(call.state)),
        );
        if was != is {
            if let Some(count) = was.and_then(|was| self.statuses.get_mut(was)) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = is.and_then(|is| self.statuses.get_mut(is)) {
                *count += 1;
            }
        }
        let (left, joined) = (before.and_then(waits), after.and_then(waits));
        if left != joined {
            left.map(|entry| self.waiting.remove(&entry));
            joined.map(|entry| self.waiting.insert(entry));
        }
    }

    /// A finished call has gone.
    pub(super) const fn forget_finished(&mut self) {
        self.statuses[FINISHED] = self.statuses[FINISHED].saturating_sub(1);
    }

    /// Adds these calls to the counts.
    pub(super) fn add_to(&self, call_counts: &mut CallCounts) {
        call_counts
            .statuses
            .iter_mut()
            .zip(self.statuses)
            .for_each(|(sum, count)| *sum += count);
        for (reason, since, _) in &self.waiting {
            if let Some(queue) = call_counts.queue.get_mut(*reason) {
                queue.length += 1;
                queue.oldest = Some(queue.oldest.map_or(*since, |oldest| oldest.min(*since)));
            }
        }
    }
}

/// Index of a call in [`CallCounts::statuses`].
const fn place(state: State) -> usize {
    match state {
        State::Queued { .. } => 0,
        State::Dialing { .. } => 1,
        State::Ringing { .. } => 2,
        State::InProgress { .. } | State::Settling { .. } => 3,
        State::Finished { .. } => FINISHED,
    }
}

/// Index of a queued call in [`CallCounts::queue`].
fn queue_of(waiting_for: Option<WaitingFor>) -> usize {
    let place = |reason| WaitingFor::ALL.iter().position(|known| *known == reason);
    waiting_for.and_then(place).unwrap_or(WaitingFor::ALL.len())
}

/// The reason for which a queued call waits, as a place in [`CallCounts::queue`], and the start of
/// the wait.
fn waits(call: &Call) -> Option<(usize, Timestamp, CallId)> {
    let State::Queued { waiting_for, .. } = call.state else {
        return None;
    };
    let reason = queue_of(waiting_for);
    let told = call
        .timeline
        .iter()
        .rev()
        .find(|entry| waiting_for.is_some_and(|it| entry.what == TimelineEvent::Waits(it)));
    let ended = call.attempts.last().and_then(|last| last.ended_at);
    let since = told
        .map(|entry| entry.at)
        .or(ended)
        .unwrap_or(call.created_at);
    Some((reason, since, call.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, example, step};

    fn hold(call: &Call, reason: WaitingFor, seconds: i64) -> Call {
        let now = example::start() + SignedDuration::from_secs(seconds);
        step(
            call,
            Event::Hold {
                waiting_for: reason,
                until: now + SignedDuration::from_secs(1),
            },
            now,
        )
        .call
    }

    fn call_counts(tally: &Tally) -> CallCounts {
        let mut call_counts = CallCounts::default();
        tally.add_to(&mut call_counts);
        call_counts
    }

    fn waiting(tally: &Tally, reason: WaitingFor) -> Queue {
        let counts = call_counts(tally);
        let mut queues = counts.by_reason();
        queues.find(|(word, _)| *word == reason.word()).unwrap().1
    }

    #[test]
    fn the_metrics_know_every_status_and_reason() {
        use crate::telemetry::metrics::labels;
        let counts = CallCounts::default();
        let reasons: Vec<_> = counts.by_reason().map(|(reason, _)| reason).collect();
        assert_eq!(reasons, labels::WAITS);
        let statuses: Vec<_> = counts.by_status().map(|(status, _)| status).collect();
        assert_eq!(statuses, labels::STATUSES);
        let queued = example::queued(1);
        assert_eq!(STATUSES[place(queued.state)], queued.state.status());
        let dialed = Event::Dial {
            from: queued.reservation.phone,
        };
        let dialing = step(&queued, dialed, example::start()).call;
        assert_eq!(STATUSES[place(dialing.state)], dialing.state.status());
        let finished = step(&queued, Event::Cancel, example::start()).call;
        assert_eq!(STATUSES[place(finished.state)], finished.state.status());
    }

    #[test]
    fn a_call_is_counted_once_wherever_it_stands_and_not_at_all_when_it_is_gone() {
        let mut tally = Tally::default();
        let queued = example::queued(1);
        tally.change(None, Some(&queued));
        assert_eq!(call_counts(&tally).statuses, [1, 0, 0, 0, 0]);
        let dialing = step(
            &queued,
            Event::Dial {
                from: queued.reservation.phone,
            },
            example::start(),
        )
        .call;
        tally.change(Some(&queued), Some(&dialing));
        assert_eq!(
            (call_counts(&tally).statuses, call_counts(&tally).queue),
            ([0, 1, 0, 0, 0], [Queue::default(); REASONS])
        );
        let finished = step(&queued, Event::Cancel, example::start()).call;
        tally.change(Some(&dialing), Some(&finished));
        assert_eq!(call_counts(&tally).statuses, [0, 0, 0, 0, 1]);
        tally.change(Some(&finished), None);
        assert_eq!(call_counts(&tally), CallCounts::default());
    }

    #[test]
    fn the_oldest_of_those_that_wait_for_the_same_is_told() {
        let mut tally = Tally::default();
        let (first, second) = (example::queued(1), example::queued(2));
        let (early, late) = (
            hold(&first, WaitingFor::Slot, 10),
            hold(&second, WaitingFor::Slot, 30),
        );
        for (before, after) in [(&second, &late), (&first, &early)] {
            tally.change(None, Some(before));
            tally.change(Some(before), Some(after));
        }
        let at = |seconds| Some(example::start() + SignedDuration::from_secs(seconds));
        assert_eq!(
            waiting(&tally, WaitingFor::Slot),
            Queue {
                length: 2,
                oldest: at(10)
            }
        );
        // It waits on for the same: since when does not change.
        let still = hold(&early, WaitingFor::Slot, 50);
        tally.change(Some(&early), Some(&still));
        assert_eq!(
            waiting(&tally, WaitingFor::Slot),
            Queue {
                length: 2,
                oldest: at(10)
            }
        );
        let elsewhere = hold(&still, WaitingFor::CallHours, 60);
        tally.change(Some(&still), Some(&elsewhere));
        assert_eq!(
            waiting(&tally, WaitingFor::Slot),
            Queue {
                length: 1,
                oldest: at(30)
            }
        );
        assert_eq!(
            waiting(&tally, WaitingFor::CallHours),
            Queue {
                length: 1,
                oldest: at(60)
            }
        );
    }
}
