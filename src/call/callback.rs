//! Events of inbound calls: staff call back and answer. Also what follows when they want no more
//! calls.

use jiff::{SignedDuration, Timestamp};

use super::carrier_status::CarrierStatus;
use super::decision::Decision;
use super::keys::{input_event, milliseconds};
use super::outcome::{Ended, Outcome, WaitingFor};
use super::position::{CALLED_BACK, TalkPosition, TalkStage};
use super::state::{Call, Evidence, State};
use super::step::Transition;
use super::talk::{self, Apology, Input, Reply, TalkContext};
use super::timeline::TimelineEvent;
use super::timing::{CHANGE_WINDOW, DOCUMENT, SETTLE};

/// Pause after a request to be called now, because the caller has to hang up first.
const HANG_UP_PAUSE: SignedDuration = SignedDuration::from_secs(10);

impl Transition {
    /// A key of somebody who rang us: it decides like any other, and later than those of our own
    /// calls.
    pub(super) fn called_back(
        &mut self,
        attempt: u8,
        position: TalkPosition,
        input: Input,
        sealed_at: Timestamp,
    ) {
        if self.call.canceled || !position.is_called_back() {
            self.reply = Some(self.call.last_words());
            return;
        }
        self.note_once(TimelineEvent::CalledBack);
        let received_at = self.note_once(input_event(attempt, position, input));
        let (result, reply) = talk::answer(
            TalkPosition {
                step: position.step - CALLED_BACK,
                ..position
            },
            input,
            milliseconds(sealed_at, received_at),
            &TalkContext::of(&self.call.reservation),
        );
        self.reply = Some(Self::hand_out(reply.called_back(), received_at, sealed_at));
        if self.call.is_finished() {
            return self.confirm_if_unchanged(result);
        }
        self.record_answer(attempt, position, result);
        if self.call.decision().is_none() {
            return;
        }
        match self.call.state {
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => {
                self.end_unwanted();
            }
            State::Queued { .. } | State::Settling { .. } => {
                self.call.state = State::Settling {
                    until: self.after(self.late_key_pause()),
                    from: Evidence::Keypad,
                };
            }
            State::Finished { .. } => {}
        }
    }

    /// Makes a waiting call due; policy still decides whether it may ring.
    pub(super) fn ring_now(&mut self) {
        let soon = self.after(HANG_UP_PAUSE);
        if let State::Queued { until, .. } = self.call.state
            && soon < until
        {
            self.call.state = State::Queued {
                waiting_for: Some(WaitingFor::Retry),
                until: soon,
            };
            self.note(TimelineEvent::CalledBack);
        }
    }

    /// The number must never be called again: a waiting call ends, and so does a line on which no
    /// key was pressed.
    pub(super) fn opted_out(&mut self) {
        if self.call.is_finished()
            || self.call.decision().is_some()
            || self.call.canceled
            || self.call.barred
        {
            return;
        }
        match self.call.state {
            State::Queued { .. } => self.call.finish(Outcome::OptedOut, self.now),
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => {
                self.call.barred = true;
                self.end_unwanted();
            }
            State::Settling { .. } => self.call.barred = true,
            State::Finished { .. } => {}
        }
    }

    /// Returns whether the wish not to be called is certain now: asked for and not taken back when
    /// the talk ended. A webhook that is repeated (`is_repeatable`) and the end of the call yield
    /// the effect again, because the process that should have performed it may have died.
    pub(super) fn must_opt_out(&self, before: &Call, is_repeatable: bool) -> bool {
        let is_repeated = is_repeatable || self.call.is_finished() && !before.is_finished();
        self.call.is_opted_out() && (is_repeated || !before.is_opted_out())
    }

    /// Wait of a closed line for a late key. Once a call is finished, no key changes its outcome;
    /// while it waits for a retry, one still does.
    pub(super) fn late_key_pause(&self) -> SignedDuration {
        if self.call.was_called_back() {
            CHANGE_WINDOW
        } else if self.awaits_last_key() {
            DOCUMENT
        } else {
            SETTLE
        }
    }

    /// Returns whether staff hung up before they were through, and nothing more is tried if no key
    /// comes.
    fn awaits_last_key(&self) -> bool {
        let ended = self.end_without_decision();
        if ended != Ended::HungUp || self.call.decision().is_some() || self.call.canceled {
            return false;
        }
        let mut without_key = self.call.clone();
        without_key.conclude(ended, self.after(SETTLE));
        without_key.is_finished()
    }
}

impl Reply {
    /// The same reply in an inbound call.
    fn called_back(self) -> Self {
        // There are two keys only, so that the whole question is put again.
        let reply = if let Self::Keys { listen, .. } = self {
            Self::Called {
                listen: TalkPosition {
                    stage: TalkStage::Called,
                    ..listen
                },
            }
        } else {
            self
        };
        reply.listening(|position| TalkPosition {
            step: position.step.saturating_add(CALLED_BACK),
            ..position
        })
    }
}

impl Call {
    /// The reply to a person who picks up or calls when nothing is left to ask.
    #[must_use]
    pub fn last_words(&self) -> Reply {
        match self.decision() {
            _ if self.canceled => Reply::Apology(Apology::Canceled),
            Some(decision) => Reply::Decided {
                decision,
                listen: None,
            },
            None if self.barred || self.is_opted_out() => Reply::Apology(Apology::OptedOut),
            None => match self.state {
                State::Finished {
                    outcome: Outcome::Canceled,
                } => Reply::Apology(Apology::Canceled),
                State::Finished {
                    outcome: Outcome::OptedOut,
                } => Reply::Apology(Apology::OptedOut),
                State::Finished { .. } => Reply::Apology(Apology::Expired),
                State::Queued { .. }
                | State::Dialing { .. }
                | State::Ringing { .. }
                | State::InProgress { .. }
                | State::Settling { .. } => Reply::Apology(Apology::Fault),
            },
        }
    }

    /// Returns whether an answer of the restaurant would still count.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        !(self.is_finished() || self.canceled || self.barred || self.decision().is_some())
    }

    /// Returns whether staff asked in this call never to be called again and that conversation is
    /// over. Until its end they can take the wish back.
    #[must_use]
    pub fn is_opted_out(&self) -> bool {
        let Some(answer) = self
            .answer
            .filter(|answer| answer.decision == Some(Decision::OptedOut))
        else {
            return false;
        };
        let talk = self
            .attempts
            .iter()
            .find(|attempt| attempt.number == answer.attempt);
        self.is_finished()
            || talk.is_none_or(|talk| talk.farewell || talk.line == CarrierStatus::Ended)
    }

    /// Returns whether the outcome came from an inbound call, which neither ends nor plans an attempt.
    pub(super) fn was_called_back(&self) -> bool {
        self.answer
            .is_some_and(|answer| answer.step >= CALLED_BACK && answer.decided().is_some())
    }
}
