//! OpenTelemetry's own variables, as its specification has them
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>). What has no
//! effect here is warned about by name.

use std::time::Duration;

use url::Url;

use super::findings::Findings;
use super::reader::{Reader, set};
use super::{ConfigProblem, RawConfig};

/// Time limit of a collector, unless a variable sets another.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Variables that the SDK itself reads.
const OF_THE_SDK: [&str; 14] = [
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// Samplers that the SDK has.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Settings of the export of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesExport {
    /// Address to which they are posted.
    pub endpoint: Url,
    /// `service.name`; `None`: the environment names it among the resource's attributes.
    pub service_name: Option<String>,
    /// Time limit of the collector's answer.
    pub timeout: Duration,
    /// They are compressed.
    pub gzip: bool,
}

/// The variables of OpenTelemetry that were given, and which of them were looked at.
struct Otel<'a> {
    found: &'a Findings,
    known: Vec<&'static str>,
}

impl<'a> Otel<'a> {
    fn get(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        // An empty value counts as none (specification, *Parsing empty value*).
        let text = self.found.otel.get(name)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The value for traces, else the one for all that is exported; with its name.
    fn of_traces(&mut self, names: [&'static str; 2]) -> Option<(&'static str, &'a str)> {
        let [traces, all] = names.map(|name| self.get(name).map(|text| (name, text)));
        traces.or(all)
    }
}

impl Reader {
    /// Settings of the export of traces; `None`: there is none.
    pub(super) fn traces_export(&mut self, given: &RawConfig) -> Option<TracesExport> {
        let mut otel = Otel {
            found: &given.environment,
            known: OF_THE_SDK.to_vec(),
        };
        let is_on = self.is_exported(&mut otel);
        let endpoint = self.endpoint(given, &mut otel, is_on);
        self.judge_protocol(&mut otel);
        let gzip = self.gzip(&mut otel);
        let timeout = self.timeout(&mut otel);
        self.judge_others(&mut otel);
        // Only traces are exported, so that nothing else is, is as it was asked for.
        for name in ["OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"] {
            if otel.get(name).is_some_and(|exporter| exporter != "none") {
                self.warn(
                    name,
                    "has no effect: only traces are exported; metrics are at /metrics",
                );
            }
        }
        let unknown: Vec<String> = otel
            .found
            .otel
            .iter()
            .filter(|(name, value)| !otel.known.contains(&&***name) && !value.trim().is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in unknown {
            self.warnings.push(ConfigProblem {
                name: name.into(),
                message: "is not supported and has no effect".to_owned(),
            });
        }
        let attributes = otel.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let named = attributes
            .split(',')
            .any(|pair| pair.trim_start().starts_with("service.name="));
        let own = (!named).then(|| "tablecall".to_owned());
        let service_name = otel.get("OTEL_SERVICE_NAME").map(str::to_owned).or(own);
        Some(TracesExport {
            endpoint: endpoint.filter(|_| is_on)?,
            service_name,
            timeout,
            gzip,
        })
    }

    /// Returns whether traces are exported, if a collector is named.
    fn is_exported(&mut self, otel: &mut Otel<'_>) -> bool {
        const DISABLED: &str = "OTEL_SDK_DISABLED";
        const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
        let disabled = otel.get(DISABLED).unwrap_or("false").to_lowercase();
        if !matches!(&*disabled, "true" | "false") {
            self.warn(DISABLED, "must be `true` or `false`; it counts as `false`");
        }
        let exporters = otel.get(EXPORTER).unwrap_or("otlp");
        let mut exporters = exporters.split(',').map(str::trim);
        let others = exporters
            .clone()
            .any(|name| !matches!(name, "otlp" | "none"));
        if others {
            self.warn(
                EXPORTER,
                "can be `otlp` or `none` only; others have no effect",
            );
        }
        disabled != "true" && exporters.any(|name| name == "otlp")
    }

    /// Address to which traces are posted, if a collector is named; `is_on`: they are to be
    /// exported.
    fn endpoint(&mut self, given: &RawConfig, otel: &mut Otel<'_>, is_on: bool) -> Option<Url> {
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let traces = otel.get(TRACES);
        let (name, text) = match (traces, set(&given.observability.otlp_endpoint)) {
            // As it is given.
            (Some(url), _) => (TRACES, url.to_owned()),
            // The base of the URLs of all that is exported.
            (None, Some(base)) => (BASE, format!("{}/v1/traces", base.trim_end_matches('/'))),
            (None, None) => return None,
        };
        if is_on && !self.features.otlp {
            let off = "leave it out, or set OTEL_SDK_DISABLED=true";
            self.needs_feature(name, "otlp", off);
            return None;
        }
        let known = Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .filter(|url| name == TRACES || url.query().is_none());
        if known.is_none() {
            let rule = "must be an http or https URL such as http://localhost:4318";
            self.wrong(name, rule);
        }
        known
    }

    fn judge_protocol(&mut self, otel: &mut Otel<'_>) {
        let names = [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ];
        if let Some((name, protocol)) = otel.of_traces(names)
            && protocol != "http/protobuf"
        {
            self.warn(
                name,
                "has no effect: traces are sent as http/protobuf, which collectors take at port 4318",
            );
        }
    }

    fn gzip(&mut self, otel: &mut Otel<'_>) -> bool {
        let names = [
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
        ];
        match otel.of_traces(names) {
            None | Some((_, "none")) => false,
            Some((_, "gzip")) => true,
            Some((name, _)) => {
                self.wrong(name, "must be `gzip` or `none`");
                false
            }
        }
    }

    fn timeout(&mut self, otel: &mut Otel<'_>) -> Duration {
        let names = [
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
        ];
        let Some((name, text)) = otel.of_traces(names) else {
            return TIMEOUT;
        };
        match text.parse() {
            Ok(milliseconds @ 1..) => Duration::from_millis(milliseconds),
            Ok(0) | Err(_) => {
                self.warn(
                    name,
                    "must be a number of milliseconds above 0; 10000 holds",
                );
                TIMEOUT
            }
        }
    }

    /// Settings of the SDK with values that it does not have.
    fn judge_others(&mut self, otel: &mut Otel<'_>) {
        const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
        const PROPAGATORS: &str = "OTEL_PROPAGATORS";
        if otel
            .get(SAMPLER)
            .is_some_and(|sampler| !SAMPLERS.contains(&sampler))
        {
            self.warn(
                SAMPLER,
                "names a sampler that is not there; parentbased_always_on holds",
            );
        }
        let others = otel.get(PROPAGATORS).is_some_and(|list| {
            list.split(',')
                .any(|name| !matches!(name.trim(), "tracecontext" | "baggage"))
        });
        if others {
            self.warn(
                PROPAGATORS,
                "has no effect: traces are continued from `traceparent` only",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Features};

    /// Variables mean the same in every build.
    const EXPORTS: Features = Features {
        sentry: false,
        otlp: true,
    };

    fn read(variables: &[(&str, &str)]) -> Config {
        let environment: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut given = RawConfig::default().with(|it| {
            it.observability.otlp_endpoint =
                environment.get("OTEL_EXPORTER_OTLP_ENDPOINT").cloned();
        });
        given.complete(&clap::ArgMatches::default(), &environment);
        Config::read_for(EXPORTS, &given).unwrap()
    }

    fn export(variables: &[(&str, &str)]) -> Option<TracesExport> {
        read(variables).observability.collector
    }

    fn warned(variables: &[(&str, &str)]) -> Vec<String> {
        let config = read(variables);
        let names = config.warnings.iter().map(|warning| warning.name.clone());
        names.map(String::from).collect()
    }

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/");

    #[test]
    fn the_base_of_all_gets_a_path_and_the_address_of_traces_is_taken_as_it_is() {
        let at = |variables: &[(&str, &str)]| export(variables).unwrap().endpoint.to_string();
        assert_eq!(at(&[BASE]), "http://localhost:4318/v1/traces");
        let traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://a.example/x?y=1",
        );
        assert_eq!(at(&[traces]), "https://a.example/x?y=1");
        assert_eq!(at(&[BASE, traces]), "https://a.example/x?y=1");
        assert_eq!(export(&[]), None);
    }

    #[test]
    fn traces_are_switched_off_as_the_specification_says() {
        for off in [
            ("OTEL_SDK_DISABLED", "True"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            assert_eq!(export(&[BASE, off]), None, "{off:?}");
            assert!(warned(&[BASE, off]).is_empty());
        }
        for on in [
            ("OTEL_SDK_DISABLED", "false"),
            ("OTEL_SDK_DISABLED", ""),
            ("OTEL_TRACES_EXPORTER", "otlp"),
        ] {
            assert!(export(&[BASE, on]).is_some(), "{on:?}");
        }
        let console = [BASE, ("OTEL_TRACES_EXPORTER", "console")];
        assert_eq!(export(&console), None);
        assert_eq!(warned(&console), ["OTEL_TRACES_EXPORTER"]);
    }

    #[test]
    fn the_name_is_that_of_the_environment() {
        let named =
            |more: &[(&str, &str)]| export(&[&[BASE][..], more].concat()).unwrap().service_name;
        assert_eq!(named(&[]).as_deref(), Some("tablecall"));
        let name = ("OTEL_SERVICE_NAME", "calls");
        assert_eq!(named(&[name]).as_deref(), Some("calls"));
        let attributes = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "a=b, service.name=calls,service.namespace=x",
        );
        assert_eq!(named(&[attributes]), None, "the SDK reads it");
        assert_eq!(named(&[attributes, name]).as_deref(), Some("calls"));
    }

    #[test]
    fn compression_and_time_hold_and_those_of_traces_go_before() {
        let all = [
            BASE,
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ];
        let export =
            |more: &[(&str, &str)]| super::tests::export(&[&all[..], more].concat()).unwrap();
        assert_eq!(export(&[]).timeout, Duration::from_millis(2_500));
        assert!(export(&[]).gzip);
        let traces = [
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "700"),
        ];
        assert_eq!(export(&traces).timeout, Duration::from_millis(700));
        assert!(!export(&traces).gzip);
    }

    #[test]
    fn what_has_no_effect_is_named() {
        let warned = warned(&[
            BASE,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/a.pem"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://b"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_PROPAGATORS", "b3"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
        ]);
        assert_eq!(
            warned,
            [
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "OTEL_TRACES_SAMPLER",
                "OTEL_PROPAGATORS",
                "OTEL_METRICS_EXPORTER",
                "OTEL_EXPORTER_OTLP_CERTIFICATE",
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            ]
        );
    }
}
