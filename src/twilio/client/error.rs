//! Errors of requests to Twilio: the possible effect of the request, and who can act.
//!
//! The variants of [`TwilioError`] answer one question: can the call exist? Nothing here retries.

mod catalogue;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use catalogue::{CODES, advice_for};

pub use catalogue::title;

/// The underlying error. It names neither the account nor a call.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reason for which there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// No connection (refused, DNS, TLS, its time limit): no byte of the request was sent. Safe to
    /// repeat.
    #[error("Twilio could not be reached; the request was not sent")]
    NotSent(#[source] BoxError),
    /// Too many requests (429), or 503 with Twilio's code 20503: not processed. Safe to repeat,
    /// later.
    #[error("Twilio asks to try again later")]
    TryLater {
        /// Pause that Twilio asks for, if it does; at most an hour.
        retry_after: Option<Duration>,
        /// Twilio's code.
        code: Option<u32>,
    },
    /// Twilio understood and refused: nothing was done.
    #[error("Twilio refused the request")]
    Refused(#[source] TwilioRefusal),
    /// The request may have been carried out. A create must not be repeated: the call may exist.
    #[error("{}", why.consequence())]
    Unanswered {
        /// The cause.
        #[source]
        why: UnansweredCause,
    },
}

impl TwilioError {
    /// The refusal, when it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&TwilioRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::TryLater { .. } | Self::Unanswered { .. } => None,
        }
    }
}

/// Reason for which a request counts as unanswered.
#[derive(Debug, thiserror::Error)]
pub enum UnansweredCause {
    /// The time limit ran out.
    #[error("the time limit ran out")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] BoxError),
    /// A status that is neither success nor refusal: 5xx, or a redirect.
    #[error("the answer has status {0}")]
    Status(u16),
    /// A create was accepted, but its answer names no call as Twilio does: `CA` and 32 hexadecimal
    /// digits.
    #[error("the answer has no SID of Twilio's shape (CA and 32 hexadecimal digits)")]
    NoSid,
    /// Success, in words that cannot be read, or in too many.
    #[error("the answer cannot be read")]
    Unreadable,
    /// The next page is said to be somewhere else; nothing was sent there.
    #[error("the next page is not one of this account's")]
    ForeignPage,
}

impl UnansweredCause {
    /// The consequence for the request.
    const fn consequence(&self) -> &'static str {
        match self {
            Self::Timeout | Self::Broken(_) | Self::Status(_) | Self::Unreadable | Self::NoSid => {
                "Twilio did not answer; the request may have been carried out"
            }
            Self::ForeignPage => "Twilio's list continues at an address that may not be asked",
        }
    }
}

/// Twilio's refusal (Twilio, "Twilio's response", and the error dictionary).
///
/// Neither `Display` nor `Debug` shows the message: it may contain phone numbers, and errors end up
/// in logs.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}, code {}, {}", code.unwrap_or(0), code.and_then(title).unwrap_or("unknown"))]
pub struct TwilioRefusal {
    /// The HTTP status, 4xx.
    pub status: u16,
    /// Twilio's code; absent from answers that come from its edge.
    pub code: Option<u32>,
    /// Twilio's words, at most 500 characters; may contain phone numbers.
    pub message: String,
    /// The party that can act.
    pub class: Class,
    /// The error of RFC 6749, such as `invalid_client`, when the token of an OAuth client was
    /// refused.
    pub token_error: Option<&'static str>,
}

impl fmt::Debug for TwilioRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            code,
            class,
            token_error,
            message: _,
        } = self;
        f.debug_struct("TwilioRefusal")
            .field("status", status)
            .field("code", code)
            .field("class", class)
            .field("token_error", token_error)
            .finish_non_exhaustive()
    }
}

/// The party that can act after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// This request can never succeed as it is; another may.
    FixRequest,
    /// The account lacks something (credentials, permission, money, a verified number): no request
    /// of this kind succeeds before a person has seen to it.
    FixAccount,
    /// The same request may succeed later.
    TryLater,
    /// A code we do not know.
    Unknown,
}

/// The scope of a refusal beyond its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This request alone.
    Request,
    /// Every call from the same number.
    CallerId,
    /// Every call of the account.
    Account,
}

impl TwilioRefusal {
    pub(super) fn new(status: u16, body: ErrorBody) -> Self {
        let token_error = body.token_error();
        let ErrorBody {
            code,
            message,
            error: _,
        } = body;
        let message = message.unwrap_or_default().chars().take(500).collect();
        let mut refusal = Self {
            status,
            code,
            message,
            class: Class::Unknown,
            token_error,
        };
        refusal.class = if refusal.is_trial_limit() {
            Class::FixAccount
        } else {
            classify(status, code)
        };
        refusal
    }

    /// The refusal for a code alone, where Twilio's answer is not at hand any more.
    #[must_use]
    pub fn of_code(code: u32) -> Self {
        Self::new(
            400,
            ErrorBody {
                code: Some(code),
                message: None,
                error: serde_json::Value::Null,
            },
        )
    }

