//! The data of a call: plain values without behaviour beyond reading them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, TranscriptCoverage};
use super::decision::Decision;
use super::outcome::{Outcome, WaitingFor};
use super::position::CALLED_BACK;
use super::timeline::{TimelineEntry, TimelineEvent};
use super::timing::{
    CHANGE_WINDOW, DIALING, EVENTS_DELAY, IN_PROGRESS, LONGEST_PAUSE, RING, RINGING,
};
use crate::domain::{CallId, Reservation, millis};

/// A client's request to ask one restaurant about one reservation, with all that followed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Our identifier, time-ordered.
    pub id: CallId,
    /// Grows with each change; gaps are allowed.
    pub version: u64,
    /// The name of the API key that created it; no other key can read it.
    pub owner: Arc<str>,
    /// The reservation as understood and normalised.
    pub reservation: Arc<Reservation>,
    /// Time at which it was created.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// Time at which it last changed.
    #[serde(with = "millis")]
    pub updated_at: Timestamp,
    /// The state.
    pub state: State,
    /// The decision of the highest step at which staff made one.
    pub answer: Option<Answer>,
    /// The client cancelled while a line was open; the line is being closed.
    pub canceled: bool,
    /// Staff asked in another call never to be called again, while this one was in progress.
    pub barred: bool,
    /// The attempts, oldest first. A process that rebuilt the call from a ticket knows one only.
    pub attempts: Vec<Attempt>,
    /// The timeline, oldest entry first.
    pub timeline: Vec<TimelineEntry>,
    /// Copied into every ticket of the call.
    pub carry_over: CarryOver,
}

/// Data that the state machine ignores, but that every process which rebuilds the call from a
/// ticket needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarryOver {
    /// Hash of the `Idempotency-Key` with its owner.
    pub idempotency: Option<[u8; 16]>,
    /// W3C trace context: trace id and parent span.
    pub trace: Option<([u8; 16], [u8; 8])>,
}

/// The state of a call, with the data that exists in this state only. `until` is the time at which
/// the sweep looks at the call again if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Waits for its next attempt.
    Queued {
        /// The reason to wait; `None` when it may ring as soon as the sweep sees it.
        waiting_for: Option<WaitingFor>,
        /// The earliest time of the next attempt.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// The intent is saved; Twilio is asked to place the call.
    Dialing {
        /// Time at which the sweep asks Twilio about the attempt if no answer has come.
        #[serde(with = "millis")]
        until: Timestamp,
        /// Number of searches at Twilio that found no such call.
        searches: u8,
    },
    /// The restaurant's phone rings.
    Ringing {
        /// Time at which ringing must have ended, by the ring time limit.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// Somebody or something picked up.
    InProgress {
        /// Time at which the line must have ended, by the call's time limit.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// The line is closed, but a webhook with a key may still arrive.
    Settling {
        /// Time at which the attempt is concluded.
        #[serde(with = "millis")]
        until: Timestamp,
        /// Source of the pressed keys.
        from: Evidence,
    },
    /// Nothing will change any more.
    Finished {
        /// The outcome of the call.
        outcome: Outcome,
    },
}

/// Source of the keys pressed in an attempt, after its line was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// This service received the whole conversation: only a webhook that was overtaken can be
    /// missing.
    Keypad,
    /// Keys may have been pressed before this process started: they are read from Twilio's Events,
    /// about 15 minutes after the end (docs/twilio.md, *List and events*).
    Events {
        /// Number of reads that found nothing usable.
        tries: u8,
    },
}

/// The newest decision of the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Answer {
    /// Number of the attempt in which it was made.
    pub attempt: u8,
    /// The signed step that it answers. The highest step decides, so keys may arrive in any order.
    pub step: u8,
    /// The decision; `None` when staff took an earlier one back.
    pub decision: Option<Decision>,
}

