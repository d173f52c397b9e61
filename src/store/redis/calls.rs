//! Calls: loads, saves, wakes and watches them.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Redis;
use super::keys::Names;
use super::record::{REVOKED, Stamp, Stored};
use super::shards::Question;
use crate::call::{Call, State};
use crate::domain::CallId;
use crate::store::{CallCounts, CallStore, Change, Changed, Error, Listing, Saved};

/// How long after it was given up an open call is kept, beside the retention: something is wrong
/// with it.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Longer than any call can wait (a table is at most 400 days away).
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(402 * 24);
/// How long one instance alone may wake a call that another has left.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How long a due call is left to the instance that saved it last. That instance does not ask:
/// should others wake the call all the same, the quicker save wins, and the number belongs to the
/// call in both cases.
const OWNERS: SignedDuration = SignedDuration::from_secs(1);

/// How long a client waits for a call while the server is away, or was emptied.
const CLIENT_PATIENCE: Duration = Duration::from_secs(2);
/// The same for a webhook, which has its ticket.
const WEBHOOK_PATIENCE: Duration = Duration::from_millis(300);
/// The pause before it is looked again whether a call was stored again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How often the outbox may be quicker before a save is given up.
const TRIES: usize = 8;

/// The result of a save.
pub(super) enum Put {
    Done {
        /// The number was given back, and other calls to it are open.
        others_open: bool,
    },
    /// This stands there instead.
    Other(Arc<Call>),
    /// There is no record.
    Gone,
}

/// What the server says to a record.
#[expect(
    clippy::large_enum_variant,
    reason = "it is looked at where it is made, and never kept"
)]
pub(super) enum Sent {
    Saved {
        /// See [`Put::Done`].
        others_open: bool,
    },
    /// This stands there instead; `None`: nothing.
    Other(Option<Stored>),
}

impl Redis {
    /// A call as it was a moment ago at the latest, to be changed.
    pub(super) async fn recently_stored(&self, id: CallId) -> Result<Option<Stored>, Error> {
        if let Some((stored, connection)) = self.owned.get(id)
            && connection == self.link.connection()
        {
            return Ok(Some(stored));
        }
        let patience = Duration::ZERO;
        let stored = self.stored_within(id, patience, WEBHOOK_PATIENCE).await?;
        if let Some(stored) = &stored {
            self.recent_loads.put(stored);
        }
        Ok(stored)
    }

