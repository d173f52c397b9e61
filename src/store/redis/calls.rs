//! Calls: loaded, saved if nobody was quicker, woken and watched.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Redis;
use super::keys::Names;
use super::record::{Stamp, Stored};
use super::shards::Question;
use crate::call::{Call, Event, State};
use crate::domain::CallId;
use crate::store::{CallCounts, CallStore, Error, Saved};

/// How long after it was given up an open call is kept, beside the retention: something is wrong
/// with it.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Longer than any call can wait (a table is at most 400 days away).
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(402 * 24);
/// For how long one instance alone may wake a call that another has left.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// So long a call that is due is left to the instance that saved it last. That one does not ask:
/// should others wake the call all the same, the quicker save wins, and the number is the call's
/// own whoever takes it.
const OWNERS: SignedDuration = SignedDuration::from_secs(1);

/// How often the outbox may be quicker before a save is given up.
const TRIES: usize = 8;

/// What came of a save.
pub(super) enum Put {
    Done,
    /// This stands there instead.
    Other(Arc<Call>),
    /// Nothing stands there.
    Gone,
}

impl Redis {
    pub(super) async fn recently_stored(&self, id: CallId) -> Result<Option<Stored>, Error> {
        match self.copies.get(id)? {
            Some(seen) if seen.is_current => Ok(Some(seen.stored)),
            Some(_) | None => self.stored(id).await,
        }
    }

    /// What stands on the server.
    async fn fetch(&self, id: CallId) -> Result<Option<Stored>, Error> {
        let mut cmd = redis::cmd("GET");
        let record: Option<Vec<u8>> = self.link.ask("load", cmd.arg(self.names.call(id))).await?;
        record
            .map(|record| self.copies.records().open(id, &record))
            .transpose()
    }

    pub(super) async fn stored(&self, id: CallId) -> Result<Option<Stored>, Error> {
        let asked = self.copies.asked();
        let known = self.copies.get(id)?.map(|seen| seen.stored);
        let mut cmd = redis::cmd("GET");
        let stored: Result<Option<Vec<u8>>, Error> =
            self.link.ask("load", cmd.arg(self.names.call(id))).await;
        match (stored, known) {
            (Ok(Some(record)), Some(known)) if Stamp::of(&record) == Some(known.stamp()) => {
                self.copies.put(&known, asked);
                Ok(Some(known))
            }
            (Ok(Some(record)), known) => {
                let stored = self.copies.records().open(id, &record)?;
                // A server that lost what it had acknowledged does not undo what is known here.
                let newest = known
                    .filter(|known| known.stamp() > stored.stamp())
                    .unwrap_or(stored);
                self.copies.put(&newest, asked);
                Ok(Some(newest))
            }
            // The same for a server that lost all; a finished call is gone because its time is
            // over.
            (Ok(None), Some(known)) if !known.call.is_finished() => Ok(Some(known)),
            (Ok(None), _) => {
                self.copies.forget(id);
                Ok(None)
            }
            (Err(Error::Away | Error::Full), Some(known)) => Ok(Some(known)),
            (Err(error), _) => Err(error),
        }
    }

    /// Whether it is known here that a call has changed since, so that the server need not be
    /// asked. What waits for it is newer than what is stored.
    fn is_overtaken(&self, before: &Call) -> bool {
        let stamp = self.copies.stamp(before.id);
        stamp.is_some_and(|stamp| stamp.version > before.version)
            && self.unwritten.get(before.id).is_none()
    }

    fn noted_here(&self, call: &Arc<Call>) {
        self.count_unwritten();
        // The copies stay as they are stored, since what waits is saved over them.
        self.copies.tell(call);
        self.timers.own(call);
    }

    pub(super) fn count_unwritten(&self) {
        self.link.metrics.unwritten(self.unwritten.count());
    }

    /// Saves over `before`, also where the server has lost it.
    async fn replace(&self, before: &Call, call: &Arc<Call>) -> Result<Put, Error> {
        match self.put(Some(before.version), call).await? {
            Put::Gone if !before.is_finished() => self.put(None, call).await,
            Put::Gone => {
                self.copies.forget(call.id);
                Ok(Put::Gone)
            }
            Put::Other(stored) if stored.version < before.version => {
                self.put(Some(stored.version), call).await
            }
            put @ (Put::Done | Put::Other(_)) => Ok(put),
        }
    }

    /// Saves over the version that was loaded; `None`: as the first.
    pub(super) async fn put(&self, loaded: Option<u64>, call: &Arc<Call>) -> Result<Put, Error> {
        let (id, asked) = (call.id, self.copies.asked());
        let mut before = match loaded {
            None => None,
            Some(version) => match self
                .copies
                .get(id)?
                .filter(|seen| seen.stored.call.version == version)
            {
                Some(seen) => Some(seen.stored),
                None => match self.fetch(id).await? {
                    Some(stored) if stored.call.version == version => Some(stored),
                    Some(stored) => {
                        self.copies.put(&stored, asked);
                        return Ok(Put::Other(stored.call));
                    }
                    None => return Ok(Put::Gone),
                },
            },
        };
        for _ in 0..TRIES {
            let after = Stored::after(before.as_ref(), call);
            let asked = self.copies.asked();
            let loaded_stamp = before.as_ref().map(Stored::stamp);
            let life = life(call, self.retention);
            let answer = self
                .send_record("save", loaded_stamp, &after, Some(life))
                .await?;
            let other = match answer {
                Some(other) if other.is_empty() => return Ok(Put::Gone),
                Some(other) => self.copies.records().open(id, &other)?,
                None => {
                    self.copies.put(&after, asked);
                    self.timers.own(call);
                    self.note_event(&after);
                    return Ok(Put::Done);
                }
            };
            self.copies.put(&other, asked);
            if Some(other.call.version) != loaded {
                return Ok(Put::Other(other.call));
            }
            // Only its place in the outbox has changed.
            before = Some(other);
        }
        Err(Error::Away)
    }