    /// The same as a refusal of an OAuth client. Nothing else of the account can be asked without a
    /// token, so it counts as Twilio's 20003, unless Twilio gives a code.
    pub(super) fn of_token(mut self, error: &'static str) -> Self {
        self.code = self.code.filter(|code| *code != 0).or(Some(20_003));
        self.class = Class::FixAccount;
        self.token_error = Some(error);
        self
    }

    /// The scope of the refusal: if it is a number or an account, other requests are refused too.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self.code.filter(|code| *code != 0) {
            _ if self.token_error.is_some() => Scope::Account,
            Some(code) if WHOLE_ACCOUNT.contains(&code) => Scope::Account,
            Some(21_210 | 21_212 | 21_213) => Scope::CallerId,
            Some(_) => Scope::Request,
            None if self.status == 401 => Scope::Account,
            None => Scope::Request,
        }
    }

    /// Returns whether a trial account's limits are the reason: a parameter it may not use (400
    /// without a code of its own), or no trial number for the destination (572002). The first kind
    /// may succeed with [`NewCall::minimal`](super::NewCall::minimal).
    #[must_use]
    pub fn is_trial_limit(&self) -> bool {
        let words = || {
            let message = self.message.to_ascii_lowercase();
            message.contains("trial account") && message.contains("parameter")
        };
        match self.code {
            Some(572_002) => true,
            None | Some(0) => words(),
            Some(_) => false,
        }
    }

    /// Returns whether the resource does not exist, or not for these credentials (404).
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        self.status == 404
    }

    /// Returns whether the call has ended, or is not live yet (21220).
    #[must_use]
    pub fn is_not_in_progress(&self) -> bool {
        self.code == Some(21_220)
    }

    /// Advice for operators.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        if self.token_error.is_some() {
            return "Twilio gives no token to this OAuth client: check TWILIO_OAUTH_CLIENT_ID and \
                    TWILIO_OAUTH_CLIENT_SECRET, and the client in the Twilio console.";
        }
        if self.is_trial_limit() {
            return "This is a trial account, which may use few parameters and destinations: upgrade it in the Twilio \
                    console.";
        }
        self.code
            .and_then(advice_for)
            .unwrap_or(match (self.class, self.status) {
                (Class::FixAccount, _) => {
                    "Look at the account in the Twilio console: something has to be enabled there."
                }
                (Class::TryLater, _) => "Try again later.",
                (Class::FixRequest, _) => {
                    "Change the request: Twilio will refuse it again as it is."
                }
                (Class::Unknown, _) if self.code.is_none_or(|code| code == 0) => {
                    "Nothing can be looked up: see Twilio's message, if there is one, and the account in the Twilio \
                     console."
                }
                (Class::Unknown, _) => "Look the code up in Twilio's error dictionary.",
            })
    }
}

/// Codes that no other request can get past before somebody changed the account.
const ACCOUNT: [u32; 20] = [
    10_001, 10_002, 10_003, 10_005, 20_003, 20_005, 20_006, 20_008, 20_010, 20_011, 20_012, 20_403,
    21_202, 21_203, 21_210, 21_212, 21_213, 21_215, 21_219, 21_470,
];

/// Codes with which every call of the account is refused: credentials, suspension, an empty
/// balance.
const WHOLE_ACCOUNT: [u32; 11] = [
    10_001, 10_005, 20_003, 20_005, 20_006, 20_008, 20_010, 20_011, 20_012, 20_403, 21_470,
];

fn classify(status: u16, code: Option<u32>) -> Class {
    match code.filter(|code| *code != 0) {
        Some(code) if ACCOUNT.contains(&code) => Class::FixAccount,
        Some(code) => match CODES.get(&code).map(|entry| entry.retry.as_str()) {
            Some("no" | "conflict-recheck") => Class::FixRequest,
            Some(_) => Class::TryLater,
            None => Class::Unknown,
        },
        None if matches!(status, 401 | 403) => Class::FixAccount,
        None => Class::Unknown,
    }
}

/// The body of an answer that is not a success; empty when it is HTML, as from Twilio's edge.
#[derive(Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub(super) code: Option<u32>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// The error of a token endpoint (RFC 6749 section 5.2).
    #[serde(default)]
    error: serde_json::Value,
}

/// The errors of a token endpoint (RFC 6749 section 5.2).
const TOKEN_ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

impl ErrorBody {
    pub(super) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The error of a token endpoint, if this is one.
    fn token_error(&self) -> Option<&'static str> {
        let named = self.error.as_str()?;
        TOKEN_ERRORS.into_iter().find(|known| named == *known)
    }

    /// Returns whether Twilio itself says that it did not process the request.
    pub(super) fn is_busy(&self) -> bool {
        self.code == Some(20_503)
    }
}

#[cfg(test)]
mod tests;
