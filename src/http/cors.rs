//! Web pages of other origins that may call the API from a browser (`TABLECALL_CORS_ORIGINS`). By
//! default there are none.
//!
//! It concerns only `/api` and its description. Pages and webhooks are not for scripts of others.
//! Keys travel in a header that a page must know already, never in a cookie, so that an origin
//! which is let in can do no more than its own visitor could.

use std::str::FromStr;

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use url::Url;

/// The headers that a script of another origin may send, besides those that every page may.
const ALLOWED: &str = "authorization, content-type, idempotency-key, last-event-id, restaurant-phone, x-request-id, \
                       traceparent, tracestate, baggage";
/// The headers of a response that it may read, besides those that every page may.
const EXPOSED: &str = "location, retry-after, ratelimit, ratelimit-policy, x-request-id, www-authenticate, content-disposition";
const METHODS: &str = "GET, HEAD, POST";
/// Documents that tools of other origins may read beside the API.
const DOCUMENTS: [&str; 2] = ["/openapi.json", "/openapi.yaml"];
/// Seconds for which a browser may cache a preflight answer.
const MAX_AGE: &str = "600";

/// The origins that are let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// None.
    #[default]
    Closed,
    /// These, as browsers write them.
    Listed(Vec<Origin>),
    /// Every one: only where calls cost nothing.
    Any,
}

/// An origin as browsers write it: scheme, host and a port that is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// The text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be origins such as https://app.example.com: no path, no credentials, no wildcard")]
pub struct BadOrigin;

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let url = Url::parse(text).map_err(|_| BadOrigin)?;
        let origin = url.origin().ascii_serialization();
        // Any other part of the text would be compared with nothing.
        let whole = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let plain = url.username().is_empty() && url.password().is_none() && !text.contains('*');
        let known = matches!(url.scheme(), "https" | "http");
        if whole && plain && known {
            Ok(Self(origin))
        } else {
            Err(BadOrigin)
        }
    }
}

impl Origins {
    /// Returns whether a request belongs to what is opened here.
    fn concerns(&self, path: &str) -> bool {
        *self != Self::Closed && (path.starts_with("/api/") || DOCUMENTS.contains(&path))
    }

    /// The origin of a request, if it is let in.
    fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let admitted = match self {
            Self::Closed => false,
            Self::Listed(origins) => origins
                .iter()
                .any(|known| known.0.as_bytes() == origin.as_bytes()),
            Self::Any => true,
        };
        admitted.then(|| origin.clone())
    }

    /// The answer to a browser that asks, before its page's request, whether that may be sent.
    #[must_use]
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks || !self.concerns(request.uri().path()) {
            return None;
        }
        self.admitted(request.headers())?;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// The response headers for the origin of a request.
    #[must_use]
    pub fn headers(&self, request: &Request) -> Vec<(HeaderName, HeaderValue)> {
        if !self.concerns(request.uri().path()) {
            return Vec::new();
        }
        let mut headers = vec![(header::VARY, HeaderValue::from_static("origin"))];
        if let Some(origin) = self.admitted(request.headers()) {
            headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin));
            headers.push((
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            ));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        let read = |text: &str| text.parse::<Origin>().map(|origin| origin.0);
        assert_eq!(
            read("https://app.example.com").as_deref(),
            Ok("https://app.example.com")
        );
        assert_eq!(
            read("https://App.Example.com:443/").as_deref(),
            Ok("https://app.example.com")
        );
        assert_eq!(
            read("http://localhost:3000").as_deref(),
            Ok("http://localhost:3000")
        );
        for wrong in [
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://a.example/b",
            "file:///a",
            "",
        ] {
            assert_eq!(read(wrong), Err(BadOrigin), "{wrong}");
        }
        assert_eq!(read("https://u:p@a.example"), Err(BadOrigin));
    }

    fn request(method: Method, path: &str, origin: &str) -> Request {
        let builder = Request::builder()
            .method(method)
            .uri(path.parse().unwrap())
            .header(header::ORIGIN, origin);
        builder
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .finish()
    }

    #[test]
    fn only_listed_origins_are_let_in_and_only_to_the_api() {
        let listed = Origins::Listed(vec!["https://app.example.com".parse().unwrap()]);
        let asked = |origins: &Origins, path, origin| {
            origins
                .preflight(&request(Method::OPTIONS, path, origin))
                .is_some()
        };
        assert!(asked(&listed, "/api/call", "https://app.example.com"));
        assert!(!asked(
            &listed,
            "/api/call",
            "https://app.example.com.evil.example"
        ));
        assert!(!asked(&listed, "/api/call", "null"));
        assert!(!asked(&listed, "/twiml/inbound", "https://app.example.com"));
        assert!(!asked(
            &Origins::Closed,
            "/api/call",
            "https://app.example.com"
        ));
        assert!(asked(
            &Origins::Any,
            "/api/call",
            "https://anything.example"
        ));
        let told = |origins: &Origins, path, origin| {
            let headers = origins.headers(&request(Method::POST, path, origin));
            headers
                .into_iter()
                .map(|(name, _)| name.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&listed, "/api/call", "https://evil.example"), ["vary"]);
        assert_eq!(
            told(&listed, "/api/call", "https://app.example.com").len(),
            3
        );
        assert_eq!(
            told(&Origins::Closed, "/api/call", "https://app.example.com").len(),
            0
        );
        assert_eq!(
            told(&listed, "/metrics", "https://app.example.com").len(),
            0
        );
    }
}
