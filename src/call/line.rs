//! Events of the connection: how far it got and how it was closed.

use jiff::Timestamp;

use super::attempt::Attempt;
use super::carrier_status::{AccountTier, CarrierStatus, FinalStatus};
use super::event::{AttemptRef, Closing};
use super::outcome::Ended;
use super::state::State;
use super::step::Transition;
use super::talk::TalkContext;
use super::timeline::TimelineEvent;
use super::timing::{GRACE, POLL, RING, TALK, UNKNOWN};
use crate::domain::{TableTime, Zone, zones};

/// The most replies on a trial account (docs/twilio.md, *Trial accounts*).
const TRIAL_REPLIES: u8 = 9;

impl Transition {
    /// Raises the carrier status of an attempt, and adapts the call's state if it is the last
    /// attempt. A status that is not later than the current one changes nothing.
    pub(super) fn reached(&mut self, on: AttemptRef, line: CarrierStatus) {
        let now = self.now;
        let Some(attempt) = self.identify_attempt(on) else {
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
            // The account gets no status callback before the end, or none at all.
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
        let Some(attempt) = self.identify_attempt(on) else {
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
        // The restaurant called back and decided on that line, where it may still change its mind.
        // This attempt is not wanted any more, so its end does not conclude the call.
        if self.call.was_called_back() && self.call.decision().is_some() && !self.call.canceled {
            return self.await_keys();
        }
        // Twilio has no final status of its own for a call that was blocked or declined.
        let by_sip = Ended::of_sip(closing.sip_code);
        let ended = match closing.how {
            FinalStatus::Completed if farewell && !self.is_in_doubt() => {
                self.end_without_decision()
            }
            FinalStatus::Completed => return self.await_keys(),
            FinalStatus::Busy => by_sip.unwrap_or(Ended::Busy),
            FinalStatus::NoAnswer => by_sip.unwrap_or(Ended::NoAnswer),
            // Some carriers report a phone that rang out in this way (docs/twilio.md, *Statuses*).
            FinalStatus::Failed if rang && matches!(closing.sip_code, Some(480 | 487)) => {
                Ended::NoAnswer
            }
            FinalStatus::Failed => by_sip.unwrap_or(Ended::Unreachable),
            // Only we cancel calls at Twilio: because the call is not wanted any more, which
            // `conclude` looks at first, or because it rang too long.
            FinalStatus::Canceled => Ended::NoAnswer,
        };
        self.call.conclude(ended, now);
    }

    /// The way in which a conversation without a decision ended.
    pub(super) fn end_without_decision(&self) -> Ended {
        match self.call.attempts.last() {
            // If any key was pressed, it was no machine: long greetings of companies sound like
            // one.
            Some(Attempt {
                machine: Some(_),
                number,
                ..
            }) if !self.has_key(*number) => Ended::Machine,
            Some(Attempt { farewell: true, .. }) => Ended::NoKey,
            _ => Ended::HungUp,
        }
    }

    /// The context of an attempt's conversation at `moment`.
    pub(super) fn context(&self, attempt: u8, moment: Timestamp) -> TalkContext {
        let tier = self
            .call
            .attempts
            .iter()
            .find(|known| known.number == attempt)
            .map(|known| known.tier);
        // If the zone is not known, a time counts as past once it is past in all zones.
        let zone = self.call.reservation.timezone.as_ref();
        let clock = zones::rules(zone.map_or(TableTime::LAST_ZONE, Zone::as_str));
        let context = TalkContext::of(&self.call.reservation).at(clock.to_datetime(moment));
        match tier {
            None | Some(AccountTier::Full) => context,
            // A trial account's call ends with its tenth document (docs/twilio.md).
            Some(AccountTier::Trial | AccountTier::Silent) => TalkContext {
                most_replies: TRIAL_REPLIES,
                ..context
            },
        }
    }
}
