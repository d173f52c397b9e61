//! Readiness to take on and place calls, for `/readyz`, with the issues by name.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::do_not_call_file::DoNotCallFile;
use super::links::path;
use super::sweep::Sweeper;
use super::{HealthIssue, Probe, Service};
use crate::store::Lifecycle as _;
use crate::telemetry::causes::innermost;
use crate::twilio::signature::{PROOF_HEADER, prove};
use clock::Backoff;

/// Interval at which the public URL is looked at while it is right.
const LOOK: SignedDuration = SignedDuration::from_mins(5);
/// Delay of the first look: a proxy before this service may have to notice that it is there.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(5);
/// The pauses after looks in vain.
const LOOKS: Backoff = Backoff::new(FIRST_LOOK, LOOK);
/// Failed checks in a row before they are reported.
const IN_VAIN: u32 = 2;
/// Time limit of its answer.
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
    /// Returns whether new calls can be taken on and placed.
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
        let file = self.0.dialler.do_not_call.as_ref();
        if let Some((count, problem)) = file.and_then(DoNotCallFile::behind) {
            // They are kept in memory: nobody is rung for it while this process lives.
            health_issues.push(HealthIssue {
                part: "do_not_call",
                detail: format!(
                    "TABLECALL_DO_NOT_CALL_FILE does not take {count} wishes not to be called again ({problem}); they are \
                     tried again. A restart before that forgets them."
                ),
                grave: false,
            });
        }
        if let Some(detail) = self.0.sweeper.unreachable.lock().clone() {
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
    /// Looks at ourselves from outside, now and then: whether a webhook gets here, and is refused
    /// without a signature. A proxy need not let anything else through.
    pub(super) async fn watch_public_url(&self) {
        let clock = &self.engine.clock;
        let Some(probe) = &self.probe else {
            return;
        };
        let (mut pause, mut in_vain) = (FIRST_LOOK, 0);
        loop {
            clock.sleep_until(clock::later(clock.now(), pause)).await;
            let found = probe.look(clock.now()).await;
            if found.is_none() {
                (pause, in_vain) = (LOOK, 0);
                self.public_url_found(None);
                continue;
            }
            pause = LOOKS.pause(in_vain);
            in_vain = in_vain.saturating_add(1);
            if in_vain >= IN_VAIN {
                self.public_url_found(found);
            }
        }
    }

    fn public_url_found(&self, found: Option<String>) {
        let mut known = self.unreachable.lock();
        if let (Some(detail), None) = (&found, &*known) {
            tracing::warn!(detail, "the public URL");
        }
        *known = found;
    }
}

impl Probe {
    /// The problem with the public URL, if there is one.
    async fn look(&self, now: Timestamp) -> Option<String> {
        let origin = &self.origin;
        let answer = self
            .http
            .post(format!("{origin}{}", path::LOOK))
            .header("content-type", "application/x-www-form-urlencoded")
            // This marks the refusal as one of a check, which is neither counted nor logged.
            .header(PROOF_HEADER, prove(&self.auth_token, now))
            .body("CallStatus=ringing")
            .timeout(PATIENCE)
            .send()
            .await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(403) => None,
            Ok(status @ 300..=399) => Some(format!(
                "{origin} answers {status}, a redirect: Twilio signs another URL than the one it is led to. Set \
                 TABLECALL_PUBLIC_URL to the origin that it leads to."
            )),
            Ok(status) => Some(format!(
                "{origin} answers {status} to a webhook without a signature, not 403: a proxy may not lead /twiml/ to \
                 this service."
            )),
            Err(error) => Some(format!(
                "{origin} cannot be reached from here ({}); `tablecall doctor` tells more.",
                innermost(&error)
            )),
        }
    }
}
