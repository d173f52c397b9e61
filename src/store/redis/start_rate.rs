//! The rate at which all instances together start calls, and the queue of those that wait.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::moments::{millis, millis_of, moment};
use crate::domain::CallId;
use crate::store::{LONGEST_LINE, StartRate, StoreError};

/// Life of the queue after it was used last.
const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);

impl Redis {
    fn set_next_start(&self, turn: Option<Timestamp>) {
        *self.next_start.lock() = turn;
    }

    /// Adds the state of the start rate, the queue of starts, and the last round of each API key.
    pub(super) fn add_queue_keys(&self, script: &mut redis::ScriptInvocation<'_>) {
        for what in ["beat", "line", "rounds"] {
            script.key(self.names.global(what));
        }
    }

    /// Takes back the start that was taken last (`interval` 0: none), and an attempt of the day that
    /// was counted at `counted_at`. If this fails, both count as used.
    pub(super) async fn take_back(&self, interval: f64, counted_at: Option<Timestamp>) {
        let mut script = self.scripts.return_start.prepare_invoke();
        script
            .key(self.names.global("beat"))
            .key(self.names.global("day"))
            .arg(interval)
            .arg(counted_at.map(millis_of).unwrap_or_default());
        let _done: Result<i64, StoreError> = self.link.run("limits", &script).await;
    }

    async fn ask_line(
        &self,
        id: CallId,
        most: u32,
        now: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut script = self.scripts.lines.prepare_invoke();
        script.key(self.names.global("lines"));
        script
            .arg(id.as_bytes())
            .arg(most)
            .arg(millis_of(now))
            .arg(until.map(millis_of).unwrap_or_default())
            .arg(millis(LONGEST_LINE));
        let free: i64 = self.link.run("limits", &script).await?;
        Ok(free == 1)
    }
}

impl Redis {
    /// Closes the lines that are to be closed. Those that fail are closed later.
    pub(super) async fn close_lines(&self) {
        let ids: Vec<CallId> = self
            .remembered
            .unclosed_lines
            .lock()
            .iter()
            .copied()
            .collect();
        if ids.is_empty() {
            return;
        }
        let mut command = redis::cmd("ZREM");
        command.arg(self.names.global("lines"));
        for id in &ids {
            command.arg(id.as_bytes());
        }
        let closed: Result<i64, StoreError> = self.link.ask("limits", &command).await;
        if closed.is_ok() {
            let mut unclosed = self.remembered.unclosed_lines.lock();
            for id in &ids {
                unclosed.remove(id);
            }
        }
    }
}

impl StartRate for Redis {
    async fn enqueue(&self, owner: &Arc<str>, id: CallId) -> Result<(), StoreError> {
        let mut script = self.scripts.enqueue.prepare_invoke();
        self.add_queue_keys(&mut script);
        script
            .arg(id.as_bytes())
            .arg(self.names.owner(owner))
            .arg(millis(TWO_DAYS));
        let next: String = self.link.run("limits", &script).await?;
        self.set_next_start(Some(moment(&next).unwrap_or(Timestamp::MIN)));
        self.enqueued.notify_one();
        Ok(())
    }

    fn next_start(&self) -> Option<Timestamp> {
        *self.next_start.lock()
    }

    async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, StoreError> {
        let is_early = |next: Timestamp| next > now && !clock::was_set_back(next, now);
        if self.next_start().is_none_or(is_early) {
            return Ok(None);
        }
        let later = now.saturating_add(SignedDuration::from_secs(1)).ok();
        if let Err(error) = self.may_place() {
            self.set_next_start(later);
            return Err(error);
        }
        let mut script = self.scripts.dequeue_start.prepare_invoke();
        self.add_queue_keys(&mut script);
        script
            .arg(now.as_millisecond().to_string())
            .arg(self.start_interval);
        let answer = self.link.run("limits", &script).await;
        let (id, next, waiting): (Vec<u8>, String, u64) =
            answer.inspect_err(|_| self.set_next_start(later))?;
        self.set_next_start(moment(&next).filter(|_| waiting > 0));
        Ok(id.first_chunk::<16>().copied().map(CallId::from_bytes))
    }

    async fn return_start(&self) {
        self.take_back(self.start_interval, None).await;
    }

    async fn enqueued(&self) {
        self.enqueued.notified().await;
    }

    async fn open_line(&self, id: CallId, most: u32, now: Timestamp) -> Result<bool, StoreError> {
        self.remembered.count_lines();
        let until = clock::later(now, LONGEST_LINE);
        let opened = self.ask_line(id, most, now, Some(until)).await;
        // Without an answer it may count all the same, for a call that is not made.
        if opened.is_err() {
            self.remembered.note_unclosed_line(id);
        } else {
            self.remembered.unclosed_lines.lock().remove(&id);
        }
        opened
    }

    async fn has_free_line(
        &self,
        id: CallId,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.ask_line(id, most, now, None).await
    }

    async fn close_line(&self, id: CallId) {
        self.remembered.note_unclosed_line(id);
        self.close_lines().await;
    }
}
