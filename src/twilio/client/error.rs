//! Errors of requests to Twilio: the possible effect of the request, and who can act.
//!
//! The variants of [`Error`] answer one question: can the call exist? Nothing here retries.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;

/// The underlying error. It names neither the account nor a call.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection (refused, DNS, TLS, its time limit): no byte of the request was sent. Safe to
    /// repeat.
    #[error("Twilio could not be reached; the request was not sent")]
    NotSent(#[source] BoxError),
    /// Too many requests (429), or 503 with Twilio's code 20503: not processed. Safe to repeat,
    /// later.
    #[error("Twilio asks to try again later")]
    TryLater {
        /// How long Twilio asks to wait, when it says so; at most an hour.
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
        why: Why,
    },
}

impl Error {
    /// The refusal, when it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&TwilioRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::TryLater { .. } | Self::Unanswered { .. } => None,
        }
    }
}

/// Why a request counts as unanswered.
#[derive(Debug, thiserror::Error)]
pub enum Why {
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

impl Why {
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

    /// Whether a trial account's limits are the reason: a parameter it may not use (400 without a
    /// code of its own), or no trial number for the destination (572002). The first kind may
    /// succeed with [`NewCall::minimal`](super::NewCall::minimal).
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

    /// Whether the resource does not exist, or not for these credentials (404).
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        self.status == 404
    }

    /// Whether the call has ended, or is not live yet (21220).
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
                (Class::Unknown, _) => "Look the code up in Twilio's error dictionary.",
            })
    }
}

fn advice_for(code: u32) -> Option<&'static str> {
    Some(match code {
        10_001 | 20_005 => {
            "The Twilio account is not active: see its status and balance in the console."
        }
        10_004 | 22_005 => "Too many calls at once or in the queue: wait for others to end.",
        10_005 | 20_010 => "Calls are disabled for this Twilio account: ask Twilio's support.",
        20_003 => {
            "Check account SID, auth token, API key or OAuth client, and region; Twilio also says this of suspended accounts and \
             of an empty balance."
        }
        10_002 => "A trial account cannot do this: upgrade it in the Twilio console.",
        20_006 | 20_403 => {
            "These credentials may not place calls: check the API key's permissions in the console."
        }
        20_011 | 20_012 => "Twilio refuses the way this service encrypts its requests: update it.",
        20_101..=20_160 => {
            "Twilio takes the credentials for an access token: check TWILIO_API_KEY and its secret."
        }
        21_470 => "TWILIO_ACCOUNT_SID is not the account of these credentials.",
        20_008 => "These are test credentials: use the account's live ones.",
        20_404 => "There is no such resource in this account and region.",
        20_429 | 20_503 => "Twilio is busy: try again in a moment.",
        21_201 | 21_211 | 21_217 => {
            "Twilio does not take this for a phone number: check the number to call."
        }
        21_202 => "This is a premium-rate number, which the account may not call.",
        21_203 | 21_215 => {
            "Allow this country under Voice, Geographic permissions in the Twilio console, or call another number."
        }
        21_205 | 21_402 | 21_609 => {
            "Twilio does not accept our public URL: an operator must set TABLECALL_PUBLIC_URL to one that is reachable \
             from the internet, over https."
        }
        21_206 => {
            "Twilio does not accept the extension: digits, star, hash and w only, at most 32."
        }
        20_001 | 20_422 | 21_200 | 21_204 | 21_207 | 21_208 | 21_209 | 21_218 | 21_234 | 21_262
        | 21_263 | 21_626 | 32_018 | 32_019 => {
            "Twilio does not understand a parameter of this service: please report it with this code."
        }
        22_001 => {
            "Twilio kept the call in its queue for too long: lower TWILIO_CPS to what the account may start."
        }
        32_017 => {
            "The carrier blocks our number as a caller ID: use another, or register it for SHAKEN/STIR."
        }
        21_210 => {
            "The caller ID is not this account's: buy the number or verify it in the Twilio console."
        }
        21_212 | 21_213 => "The caller ID is not a phone number: check the configured from-number.",
        21_214 => "This number cannot be reached from Twilio.",
        21_216 => "Twilio blocks calls to this number.",
        21_219 => "A trial account may only call numbers that were verified in the Twilio console.",
        21_220 => "The call has ended already, or has not begun.",
        _ => return None,
    })
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

/// Twilio's title of an error code that a call can meet, over REST or in a webhook's `ErrorCode`.
#[must_use]
pub fn title(code: u32) -> Option<&'static str> {
    CODES.get(&code).map(|entry| entry.title.as_str())
}

#[derive(Deserialize)]
struct Catalogue {
    codes: Vec<CatalogueEntry>,
}

#[derive(Deserialize)]
struct CatalogueEntry {
    code: u32,
    title: String,
    retry: String,
}

/// Read once, at the first refusal; a test reads it whole, so that a broken file cannot be shipped.
static CODES: LazyLock<HashMap<u32, CatalogueEntry>> = LazyLock::new(|| {
    let catalogue: Result<Catalogue, _> = serde_json::from_str(include_str!("../error_codes.json"));
    catalogue.map_or_else(
        |_| HashMap::new(),
        |read| {
            read.codes
                .into_iter()
                .map(|entry| (entry.code, entry))
                .collect()
        },
    )
});

/// The body of an answer that is not a success; empty when it is HTML, as from Twilio's edge.
#[derive(Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub(super) code: Option<u32>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// Of a token endpoint (RFC 6749 section 5.2).
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

    /// Whether Twilio itself says that it did not process the request.
    pub(super) fn is_busy(&self) -> bool {
        self.code == Some(20_503)
    }
}

#[cfg(test)]
mod tests;
