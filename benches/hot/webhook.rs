//! Webhooks as Twilio sends them: all of their parameters, and a signature.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use poem::Request;
use poem::http::{HeaderMap, HeaderValue, Method};
use ring::hmac;

/// Public address of the service, from its configuration.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8080";
/// The token that signs webhooks when nothing is configured.
pub(crate) const TOKEN: &str = "the-simulators-auth-token";

/// The parameters of a request for a document, in Twilio's order.
fn params<'a>(sid: &'a str, digits: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let mut params = vec![
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", "in-progress"),
        ("Called", "+14155552671"),
        ("CalledCity", ""),
        ("CalledCountry", "US"),
        ("CalledState", ""),
        ("CalledZip", ""),
        ("Caller", "+15005550006"),
        ("CallerCity", ""),
        ("CallerCountry", "US"),
        ("CallerState", ""),
        ("CallerZip", ""),
        ("Direction", "outbound-api"),
        ("From", "+15005550006"),
        ("FromCity", ""),
        ("FromCountry", "US"),
        ("FromState", ""),
        ("FromZip", ""),
        ("To", "+14155552671"),
        ("ToCity", ""),
        ("ToCountry", "US"),
        ("ToState", ""),
        ("ToZip", ""),
    ];
    if let Some(digits) = digits {
        params.extend([
            ("Digits", digits),
            ("FinishedOnKey", ""),
            ("msg", "Gather End"),
        ]);
    }
    params
}

/// The headers and the body of a signed request.
pub(crate) fn signed(path: &str, sid: &str, digits: Option<&str>) -> (HeaderMap, String) {
    sealed(path, params(sid, digits))
}

/// The headers and the body of a signed request with these parameters.
pub(crate) fn sealed(path: &str, mut params: Vec<(&str, &str)>) -> (HeaderMap, String) {
    let mut body = String::new();
    for (name, value) in &params {
        tablecall::internals::form::append(&mut body, name, value);
    }
    params.sort_unstable();
    let text: String = params
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    let signature =
        BASE64_STANDARD.encode(hmac::sign(&key, format!("{ORIGIN}{path}{text}").as_bytes()));
    let mut headers = HeaderMap::new();
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    for (name, value) in [
        ("x-twilio-signature", signature.as_str()),
        ("content-type", form),
        ("content-length", &body.len().to_string()),
        ("user-agent", "TwilioProxy/1.1"),
        ("accept", "*/*"),
        ("host", "127.0.0.1:8080"),
        (
            "i-twilio-idempotency-token",
            "6b2f3f0c-6d0c-4f0c-9f0c-0c6d0c4f0c9f",
        ),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    (headers, body)
}

/// A signed request.
pub(crate) fn request(path: &str, sid: &str, digits: Option<&str>) -> Request {
    let (headers, body) = signed(path, sid, digits);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path.parse().unwrap())
        .body(body);
    *request.headers_mut() = headers;
    request
}
