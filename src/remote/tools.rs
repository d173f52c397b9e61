//! The tools for agents over a server somewhere: `tablecall mcp`.

use futures_util::future::BoxFuture;
use http::Extensions;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{RemoteError, RemoteService};
use crate::mcp::{ApiAnswer, Backend, Operation, text_of};

/// The API of a server somewhere.
#[derive(Debug)]
pub struct Remote {
    server: RemoteService,
    http: reqwest::Client,
}

impl Remote {
    /// The API of `server`.
    #[must_use]
    pub const fn new(server: RemoteService, http: reqwest::Client) -> Self {
        Self { server, http }
    }

    async fn carry_out(&self, operation: Operation) -> ApiAnswer {
        let sent = self
            .server
            .exchange(&self.http, |http, origin| match operation {
                Operation::Check(body) => http.post(format!("{origin}/api/call/check")).json(&body),
                Operation::Create(body, key) => {
                    let request = http.post(format!("{origin}/api/call")).json(&body);
                    match key {
                        Some(key) => request.header("idempotency-key", key),
                        None => request,
                    }
                }
                Operation::List(mut parameters) => {
                    let phone = parameters.remove("phone");
                    let query: Vec<(String, String)> = parameters
                        .iter()
                        .map(|(name, value)| (name.clone(), text_of(value)))
                        .collect();
                    let request = http.get(format!("{origin}/api/call")).query(&query);
                    match phone {
                        Some(phone) => request.header("restaurant-phone", text_of(&phone)),
                        None => request,
                    }
                }
                Operation::Get(id) => http.get(format!("{origin}/api/call/{}", segment(&id))),
                Operation::Cancel(id) => {
                    http.post(format!("{origin}/api/call/{}/cancel", segment(&id)))
                }
                Operation::Accept(id) => {
                    http.post(format!("{origin}/api/call/{}/accept", segment(&id)))
                }
                Operation::Resend(id) => {
                    http.post(format!("{origin}/api/call/{}/events/resend", segment(&id)))
                }
            });
        match sent.await {
            Ok((200..=299, body)) => Ok(body),
            Ok((_, problem)) => Err(problem),
            Err(error) => Err(problem_of(&error)),
        }
    }
}

impl Backend for Remote {
    fn ask<'a>(
        &'a self,
        _caller: Option<&'a Extensions>,
        operation: Operation,
    ) -> BoxFuture<'a, ApiAnswer> {
        Box::pin(self.carry_out(operation))
    }

    fn follow<'a>(
        &'a self,
        _caller: Option<&'a Extensions>,
        id: String,
        states: mpsc::UnboundedSender<Value>,
    ) -> BoxFuture<'a, ApiAnswer> {
        Box::pin(async move {
            let tell = |state: &Value| {
                // Nobody listens any more where the agent has stopped following.
                let _sent = states.send(state.clone());
            };
            let followed = self.server.follow(&self.http, segment(&id), tell).await;
            followed.map_err(|error| problem_of(&error))
        })
    }
}

/// An id as one segment of a path. It comes from an agent and may be anything; what can be no id
/// becomes one that no call has.
fn segment(id: &str) -> &str {
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_plain && !id.is_empty() { id } else { "-" }
}

/// A failed request in the form of a problem.
fn problem_of(error: &RemoteError) -> Value {
    let status = match error {
        RemoteError::Refused { status, .. } | RemoteError::Unwell { status, .. } => *status,
        RemoteError::Unsendable => 422,
        RemoteError::Unreachable { .. }
        | RemoteError::NotTablecall { .. }
        | RemoteError::NotHttp { .. }
        | RemoteError::Silent { .. }
        | RemoteError::Cut(_)
        | RemoteError::Lost { .. } => 503,
    };
    let (code, title) = match status {
        404 => ("call_not_found", "The server did not answer"),
        422 => ("invalid_request", "Fields are wrong"),
        _ => ("unavailable", "The server did not answer"),
    };
    json!({"status": status, "code": code, "title": title, "detail": error.to_string()})
}
