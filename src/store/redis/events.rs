//! The outbox on the server.

use jiff::Timestamp;

use super::Redis;
use crate::domain::CallId;
use crate::store::{Claimed, Entry, Error, Settled};

#[expect(clippy::unused_async, reason = "not yet")]
impl Redis {
    pub(in crate::store) async fn due_events(
        &self,
        _until: Timestamp,
        _lease_end: Timestamp,
        _most: usize,
    ) -> Result<Vec<Claimed>, Error> {
        Ok(Vec::new())
    }

    pub(in crate::store) async fn settle_event(
        &self,
        _event: &Claimed,
        _settled: Settled,
        _now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    pub(in crate::store) async fn next_event_due(&self, _known: Option<Timestamp>) -> Timestamp {
        std::future::pending().await
    }

    pub(in crate::store) async fn delivery(&self, _id: CallId) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    pub(in crate::store) async fn resend(&self, _id: CallId, _now: Timestamp) -> Result<bool, Error> {
        Ok(false)
    }

    pub(in crate::store) async fn events_pending(&self) -> Result<usize, Error> {
        Ok(0)
    }
}
