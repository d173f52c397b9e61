//! Limits the calls started per second, so that none waits at Twilio and rings when it is no longer
//! expected.
//!
//! Waiting calls stand in one queue per API key, and the keys take turns: a client with a thousand
//! calls does not delay another's single one. The queues hold ids only. Whether a call may still
//! ring is checked when its turn has come, and a start that is not used goes to the next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Memory;
use crate::domain::CallId;
use crate::store::{LONGEST_LINE, StartRate, StoreError};

/// The start interval, and the calls that wait for a start.
#[derive(Debug)]
pub(super) struct StartQueue {
    interval: SignedDuration,
    line: Mutex<QueueState>,
    enqueued: Notify,
}

#[derive(Debug)]
struct QueueState {
    /// The time at which the next start is free.
    next: Timestamp,
    /// Keys with calls that wait; the first one's turn is next.
    owners: VecDeque<(Arc<str>, VecDeque<CallId>)>,
    waiting: HashSet<CallId>,
}

/// Lines that are open, where their number is limited, and until when each counts.
#[derive(Debug, Default)]
pub(super) struct OpenLines(Mutex<HashMap<CallId, Timestamp>>);

impl OpenLines {
    /// Returns whether a line is free for a call; with `open` it is taken.
    fn ask(&self, id: CallId, most: u32, now: Timestamp, open: bool) -> bool {
        let mut lines = self.0.lock();
        lines.retain(|_, until| *until > now);
        let taken = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let is_free = lines.contains_key(&id) || taken < most;
        if is_free && open {
            lines.insert(id, clock::later(now, LONGEST_LINE));
        }
        is_free
    }
}

impl StartQueue {
    /// Allows `per_second` starts a second; 0: no limit.
    #[must_use]
    pub(super) fn new(per_second: u32) -> Self {
        let interval = if per_second == 0 {
            SignedDuration::ZERO
        } else {
            SignedDuration::from_secs(1) / i32::try_from(per_second).unwrap_or(i32::MAX)
        };
        let line = QueueState {
            next: Timestamp::MIN,
            owners: VecDeque::new(),
            waiting: HashSet::new(),
        };
        Self {
            interval,
            line: Mutex::new(line),
            enqueued: Notify::new(),
        }
    }

    /// Time at which a call of `owner` could start, as the queue is now; `None`: at once.
    pub(super) fn slot(&self, owner: &str, id: CallId, now: Timestamp) -> Option<Timestamp> {
        if self.interval.is_zero() {
            return None;
        }
        let line = self.line.lock();
        let (ahead, free_at) = (line.ahead(owner, id), self.free_at(&line, now));
        if ahead == 0 && free_at <= now && line.waiting.is_empty() {
            return None;
        }
        let wait = self
            .interval
            .checked_mul(i32::try_from(ahead).unwrap_or(i32::MAX));
        let soonest = free_at
            .max(now)
            .saturating_add(SignedDuration::from_millis(1))
            .unwrap_or(Timestamp::MAX);
        Some(clock::later(soonest, wait.unwrap_or(SignedDuration::MAX)))
    }

    /// Takes a start for a call that did not have to wait; `false` when another was quicker.
    pub(super) fn take(&self, now: Timestamp) -> bool {
        let mut line = self.line.lock();
        let free =
            self.interval.is_zero() || self.free_at(&line, now) <= now && line.waiting.is_empty();
        if free {
            line.next = clock::later(now, self.interval);
        }
        free
    }

    /// Lets a call wait for its turn; it keeps its place if it stands there already.
    pub(super) fn enqueue(&self, owner: &Arc<str>, id: CallId) {
        let mut line = self.line.lock();
        if !line.waiting.insert(id) {
            return;
        }
        match line.owners.iter_mut().find(|(known, _)| known == owner) {
            Some((_, calls)) => calls.push_back(id),
            None => line.owners.push_back((owner.clone(), VecDeque::from([id]))),
        }
        drop(line);
        self.enqueued.notify_one();
    }

    /// The time of the next start; `None`: no call waits.
    pub(super) fn next_start(&self) -> Option<Timestamp> {
        let line = self.line.lock();
        (!line.waiting.is_empty()).then_some(line.next)
    }

    /// Takes a start for the call whose turn has come.
    pub(super) fn dequeue_start(&self, now: Timestamp) -> Option<CallId> {
        let mut line = self.line.lock();
        line.next = self.free_at(&line, now);
        if line.next > now {
            return None;
        }
        let (owner, mut calls) = line.owners.pop_front()?;
        let id = calls.pop_front();
        if !calls.is_empty() {
            line.owners.push_back((owner, calls));
        }
        if let Some(id) = id {
            line.waiting.remove(&id);
            line.next = clock::later(now, self.interval);
        }
        id
    }

    /// Gives the start back that was taken last, unused.
    pub(super) fn return_start(&self) {
        let mut line = self.line.lock();
        line.next = line
            .next
            .saturating_sub(self.interval)
            .unwrap_or(Timestamp::MIN);
    }

