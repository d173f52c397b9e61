//! The one message that may be left on a machine.

use super::ServiceError;
use super::dialler::Dialler;
use crate::call::{Call, Event};
use crate::domain::CallSid;
use crate::twilio::client::{CallUpdate, TwilioError};

impl Dialler {
    /// Puts the message in the place of the talk; a line that cannot be used for it is closed.
    pub(super) async fn leave_message(
        &self,
        call: &Call,
        attempt: u8,
        on: CallSid,
    ) -> Result<(), ServiceError> {
        let twiml = self.speech.voicemail(
            &self
                .settings
                .render_context(&call.reservation, self.engine.now()),
        );
        let update = CallUpdate::Twiml(twiml);
        let left = match self.twilio.update(on, &update).await {
            Ok(_) => true,
            Err(TwilioError::Unanswered { why }) => {
                tracing::warn!(call.id = %call.id, attempt, why = %why, "it is not known whether a message was left");
                true
            }
            Err(
                error @ (TwilioError::Refused(_)
                | TwilioError::NotSent(_)
                | TwilioError::TryLater { .. }),
            ) => {
                tracing::warn!(call.id = %call.id, attempt, error = &error as &dyn std::error::Error, "no message could be left");
                false
            }
        };
        self.engine
            .send(call, Event::Message { attempt, left })
            .await?;
        if left {
            Ok(())
        } else {
            self.update(call, attempt, on, &CallUpdate::Complete).await
        }
    }
}
