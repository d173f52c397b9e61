//! An offered time: what it is, and the call by which the guest takes it.

use super::decision::Decision;
use super::outcome::Outcome;
use super::state::Call;
use super::step::Transition;
use super::timeline::TimelineEvent;
use crate::domain::{CallId, TableTime};

impl Call {
    /// The time that staff offered instead of the wished one, if that is where the call stands.
    #[must_use]
    pub fn offered_time(&self) -> Option<TableTime> {
        match self.decision() {
            Some(Decision::OtherTime(time)) if self.outcome() == Some(Outcome::Countered) => {
                Some(self.reservation.time.at(time))
            }
            Some(_) | None => None,
        }
    }

    /// The call that was made to take the offered time.
    #[must_use]
    pub fn offer_accepted_by(&self) -> Option<CallId> {
        let mut events = self.timeline.iter().map(|entry| entry.what);
        events.find_map(|event| {
            if let TimelineEvent::OfferAccepted(by) = event {
                Some(by)
            } else {
                None
            }
        })
    }
}

impl Transition {
    /// The guest takes the offered time by another call. Only the first one counts, and an offer
    /// that staff may still change is none yet.
    pub(super) fn offer_accepted(&mut self, by: CallId) {
        let is_open = self.call.is_finished()
            && self.call.offered_time().is_some()
            && self.call.offer_accepted_by().is_none();
        if is_open {
            self.note(TimelineEvent::OfferAccepted(by));
        }
    }
}
