//! Translates what Twilio says about a call into the terms of the state machine. It is the one
//! place for that: webhooks and look-ups use the same mapping.

use std::time::Duration;

use crate::call::{AttemptRef, CarrierStatus, Closing, Event, FinalStatus, LookupResult};
use crate::twilio::CallStatus;
use crate::twilio::client::CallResource;
use crate::twilio::webhook::StatusCallback;

/// The progress of a connection by a status of Twilio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallProgress {
    /// It is not over, and got so far.
    Live(CarrierStatus),
    /// It is over.
    Final(FinalStatus),
}

impl CallProgress {
    const fn of(status: CallStatus) -> Self {
        match status {
            CallStatus::Queued => Self::Live(CarrierStatus::Queued),
            CallStatus::Initiated => Self::Live(CarrierStatus::Initiated),
            CallStatus::Ringing => Self::Live(CarrierStatus::Ringing),
            CallStatus::InProgress => Self::Live(CarrierStatus::InProgress),
            CallStatus::Completed => Self::Final(FinalStatus::Completed),
            CallStatus::Busy => Self::Final(FinalStatus::Busy),
            CallStatus::NoAnswer => Self::Final(FinalStatus::NoAnswer),
            CallStatus::Failed => Self::Final(FinalStatus::Failed),
            CallStatus::Canceled => Self::Final(FinalStatus::Canceled),
        }
    }
}

/// The event of a status callback.
pub(super) fn event(on: AttemptRef, callback: &StatusCallback) -> Event {
    match CallProgress::of(callback.call_status) {
        CallProgress::Live(status) => Event::Reached(on, status),
        CallProgress::Final(how) => Event::Closed(
            on,
            Closing {
                how,
                sip_code: callback.sip_response_code,
                twilio_code: callback.error_code,
                duration_seconds: seconds(callback.call_duration),
            },
        ),
    }
}

/// The result of a look-up that found this call.
pub(super) fn found(attempt: u8, resource: &CallResource) -> LookupResult {
    let on = AttemptRef {
        attempt,
        sid: resource.sid,
    };
    match resource.status.map(CallProgress::of) {
        None => LookupResult::Unreachable,
        Some(CallProgress::Live(status)) => LookupResult::Live(on, status),
        Some(CallProgress::Final(how)) => LookupResult::Closed(
            on,
            Closing {
                how,
                sip_code: None,
                twilio_code: None,
                duration_seconds: seconds(resource.duration),
            },
        ),
    }
}

fn seconds(duration: Option<Duration>) -> Option<u32> {
    duration.and_then(|duration| u32::try_from(duration.as_secs()).ok())
}
