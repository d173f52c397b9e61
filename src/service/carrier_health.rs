//! Twilio's readiness for calls: a gate before every create.
//!
//! It closes for a while when Twilio is busy or out of reach, and until a test succeeds when it
//! will have none of this account. It also knows which of our numbers Twilio refused, and what a
//! trial account may ask for. What was learned is kept in this process only: another learns it as
//! quickly.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::call::AccountTier;
use crate::domain::{Country, Phone};
use crate::twilio::client::TwilioRefusal;
use clock::Backoff;

/// The first pause when Twilio is busy; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(120);
const PAUSES: Backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
/// The pause up to which ours count more than a shorter one that Twilio asks for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// The same between tests of an account that Twilio refuses.
const FIRST_TEST: SignedDuration = SignedDuration::from_secs(15);
const TESTS: Backoff = Backoff::new(FIRST_TEST, SignedDuration::from_mins(10));
/// Time for which a caller ID that was refused is not used.
const SET_ASIDE: SignedDuration = SignedDuration::from_hours(1);

/// Said when a create is answered in another way than Twilio answers.
const NOT_TWILIO: &str = "The answer to a create has no SID of Twilio's shape (CA and 32 hexadecimal digits): what \
                          TWILIO_API_URL names is not Twilio. Nothing more is dialled; correct TWILIO_API_URL and \
                          start again.";

/// The known state of Twilio's API and of our account.
#[derive(Debug)]
pub(super) struct CarrierHealth {
    numbers: Vec<(Phone, Option<Country>)>,
    known: Mutex<HealthState>,
    closed: Notify,
}

#[derive(Debug)]
struct HealthState {
    availability: Availability,
    /// Pauses since the last create that Twilio accepted.
    pauses: u32,
    /// Caller IDs that Twilio refused: since when, and with which code.
    suspended: HashMap<Phone, (Timestamp, u32)>,
    tier: AccountTier,
}

#[derive(Clone, Copy, Debug)]
enum Availability {
    Open,
    /// Twilio is busy or out of reach.
    Busy {
        since: Timestamp,
        until: Timestamp,
    },
    /// Twilio refuses the account: with this code; what to do about it; when it is tested again.
    Shut {
        code: u32,
        advice: &'static str,
        test_at: Timestamp,
    },
    /// The server that answers creates is not Twilio; only a restart with other settings changes
    /// that.
    Foreign,
}

impl Availability {
    /// Until when Twilio is left alone because it was busy. A clock that has been set back does not
    /// make that longer.
    fn pause(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Busy { since, until } if until > now && !clock::was_set_back(since, now) => {
                Some(until)
            }
            Self::Open | Self::Busy { .. } | Self::Shut { .. } | Self::Foreign => None,
        }
    }
}

/// A part of what the service needs that is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthIssue {
    /// Name of the part: `twilio`, `caller_id`, `calls`, `store`.
    pub part: &'static str,
    /// The problem, and what to do about it.
    pub detail: String,
    /// Nothing can be dialled because of it.
    pub grave: bool,
}

impl CarrierHealth {
    pub(super) fn new(numbers: &[Phone]) -> Self {
        let country = |number: &Phone| number.facts().and_then(|facts| facts.country);
        // One number is the right one for every country.
        let several = numbers.len() > 1;
        let numbers = numbers
            .iter()
            .map(|number| (*number, several.then(|| country(number)).flatten()))
            .collect();
        let known = HealthState {
            availability: Availability::Open,
            pauses: 0,
            suspended: HashMap::new(),
            tier: AccountTier::Full,
        };
        Self {
            numbers,
            known: Mutex::new(known),
            closed: Notify::new(),
        }
    }

