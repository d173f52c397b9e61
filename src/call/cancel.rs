//! Events that end a call from our side: the client cancels, the line is not wanted any more, or the
//! process stops.

use super::attempt::Attempt;
use super::event::Effect;
use super::outcome::{Ended, Outcome};
use super::position::CALLED_BACK;
use super::state::{Answer, Evidence, State};
use super::step::Transition;
use super::timeline::TimelineEvent;
use super::timing::AGAIN;

impl Transition {
    /// The client cancels. A decision that staff have made stands.
    pub(super) fn cancel(&mut self) {
        if self.call.canceled || self.call.is_finished() || self.call.decision().is_some() {
            return;
        }
        self.note(TimelineEvent::Canceled);
        // This also holds without an open line: a line that we do not know of may still ring, and
        // its staff must hear the apology.
        self.call.canceled = true;
        match self.call.state {
            State::Queued { .. } => self.call.finish(Outcome::Canceled, self.now),
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => {
                self.end_unwanted();
            }
            State::Settling { .. } => self.call.conclude(Ended::Canceled, self.now),
            State::Finished { .. } => {}
        }
    }

    /// Closes a line that is no longer wanted, as soon as its SID is known.
    pub(super) fn end_unwanted(&mut self) {
        let Some(Attempt {
            number: attempt,
            sid: Some(sid),
            ..
        }) = self.call.attempts.last().cloned()
        else {
            return;
        };
        match self.call.state {
            State::InProgress { .. } => {
                self.call.state = State::InProgress {
                    until: self.after(AGAIN),
                };
                self.effects.push(Effect::Apologize { attempt, sid });
            }
            State::Dialing { searches, .. } => {
                self.call.state = State::Dialing {
                    until: self.after(AGAIN),
                    searches,
                };
                self.effects.push(Effect::HangUp { attempt, sid });
            }
            State::Ringing { .. } => {
                self.call.state = State::Ringing {
                    until: self.after(AGAIN),
                };
                self.effects.push(Effect::HangUp { attempt, sid });
            }
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => {}
        }
    }

    /// Returns whether the current line is no longer needed: the call was cancelled, or a late key
    /// of an earlier attempt or a restaurant that called back has decided it.
    pub(super) fn is_unwanted(&self) -> bool {
        let decided_before = |answer: &Answer| {
            let earlier = self
                .call
                .attempts
                .last()
                .is_some_and(|last| answer.attempt < last.number);
            answer.decided().is_some() && (earlier || answer.step >= CALLED_BACK)
        };
        self.call.canceled
            || self.call.barred
            || self.call.answer.as_ref().is_some_and(decided_before)
    }

    /// Ends a call that waits in the memory of a process that stops: no line is open, so no webhook
    /// will bring it back.
    pub(super) fn shutdown(&mut self) {
        match self.call.state {
            State::Queued { .. } => {
                self.note(TimelineEvent::Ended(Ended::Shutdown));
                self.call.finish(Outcome::Failed, self.now);
            }
            State::Settling {
                from: Evidence::Events { .. },
                ..
            } => self.conclude_unknown(),
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::InProgress { .. }
            | State::Settling {
                from: Evidence::Keypad,
                ..
            }
            | State::Finished { .. } => {}
        }
    }
}
