//! Reports errors to Sentry: each `tracing::error!` of our own code becomes one event, and so does
//! each panic.
//!
//! The content of a report is chosen, not filtered: the words of the line, its codes and ids, the
//! release. There are no breadcrumbs, no stack variables, no request, no name of this machine;
//! texts are scrubbed once more on their way out.

mod delivery;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Event as Report, Level, Value};
use sentry::types::Dsn;
use sentry::{Client, ClientOptions, TransportFactory};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use self::delivery::Outbound;
use super::request;
use super::scrub::scrub;

/// Time limit of the last reports on their way out.
pub const LAST_WAIT: Duration = Duration::from_secs(1);
/// Only lines of this program: what libraries write may hold anything.
const OURS: &str = "tablecall";
/// Fields that are ids and become what reports are searched by; they are not scrubbed.
const TAGS: [&str; 7] = [
    "call.id",
    "request.id",
    "event",
    "attempt",
    "twilio.code",
    "webhook",
    "key",
];

/// Address of the reports: a DSN as Sentry gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination(Dsn);

/// The text is no DSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a DSN such as https://key@sentry.example.com/1")]
pub struct NoDsn;

impl FromStr for Destination {
    type Err = NoDsn;

    fn from_str(text: &str) -> Result<Self, NoDsn> {
        text.parse().map(Self).map_err(|_| NoDsn)
    }
}

/// The key in it is not shown.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.0.host())
    }
}

/// Sends reports; see the module.
#[derive(Clone)]
pub struct Reports {
    client: Arc<Client>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports")
    }
}

impl Reports {
    /// Reports of `release` from `environment`, sent by `http` from a thread of their own; `http`
    /// must not be used by others.
    #[must_use]
    pub fn new(
        to: &Destination,
        release: String,
        environment: String,
        http: reqwest::Client,
    ) -> Self {
        Self::through(to, release, environment, Outbound(http))
    }

    fn through(
        to: &Destination,
        release: String,
        environment: String,
        transport: impl TransportFactory + 'static,
    ) -> Self {
        let mut options = ClientOptions::new()
            .release(release)
            .environment(environment)
            .transport(transport);
        options.dsn = Some(to.0.clone());
        options.default_integrations = false;
        options.max_breadcrumbs = 0;
        Self {
            client: Arc::new(Client::with_options(options)),
        }
    }

    /// Sends what is left, for a second at most.
    pub fn close(&self) {
        self.client.close(Some(LAST_WAIT));
    }
}

impl<S: Subscriber> Layer<S> for Reports {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let meta = event.metadata();
        if *meta.level() != tracing::Level::ERROR || !meta.target().starts_with(OURS) {
            return;
        }
        let mut fields = EventFields::default();
        event.record(&mut fields);
        if let Some(current) = request::current() {
            fields
                .tags
                .insert("request.id".to_owned(), current.id().to_owned());
            if let Some(call) = current.call() {
                fields
                    .tags
                    .entry("call.id".to_owned())
                    .or_insert_with(|| call.to_string());
            }
        }
        let mut report = Report {
            level: Level::Error,
            logger: Some(meta.target().to_owned()),
            message: Some(fields.message),
            tags: fields.tags.into_iter().collect(),
            extra: fields.extra.into_iter().collect(),
            ..Report::default()
        };
        // A panic is known by its place: without it all panics would be one issue.
        if let Some(Value::String(place)) = report.extra.get("location").cloned() {
            report.level = Level::Fatal;
            report.fingerprint = Cow::Owned(vec!["panicked".into(), place.clone().into()]);
            report.culprit = Some(place);
        }
        self.client.capture_event(report, None);
    }
}

#[derive(Default)]
struct EventFields {
    message: String,
    tags: BTreeMap<String, String>,
    extra: BTreeMap<String, Value>,
}

