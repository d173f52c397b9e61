//! Security headers, one set for pages and files and one for everything else. It looks at no
//! content.
//!
//! The pages have no inline script or style and ask no other host, so the strictest policy fits
//! them all.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse, Request, Response};

/// Everything from here and nothing from elsewhere. Swagger UI's style sheet draws its icons with
/// `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
        ),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The policy for everything that is not a page, which only programs read. A browser that opens it
/// shows it as its declared type, runs nothing of it, puts it in no frame, and loads nothing else.
const OF_DATA: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Adds the headers that an answer lacks.
///
/// Only pages and files may be cached: answers of the API hold names and numbers of guests,
/// and change from one moment to the next.
pub fn guard(headers: &mut HeaderMap) {
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(const { HeaderValue::from_static("no-store") });
    // It stands before the policy of pages, which then is not put in.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(const { HeaderValue::from_static(OF_DATA) });
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
}

/// A page that was written for this answer.
#[must_use]
pub fn page(text: String) -> Response {
    let mut response = Response::builder()
        .content_type("text/html; charset=utf-8")
        .body(text);
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Puts the headers on every answer of the inner endpoint, except on errors, which the edge turns
/// into problems.
#[derive(Clone, Copy, Debug)]
pub struct PageHeaders<E>(pub E);

impl<E: Endpoint> Endpoint for PageHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = self.0.call(request).await?.into_response();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, value);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use poem::http::StatusCode;

    use super::*;
    use crate::http::assets::Assets;

    #[tokio::test]
    async fn every_answer_with_a_file_is_guarded() {
        let pages = PageHeaders(Assets::default());
        for path in [
            "/",
            "/docs",
            "/simulator",
            "/base.css",
            "/sw.js",
            "/manifest.webmanifest",
        ] {
            let response = pages
                .call(Request::builder().uri(path.parse().unwrap()).finish())
                .await
                .unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            for (name, value) in HEADERS {
                assert_eq!(response.headers().get(&name), Some(&value), "{path}");
            }
        }
    }

    #[test]
    fn what_is_no_page_is_guarded_too_and_a_page_keeps_its_own() {
        let mut headers = HeaderMap::new();
        guard(&mut headers);
        assert_eq!(headers.len(), HEADERS.len() + 1);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], OF_DATA);
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        guard(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY);
    }

    #[test]
    fn nothing_inline_and_nobody_else_is_let_in() {
        for word in ["unsafe-inline", "unsafe-eval", "http:", "https:", "*"] {
            assert!(!POLICY.contains(word) && !OF_DATA.contains(word), "{word}");
        }
    }
}
