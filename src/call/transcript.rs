//! The keys that were pressed in an attempt, and the wait for those that this service may have
//! missed.

use jiff::{SignedDuration, Timestamp};

use super::attempt::TranscriptCoverage;
use super::decision::Decision;
use super::event::{Effect, PressedKey};
use super::outcome::{Ended, Outcome};
use super::position::{CALLED_BACK, TalkPosition};
use super::state::{Answer, Call, Evidence, State};
use super::step::Transition;
use super::talk::{Input, KeyResult};
use super::timeline::TimelineEvent;
use super::timing::EVENTS_DELAY;
use super::{keys, talk};

/// Pause before the Events are read again, and the number of reads.
const EVENTS_AGAIN: SignedDuration = SignedDuration::from_mins(5);
const EVENTS_TRIES: u8 = 6;

impl Transition {
    /// `completed` may have overtaken a key, or have reached a process that did not receive the
    /// whole conversation.
    pub(super) fn await_keys(&mut self) {
        self.call.state = if self.is_in_doubt() {
            State::Settling {
                until: self.after(EVENTS_DELAY),
                from: Evidence::Events { tries: 0 },
            }
        } else {
            State::Settling {
                until: self.after(self.late_key_pause()),
                from: Evidence::Keypad,
            }
        };
    }

    /// A process is missing that may have received the next key of a line which is closed: Twilio's
    /// Events are read before anything is concluded.
    pub(super) fn doubt_keys(&mut self) {
        if !self.call.awaits_late_key() {
            return;
        }
        let Some(last) = self.call.attempts.last().map(|last| last.number) else {
            return;
        };
        let step = self.call.inputs(last).map(|(step, _)| step + 1).max();
        if let Some(last) = self.call.attempts.last_mut() {
            last.transcript = TranscriptCoverage::Missing {
                step: step.unwrap_or_default(),
            };
        }
        if self.is_in_doubt() {
            self.await_keys();
        }
    }

    /// Returns whether a key may have been pressed in the last attempt that would count and that
    /// this service did not receive.
    pub(super) fn is_in_doubt(&self) -> bool {
        let is_certain = match self.call.attempts.last().map(|last| last.transcript) {
            None | Some(TranscriptCoverage::Full) => true,
            Some(TranscriptCoverage::None) => self.call.decision().is_some(),
            // A wish not to be called counts at once, whatever was pressed after it.
            Some(TranscriptCoverage::Missing { .. }) => {
                self.call.decision() == Some(Decision::OptedOut)
            }
        };
        !is_certain && !self.call.canceled && !self.call.barred
    }

    pub(super) fn settle(&mut self, from: Evidence) {
        let attempt = self.call.attempts.last().map_or(0, |last| last.number);
        match from {
            Evidence::Keypad => self.call.conclude(self.end_without_decision(), self.now),
            // No further attempt: a key may have been pressed that cannot be learned any more.
            Evidence::Events { tries } if tries >= EVENTS_TRIES => self.conclude_unknown(),
            Evidence::Events { tries } => {
                let from = Evidence::Events { tries: tries + 1 };
                self.call.state = State::Settling {
                    until: self.after(EVENTS_AGAIN),
                    from,
                };
                self.effects.push(Effect::ReadEvents { attempt });
            }
        }
    }

    /// Concludes an attempt of which no news can come any more. A decision of the staff stands; a
    /// call that the client cancelled is cancelled.
    pub(super) fn conclude_unknown(&mut self) {
        if self.call.canceled || self.call.barred || self.call.decision().is_some() {
            return self.call.conclude(Ended::Unknown, self.now);
        }
        if let Some(last) = self.call.attempts.last_mut() {
            last.ended = Some(Ended::Unknown);
        }
        self.note(TimelineEvent::Ended(Ended::Unknown));
        self.call.finish(Outcome::Unknown, self.now);
    }

    /// Plays the keys that Twilio remembers through the conversation.
    pub(super) fn events_read(&mut self, attempt: u8, keys: Option<&[PressedKey]>) {
        let State::Settling {
            from: Evidence::Events { .. },
            ..
        } = self.call.state
        else {
            return;
        };
        let (Some(keys), true) = (keys, self.is_last(attempt)) else {
            return;
        };
        let context = self.context(attempt, self.now);
        let keys = &*self.with_known_moments(attempt, keys);
        // Before the timeline gets what is found out only now.
        let moments: Vec<u32> = keys
            .iter()
            .map(|pressed| self.moment_of(attempt, pressed, keys))
            .collect();
        let mut last = None;
        for (place, (pressed, moment)) in keys.iter().zip(moments).enumerate() {
            let PressedKey {
                position, digits, ..
            } = pressed;
            let input = if digits.is_empty() {
                Input::Silence
            } else {
                Input::Digits(*digits)
            };
            let (result, reply) = talk::answer(*position, input, moment, &context);
            if !digits.is_empty() {
                self.note_once(keys::input_event(attempt, *position, input));
                self.note_typed_time(attempt, *position, &reply);
            }
            // A document that was handed out before a key was known has a position that does not
            // show that the next key came in the same row.
            let is_decided = matches!(result, KeyResult::Decided(_));
            let result = if is_decided && PressedKey::is_one_of_several(keys, place) {
                KeyResult::Withdrawn
            } else {
                result
            };
            last = result
                .settled()
                .map(|decision| (position.step, decision))
                .or(last);
            self.record_answer(attempt, *position, result);
            self.mark_witnessed(attempt, reply.listen().is_none());
        }
        if let Some((step, decision)) = last {
            self.correct_answer(attempt, step, decision, keys);
        }
        self.call.conclude(self.end_without_decision(), self.now);
    }

