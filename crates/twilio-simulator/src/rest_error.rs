//! Twilio's refusals on the REST side: status, code and literal message. It decides
//! nothing.

use http::StatusCode;
use serde_json::{Value, json};

/// The code of what does not work here. Twilio has no code above 700000.
pub(super) const UNSUPPORTED: u32 = 999_001;

/// One refusal; its `Display` is the literal message that Twilio sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RestError {
    #[error("Authenticate")]
    Unauthenticated,
    #[error("The requested resource {0} was not found")]
    NotFound(String),
    #[error("Method not allowed")]
    MethodNotAllowed,
    #[error("Too Many Requests")]
    TooManyRequests,
    #[error("An internal server error has occurred")]
    Internal,
    #[error("Service unavailable")]
    Unavailable,
    #[error("Page size must be between 1 and 1000")]
    PageSize,
    #[error("Cannot delete this resource before it is complete")]
    NotComplete,
    #[error("No 'To' number is specified")]
    NoTo,
    #[error("No 'From' number is specified")]
    NoFrom,
    /// A resource of Twilio that does not exist here.
    #[error("The simulator does not support {0}")]
    Unsupported(String),
    #[error("ApplicationSid is not valid: {0}")]
    BadApplication(String),
    #[error("The simulator was told to refuse this")]
    Configured(StatusCode, u32),
    #[error("Url is not a valid URL: {0}")]
    BadUrl(String),
    #[error("SendDigits is not valid: {0}")]
    BadSendDigits(String),
    #[error("Timeout is not a valid number: {0}")]
    BadTimeout(String),
    #[error("Method must be GET or POST: {0}")]
    BadMethod(String),
    #[error(
        "The source phone number provided, {0}, is not yet verified for your account. You may only make calls from \
         phone numbers that you've verified or purchased from Twilio."
    )]
    FromNotOurs(String),
    #[error("The 'To' number {0} is not a valid phone number.")]
    BadTo(String),
    #[error("The 'From' number {0} is not a valid phone number.")]
    BadFrom(String),
    #[error("To number: {0}, cannot be reached")]
    Unreachable(String),
    #[error(
        "Account not authorized to call {0}. Perhaps you need to enable some international permissions: \
         https://www.twilio.com/console/voice/calls/geo-permissions/low-risk"
    )]
    NotPermitted(String),
    #[error("Account not allowed to call {0}")]
    NotAllowed(String),
    #[error("The phone number you are attempting to call, {0}, is not valid.")]
    InvalidNumber(String),
    #[error("Call is not in-progress. Cannot redirect.")]
    NotInProgress,
    #[error("StatusCallback is not a valid URL: {0}")]
    BadStatusCallback(String),
    #[error("Invalid {0}")]
    BadParameter(&'static str),
    #[error("{0} is out of range")]
    BadDetection(&'static str),
    #[error("Twiml is longer than 4000 characters")]
    TwimlTooLong,
    #[error(
        "Invalid or disallowed parameters provided - trial accounts have limited parameter access, upgrade your \
         account to unlock full functionality"
    )]
    TrialParameter,
}

impl RestError {
    const fn numbers(&self) -> (StatusCode, u32) {
        match self {
            Self::Configured(status, code) => (*status, *code),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, 20_003),
            Self::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, UNSUPPORTED),
            Self::BadApplication(_) => (StatusCode::BAD_REQUEST, 21_218),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, 20_404),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, 20_004),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, 20_429),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, 20_500),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 20_503),
            Self::PageSize => (StatusCode::BAD_REQUEST, 20_007),
            Self::NotComplete => (StatusCode::BAD_REQUEST, 20_009),
            Self::NoTo => (StatusCode::BAD_REQUEST, 21_201),
            Self::NoFrom => (StatusCode::BAD_REQUEST, 21_213),
            Self::BadUrl(_) => (StatusCode::BAD_REQUEST, 21_205),
            Self::BadSendDigits(_) => (StatusCode::BAD_REQUEST, 21_206),
            Self::BadTimeout(_) => (StatusCode::BAD_REQUEST, 21_208),
            Self::BadMethod(_) => (StatusCode::BAD_REQUEST, 21_209),
            Self::FromNotOurs(_) => (StatusCode::BAD_REQUEST, 21_210),
            Self::BadTo(_) => (StatusCode::BAD_REQUEST, 21_211),
            Self::BadFrom(_) => (StatusCode::BAD_REQUEST, 21_212),
            Self::Unreachable(_) => (StatusCode::BAD_REQUEST, 21_214),
            Self::NotPermitted(_) => (StatusCode::BAD_REQUEST, 21_215),
            Self::NotAllowed(_) => (StatusCode::BAD_REQUEST, 21_216),
            Self::InvalidNumber(_) => (StatusCode::BAD_REQUEST, 21_217),
            Self::NotInProgress => (StatusCode::BAD_REQUEST, 21_220),
            Self::BadStatusCallback(_) => (StatusCode::BAD_REQUEST, 21_609),
            Self::BadParameter(_) => (StatusCode::BAD_REQUEST, 20_001),
            Self::BadDetection(_) => (StatusCode::BAD_REQUEST, 21_234),
            Self::TwimlTooLong => (StatusCode::BAD_REQUEST, 32_018),
            Self::TrialParameter => (StatusCode::BAD_REQUEST, 0),
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.numbers().0
    }

    pub(super) fn body(&self) -> Value {
        let (status, code) = self.numbers();
        json!({
            "code": code,
            "message": self.to_string(),
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
            "status": status.as_u16(),
        })
    }
}
