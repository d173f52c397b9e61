//! The problem codes, as a closed list: word, status, description, and advice to the client.

use poem::http::StatusCode;

/// The code of a problem, for programs. The list is part of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body is not JSON.
    BadJson,
    /// The request is malformed in another way.
    BadRequest,
    /// No key, or a wrong one.
    Unauthorized,
    /// Too many wrong keys came from the same address.
    TooManyWrongKeys,
    /// There is nothing at this path.
    NotFound,
    /// There is no such call for this key.
    CallNotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// The same reservation is being asked for already.
    DuplicateCall,
    /// The call is decided or finished.
    CallFinished,
    /// The reservation is not confirmed: there is nothing to put in a calendar.
    NotConfirmed,
    /// No time was offered that could be taken.
    NoOffer,
    /// The call has no `callback_url`, so there are no events to send.
    NoCallbackUrl,
    /// The body is too long.
    PayloadTooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// Fields are wrong; `errors` says which.
    InvalidRequest,
    /// The key was used for another request.
    IdempotencyMismatch,
    /// This kind of number is not called.
    NumberTypeNotAllowed,
    /// It is our own number.
    OwnNumber,
    /// Numbers of this country are not called.
    CountryNotAllowed,
    /// This number asked not to be called.
    OptedOut,
    /// No allowed moment is left.
    TooLate,
    /// The restaurant is closed whenever it might be called.
    RestaurantClosed,
    /// The number does not determine the restaurant's time zone; `timezones` are the possible ones.
    TimezoneNeeded,
    /// The number was rung often enough for now.
    NumberLimit,
    /// The key has made as many calls as it may in a minute.
    KeyLimit,
    /// The service has made as many calls as it may in a day.
    ServiceLimit,
    /// Twilio refused to place the call; `twilio_code` says why.
    CallRefused,
    /// Our fault.
    InternalError,
    /// The service takes no more work now.
    Unavailable,
}

impl Code {
    /// Every code, in the order of the document.
    pub const ALL: [Self; 30] = [
        Self::BadJson,
        Self::BadRequest,
        Self::Unauthorized,
        Self::TooManyWrongKeys,
        Self::NotFound,
        Self::CallNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::DuplicateCall,
        Self::CallFinished,
        Self::NotConfirmed,
        Self::NoOffer,
        Self::NoCallbackUrl,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::IdempotencyMismatch,
        Self::NumberTypeNotAllowed,
        Self::OwnNumber,
        Self::CountryNotAllowed,
        Self::OptedOut,
        Self::TooLate,
        Self::RestaurantClosed,
        Self::TimezoneNeeded,
        Self::NumberLimit,
        Self::KeyLimit,
        Self::ServiceLimit,
        Self::CallRefused,
        Self::InternalError,
        Self::Unavailable,
    ];

    /// The codes of requests that policy refuses.
    pub const OF_POLICY: [Self; 10] = [
        Self::NumberTypeNotAllowed,
        Self::OwnNumber,
        Self::CountryNotAllowed,
        Self::OptedOut,
        Self::TooLate,
        Self::RestaurantClosed,
        Self::DuplicateCall,
        Self::NumberLimit,
        Self::KeyLimit,
        Self::ServiceLimit,
    ];