    /// Twilio's list is complete: the last decision counts, even if later talk positions were issued
    /// without knowledge of it. But a key that took a decision back and that Twilio does not remember
    /// either stays unknown.
    fn correct_answer(&mut self, attempt: u8, step: u8, decision: Decision, keys: &[PressedKey]) {
        let is_unknown = |known: Answer| {
            known.decision == Some(Decision::Withdrawn) && {
                let taken_back = withdrawn_at(known.step, keys);
                step < taken_back
                    && !keys
                        .iter()
                        .any(|key| key.position.step == taken_back && !key.digits.is_empty())
            }
        };
        let known = self.call.answer.as_mut();
        if let Some(known) = known.filter(|known| known.is_of_talk(attempt) && !is_unknown(**known))
        {
            *known = Answer {
                attempt,
                step: known.step.max(step),
                decision: Some(decision),
            };
        }
    }

    /// The keys with what is known of their moments beside Twilio's record, which has whole seconds:
    /// with the record alone, keys two seconds apart could be one row.
    fn with_known_moments(&self, attempt: u8, keys: &[PressedKey]) -> Vec<PressedKey> {
        let known = |pressed: &PressedKey| {
            let mut known = *pressed;
            if let Some(received_at) = self.received_at(attempt, pressed) {
                known.pressed_by = known.pressed_by.min(received_at);
                known.pressed_at = if pressed.is_of_one_second() {
                    known.pressed_by
                } else {
                    known.pressed_at.min(received_at)
                };
            } else if let Some(resumed_at) = pressed.resumed_at(keys) {
                known.pressed_at = resumed_at;
            }
            known
        };
        keys.iter().map(known).collect()
    }

    /// The time at which this service received a key of Twilio's record; `None`: it did not.
    fn received_at(&self, attempt: u8, pressed: &PressedKey) -> Option<Timestamp> {
        let input = keys::input_event(attempt, pressed.position, Input::Digits(pressed.digits));
        let entry = self.call.timeline.iter().find(|entry| entry.what == input);
        entry.map(|entry| entry.at)
    }

    /// Moment at which a key was pressed that Twilio remembers: as it was received here, or else by
    /// Twilio's record. Twilio may have sent it several times; the first counts.
    fn moment_of(&self, attempt: u8, pressed: &PressedKey, keys: &[PressedKey]) -> u32 {
        let is_same = |key: &&PressedKey| {
            key.position.step == pressed.position.step && key.digits == pressed.digits
        };
        let first = keys.iter().filter(is_same).map(|key| key.pressed_at).min();
        let received_at = self.received_at(attempt, pressed);
        let at = received_at.or(first).unwrap_or(pressed.pressed_at);
        keys::milliseconds(pressed.sealed_at, at)
    }

    /// Notes the newest answer of the call: by this key, or by the position at which it was pressed.
    pub(super) fn record_answer(&mut self, attempt: u8, position: TalkPosition, result: KeyResult) {
        let answer = |step, decision| Answer {
            attempt,
            step,
            decision: Some(decision),
        };
        // The position carries the decision before this key, or that it was taken back. The keys that
        // did so may have been received by a process that has died, or may arrive later.
        let before = position
            .decision
            .map(|decision| answer(position.step.saturating_sub(1), decision));
        let now = result
            .settled()
            .map(|decision| answer(position.step, decision));
        self.call.answer = [self.call.answer, before, now]
            .into_iter()
            .flatten()
            .reduce(Answer::or_newer);
        if now.is_some()
            && let Some(attempt) = self
                .call
                .attempts
                .iter_mut()
                .find(|known| known.number == attempt)
            && matches!(attempt.transcript, TranscriptCoverage::Missing { step } if step <= position.step)
        {
            // This key counts, whatever was pressed at the missing step before.
            attempt.transcript = TranscriptCoverage::Full;
        }
    }

    pub(super) fn mark_witnessed(&mut self, attempt: u8, farewell: bool) {
        if let Some(attempt) = self
            .call
            .attempts
            .iter_mut()
            .find(|known| known.number == attempt)
        {
            if attempt.transcript == TranscriptCoverage::None {
                attempt.transcript = TranscriptCoverage::Full;
            }
            attempt.farewell |= farewell;
        }
    }
}

impl Call {
    /// Returns whether the line is closed, and only a key is waited for that it may have overtaken.
    #[must_use]
    pub const fn awaits_late_key(&self) -> bool {
        matches!(
            self.state,
            State::Settling {
                from: Evidence::Keypad,
                ..
            }
        )
    }

    /// Time of the last key, word or silence of the last attempt that was received.
    #[must_use]
    pub fn last_input_at(&self) -> Option<Timestamp> {
        self.inputs(self.attempts.last()?.number)
            .map(|(_, at)| at)
            .max()
    }

    /// The inputs of an attempt's conversation: step and time of each.
    fn inputs(&self, attempt: u8) -> impl Iterator<Item = (u8, Timestamp)> {
        let entries = self.timeline.iter();
        entries.filter_map(move |entry| {
            let (of, step) = entry.what.input()?;
            (of == attempt && step < CALLED_BACK).then_some((step, entry.at))
        })
    }
}

/// The step at which the decision was taken back that counts as taken back at `known`: every
/// document after it carries that, so that what is known may be later.
fn withdrawn_at(known: u8, keys: &[PressedKey]) -> u8 {
    keys.iter()
        .rev()
        .map(|key| key.position)
        .filter(|position| position.step <= known.saturating_add(1))
        .take_while(|position| position.decision == Some(Decision::Withdrawn))
        .map(|position| position.step.saturating_sub(1))
        .min()
        .map_or(known, |first| first.min(known))
}