impl EventFields {
    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = scrub(&text),
            name if TAGS.contains(&name) => drop(self.tags.insert(name.to_owned(), text)),
            name => drop(
                self.extra
                    .insert(name.to_owned(), Value::String(scrub(&text))),
            ),
        }
    }

    fn number(&mut self, field: &Field, value: Value) {
        if TAGS.contains(&field.name()) {
            self.tags.insert(field.name().to_owned(), value.to_string());
        } else {
            self.extra.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use parking_lot::Mutex;
    use sentry::{Envelope, Transport, TransportOptions};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Keeps what would be sent.
    #[derive(Default)]
    struct KeptReports(Mutex<Vec<Report<'static>>>);

    impl Transport for KeptReports {
        fn send_envelope(&self, envelope: Envelope) {
            self.0.lock().extend(envelope.event().cloned());
        }
    }

    struct Keeps(Arc<KeptReports>);

    impl TransportFactory for Keeps {
        fn create_transport_with_options(&self, _options: TransportOptions) -> Arc<dyn Transport> {
            self.0.clone()
        }
    }

    fn reported(say: impl FnOnce()) -> Vec<Report<'static>> {
        let kept = Arc::new(KeptReports::default());
        let to = "https://key@sentry.example.com/1".parse().unwrap();
        let reports = Reports::through(
            &to,
            "tablecall@1".to_owned(),
            "test".to_owned(),
            Keeps(kept.clone()),
        );
        tracing::subscriber::with_default(tracing_subscriber::registry().with(reports), say);
        std::mem::take(&mut kept.0.lock())
    }

    #[test]
    fn an_error_is_reported_with_its_ids_and_nothing_private() {
        let reports = reported(|| {
            let error =
                std::io::Error::other("no route to https://calls.example.com/twiml/answer/SECRET");
            tracing::error!(call.id = "c-1234567890", attempt = 2_u8, error = %error, "to +14155550101: failed");
            tracing::warn!("a warning is none");
            tracing::error!(target: "hyper", "of a library");
        });
        let [report] = reports.as_slice() else {
            panic!("{reports:?}")
        };
        assert_eq!(report.message.as_deref(), Some("to +******: failed"));
        assert_eq!(
            (&*report.tags["call.id"], &*report.tags["attempt"]),
            ("c-1234567890", "2")
        );
        assert_eq!(
            report.extra["error"],
            "no route to https://calls.example.com/…"
        );
        assert_eq!(
            (report.release.as_deref(), report.environment.as_deref()),
            (Some("tablecall@1"), Some("test"))
        );
        assert!(
            report.server_name.is_none() && report.request.is_none() && report.contexts.is_empty()
        );
        assert!(
            report.breadcrumbs.is_empty() && report.user.is_none(),
            "{report:?}"
        );
    }

    #[tokio::test]
    async fn a_report_bears_the_ids_of_the_request_that_it_was_made_for() {
        let request = request::Context::new("r1");
        let work = request.scope(async {
            request::note_call(&[1; 16]);
            reported(|| tracing::error!("failed"))
        });
        let reports = work.await;
        assert_eq!(reports[0].tags["request.id"], "r1");
        assert_eq!(
            reports[0].tags["call.id"],
            "01010101-0101-0101-0101-010101010101"
        );
    }

    #[test]
    fn panics_are_told_apart_by_their_place_and_keep_formatted_messages_to_themselves() {
        let reports = reported(|| {
            crate::telemetry::panicked(Some(Location::caller()), &"a literal");
            crate::telemetry::panicked(Some(Location::caller()), &"Ana García".to_owned());
        });
        let [literal, formatted] = reports.as_slice() else {
            panic!("{reports:?}")
        };
        assert_eq!(
            (literal.level, &literal.extra["panic"]),
            (Level::Fatal, &"a literal".into())
        );
        assert_ne!(literal.fingerprint, formatted.fingerprint);
        assert!(!format!("{formatted:?}").contains("Ana"), "{formatted:?}");
    }

    #[test]
    fn a_destination_keeps_its_key_to_itself() {
        let to: Destination = "https://public-key@sentry.example.com/1".parse().unwrap();
        assert_eq!(format!("{to:?}"), "Destination(sentry.example.com)");
        assert_eq!("sentry.example.com".parse::<Destination>(), Err(NoDsn));
    }
}
