//! Idempotency keys on the server, each in a slot of its own.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use super::moments::millis;
use crate::domain::CallId;
use crate::store::{IdempotencyEntry, IdempotencyKey, IdempotencyStore, StoreError};

/// Life of a key.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

impl IdempotencyStore for Redis {
    async fn reserve(
        &self,
        key: IdempotencyKey,
        first: IdempotencyEntry,
        _now: Timestamp,
    ) -> Result<Option<IdempotencyEntry>, StoreError> {
        if self.is_being_restored()
            && let Some(known) = self.idempotency_entry(key).await?
        {
            return Ok(Some(known));
        }
        self.may_place()?;
        self.set_idempotency_entry(key, first).await
    }

    async fn idempotency_entry(
        &self,
        key: IdempotencyKey,
    ) -> Result<Option<IdempotencyEntry>, StoreError> {
        let mut cmd = redis::cmd("GET");
        let known: Option<Vec<u8>> = self
            .link
            .ask("idempotency", cmd.arg(self.names.idempotency(&key)))
            .await?;
        known.map(|known| read_entry(&known)).transpose()
    }

    async fn unreserve(&self, key: IdempotencyKey, call: CallId) {
        let mut script = self.scripts.unreserve.prepare_invoke();
        script
            .key(self.names.idempotency(&key))
            .arg(call.as_bytes());
        let _done: Result<i64, StoreError> = self.link.run("idempotency", &script).await;
    }
}

impl Redis {
    /// Stores an entry unless the key has one, which is returned.
    pub(super) async fn set_idempotency_entry(
        &self,
        key: IdempotencyKey,
        first: IdempotencyEntry,
    ) -> Result<Option<IdempotencyEntry>, StoreError> {
        let mut cmd = redis::cmd("SET");
        let value = [first.call.as_bytes(), first.request.as_slice()].concat();
        cmd.arg(self.names.idempotency(&key))
            .arg(value)
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(millis(KEY_LIFE));
        let known: Option<Vec<u8>> = self.link.ask("idempotency", &cmd).await?;
        known.map(|known| read_entry(&known)).transpose()
    }
}

/// Reads the stored entry of an idempotency key.
fn read_entry(value: &[u8]) -> Result<IdempotencyEntry, StoreError> {
    let (call, request) = value
        .split_first_chunk::<16>()
        .ok_or(StoreError::Unreadable)?;
    let request = request.try_into().map_err(|_| StoreError::Unreadable)?;
    Ok(IdempotencyEntry {
        call: CallId::from_bytes(*call),
        request,
    })
}
