//! Tools for agents by the Model Context Protocol: what the API can do, said so that a model calls
//! nobody by accident.
//!
//! A tool that rings, cancels or sends something does so only with `confirm: true`; without it, it
//! says what it would do. Nothing here decides anything about a call: the tools are a client of the
//! API ([`Backend`]), in this process or over HTTP, and can do no more than its key can.

mod results;
mod stdio;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Extensions;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation, JsonObject,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use self::results::{called, error, listed, offer, preview};
pub(crate) use self::stdio::fault;
use self::tools::{Arguments, ToolName};

/// The instructions for an agent before it uses any tool.
const INSTRUCTIONS: &str = "Tablecall phones restaurants: a machine reads a table reservation aloud, and staff answer on \
the keypad. First check_table, then ask_for_table with confirm: true once the user has agreed, then follow_call until it \
is final. Only outcome `confirmed` is a reservation; everything else, also a machine that picked up, is none. Without a \
Twilio account the carrier is simulated and no real phone rings: numbers that end in 0101 accept, 0102 decline, 0103 are \
busy, 0104 do not answer, 0110 offer 20:15; all others ring on the page /simulator.";

/// The pause after which an agent hears that nothing has changed: most clients give up a request of
/// which they hear nothing for a minute.
const STILL_WAITING: Duration = Duration::from_secs(10);

/// An operation of the API.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `POST /api/call/check`.
    Check(Map<String, Value>),
    /// `POST /api/call`, with its `Idempotency-Key`.
    Create(Map<String, Value>, Option<String>),
    /// `GET /api/call`, with its parameters; `phone` is the header.
    List(Map<String, Value>),
    /// `GET /api/call/{id}`.
    Get(String),
    /// `POST /api/call/{id}/cancel`.
    Cancel(String),
    /// `POST /api/call/{id}/accept`.
    Accept(String),
    /// `POST /api/call/{id}/events/resend`.
    Resend(String),
}

/// Answer of the API: JSON, or a problem (RFC 9457) as JSON.
pub type ApiAnswer = Result<Value, Value>;

/// Carries out operations of the API. `caller` is what is known of the HTTP request that a tool was
/// called by; nothing over standard input.
pub trait Backend: Send + Sync + 'static {
    /// Carries out one operation.
    fn ask<'a>(
        &'a self,
        caller: Option<&'a Extensions>,
        operation: Operation,
    ) -> BoxFuture<'a, ApiAnswer>;

    /// Follows a call to its end, and sends each state: the newest one at once. Dropping the future
    /// ends it; the call goes on.
    fn follow<'a>(
        &'a self,
        caller: Option<&'a Extensions>,
        id: String,
        states: mpsc::UnboundedSender<Value>,
    ) -> BoxFuture<'a, ApiAnswer>;
}

/// The tools over a back end.
#[derive(Clone)]
pub struct Tools {
    backend: Arc<dyn Backend>,
    /// The schema of the body of `POST /api/call`.
    reservation: Arc<JsonObject>,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tools")
    }
}

