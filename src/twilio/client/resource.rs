//! Resources in Twilio's responses.
//!
//! Only what names the resource is required. Nulls, unknown fields, and values of an unexpected
//! form are absent, because a response that cannot be read is worse than one with a gap: its call
//! exists.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::CallSid;
use crate::twilio::webhook::rfc2822;
use crate::twilio::{AccountSid, AnsweredBy, CallStatus};

/// A call as Twilio shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResource {
    /// The call.
    pub sid: CallSid,
    /// Its status; `None` for an unknown word.
    pub status: Option<CallStatus>,
    /// The called number.
    pub to: Option<String>,
    /// The calling number.
    pub from: Option<String>,
    /// Time at which it was created; null in the answer to the create itself.
    pub date_created: Option<Timestamp>,
    /// Time at which it started; null while it is queued.
    pub start_time: Option<Timestamp>,
    /// Time at which it ended; null before.
    pub end_time: Option<Timestamp>,
    /// Time for which the line was open, to the second; null before the end.
    pub duration: Option<Duration>,
    /// The result of machine detection, if there is one.
    pub answered_by: Option<AnsweredBy>,
}

/// A page of calls, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPage {
    /// The calls of this page.
    pub calls: Vec<CallResource>,
    /// The argument of [`Client::list_next`](super::Client::list_next); `None` on the last page.
    pub next_page_uri: Option<String>,
}

/// One request of a call and its answer (Twilio, Call Event resource): ours to Twilio, and Twilio's
/// to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// `GET` or `POST`.
    pub method: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// Its parameters; names in lower snake case (`digits`, `call_status`), as Twilio shows them.
    pub parameters: Vec<(String, String)>,
    /// The HTTP status of the answer.
    pub response_code: Option<u16>,
    /// The time of the response.
    pub response_date: Option<Timestamp>,
}

impl CallEvent {
    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The account's standing (Twilio, Account resource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub sid: AccountSid,
    /// `active`, `suspended` or `closed`.
    pub status: Option<String>,
    /// `Trial` or `Full`.
    pub kind: Option<String>,
}

impl Account {
    /// Returns whether it may call.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.as_deref() == Some("active")
    }

    /// Returns whether it is a trial account.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.kind.as_deref() == Some("Trial")
    }
}

/// The balance (Twilio, Balance resource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// A decimal number as Twilio wrote it.
    pub balance: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// A call that was just placed.
#[derive(Deserialize)]
pub(super) struct CreatedBody {
    /// Anything: whatever else it is than a SID of Twilio's, a call may exist.
    #[serde(default)]
    pub(super) sid: Value,
}

#[derive(Deserialize)]
pub(super) struct CallBody {
    sid: CallSid,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    to: Option<String>,
    #[serde(default, deserialize_with = "text")]
    from: Option<String>,
    #[serde(default, deserialize_with = "text")]
    date_created: Option<String>,
    #[serde(default, deserialize_with = "text")]
    start_time: Option<String>,
    #[serde(default, deserialize_with = "text")]
    end_time: Option<String>,
    #[serde(default, deserialize_with = "text")]
    duration: Option<String>,
    #[serde(default, deserialize_with = "text")]
    answered_by: Option<String>,
}

impl From<CallBody> for CallResource {
    fn from(body: CallBody) -> Self {
        let date = |text: Option<String>| text.as_deref().and_then(rfc2822);
        Self {
            sid: body.sid,
            status: body.status.and_then(|status| status.parse().ok()),
            to: body.to,
            from: body.from,
            date_created: date(body.date_created),
            start_time: date(body.start_time),
            end_time: date(body.end_time),
            duration: body
                .duration
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            answered_by: body.answered_by.and_then(|verdict| verdict.parse().ok()),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct CallsBody {
    calls: Vec<CallBody>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

impl From<CallsBody> for CallPage {
    fn from(body: CallsBody) -> Self {
        Self {
            calls: body.calls.into_iter().map(CallResource::from).collect(),
            next_page_uri: body.next_page_uri,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct EventsBody {
    pub(super) events: Vec<EventBody>,
    #[serde(default)]
    pub(super) next_page_uri: Option<String>,
}

/// Both halves are untyped in Twilio's own specification.
#[derive(Deserialize)]
pub(super) struct EventBody {
    #[serde(default)]
    request: Value,
    #[serde(default)]
    response: Value,
}

impl From<EventBody> for CallEvent {
    fn from(body: EventBody) -> Self {
        let EventBody { request, response } = body;
        let parameters = request["parameters"].as_object().into_iter().flatten();
        Self {
            method: plain(&request["method"]),
            url: plain(&request["url"]),
            parameters: parameters
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?)))
                .collect(),
            response_code: plain(&response["response_code"]).and_then(|code| code.parse().ok()),
            response_date: plain(&response["date_created"])
                .as_deref()
                .and_then(rfc2822),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct AccountBody {
    sid: AccountSid,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "text")]
    kind: Option<String>,
}

impl From<AccountBody> for Account {
    fn from(AccountBody { sid, status, kind }: AccountBody) -> Self {
        Self { sid, status, kind }
    }
}

#[derive(Deserialize)]
pub(super) struct BalanceBody {
    #[serde(default, deserialize_with = "text")]
    balance: Option<String>,
    #[serde(default, deserialize_with = "text")]
    currency: Option<String>,
}

impl From<BalanceBody> for Balance {
    fn from(BalanceBody { balance, currency }: BalanceBody) -> Self {
        Self { balance, currency }
    }
}

/// Reads a field that is text or null, and forgives numbers: Twilio writes both for the same field
/// here and there.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(plain(&Value::deserialize(deserializer)?))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
