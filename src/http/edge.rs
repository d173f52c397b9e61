//! What every request passes first and every answer last: its id, its one log line, its duration, and one shape for
//! errors. Webhooks of Twilio are looked at before anything else and go their own way.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::hooks::{Hooks, PREFIX};
use super::problem::{Code, Failure, of_framework};
use crate::domain::id;
use crate::telemetry::metrics::{Metrics, Route};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a caller's that is taken over.
const LONGEST_ID: usize = 64;

/// The routes as they are counted and logged, with what follows the id: never the path that was asked for, which may
/// hold anything.
const ROUTES: [(&str, &str, &str); 10] = [
    ("POST", "/api/call", ""),
    ("POST", "/api/call/check", ""),
    ("GET", "/api/call/{id}", ""),
    ("GET", "/api/call/{id}/events", "/events"),
    ("POST", "/api/call/{id}/cancel", "/cancel"),
    ("GET", "/api/call/{id}/calendar.ics", "/calendar.ics"),
    ("GET", "/healthz", ""),
    ("GET", "/readyz", ""),
    ("GET", "/metrics", ""),
    ("GET", "other", ""),
];

/// The outermost endpoint.
#[derive(Debug)]
pub struct Edge<E> {
    inner: E,
    hooks: Hooks,
    routes: Vec<Route>,
}

impl<E> Edge<E> {
    /// Puts the edge around the routes.
    pub fn new(inner: E, hooks: Hooks, metrics: &Metrics) -> Self {
        let success = |method| if method == "POST" { 202 } else { 200 };
        let routes = ROUTES.iter().map(|(method, name, _)| metrics.route(name, method, success(*method))).collect();
        Self { inner, hooks, routes }
    }
}

impl<E: Endpoint> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if request.uri().path().starts_with(PREFIX) {
            return Ok(self.hooks.answer(request).await);
        }
        let begun = Instant::now();
        let request_id = request_id(&request);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let route = route(&method, &path);
        request.set_data(RequestId(request_id.clone()));
        let answered = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        let mut response = match answered {
            // What the panic was is logged where it happened; nothing of it is told.
            Err(_panic) => panicked().into_response(&request_id),
            Ok(Ok(response)) => response.into_response(),
            Ok(Err(error)) => {
                let failure = of_framework(&error);
                // What Twilio refuses, and a full store, are no faults of ours: the one line per request tells them.
                if failure.code == Code::InternalError {
                    tracing::error!(request.id = %request_id, error = %error, "a request failed");
                }
                let allow = error.into_response().headers().get(header::ALLOW).cloned();
                let allow = allow.or_else(|| (failure.code == Code::MethodNotAllowed).then(|| known_methods(&path)));
                let mut response = failure.into_response(&request_id);
                if let Some(allow) = allow {
                    response.headers_mut().insert(header::ALLOW, allow);
                }
                response
            }
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        let took = begun.elapsed();
        let status = response.status().as_u16();
        if let Some(counted) = self.routes.get(route) {
            counted.observe(status, took);
        }
        let name = ROUTES.get(route).map_or("other", |(_, name, _)| *name);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(request.id = %request_id, method = %method, route = name, status, duration_us = micros, "request");
        Ok(response)
    }
}

fn panicked() -> Failure {
    Failure::new(Code::InternalError, "The request was not carried out. Please try again.")
}

/// The id of a request, for handlers.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The caller's id if it is short and plain, else one of ours.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(plain).map_or_else(id::random_text, str::to_owned)
}

/// The place of a request among [`ROUTES`].
fn route(method: &Method, path: &str) -> usize {
    let other = ROUTES.len() - 1;
    let of_call = path.strip_prefix("/api/call/").and_then(|rest| rest.find('/').map_or(Some(""), |at| rest.get(at..)));
    let exact = ROUTES.iter().position(|(known, name, _)| method.as_str() == *known && *name == path);
    let ending = || {
        let tail = of_call?;
        ROUTES.iter().position(|(known, name, end)| method.as_str() == *known && name.contains("{id}") && *end == tail)
    };
    exact.or_else(ending).unwrap_or(other)
}

/// The methods that a path knows: poem does not tell them with its 405.
fn known_methods(path: &str) -> HeaderValue {
    let is_exact = |name: &&str| *name == path;
    let exact = ROUTES.iter().any(|(_, name, _)| is_exact(name));
    let knows = |method: Method| match ROUTES.get(route(&method, path)) {
        Some((_, "other", _)) | None => false,
        Some((_, name, _)) => !exact || is_exact(name),
    };
    HeaderValue::from_static(match (knows(Method::GET), knows(Method::POST)) {
        (false, true) => "POST",
        (true, true) => "GET, HEAD, POST",
        (true, false) | (false, false) => "GET, HEAD",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_counted_by_their_pattern() {
        let name = |method: Method, path| ROUTES[route(&method, path)].1;
        assert_eq!(name(Method::POST, "/api/call"), "/api/call");
        assert_eq!(name(Method::POST, "/api/call/check"), "/api/call/check");
        assert_eq!(name(Method::GET, "/api/call/123"), "/api/call/{id}");
        assert_eq!(name(Method::GET, "/api/call/123/events"), "/api/call/{id}/events");
        assert_eq!(name(Method::POST, "/api/call/123/cancel"), "/api/call/{id}/cancel");
        for other in ["/", "", "/api/call/123/other", "/+14155550101"] {
            assert_eq!(name(Method::GET, other), "other", "{other}");
        }
    }

    #[test]
    fn a_path_knows_its_methods() {
        for (path, methods) in [
            ("/api/call", "POST"),
            ("/api/call/check", "POST"),
            ("/api/call/123", "GET, HEAD"),
            ("/api/call/123/cancel", "POST"),
            ("/healthz", "GET, HEAD"),
        ] {
            assert_eq!(known_methods(path), methods, "{path}");
        }
    }

    #[test]
    fn a_callers_id_is_kept_if_it_is_plain() {
        let with = |value: &str| request_id(&Request::builder().header(REQUEST_ID, value).finish());
        assert_eq!(with("abc-1.2_X"), "abc-1.2_X");
        for wrong in ["", "a b", "<script>", &"a".repeat(65)] {
            assert_eq!(with(wrong).len(), 22, "{wrong}");
        }
    }
}
