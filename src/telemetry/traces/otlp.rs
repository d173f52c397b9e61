//! Exports spans over OTLP, with OpenTelemetry's own SDK.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use opentelemetry::trace::{
    Event, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use tokio::runtime::Handle;

use super::{Attribute, AttributeValue, Collector, FinishedSpan, SpanRole};
use crate::telemetry::request::TraceParent;
use clock::Clock;

/// An answer of a collector that is longer is of no use.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Reason for which traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be exported")]
pub struct TracesError(#[from] opentelemetry_otlp::ExporterBuildError);

/// Exports spans; cheap to clone.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    clock: Clock,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

/// The span that begins a trace of ours, still open.
pub struct OpenSpan {
    span: Span,
}

impl fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSpan")
            .field("parent", &self.parent())
            .finish_non_exhaustive()
    }
}

impl Traces {
    /// Time limit of the last spans on their way out.
    pub const LAST_WAIT: Duration = Duration::from_secs(2);

    /// Traces that are sent by `http` on the runtime at hand; they are in the time of `clock`.
    ///
    /// # Errors
    /// The exporter does not take the endpoint.
    pub fn new(
        collector: Collector,
        clock: Clock,
        http: reqwest::Client,
    ) -> Result<Self, TracesError> {
        let Collector {
            endpoint,
            service_name,
            timeout,
            gzip,
            version,
            environment,
        } = collector;
        let sender = SpanSender {
            http,
            timeout,
            runtime: Handle::current(),
            failing: Arc::default(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(timeout);
        let exporter = if gzip {
            exporter.with_compression(Compression::Gzip)
        } else {
            exporter
        };
        let exporter = exporter.build()?;
        // The environment takes precedence over our own attributes.
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.version", version),
                KeyValue::new("deployment.environment.name", environment),
            ])
            .with_detectors(&[
                Box::new(TelemetryResourceDetector),
                Box::new(EnvResourceDetector::new()),
            ])
            .with_attributes(service_name.map(|name| KeyValue::new("service.name", name)))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("tablecall");
        Ok(Self {
            provider,
            tracer,
            clock,
        })
    }

    /// Begins the span that a trace hangs on: under `from`, the `traceparent` of the request, or as
    /// the first of all.
    #[must_use]
    pub fn begin(&self, name: &'static str, from: Option<&str>) -> OpenSpan {
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_start_time(self.now());
        let above = match from.and_then(traceparent) {
            Some(remote) => Context::new().with_remote_span_context(remote),
            None => Context::new(),
        };
        OpenSpan {
            span: builder.start_with_context(&self.tracer, &above),
        }
    }

    /// Ends it now.
    pub fn end(&self, begun: OpenSpan, attributes: Vec<Attribute>, failed: Option<&str>) {
        let OpenSpan { mut span } = begun;
        span.set_attributes(attributes.into_iter().map(KeyValue::from));
        if let Some(word) = failed {
            span.set_status(Status::error(word.to_owned()));
        }
        span.end_with_timestamp(self.now());
    }

    /// Exports a span that ends now.
    pub fn took(&self, past: FinishedSpan<'_>, took: Duration) {
        let end = self.now();
        self.tell(
            past,
            (end.checked_sub(took).unwrap_or(end), end),
            Vec::new(),
        );
    }

    /// Exports a span of the past, with its events and their times.
    pub fn past(
        &self,
        past: FinishedSpan<'_>,
        from: Timestamp,
        to: Timestamp,
        happened: Vec<(Timestamp, String)>,
    ) {
        let events = happened
            .into_iter()
            .map(|(at, what)| Event::new(what, at.into(), Vec::new(), 0))
            .collect();
        self.tell(past, (from.into(), to.max(from).into()), events);
    }

