//! An offered time: what it is, the offer that staff did not confirm, and the call by which the
//! guest takes an offer.

use jiff::Timestamp;

use super::decision::Decision;
use super::outcome::Outcome;
use super::position::{TalkPosition, TalkStage};
use super::state::{Answer, Call};
use super::step::Transition;
use super::talk::Reply;
use super::timeline::TimelineEvent;
use crate::domain::{CallId, OfferedTime, TableTime};

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

    /// Keeps the time that staff typed if they hung up while it was read back: they answered, and
    /// are not rung again. The guest decides about an offer, and staff are asked once more when it
    /// is taken. A time that the guest allows would be a confirmation, which only key 1 gives.
    pub(super) fn keep_unconfirmed_time(&mut self, now: Timestamp) {
        if self.decision().is_some() || self.canceled || self.barred {
            return;
        }
        let Some(attempt) = self.attempts.last().map(|last| last.number) else {
            return;
        };
        let typed = self.unconfirmed_time(attempt);
        let Some((step, time)) = typed.filter(|(_, time)| !self.reservation.allows(*time)) else {
            return;
        };
        self.answer = Some(Answer {
            attempt,
            step,
            decision: Some(Decision::OtherTime(time)),
        });
        self.note(TimelineEvent::NotConfirmed, now);
    }

    /// The last time that staff typed in an attempt, with its step; `None` if they did anything
    /// after it but confirm it too early or ask to hear it again.
    fn unconfirmed_time(&self, attempt: u8) -> Option<(u8, OfferedTime)> {
        let typed = self.timeline.iter().filter_map(|entry| {
            if let TimelineEvent::TimeTyped {
                attempt: of,
                step,
                time,
            } = entry.what
            {
                (of == attempt).then_some((step, time))
            } else {
                None
            }
        });
        let (last, time) = typed.max_by_key(|(step, _)| *step)?;
        let leaves_it = |what: TimelineEvent| {
            if let TimelineEvent::Key {
                attempt: of,
                step,
                keys,
            } = what
            {
                of == attempt && step > last && !matches!(keys.as_str(), "1" | "*" | "#")
            } else if let TimelineEvent::Silence { attempt: of, step }
            | TimelineEvent::Spoken {
                attempt: of, step, ..
            } = what
            {
                of == attempt && step > last
            } else {
                false
            }
        };
        let is_left = self.timeline.iter().any(|entry| leaves_it(entry.what));
        (!is_left).then_some((last, time))
    }
}

impl Transition {
    /// Writes down the time that was typed at `position`, if `reply` reads one back.
    pub(super) fn note_typed_time(&mut self, attempt: u8, position: TalkPosition, reply: &Reply) {
        let read_back = reply.listen().map(|listen| listen.stage);
        if let (TalkStage::Time, Some(TalkStage::TimeCheck(time))) = (position.stage, read_back) {
            let step = position.step;
            let _first_heard_at = self.note_once(TimelineEvent::TimeTyped {
                attempt,
                step,
                time,
            });
        }
    }

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
