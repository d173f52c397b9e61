//! Stands in for the exporter where the feature `otlp` is not built in: no value exists of
//! [`NoTraces`].

use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;

use super::{Attribute, Collector, FinishedSpan};
use crate::telemetry::request::TraceParent;
use clock::Clock;

/// Traces cannot be exported: the exporter is not built in.
#[derive(Debug, thiserror::Error)]
#[error("this program was built without the feature `otlp`")]
pub struct NoOtlp;

/// Exports spans; there is none in this build.
#[derive(Clone, Debug)]
pub struct NoTraces(Infallible);

/// The span that begins a trace of ours; there is none in this build.
#[derive(Debug)]
pub struct NoSpan(Infallible);

impl NoTraces {
    /// Refuses.
    ///
    /// # Errors
    /// Always. The settings are refused before (`config::Features`).
    pub fn new(_: Collector, _: Clock, _: reqwest::Client) -> Result<Self, NoOtlp> {
        Err(NoOtlp)
    }

    /// Begins a span.
    #[must_use]
    pub fn begin(&self, _name: &'static str, _from: Option<&str>) -> NoSpan {
        match self.0 {}
    }

    /// Ends it now.
    pub fn end(&self, _: NoSpan, _: Vec<Attribute>, _failed: Option<&str>) {
        match self.0 {}
    }

    /// Exports a span that ends now.
    pub fn took(&self, _: FinishedSpan<'_>, _took: Duration) {
        match self.0 {}
    }

    /// Exports a span of the past.
    pub fn past(
        &self,
        _: FinishedSpan<'_>,
        _from: Timestamp,
        _to: Timestamp,
        _happened: Vec<(Timestamp, String)>,
    ) {
        match self.0 {}
    }

    /// Sends what is left.
    pub fn close(&self) {
        match self.0 {}
    }
}

impl NoSpan {
    /// The parent of further spans.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent> {
        match self.0 {}
    }
}
