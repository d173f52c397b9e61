//! The shell around all endpoints, which every request passes first and every response last.
//!
//! It gives a request its id, its key, its one log line and its duration, and all errors one shape.
//! Webhooks of Twilio are looked at before anything else and go their own way.

mod routes;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::api_auth::ApiAuth;
use super::headers::guard;
use super::networks::subscriber;
use super::problem::{Code, Failure, of_framework};
use super::webhooks::{PREFIX, Webhooks};
use super::{assets, mcp};
use crate::domain::id;
use crate::telemetry::line_limit::LineLimit;
use crate::telemetry::metrics::{Metrics, Route};
use crate::telemetry::request::Context;
use crate::telemetry::traces::{Attribute, OpenSpan, Traces};
use crate::telemetry::{milliseconds, request};
use routes::{API, CREATE, ROUTES, is_quiet, known_methods, options, route, wants_page, word};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a caller's that is taken over.
const LONGEST_ID: usize = 64;

/// The outermost endpoint.
#[derive(Debug)]
pub struct RequestShell<A, E> {
    /// The endpoint below [`API`]. It is not a route, because routing would cost each create a box
    /// of some kilobytes.
    api: A,
    /// Everything else.
    inner: E,
    webhooks: Webhooks,
    door: ApiAuth,
    routes: Vec<Route>,
    /// Collector in which creates begin their traces, if any.
    traces: Option<Traces>,
    /// Lines about requests that strangers make in vain.
    refusals: LineLimit,
}

/// The facts of a request that are known before it is served, for its log line.
struct RequestSummary {
    begun: Instant,
    context: Arc<Context>,
    method: Method,
    path: String,
    client: IpAddr,
    /// The name of its key; of a request outside of the API none is asked for.
    key: Option<Arc<str>>,
    /// Headers for a page of another origin, if one asks.
    cross_origin: Vec<(HeaderName, HeaderValue)>,
    /// A person looks at the answer in a browser.
    wants_page: bool,
}

impl<A: Endpoint, E: Endpoint> RequestShell<A, E> {
    /// Puts the edge around the API and the routes.
    pub fn new(
        (api, inner): (A, E),
        webhooks: Webhooks,
        door: ApiAuth,
        metrics: &Metrics,
        traces: Option<Traces>,
    ) -> Self {
        let success = |method| if method == "POST" { 202 } else { 200 };
        let routes = ROUTES
            .iter()
            .map(|(method, name, _)| metrics.route(name, method, success(*method)))
            .collect();
        Self {
            api,
            inner,
            webhooks,
            door,
            routes,
            traces,
            refusals: LineLimit::default(),
        }
    }

    /// Lets a request in, and notes whose it is; or what is answered at once, without a route.
    fn authenticate(
        &self,
        request: &mut Request,
        summary: &mut RequestSummary,
    ) -> poem::Result<Option<Response>> {
        if let Some(response) = self.door.origins().preflight(request) {
            return Ok(Some(response));
        }
        // Before keys are asked for: load balancers probe by it, and a pattern is no secret. A
        // browser that asks for a page which is not let in gets no such answer.
        let asks_for_page = request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if summary.method == Method::OPTIONS && !asks_for_page {
            return Ok(Some(options(&summary.path)));
        }
        // Before any route is looked for: a stranger learns nothing about what there is.
        if summary.path.starts_with(API) || summary.path == mcp::PATH {
            let owner = self.door.admit(request, summary.client)?;
            summary.key = Some(owner.0.clone());
            request.set_data(owner);
        }
        Ok(None)
    }

    /// A create begins the trace of its call, or goes on with the one that its client is in.
    fn begin_trace(&self, request: &Request, summary: &RequestSummary) -> Option<OpenSpan> {
        let traces = self
            .traces
            .as_ref()
            .filter(|_| summary.method == Method::POST && summary.path == CREATE)?;
        let begun = traces.begin("POST /api/call", request.header("traceparent"));
        if let Some(parent) = begun.parent() {
            request::note_trace(parent);
        }
        Some(begun)
    }

    fn end_trace(&self, begun: Option<OpenSpan>, summary: &RequestSummary, response: &Response) {
        let (Some(traces), Some(begun)) = (&self.traces, begun) else {
            return;
        };
        let status = response.status();
        let mut attributes = vec![
            Attribute::new("http.request.method", "POST"),
            Attribute::new("http.route", CREATE),
            Attribute::new("http.response.status_code", i64::from(status.as_u16())),
            Attribute::new("tablecall.request.id", summary.context.id().to_owned()),
        ];
        attributes.extend(
            summary
                .context
                .call()
                .map(|call| Attribute::new("tablecall.call.id", call.to_string())),
        );
        traces.end(
            begun,
            attributes,
            status.is_server_error().then_some("refused"),
        );
    }

    /// Counts and logs a request and its response.
    fn tell(&self, summary: &RequestSummary, response: &Response) {
        let route = route(&summary.method, &summary.path);
        let (took, status) = (summary.begun.elapsed(), response.status().as_u16());
        if let Some(counted) = self.routes.get(route) {
            counted.observe(status, took);
        }
        let name = ROUTES.get(route).map_or("other", |(_, name, _)| *name);
        let (key, method) = (
            summary.key.as_deref().unwrap_or("none"),
            word(&summary.method),
        );
        let (call, client, duration_ms) =
            (summary.context.call(), summary.client, milliseconds(took));
        // Anybody can make requests that are refused, as many as they like.
        let is_stranger = (400..500).contains(&status) && summary.key.is_none() || status == 429;
        let left_out = if is_stranger {
            let kind = (subscriber(client), route, status);
            match self.refusals.admit(kind, self.door.now()) {
                Some(left_out) => (left_out > 0).then_some(left_out),
                None => return,
            }
        } else {
            None
        };
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method, route = name, status, key, call.id = call.map(display), client.address = %client,
                    duration_ms, left_out, "request"
                )
            };
        }
        // Errors of clients are not errors of ours, and each request of a probe is not worth a
        // line.
        match status {
            500.. => line!(warn),
            ..400 if is_quiet(&summary.path) => line!(debug),
            _ => line!(info),
        }
    }
}