impl Tools {
    /// The tools over `backend`, whose API `document` describes.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, document: &Value) -> Self {
        Self {
            backend,
            reservation: Arc::new(tools::reservation(document)),
        }
    }

    async fn call(
        &self,
        name: ToolName,
        mut arguments: Arguments,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Value> {
        let parts = context.extensions.get::<http::request::Parts>();
        let caller = parts.map(|parts| &parts.extensions);
        let ask = |operation| self.backend.ask(caller, operation);
        match name {
            ToolName::CheckTable => {
                let check = ask(Operation::Check(arguments.rest())).await?;
                Ok(preview(&check, "Nobody was rung."))
            }
            ToolName::AskForTable => {
                let (is_confirmed, key) = (arguments.confirm(), arguments.idempotency_key()?);
                let body = arguments.rest();
                if !is_confirmed {
                    let check = ask(Operation::Check(body)).await?;
                    let words =
                        "Nobody was rung yet. With confirm: true this calls the restaurant.";
                    return Ok(preview(&check, words));
                }
                Ok(called(&ask(Operation::Create(body, key)).await?))
            }
            ToolName::FollowCall => {
                let seconds = arguments.seconds()?;
                let last = self.follow(arguments.id()?, seconds, caller, context);
                Ok(called(&last.await?))
            }
            ToolName::ListCalls => Ok(listed(&ask(Operation::List(arguments.rest())).await?)),
            ToolName::CancelCall => {
                let (is_confirmed, id) = (arguments.confirm(), arguments.id()?);
                let confirmed = is_confirmed.then(|| Operation::Cancel(id.clone()));
                self.confirmed(caller, id, confirmed, results::cancellation)
                    .await
            }
            ToolName::AcceptOffer => {
                let (is_confirmed, id) = (arguments.confirm(), arguments.id()?);
                if is_confirmed {
                    return Ok(called(&ask(Operation::Accept(id)).await?));
                }
                Ok(offer(&ask(Operation::Get(id)).await?))
            }
            ToolName::ResendEvents => {
                let (is_confirmed, id) = (arguments.confirm(), arguments.id()?);
                let confirmed = is_confirmed.then(|| Operation::Resend(id.clone()));
                self.confirmed(caller, id, confirmed, results::resending)
                    .await
            }
        }
    }

    /// Carries out what was confirmed; else says what it would do to the call.
    async fn confirmed(
        &self,
        caller: Option<&Extensions>,
        id: String,
        confirmed: Option<Operation>,
        preview: fn(&Value) -> CallToolResult,
    ) -> Result<CallToolResult, Value> {
        if let Some(operation) = confirmed {
            return Ok(called(&self.backend.ask(caller, operation).await?));
        }
        let call = self.backend.ask(caller, Operation::Get(id)).await?;
        Ok(preview(&call))
    }

    /// Follows a call until it is final or `seconds` have passed, and reports each state.
    async fn follow(
        &self,
        id: String,
        seconds: u64,
        caller: Option<&Extensions>,
        context: &RequestContext<RoleServer>,
    ) -> ApiAnswer {
        let (send, mut states) = mpsc::unbounded_channel();
        let mut following = self.backend.follow(caller, id.clone(), send);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        let (mut newest, mut told) = (None::<Value>, 0_u32);
        loop {
            let pause = tokio::time::sleep(STILL_WAITING);
            tokio::select! {
                biased;
                Some(state) = states.recv() => newest = Some(state),
                last = &mut following => return last,
                () = tokio::time::sleep_until(deadline) => break,
                () = context.ct.cancelled() => break,
                () = pause => {}
            }
            told += 1;
            if let (Some(token), Some(state)) = (context.meta.get_progress_token(), &newest) {
                let progress = ProgressNotificationParam::new(token, f64::from(told))
                    .with_message(results::progress(state));
                // An agent that hears nothing any more still gets the result.
                let _sent = context.peer.notify_progress(progress).await;
            }
        }
        match newest {
            Some(state) => Ok(state),
            None => self.backend.ask(caller, Operation::Get(id)).await,
        }
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("tablecall", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ToolName::ALL.map(|name| name.describe(&self.reservation));
        Ok(ListToolsResult::with_all_items(tools.into()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(name) = ToolName::named(&request.name) else {
            let known = ToolName::ALL.map(ToolName::word).join(", ");
            let message = format!("there is no such tool; the tools are {known}");
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = Arguments(request.arguments.unwrap_or_default());
        let result = self.call(name, arguments, &context).await;
        Ok(result.unwrap_or_else(|problem| error(&problem)).into())
    }
}

/// A parameter as text: agents write numbers as numbers.
pub(crate) fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A problem of an argument that no operation of the API has.
fn wrong_argument(field: &str, code: &str, message: &str) -> Value {
    json!({
        "status": 422, "code": "invalid_request", "title": "Fields are wrong", "detail": "One field is wrong.",
        "errors": [{"field": field, "code": code, "message": message}]
    })
}

/// Serves the tools over standard input and output, until the input ends.
///
/// # Errors
/// The other end does not speak the protocol.
pub async fn serve_stdio(tools: Tools) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (input, output) = stdio::checked(tokio::io::stdin(), tokio::io::stdout());
    let running = rmcp::serve_server(tools, (input, output.writer)).await;
    let done = match running {
        Ok(running) => running
            .waiting()
            .await
            .map(|_reason| ())
            .map_err(Into::into),
        Err(error) => Err(error.into()),
    };
    // The last answers are written before the process ends.
    output.lines.end().await;
    done
}
