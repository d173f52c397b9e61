//! The delivery of a call's events, as clients see and repeat it. `notify` sends the events.

use std::sync::Arc;

use super::{Service, ServiceError};
use crate::call::Call;
use crate::domain::CallId;
use crate::store::OutboxStore as _;
use crate::store::PendingEvent;

impl Service {
    /// State of the events of a call; `None` if its client wants none.
    ///
    /// # Errors
    /// The store cannot serve.
    pub async fn delivery(&self, call: &Call) -> Result<Option<PendingEvent>, ServiceError> {
        // Most calls have no events, and the store is not asked for them.
        if call.reservation.callback_url.is_none() {
            return Ok(None);
        }
        Ok(self.0.engine.store.delivery(call.id).await?)
    }

    /// Sends the newest state of a call of `owner` again, whether it was received or given up.
    ///
    /// # Errors
    /// There is no such call, it has no `callback_url`, or the store cannot serve.
    pub async fn resend(&self, owner: &str, id: CallId) -> Result<Arc<Call>, ServiceError> {
        let call = self.get(owner, id).await?;
        if call.reservation.callback_url.is_none() {
            return Err(ServiceError::NoCallbackUrl);
        }
        let is_sent = self.0.engine.store.resend(id, self.now()).await?;
        if is_sent {
            Ok(call)
        } else {
            Err(ServiceError::NotFound)
        }
    }
}