impl<A: Endpoint, E: Endpoint> Endpoint for RequestShell<A, E> {
    type Output = Response;

    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn makes room for its arguments twice, and for every webhook"
    )]
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> {
        async move {
            if request.uri().path().starts_with(PREFIX) && *request.method() != Method::OPTIONS {
                return Ok(self.webhooks.answer(&mut request).await);
            }
            let context = Context::new(request_id(&request));
            // Each webhook would make room for it, too.
            Box::pin(context.scope(self.serve(request, context.clone()))).await
        }
    }
}

impl<A: Endpoint, E: Endpoint> RequestShell<A, E> {
    async fn serve(&self, mut request: Request, context: Arc<Context>) -> poem::Result<Response> {
        let mut summary = RequestSummary {
            begun: Instant::now(),
            context,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            client: self.door.client(&request),
            key: None,
            cross_origin: self.door.origins().headers(&request),
            wants_page: wants_page(&request),
        };
        let trace = self.begin_trace(&request, &summary);
        let answer = match self.authenticate(&mut request, &mut summary) {
            Err(error) => Err(error),
            Ok(Some(response)) => Ok(response),
            Ok(None) if summary.path.starts_with(API) => shielded(&self.api, request).await,
            Ok(None) => shielded(&self.inner, request).await,
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(error) if summary.wants_page && of_framework(&error).code == Code::NotFound => {
                assets::not_found().await
            }
            Err(error) => refused(error, &summary),
        };
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(summary.context.id()) {
            headers.insert(REQUEST_ID, value);
        }
        guard(headers);
        headers.extend(std::mem::take(&mut summary.cross_origin));
        self.tell(&summary, &response);
        self.end_trace(trace, &summary, &response);
        Ok(response)
    }
}

/// The response of an endpoint, also when it panics. The panic is logged where it happened; the
/// response does not describe it.
fn shielded<E: Endpoint>(
    inner: &E,
    request: Request,
) -> impl Future<Output = poem::Result<Response>> {
    AssertUnwindSafe(inner.call(request))
        .catch_unwind()
        .map(|answered| {
            answered
                .unwrap_or_else(|_panic| Err(panicked().into()))
                .map(IntoResponse::into_response)
        })
}

/// An error as a problem.
fn refused(error: poem::Error, summary: &RequestSummary) -> Response {
    let failure = of_framework(&error);
    // Twilio's refusals and a full store are no faults of ours: the one line per request is enough.
    if failure.code == Code::InternalError {
        tracing::error!(error = %error, "a request failed");
    }
    let allow = error.into_response().headers().get(header::ALLOW).cloned();
    let allow = allow
        .or_else(|| (failure.code == Code::MethodNotAllowed).then(|| known_methods(&summary.path)));
    let mut response = failure.into_response(summary.context.id());
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn panicked() -> Failure {
    Failure::new(
        Code::InternalError,
        "The request was not carried out. Please try again.",
    )
}

/// The caller's id if it is short and plain, else one of ours.
fn request_id(request: &Request) -> String {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given
        .filter(plain)
        .map_or_else(id::random_text, str::to_owned)
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
        assert_eq!(
            name(Method::GET, "/api/call/123/events"),
            "/api/call/{id}/events"
        );
        assert_eq!(
            name(Method::POST, "/api/call/123/cancel"),
            "/api/call/{id}/cancel"
        );
        for other in ["/", "", "/api/call/123/other", "/+14155550101"] {
            assert_eq!(name(Method::GET, other), "other", "{other}");
        }
    }

    #[test]
    fn a_path_knows_its_methods() {
        for (path, methods) in [
            ("/api/call", "GET, HEAD, POST, OPTIONS"),
            ("/api/call/check", "POST, OPTIONS"),
            ("/api/call/123", "GET, HEAD, OPTIONS"),
            ("/api/call/123/cancel", "POST, OPTIONS"),
            ("/api/call/123/events/resend", "POST, OPTIONS"),
            ("/healthz", "GET, HEAD, OPTIONS"),
            ("/", "GET, HEAD, OPTIONS"),
            ("/twiml/answer/x", "POST, OPTIONS"),
            ("*", "GET, HEAD, POST, OPTIONS"),
        ] {
            assert_eq!(known_methods(path), methods, "{path}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_it() {
        let panics =
            poem::endpoint::make_sync(|_| -> Response { panic!("Ana García, +14155550101") });
        let error = shielded(&panics, Request::default()).await.unwrap_err();
        let summary = RequestSummary {
            begun: Instant::now(),
            context: Context::new("mine-1"),
            method: Method::POST,
            path: "/api/call".to_owned(),
            client: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            key: None,
            cross_origin: Vec::new(),
            wants_page: false,
        };
        let response = refused(error, &summary);
        assert_eq!(response.status().as_u16(), 500);
        assert_eq!(response.content_type(), Some("application/problem+json"));
        let body: serde_json::Value = response.into_body().into_json().await.unwrap();
        assert_eq!(
            (&body["code"], &body["request_id"]),
            (&"internal_error".into(), &"mine-1".into())
        );
        assert!(!body.to_string().contains("Ana"), "{body}");
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
