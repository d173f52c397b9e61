//! Decides what follows from the end of an attempt: another attempt after a pause, or the outcome
//! of the call.

use jiff::{SignedDuration, Timestamp};

use super::attempt::Attempt;
use super::carrier_status::Machine;
use super::outcome::{Ended, Outcome, WaitingFor};
use super::state::{Call, State};
use super::timeline::TimelineEvent;

impl Ended {
    /// The pause before the next attempt; `None` if a further attempt is useless.
    ///
    /// `before` is the number of earlier attempts that ended in the same way; blocked and declined
    /// attempts count as one way.
    #[must_use]
    pub const fn pause(self, before: usize) -> Option<SignedDuration> {
        match self {
            Self::Busy => Some(SignedDuration::from_mins(3)),
            Self::NoAnswer | Self::Unreachable => Some(SignedDuration::from_mins(15)),
            Self::Machine | Self::NoKey => Some(SignedDuration::from_mins(20)),
            // Hanging up twice is an answer.
            Self::HungUp if before == 0 => Some(SignedDuration::from_mins(5)),
            // More calls against a block make our number look like spam, and declining twice is an
            // answer.
            Self::Blocked | Self::Declined if before == 0 => Some(SignedDuration::from_mins(15)),
            Self::Unknown if before == 0 => Some(SignedDuration::ZERO),
            Self::HungUp
            | Self::Blocked
            | Self::Declined
            | Self::Unknown
            | Self::Confirmed
            | Self::Rejected
            | Self::Countered
            | Self::OptedOut
            | Self::Refused
            | Self::Canceled
            | Self::Shutdown => None,
        }
    }

    /// Reads the SIP response of an attempt without an answer. `None`: it says no more than
    /// Twilio's final status (RFC 3261 section 21.6.2, RFC 8197, RFC 8688).
    pub(super) const fn of_sip(code: Option<u16>) -> Option<Self> {
        match code {
            Some(603) => Some(Self::Declined),
            Some(607 | 608) => Some(Self::Blocked),
            _ => None,
        }
    }

    /// Advice for operators beyond another attempt; `None`: nothing can be done.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Blocked => Some(
                "The restaurant's carrier blocked the call as suspected spam: have your numbers signed with \
                 attestation A (SHAKEN/STIR), register them at freecallerregistry.com, and read the carrier's reason in \
                 Twilio's Voice Insights.",
            ),
            Self::Declined => Some(
                "Somebody declined the call, or their carrier blocked it: if most calls end so, read the reason in \
                 Twilio's Voice Insights, have your numbers signed with attestation A (SHAKEN/STIR), and register them \
                 at freecallerregistry.com.",
            ),
            Self::Confirmed
            | Self::Rejected
            | Self::Countered
            | Self::OptedOut
            | Self::NoKey
            | Self::HungUp
            | Self::Busy
            | Self::NoAnswer
            | Self::Machine
            | Self::Refused
            | Self::Unreachable
            | Self::Canceled
            | Self::Shutdown
            | Self::Unknown => None,
        }
    }

    /// Returns whether both count as the same way for [`Self::pause`].
    fn is_alike(self, other: Self) -> bool {
        let unwanted = |ended| matches!(ended, Self::Blocked | Self::Declined);
        self == other || (unwanted(self) && unwanted(other))
    }

    /// Returns whether staff who heard our message may still call back.
    const fn may_be_called_back(self) -> bool {
        match self {
            Self::NoKey
            | Self::HungUp
            | Self::Busy
            | Self::NoAnswer
            | Self::Machine
            | Self::Unreachable
            | Self::Blocked
            | Self::Declined
            | Self::Unknown => true,
            Self::Confirmed
            | Self::Rejected
            | Self::Countered
            | Self::OptedOut
            | Self::Refused
            | Self::Canceled
            | Self::Shutdown => false,
        }
    }

    /// The outcome if no further attempt is made.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Confirmed => Outcome::Confirmed,
            Self::Rejected => Outcome::Rejected,
            Self::Countered => Outcome::Countered,
            Self::OptedOut => Outcome::OptedOut,
            Self::NoKey | Self::HungUp => Outcome::NoResponse,
            Self::Busy => Outcome::Busy,
            Self::NoAnswer | Self::Declined => Outcome::NoAnswer,
            Self::Machine => Outcome::Machine,
            Self::Refused | Self::Unreachable | Self::Blocked | Self::Shutdown => Outcome::Failed,
            Self::Canceled => Outcome::Canceled,
            Self::Unknown => Outcome::Unknown,
        }
    }
}