    /// The word, the status and the title.
    const fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadJson => ("bad_json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::BadRequest => (
                "bad_request",
                StatusCode::BAD_REQUEST,
                "The request is malformed",
            ),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "A key is needed"),
            Self::TooManyWrongKeys => (
                "too_many_wrong_keys",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong keys from this address",
            ),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is nothing here"),
            Self::CallNotFound => (
                "call_not_found",
                StatusCode::NOT_FOUND,
                "There is no such call",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Wrong method",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The request came too slowly",
            ),
            Self::DuplicateCall => (
                "duplicate_call",
                StatusCode::CONFLICT,
                "This reservation is being asked for already",
            ),
            Self::CallFinished => (
                "call_finished",
                StatusCode::CONFLICT,
                "The call is decided or finished",
            ),
            Self::NotConfirmed => (
                "not_confirmed",
                StatusCode::CONFLICT,
                "The reservation is not confirmed",
            ),
            Self::NoOffer => ("no_offer", StatusCode::CONFLICT, "No time was offered"),
            Self::NoCallbackUrl => (
                "no_callback_url",
                StatusCode::CONFLICT,
                "The call has no callback_url",
            ),
            Self::PayloadTooLarge => (
                "payload_too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too long",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json",
            ),
            Self::InvalidRequest => (
                "invalid_request",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Fields are wrong",
            ),
            Self::IdempotencyMismatch => (
                "idempotency_mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key was used for another request",
            ),
            Self::NumberTypeNotAllowed => (
                "number_type_not_allowed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This kind of number is not called",
            ),
            Self::OwnNumber => (
                "own_number",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This is the service's own number",
            ),
            Self::CountryNotAllowed => (
                "country_not_allowed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Numbers of this country are not called",
            ),
            Self::OptedOut => (
                "opted_out",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This number asked not to be called",
            ),
            Self::TooLate => (
                "too_late",
                StatusCode::UNPROCESSABLE_ENTITY,
                "No allowed moment is left",
            ),
            Self::RestaurantClosed => (
                "restaurant_closed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The restaurant is closed whenever it might be called",
            ),
            Self::TimezoneNeeded => (
                "timezone_needed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The restaurant's time zone is needed",
            ),
            Self::NumberLimit => (
                "number_limit",
                StatusCode::TOO_MANY_REQUESTS,
                "This number was called often enough for now",
            ),
            Self::KeyLimit => (
                "key_limit",
                StatusCode::TOO_MANY_REQUESTS,
                "This key makes too many calls",
            ),
            Self::ServiceLimit => (
                "service_limit",
                StatusCode::TOO_MANY_REQUESTS,
                "This service has made its calls of the day",
            ),
            Self::CallRefused => (
                "call_refused",
                StatusCode::BAD_GATEWAY,
                "Twilio refused the call",
            ),
            Self::InternalError => (
                "internal_error",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something failed on our side",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Try again later",
            ),
        }
    }

    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().1
    }

    /// The title, the same for every problem with this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// Advice to the client. The `type` of a problem leads to this sentence.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::BadJson => {
                "Send one JSON object; the detail names the line and the column where it breaks."
            }
            Self::BadRequest => "The detail says which part of the request cannot be read.",
            Self::Unauthorized => {
                "Send a key of TABLECALL_API_KEYS as Authorization: Bearer SECRET."
            }
            Self::TooManyWrongKeys => {
                "Wait as long as Retry-After says, or send the right key: that is always served."
            }
            Self::NotFound => "The paths there are stand above.",
            Self::CallNotFound => {
                "The id is unknown, was made with another key, or the call is no longer held (TABLECALL_RETENTION)."
            }
            Self::MethodNotAllowed => "The header Allow names the methods of this path.",
            Self::RequestTimeout => {
                "Send the body within ten seconds. Repeating is harmless with an Idempotency-Key."
            }
            Self::DuplicateCall => "Follow the call named by call_id, or cancel it first.",
            Self::CallFinished => "The restaurant has decided, or the call is over: read the call.",
            Self::NotConfirmed => "Ask again once the outcome is confirmed.",
            Self::NoOffer => {
                "Only a finished call whose outcome is countered has a time to take: read the call."
            }
            Self::NoCallbackUrl => "Name a callback_url when you ask for the call.",
            Self::PayloadTooLarge => "A body has at most 64 KiB.",
            Self::UnsupportedMediaType => {
                "Send Content-Type: application/json, and no Content-Encoding."
            }
            Self::InvalidRequest => "errors names each wrong field, its code and its rule.",
            Self::IdempotencyMismatch => {
                "A key stands for one request: send another key with another request."
            }
            Self::NumberTypeNotAllowed => {
                "Give the landline or mobile of the restaurant; TABLECALL_NUMBER_KINDS opens other kinds."
            }
            Self::OwnNumber => "Give the number of the restaurant, not one of this service.",
            Self::CountryNotAllowed => {
                "The operator names the countries in TABLECALL_ALLOWED_COUNTRIES."
            }
            Self::OptedOut => "The restaurant asked not to be called: phone it yourself.",
            Self::TooLate => {
                "Between not_before and give_up_at there is no hour at which it may be rung."
            }
            Self::RestaurantClosed => {
                "Correct opening_hours or give a later give_up_at: it rings from an hour before opening on."
            }
            Self::TimezoneNeeded => {
                "Give the restaurant's zone as timezone; timezones lists the possible ones."
            }
            Self::NumberLimit | Self::ServiceLimit => "Wait as long as Retry-After says.",
            Self::KeyLimit => {
                "Wait as long as Retry-After says; RateLimit tells ahead how many creates are left."
            }
            Self::CallRefused => {
                "twilio_code is Twilio's reason, and the detail says what to do about it."
            }
            Self::InternalError => "Try again; if it stays, tell the operator the request_id.",
            Self::Unavailable => "Wait as long as Retry-After says, and try again.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        let words: std::collections::BTreeSet<_> =
            Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(
            words
                .iter()
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
    }

    #[test]
    fn each_code_has_a_sentence_of_advice() {
        for code in Code::ALL {
            assert!(
                code.advice().ends_with('.') && code.advice().len() < 120,
                "{}",
                code.word()
            );
            assert!(!code.title().ends_with('.'), "{}", code.word());
        }
    }
}
