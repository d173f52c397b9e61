//! The routes that requests are counted by, and the methods of each path.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::http::mcp;
use crate::http::webhooks::PREFIX;

/// Everything below it needs a key.
pub(super) const API: &str = "/api/";
/// Path at which calls are created.
pub(super) const CREATE: &str = "/api/call";

/// The routes as they are counted and logged, with what follows the id: never the path that was
/// asked for, which may hold anything.
pub(super) const ROUTES: [(&str, &str, &str); 14] = [
    ("POST", "/api/call", ""),
    ("GET", "/api/call", ""),
    ("POST", "/api/call/check", ""),
    ("GET", "/api/call/{id}", ""),
    ("GET", "/api/call/{id}/events", "/events"),
    ("POST", "/api/call/{id}/events/resend", "/events/resend"),
    ("POST", "/api/call/{id}/cancel", "/cancel"),
    ("POST", "/api/call/{id}/accept", "/accept"),
    ("GET", "/api/call/{id}/calendar.ics", "/calendar.ics"),
    ("POST", mcp::PATH, ""),
    ("GET", "/healthz", ""),
    ("GET", "/readyz", ""),
    ("GET", "/metrics", ""),
    ("GET", "other", ""),
];

/// A method may be any word of a caller's; only the known ones are written down.
pub(super) fn word(method: &Method) -> &'static str {
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
    ];
    known
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("other")
}

/// Returns whether requests to this path are logged in detailed logs only: probes, and the
/// simulator.
pub(super) fn is_quiet(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/simulator/")
}

/// The place of a request among [`ROUTES`].
pub(super) fn route(method: &Method, path: &str) -> usize {
    let other = ROUTES.len() - 1;
    let of_call = path
        .strip_prefix("/api/call/")
        .and_then(|rest| rest.find('/').map_or(Some(""), |at| rest.get(at..)));
    let exact = ROUTES
        .iter()
        .position(|(known, name, _)| method.as_str() == *known && *name == path);
    let ending = || {
        let tail = of_call?;
        ROUTES.iter().position(|(known, name, end)| {
            method.as_str() == *known && name.contains("{id}") && *end == tail
        })
    };
    exact.or_else(ending).unwrap_or(other)
}

/// Returns whether a browser navigates: it says that it takes HTML, which programs do not.
pub(super) fn wants_page(request: &Request) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let accept = request.header("accept").unwrap_or_default();
    is_read && !request.uri().path().starts_with(API) && accept.contains("text/html")
}

/// The answer to a question about the methods of a path (RFC 9110, 9.3.7).
pub(super) fn options(path: &str) -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ALLOW, known_methods(path))
        .finish()
}

/// The methods of a path. poem's 405 does not list them.
pub(super) fn known_methods(path: &str) -> HeaderValue {
    if path.starts_with(PREFIX) {
        return HeaderValue::from_static("POST, OPTIONS");
    }
    if path == "*" || path.starts_with("/simulator/") {
        return HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
    }
    let is_exact = |name: &&str| *name == path;
    let exact = ROUTES.iter().any(|(_, name, _)| is_exact(name));
    let knows = |method: Method| match ROUTES.get(route(&method, path)) {
        Some((_, "other", _)) | None => false,
        Some((_, name, _)) => !exact || is_exact(name),
    };
    HeaderValue::from_static(match (knows(Method::GET), knows(Method::POST)) {
        (false, true) => "POST, OPTIONS",
        (true, true) => "GET, HEAD, POST, OPTIONS",
        (true, false) | (false, false) => "GET, HEAD, OPTIONS",
    })
}
