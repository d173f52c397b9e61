//! What the environment says beside plain settings.

use std::collections::BTreeMap;

use super::ConfigProblem;

/// What was found in the environment, for [`Config::read`](super::Config::read).
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigProblem>,
    /// The variables of OpenTelemetry.
    pub(super) otel: BTreeMap<String, String>,
}
