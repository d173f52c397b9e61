//! Reasons for which calls wait, and ends of calls: the closed lists that clients see.

use serde::{Deserialize, Serialize};

use super::words::words;

/// The reason why a queued call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WaitingFor {
    /// A free start (`TWILIO_CPS`).
    Slot,
    /// Call hours on the restaurant's clock.
    CallHours,
    /// `not_before` of the request.
    NotBefore,
    /// Another call to the same number.
    LiveCall,
    /// A limit on attempts.
    Limit,
    /// The pause before the next attempt.
    Retry,
    /// A restaurant that heard our message may call back.
    Callback,
    /// Twilio is not available.
    Carrier,
}

words!(WaitingFor {
    Slot => "slot",
    CallHours => "call_hours",
    NotBefore => "not_before",
    LiveCall => "live_call",
    Limit => "limit",
    Retry => "retry",
    Callback => "callback",
    Carrier => "carrier",
});

/// Reason of the end of an attempt (`ended_because` in the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ended {
    /// Staff accepted by key 1, or offered another time that the guest allowed.
    Confirmed,
    /// Key 2.
    Rejected,
    /// Staff offered a time that the guest did not allow.
    Countered,
    /// Key 9.
    OptedOut,
    /// The whole message was heard without a key.
    NoKey,
    /// Hung up before a key.
    HungUp,
    /// Busy.
    Busy,
    /// Nobody picked up within the ring time.
    NoAnswer,
    /// A mailbox or a fax.
    Machine,
    /// Twilio refused the create, and a retry cannot help.
    Refused,
    /// The number could not be reached.
    Unreachable,
    /// The client cancelled.
    Canceled,
    /// The process ended while the call waited in its memory.
    Shutdown,
    /// Its result never became known.
    Unknown,
    /// The carrier of the restaurant blocked the call as unwanted (SIP 607) or rejected it as
    /// suspected spam (SIP 608).
    Blocked,
    /// Somebody declined the call, or a carrier did in their place (SIP 603).
    Declined,
}

words!(Ended {
    Confirmed => "confirmed",
    Rejected => "rejected",
    Countered => "countered",
    OptedOut => "opted_out",
    NoKey => "no_key",
    HungUp => "hung_up",
    Busy => "busy",
    NoAnswer => "no_answer",
    Machine => "machine",
    Refused => "refused",
    Unreachable => "unreachable",
    Canceled => "canceled",
    Shutdown => "shutdown",
    Unknown => "unknown",
    Blocked => "blocked",
    Declined => "declined",
});

/// The outcome of a call (`outcome` in the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Staff confirmed the table.
    Confirmed,
    /// Staff declined.
    Rejected,
    /// Staff offered a time that the guest did not allow.
    Countered,
    /// Somebody picked up, but no key decided.
    NoResponse,
    /// Nobody picked up in any attempt.
    NoAnswer,
    /// Busy in the last attempt.
    Busy,
    /// A machine answered the last attempt.
    Machine,
    /// The call could not be placed.
    Failed,
    /// The client cancelled.
    Canceled,
    /// `give_up_at` passed.
    Expired,
    /// The restaurant asked not to be called.
    OptedOut,
    /// Its result never became known.
    Unknown,
}

words!(Outcome {
    Confirmed => "confirmed",
    Rejected => "rejected",
    Countered => "countered",
    NoResponse => "no_response",
    NoAnswer => "no_answer",
    Busy => "busy",
    Machine => "machine",
    Failed => "failed",
    Canceled => "canceled",
    Expired => "expired",
    OptedOut => "opted_out",
    Unknown => "unknown",
});
