//! Events of the conversation: requests for documents, and keys.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::event::AttemptRef;
use super::position::{CALLED_BACK, TalkPosition};
use super::state::{CarrierStatus, Evidence, State, TranscriptCoverage};
use super::step::{SETTLE, Work};
use super::talk::{self, Apology, Input, Reply};
use super::timeline::{Digits, TimelineEvent};

impl Work {
    /// Twilio requests the first document.
    pub(super) fn fetched(&mut self, on: AttemptRef, sealed_at: Timestamp) {
        let Some(began) = self.pick_up(on, sealed_at) else {
            return;
        };
        if self.has_nothing_to_ask(on.attempt) {
            return;
        }
        if !self.was_greeted(on.attempt) {
            self.note(TimelineEvent::Greeted(on.attempt));
        }
        self.mark_witnessed(on.attempt, false);
        self.reply = Some(talk::open(began));
    }

    /// The result of a Gather. An answer of the staff counts until the guest cancels, even if the
    /// time has run out meanwhile.
    pub(super) fn keyed(
        &mut self,
        on: AttemptRef,
        position: TalkPosition,
        input: Input<'_>,
        sealed_at: Timestamp,
    ) {
        if self.pick_up(on, sealed_at).is_none() {
            return;
        }
        if self.call.canceled || position.is_called_back() {
            self.reply = Some(self.call.last_words());
            return;
        }
        let told = what(on.attempt, position, input);
        if !self.call.timeline.iter().any(|entry| entry.what == told) {
            self.note(told);
        }
        // The talk position contains the time of pick-up, even if this process has not seen it.
        let elapsed = self.seconds_since(sealed_at).saturating_sub(position.began);
        let (heard, reply) = talk::answer(position, input, elapsed, &self.context(on.attempt));
        self.reply = Some(
            self.answer_machine(on.attempt, position, input)
                .unwrap_or(reply),
        );
        if self.call.is_finished() {
            self.confirm_if_unchanged(heard);
            return;
        }
        self.hear(on.attempt, position, heard);
        self.mark_witnessed(on.attempt, reply.listen().is_none());
        self.heed(on.attempt);
        if self.is_last(on.attempt) && self.is_unwanted() {
            self.reply = Some(self.call.last_words());
        }
    }

    /// A reply about a finished call must not name a decision that no longer counts.
    pub(super) fn confirm_if_unchanged(&mut self, heard: talk::KeyResult) {
        if heard
            .settled()
            .is_some_and(|claims| claims != self.call.decision())
        {
            self.reply = Some(self.call.last_words());
        }
    }

    /// A document could not be used. If its input was received, the same answer is given again:
    /// only the reply was lost. If no input was received, the same question is asked again, and
    /// what was pressed remains unknown.
    pub(super) fn resumed(
        &mut self,
        on: AttemptRef,
        position: Option<TalkPosition>,
        sealed_at: Timestamp,
    ) {
        let Some(position) = position else {
            return self.fetched(on, sealed_at);
        };
        match self.heard_at(on.attempt, position.step..=position.step) {
            Some(TimelineEvent::Key { keys, .. }) => {
                return self.keyed(on, position, Input::Digits(keys.as_str()), sealed_at);
            }
            Some(TimelineEvent::Spoken { said, .. }) => {
                return self.keyed(on, position, Input::Spoken(said), sealed_at);
            }
            Some(_) => return self.keyed(on, position, Input::Silence, sealed_at),
            None => {}
        }
        if self.pick_up(on, sealed_at).is_none() || self.has_nothing_to_ask(on.attempt) {
            return;
        }
        let reply = talk::resume(position, &self.context(on.attempt));
        self.reply = Some(reply);
        if self.call.is_finished() {
            return;
        }
        self.hear(on.attempt, position, talk::KeyResult::Nothing);
        self.mark_witnessed(on.attempt, reply.listen().is_none());
        let goes_on = self
            .heard_at(on.attempt, position.step..=CALLED_BACK - 1)
            .is_some();
        if let Some(attempt) = self.attempt(on).filter(|_| !goes_on) {
            attempt.transcript = TranscriptCoverage::Missing {
                step: position.step,
            };
        }
        self.heed(on.attempt);
    }

