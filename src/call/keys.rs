//! Events of the conversation: requests for documents, and keys.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::attempt::TranscriptCoverage;
use super::carrier_status::CarrierStatus;
use super::decision::Decision;
use super::event::{AttemptRef, Effect};
use super::position::{CALLED_BACK, PromptTiming, TalkPosition};
use super::state::{Evidence, State};
use super::step::Transition;
use super::talk::{self, Apology, Goodbye, Input, Reply};
use super::timeline::{Digits, TimelineEvent};
use super::timing::SETTLE;

impl Transition {
    /// Twilio requests the first document.
    pub(super) fn fetched(&mut self, on: AttemptRef, sealed_at: Timestamp) {
        let Some(began) = self.pick_up(on, sealed_at) else {
            return;
        };
        if self.has_nothing_to_ask(on.attempt) {
            return;
        }
        let received_at = self.note_once(TimelineEvent::Greeted(on.attempt));
        self.mark_witnessed(on.attempt, false);
        let reply = talk::open(began, 0);
        self.reply = Some(Self::hand_out(reply, received_at, sealed_at));
    }

    /// Twilio sends the result of a Gather. An answer of the staff counts until the guest cancels,
    /// even after the table's time.
    pub(super) fn keyed(
        &mut self,
        on: AttemptRef,
        position: TalkPosition,
        input: Input,
        sealed_at: Timestamp,
    ) {
        if self.pick_up(on, sealed_at).is_none() {
            return;
        }
        if position.is_called_back() {
            self.reply = Some(self.call.last_words());
            return;
        }
        // A repeated webhook is judged by the time of its first arrival, and gets the same
        // document.
        let received_at = self.note_once(input_event(on.attempt, position, input));
        // Late only if it comes by the fallback URL and did not arrive before by the normal one.
        let late = position.prompt.late && received_at == self.now;
        let prompt = PromptTiming {
            late,
            ..position.prompt
        };
        let position = TalkPosition { prompt, ..position };
        let moment = milliseconds(sealed_at, received_at);
        let (result, reply) = talk::answer(
            position,
            input,
            moment,
            &self.context(on.attempt, received_at),
        );
        if self.call.canceled {
            self.reply = Some(self.call.last_words());
            self.opt_out_late(result);
            return;
        }
        self.note_typed_time(on.attempt, position, &reply);
        let is_over = reply.listen().is_none();
        let reply = self
            .answer_machine(on.attempt, position, input)
            .unwrap_or(reply);
        self.reply = Some(Self::hand_out(reply, received_at, sealed_at));
        if self.call.is_finished() {
            self.confirm_if_unchanged(result);
            self.opt_out_late(result);
            return;
        }
        self.record_answer(on.attempt, position, result);
        // `is_over` ignores the goodbye to a machine, because a key may still be on its way then.
        self.mark_witnessed(on.attempt, is_over);
        self.act_on_late_decision(on.attempt);
        if self.is_last(on.attempt) && self.is_unwanted() {
            self.reply = Some(self.call.last_words());
        }
    }

    /// A reply about a finished call must not name a decision that no longer counts.
    pub(super) fn confirm_if_unchanged(&mut self, result: talk::KeyResult) {
        if result
            .settled()
            .is_some_and(|claims| claims.stands() != self.call.decision())
        {
            self.reply = Some(self.call.last_words());
        }
    }

    /// Key 9 on a call that is cancelled or finished, for instance because Twilio's request was
    /// held up, changes no outcome, but the number is never rung again. The wish counts at once:
    /// the line is closed or about to be, so nobody can be asked whether they meant it.
    fn opt_out_late(&mut self, result: talk::KeyResult) {
        if result.settled() == Some(Decision::OptedOut) {
            self.reply = Some(Reply::Goodbye(Goodbye::OptedOut));
            self.effects.push(Effect::OptOut);
        }
    }