    /// Time from which calls are taken again; `None`: now.
    pub(super) fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.known.lock();
        match known.availability {
            Availability::Open => None,
            Availability::Busy { .. } => known.availability.pause(now),
            // Until a test has succeeded, whenever that is.
            Availability::Shut { test_at, .. } => {
                Some(clock::later(test_at.max(now), SignedDuration::from_secs(1)))
            }
            Availability::Foreign => Some(clock::later(now, LONGEST_PAUSE)),
        }
    }

    /// Twilio accepted a create.
    pub(super) fn accepted(&self) {
        let mut known = self.known.lock();
        if matches!(known.availability, Availability::Foreign) {
            return;
        }
        (known.availability, known.pauses) = (Availability::Open, 0);
    }

    /// Twilio asks to wait, or cannot be reached: until when nothing more is sent.
    pub(super) fn busy(&self, retry_after: Option<Duration>, now: Timestamp) -> Timestamp {
        let mut known = self.known.lock();
        match known.availability {
            Availability::Shut { test_at, .. } => return test_at.max(now),
            Availability::Foreign => return clock::later(now, LONGEST_PAUSE),
            Availability::Open | Availability::Busy { .. } => {}
        }
        if let Some(until) = known.availability.pause(now) {
            // Creates that left together fail together: that is one failure.
            return until;
        }
        let ours = PAUSES.pause(known.pauses);
        let pause = match retry_after.and_then(|asked| SignedDuration::try_from(asked).ok()) {
            // Twilio may ask for no second at all, again and again.
            Some(asked) => asked.max(ours.min(PATIENCE)),
            None => ours,
        };
        known.pauses = known.pauses.saturating_add(1);
        let until = clock::later(now, pause + jitter(pause));
        known.availability = Availability::Busy { since: now, until };
        until
    }

    /// Twilio refuses the account: when it is tested. `advice` is for operators.
    pub(super) fn shut(&self, code: u32, advice: &'static str, now: Timestamp) {
        let mut known = self.known.lock();
        if matches!(known.availability, Availability::Shut { test_at, .. } if test_at > now)
            || matches!(known.availability, Availability::Foreign)
        {
            return;
        }
        let pause = TESTS.pause(known.pauses);
        known.pauses = known.pauses.saturating_add(1);
        known.availability = Availability::Shut {
            code,
            advice,
            test_at: clock::later(now, pause + jitter(pause)),
        };
        drop(known);
        tracing::error!(
            twilio.code = code,
            advice,
            "Twilio refuses this account: nothing is dialled until it works again"
        );
        self.closed.notify_one();
    }

    /// A create was answered without a SID of Twilio's shape: nothing more is dialled.
    pub(super) fn mark_foreign(&self) {
        let known = std::mem::replace(&mut self.known.lock().availability, Availability::Foreign);
        if !matches!(known, Availability::Foreign) {
            tracing::error!("{NOT_TWILIO}");
        }
    }

    /// A test had no answer: the next one is later.
    pub(super) fn not_tested(&self, now: Timestamp) {
        let mut known = self.known.lock();
        let pause = TESTS.pause(known.pauses);
        known.pauses = known.pauses.saturating_add(1);
        if let Availability::Shut { test_at, .. } = &mut known.availability {
            *test_at = clock::later(now, pause + jitter(pause));
        }
    }

    /// A test of the account succeeded. The next pause is longer all the same, until a call was
    /// accepted.
    pub(super) fn reopen(&self) {
        let mut known = self.known.lock();
        if matches!(known.availability, Availability::Shut { .. }) {
            known.availability = Availability::Open;
            drop(known);
            tracing::info!("Twilio takes this account again");
        }
    }

    /// The time of the next test of the account.
    pub(super) fn test_at(&self) -> Option<Timestamp> {
        match self.known.lock().availability {
            Availability::Shut { test_at, .. } => Some(test_at),
            Availability::Open | Availability::Busy { .. } | Availability::Foreign => None,
        }
    }

    /// Resolves when the account is refused.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// One of our numbers: from the restaurant's country if there is one, and none that Twilio
    /// refused if there is another.
    pub(super) fn caller_id(&self, country: Option<Country>, now: Timestamp) -> Option<Phone> {
        let mut known = self.known.lock();
        known
            .suspended
            .retain(|_, (since, _)| now.duration_since(*since) < SET_ASIDE);
        let good = |(number, _): &&(Phone, Option<Country>)| !known.suspended.contains_key(number);
        let at_home = |(_, home): &&(Phone, Option<Country>)| home.is_some() && *home == country;
        let best = self
            .numbers
            .iter()
            .filter(good)
            .find(at_home)
            .or_else(|| self.numbers.iter().find(good));
        best.or_else(|| self.numbers.first())
            .map(|(number, _)| *number)
    }

    /// Twilio refused this number as a caller ID; whether another is left.
    pub(super) fn set_aside(&self, number: Phone, code: u32, now: Timestamp) -> bool {
        let mut known = self.known.lock();
        known.suspended.insert(number, (now, code));
        let left = self
            .numbers
            .iter()
            .any(|(number, _)| !known.suspended.contains_key(number));
        drop(known);
        tracing::error!(caller_id = ?number, twilio.code = code, another = left, "Twilio refuses a caller ID");
        left
    }

    /// Number of caller IDs that are set aside.
    pub(super) fn suspended(&self, now: Timestamp) -> usize {
        self.known
            .lock()
            .suspended
            .values()
            .filter(|(since, _)| now.duration_since(*since) < SET_ASIDE)
            .count()
    }

    /// The parameters that the account accepts, as far as is known.
    pub(super) fn tier(&self) -> AccountTier {
        self.known.lock().tier
    }

    /// Twilio refused what a trial account may not ask for.
    pub(super) fn lower_tier(&self, tier: AccountTier) {
        let mut known = self.known.lock();
        if known.tier < tier {
            known.tier = tier;
            drop(known);
            match tier {
                AccountTier::Full => {}
                AccountTier::Trial => tracing::warn!(
                    "this is a trial account: calls are placed without ring time, time limit, machine detection and \
                     extensions; upgrade it in the Twilio console"
                ),
                AccountTier::Silent => tracing::warn!(
                    "this trial account is told nothing of its calls: they are polled"
                ),
            }
        }
    }

    /// The present health issues.
    pub(super) fn health_issues(&self, now: Timestamp) -> Vec<HealthIssue> {
        let suspended = self.suspended(now);
        let known = self.known.lock();
        let mut found = Vec::new();
        match known.availability {
            Availability::Open => {}
            Availability::Busy { .. } if known.availability.pause(now).is_none() => {}
            Availability::Busy { until, .. } => found.push(HealthIssue {
                part: "twilio",
                detail: format!("Twilio is busy or out of reach; calls wait until {until:.0}."),
                grave: false,
            }),
            Availability::Shut {
                code,
                advice,
                test_at,
            } => found.push(HealthIssue {
                part: "twilio",
                detail: format!(
                    "Twilio refuses this account: code {code}. {advice} It is tested again at {test_at:.0}."
                ),
                grave: true,
            }),
            Availability::Foreign => found.push(HealthIssue {
                part: "twilio",
                detail: NOT_TWILIO.to_owned(),
                grave: true,
            }),
        }
        if suspended > 0 {
            let codes: Vec<String> = known
                .suspended
                .values()
                .map(|(_, code)| says(*code))
                .collect();
            found.push(HealthIssue {
                part: "caller_id",
                detail: format!(
                    "Twilio refused {suspended} of {} numbers of TWILIO_FROM_NUMBER: {}",
                    self.numbers.len(),
                    codes.join(" ")
                ),
                grave: suspended >= self.numbers.len(),
            });
        }
        found
    }
}

/// Code and advice in one sentence or two.
fn says(code: u32) -> String {
    format!("code {code}. {}", TwilioRefusal::of_code(code).advice())
}

/// Up to a quarter more, so that instances that were refused together do not come back together.
fn jitter(pause: SignedDuration) -> SignedDuration {
    let most = i64::try_from(pause.as_millis() / 4).unwrap_or(0).max(1);
    SignedDuration::from_millis(fastrand::i64(0..most))
}

#[cfg(test)]
mod tests;
