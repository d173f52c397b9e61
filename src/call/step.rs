//! `step`, the only function that changes a call. It accepts every event in every state; late,
//! repeated and reordered events do no harm.

use jiff::{SignedDuration, Timestamp};

use super::attempt::{Attempt, TranscriptCoverage};
use super::carrier_status::{AccountTier, CarrierStatus};
use super::event::{AttemptRef, Effect, Event, Step};
use super::outcome::{Ended, Outcome, WaitingFor};
use super::state::{Call, State};
use super::timeline::{TimelineEntry, TimelineEvent};
use super::timing::{RING, UNKNOWN};

/// Tries of an attempt that are written down though Twilio did not take them.
const NOTED_TRIES: usize = 10;

/// Applies `event` to `call` at the time `now`.
#[must_use]
pub fn step(call: &Call, event: Event, now: Timestamp) -> Step {
    let is_repeatable = matches!(event, Event::Keyed { .. } | Event::Closed(..));
    let mut work = Transition {
        call: call.clone(),
        reply: None,
        effects: Vec::new(),
        now,
    };
    work.apply(event);
    if work.must_opt_out(call, is_repeatable) {
        work.effects.push(Effect::OptOut);
    }
    work.consider_planned_retry(call);
    let changed = work.call != *call;
    if changed {
        work.call.version += 1;
        // Clients order events by this time, so two changes never share it.
        let after = clock::later(call.updated_at, SignedDuration::from_millis(1));
        work.call.updated_at = now.max(after);
    }
    Step {
        call: work.call,
        changed,
        reply: work.reply,
        effects: work.effects,
    }
}

/// A step in progress: the call as changed so far, and what results from it.
pub(super) struct Transition {
    pub(super) call: Call,
    pub(super) reply: Option<super::talk::Reply>,
    pub(super) effects: Vec<Effect>,
    pub(super) now: Timestamp,
}