    /// Twilio could not fetch or run the document that follows `position`, and requests the
    /// fallback URL. If the input of `position` was received, only the reply was lost, so the same
    /// answer is given again. Otherwise the question is asked again, and the lost input remains
    /// unknown.
    pub(super) fn resumed(
        &mut self,
        on: AttemptRef,
        position: Option<TalkPosition>,
        sealed_at: Timestamp,
    ) {
        let Some(position) = position else {
            return self.fetched(on, sealed_at);
        };
        let received = self.input_at(on.attempt, position.step..=position.step);
        let input = match &received {
            Some(TimelineEvent::Key { keys, .. }) => Some(Input::digits(keys.as_str())),
            Some(TimelineEvent::Spoken { said, .. }) => Some(Input::Spoken(*said)),
            Some(_) => Some(Input::Silence),
            None => None,
        };
        if let Some(input) = input {
            self.keyed(on, position, input, sealed_at);
            // Nobody has heard the reply yet, so its times count from now.
            let reply = self.reply.take();
            self.reply = reply.map(|reply| Self::hand_out(reply, self.now, sealed_at));
            return;
        }
        if self.pick_up(on, sealed_at).is_none() || self.has_nothing_to_ask(on.attempt) {
            return;
        }
        let moment = milliseconds(sealed_at, self.now);
        let (result, reply) = talk::resume(position, moment, &self.context(on.attempt, self.now));
        self.reply = Some(reply);
        if self.call.is_finished() {
            return self.confirm_if_unchanged(result);
        }
        self.record_answer(on.attempt, position, result);
        self.mark_witnessed(on.attempt, reply.listen().is_none());
        let has_later_input = self
            .input_at(on.attempt, position.step..=CALLED_BACK - 1)
            .is_some();
        if let Some(attempt) = self.identify_attempt(on).filter(|_| !has_later_input) {
            attempt.transcript = TranscriptCoverage::Missing {
                step: position.step,
            };
        }
        self.act_on_late_decision(on.attempt);
    }

    /// The last input received at these steps of an attempt's conversation.
    fn input_at(&self, attempt: u8, steps: RangeInclusive<u8>) -> Option<TimelineEvent> {
        let is_input = |what: &TimelineEvent| {
            what.input()
                .is_some_and(|(known, at)| known == attempt && steps.contains(&at))
        };
        self.call
            .timeline
            .iter()
            .rev()
            .map(|entry| entry.what)
            .find(is_input)
    }

    /// Notes that somebody is on the line. Returns the seconds from the sealing of the ticket to
    /// pick-up. `None`: the webhook is about another call, and the reply is an apology.
    fn pick_up(&mut self, on: AttemptRef, sealed_at: Timestamp) -> Option<u16> {
        self.reply = Some(Reply::Apology(Apology::Fault));
        self.identify_attempt(on)?;
        self.reached(on, CarrierStatus::InProgress);
        let answered_at = self.identify_attempt(on)?.answered_at.unwrap_or(self.now);
        Some(u16::try_from(answered_at.duration_since(sealed_at).as_secs()).unwrap_or_default())
    }

    /// Returns whether the conversation of an attempt had begun. A repeated webhook then gets the
    /// same reply, even after the end.
    fn was_greeted(&self, attempt: u8) -> bool {
        self.call
            .timeline
            .iter()
            .any(|entry| entry.what == TimelineEvent::Greeted(attempt))
    }

    /// Returns whether the answer is no longer wanted, or it is too late for one. Sets the reply
    /// that says so.
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

    /// Acts on a decision whose key arrived after its line was closed: drops a planned retry, or
    /// ends one in progress.
    fn act_on_late_decision(&mut self, attempt: u8) {
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

    /// Appends to the timeline, unless the same entry is there. Returns the time of the first one.
    pub(super) fn note_once(&mut self, what: TimelineEvent) -> Timestamp {
        let known = self.call.timeline.iter().find(|entry| entry.what == what);
        if let Some(entry) = known {
            return entry.at;
        }
        self.note(what);
        self.now
    }

    /// Sets the time at which the reply's document is handed out.
    pub(super) fn hand_out(reply: Reply, at: Timestamp, sealed_at: Timestamp) -> Reply {
        reply.listening(|position| TalkPosition {
            prompt: PromptTiming {
                handed_out: milliseconds(sealed_at, at),
                ..position.prompt
            },
            ..position
        })
    }
}

/// Milliseconds from `from` to `to`. A moment before `from` (a clock was set back meanwhile, or
/// those of two machines differ) is counted from the upper end, so that differences of moments are
/// right ([`PromptTiming::age`]).
#[must_use]
pub fn milliseconds(from: Timestamp, to: Timestamp) -> u32 {
    let span = to.as_millisecond().saturating_sub(from.as_millisecond());
    let most = if span < 0 { i32::MIN } else { i32::MAX };
    i32::try_from(span).unwrap_or(most).cast_unsigned()
}

/// The timeline entry of an input.
pub(super) fn input_event(attempt: u8, position: TalkPosition, input: Input) -> TimelineEvent {
    let step = position.step;
    match input {
        Input::Digits(digits) => TimelineEvent::Key {
            attempt,
            step,
            keys: Digits::new(&digits),
        },
        Input::Silence => TimelineEvent::Silence { attempt, step },
        Input::Spoken(said) => TimelineEvent::Spoken {
            attempt,
            step,
            said,
        },
    }
}
