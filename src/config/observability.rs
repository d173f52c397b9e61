//! The settings of those who watch the service: logs, metrics, errors, traces. What they judge is
//! wired up in `app` and `main`.

use std::net::SocketAddr;

use super::reader::{Reader, set};
use super::{RawConfig, TracesExport};
use crate::telemetry;
use crate::telemetry::Format;
use crate::telemetry::reports::{Destination, NoDsn};

/// Logs, metrics, traces and error reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observability {
    /// Filter of the log lines, as `RUST_LOG` has it.
    pub log_filter: String,
    /// Their form; `None`: text on a terminal, else JSON.
    pub log_format: Option<Format>,
    /// Address of metrics alone; `None`: they are with everything else.
    pub metrics_listen: Option<SocketAddr>,
    /// Address to which errors are reported, if anywhere.
    pub reports: Option<Destination>,
    /// The collector that traces are sent to, if any.
    pub collector: Option<TracesExport>,
    /// The name of this deployment in reports and traces.
    pub environment: String,
}

impl Reader {
    pub(super) fn observability(
        &mut self,
        given: &RawConfig,
        listen: Option<SocketAddr>,
        simulated: bool,
    ) -> Observability {
        let log_filter = set(&given.observability.log)
            .unwrap_or(telemetry::DEFAULT_FILTER)
            .to_owned();
        if let Err(error) = telemetry::filter(&log_filter) {
            self.wrong("RUST_LOG", error);
        }
        let log_format = match set(&given.observability.log_format) {
            None => None,
            Some("text") => Some(Format::Text),
            Some("json") => Some(Format::Json),
            Some(_) => {
                self.wrong("TABLECALL_LOG_FORMAT", "must be `text` or `json`");
                None
            }
        };
        const METRICS: &str = "TABLECALL_METRICS_LISTEN";
        let rule = "must be an address with a port such as 127.0.0.1:9090";
        let metrics_listen: Option<SocketAddr> =
            self.parsed(METRICS, &given.observability.metrics_listen, rule);
        if metrics_listen.is_some_and(|address| address.port() != 0 && Some(address) == listen) {
            self.wrong(
                METRICS,
                "must be another address than TABLECALL_LISTEN; left out, metrics are there",
            );
        }
        let reports = self.destination(given);
        let usual = if simulated { "simulator" } else { "production" };
        let environment = set(&given.observability.sentry_environment)
            .unwrap_or(usual)
            .to_owned();
        if environment.len() > 64 || environment.contains(['/', ' ', '\n']) {
            self.wrong(
                "SENTRY_ENVIRONMENT",
                "must be one word of at most 64 characters, without a slash",
            );
        }
        Observability {
            log_filter,
            log_format,
            metrics_listen,
            reports,
            collector: self.traces_export(given),
            environment,
        }
    }

    fn destination(&mut self, given: &RawConfig) -> Option<Destination> {
        const DSN: &str = "SENTRY_DSN";
        let dsn = set(&given.observability.sentry_dsn)?;
        if !self.features.sentry {
            self.needs_feature(DSN, "sentry", "leave it out");
            return None;
        }
        dsn.parse()
            .map_err(|error: NoDsn| self.wrong(DSN, error))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::read::tests::wrong;

    #[test]
    fn nothing_is_watched_apart_unless_it_is_asked_for() {
        let observability = Config::read(&RawConfig::default()).unwrap().observability;
        let (log_filter, environment) = ("info".to_owned(), "simulator".to_owned());
        let usual = Observability {
            log_filter,
            log_format: None,
            metrics_listen: None,
            reports: None,
            collector: None,
            environment,
        };
        assert_eq!(observability, usual);
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_everything_else() {
        let given = RawConfig::default().with(|given| {
            given.server.listen = Some("127.0.0.1:8080".to_owned());
            given.observability.log = Some("tablecall=loud".to_owned());
            given.observability.log_format = Some("xml".to_owned());
            given.observability.metrics_listen = Some("9090".to_owned());
            given.carrier.twilio_cps = Some("many".to_owned());
            given.observability.sentry_dsn = Some("sentry.example.com".to_owned());
            given.observability.sentry_environment = Some("a/b".to_owned());
            given.observability.otlp_endpoint = Some("localhost:4318".to_owned());
        });
        let observability = [
            "RUST_LOG",
            "TABLECALL_LOG_FORMAT",
            "TABLECALL_METRICS_LISTEN",
            "SENTRY_DSN",
            "SENTRY_ENVIRONMENT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ];
        let wrong = wrong(&given);
        assert_eq!(wrong[0], "TWILIO_CPS");
        assert_eq!(wrong[1..], observability);
    }

    #[test]
    fn metrics_have_an_address_of_their_own_or_none() {
        let at = |metrics: &str| {
            RawConfig::default().with(|given| {
                given.server.listen = Some("127.0.0.1:8080".to_owned());
                given.observability.metrics_listen = Some(metrics.to_owned());
            })
        };
        assert_eq!(wrong(&at("127.0.0.1:8080")), ["TABLECALL_METRICS_LISTEN"]);
        let own = Config::read(&at("127.0.0.1:9090"))
            .unwrap()
            .observability
            .metrics_listen;
        assert_eq!(own, "127.0.0.1:9090".parse().ok());
    }
}
