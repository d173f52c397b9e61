//! The closed lists of label values. The last of a list stands for whatever is not in it.
//!
//! docs/metrics.md repeats them for people; tests/it/metrics.rs holds both together.

pub(super) const OTHER: &str = "other";

/// `kind` of a webhook.
pub const WEBHOOKS: &[&str] = &[
    "answer", "gather", "status", "machine", "fallback", "inbound", OTHER,
];
/// `outcome` of a verified webhook: taken note of, of no call of ours, or not served by our own
/// fault.
pub const HEARD: &[&str] = &["heard", "foreign", "failed"];
/// `outcome` of a call, as in the API.
pub const OUTCOMES: &[&str] = &[
    "confirmed",
    "rejected",
    "countered",
    "no_response",
    "no_answer",
    "busy",
    "machine",
    "failed",
    "canceled",
    "expired",
    "opted_out",
    "unknown",
];
/// `ended`: why an attempt ended, as in the API's `ended_because`.
pub const ENDS: &[&str] = &[
    "confirmed",
    "rejected",
    "countered",
    "opted_out",
    "no_key",
    "hung_up",
    "busy",
    "no_answer",
    "machine",
    "refused",
    "unreachable",
    "canceled",
    "shutdown",
    "unknown",
    "blocked",
    "declined",
];
/// `cause` of a refused signature.
pub const SIGNATURE_CAUSES: &[&str] = &[
    "missing",
    "doubled",
    "malformed",
    "mismatch",
    "unknown_key",
    "unknown_algorithm",
    OTHER,
];
/// `cause` of a request for a webhook that was not read: not POST, too slow, too long, broken off.
pub const UNREAD_CAUSES: &[&str] = &["method", "timeout", "too_large", "broken"];
/// `cause` of a ticket that is none.
pub const MALFORMED: &str = "malformed";
/// `cause` of a ticket that none of our keys opens.
pub const NO_KEY: &str = "no_key";
/// `cause` of a ticket that is too old.
pub const EXPIRED: &str = "expired";
/// `cause` of a ticket of another account's call.
pub const ACCOUNT: &str = "account";
/// `cause` of a signed webhook whose ticket cannot be used.
pub const TICKET_CAUSES: &[&str] = &[MALFORMED, NO_KEY, EXPIRED, ACCOUNT];
/// `operation` of a request to Twilio.
pub const OPERATIONS: &[&str] = &["create", "fetch", "update", "list", "events", OTHER];
/// `result` of a request to Twilio.
pub const RESULTS: &[&str] = &[
    "ok",
    "refused",
    "rate_limited",
    "server_error",
    "timeout",
    "connect",
    "broken",
    "unreadable",
    OTHER,
];
/// `code` of an error of Twilio's: those that a create to a number can meet.
pub const TWILIO_CODES: [u32; 34] = [
    10_001, 10_002, 10_004, 10_005, 20_001, 20_003, 20_005, 20_006, 20_008, 20_010, 20_403, 20_404,
    20_429, 20_503, 21_200, 21_201, 21_202, 21_203, 21_205, 21_206, 21_208, 21_210, 21_211, 21_212,
    21_213, 21_214, 21_215, 21_216, 21_217, 21_219, 21_263, 21_470, 21_626, 22_005,
];
/// `status` of a call, as in the API.
pub const STATUSES: &[&str] = &["queued", "dialing", "ringing", "in_progress", "finished"];
/// `waiting_for` of a queued call, as in the API; `none`: its turn has come.
pub const WAITS: &[&str] = &[
    "slot",
    "call_hours",
    "not_before",
    "live_call",
    "limit",
    "retry",
    "callback",
    "carrier",
    "none",
];
/// `part` that `/readyz` can name as not well.
pub const PARTS: &[&str] = &[
    "twilio",
    "caller_id",
    "calls",
    "store",
    "do_not_call",
    "public_url",
    OTHER,
];
/// `operation` of a request to the shared store.
pub const STORE_OPERATIONS: &[&str] = &[
    "load",
    "save",
    "due",
    "list",
    "numbers",
    "limits",
    "opt_outs",
    "idempotency",
    "events",
    OTHER,
];
/// `cause` of a request to the shared store that failed.
pub const STORE_CAUSES: &[&str] = &[
    "unreachable",
    "timeout",
    "refused",
    "unreadable",
    "full",
    OTHER,
];
/// `result` of sending an event to a client.
pub const EVENT_RESULTS: &[&str] = &["sent", "retried", "given_up"];
/// `status` of an answer; anything else is `other`.
pub(super) const CODES: [u16; 20] = [
    200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 502, 503,
    504,
];