    fn tell(
        &self,
        past: FinishedSpan<'_>,
        (start, end): (SystemTime, SystemTime),
        events: Vec<Event>,
    ) {
        let FinishedSpan {
            parent: (trace, span),
            name,
            side,
            attributes,
            failed,
        } = past;
        let parent = SpanContext::new(
            TraceId::from_bytes(trace),
            SpanId::from_bytes(span),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        let kind = match side {
            SpanRole::Server => SpanKind::Server,
            SpanRole::Client => SpanKind::Client,
            SpanRole::Own => SpanKind::Internal,
        };
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(kind)
            .with_start_time(start);
        let attributes = attributes.into_iter().map(KeyValue::from);
        let builder = builder.with_attributes(attributes).with_events(events);
        let mut span = builder.start_with_context(
            &self.tracer,
            &Context::new().with_remote_span_context(parent),
        );
        if let Some(word) = failed {
            span.set_status(Status::error(word.to_owned()));
        }
        span.end_with_timestamp(end);
    }

    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }

    /// Sends what is left, for two seconds at most. It blocks, and needs the runtime to go on
    /// meanwhile.
    pub fn close(&self) {
        if self
            .provider
            .shutdown_with_timeout(Self::LAST_WAIT)
            .is_err()
        {
            tracing::warn!("the last traces were not delivered");
        }
    }
}

impl OpenSpan {
    /// The parent of further spans; `None` if the caller's trace is not sampled.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent> {
        let context = self.span.span_context();
        context
            .is_sampled()
            .then(|| (context.trace_id().to_bytes(), context.span_id().to_bytes()))
    }
}

impl From<Attribute> for KeyValue {
    fn from(attribute: Attribute) -> Self {
        let value = match attribute.value {
            AttributeValue::Text(text) => Value::String(text.into()),
            AttributeValue::Number(number) => Value::I64(number),
        };
        Self::new(attribute.name, value)
    }
}

/// Reads a `traceparent` (W3C trace context, 3.2); anything else than that is as good as none.
fn traceparent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    // A later version may say more behind these four.
    let known =
        is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let sampled = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    Some(SpanContext::new(
        trace,
        span,
        sampled,
        true,
        TraceState::default(),
    ))
    .filter(SpanContext::is_valid)
}

/// Sends batches: the exporter waits in a thread of its own, where no connection can be made.
struct SpanSender {
    http: reqwest::Client,
    timeout: Duration,
    runtime: Handle,
    failing: Arc<AtomicBool>,
}

impl fmt::Debug for SpanSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanSender")
    }
}

impl HttpClient for SpanSender {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'b, Result<http::Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let sending = send(self.http.clone(), request, self.timeout);
        let sending = self.runtime.spawn(sending);
        Box::pin(async move {
            let sent = sending.await?;
            let reason = match &sent {
                Ok(response) if response.status().is_success() => None,
                Ok(response) => Some(format!("the collector answers {}", response.status())),
                Err(error) => Some(chain(&**error)),
            };
            let failed = reason.is_some();
            if self.failing.swap(failed, Ordering::Relaxed) != failed {
                match reason {
                    Some(reason) => tracing::warn!(reason, "traces cannot be delivered"),
                    None => tracing::info!("traces are delivered again"),
                }
            }
            sent
        })
    }
}

/// An error with what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

async fn send(
    http: reqwest::Client,
    request: http::Request<Bytes>,
    timeout: Duration,
) -> Result<http::Response<Bytes>, HttpError> {
    let mut request = reqwest::Request::try_from(request)?;
    *request.timeout_mut() = Some(timeout);
    let mut answer = http
        .execute(request)
        .await
        .map_err(reqwest::Error::without_url)?;
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    *response.body_mut() = body.into();
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_has_it() {
        let read = |text: &str| {
            traceparent(text).map(|context| (context.trace_id().to_string(), context.is_sampled()))
        };
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(
            read(&format!("00-{trace}-{span}-01")),
            Some((trace.to_owned(), true))
        );
        assert_eq!(
            read(&format!("00-{trace}-{span}-00")),
            Some((trace.to_owned(), false))
        );
        assert_eq!(
            read(&format!("01-{trace}-{span}-03-more")),
            Some((trace.to_owned(), true))
        );
        for wrong in [
            String::new(),
            format!("ff-{trace}-{span}-01"),
            format!("00-{trace}-{span}-01-more"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-+{}-{span}-01", &trace[1..]),
            format!("00-{trace}-{span}"),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
