//! The tools for agents at `/mcp`, by streamable HTTP: behind the same keys as the API, and over
//! the same use cases.
//!
//! There are no sessions: each request stands for itself, so any instance serves any of them.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use poem::http::{Extensions, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response};
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde_json::Value;
use tokio::sync::mpsc;

use super::api::{Api, CallListView, CallView, CheckView, list::ListParameters};
use super::keys::Owner;
use super::problem::{Code, Failure};
use crate::mcp::{ApiAnswer, Backend, Operation, Tools};
use crate::service::{Service, ServiceError};
use crate::telemetry::request::{self, Context};

/// Path of the tools.
pub const PATH: &str = "/mcp";

/// The endpoint. `is_keyed`: a key is needed, which no page of another origin can have.
///
/// Without keys only requests to this machine's own names are served, since a page of elsewhere
/// could be made to resolve to it (DNS rebinding).
pub fn endpoint(service: &Service, is_keyed: bool) -> impl Endpoint<Output = Response> + use<> {
    let stopping = service.stopping();
    let (service, tools) = (service.clone(), OnceLock::new());
    // Made for the first agent: the document behind it takes a tenth of a start.
    let make = move || {
        let document = super::document::document(Api::new(service.clone()));
        Tools::new(Arc::new(Local(service.clone())), &document)
    };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_cancellation_token(stopping);
    let config = if is_keyed {
        config.disable_allowed_hosts()
    } else {
        config
    };
    let served = StreamableHttpService::new(
        move || Ok(tools.get_or_init(&make).clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    poem::endpoint::make(move |request| serve(served.clone(), request))
}

async fn serve(
    served: StreamableHttpService<Tools, NeverSessionManager>,
    mut request: Request,
) -> poem::Result<Response> {
    // Others get 405 with what is allowed from the SDK, whatever their body.
    let body = match *request.method() {
        Method::POST => request.take_body().into_bytes().await?,
        _ => bytes::Bytes::new(),
    };
    let is_json = request
        .content_type()
        .is_some_and(|kind| kind.starts_with("application/json"));
    if is_json
        && *request.method() == Method::POST
        && let Some(fault) = crate::mcp::fault(&body)
    {
        return Ok(Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .body(fault.to_string()));
    }
    let mut passed = poem::http::Request::new(Full::new(body));
    *passed.method_mut() = request.method().clone();
    *passed.uri_mut() = request.uri().clone();
    *passed.headers_mut() = request.headers().clone();
    if let Some(owner) = request.data::<Owner>() {
        passed.extensions_mut().insert(owner.clone());
    }
    if let Some(context) = request::current() {
        passed.extensions_mut().insert(context);
    }
    let (head, body) = served.handle(passed).await.into_parts();
    let body = http_body_util::BodyDataStream::new(body)
        .map_err(|never: Infallible| -> std::io::Error { match never {} });
    let mut response = Response::builder()
        .status(head.status)
        .body(Body::from_bytes_stream(body));
    *response.headers_mut() = head.headers;
    let no_store = header::HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(no_store);
    Ok(response)
}

/// The API of this process.
struct Local(Service);

impl Local {
    async fn carry_out(&self, owner: &Arc<str>, operation: Operation) -> Result<Value, Failure> {
        let creator = self.0.creator();
        let call = match operation {
            Operation::Check(body) => {
                let check = creator.check(owner, &body).await?;
                return Ok(json(&CheckView::of(check)));
            }
            Operation::Create(body, key) => {
                let key = key
                    .as_deref()
                    .map(super::api::read_idempotency_key)
                    .transpose()?;
                creator.create(owner, &body, key).await?.call
            }
            Operation::List(parameters) => return self.list(owner, &parameters).await,
            Operation::Get(id) => self.0.get(owner, super::api::read_id(&id)?).await?,
            Operation::Cancel(id) => self.0.cancel(owner, super::api::read_id(&id)?).await?,
            Operation::Accept(id) => {
                let offer = self.0.get(owner, super::api::read_id(&id)?).await?;
                creator.accept(&offer).await?.call
            }
            Operation::Resend(id) => self.0.resend(owner, super::api::read_id(&id)?).await?,
        };
        let delivery = self.0.delivery(&call).await.ok().flatten();
        Ok(json(&CallView::with(&call, delivery)))
    }

    async fn list(
        &self,
        owner: &Arc<str>,
        parameters: &serde_json::Map<String, Value>,
    ) -> Result<Value, Failure> {
        let text = |name: &str| parameters.get(name).map(crate::mcp::text_of);
        let query = ListParameters {
            limit: text("limit"),
            cursor: text("cursor"),
            status: text("status"),
            outcome: text("outcome"),
            phone: text("phone"),
        };
        let asked = query
            .read("", &self.0.settings().defaults)
            .map_err(ServiceError::Invalid)?;
        let page = self
            .0
            .list(owner, &asked.filter, asked.before, asked.most)
            .await?;
        let calls = page.calls.iter().map(|call| CallView::of(call)).collect();
        Ok(json(&CallListView::of(calls, page.next)))
    }

    async fn follow_to_the_end(
        &self,
        owner: &str,
        id: &str,
        states: &mpsc::UnboundedSender<Value>,
    ) -> Result<Value, Failure> {
        let mut calls = self.0.watch(owner, super::api::read_id(id)?).await?;
        loop {
            let call = calls.borrow_and_update().clone();
            let state = json(&CallView::of(&call));
            if call.is_finished() || calls_ended(&mut calls, &state, states).await {
                return Ok(state);
            }
        }
    }
}

/// Tells a state, and waits for the next one; whether none will come.
async fn calls_ended(
    calls: &mut tokio::sync::watch::Receiver<Arc<crate::call::Call>>,
    state: &Value,
    states: &mpsc::UnboundedSender<Value>,
) -> bool {
    states.send(state.clone()).is_err() || calls.changed().await.is_err()
}

impl Backend for Local {
    fn ask<'a>(
        &'a self,
        caller: Option<&'a Extensions>,
        operation: Operation,
    ) -> BoxFuture<'a, ApiAnswer> {
        let work = async move { self.carry_out(&owner(caller)?, operation).await };
        in_request(caller, work)
    }

    fn follow<'a>(
        &'a self,
        caller: Option<&'a Extensions>,
        id: String,
        states: mpsc::UnboundedSender<Value>,
    ) -> BoxFuture<'a, ApiAnswer> {
        let work = async move { self.follow_to_the_end(&owner(caller)?, &id, &states).await };
        in_request(caller, work)
    }
}

/// The owner of a request.
fn owner(caller: Option<&Extensions>) -> Result<Arc<str>, Failure> {
    let owner = caller.and_then(|caller| caller.get::<Owner>());
    let missing = || {
        Failure::new(
            Code::Unauthorized,
            "Send a key: Authorization: Bearer SECRET.",
        )
    };
    owner.map(|owner| owner.0.clone()).ok_or_else(missing)
}

/// Does `work` for the HTTP request that a tool was called by: the SDK calls tools in tasks of its
/// own.
fn in_request<'a>(
    caller: Option<&'a Extensions>,
    work: impl Future<Output = Result<Value, Failure>> + Send + 'a,
) -> BoxFuture<'a, ApiAnswer> {
    let context = caller
        .and_then(|caller| caller.get::<Arc<Context>>())
        .cloned();
    Box::pin(async move {
        let context = context.unwrap_or_else(|| Context::new(""));
        let answer = context.scope(work).await;
        answer.map_err(|failure| failure.body(context.id()))
    })
}

/// Our own types have string keys and no values that JSON cannot hold.
fn json(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