    /// The last input received at some steps of an attempt's conversation.
    fn heard_at(&self, attempt: u8, steps: RangeInclusive<u8>) -> Option<TimelineEvent> {
        let spoken = |what: &TimelineEvent| {
            matches!(what, TimelineEvent::Key { attempt: known, step: at, .. }
                | TimelineEvent::Silence { attempt: known, step: at }
                | TimelineEvent::Spoken { attempt: known, step: at, .. } if *known == attempt && steps.contains(at))
        };
        self.call
            .timeline
            .iter()
            .rev()
            .map(|entry| entry.what)
            .find(spoken)
    }

    /// Somebody is on the line. Returns the seconds from the sealing of the ticket to pick-up, or
    /// `None`, with an apology as reply, if the message is about another call.
    fn pick_up(&mut self, on: AttemptRef, sealed_at: Timestamp) -> Option<u16> {
        self.reply = Some(Reply::Apology(Apology::Fault));
        self.attempt(on)?;
        self.reached(on, CarrierStatus::InProgress);
        let answered_at = self.attempt(on)?.answered_at.unwrap_or(self.now);
        Some(u16::try_from(answered_at.duration_since(sealed_at).as_secs()).unwrap_or_default())
    }

    /// Whether the conversation of an attempt had begun. A repeated webhook then gets the same
    /// reply, even after the end.
    fn was_greeted(&self, attempt: u8) -> bool {
        self.call
            .timeline
            .iter()
            .any(|entry| entry.what == TimelineEvent::Greeted(attempt))
    }

    /// Whether the answer is known or no longer wanted; the reply then says so.
    fn has_nothing_to_ask(&mut self, attempt: u8) -> bool {
        let is_over = self.call.is_finished() && !self.was_greeted(attempt);
        let late = self.call.decision().is_none()
            && (is_over || self.now >= self.call.reservation.give_up_at);
        let unwanted = self.is_unwanted();
        if unwanted {
            self.reply = Some(self.call.last_words());
        } else if late {
            self.reply = Some(Reply::Apology(Apology::Expired));
        }
        unwanted || late
    }

    /// A key that arrives after its line was closed still decides: a planned retry is dropped, one
    /// in progress is ended.
    fn heed(&mut self, attempt: u8) {
        if self.call.decision().is_none() {
            return;
        }
        match self.call.state {
            State::Queued { .. } => {
                self.call.state = State::Settling {
                    until: self.after(SETTLE),
                    from: Evidence::Keypad,
                };
            }
            State::Settling {
                from: Evidence::Events { .. },
                ..
            } if !self.is_in_doubt() => {
                self.call.state = State::Settling {
                    until: self.after(SETTLE),
                    from: Evidence::Keypad,
                };
            }
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. }
                if !self.is_last(attempt) =>
            {
                self.end_unwanted();
            }
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::InProgress { .. }
            | State::Settling { .. }
            | State::Finished { .. } => {}
        }
    }

    fn seconds_since(&self, at: Timestamp) -> u16 {
        u16::try_from(self.now.duration_since(at).as_secs()).unwrap_or(if self.now < at {
            0
        } else {
            u16::MAX
        })
    }
}

/// The timeline entry of an input.
pub(super) fn what(attempt: u8, position: TalkPosition, input: Input<'_>) -> TimelineEvent {
    let step = position.step;
    match input {
        Input::Digits(digits) => TimelineEvent::Key {
            attempt,
            step,
            keys: Digits::new(digits),
        },
        Input::Silence => TimelineEvent::Silence { attempt, step },
        Input::Spoken(said) => TimelineEvent::Spoken {
            attempt,
            step,
            said,
        },
    }
}
