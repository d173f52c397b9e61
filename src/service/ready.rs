//! Whether calls can be taken on and placed, for `/readyz`: what is not well, by name.

use jiff::Timestamp;

use super::{Ailment, Service};

/// What there is to say to who asks whether this process is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What is not well. Empty: everything is.
    pub ailments: Vec<Ailment>,
    /// This process is to stop.
    pub stopping: bool,
}

impl Readiness {
    /// Whether new calls can be taken on and placed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping && self.ailments.iter().all(|ailment| !ailment.grave)
    }
}

impl Service {
    /// What is not well at this moment.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut ailments = self.0.carrier.ailments(self.now());
        if !self.0.strangers.are_listed() {
            ailments.push(Ailment {
                part: "calls",
                detail: "Twilio has not told yet which calls are under way, so none is placed.".to_owned(),
                grave: true,
            });
        }
        Readiness { ailments, stopping: self.0.parts.stop.is_cancelled() }
    }

    /// Brings the metric of refused caller IDs up to date.
    pub(super) fn count_aside(&self, now: Timestamp) {
        let aside = u32::try_from(self.0.carrier.aside(now)).unwrap_or(u32::MAX);
        self.0.aside.set(f64::from(aside));
    }
}
