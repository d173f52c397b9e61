//! One shape for every error: RFC 9457 `application/problem+json` with a code from a closed list.
//!
//! Use cases know nothing of statuses; this is the only place where an error gets one.

mod code;

use std::fmt;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::policy::Allowance;
use crate::service::{self, intake::FieldError};
use crate::store;
use crate::telemetry;
use crate::twilio::client::TwilioRefusal;

pub use self::code::Code;

/// An error on its way out; it becomes a problem at the edge, where the request's id is known.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its code.
    pub code: Code,
    /// The fault of this very request, for people.
    pub detail: String,
    errors: Vec<FieldError>,
    more: Vec<(&'static str, Value)>,
    retry_after: Option<u32>,
    allowance: Option<Allowance>,
}

/// The headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10:
/// structured fields).
#[must_use]
pub fn rate_limit(allowance: &Allowance) -> (String, String) {
    let Allowance {
        most,
        left,
        window,
        more_in,
    } = allowance;
    let more_in = more_in
        .map(|seconds| format!(";t={seconds}"))
        .unwrap_or_default();
    (
        format!("\"key_minute\";q={most};w={window}"),
        format!("\"key_minute\";r={left}{more_in}"),
    )
}

impl Failure {
    /// A failure with a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Vec::new(),
            retry_after: None,
            allowance: None,
        }
    }

    /// The same with a number of seconds after which it is worth trying again.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The same with what a limit leaves to the caller.
    #[must_use]
    pub fn within(self, allowance: Option<Allowance>) -> Self {
        Self { allowance, ..self }
    }

    /// The wrong fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The call that stands in the way.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        let (_, id) = self.more.iter().find(|(name, _)| *name == "call_id")?;
        id.as_str()
    }

    /// The problem as JSON.
    #[must_use]
    pub fn body(&self, request_id: &str) -> Value {
        let (word, status, title) = (self.code.word(), self.code.status(), self.code.title());
        let mut body = json!({
            "type": format!("/docs#{word}"), "title": title, "status": status.as_u16(), "detail": self.detail,
            "code": word, "request_id": request_id,
        });
        if !self.errors.is_empty() {
            let error = |error: &FieldError| json!({"field": error.field, "code": error.code, "message": error.message});
            body["errors"] = self.errors.iter().map(error).collect();
        }
        for (name, value) in &self.more {
            body[*name] = value.clone();
        }
        body
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response {
        let status = self.code.status();
        let body = self.body(request_id);
        let mut response = body.to_string().into_response();
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthorized {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"tablecall\""),
            );
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((policy, left)) = self.allowance.as_ref().map(rate_limit) {
            for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
                headers.extend(
                    HeaderValue::from_str(&value)
                        .map(|value| (HeaderName::from_static(name), value)),
                );
            }
        }
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.word())
    }
}

impl std::error::Error for Failure {}

impl poem::error::ResponseError for Failure {
    fn status(&self) -> StatusCode {
        self.code.status()
    }
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        use service::Error;
        match error {
            Error::NotFound => Self::new(
                Code::CallNotFound,
                "There is no call with this id for this key.",
            ),
            Error::Invalid(errors) => {
                let count = errors.len();
                let detail = if count == 1 {
                    "One field is wrong.".to_owned()
                } else {
                    format!("{count} fields are wrong.")
                };
                Self {
                    errors,
                    ..Self::new(Code::InvalidRequest, detail)
                }
            }
            Error::Refused(refusal) => refused(refusal),
            Error::TimezoneNeeded(zones) => Self {
                more: vec![("timezones", json!(zones))],
                ..refused(crate::policy::Refusal::TimezoneNeeded)
            },
            Error::Starting => Self {
                retry_after: Some(2),
                ..Self::new(
                    Code::Unavailable,
                    "This process does not know yet which calls are under way: it asks Twilio first. /readyz tells what \
                     is in the way.",
                )
            },
            Error::IdempotencyMismatch => Self::new(
                Code::IdempotencyMismatch,
                "Use another Idempotency-Key for another request.",
            ),
            Error::CallFinished => Self::new(Code::CallFinished, "It can no longer be cancelled."),
            Error::NoOffer => Self::new(
                Code::NoOffer,
                "The call is not finished, or its restaurant offered no other time.",
            ),
            Error::NoCallbackUrl => Self::new(
                Code::NoCallbackUrl,
                "Nobody wants events of this call: it was made without a callback_url.",
            ),
            Error::Twilio(refusal) => twilio(&refusal),
            Error::Unavailable(store::Error::Full) => Self {
                retry_after: Some(30),
                ..Self::new(
                    Code::Unavailable,
                    "As many calls are open as this service can hold.",
                )
            },
            Error::Unavailable(store::Error::Away) => Self {
                retry_after: Some(5),
                ..Self::new(
                    Code::Unavailable,
                    "The shared store cannot be used now; /readyz says why. Calls under way go on; new ones can be made once it is back.",
                )
            },
            Error::Unavailable(store::Error::Unreadable) | Error::Internal => Self::new(
                Code::InternalError,
                "The request was not carried out. Please try again.",
            ),
        }
    }
}

/// The code of a problem with which policy refuses a request.
pub(super) const fn code_of(refusal: &crate::policy::Refusal) -> Code {
    use crate::policy::Refusal;
    match refusal {
        Refusal::NumberKind(_) | Refusal::UnknownNumber => Code::NumberTypeNotAllowed,
        Refusal::OwnNumber => Code::OwnNumber,
        Refusal::Country => Code::CountryNotAllowed,
        Refusal::OptedOut => Code::OptedOut,
        Refusal::TooLate => Code::TooLate,
        Refusal::RestaurantClosed => Code::RestaurantClosed,
        Refusal::TimezoneNeeded => Code::TimezoneNeeded,
        Refusal::Duplicate(_) => Code::DuplicateCall,
        Refusal::NumberLimit { .. } => Code::NumberLimit,
        Refusal::KeyLimit { .. } => Code::KeyLimit,
        Refusal::ServiceLimit { .. } => Code::ServiceLimit,
    }
}

