//! Headers of every page and file: what a browser may do with them. It looks at no content.
//!
//! The pages have no inline script or style and ask no other host, so the strictest policy fits them all.

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, IntoResponse, Request, Response};

/// Everything from here and nothing from elsewhere. Swagger UI's style sheet draws its icons with `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the headers on every answer of the inner endpoint, except on errors, which the edge turns into problems.
#[derive(Clone, Copy, Debug)]
pub struct PageHeaders<E>(pub E);

impl<E: Endpoint> Endpoint for PageHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = self.0.call(request).await?.into_response();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
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
        for path in ["/", "/docs", "/simulator", "/base.css", "/sw.js", "/manifest.webmanifest"] {
            let response = pages.call(Request::builder().uri(path.parse().unwrap()).finish()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            for (name, value) in HEADERS {
                assert_eq!(response.headers().get(&name).unwrap(), value, "{path}");
            }
        }
    }

    #[test]
    fn nothing_inline_and_nobody_else_is_let_in() {
        for word in ["unsafe-inline", "unsafe-eval", "http:", "https:", "*"] {
            assert!(!POLICY.contains(word), "{word}");
        }
    }
}
