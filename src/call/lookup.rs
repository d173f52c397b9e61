//! Looks an attempt up at Twilio when no news of its connection arrives.

use clock::was_set_back;
use jiff::SignedDuration;

use super::carrier_status::{AccountTier, CarrierStatus};
use super::event::{Effect, LookupResult};
use super::outcome::Ended;
use super::state::State;
use super::step::Transition;
use super::timing::{AGAIN, GRACE, POLL, RING, TALK};

/// Longest time that Twilio may answer 404 for a SID that it issued before the call counts as gone.
const RECORDS: SignedDuration = SignedDuration::from_mins(15);
/// Number of searches at Twilio that must find nothing before a create without an answer counts as
/// never placed.
const SEARCHES: u8 = 2;
/// Longest delay at which a running process wakes a call, by a clock that is not set.
const OVERSLEPT: SignedDuration = SignedDuration::from_secs(5);
/// Longest time for which an attempt is looked up.
const LONGEST_DOUBT: SignedDuration = SignedDuration::from_hours(2);

impl Transition {
    /// No news arrived in the time in which it should: looks the attempt up at Twilio, repeatedly.
    pub(super) fn overdue(&mut self) {
        let Some(last) = self.call.attempts.last() else {
            return;
        };
        let (attempt, started_at) = (last.number, last.started_at);
        // A process that was suspended during that time asks at least once. So does one whose clock
        // was set forward: the line may be as young as it was before.
        let overslept = self
            .call
            .wake_at()
            .is_some_and(|at| self.now.duration_since(at) > OVERSLEPT);
        if self.now.duration_since(started_at) > LONGEST_DOUBT && !overslept {
            return self.conclude_unknown();
        }
        if overslept {
            self.grant();
        } else {
            self.postpone();
        }
        self.effects.push(Effect::LookUp { attempt });
    }

    /// Gives the line the whole time of its state from now on.
    fn grant(&mut self) {
        if let (Some(longest), Some(until)) =
            (self.call.state.longest(), self.call.state.until_mut())
        {
            *until = clock::later(self.now, longest);
        }
    }

    /// Shortens a wait that is longer than any of its state, because it was noted before the clock was
    /// set back. It lasts from now as long as the state may.
    pub(super) fn pull_in(&mut self) {
        let Some(longest) = self.call.state.longest() else {
            return;
        };
        let latest = self.after(longest);
        if let Some(until) = self.call.state.until_mut()
            && was_set_back(*until, latest)
        {
            *until = latest;
        }
    }

    /// Returns whether Twilio has to be polled once the connection has got to `line`.
    pub(super) fn is_polled(&self, line: CarrierStatus) -> bool {
        // Without a SID the call is searched for, and an early search proves nothing.
        match self
            .call
            .attempts
            .last()
            .filter(|last| last.sid.is_some())
            .map(|last| last.tier)
        {
            None | Some(AccountTier::Full) => false,
            Some(AccountTier::Trial) => line < CarrierStatus::InProgress,
            Some(AccountTier::Silent) => true,
        }
    }

    /// Returns whether an open line may still be open. Where Twilio accepted no time limits, ours
    /// are enforced here.
    fn has_time_left(&self) -> bool {
        let Some(last) = self
            .call
            .attempts
            .last()
            .filter(|last| last.tier != AccountTier::Full)
        else {
            return false;
        };
        let end = match last.answered_at {
            Some(answered_at) => answered_at.saturating_add(TALK),
            None => last.started_at.saturating_add(RING + GRACE),
        };
        end.is_ok_and(|end| self.now < end)
    }

    /// Returns whether the line was just given time anew ([`Self::grant`]).
    fn is_granted(&self) -> bool {
        let pause = self.after(AGAIN);
        self.call.wake_at().is_some_and(|at| at > pause)
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
                if known >= Some(line) && !self.has_time_left() && !self.is_granted() {
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
                    self.conclude_unknown();
                } else {
                    self.call.conclude(Ended::Unknown, self.now);
                }
            }
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => {}
        }
    }
}
