//! One shape for every error: RFC 9457 `application/problem+json` with a code from a closed list.
//!
//! Use cases know nothing of statuses; this is the only place where an error gets one.

mod code;
mod of_service;

use std::fmt;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::policy::Allowance;
use crate::service::intake::FieldError;

pub use self::code::Code;
pub(super) use of_service::code_of;

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
    use crate::service;

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
        let response = Failure::from(service::ServiceError::Invalid(errors)).into_response("req-1");
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