impl Call {
    /// A new call. It waits until policy lets it ring.
    #[must_use]
    pub fn new(id: CallId, owner: Arc<str>, reservation: Arc<Reservation>, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            owner,
            reservation,
            created_at: now,
            updated_at: now,
            state: State::Queued {
                waiting_for: None,
                until: now,
            },
            answer: None,
            canceled: false,
            barred: false,
            attempts: Vec::new(),
            timeline: vec![TimelineEntry {
                at: now,
                what: TimelineEvent::Created,
            }],
            carry_over: CarryOver::default(),
        }
    }

    /// Rebuilds a call from its ticket in a process that does not have it: an attempt was placed,
    /// the rest becomes known from webhooks.
    ///
    /// The version becomes much higher than at the time the ticket was sealed, so that it grows for
    /// clients whatever happened since.
    #[must_use]
    pub fn taken_over(mut self, attempt: Attempt, version: u64, now: Timestamp) -> Self {
        self.version = version.saturating_add(1_000);
        self.updated_at = now;
        self.state = State::Dialing {
            until: clock::later(now, RING),
            searches: 0,
        };
        self.attempts = vec![Attempt {
            transcript: TranscriptCoverage::None,
            ..attempt
        }];
        self.timeline.push(TimelineEntry {
            at: now,
            what: TimelineEvent::TakenOver,
        });
        self
    }

    /// Returns whether nothing will change any more.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished { .. })
    }

    /// Returns whether the restaurant's phone may be ringing, or a call with it may be in progress.
    #[must_use]
    pub const fn has_line(&self) -> bool {
        match self.state {
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => true,
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => false,
        }
    }

    /// Time at which the sweep looks at the call again if nothing happens; `None` once it is
    /// finished.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Queued { until, .. }
            | State::Dialing { until, .. }
            | State::Ringing { until }
            | State::InProgress { until }
            | State::Settling { until, .. } => Some(until),
            State::Finished { .. } => None,
        }
    }

    /// The attempt in progress, else the last one.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The decision that stands now.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        self.answer.and_then(Answer::decided)
    }

    /// The outcome so far: a key sets it at once, everything else at the end.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Finished { outcome } => Some(outcome),
            State::Queued { .. }
            | State::Dialing { .. }
            | State::Ringing { .. }
            | State::InProgress { .. }
            | State::Settling { .. } => self.decision().map(|decision| self.outcome_of(decision)),
        }
    }

    /// The outcome of a decision for the guest.
    #[must_use]
    pub fn outcome_of(&self, decision: Decision) -> Outcome {
        match decision {
            Decision::Accepted => Outcome::Confirmed,
            Decision::Declined => Outcome::Rejected,
            Decision::OptedOut => Outcome::OptedOut,
            Decision::Withdrawn => Outcome::NoResponse,
            Decision::OtherTime(time) => {
                if self.reservation.allows(time) {
                    Outcome::Confirmed
                } else {
                    Outcome::Countered
                }
            }
        }
    }
}

impl Answer {
    /// Returns whether it was made in this attempt, and not by a restaurant that called back.
    pub(super) const fn is_of_talk(&self, attempt: u8) -> bool {
        self.attempt == attempt && self.step < CALLED_BACK
    }

    /// The decision, unless it was taken back.
    #[must_use]
    pub fn decided(self) -> Option<Decision> {
        self.decision.and_then(Decision::stands)
    }

    /// Chooses the answer that counts: the one of the higher step, but a decision rather than none.
    /// Only the wish not to be called can be taken back, and only in its own attempt; any other
    /// talk position without a decision was issued before the key was received.
    pub(super) fn or_newer(self, other: Self) -> Self {
        match (self.decision, other.decision) {
            (Some(_), None) => self,
            (None, Some(_)) => other,
            (Some(_), Some(_)) | (None, None) => self.max(other),
        }
    }
}

impl State {
    /// The most time that is waited for in this state before the sweep looks again; `None`: a call
    /// may wait for any moment.
    pub(super) const fn longest(self) -> Option<SignedDuration> {
        match self {
            Self::Queued {
                waiting_for:
                    Some(
                        WaitingFor::Retry
                        | WaitingFor::LiveCall
                        | WaitingFor::Slot
                        | WaitingFor::Carrier,
                    ),
                ..
            } => Some(LONGEST_PAUSE),
            Self::Dialing { .. } => Some(DIALING),
            Self::Ringing { .. } => Some(RINGING),
            Self::InProgress { .. } => Some(IN_PROGRESS),
            Self::Settling {
                from: Evidence::Keypad,
                ..
            } => Some(CHANGE_WINDOW),
            Self::Settling {
                from: Evidence::Events { .. },
                ..
            } => Some(EVENTS_DELAY),
            Self::Queued { .. } | Self::Finished { .. } => None,
        }
    }

    /// Time at which the sweep looks again.
    pub(super) const fn until_mut(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Queued { until, .. }
            | Self::Dialing { until, .. }
            | Self::Ringing { until }
            | Self::InProgress { until }
            | Self::Settling { until, .. } => Some(until),
            Self::Finished { .. } => None,
        }
    }

    /// The `status` of the API.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Dialing { .. } => "dialing",
            Self::Ringing { .. } => "ringing",
            // No result is known yet, so clients see the call in progress.
            Self::InProgress { .. } | Self::Settling { .. } => "in_progress",
            Self::Finished { .. } => "finished",
        }
    }
}
