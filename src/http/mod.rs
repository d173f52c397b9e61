//! The outer edge: everything that speaks HTTP to others, and the only user of poem.
//!
//! It translates requests into use cases of `service` and their results into answers; it decides
//! nothing about calls. [`endpoint`] puts the parts together.

pub mod api;
pub mod assets;
pub mod calendar;
pub mod cors;
pub mod document;
pub mod api_auth;
pub mod request_shell;
pub mod wrong_key_throttle;
pub mod headers;
pub mod webhooks;
pub mod keys;
pub mod listener;
pub mod mcp;
pub mod networks;
pub mod pages;
pub mod plain;
pub mod problem;
pub mod refused_webhooks;
pub mod simulator;

use poem::http::{HeaderValue, StatusCode, header};
use poem::middleware::CatchPanic;
use poem::web::Data;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler};
use poem_openapi::OpenApiService;

use self::api::Api;
use self::api_auth::{ApiAuth, AuthConfig};
use self::listener::{BodyLimit, ConnectionLimits, TimeLimit};
use self::pages::Pages;
use self::refused_webhooks::RefusedWebhooks;
use self::request_shell::RequestShell;
use self::simulator::{PhoneFirst, SimulatorEndpoint};
use self::webhooks::Webhooks;
use crate::service::Service;
use crate::twilio::signature::Verifier;
use twilio_simulator::Simulator;

/// The parts of the application that are served.
#[derive(Debug)]
pub struct AppState {
    /// The use cases.
    pub service: Service,
    /// The settings for access to the API.
    pub admission: AuthConfig,
    /// Verifies Twilio's signature.
    pub verifier: Verifier,
    /// The origin that it is verified for.
    pub public_url: String,
    /// The carrier of this process, if it is simulated.
    pub simulator: Option<Simulator>,
    /// Bounds of a request.
    pub limits: ConnectionLimits,
    /// Metrics are at an address of their own.
    pub metrics_apart: bool,
}

/// Everything under one address.
pub fn endpoint(site: AppState) -> impl Endpoint {
    let metrics = site.service.metrics().clone();
    let simulated = site.simulator.is_some();
    let traces = site.service.traces().cloned();
    let about = pages::about(site.service.settings(), simulated);
    let refused = RefusedWebhooks::new(
        site.public_url,
        site.service.settings().account.to_string(),
        site.admission.proxies.clone(),
        site.service.clock().clone(),
        &metrics,
    );
    let webhooks = Webhooks::new(
        site.service.clone(),
        site.verifier,
        site.limits.clone(),
        refused,
        &metrics,
    );
    let api = Api::new(site.service.clone());
    let body = BodyLimit {
        bytes: site.limits.body_bytes,
        time: site.limits.body,
    };
    let api = OpenApiService::new(api, "Tablecall", env!("CARGO_PKG_VERSION"))
        .with(body)
        .with(TimeLimit(site.limits.request));
    let mut routes = Route::new()
        .at("/about.json", fixed("application/json", about.to_string()))
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz).data(site.service.clone()));
    if !site.metrics_apart {
        routes = routes.at("/metrics", get(render_metrics).data(site.service.clone()));
    }
    if let Some(simulator) = site.simulator {
        let endpoint = SimulatorEndpoint::new(simulator, site.limits);
        routes = routes
            .nest_no_strip("/simulator/2010-04-01", endpoint.clone())
            .nest_no_strip("/simulator/api", endpoint);
    }
    let anonymous = site.admission.keys.anonymous();
    let keyed = anonymous.is_none();
    if let Some(owner) = anonymous {
        let plain = plain::routes(&site.service, owner).with(body);
        routes = routes.nest("/call", plain);
    }
    let files = pages::files(site.service.settings(), simulated, keyed);
    let tools = mcp::endpoint(&site.service, keyed).with(body);
    routes = routes.at(mcp::PATH, tools);
    let door = ApiAuth::new(site.admission, site.service.clock().clone(), &metrics);
    RequestShell::new(
        (api, Pages::new(routes, files)),
        webhooks,
        door,
        &metrics,
        traces,
    )
}

/// The metrics alone.
pub fn metrics_endpoint(service: Service) -> impl Endpoint {
    Route::new()
        .at("/metrics", get(render_metrics).data(service))
        .with(CatchPanic::new())
}

/// The simulator alone, as the carrier of other processes.
pub fn simulator_endpoint(simulator: Simulator, limits: ConnectionLimits) -> impl Endpoint {
    let simulator = SimulatorEndpoint::new(simulator, limits);
    let routes = Route::new()
        .nest_no_strip("/2010-04-01", simulator.clone())
        .nest_no_strip("/simulator/2010-04-01", simulator.clone())
        .nest_no_strip("/simulator/api", simulator);
    PhoneFirst(Pages::new(routes, assets::Assets::all())).with(CatchPanic::new())
}

/// The OpenAPI document of a site.
#[must_use]
pub fn describe(site: &AppState) -> serde_json::Value {
    document::document(Api::new(site.service.clone()))
}

/// The document as it is served, printed and committed.
#[must_use]
pub fn render_json(document: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    text + "\n"
}

/// The same in YAML.
#[must_use]
pub fn render_yaml(document: &serde_json::Value) -> String {
    yaml_serde::to_string(document).unwrap_or_default()
}

fn fixed(content_type: &'static str, body: String) -> impl Endpoint<Output = Response> {
    let answer = move |_| {
        let body = body.clone();
        async move {
            let mut response = body.into_response();
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            Ok::<_, poem::Error>(response)
        }
    };
    get(poem::endpoint::make(answer)).map_to_response()
}

#[handler]
fn healthz() -> &'static str {
    "ok\n"
}

/// 200 when new calls can be taken on and placed, else 503; the body names what is not well in
/// either case.
#[handler]
fn readyz(service: Data<&Service>) -> Response {
    let readiness = service.readiness();
    let told: Vec<serde_json::Value> = readiness
        .health_issues
        .iter()
        .map(|it| serde_json::json!({"part": it.part, "detail": it.detail, "grave": it.grave}))
        .collect();
    let ready = readiness.is_ready();
    let body =
        serde_json::json!({"ready": ready, "stopping": readiness.stopping, "problems": told});
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Response::builder()
        .status(status)
        .content_type("application/json")
        .body(format!("{body}\n"))
}

#[handler]
async fn render_metrics(service: Data<&Service>) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4")
        .body(service.scrape().await)
}
