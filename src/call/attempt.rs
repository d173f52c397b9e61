//! An attempt: one call at Twilio, with all that is known about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::carrier_status::{AccountTier, CarrierStatus, FinalStatus, Machine};
use super::outcome::Ended;
use crate::domain::{CallSid, Phone, millis};

/// One call at Twilio: one time that the restaurant's phone is made to ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u8,
    /// Our number from which it is made.
    pub from: Phone,
    /// The parameters that the account may use in a create.
    pub tier: AccountTier,
    /// Twilio's SID, once it is known.
    pub sid: Option<CallSid>,
    /// Carrier status of the connection.
    pub line: CarrierStatus,
    /// Key presses of the conversation that this service received.
    pub transcript: TranscriptCoverage,
    /// The goodbye was sent: no further key can come.
    pub farewell: bool,
    /// The result of answering-machine detection, if it is not a person.
    pub machine: Option<Machine>,
    /// A message was left, or may have been left; a second one is never left.
    pub message: bool,
    /// Reason of its end; `None` while it is in progress.
    pub ended: Option<Ended>,
    /// Twilio's final status.
    pub how: Option<FinalStatus>,
    /// Twilio's error code, when it refused.
    pub twilio_code: Option<u32>,
    /// The SIP response of the last callback, 200 for a call that was answered.
    pub sip_code: Option<u16>,
    /// Time at which the intent was saved.
    #[serde(with = "millis")]
    pub started_at: Timestamp,
    /// Time at which somebody picked up.
    #[serde(with = "millis::option")]
    pub answered_at: Option<Timestamp>,
    /// Time at which the line was closed.
    #[serde(with = "millis::option")]
    pub ended_at: Option<Timestamp>,
    /// Time for which the line was open, in whole seconds, as Twilio reports it.
    pub duration_seconds: Option<u32>,
}

/// Key presses of an attempt that this service received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TranscriptCoverage {
    /// None: the attempt was rebuilt from a ticket after pick-up, and no webhook of the
    /// conversation has arrived yet.
    None,
    /// All of them so far, received here or contained in a talk position.
    Full,
    /// All except the answer to `step`: Twilio fetched the document from the fallback URL, so a key
    /// press may have been lost with the process that received it.
    Missing {
        /// The step whose answer is missing.
        step: u8,
    },
}

impl Attempt {
    /// A new attempt whose intent is saved at `now`.
    #[must_use]
    pub const fn new(number: u8, from: Phone, now: Timestamp) -> Self {
        Self {
            number,
            from,
            tier: AccountTier::Full,
            sid: None,
            line: CarrierStatus::Asked,
            transcript: TranscriptCoverage::Full,
            farewell: false,
            machine: None,
            message: false,
            ended: None,
            how: None,
            twilio_code: None,
            sip_code: None,
            started_at: now,
            answered_at: None,
            ended_at: None,
            duration_seconds: None,
        }
    }
}
