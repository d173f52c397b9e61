//! Whether calls can be taken on and placed, for `/readyz`: what is not well, by name.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::sweep::Sweeper;
use super::{HealthIssue, Probe, Service};
use crate::store::Lifecycle as _;

/// How often the public URL is looked at.
const LOOK: SignedDuration = SignedDuration::from_mins(5);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The readiness of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The health issues; empty if there are none.
    pub health_issues: Vec<HealthIssue>,
    /// This process is to stop.
    pub stopping: bool,
}

impl Readiness {
    /// Whether new calls can be taken on and placed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping
            && self
                .health_issues
                .iter()
                .all(|health_issue| !health_issue.grave)
    }
}

impl Service {
    /// The present readiness.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut health_issues = self.0.dialler.carrier.health_issues(self.now());
        if !self.0.dialler.preexisting_calls.are_listed() {
            health_issues.push(HealthIssue {
                part: "calls",
                detail: "Twilio has not told yet which calls are under way, so none is placed."
                    .to_owned(),
                grave: true,
            });
        }
        if let Some(detail) = self.0.engine.store.health_issue() {
            let detail = format!("{detail}. Calls under way go on; no new one is made.");
            health_issues.push(HealthIssue {
                part: "store",
                detail,
                grave: true,
            });
        }
        if let Some(detail) = self
            .0
            .sweeper
            .unreachable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
        {
            // A network may let others reach us where we cannot: nothing is held back for it.
            health_issues.push(HealthIssue {
                part: "public_url",
                detail,
                grave: false,
            });
        }
        Readiness {
            health_issues,
            stopping: self.0.sweeper.stop.is_cancelled(),
        }
    }
}

impl Sweeper {
    /// Looks at ourselves from outside, now and then.
    pub(super) async fn watch_public_url(&self) {
        let clock = &self.engine.clock;
        let Some(Probe { http, origin }) = &self.probe else {
            return;
        };
        loop {
            let answer = http
                .get(format!("{origin}/healthz"))
                .timeout(PATIENCE)
                .send()
                .await;
            let found = match answer.map(|answer| answer.status()) {
                Ok(status) if status.is_success() => None,
                Ok(status) => Some(format!(
                    "{origin} answers {status}: a proxy may not lead to this service."
                )),
                Err(_) => Some(format!(
                    "{origin} cannot be reached from here; `tablecall doctor` tells more."
                )),
            };
            self.public_url_found(found);
            clock
                .sleep_until(clock.now().saturating_add(LOOK).unwrap_or(Timestamp::MAX))
                .await;
        }
    }

    fn public_url_found(&self, found: Option<String>) {
        let mut known = self
            .unreachable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let (Some(detail), None) = (&found, &*known) {
            tracing::warn!(detail, "the public URL");
        }
        *known = found;
    }
}
