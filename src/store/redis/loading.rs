//! Loads calls: from what this instance owns, or from the server.

use std::time::Duration;

use tokio::time::Instant;

use super::Redis;
use super::record::{REVOKED, Stamp, Stored};
use crate::domain::CallId;
use crate::store::StoreError;

/// Longest wait of a client for a call while the server is away, or was emptied.
pub(super) const CLIENT_PATIENCE: Duration = Duration::from_secs(2);
/// The same for a webhook, which has its ticket.
const WEBHOOK_PATIENCE: Duration = Duration::from_millis(300);
/// The pause before it is looked again whether a call was stored again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Redis {
    /// A call as it was a moment ago at the latest, to be changed.
    pub(super) async fn recently_stored(&self, id: CallId) -> Result<Option<Stored>, StoreError> {
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
    pub(super) async fn stored_within(
        &self,
        id: CallId,
        away: Duration,
        lacking: Duration,
    ) -> Result<Option<Stored>, StoreError> {
        let begun = Instant::now();
        if !away.is_zero() && self.owned.stamp(id).is_none() {
            self.link.reached(begun + away).await;
        }
        loop {
            let stored = match self.stored(id).await {
                // The connection was lost on this occasion.
                Err(StoreError::Away) if begun.elapsed() < away => {
                    self.link.reached(begun + away).await;
                    continue;
                }
                stored => stored?,
            };
            if stored.is_some() || !self.is_being_restored() {
                return Ok(stored);
            }
            if begun.elapsed() >= lacking {
                return Err(StoreError::Away);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The record on the server; `None`: there is none, or it was revoked.
    pub(super) async fn fetch(&self, id: CallId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut cmd = redis::cmd("GET");
        let record: Option<Vec<u8>> = self.link.ask("load", cmd.arg(self.names.call(id))).await?;
        Ok(record.filter(|record| record != REVOKED))
    }

    /// A call as the server has it, or as this instance knows it better.
    pub(super) async fn stored(&self, id: CallId) -> Result<Option<Stored>, StoreError> {
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
            (Err(StoreError::Away | StoreError::Full), Some(known)) => Ok(Some(known)),
            (Err(error), _) => Err(error),
        }
    }
}