fn refused(refusal: crate::policy::Refusal) -> Failure {
    use crate::policy::Refusal;
    let code = code_of(&refusal);
    let whole = || Failure::new(code, format!("{}.", sentence(&refusal.to_string())));
    let field = match refusal {
        Refusal::Duplicate(id) => {
            return Failure {
                more: vec![("call_id", json!(id.to_string()))],
                ..whole()
            };
        }
        Refusal::NumberLimit { retry_after }
        | Refusal::KeyLimit { retry_after }
        | Refusal::ServiceLimit { retry_after } => return whole().after(retry_after),
        Refusal::NumberKind(_)
        | Refusal::UnknownNumber
        | Refusal::OwnNumber
        | Refusal::Country
        | Refusal::OptedOut => "phone",
        Refusal::TooLate => "give_up_at",
        Refusal::RestaurantClosed => "opening_hours",
        Refusal::TimezoneNeeded => "timezone",
    };
    let error = FieldError {
        field: field.to_owned(),
        code: refusal.code(),
        message: refusal.to_string(),
    };
    Failure {
        errors: vec![error],
        ..Failure::new(code, format!("{refusal}."))
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn twilio(refusal: &TwilioRefusal) -> Failure {
    let code = refusal.code.map_or_else(
        || "without a code".to_owned(),
        |code| format!("with code {code}"),
    );
    let detail = format!("Twilio refused the call {code}. {}", refusal.advice());
    let more = vec![
        ("twilio_code", json!(refusal.code)),
        ("twilio_message", json!(masked(&refusal.message))),
    ];
    Failure {
        more,
        ..Failure::new(Code::CallRefused, detail)
    }
}

/// Twilio's words without the numbers in them: a problem may end up in a client's log.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.trim_start_matches('+');
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(rest.len() - digits.len() + length);
        if length >= 7 {
            masked.push_str(&telemetry::phone(number).to_string());
        } else {
            masked.push_str(number);
        }
        if number.is_empty() {
            masked.push(first);
        }
        rest = if number.is_empty() {
            &after[first.len_utf8()..]
        } else {
            after
        };
    }
    masked
}

/// Turns an error of the framework into a problem.
pub(super) fn of_framework(error: &poem::Error) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    let code = match error.status() {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_client_error() => Code::BadRequest,
        _ => Code::InternalError,
    };
    Failure::new(code, detail_of(code))
}

/// The detail for errors that the framework does not explain.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the framework reports these only; a later code gets the last line"
)]
const fn detail_of(code: Code) -> &'static str {
    match code {
        Code::NotFound => "There is nothing at this path. The API is described at /docs.",
        Code::MethodNotAllowed => "This path knows other methods; see the header Allow.",
        Code::RequestTimeout => "The body did not arrive in time.",
        Code::PayloadTooLarge => "The body must have at most 64 KiB.",
        Code::UnsupportedMediaType => "Send the body as application/json.",
        Code::Unavailable => "The request took too long.",
        Code::BadRequest => "The request could not be read.",
        _ => "The request was not carried out. Please try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twilios_words_are_told_without_numbers() {
        let told = masked(
            "The number +14155552671 is unverified: ask for 4155552671, not for 21219 (+44). Ñ",
        );
        assert_eq!(
            told,
            "The number +1******2671 is unverified: ask for ******, not for 21219 (+44). Ñ"
        );
        for text in ["", "+", "++", "a+1", "12345678", "+1234567890123456789"] {
            assert!(!masked(text).contains("2345678"), "{text}");
        }
    }

    #[test]
    fn what_the_listener_and_the_framework_report_has_a_code() {
        use crate::http::listener::{TooSlow, body::BodyError};
        let broken = || BodyError::Broken(std::io::Error::other("gone"));
        let status = |status| poem::Error::from_status(status);
        for (error, code) in [
            (BodyError::TooSlow.into(), Code::RequestTimeout),
            (
                BodyError::TooLong { limit: 1 }.into(),
                Code::PayloadTooLarge,
            ),
            (broken().into(), Code::BadRequest),
            (TooSlow.into(), Code::Unavailable),
            (status(StatusCode::NOT_FOUND), Code::NotFound),
            (
                status(StatusCode::METHOD_NOT_ALLOWED),
                Code::MethodNotAllowed,
            ),
            (
                status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
                Code::UnsupportedMediaType,
            ),
            (status(StatusCode::IM_A_TEAPOT), Code::BadRequest),
            (
                status(StatusCode::INSUFFICIENT_STORAGE),
                Code::InternalError,
            ),
        ] {
            assert_eq!(of_framework(&error).code, code, "{error}");
        }
    }

    #[tokio::test]
    async fn a_problem_names_fields_and_request() {
        let errors = vec![FieldError {
            field: "name".to_owned(),
            code: "empty",
            message: "must not be empty".to_owned(),
        }];
        let response = Failure::from(service::Error::Invalid(errors)).into_response("req-1");
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.content_type(), Some("application/problem+json"));
        let body: Value = response.into_body().into_json().await.unwrap();
        assert_eq!(body["errors"][0]["field"], "name");
        assert_eq!(
            (&body["code"], &body["request_id"]),
            (&json!("invalid_request"), &json!("req-1"))
        );
    }
}
