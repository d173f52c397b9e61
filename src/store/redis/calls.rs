//! Calls: loaded, saved if nobody was quicker, woken and watched.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use redis::Value;
use tokio::sync::watch;

use super::Redis;
use super::keys::{Names, SHARDS};
use super::record::version;
use crate::call::{Call, Event, State};
use crate::domain::CallId;
use crate::store::{Census, Error, Saved};

/// How long after it was given up an open call is kept, beside the retention: something is wrong with it.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Longer than any call can wait (a table is at most 400 days away).
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(402 * 24);
/// For how long one instance alone may wake a call that is due.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// How soon to ask again after a refusal.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// What came of a save.
pub(super) enum Put {
    Done,
    /// This stands there instead.
    Other(Arc<Call>),
    /// Nothing stands there.
    Gone,
}

impl Redis {
    /// The newest state that can be had.
    pub(in crate::store) async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.unwritten.get(id) {
            return Ok(Some(call));
        }
        let known = self.copies.get(id)?.map(|seen| seen.call);
        let mut cmd = redis::cmd("GET");
        let stored: Result<Option<Vec<u8>>, Error> = self.link.ask("load", cmd.arg(self.names.call(id))).await;
        match (stored, known) {
            (Ok(Some(record)), Some(known)) if version(&record) == Some(known.version) => {
                self.copies.correct(&known);
                Ok(Some(known))
            }
            (Ok(Some(record)), known) => {
                let stored = self.copies.records().open(id, &record)?;
                // A server that lost what it had acknowledged does not undo what is known here.
                let newest = known.filter(|known| known.version > stored.version).unwrap_or(stored);
                self.copies.correct(&newest);
                Ok(Some(newest))
            }
            // The same for a server that lost all; a finished call is gone because its time is over.
            (Ok(None), Some(known)) if !known.is_finished() => Ok(Some(known)),
            (Ok(None), _) => {
                self.copies.forget(id);
                Ok(None)
            }
            (Err(Error::Away | Error::Full), Some(known)) => Ok(Some(known)),
            (Err(error), _) => Err(error),
        }
    }

    /// The state as it was a moment ago at the latest.
    pub(in crate::store) async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.unwritten.get(id) {
            return Ok(Some(call));
        }
        match self.copies.get(id)? {
            Some(seen) if seen.is_current => Ok(Some(seen.call)),
            Some(_) | None => self.load(id).await,
        }
    }

    /// Saves a call that nobody has heard of, or in a test any.
    pub(in crate::store) async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, Error> {
        let call = Arc::new(call);
        match self.put(loaded, &call).await {
            Ok(Put::Done) => Ok(Saved::Done(call)),
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(error) => {
                if loaded.is_none() {
                    // It may have been stored before the answer was lost, and the client is told that it was not made.
                    self.unwritten.void(call.id, call.version);
                }
                Err(error)
            }
        }
    }

    /// Saves a call that was taken over from its ticket, if need be here.
    pub(in crate::store) async fn adopt(&self, call: Call) -> Result<Saved, Error> {
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
                    self.copies.correct(&call);
                    self.timers.own(&call);
                }
                Ok(if added { Saved::Done(call) } else { Saved::Conflict })
            }
            Err(Error::Unreadable) => Err(Error::Unreadable),
        }
    }

    /// Saves what `event` made of a call, if need be here.
    pub(in crate::store) async fn change(
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

    fn noted_here(&self, call: &Arc<Call>) {
        self.count_unwritten();
        self.copies.put(call);
        self.timers.own(call);
    }

    pub(super) fn count_unwritten(&self) {
        self.link.figures.unwritten(self.unwritten.count());
    }

    /// Saves over `before`, also where the server has lost it.
    async fn replace(&self, before: &Call, call: &Arc<Call>) -> Result<Put, Error> {
        match self.put(Some(before.version), call).await? {
            Put::Gone if !before.is_finished() => self.put(None, call).await,
            Put::Gone => {
                self.copies.forget(call.id);
                Ok(Put::Gone)
            }
            Put::Other(stored) if stored.version < before.version => self.put(Some(stored.version), call).await,
            put @ (Put::Done | Put::Other(_)) => Ok(put),
        }
    }

    /// One round trip: compares, saves, sets the due entry, tells everybody.
    pub(super) async fn put(&self, loaded: Option<u64>, call: &Arc<Call>) -> Result<Put, Error> {
        let (id, wake_at) = (call.id, call.wake_at());
        let record = self.copies.records().seal(call)?;
        let message = [id.as_bytes().as_slice(), &record].concat();
        let mut script = self.scripts.save.prepare_invoke();
        script.key(self.names.call(id)).key(self.names.due(Names::shard(id)));
        script.arg(loaded.map(u64::to_be_bytes).as_ref().map_or(&[][..], |bytes| bytes)).arg(&record);
        script.arg(life(call, self.retention).as_millis().max(1).to_string());
        script.arg(wake_at.map(|at| at.as_millisecond().to_string()).unwrap_or_default()).arg(id.as_bytes());
        script.arg(self.names.channel()).arg(message).arg(LONGEST.as_millis().to_string());
        let answer: Value = self.link.run("save", &script).await?;
        match answer {
            Value::BulkString(other) if other.is_empty() => Ok(Put::Gone),
            Value::BulkString(other) => {
                let other = self.copies.records().open(id, &other)?;
                self.copies.correct(&other);
                Ok(Put::Other(other))
            }
            _done => {
                self.copies.put(call);
                self.timers.own(call);
                Ok(Put::Done)
            }
        }
    }

    /// Calls whose time has come and that no other instance wakes.
    pub(in crate::store) async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        let (own, polls) = self.timers.take(now, most);
        if self.link.away().is_some() {
            // Nobody can be asked; what is decided here is put beside what others decide, once the server is back.
            return Ok(own);
        }
        let mut shards: Vec<u8> = if polls { (0..SHARDS).collect() } else { Vec::new() };
        shards.extend(own.iter().map(|id| Names::shard(*id)).filter(|_| !polls));
        shards.sort_unstable();
        shards.dedup();
        let claims = shards.into_iter().map(|shard| self.claim_due(shard, now, most));
        let mut due = Vec::new();
        for claimed in futures_util::future::join_all(claims).await {
            match claimed {
                Ok(ids) => due.extend(ids),
                Err(error) => {
                    // They are due still.
                    let again = now.saturating_add(AGAIN).ok();
                    own.iter().for_each(|id| self.timers.again(*id, again));
                    return if due.is_empty() { Err(error) } else { Ok(due) };
                }
            }
        }
        due.truncate(most);
        Ok(due)
    }

    async fn claim_due(&self, shard: u8, now: Timestamp, most: usize) -> Result<Vec<CallId>, Error> {
        let lapses = now.saturating_add(LEASE).unwrap_or(now);
        let mut script = self.scripts.due.prepare_invoke();
        script.key(self.names.due(shard)).arg(now.as_millisecond()).arg(most).arg(lapses.as_millisecond());
        let (ids, _next): (Vec<Vec<u8>>, String) = self.link.run("due", &script).await?;
        Ok(ids.iter().filter_map(|id| id.first_chunk::<16>().copied().map(CallId::from_bytes)).collect())
    }

    pub(in crate::store) async fn next_due(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        self.timers.next(known).await
    }

    pub(in crate::store) fn census(&self, now: Timestamp) -> Census {
        self.timers.census(now)
    }

    pub(in crate::store) async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, Error> {
        Ok(self.load(id).await?.map(|call| self.copies.watch(&call)))
    }
}

/// How long a record is kept.
fn life(call: &Call, retention: SignedDuration) -> SignedDuration {
    if call.is_finished() {
        return retention;
    }
    let last = call.wake_at().unwrap_or(call.updated_at).max(call.reservation.give_up_at);
    last.duration_since(call.updated_at).max(SignedDuration::ZERO) + LEFT_BEHIND + retention
}

/// Whether the change is the intent to ring, which has to be stored before Twilio is asked.
fn is_intent(before: &Call, call: &Call) -> bool {
    call.attempts.len() > before.attempts.len() && matches!(call.state, State::Dialing { .. })
}
