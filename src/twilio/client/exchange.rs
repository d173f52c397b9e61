//! One request and its answer: sends it, reads it, and says what it means.
//!
//! This is the only place that judges whether a request can have had an effect.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy;

use super::connection::{self, Http};
use super::deadline_body::DeadlineBody;
use super::error::{ErrorBody, TwilioError, TwilioRefusal, UnansweredCause};

/// An answer is read up to this many bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Sends one request.
pub(super) async fn send(
    http: &Http,
    method: Method,
    url: Uri,
    authorization: Option<HeaderValue>,
    body: DeadlineBody,
) -> Result<Response<Incoming>, TwilioError> {
    let mut request = Request::new(body);
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(connection::USER_AGENT));
    if method == Method::POST {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
    }
    (*request.method_mut(), *request.uri_mut()) = (method, url);
    http.request(request).await.map_err(unsent_or_unanswered)
}

/// Distinguishes failures without effect from those that may have had one. A request is on its way
/// as soon as there is a connection, so only failures to connect are harmless.
fn unsent_or_unanswered(error: legacy::Error) -> TwilioError {
    if error.is_connect() {
        TwilioError::NotSent(error.into())
    } else {
        TwilioError::Unanswered {
            why: UnansweredCause::Broken(error.into()),
        }
    }
}

/// Reads an answer and says what it means.
pub(super) async fn judge(answer: Response<Incoming>) -> Result<Vec<u8>, TwilioError> {
    let status = answer.status();
    let retry_after = retry_after(&answer);
    let body = read(answer).await;
    if status.is_success() {
        return body;
    }
    // A body that cannot be read does not change the meaning of the status.
    let refusal = ErrorBody::parse(&body.unwrap_or_default());
    if status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::SERVICE_UNAVAILABLE && refusal.is_busy())
    {
        return Err(TwilioError::TryLater {
            retry_after,
            code: refusal.code,
        });
    }
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        return Err(TwilioError::Refused(TwilioRefusal::new(
            status.as_u16(),
            refusal,
        )));
    }
    Err(TwilioError::Unanswered {
        why: UnansweredCause::Status(status.as_u16()),
    })
}

/// No answer keeps us waiting for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Only seconds are read: Twilio sends no dates here, and a date would need a clock.
fn retry_after<T>(answer: &Response<T>) -> Option<Duration> {
    let seconds = answer
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

async fn read(answer: Response<Incoming>) -> Result<Vec<u8>, TwilioError> {
    let announced = answer
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut read = Vec::with_capacity(announced.unwrap_or(0).min(MAX_ANSWER));
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TwilioError::Unanswered {
            why: UnansweredCause::Broken(error.into()),
        })?;
        let data = frame.into_data().unwrap_or_else(|_trailers| Bytes::new());
        if read.len() + data.len() > MAX_ANSWER {
            return Err(TwilioError::Unanswered {
                why: UnansweredCause::Unreadable,
            });
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}
