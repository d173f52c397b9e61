//! Events of the connection: how far it got, how it was closed, and what follows when no news of it
//! arrives.

use jiff::SignedDuration;

use super::event::{AttemptRef, Closing, Effect, FinalStatus, LookupResult, PressedKey};
use super::position::{Decision, TalkPosition};
use super::state::{
    AccountTier, Attempt, CarrierStatus, Ended, Evidence, Outcome, State, TranscriptCoverage,
};
use super::step::{AGAIN, GRACE, POLL, RING, TALK, UNKNOWN, Work};
use super::talk::{Input, KeyResult};
use super::timeline::TimelineEvent;
use super::{keys, state, talk};

/// Twilio's Events of a call can be read about 15 minutes after its end (docs/twilio.md,
/// *List and events*).
const EVENTS_DELAY: SignedDuration = SignedDuration::from_mins(16);
/// Pause before the Events are read again, and the number of reads.
const EVENTS_AGAIN: SignedDuration = SignedDuration::from_mins(5);
const EVENTS_TRIES: u8 = 6;
/// How long Twilio may answer 404 for a SID that it issued before the call counts as gone.
const RECORDS: SignedDuration = SignedDuration::from_mins(15);
/// Number of searches at Twilio that must find nothing before a create without an answer counts as
/// never placed.
const SEARCHES: u8 = 2;
/// The most replies on a trial account (docs/twilio.md, *Trial accounts*).
const TRIAL_REPLIES: u8 = 9;
/// How long an attempt is looked up at most.
const LONGEST_DOUBT: SignedDuration = SignedDuration::from_hours(2);

impl Work {
    /// Raises the carrier status. An earlier status than the current one changes nothing.
    pub(super) fn reached(&mut self, on: AttemptRef, line: CarrierStatus) {
        let now = self.now;
        let Some(attempt) = self.attempt(on) else {
            return;
        };
        if line <= attempt.line || line == CarrierStatus::Ended {
            return;
        }
        attempt.line = line;
        if line == CarrierStatus::InProgress {
            attempt.answered_at = Some(now);
        }
        let what = match line {
            CarrierStatus::Queued => Some(TimelineEvent::Accepted),
            CarrierStatus::Initiated => Some(TimelineEvent::Initiated),
            CarrierStatus::Ringing => Some(TimelineEvent::Ringing),
            CarrierStatus::InProgress => Some(TimelineEvent::Answered),
            CarrierStatus::Asked | CarrierStatus::Unknown | CarrierStatus::Ended => None,
        };
        if let Some(what) = what {
            self.note(what);
        }
        if self.is_last(on.attempt) {
            self.follow(line);
        }
    }

    /// Adapts the call's state to its carrier status.
    fn follow(&mut self, line: CarrierStatus) {
        let until = match line {
            // Twilio sends no status callback before the end, or none at all.
            _ if self.is_polled(line) => self.after(POLL),
            CarrierStatus::InProgress => self.after(TALK + GRACE),
            CarrierStatus::Ringing => self.after(RING + GRACE),
            CarrierStatus::Asked
            | CarrierStatus::Unknown
            | CarrierStatus::Queued
            | CarrierStatus::Initiated
            | CarrierStatus::Ended => self.after(RING + UNKNOWN),
        };
        self.call.state = match (self.call.state, line) {
            (State::Dialing { .. } | State::Ringing { .. }, CarrierStatus::InProgress) => {
                State::InProgress { until }
            }
            (State::Dialing { .. }, CarrierStatus::Ringing) => State::Ringing { until },
            (State::Dialing { searches, .. }, _) => State::Dialing { until, searches },
            (state, _) => state,
        };
        if self.is_unwanted() {
            self.end_unwanted();
        }
    }

