//! A request of the REST side, taken apart, and what answers it.

use http::StatusCode;
use serde_json::Value;

use super::Inner;
use super::paging::PageQuery;
use super::rest_error::RestError;

/// One request.
pub(super) struct RestRequest<'a> {
    pub(super) method: &'a http::Method,
    /// Path as sent, without the query and without `/simulator`.
    pub(super) path: &'a str,
    pub(super) query: Vec<(String, String)>,
    pub(super) form: Vec<(String, String)>,
}

impl RestRequest<'_> {
    pub(super) fn is_get(&self) -> bool {
        *self.method == http::Method::GET
    }

    pub(super) fn is_post(&self) -> bool {
        *self.method == http::Method::POST
    }

    pub(super) fn is_delete(&self) -> bool {
        *self.method == http::Method::DELETE
    }

    pub(super) fn not_found(&self) -> RestError {
        RestError::NotFound(self.path.to_owned())
    }
}

/// An accepted request: status and body (none with 204).
#[derive(Debug)]
pub(super) struct RestAnswer {
    pub(super) status: StatusCode,
    /// The element's name in XML, where the body is no list.
    pub(super) kind: &'static str,
    pub(super) body: Option<Value>,
    pub(super) call_sid: Option<String>,
}

impl RestAnswer {
    /// A single resource.
    pub(super) const fn one(kind: &'static str, body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            kind,
            body: Some(body),
            call_sid: None,
        }
    }

    /// A page of a list.
    pub(super) const fn list(body: Value) -> Self {
        Self::one("", body)
    }

    /// A new resource.
    pub(super) fn created(kind: &'static str, body: Value) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::one(kind, body)
        }
    }

    /// Nothing, with 204.
    pub(super) const fn deleted() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            kind: "",
            body: None,
            call_sid: None,
        }
    }

    pub(super) fn about(mut self, call_sid: &str) -> Self {
        self.call_sid = Some(call_sid.to_owned());
        self
    }
}

/// The answer of a resource.
pub(super) type Answered = Result<RestAnswer, RestError>;

pub(super) fn base(sim: &Inner) -> String {
    format!("/2010-04-01/Accounts/{}", sim.config.account_sid)
}

pub(super) fn list(request: &RestRequest<'_>, name: &str, items: Vec<(String, Value)>) -> Answered {
    let page = PageQuery::of(request.path, &request.query)?;
    Ok(RestAnswer::list(page.envelope(name, items)))
}

/// Pairs a representation with its sid, which is the key of paging.
pub(super) fn with_sid(value: Value) -> (String, Value) {
    let sid = value["sid"].as_str().unwrap_or_default().to_owned();
    (sid, value)
}