impl Outcome {
    /// The end of an attempt with this decision.
    const fn ended(self) -> Ended {
        match self {
            Self::Confirmed => Ended::Confirmed,
            Self::Rejected => Ended::Rejected,
            Self::Countered => Ended::Countered,
            Self::OptedOut => Ended::OptedOut,
            Self::NoResponse => Ended::NoKey,
            Self::NoAnswer => Ended::NoAnswer,
            Self::Busy => Ended::Busy,
            Self::Machine => Ended::Machine,
            Self::Failed => Ended::Unreachable,
            Self::Canceled | Self::Expired => Ended::Canceled,
            Self::Unknown => Ended::Unknown,
        }
    }
}

impl Call {
    /// Ends the last attempt in the way of `ended`, unless a decision, the guest, or an opt-out
    /// says otherwise. Then finishes the call or plans the next attempt.
    pub(super) fn conclude(&mut self, ended: Ended, now: Timestamp) {
        if ended == Ended::HungUp {
            self.keep_unconfirmed_time(now);
        }
        let decided = self.decision().map(|decision| self.outcome_of(decision));
        let ended = match decided {
            _ if self.canceled => Ended::Canceled,
            Some(outcome) => outcome.ended(),
            None if self.barred => Ended::OptedOut,
            None => ended,
        };
        // If the restaurant called back, its answer does not belong to an attempt that has ended.
        if self.was_called_back()
            && self
                .attempts
                .last()
                .is_none_or(|attempt| attempt.ended.is_some())
        {
            return self.finish(ended.outcome(), now);
        }
        let before = self.count_alike(ended);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.ended = Some(ended);
        }
        self.note(TimelineEvent::Ended(ended), now);
        self.plan_after(ended, before, now);
    }

    /// Plans what follows the last attempt, which has ended already without a decision.
    pub(super) fn plan_next(&mut self, ended: Ended, now: Timestamp) {
        self.plan_after(ended, self.count_alike(ended).saturating_sub(1), now);
    }

    /// Waits for the restaurant to call back if it got a message, else plans another attempt after
    /// a pause, else finishes the call. `before`: attempts before the last that ended alike.
    fn plan_after(&mut self, ended: Ended, before: usize, now: Timestamp) {
        if self.has_message() && ended.may_be_called_back() && now < self.reservation.give_up_at {
            self.state = State::Queued {
                waiting_for: Some(WaitingFor::Callback),
                until: self.reservation.give_up_at,
            };
            return self.note(TimelineEvent::Waits(WaitingFor::Callback), now);
        }
        let used_up = self
            .attempts
            .last()
            .is_none_or(|attempt| attempt.number >= self.reservation.attempts);
        let fax = self.attempts.last().is_some_and(Attempt::is_fax);
        let pause = ended.pause(before).filter(|_| !used_up && !fax);
        match pause.and_then(|pause| now.checked_add(pause).ok()) {
            None => self.finish(ended.outcome(), now),
            Some(next) if next >= self.reservation.give_up_at => self.finish(Outcome::Expired, now),
            Some(next) => {
                self.state = State::Queued {
                    waiting_for: Some(WaitingFor::Retry),
                    until: next,
                };
                self.note(TimelineEvent::Waits(WaitingFor::Retry), now);
            }
        }
    }

    /// Finishes the call: nothing changes any more.
    pub(super) fn finish(&mut self, outcome: Outcome, now: Timestamp) {
        self.state = State::Finished { outcome };
        self.note(TimelineEvent::Finished(outcome), now);
    }

    /// Number of attempts that ended in the same way.
    fn count_alike(&self, ended: Ended) -> usize {
        let is_alike = |attempt: &&Attempt| attempt.ended.is_some_and(|end| end.is_alike(ended));
        self.attempts.iter().filter(is_alike).count()
    }
}

impl Attempt {
    /// Returns whether a fax answered. It is not called again.
    const fn is_fax(&self) -> bool {
        matches!(self.machine, Some(Machine::Fax))
    }
}
