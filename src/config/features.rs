//! Parts of the program that are built only if Cargo is asked for them, and the settings that need
//! them.

/// Optional parts of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Reports errors to Sentry.
    pub sentry: bool,
    /// Exports traces over OTLP.
    pub otlp: bool,
}

impl Features {
    /// Those of this program.
    pub const BUILT_IN: Self = Self {
        sentry: cfg!(feature = "sentry"),
        otlp: cfg!(feature = "otlp"),
    };

    /// One line for people: what is built in, and what is left out.
    #[must_use]
    pub fn summary(self) -> String {
        let all = [("sentry", self.sentry), ("otlp", self.otlp)];
        let named = |wanted: bool| {
            let names: Vec<&str> = all
                .iter()
                .filter(|(_, built_in)| *built_in == wanted)
                .map(|(name, _)| *name)
                .collect();
            names.join(", ")
        };
        match (&*named(true), &*named(false)) {
            (built_in, "") => format!("features: {built_in}"),
            ("", left_out) => format!("features: none (left out: {left_out})"),
            (built_in, left_out) => format!("features: {built_in} (left out: {left_out})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, RawConfig};

    const NONE: Features = Features {
        sentry: false,
        otlp: false,
    };

    fn given(variables: &[(&str, &str)]) -> RawConfig {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut given = RawConfig::default().with(|it| {
            it.observability.sentry_dsn = Some("https://key@sentry.example.com/1".to_owned());
        });
        given.complete(&clap::ArgMatches::default(), &environment);
        given
    }

    #[test]
    fn a_setting_whose_feature_is_left_out_is_refused_by_name_with_the_way_out() {
        let traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://localhost:4318/v1/traces",
        );
        let problems = Config::read_for(NONE, &given(&[traces])).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (&*problem.name, &*problem.message))
            .collect();
        let [("SENTRY_DSN", reports), (name, exports)] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(name, traces.0);
        assert!(reports.contains("`--features sentry`"), "{reports}");
        assert!(exports.contains("`--features otlp`"), "{exports}");
        assert!(exports.contains("OTEL_SDK_DISABLED=true"), "{exports}");
    }

    #[test]
    fn what_is_switched_off_needs_no_feature() {
        let off = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a.example/"),
            ("OTEL_SDK_DISABLED", "true"),
        ];
        let mut given = given(&off);
        given.observability.sentry_dsn = Some(" ".to_owned());
        let config = Config::read_for(NONE, &given).unwrap();
        assert_eq!(config.observability.collector, None);
    }

    #[test]
    fn the_features_are_named() {
        let one = Features { otlp: true, ..NONE };
        let all = Features {
            sentry: true,
            otlp: true,
        };
        assert_eq!(NONE.summary(), "features: none (left out: sentry, otlp)");
        assert_eq!(one.summary(), "features: otlp (left out: sentry)");
        assert_eq!(all.summary(), "features: sentry, otlp");
    }
}