    pub(super) fn closed(&mut self, on: AttemptRef, closing: Closing) {
        let now = self.now;
        let Some(attempt) = self.attempt(on) else {
            return;
        };
        if attempt.line == CarrierStatus::Ended {
            return;
        }
        let rang = attempt.line >= CarrierStatus::Ringing;
        attempt.line = CarrierStatus::Ended;
        attempt.ended_at = Some(now);
        attempt.how = Some(closing.how);
        attempt.sip_code = closing.sip_code;
        attempt.twilio_code = closing.twilio_code;
        attempt.duration_seconds = closing.duration_seconds;
        let farewell = attempt.farewell;
        let running = matches!(
            self.call.state,
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. }
        );
        if !self.is_last(on.attempt) || !running {
            return;
        }
        // Twilio has no final status of its own for a call that was blocked or declined.
        let unwanted = Ended::of_sip(closing.sip_code);
        let because = match closing.how {
            FinalStatus::Completed if farewell && !self.is_in_doubt() => self.quiet_end(),
            FinalStatus::Completed => return self.await_keys(),
            FinalStatus::Busy => unwanted.unwrap_or(Ended::Busy),
            FinalStatus::NoAnswer => unwanted.unwrap_or(Ended::NoAnswer),
            // Some carriers report a phone that rang out in this way (docs/twilio.md, *Statuses*).
            FinalStatus::Failed if rang && matches!(closing.sip_code, Some(480 | 487)) => {
                Ended::NoAnswer
            }
            FinalStatus::Failed => unwanted.unwrap_or(Ended::Unreachable),
            // Only we cancel calls at Twilio: because the call is not wanted any more (`conclude`
            // knows that), or because it rang longer than it may.
            FinalStatus::Canceled => Ended::NoAnswer,
        };
        self.call.conclude(because, now);
    }

    /// `completed` may have overtaken a key, or have reached a process that did not receive the
    /// whole conversation.
    fn await_keys(&mut self) {
        self.call.state = if self.is_in_doubt() {
            State::Settling {
                until: self.after(EVENTS_DELAY),
                from: Evidence::Events { tries: 0 },
            }
        } else {
            State::Settling {
                until: self.after(self.patience()),
                from: Evidence::Keypad,
            }
        };
    }

    /// Whether a key may have been pressed in the last attempt that would count and that this
    /// service did not receive.
    pub(super) fn is_in_doubt(&self) -> bool {
        let heard = match self.call.attempts.last().map(|last| last.transcript) {
            None | Some(TranscriptCoverage::Full) => true,
            Some(TranscriptCoverage::None) => self.call.decision().is_some(),
            // A wish not to be called counts at once, whatever was pressed after it.
            Some(TranscriptCoverage::Missing { .. }) => {
                self.call.decision() == Some(Decision::OptedOut)
            }
        };
        !heard && !self.call.canceled && !self.call.barred
    }

    /// Why a conversation without a decision ended.
    fn quiet_end(&self) -> Ended {
        match self.call.attempts.last() {
            // A key always wins, because companies that greet at length sound like machines.
            Some(Attempt {
                machine: Some(_),
                number,
                ..
            }) if !self.has_key(*number) => Ended::Machine,
            Some(Attempt { farewell: true, .. }) => Ended::NoKey,
            _ => Ended::HungUp,
        }
    }

    pub(super) fn settle(&mut self, from: Evidence) {
        let attempt = self.call.attempts.last().map_or(0, |last| last.number);
        match from {
            Evidence::Keypad => self.call.conclude(self.quiet_end(), self.now),
            // No further attempt: a key may have been pressed that cannot be learned any more.
            Evidence::Events { tries } if tries >= EVENTS_TRIES => self.give_up_knowing(),
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
    pub(super) fn give_up_knowing(&mut self) {
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
        let context = self.context(attempt);
        let mut last = None;
        for (place, pressed) in keys.iter().enumerate() {
            let PressedKey {
                position, digits, ..
            } = pressed;
            let input = if digits.is_empty() {
                Input::Silence
            } else {
                Input::Digits(digits)
            };
            let (heard, reply) =
                talk::answer(*position, input, self.moment_of(attempt, pressed), &context);
            if !digits.is_empty() {
                self.note_once(keys::what(attempt, *position, input));
            }
            // The position of a document that was handed out in ignorance of a key does not tell that
            // the next one came in its row.
            let is_decided = matches!(heard, KeyResult::Decided(_));
            let heard = if is_decided && PressedKey::is_one_of_several(keys, place) {
                KeyResult::Withdrawn
            } else {
                heard
            };
            last = heard
                .settled()
                .map(|decision| (position.step, decision))
                .or(last);
            self.hear(attempt, *position, heard);
            self.mark_witnessed(attempt, reply.listen().is_none());
        }
        // Twilio's list is complete: the last decision counts, even if later talk positions were
        // issued without knowledge of it. But a key that took a decision back and that Twilio does
        // not remember either stays unknown.
        let is_unknown = |known: state::Answer| {
            known.decision == Some(Decision::Withdrawn) && {
                let taken_back = withdrawn_at(known.step, keys);
                last.is_none_or(|(step, _)| step < taken_back)
                    && !keys
                        .iter()
                        .any(|key| key.position.step == taken_back && !key.digits.is_empty())
            }
        };
        if let Some((step, decision)) = last
            && let Some(known) = self
                .call
                .answer
                .as_mut()
                .filter(|known| known.is_of_talk(attempt) && !is_unknown(**known))
        {
            *known = state::Answer {
                attempt,
                step: known.step.max(step),
                decision: Some(decision),
            };
        }
        self.call.conclude(self.quiet_end(), self.now);
    }

    /// When a key was pressed that Twilio remembers: as it was heard here, or else by Twilio's record.
    fn moment_of(&self, attempt: u8, pressed: &PressedKey) -> u32 {
        let heard = keys::what(attempt, pressed.position, Input::Digits(&pressed.digits));
        let entry = self.call.timeline.iter().find(|entry| entry.what == heard);
        let at = entry.map_or(pressed.pressed_at, |entry| entry.at);
        keys::milliseconds(pressed.sealed_at, at)
    }

    /// The context of an attempt's conversation.
    pub(super) fn context(&self, attempt: u8) -> talk::TalkContext {
        let terms = self
            .call
            .attempts
            .iter()
            .find(|known| known.number == attempt)
            .map(|known| known.terms);
        let context = talk::TalkContext::of(&self.call.reservation);
        match terms {
            None | Some(AccountTier::Full) => context,
            // A trial account's call ends with its tenth document (docs/twilio.md).
            Some(AccountTier::Trial | AccountTier::Silent) => talk::TalkContext {
                most_replies: TRIAL_REPLIES,
                ..context
            },
        }
    }

    pub(super) fn hear(&mut self, attempt: u8, position: TalkPosition, heard: KeyResult) {
        let answer = |step, decision| state::Answer {
            attempt,
            step,
            decision: Some(decision),
        };
        // The turn carries what was decided before it, also by keys that a process heard which is
        // no more, and also that a decision was taken back, however late the key arrives that did
        // so.
        let before = position
            .said
            .map(|said| answer(position.step.saturating_sub(1), said));
        let now = heard
            .settled()
            .map(|decision| answer(position.step, decision));
        self.call.answer = [self.call.answer, before, now]
            .into_iter()
            .flatten()
            .reduce(state::Answer::or_newer);
        if now.is_some()
            && let Some(attempt) = self
                .call
                .attempts
                .iter_mut()
                .find(|known| known.number == attempt)
            && matches!(attempt.transcript, TranscriptCoverage::Missing { step } if step <= position.step)
        {
            // This counts, whatever was pressed before.
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

    /// No news arrived in the time in which it should: looks the attempt up at Twilio, repeatedly.
    pub(super) fn overdue(&mut self) {
        let Some(last) = self.call.attempts.last() else {
            return;
        };
        let (attempt, started_at) = (last.number, last.started_at);
        // A process that was suspended during that time asks at least once.
        let overslept = self
            .call
            .wake_at()
            .is_some_and(|at| self.now.duration_since(at) > AGAIN);
        if self.now.duration_since(started_at) > LONGEST_DOUBT && !overslept {
            return self.give_up_knowing();
        }
        self.postpone();
        self.effects.push(Effect::LookUp { attempt });
    }

    /// Whether Twilio has to be polled once the connection has got to `line`.
    fn is_polled(&self, line: CarrierStatus) -> bool {
        // Without a SID the call is searched for, and an early search proves nothing.
        match self
            .call
            .attempts
            .last()
            .filter(|last| last.sid.is_some())
            .map(|last| last.terms)
        {
            None | Some(AccountTier::Full) => false,
            Some(AccountTier::Trial) => line < CarrierStatus::InProgress,
            Some(AccountTier::Silent) => true,
        }
    }

    /// Whether an open line may still be open. Where Twilio accepted no time limits, ours are
    /// enforced here.
    fn has_time_left(&self) -> bool {
        let Some(last) = self
            .call
            .attempts
            .last()
            .filter(|last| last.terms != AccountTier::Full)
        else {
            return false;
        };
        let end = match last.answered_at {
            Some(answered_at) => answered_at.saturating_add(TALK),
            None => last.started_at.saturating_add(RING + GRACE),
        };
        end.is_ok_and(|end| self.now < end)
    }

    fn postpone(&mut self) {
        let polled = self
            .call
            .attempts
            .last()
            .is_some_and(|last| self.is_polled(last.line));
        let until = self.after(if polled { POLL } else { AGAIN });
        match &mut self.call.state {
            State::Dialing { until: at, .. }
            | State::Ringing { until: at }
            | State::InProgress { until: at } => {
                *at = until;
            }
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => {}
        }
    }

    pub(super) fn looked_up(&mut self, attempt: u8, found: LookupResult) {
        let open = matches!(
            self.call.state,
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. }
        );
        if !open || !self.is_last(attempt) {
            return;
        }
        match found {
            LookupResult::Unreachable => {}
            LookupResult::Closed(on, closing) => self.closed(on, closing),
            LookupResult::Live(on, line) => {
                let known = self.call.attempts.last().map(|last| last.line);
                self.reached(on, line);
                // It was looked up because it is overdue: a line that made no progress is ended.
                if known >= Some(line) && !self.has_time_left() {
                    self.effects.push(Effect::HangUp {
                        attempt,
                        sid: on.sid,
                    });
                }
            }
            LookupResult::Nothing => self.found_nothing(),
        }
    }

    fn found_nothing(&mut self) {
        let Some(last) = self.call.attempts.last() else {
            return;
        };
        let named = last.sid.is_some();
        if named && self.now.duration_since(last.started_at) < RECORDS {
            // It exists, because it has a SID: Twilio's records lag behind.
            return;
        }
        match &mut self.call.state {
            State::Dialing { searches, .. } if !named && *searches + 1 < SEARCHES => *searches += 1,
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => {
                // Twilio issued a SID, so the call was placed: a missing record is no reason to
                // ring again.
                if named {
                    self.give_up_knowing();
                } else {
                    self.call.conclude(Ended::Unknown, self.now);
                }
            }
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => {}
        }
    }
}

/// The step at which the decision was taken back that counts as taken back at `known`: every
/// document after it carries that, so that what is known may be later.
fn withdrawn_at(known: u8, keys: &[PressedKey]) -> u8 {
    keys.iter()
        .rev()
        .map(|key| key.position)
        .filter(|position| position.step <= known.saturating_add(1))
        .take_while(|position| position.said == Some(Decision::Withdrawn))
        .map(|position| position.step.saturating_sub(1))
        .min()
        .map_or(known, |first| first.min(known))
}
