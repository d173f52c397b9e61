//! What a call is at any moment: plain values, no behaviour beyond reading them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::FinalStatus;
use super::position::{CALLED_BACK, Decision};
use super::timeline::{TimelineEntry, TimelineEvent};
use crate::domain::{CallId, Phone, Reservation, Sid, millis};

/// One request to have one restaurant asked about one reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Our name of it.
    pub id: CallId,
    /// Grows with each change; gaps are allowed.
    pub version: u64,
    /// The name of the API key that made it.
    pub owner: Arc<str>,
    /// What is asked for.
    pub reservation: Arc<Reservation>,
    /// When the client asked.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "millis")]
    pub updated_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// The newest decision of the staff, by the step it was made at.
    pub answer: Option<Answer>,
    /// The client no longer wants it, but a line is still open.
    pub canceled: bool,
    /// Staff asked never to be called again, in another call, while this one was on its way.
    pub barred: bool,
    /// Each time the restaurant was rung, oldest first. One only on a process that took the call
    /// over.
    pub attempts: Vec<Attempt>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Rides along in the tickets.
    pub baggage: CarryOver,
}

/// What the core does not look at, but each process that takes the call over needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarryOver {
    /// Hash of the `Idempotency-Key` with its owner.
    pub idempotency: Option<[u8; 16]>,
    /// W3C trace context: trace id and parent span.
    pub trace: Option<([u8; 16], [u8; 8])>,
}

/// Where a call stands; each state holds what is true in it alone. `until` is when to look again if
/// nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Waits for its next attempt.
    Queued {
        /// What for; `None`: its turn has come.
        waiting_for: Option<WaitingFor>,
        /// The earliest moment of the attempt.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// The intent is stored, Twilio is asked.
    Dialing {
        /// When silence becomes suspicious.
        #[serde(with = "millis")]
        until: Timestamp,
        /// How many searches at Twilio found nothing.
        searches: u8,
    },
    /// The restaurant's phone rings.
    Ringing {
        /// When it must have stopped.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// Somebody or something picked up.
    InProgress {
        /// When the line must have been cut.
        #[serde(with = "millis")]
        until: Timestamp,
    },
    /// The line is closed, but a key may still be on its way.
    Settling {
        /// When to conclude.
        #[serde(with = "millis")]
        until: Timestamp,
        /// How to learn what was pressed.
        from: Evidence,
    },
    /// Nothing will change any more.
    Finished {
        /// The verdict.
        outcome: Outcome,
    },
}

/// How to learn what was pressed in an attempt whose line is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// We heard the whole talk: only a webhook that was overtaken can be missing.
    Keypad,
    /// We were started after the keys: Twilio's Events tell, about 15 minutes after the end
    /// (docs/twilio.md, *List and events*).
    Events {
        /// How often they were asked for in vain.
        tries: u8,
    },
}

/// The newest decision of the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Answer {
    /// The attempt it was made in.
    pub attempt: u8,
    /// The signed step it answers; the highest decides, so the order in which keys arrive does not
    /// matter.
    pub step: u8,
    /// The decision; `None` when an earlier one was taken back.
    pub decision: Option<Decision>,
}

/// One time the restaurant was rung: one Twilio call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u8,
    /// Our number that it is made from.
    pub from: Phone,
    /// What Twilio lets us ask for.
    pub terms: AccountTier,
    /// Twilio's name of it, once it is known.
    pub sid: Option<Sid>,
    /// How far the line got.
    pub line: CarrierStatus,
    /// How much of the talk we have heard.
    pub transcript: TranscriptCoverage,
    /// The last words were given out: no further key can come.
    pub farewell: bool,
    /// What answering-machine detection said.
    pub machine: Option<Machine>,
    /// A message was, or may have been, left on it: never a second one.
    pub message: bool,
    /// Why it ended.
    pub ended: Option<Ended>,
    /// Twilio's final status.
    pub how: Option<FinalStatus>,
    /// Twilio's error code, when it refused.
    pub twilio_code: Option<u32>,
    /// The SIP response of the last callback, 200 for a call that was answered.
    pub sip_code: Option<u16>,
    /// When Twilio was asked.
    #[serde(with = "millis")]
    pub started_at: Timestamp,
    /// When somebody picked up.
    #[serde(with = "millis::option")]
    pub answered_at: Option<Timestamp>,
    /// When the line was closed.
    #[serde(with = "millis::option")]
    pub ended_at: Option<Timestamp>,
    /// How long the line was open, by Twilio.
    pub duration_seconds: Option<u32>,
}

/// How much of the talk of an attempt was heard here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TranscriptCoverage {
    /// Nothing: it was taken over after pick-up, and no webhook of the talk has come yet.
    None,
    /// All of it so far, or what a turn tells of it.
    Full,
    /// All but what came of this step, whose document was asked of the fallback: a key may have
    /// been pressed that only a process heard which is no more, or nobody.
    Missing {
        /// The step.
        step: u8,
    },
}

/// What an account lets us ask for in a create (docs/twilio.md, *Trial accounts*).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum AccountTier {
    /// All that we need.
    #[default]
    Full,
    /// A trial account: no ring time, no time limit, the end is told and nothing before it; few
    /// documents a call.
    Trial,
    /// A trial account that is told nothing at all of its calls: they are asked about.
    Silent,
}

/// How far a line got; later ones are further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CarrierStatus {
    /// Twilio is being asked.
    Asked,
    /// No answer came: the call may exist or not.
    Unknown,
    /// Twilio has accepted it.
    Queued,
    /// Twilio dials.
    Initiated,
    /// It rings.
    Ringing,
    /// Picked up.
    InProgress,
    /// Closed.
    Ended,
}

