//! Problems and values of the environment beside plain settings.

use std::collections::BTreeMap;

use super::ConfigProblem;

/// Findings in the environment, for [`Config::read`](super::Config::read).
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigProblem>,
    /// The variables of OpenTelemetry.
    pub(super) otel: BTreeMap<String, String>,
}
