//! Stores the records of calls: compares the version, sets due entries, and notifies other
//! instances.

use std::sync::Arc;

use jiff::SignedDuration;
use redis::Value;

use super::Redis;
use super::keys::Names;
use super::moments::{LONGEST, millis_of};
use super::record::{REVOKED, Stored};
use crate::call::Call;
use crate::domain::CallId;
use crate::store::StoreError;

/// Time for which an open call is kept after it was given up, beside the retention: something is
/// wrong with it.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Conflicts with the outbox before a save is given up.
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

/// The server's answer to a record.
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
    /// Saves over `before`, also where the server has lost it.
    pub(super) async fn replace(
        &self,
        before: &Call,
        call: &Arc<Call>,
        releases: bool,
    ) -> Result<Put, StoreError> {
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
    pub(super) async fn put(
        &self,
        loaded: Option<u64>,
        call: &Arc<Call>,
    ) -> Result<Put, StoreError> {
        self.put_over(loaded, call, false).await
    }

    pub(super) async fn put_over(
        &self,
        loaded: Option<u64>,
        call: &Arc<Call>,
        releases: bool,
    ) -> Result<Put, StoreError> {
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
        Err(StoreError::Away)
    }

    /// The record of this version of a call, or what stands there instead. The server is asked only
    /// where this instance has neither saved the call nor loaded it.
    async fn known(&self, id: CallId, version: u64) -> Result<Option<Stored>, StoreError> {
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
    ) -> Result<Sent, StoreError> {
        let (call, id) = (&after.call, after.call.id);
        let record = self.records.seal(after)?;
        let other_instance = before
            .and_then(|before| before.saved_by)
            .filter(|by| *by != self.instance)
            .map(|by| self.names.changes(uuid::Uuid::from_bytes(by)));
        let loaded = before.map(|before| before.stamp().bytes());
        let mut script = self.scripts.save.prepare_invoke();
        self.add_record_keys(&mut script, id);
        script
            .arg(loaded.as_ref().map_or(&[][..], |bytes| bytes))
            .arg(record);
        match life {
            Some(life) => script
                .arg(life.as_millis().max(1).to_string())
                .arg(call.wake_at().map(millis_of).unwrap_or_default()),
            None => script.arg("").arg("-"),
        };
        script
            .arg(event_at(after))
            .arg(id.as_bytes())
            .arg(self.names.changes(id))
            .arg(other_instance.unwrap_or_default())
            .arg(LONGEST.as_millis().to_string());
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
                // If this fails, the entry is stale and is removed later.
                self.release_number(call, call.is_finished(), None)
                    .await
                    .unwrap_or(false)
            } else {
                others > 0
            };
            return Ok(Sent::Saved { others_open });
        }
        let Value::BulkString(other) = answer else {
            return Err(StoreError::Unreadable);
        };
        if other.is_empty() || other == REVOKED {
            return Ok(Sent::Other(None));
        }
        let other = self.records.open(id, &other)?;
        self.owned.note_loaded(id, other.stamp(), connection);
        Ok(Sent::Other(Some(other)))
    }

    /// Adds the keys of a call's record, and of the due calls and due events of its shard.
    pub(super) fn add_record_keys(&self, script: &mut redis::ScriptInvocation<'_>, id: CallId) {
        let shard = Names::shard(id);
        script
            .key(self.names.call(id))
            .key(self.names.due(shard))
            .key(self.names.events(shard));
    }

    /// Adds a new call to a script that stores it under a condition.
    pub(super) fn add_record(
        &self,
        script: &mut redis::ScriptInvocation<'_>,
        stored: &Stored,
    ) -> Result<(), StoreError> {
        let call = &stored.call;
        self.add_record_keys(script, call.id);
        script
            .arg(self.records.seal(stored)?)
            .arg(life(call, self.retention).as_millis().max(1).to_string())
            .arg(call.wake_at().map(millis_of).unwrap_or_default())
            .arg(event_at(stored))
            .arg(LONGEST.as_millis().to_string());
        let keys = self.names.calls_of(&call.owner, Names::shard(call.id));
        script.key(keys.calls).key(keys.finished);
        script.arg(self.list_life());
        Ok(())
    }
}

/// The time at which a call's event is due, as scripts read it: empty if it is not sent any more,
/// `-` if its client wants no events.
fn event_at(stored: &Stored) -> String {
    match &stored.entry {
        Some(entry) => entry.next_at.map(millis_of).unwrap_or_default(),
        None => "-".to_owned(),
    }
}

/// Life of a record.
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
