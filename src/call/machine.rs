//! Events of answering machines: what a result of machine detection ends, and the one message that
//! may be left.

use super::attempt::Attempt;
use super::carrier_status::{CarrierStatus, Machine};
use super::event::{AttemptRef, Effect};
use super::keys::input_event;
use super::outcome::{Ended, Outcome, WaitingFor};
use super::position::{TalkPosition, TalkStage};
use super::spoken_intent::SpokenIntent;
use super::state::{Call, State};
use super::step::Transition;
use super::talk::{Input, Reply};
use super::timeline::TimelineEvent;
use crate::domain::VoicemailAction;

impl Transition {
    /// Machine detection reported a machine. Only a beep or a fax ends the conversation at once; a
    /// key always wins.
    pub(super) fn detected(&mut self, on: AttemptRef, machine: Machine) {
        let Some(attempt) = self.identify_attempt(on) else {
            return;
        };
        if attempt.machine.is_some() {
            return;
        }
        attempt.machine = Some(machine);
        let open = attempt.line != CarrierStatus::Ended;
        self.note(TimelineEvent::Machine(machine));
        if !open || !self.is_last(on.attempt) || self.call.is_finished() || self.has_key(on.attempt)
        {
            return;
        }
        let wanted = self.call.reservation.voicemail == VoicemailAction::LeaveMessage;
        match machine {
            Machine::Voice => {}
            Machine::Beep if wanted && !self.is_unwanted() && !self.call.has_message() => {
                // Saved before Twilio is asked, so that there is no second message, whatever
                // happens.
                if let Some(attempt) = self.call.attempts.last_mut() {
                    attempt.message = true;
                }
                self.effects.push(Effect::LeaveMessage {
                    attempt: on.attempt,
                    sid: on.sid,
                });
            }
            Machine::Beep | Machine::Fax => self.effects.push(Effect::HangUp {
                attempt: on.attempt,
                sid: on.sid,
            }),
        }
    }

    /// The result of leaving the message. If it was certainly not left, a later attempt may leave
    /// it.
    pub(super) fn message(&mut self, attempt: u8, left: bool) {
        let Some(found) = self
            .call
            .attempts
            .iter_mut()
            .find(|known| known.number == attempt && known.message)
        else {
            return;
        };
        let told = TimelineEvent::MessageLeft(attempt);
        if left {
            if !self.call.timeline.iter().any(|entry| entry.what == told) {
                self.note(told);
            }
            return;
        }
        found.message = false;
        if let State::Queued {
            waiting_for: Some(WaitingFor::Callback),
            ..
        } = self.call.state
        {
            self.call.plan_next(Ended::Machine, self.now);
        }
    }

    /// Lets a voice that the detector takes for a machine hear the message and one wait for a key,
    /// and nothing more. The goodbye does not count as sent, because a pressed key may still
    /// arrive. A repeated webhook from before the result gets the same reply as then.
    pub(super) fn answer_machine(
        &self,
        attempt: u8,
        position: TalkPosition,
        input: Input,
    ) -> Option<Reply> {
        let voice =
            |known: &Attempt| known.number == attempt && known.machine == Some(Machine::Voice);
        let spoke = match input {
            Input::Digits(_) => true,
            Input::Silence => false,
            // Words of a recorded greeting are no answer.
            Input::Spoken(said) => said != SpokenIntent::Unclear,
        };
        let machine = position.stage == TalkStage::Keys && !spoke && !self.has_key(attempt);
        let place = |wanted: TimelineEvent| {
            self.call
                .timeline
                .iter()
                .position(|entry| entry.what == wanted)
        };
        let after = place(input_event(attempt, position, input))
            > place(TimelineEvent::Machine(Machine::Voice));
        (machine && after && self.call.attempts.iter().any(voice)).then_some(Reply::HangUp)
    }

    /// Returns whether somebody pressed any key or said a known word in an attempt, so that a
    /// person was there.
    pub(super) fn has_key(&self, attempt: u8) -> bool {
        let pressed = |what: TimelineEvent| match what {
            TimelineEvent::Key { attempt: known, .. } => known == attempt,
            TimelineEvent::Spoken {
                attempt: known,
                said,
                ..
            } => known == attempt && said != SpokenIntent::Unclear,
            TimelineEvent::Created
            | TimelineEvent::TakenOver
            | TimelineEvent::Waits(_)
            | TimelineEvent::Dialed(_)
            | TimelineEvent::Accepted
            | TimelineEvent::TryLater
            | TimelineEvent::Refused(_)
            | TimelineEvent::Unanswered
            | TimelineEvent::Initiated
            | TimelineEvent::Ringing
            | TimelineEvent::Answered
            | TimelineEvent::Greeted(_)
            | TimelineEvent::Silence { .. }
            | TimelineEvent::CalledBack
            | TimelineEvent::Machine(_)
            | TimelineEvent::MessageLeft(_)
            | TimelineEvent::Ended(_)
            | TimelineEvent::Canceled
            | TimelineEvent::Finished(_)
            | TimelineEvent::OfferAccepted(_)
            | TimelineEvent::TimeTyped { .. }
            | TimelineEvent::NotConfirmed => false,
        };
        self.call.timeline.iter().any(|entry| pressed(entry.what))
            || self
                .call
                .answer
                .is_some_and(|answer| answer.attempt == attempt && answer.decided().is_some())
    }
}

impl Call {
    /// Returns whether a message was, or may have been, left on a machine.
    #[must_use]
    pub fn has_message(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.message)
    }

    /// The outcome when the time is up: `machine` after a message was left.
    pub(super) fn expiry(&self) -> Outcome {
        if self.has_message() {
            Outcome::Machine
        } else {
            Outcome::Expired
        }
    }
}
