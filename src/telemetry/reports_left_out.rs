//! Stands in for the reports to Sentry where the feature `sentry` is not built in: no value
//! exists of [`NoReports`], and no text is a [`NoDestination`].

use std::convert::Infallible;
use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::layer::Layer;

/// Address of the reports; there is no such place in this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoDestination(Infallible);

/// The text is no DSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be used: this program was built without the feature `sentry`")]
pub struct NoSentry;

impl FromStr for NoDestination {
    type Err = NoSentry;

    /// Refuses every text. The setting is refused before (`config::Features`).
    fn from_str(_: &str) -> Result<Self, NoSentry> {
        Err(NoSentry)
    }
}

/// Sends reports; there are none in this build.
#[derive(Clone, Debug)]
pub struct NoReports(Infallible);

impl NoReports {
    /// Reports of `release` from `environment`.
    #[must_use]
    pub fn new(
        to: &NoDestination,
        _release: String,
        _environment: String,
        _http: reqwest::Client,
    ) -> Self {
        match to.0 {}
    }

    /// Sends what is left.
    pub fn close(&self) {
        match self.0 {}
    }
}

impl<S: Subscriber> Layer<S> for NoReports {}