    /// Loads as [`Self::stored`] does, but waits for a call that this instance does not own: while
    /// the server is away for `away`, and while it was emptied and the instance that knows the call
    /// has not stored it again for `lacking`.
    async fn stored_within(
        &self,
        id: CallId,
        away: Duration,
        lacking: Duration,
    ) -> Result<Option<Stored>, Error> {
        let begun = Instant::now();
        if !away.is_zero() && self.owned.stamp(id).is_none() {
            self.link.reached(begun + away).await;
        }
        loop {
            let stored = match self.stored(id).await {
                // The connection was lost on this occasion.
                Err(Error::Away) if begun.elapsed() < away => {
                    self.link.reached(begun + away).await;
                    continue;
                }
                stored => stored?,
            };
            if stored.is_some() || !self.is_being_restored() {
                return Ok(stored);
            }
            if begun.elapsed() >= lacking {
                return Err(Error::Away);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The record on the server; `None`: there is none, or it was revoked.
    async fn fetch(&self, id: CallId) -> Result<Option<Vec<u8>>, Error> {
        let mut cmd = redis::cmd("GET");
        let record: Option<Vec<u8>> = self.link.ask("load", cmd.arg(self.names.call(id))).await?;
        Ok(record.filter(|record| record != REVOKED))
    }

    /// A call as the server has it, or as this instance knows it better.
    pub(super) async fn stored(&self, id: CallId) -> Result<Option<Stored>, Error> {
        let connection = self.link.connection();
        let record = self.fetch(id).await;
        let known = self.owned.get(id).map(|(stored, _)| stored);
        match (record, known) {
            (Ok(Some(record)), known) => {
                let stamp = Stamp::of(&record);
                if let Some(stamp) = stamp {
                    self.owned.note_loaded(id, stamp, connection);
                }
                match known {
                    // A server that lost what it had acknowledged does not undo what is known here.
                    Some(known) if stamp.is_some_and(|stamp| stamp <= known.stamp()) => {
                        Ok(Some(known))
                    }
                    Some(_) | None => self.records.open(id, &record).map(Some),
                }
            }
            // The same for a server that lost all; a finished call is gone because its time is
            // over.
            (Ok(None), Some(known)) if !known.call.is_finished() => Ok(Some(known)),
            (Ok(None), _) => {
                self.owned.forget(id);
                Ok(None)
            }
            (Err(Error::Away | Error::Full), Some(known)) => Ok(Some(known)),
            (Err(error), _) => Err(error),
        }
    }

    /// Whether it is known here that a call has changed since, so that the server need not be
    /// asked. What waits for it is newer than what is stored.
    fn is_overtaken(&self, before: &Call) -> bool {
        let stamp = self.owned.stamp(before.id);
        stamp.is_some_and(|stamp| stamp.version > before.version)
            && self.write_behind.get(before.id).is_none()
    }

    /// The result of a change that waits to be written.
    fn changed_here(&self, saved: Saved) -> Option<Changed> {
        let Saved::Done(call) = saved else {
            return None;
        };
        self.noted_here(&call);
        Some(Changed {
            call,
            others_open: false,
        })
    }

    fn noted_here(&self, call: &Arc<Call>) {
        self.count_waiting();
        self.owned.note_waiting(call);
        self.watchers.show(call);
    }

    pub(super) fn count_waiting(&self) {
        self.link.metrics.unwritten(self.write_behind.count());
    }

    /// Saves over `before`, also where the server has lost it.
    async fn replace(&self, before: &Call, call: &Arc<Call>, releases: bool) -> Result<Put, Error> {
        let put = self.put_over(Some(before.version), call, releases).await?;
        match put {
            Put::Gone if !before.is_finished() => self.put_over(None, call, releases).await,
            Put::Gone => {
                self.owned.forget(call.id);
                Ok(Put::Gone)
            }
            Put::Other(stored) if stored.version < before.version => {
                self.put_over(Some(stored.version), call, releases).await
            }
            Put::Done { .. } | Put::Other(_) => Ok(put),
        }
    }

    /// Saves over the version that was loaded; `None`: as the first.
    pub(super) async fn put(&self, loaded: Option<u64>, call: &Arc<Call>) -> Result<Put, Error> {
        self.put_over(loaded, call, false).await
    }

    pub(super) async fn put_over(
        &self,
        loaded: Option<u64>,
        call: &Arc<Call>,
        releases: bool,
    ) -> Result<Put, Error> {
        let mut before = match loaded {
            None => None,
            Some(version) => match self.known(call.id, version).await? {
                Some(before) if before.call.version == version => Some(before),
                Some(other) => return Ok(Put::Other(other.call)),
                None => return Ok(Put::Gone),
            },
        };
        let life = life(call, self.retention);
        for _ in 0..TRIES {
            let after = Stored::after(before.as_ref(), call, self.instance);
            match self
                .send_record("save", before.as_ref(), &after, Some(life), releases)
                .await?
            {
                Sent::Saved { others_open } => return Ok(Put::Done { others_open }),
                // Only its place in the outbox has changed.
                Sent::Other(Some(other)) if Some(other.call.version) == loaded => {
                    before = Some(other);
                }
                Sent::Other(Some(other)) => return Ok(Put::Other(other.call)),
                Sent::Other(None) => return Ok(Put::Gone),
            }
        }
        Err(Error::Away)
    }

    /// The record of this version of a call, or what stands there instead. The server is asked only
    /// where this instance has neither saved the call nor loaded it.
    async fn known(&self, id: CallId, version: u64) -> Result<Option<Stored>, Error> {
        let owned = self.owned.get(id).map(|(stored, _)| stored);
        let known = owned
            .filter(|stored| stored.call.version == version)
            .or_else(|| self.recent_loads.take(id, version));
        if known.is_some() {
            return Ok(known);
        }
        let record = self.fetch(id).await?;
        record
            .map(|record| self.records.open(id, &record))
            .transpose()
    }

    /// Sends a record in one round trip: compares, saves, sets the due entries, and notifies the
    /// instance that saved it before and those with followers.
    ///
    /// `life`: of the record and of the call's own due entry, which a change of the outbox alone
    /// leaves as they are. `releases`: the call gives its number back, too; in a cluster that is a
    /// round trip more.
    pub(super) async fn send_record(
        &self,
        operation: &'static str,
        before: Option<&Stored>,
        after: &Stored,
        life: Option<SignedDuration>,
        releases: bool,
    ) -> Result<Sent, Error> {
        let (id, record) = (after.call.id, self.records.seal(after)?);
        let shard = Names::shard(id);
        let others = before
            .and_then(|before| before.saved_by)
            .filter(|by| *by != self.instance);
        let channel = others.map(|by| self.names.changes(uuid::Uuid::from_bytes(by)));
        let loaded = before.map(|before| before.stamp().bytes());
        let mut script = self.scripts.save.prepare_invoke();
        script
            .key(self.names.call(id))
            .key(self.names.due(shard))
            .key(self.names.events(shard));
        script
            .arg(loaded.as_ref().map_or(&[][..], |bytes| bytes))
            .arg(record);
        match life {
            Some(life) => script
                .arg(life.as_millis().max(1).to_string())
                .arg(after.call.wake_at().map(millis_of).unwrap_or_default()),
            None => script.arg("").arg("-"),
        };
        script
            .arg(event_at(after))
            .arg(id.as_bytes())
            .arg(self.names.changes(id))
            .arg(channel.unwrap_or_default())
            .arg(LONGEST.as_millis().to_string());
        let call = &after.call;
        let is_listed = before.is_some() && !(call.is_finished() && life.is_some());
        if is_listed {
            script.arg("").arg("").arg("");
        } else {
            self.add_listing(&mut script, call);
        }
        if releases && !self.link.is_cluster() {
            let keys = self.names.number(call.reservation.phone);
            script.key(keys.open).key(keys.live).key(keys.starts);
            script
                .arg(&self.names.entry(call))
                .arg(u8::from(call.is_finished()));
        }
        let (save, connection) = (self.owned.save(id), self.link.connection());
        let answer: Value = self.link.run(operation, &script).await?;
        if let Value::Int(others) = answer {
            save.done(after, connection);
            self.watchers.show(call);
            let others_open = if releases && self.link.is_cluster() {
                // What cannot be given back now is a trace that is removed later.
                self.release_number(call, call.is_finished(), None)
                    .await
                    .unwrap_or(false)
            } else {
                others > 0
            };
            return Ok(Sent::Saved { others_open });
        }
        let Value::BulkString(other) = answer else {
            return Err(Error::Unreadable);
        };
        match other {
            other if other.is_empty() || other == REVOKED => Ok(Sent::Other(None)),
            other => {
                let other = self.records.open(id, &other)?;
                self.owned.note_loaded(id, other.stamp(), connection);
                Ok(Sent::Other(Some(other)))
            }
        }
    }

    /// Adds a new call to a script that stores it under a condition.
    pub(super) fn add_record(
        &self,
        script: &mut redis::ScriptInvocation<'_>,
        stored: &Stored,
    ) -> Result<(), Error> {
        let (id, call) = (stored.call.id, &stored.call);
        let shard = Names::shard(id);
        script
            .key(self.names.call(id))
            .key(self.names.due(shard))
            .key(self.names.events(shard));
        script
            .arg(self.records.seal(stored)?)
            .arg(life(call, self.retention).as_millis().max(1).to_string())
            .arg(call.wake_at().map(millis_of).unwrap_or_default())
            .arg(event_at(stored))
            .arg(LONGEST.as_millis().to_string());
        let keys = self.names.calls_of(&call.owner, shard);
        script.key(keys.calls).key(keys.finished);
        script.arg(self.list_life());
        Ok(())
    }

    /// Claims what others have left.
    pub(super) async fn claim_left(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CallId>, Error> {
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
            self.owned.poll_again(now);
        }
        let known =
            futures_util::future::join_all(left.iter().map(|id| self.recently_stored(*id))).await;
        let mut found = Vec::with_capacity(left.len());
        for (id, known) in left.into_iter().zip(known) {
            match known {
                Ok(None) => self.postpone(id, now).await,
                // Waking it reports the fault.
                Ok(Some(_)) | Err(_) => found.push(id),
            }
        }
        Ok(found)
    }
}

impl CallStore for Redis {
    /// The newest state that can be had.
    async fn load(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.write_behind.get(id) {
            return Ok(Some(call));
        }
        let stored = self
            .stored_within(id, CLIENT_PATIENCE, CLIENT_PATIENCE)
            .await?;
        Ok(stored.map(|stored| stored.call))
    }

    /// The state as it was a moment ago at the latest.
    async fn recent(&self, id: CallId) -> Result<Option<Arc<Call>>, Error> {
        if let Some(call) = self.write_behind.get(id) {
            return Ok(Some(call));
        }
        Ok(self.recently_stored(id).await?.map(|stored| stored.call))
    }

    /// Saves what an event made of a call, if need be here.
    async fn change(&self, change: Change<'_>) -> Result<Option<Changed>, Error> {
        let Change {
            before,
            after,
            event,
            releases_number,
        } = change;
        let is_intent = is_intent(before, &after);
        let call = Arc::new(after);
        if !is_intent && let Some(saved) = self.write_behind.extend(before, &call, &event) {
            return Ok(self.changed_here(saved));
        }
        // Webhooks of one moment come together: the second waits for the first instead of asking in
        // vain.
        let _turn = self.save_locks.lock(call.id).await;
        if self.is_overtaken(before) {
            return Ok(None);
        }
        let others_open = match self.replace(before, &call, releases_number).await {
            Ok(Put::Done { others_open }) => others_open,
            Ok(Put::Other(_) | Put::Gone) => return Ok(None),
            // An intent that is not stored must not be dialled.
            Err(error) if is_intent || error == Error::Unreadable => return Err(error),
            Err(error) => {
                let saved = self.write_behind.add(before, &call, &event).ok_or(error)?;
                return Ok(self.changed_here(saved));
            }
        };
        Ok(Some(Changed { call, others_open }))
    }

    /// Saves a new call; in a test, any call.
    async fn save(&self, loaded: Option<u64>, call: Call) -> Result<Saved, Error> {
        let call = Arc::new(call);
        match self.put(loaded, &call).await {
            Ok(Put::Done { .. }) => Ok(Saved::Done(call)),
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(error) => {
                if loaded.is_none() {
                    // It may have been stored before the answer was lost, and the client learns
                    // that it was not made.
                    self.write_behind.revoke(call.id, call.version);
                }
                Err(error)
            }
        }
    }

    /// Saves a call that was taken over from its ticket, if need be here.
    async fn adopt(&self, call: Call) -> Result<Saved, Error> {
        let call = Arc::new(call);
        match self.put(None, &call).await {
            Ok(Put::Done { .. }) => {
                self.adopt_line(&call).await;
                Ok(Saved::Done(call))
            }
            Ok(Put::Other(_) | Put::Gone) => Ok(Saved::Conflict),
            Err(Error::Away | Error::Full) => {
                let added = self.write_behind.adopt(&call);
                self.count_waiting();
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
        let (mut due, polls) = self.owned.take_due(now, most);
        // While the server is away, changes made here are merged with those of others once it is
        // back.
        if self.fits().is_err() {
            // Those that fit take them over.
            return Ok(Vec::new());
        }
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
        self.owned.next_call(known).await
    }

    async fn list(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, Error> {
        self.newest_calls(owner, before, most).await
    }

    async fn watch(&self, id: CallId) -> Result<Option<watch::Receiver<Arc<Call>>>, Error> {
        let turn = self.subscribing.lock().await;
        let beginning = self.watchers.begin(id);
        if beginning.is_new {
            // Without the server nothing is heard; it is asked again once it is back.
            let _heard: Result<(), Error> = self.link.subscribe(&self.names.changes(id)).await;
        }
        drop(turn);
        Ok(self.load(id).await?.map(|call| beginning.follow(call)))
    }

    async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, Error> {
        // Away from the server an instance counts what it knows.
        let own = self.owned.count(now);
        Ok(self.counts_of_all(&own, now).await.unwrap_or(own))
    }
}

/// A moment as scripts read it.
pub(super) fn millis_of(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

/// The time at which a call's event is due, as scripts read it: empty if it is not sent any more,
/// `-` if its client wants no events.
fn event_at(stored: &Stored) -> String {
    match &stored.entry {
        Some(entry) => entry.next_at.map(millis_of).unwrap_or_default(),
        None => "-".to_owned(),
    }
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
