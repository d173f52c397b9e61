//! The calls of an owner: entered beside their records, in the slot of their shard, so that both
//! change together.

use futures_util::future::join_all;
use redis::ScriptInvocation;

use super::Redis;
use super::keys::{Names, SHARDS, ids_of};
use super::moments::{LONGEST, millis_of};
use crate::call::Call;
use crate::domain::CallId;
use crate::store::{CallStore as _, Listing, StoreError};

impl Redis {
    /// Life of the list of an owner: as long as any record.
    pub(super) fn list_life(&self) -> String {
        (LONGEST + self.retention).as_millis().to_string()
    }

    /// Lets `save.lua` enter a call among those of its owner.
    pub(super) fn add_listing(&self, script: &mut ScriptInvocation<'_>, call: &Call) {
        let keys = self.names.calls_of(&call.owner, Names::shard(call.id));
        script.key(keys.calls).key(keys.finished);
        let ends = clock::later(call.updated_at, self.retention);
        script
            .arg(millis_of(call.updated_at))
            .arg(if call.is_finished() {
                millis_of(ends)
            } else {
                String::new()
            })
            .arg(self.list_life());
    }

    /// The newest calls of an owner that are older than `before`, and removes those from its list
    /// that are not stored any more.
    pub(super) async fn newest_calls(
        &self,
        owner: &str,
        before: Option<CallId>,
        most: usize,
    ) -> Result<Listing, StoreError> {
        // The list would wrongly be empty under another index key.
        self.has_index()?;
        let shards: Vec<u8> = (0..SHARDS).collect();
        // A cluster takes no script over several slots.
        let at_a_time = if self.link.is_cluster() {
            1
        } else {
            shards.len()
        };
        let asked = shards
            .chunks(at_a_time)
            .map(|shards| self.newest_ids(owner, shards, before, most + 1));
        let mut ids = Vec::new();
        for found in join_all(asked).await {
            ids.extend(found?);
        }
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let has_older = ids.len() > most;
        ids.truncate(most);
        let next = ids.last().copied().filter(|_| has_older);
        let mut calls = Vec::with_capacity(ids.len());
        let mut gone = Vec::new();
        for (id, call) in ids
            .iter()
            .zip(join_all(ids.iter().map(|id| self.load(*id))).await)
        {
            match call {
                Ok(Some(call)) => calls.push(call),
                Ok(None) => gone.push(self.unlist(owner, *id)),
                // One call that cannot be read does not hide the others.
                Err(StoreError::Unreadable) => {}
                Err(error) => return Err(error),
            }
        }
        join_all(gone).await;
        Ok(Listing { calls, next })
    }

    pub(super) async fn newest_ids(
        &self,
        owner: &str,
        shards: &[u8],
        before: Option<CallId>,
        most: usize,
    ) -> Result<Vec<CallId>, StoreError> {
        let mut script = self.scripts.newest.prepare_invoke();
        for shard in shards {
            script.key(self.names.calls_of(owner, *shard).calls);
        }
        script
            .arg(before.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .arg(most);
        let ids: Vec<Vec<u8>> = self.link.run("list", &script).await?;
        Ok(ids_of(&ids))
    }

    /// Removes a call from the list of its owner. Its record has ended, or was revoked.
    pub(super) async fn unlist(&self, owner: &str, id: CallId) {
        let key = self.names.calls_of(owner, Names::shard(id)).calls;
        let mut cmd = redis::cmd("ZREM");
        cmd.arg(key).arg(id.as_bytes());
        // If this fails, a later page finds the entry again.
        let _removed: Result<u64, StoreError> = self.link.ask("list", &cmd).await;
    }
}