    /// The time at which the next start is free: at most one start interval after the last.
    fn free_at(&self, line: &QueueState, now: Timestamp) -> Timestamp {
        let last = line.next.saturating_sub(self.interval);
        if last.is_ok_and(|last| clock::was_set_back(last, now)) {
            now
        } else {
            line.next
        }
    }
}

impl QueueState {
    /// Number of starts before that of a call of `owner` which is in the queue, or would join it
    /// now.
    fn ahead(&self, owner: &str, id: CallId) -> usize {
        let place = self.owners.iter().position(|(known, _)| **known == *owner);
        let calls = place
            .and_then(|place| self.owners.get(place))
            .map(|(_, calls)| calls);
        let own = calls.map_or(0, |calls| {
            calls
                .iter()
                .position(|known| *known == id)
                .unwrap_or(calls.len())
        });
        let others = self
            .owners
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != place);
        // Keys before ours in the round have one turn more before our next.
        let of = |(at, (_, calls)): (usize, &(Arc<str>, VecDeque<CallId>))| {
            calls
                .len()
                .min(own + usize::from(place.is_none_or(|place| at < place)))
        };
        own + others.map(of).sum::<usize>()
    }
}

impl StartRate for Memory {
    async fn enqueue(&self, owner: &Arc<str>, id: CallId) -> Result<(), StoreError> {
        self.start_queue.enqueue(owner, id);
        Ok(())
    }

    fn next_start(&self) -> Option<Timestamp> {
        self.start_queue.next_start()
    }

    async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, StoreError> {
        Ok(self.start_queue.dequeue_start(now))
    }

    async fn return_start(&self) {
        self.start_queue.return_start();
    }

    async fn enqueued(&self) {
        self.start_queue.enqueued.notified().await;
    }

    async fn open_line(&self, id: CallId, most: u32, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.open_lines.ask(id, most, now, true))
    }

    async fn has_free_line(
        &self,
        id: CallId,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.open_lines.ask(id, most, now, false))
    }

    async fn close_line(&self, id: CallId) {
        self.open_lines.0.lock().remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-12-01T12:00:00Z".parse().unwrap()
    }

    fn at(milliseconds: i64) -> Timestamp {
        now() + SignedDuration::from_millis(milliseconds)
    }

    fn call(number: u8) -> CallId {
        CallId::from_bytes([number; 16])
    }

    #[test]
    fn starts_are_spread() {
        let queue = StartQueue::new(2);
        assert_eq!(queue.slot("a", call(1), now()), None);
        assert!(queue.take(now()));
        assert!(!queue.take(now()));
        assert_eq!(queue.slot("a", call(1), now()), Some(at(501)));
        assert!(queue.take(at(500)));
        let free = StartQueue::new(0);
        assert!((0..1_000).all(|_| free.slot("a", call(1), now()).is_none() && free.take(now())));
    }

    #[test]
    fn keys_take_turns() {
        let queue = StartQueue::new(1);
        let (many, one): (Arc<str>, Arc<str>) = ("many".into(), "one".into());
        assert!(queue.take(now()));
        for number in 1..=5 {
            queue.enqueue(&many, call(number));
        }
        let soon = queue.slot(&one, call(9), now()).unwrap();
        assert!(soon < at(2_100), "second in turn, not sixth: {soon}");
        queue.enqueue(&one, call(9));
        assert_eq!(
            queue.slot(&one, call(9), now()),
            Some(soon),
            "it stands where it was told"
        );
        assert!(!queue.take(at(1_000)), "nobody overtakes those who wait");
        let order: Vec<_> = (1..=6)
            .filter_map(|second| queue.dequeue_start(at(second * 1_000)))
            .collect();
        assert_eq!(order, [1, 9, 2, 3, 4, 5].map(call));
        assert_eq!(
            (queue.next_start(), queue.dequeue_start(at(60_000))),
            (None, None)
        );
    }

    #[test]
    fn a_call_stands_in_the_line_once_and_an_unused_start_is_the_next_ones() {
        let queue = StartQueue::new(1);
        let owner: Arc<str> = "a".into();
        assert!(queue.take(now()));
        for number in [1, 1, 2] {
            queue.enqueue(&owner, call(number));
        }
        assert_eq!(queue.next_start(), Some(at(1_000)));
        assert_eq!(
            (queue.dequeue_start(at(999)), queue.dequeue_start(at(1_000))),
            (None, Some(call(1)))
        );
        assert_eq!(queue.dequeue_start(at(1_000)), None, "one start a second");
        queue.return_start();
        assert_eq!(queue.dequeue_start(at(1_000)), Some(call(2)));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_waiting() {
        let (queue, owner): (StartQueue, Arc<str>) = (StartQueue::new(1), "a".into());
        assert!(queue.take(at(3_600_000)));
        assert_eq!(queue.slot(&owner, call(1), now()), None);
        assert!(queue.take(now()) && !queue.take(now()));
        assert!(queue.take(at(3_600_000)));
        queue.enqueue(&owner, call(1));
        assert_eq!(queue.dequeue_start(now()), Some(call(1)));
    }
}