impl Transition {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Dial { from } => self.dial(from),
            Event::Hold { waiting_for, until } => self.hold(waiting_for, until),
            Event::Block(outcome) => self.block(outcome),
            Event::TierLowered { attempt, tier } => self.lower_tier(attempt, tier),
            Event::Accepted(on) => self.reached(on, CarrierStatus::Queued),
            Event::TryLater { attempt, until } => self.try_later(attempt, until),
            Event::Refused { attempt, code } => self.refused(attempt, code),
            Event::Unanswered { attempt } => self.unanswered(attempt),
            Event::Reached(on, line) => self.reached(on, line),
            Event::Fetched { on, sealed_at } => self.fetched(on, sealed_at),
            Event::Keyed {
                on,
                position,
                input,
                sealed_at,
            } => self.keyed(on, position, input, sealed_at),
            Event::Resumed {
                on,
                position,
                sealed_at,
            } => self.resumed(on, position, sealed_at),
            Event::Detected(on, machine) => self.detected(on, machine),
            Event::Message { attempt, left } => self.message(attempt, left),
            Event::CalledBack {
                attempt,
                position,
                input,
                sealed_at,
            } => self.called_back(attempt, position, input, sealed_at),
            Event::RingNow => self.ring_now(),
            Event::OptedOut => self.opted_out(),
            Event::Closed(on, closing) => self.closed(on, closing),
            Event::LookedUp { attempt, found } => self.looked_up(attempt, found),
            Event::EventsRead { attempt, keys } => self.events_read(attempt, keys.as_deref()),
            Event::OfferAccepted { by } => self.offer_accepted(by),
            Event::Cancel => self.cancel(),
            Event::Wake => self.wake(),
            Event::WakeInDoubt => {
                self.doubt_keys();
                self.wake();
            }
            Event::Shutdown => self.shutdown(),
        }
    }

    // Events before the line is open

    /// If this step planned a retry, has policy judge at once whether the end of the pause is an
    /// allowed time.
    fn consider_planned_retry(&mut self, before: &Call) {
        let waits_for_retry = |call: &Call| {
            matches!(
                call.state,
                State::Queued {
                    waiting_for: Some(WaitingFor::Retry),
                    ..
                }
            )
        };
        if waits_for_retry(&self.call) && !matches!(before.state, State::Queued { .. }) {
            self.effects.push(Effect::Consider);
        }
    }

    fn lower_tier(&mut self, attempt: u8, tier: AccountTier) {
        if !self.awaits_twilio(attempt) {
            return;
        }
        if let Some(last) = self.call.attempts.last_mut() {
            last.tier = tier;
        }
    }

    fn dial(&mut self, from: crate::domain::Phone) {
        if !matches!(self.call.state, State::Queued { .. }) {
            return;
        }
        let number = self
            .call
            .attempts
            .last()
            .map_or(1, |last| last.number.saturating_add(1));
        self.call
            .attempts
            .push(Attempt::new(number, from, self.now));
        self.call.state = State::Dialing {
            until: self.after(RING + UNKNOWN),
            searches: 0,
        };
        self.note(TimelineEvent::Dialed(number));
        self.effects.push(Effect::Place { attempt: number });
    }

    fn hold(&mut self, waiting_for: WaitingFor, until: Timestamp) {
        if let State::Queued { .. } = self.call.state {
            self.call.state = State::Queued {
                waiting_for: Some(waiting_for),
                until,
            };
            // Each reason is written once per wait, although the reason may change to and fro.
            let latest = self.call.timeline.iter().rev().map(|entry| entry.what);
            let mut this_wait = latest.take_while(|what| {
                matches!(what, TimelineEvent::Waits(_) | TimelineEvent::TryLater)
            });
            if !this_wait.any(|what| what == TimelineEvent::Waits(waiting_for)) {
                self.note(TimelineEvent::Waits(waiting_for));
            }
        }
    }

    fn block(&mut self, outcome: Outcome) {
        if matches!(self.call.state, State::Queued { .. }) {
            let outcome = if outcome == Outcome::Expired {
                self.call.expiry()
            } else {
                outcome
            };
            self.call.finish(outcome, self.now);
        }
    }

    /// Twilio did not process the create, so the attempt is removed.
    fn try_later(&mut self, attempt: u8, until: Timestamp) {
        if !self.awaits_twilio(attempt) {
            return;
        }
        self.call.attempts.pop();
        self.note_unplaced(attempt);
        if self.call.canceled {
            self.call.finish(Outcome::Canceled, self.now);
        } else if self.call.barred {
            self.call.finish(Outcome::OptedOut, self.now);
        } else {
            self.call.state = State::Queued {
                waiting_for: Some(WaitingFor::Carrier),
                until,
            };
        }
    }

    /// Twilio may be busy for as long as the call lives, so that further tries in vain leave nothing
    /// behind: a timeline does not grow without bound.
    fn note_unplaced(&mut self, attempt: u8) {
        let timeline = &mut self.call.timeline;
        let tries = timeline.iter().rev().map(|entry| entry.what);
        let tries = tries.take_while(|what| {
            matches!(what, TimelineEvent::TryLater | TimelineEvent::Waits(_))
                || *what == TimelineEvent::Dialed(attempt)
        });
        if tries
            .filter(|what| *what == TimelineEvent::TryLater)
            .count()
            < NOTED_TRIES
        {
            return self.note(TimelineEvent::TryLater);
        }
        timeline.pop_if(|last| last.what == TimelineEvent::Dialed(attempt));
    }

    fn refused(&mut self, attempt: u8, code: Option<u32>) {
        if !self.awaits_twilio(attempt) {
            return;
        }
        if let Some(last) = self.call.attempts.last_mut() {
            (last.twilio_code, last.line, last.ended_at) =
                (code, CarrierStatus::Ended, Some(self.now));
        }
        self.note(TimelineEvent::Refused(code.unwrap_or_default()));
        self.call.conclude(Ended::Refused, self.now);
    }

    fn unanswered(&mut self, attempt: u8) {
        if !self.awaits_twilio(attempt) {
            return;
        }
        if let Some(last) = self.call.attempts.last_mut() {
            last.line = CarrierStatus::Unknown;
        }
        self.note(TimelineEvent::Unanswered);
    }

    /// Returns whether this attempt still waits for Twilio's answer to the create. A webhook may
    /// arrive before that answer.
    fn awaits_twilio(&self, attempt: u8) -> bool {
        let waits = |last: &Attempt| {
            last.number == attempt
                && matches!(last.line, CarrierStatus::Asked | CarrierStatus::Unknown)
        };
        matches!(self.call.state, State::Dialing { .. })
            && self.call.attempts.last().is_some_and(waits)
    }

    // Time

    fn wake(&mut self) {
        if self.call.wake_at().is_none_or(|at| at > self.now) {
            return self.pull_in();
        }
        match self.call.state {
            State::Queued { .. } if self.now >= self.call.reservation.give_up_at => {
                self.call.finish(self.call.expiry(), self.now);
            }
            State::Queued { .. } => self.effects.push(Effect::Consider),
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => {
                self.overdue();
            }
            State::Settling { from, .. } => self.settle(from),
            State::Finished { .. } => {}
        }
    }

    // Helpers

    pub(super) fn note(&mut self, what: TimelineEvent) {
        self.call.note(what, self.now);
    }

    pub(super) fn after(&self, duration: SignedDuration) -> Timestamp {
        clock::later(self.now, duration)
    }

    /// Finds the attempt that a webhook or answer is about, and notes its SID if that is the first
    /// to name one. `None`: the SID belongs to another call, so nothing changes.
    pub(super) fn identify_attempt(&mut self, on: AttemptRef) -> Option<&mut Attempt> {
        self.add_later_attempt(on);
        let attempt = self
            .call
            .attempts
            .iter_mut()
            .find(|attempt| attempt.number == on.attempt)?;
        let sid = *attempt.sid.get_or_insert(on.sid);
        (sid == on.sid).then_some(attempt)
    }

    /// Adds the attempt `on` to a call that was rebuilt from the ticket of an earlier one. The
    /// process that made it has died.
    fn add_later_attempt(&mut self, on: AttemptRef) {
        let taken_over = self
            .call
            .timeline
            .iter()
            .any(|entry| entry.what == TimelineEvent::TakenOver);
        let Some(last) = self
            .call
            .attempts
            .last()
            .filter(|last| taken_over && last.number < on.attempt)
        else {
            return;
        };
        let later = Attempt {
            transcript: TranscriptCoverage::None,
            tier: last.tier,
            ..Attempt::new(on.attempt, last.from, self.now)
        };
        self.call.attempts.push(later);
        if !self.call.is_finished() {
            self.call.state = State::Dialing {
                until: self.after(RING + UNKNOWN),
                searches: 0,
            };
        }
    }

    pub(super) fn is_last(&self, attempt: u8) -> bool {
        self.call
            .attempts
            .last()
            .is_some_and(|last| last.number == attempt)
    }
}

impl Call {
    /// Appends to the timeline.
    pub(super) fn note(&mut self, what: TimelineEvent, now: Timestamp) {
        self.timeline.push(TimelineEntry { at: now, what });
    }
}
