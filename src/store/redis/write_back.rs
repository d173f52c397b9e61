//! Writes the changes that waited while the server was away, or refused them. Where another
//! instance has changed the call meanwhile, the events are applied to its state.

use std::sync::Arc;

use jiff::SignedDuration;

use super::Redis;
use super::record::{REVOKED, Stamp};
use super::storing::Put;
use super::write_behind::Waiting;
use crate::call::{Call, replay};
use crate::domain::CallId;
use crate::store::{StartRate as _, StoreError};

/// Time for which a revoked call is remembered: longer than anybody has one in hand.
const REVOKED_LIFE: SignedDuration = SignedDuration::from_hours(1);

impl Redis {
    pub(super) async fn store_again(&self) -> Result<(), StoreError> {
        let known = self.owned.known();
        tracing::warn!(
            calls = known.len(),
            "the shared store was emptied; what this instance saved last is stored again"
        );
        for call in known {
            if self.write_behind.get(call.id).is_some() {
                continue;
            }
            match self.put(None, &call).await? {
                Put::Done { .. } => self.restore_beside(&call).await?,
                // An earlier try stored the record, and perhaps not what stands beside it; or another
                // instance has saved the call since, after it had restored its own.
                Put::Other(stored) => self.restore_beside(&stored).await?,
                Put::Gone => {}
            }
        }
        Ok(())
    }

    /// Stores an owned call again of which the server has lost the last writes, as one that took over
    /// from another may have.
    pub(super) async fn store_lost(&self, id: CallId) -> Result<(), StoreError> {
        let Some((known, _)) = self.owned.get(id) else {
            return Ok(());
        };
        if self.write_behind.get(id).is_some() {
            return Ok(());
        }
        let call = known.call;
        tracing::warn!(call.id = %id, call.version = call.version, "the shared store has lost the last writes; a call is stored again");
        match self.replace(&call, &call, call.is_finished()).await? {
            Put::Done { .. } => self.restore_beside(&call).await,
            Put::Other(_) | Put::Gone => Ok(()),
        }
    }

    /// Writes the changes that waited. Those that fail again go on waiting.
    pub(in crate::store) async fn write_back(&self) {
        if self.write_behind.count() == 0 {
            return;
        }
        let (opted_out, to_revoke, calls) = self.write_behind.all();
        tracing::info!(
            calls = calls.len(),
            "what waited for the shared store is written"
        );
        if self.write_all(opted_out, to_revoke, calls).await.is_err() {
            tracing::warn!(
                left = self.write_behind.count(),
                "some of what waits for the shared store waits on"
            );
        }
        self.count_waiting();
    }

    async fn write_all(
        &self,
        opted_out: Vec<crate::domain::Phone>,
        to_revoke: Vec<(CallId, u64)>,
        calls: Vec<CallId>,
    ) -> Result<(), StoreError> {
        for phone in opted_out {
            if self.has_index().is_err() {
                break;
            }
            self.write_opt_out(phone).await?;
            self.write_behind.opt_out_written(phone);
        }
        for (id, version) in to_revoke {
            self.revoke(id, version).await?;
            self.write_behind.revocation_written(id);
        }
        for id in calls {
            while let Some(waiting) = self.write_behind.waiting(id) {
                let stored = match self.write(&waiting).await {
                    Ok(stored) => stored,
                    // It stays; the others need not wait for it.
                    Err(StoreError::Unreadable) => break,
                    Err(error) => return Err(error),
                };
                if self.write_behind.written(&waiting, &stored) {
                    tracing::debug!(call.id = %id, call.version = stored.version, "a call that waited is written");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Revokes a call whose first record may have been stored although its create was answered with
    /// an error.
    pub(super) async fn revoke(&self, id: CallId, version: u64) -> Result<(), StoreError> {
        let mut script = self.scripts.revoke.prepare_invoke();
        self.add_record_keys(&mut script, id);
        script.key(self.names.acknowledged(id));
        let stamp = Stamp {
            version,
            revision: 0,
        };
        script
            .arg(&stamp.bytes())
            .arg(id.as_bytes())
            .arg(REVOKED)
            .arg(REVOKED_LIFE.as_millis().to_string());
        let is_revoked: bool = self.link.run("save", &script).await?;
        if is_revoked && self.remembered.counts_lines() {
            self.close_line(id).await;
        }
        Ok(())
    }

    /// Keeps a call from being revoked, because its client is told of it; whether it is still there.
    pub(super) async fn keep_from_revocation(&self, id: CallId) -> Result<bool, StoreError> {
        let mut script = self.scripts.acknowledge.prepare_invoke();
        script
            .key(self.names.call(id))
            .key(self.names.acknowledged(id))
            .arg(REVOKED)
            .arg(REVOKED_LIFE.as_millis().to_string());
        self.link.run("save", &script).await
    }

    /// Writes a call over what it grew from, or lets what happened here happen to what others made
    /// of it.
    async fn write(&self, waiting: &Waiting) -> Result<Arc<Call>, StoreError> {
        let mut found = match self.put(waiting.basis, &waiting.call).await? {
            Put::Done { .. } => {
                // In a cluster what stands beside the record may be lost where the record is not.
                if waiting.basis.is_none() || self.link.is_cluster() {
                    self.restore_beside(&waiting.call).await?;
                }
                return Ok(waiting.call.clone());
            }
            // The server has lost it, and its number with it.
            Put::Gone => match self.put(None, &waiting.call).await? {
                Put::Done { .. } | Put::Gone => {
                    self.restore_beside(&waiting.call).await?;
                    return Ok(waiting.call.clone());
                }
                Put::Other(stored) => stored,
            },
            Put::Other(stored) => stored,
        };
        loop {
            let Some(merged) = replay(&found, &waiting.events) else {
                return Ok(found);
            };
            // Followers of the call here have seen the version that waited.
            let version = merged.version.max(waiting.call.version + 1);
            let merged = Arc::new(Call { version, ..merged });
            match self.put(Some(found.version), &merged).await? {
                Put::Done { .. } => {
                    if self.link.is_cluster() {
                        self.restore_beside(&merged).await?;
                    }
                    return Ok(merged);
                }
                Put::Other(stored) => found = stored,
                Put::Gone => return Ok(found),
            }
        }
    }
}