/// What a machine detector said that is not a human.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Machine {
    /// A mailbox whose beep was heard.
    Beep,
    /// A machine, by its voice; companies that greet at length sound like one.
    Voice,
    /// A fax.
    Fax,
}

/// Why an attempt ended (`ended_because` in the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ended {
    /// Key 1, or another time that the guest allowed.
    Confirmed,
    /// Key 2.
    Rejected,
    /// Another time, outside what the guest allowed.
    Countered,
    /// Key 9.
    OptedOut,
    /// The whole message was heard without a key.
    NoKey,
    /// Hung up before a key.
    HungUp,
    /// Busy.
    Busy,
    /// Rang out.
    NoAnswer,
    /// A mailbox or a fax.
    Machine,
    /// Twilio refused, for good.
    Refused,
    /// The number could not be reached.
    Unreachable,
    /// Stopped by the client.
    Canceled,
    /// This process ended.
    Shutdown,
    /// It was never learned what became of it.
    Unknown,
}

/// What a queued call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WaitingFor {
    /// Its turn among the calls started each second.
    Slot,
    /// The restaurant's hours.
    CallHours,
    /// The client's own earliest moment.
    NotBefore,
    /// Another call to the same number.
    LiveCall,
    /// A limit on attempts.
    Limit,
    /// The pause before the next attempt.
    Retry,
    /// The restaurant to call back.
    Callback,
    /// Twilio to take calls again.
    Carrier,
}

/// The verdict of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The table is theirs.
    Confirmed,
    /// No table.
    Rejected,
    /// Another time was offered.
    Countered,
    /// Picked up, no key.
    NoResponse,
    /// Never picked up.
    NoAnswer,
    /// Busy each time.
    Busy,
    /// A machine each time.
    Machine,
    /// Could not be placed.
    Failed,
    /// Stopped by the client.
    Canceled,
    /// Time ran out.
    Expired,
    /// The restaurant does not want to be called.
    OptedOut,
    /// It was never learned what became of it.
    Unknown,
}

impl Call {
    /// A call that was just asked for; it waits for policy to let it ring.
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
            baggage: CarryOver::default(),
        }
    }

    /// A call whose ticket came to a process that does not know it: Twilio was asked, the rest is
    /// to be learned.
    ///
    /// The version is raised well above the one it had when the ticket was sealed, so that it has
    /// grown whatever happened since.
    #[must_use]
    pub fn taken_over(mut self, attempt: Attempt, version: u64, now: Timestamp) -> Self {
        self.version = version.saturating_add(1_000);
        self.updated_at = now;
        self.state = State::Dialing {
            until: now.saturating_add(super::step::RING).unwrap_or(now),
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

    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished { .. })
    }

    /// Whether the restaurant's phone may be ringing, or at somebody's ear.
    #[must_use]
    pub const fn has_line(&self) -> bool {
        match self.state {
            State::Dialing { .. } | State::Ringing { .. } | State::InProgress { .. } => true,
            State::Queued { .. } | State::Settling { .. } | State::Finished { .. } => false,
        }
    }

    /// When to look again if nothing happens; `None` once it is finished.
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

    /// The attempt that is under way, or was last.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The decision that stands now.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        self.answer.and_then(|answer| answer.decision)
    }

    /// The verdict so far: of a key at once, of everything else at the end.
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

    /// What a decision means for the guest.
    #[must_use]
    pub fn outcome_of(&self, decision: Decision) -> Outcome {
        match decision {
            Decision::Accepted => Outcome::Confirmed,
            Decision::Declined => Outcome::Rejected,
            Decision::OptedOut => Outcome::OptedOut,
            Decision::OtherTime(time) => {
                let allowed = self
                    .reservation
                    .alternatives
                    .is_some_and(|alternatives| alternatives.contains(time));
                if allowed || time == self.reservation.time.time() {
                    Outcome::Confirmed
                } else {
                    Outcome::Countered
                }
            }
        }
    }
}

impl Answer {
    /// Whether it was made in the talk of this attempt, and not by somebody who rang us.
    pub(super) const fn is_of_talk(&self, attempt: u8) -> bool {
        self.attempt == attempt && self.step < CALLED_BACK
    }

    /// The one that counts: the later, but a decision before none. Only a wish not to be called can
    /// be taken back, and only in its own attempt; every other turn that knows of no decision was
    /// given out before the key was heard.
    pub(super) fn or_newer(self, other: Self) -> Self {
        let differs = self.attempt != other.attempt;
        let stands = |answer: Self| {
            answer
                .decision
                .is_some_and(|said| differs || said != Decision::OptedOut)
        };
        match (self.decision, other.decision) {
            (Some(_), None) if stands(self) => self,
            (None, Some(_)) if stands(other) => other,
            (Some(_) | None, Some(_) | None) => self.max(other),
        }
    }
}

impl State {
    /// The `status` of the API.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Dialing { .. } => "dialing",
            Self::Ringing { .. } => "ringing",
            // Nobody knows yet that it is over.
            Self::InProgress { .. } | Self::Settling { .. } => "in_progress",
            Self::Finished { .. } => "finished",
        }
    }
}

impl Attempt {
    /// An attempt whose intent is stored at `now`.
    #[must_use]
    pub const fn new(number: u8, from: Phone, now: Timestamp) -> Self {
        Self {
            number,
            from,
            terms: AccountTier::Full,
            sid: None,
            line: CarrierStatus::Asked,
            transcript: TranscriptCoverage::Full,
            farewell: false,
            machine: None,
            message: false,
            ended: None,
            how: None,
            twilio_code: None,
            sip_code: None,
            started_at: now,
            answered_at: None,
            ended_at: None,
            duration_seconds: None,
        }
    }
}
