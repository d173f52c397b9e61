//! The rate at which all instances together start calls, and the queue of those that wait.

use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::moments::{millis, millis_of, moment};
use crate::domain::CallId;
use crate::store::{LONGEST_LINE, StartRate, StoreError};

/// Life of the queue after it was used last.
const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);

impl Redis {
    fn set_next_start(&self, turn: Option<Timestamp>) {
        *self
            .next_start
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = turn;
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

impl StartRate for Redis {
    async fn enqueue(&self, owner: &Arc<str>, id: CallId) -> Result<(), StoreError> {
        let mut script = self.scripts.enqueue.prepare_invoke();
        script
            .key(self.names.global("beat"))
            .key(self.names.global("line"))
            .key(self.names.global("rounds"));
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
        *self
            .next_start
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn dequeue_start(&self, now: Timestamp) -> Result<Option<CallId>, StoreError> {
        let is_early = |next: Timestamp| next > now && !clock::was_set_back(next, now);
        if self.next_start().is_none_or(is_early) {
            return Ok(None);
        }
        if let Err(error) = self.may_place() {
            self.set_next_start(now.saturating_add(SignedDuration::from_secs(1)).ok());
            return Err(error);
        }
        let mut script = self.scripts.dequeue_start.prepare_invoke();
        script
            .key(self.names.global("beat"))
            .key(self.names.global("line"))
            .key(self.names.global("rounds"));
        script
            .arg(now.as_millisecond().to_string())
            .arg(self.start_interval);
        let answer = self.link.run("limits", &script).await;
        let (id, next, waiting): (Vec<u8>, String, u64) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.set_next_start(now.saturating_add(SignedDuration::from_secs(1)).ok());
                return Err(error);
            }
        };
        self.set_next_start(moment(&next).filter(|_| waiting > 0));
        Ok(id.first_chunk::<16>().copied().map(CallId::from_bytes))
    }

    async fn return_start(&self) {
        let mut script = self.scripts.return_start.prepare_invoke();
        script
            .key(self.names.global("beat"))
            .key(self.names.global("day"))
            .arg(self.start_interval)
            .arg("");
        let _done: Result<i64, StoreError> = self.link.run("limits", &script).await;
    }

    async fn enqueued(&self) {
        self.enqueued.notified().await;
    }

    async fn open_line(&self, id: CallId, most: u32, now: Timestamp) -> Result<bool, StoreError> {
        self.remembered.count_lines();
        let until = now.saturating_add(LONGEST_LINE).unwrap_or(Timestamp::MAX);
        self.ask_line(id, most, now, Some(until)).await
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
        let mut command = redis::cmd("ZREM");
        command.arg(self.names.global("lines")).arg(id.as_bytes());
        // One that cannot be closed now counts until its time is over.
        let _closed: Result<i64, StoreError> = self.link.ask("limits", &command).await;
    }
}