    /// Claims what others have left.
    async fn claim_left(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        let lapses = now.saturating_add(LEASE).unwrap_or(now);
        let until = now.saturating_sub(OWNERS).unwrap_or(now);
        let args = [
            until.as_millisecond(),
            i64::try_from(most).unwrap_or(i64::MAX),
            lapses.as_millisecond(),
        ];
        let question = Question {
            operation: "due",
            script: &self.scripts.due,
            key: Names::due,
            args: &args,
        };
        let left = self.ask_shards(&self.due_turn, question).await?;
        if most > 0 && left.len() >= most {
            self.timers.poll_again(now);
        }
        let known =
            futures_util::future::join_all(left.iter().map(|id| self.recently_stored(*id))).await;
        let mut found = Vec::with_capacity(left.len());
        for (id, known) in left.into_iter().zip(known) {
            match known {
                Ok(None) => self.put_aside(id, now).await,
                // Whoever wakes it is told what is wrong with it.
                Ok(Some(_)) | Err(_) => found.push(id),
            }
        }
        Ok(found)
    }
}

impl CallStore for Redis {
    /// The newest state that can be had.
    async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.unwritten.get(id) {
            return Ok(Some(call));
        }
        Ok(self.stored(id).await?.map(|stored| stored.call))
    }

    /// The state as it was a moment ago at the latest.
    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.unwritten.get(id) {
            return Ok(Some(call));
        }
        Ok(self.recently_stored(id).await?.map(|stored| stored.call))
    }

    /// Saves what `event` made of a call, if need be here.
    async fn change(
        &self,
        before: &Arc<Call>,
        call: Call,
        event: Event<'_>,
    ) -> Result<Saved, Error> {
        let is_intent = is_intent(before, &call);
        let call = Arc::new(call);
        if !is_intent && let Some(saved) = self.unwritten.extend(before, &call, event) {
            if matches!(saved, Saved::Done(_)) {
                self.noted_here(&call);
            }
            return Ok(saved);
        }
        // Webhooks of one moment come together: the second waits for the first instead of asking in
        // vain.
        let _turn = self.saving.turn(call.id).await;
        if self.is_overtaken(before) {
            return Ok(Saved::Conflict);
        }
        match self.replace(before, &call).await {
            Ok(Put::Done) => Ok(Saved::Done(call)),
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            // Nobody rings on an intent that is not stored.
            Err(error) if is_intent || error == Error::Unreadable => Err(error),
            Err(error) => {
                let saved = self.unwritten.add(before, &call, event).ok_or(error)?;
                if matches!(saved, Saved::Done(_)) {
                    self.noted_here(&call);
                }
                Ok(saved)
            }
        }
    }

    /// Saves a call that nobody has heard of, or in a test any.
    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, Error> {
        let call = Arc::new(call);
        match self.put(loaded, &call).await {
            Ok(Put::Done) => Ok(Saved::Done(call)),
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(error) => {
                if loaded.is_none() {
                    // It may have been stored before the answer was lost, and the client is told
                    // that it was not made.
                    self.unwritten.void(call.id, call.version);
                }
                Err(error)
            }
        }
    }

    /// Saves a call that was taken over from its ticket, if need be here.
    async fn adopt(&self, call: Call) -> Result<Saved, Error> {
        let call = Arc::new(call);
        match self.put(None, &call).await {
            Ok(Put::Done) => {
                self.adopt_line(&call).await;
                Ok(Saved::Done(call))
            }
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(Error::Away | Error::Full) => {
                let added = self.unwritten.adopt(&call);
                self.count_unwritten();
                if added {
                    self.noted_here(&call);
                }
                Ok(if added {
                    Saved::Done(call)
                } else {
                    Saved::Conflict
                })
            }
            Err(Error::Unreadable) => Err(Error::Unreadable),
        }
    }

    /// Calls whose time has come: those that this instance saved last, and now and then those that
    /// others have left.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        let (mut due, polls) = self.timers.take(now, most);
        // While nobody can be asked, what is decided here is put beside what others decide once the
        // server is back.
        if polls && self.link.away().is_none() {
            match self.claim_left(now, most).await {
                Ok(left) => due.extend(left),
                Err(error) if due.is_empty() => return Err(error),
                Err(_away) => {}
            }
            due.sort_unstable();
            due.dedup();
        }
        Ok(due)
    }

    async fn next_due(&self, known: Option<Timestamp>) -> Timestamp {
        self.timers.next(known).await
    }

    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, Error> {
        Ok(self.load(id).await?.map(|call| self.copies.watch(&call)))
    }

    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, Error> {
        // Away from the server an instance counts what it knows.
        let own = self.timers.call_counts(now);
        Ok(self.census_of_all(&own, now).await.unwrap_or(own))
    }
}

/// A moment as scripts read it.
pub(super) fn millis_of(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

/// How long a record is kept.
fn life(call: &Call, retention: SignedDuration) -> SignedDuration {
    if call.is_finished() {
        return retention;
    }
    let last = call
        .wake_at()
        .unwrap_or(call.updated_at)
        .max(call.reservation.give_up_at);
    last.duration_since(call.updated_at)
        .max(SignedDuration::ZERO)
        + LEFT_BEHIND
        + retention
}

/// Whether the change is the intent to ring, which has to be stored before Twilio is asked.
fn is_intent(before: &Call, call: &Call) -> bool {
    call.attempts.len() > before.attempts.len() && matches!(call.state, State::Dialing { .. })
}
