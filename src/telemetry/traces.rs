//! One trace per call: the create, each webhook, each request to Twilio, each attempt, and the
//! whole call, exported over OTLP.
//!
//! No span stays open while a call waits for minutes: each is exported when it is over, under the
//! create that began the trace. The trace id is in the ticket, so that any process can add to the
//! same trace. Attributes are words, codes and ids, never a name or a number of a person.
//!
//! The exporter is built with the feature `otlp` alone; without it no
//! value of [`Traces`] exists, and everything that would be exported is skipped.

use std::borrow::Cow;
use std::time::Duration;

use url::Url;

use super::request::TraceParent;

#[cfg(not(feature = "otlp"))]
mod left_out;
#[cfg(feature = "otlp")]
mod otlp;

#[cfg(not(feature = "otlp"))]
pub use self::left_out::{NoOtlp as TracesError, NoSpan as OpenSpan, NoTraces as Traces};
#[cfg(feature = "otlp")]
pub use self::otlp::{OpenSpan, Traces, TracesError};

/// Address to which traces go, and the name under which.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Address to which traces are posted.
    pub endpoint: Url,
    /// `service.name`; `None`: `OTEL_RESOURCE_ATTRIBUTES` names it.
    pub service_name: Option<String>,
    /// Time limit of its answer.
    pub timeout: Duration,
    /// Compresses the requests.
    pub gzip: bool,
    /// Our version.
    pub version: &'static str,
    /// The name of this deployment.
    pub environment: String,
}

/// A property of a span.
#[derive(Debug)]
pub struct Attribute {
    /// Its name, as OpenTelemetry's conventions or ours have it.
    pub name: &'static str,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an [`Attribute`].
#[derive(Debug)]
pub enum AttributeValue {
    /// A word, a code or an id.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl Attribute {
    /// The attribute `name` with a text or a number.
    pub fn new(name: &'static str, value: impl Into<AttributeValue>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }
}

impl From<&'static str> for AttributeValue {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// The side of an exchange that a span describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanRole {
    /// We answered.
    Server,
    /// We asked.
    Client,
    /// Time that passed, without a request.
    Own,
}

/// A span that is over.
#[derive(Debug)]
pub struct FinishedSpan<'a> {
    /// Its trace and parent.
    pub parent: TraceParent,
    /// Its name, one of few.
    pub name: Cow<'static, str>,
    /// Its side of the exchange.
    pub side: SpanRole,
    /// Further attributes.
    pub attributes: Vec<Attribute>,
    /// Cause of the failure, in a word, if it failed.
    pub failed: Option<&'a str>,
}
