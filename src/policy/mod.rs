//! May we ring this number now? One pure answer, used by create, by each retry and by `POST
//! /api/call/check`.
//!
//! It knows the rules, the time and its [`PolicyInput`], and nothing of stores, Twilio or HTTP.
//! Start with [`Rules::judge`].

pub mod hours;
pub mod kinds;
pub mod limits;
pub mod quiet;
mod refusal;
pub mod ring_times;

#[cfg(test)]
mod tests;

use std::slice;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::call::WaitingFor;
use crate::domain::{CallId, Country, Phone, PhoneFacts, Reservation, zones};

pub use hours::Hours;
pub use kinds::{KindRule, NumberKinds};
pub use limits::{Allowance, CallLimits};
pub use quiet::QuietHours;
pub use refusal::Refusal;
pub use ring_times::RingTimes;

/// The pause before a call that waits for a number looks again, if no notice comes that the number
/// is free.
const LIVE_CALL: SignedDuration = SignedDuration::from_secs(30);

/// The time within which the call hours of all possible zones must have a moment in common.
const SOON: SignedDuration = SignedDuration::from_hours(48);

/// The rules of this deployment.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Countries that may be rung; `None`: all.
    pub countries: Option<Vec<Country>>,
    /// Kinds of numbers that may be rung.
    pub kinds: NumberKinds,
    /// The restaurants' local hours.
    pub hours: Hours,
    /// The local hours in which restaurants are busiest.
    pub quiet_hours: QuietHours,
    /// Our own numbers, which are never rung.
    pub own_numbers: Vec<Phone>,
    /// Limits of attempts and creates.
    pub limits: CallLimits,
}

/// The input that only the caller knows. A time means "not before it"; `None` means no obstacle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInput {
    /// An open call that asks for the very same.
    pub duplicate: Option<CallId>,
    /// Staff asked never to be called again, or the operator decided so.
    pub opted_out: bool,
    /// Times at which limits leave room.
    pub room: Room,
    /// Another call has this number.
    pub taken: bool,
    /// Time at which Twilio takes calls again.
    pub carrier: Option<Timestamp>,
    /// Time at which this call's turn comes among those that are started each second.
    pub slot: Option<Timestamp>,
}

/// Time at which each limit leaves room for one more, as far as is known now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The time for an attempt to this number, by the limit of an hour.
    pub number_hour: Option<Timestamp>,
    /// The time for an attempt to this number, by the limit of a day.
    pub number_day: Option<Timestamp>,
    /// The time for a create with this key.
    pub key_minute: Option<Timestamp>,
    /// The time for an attempt to any number.
    pub service_day: Option<Timestamp>,
}

/// The reason for asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialReason {
    /// A client, for a new call: what a limit forbids is refused.
    Create,
    /// A queued call, for its next attempt: what a limit forbids has to wait.
    Attempt {
        /// The end of its pause.
        earliest: Timestamp,
    },
}

/// The answer of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// Ring now.
    Allowed,
    /// Ring at `until` at the earliest.
    Waits {
        /// Why.
        reason: WaitingFor,
        /// When.
        until: Timestamp,
    },
    /// Never.
    Blocked(Refusal),
}

impl Rules {
    /// Returns whether `reservation` may ring now, or when, or why never.
    ///
    /// `phone` is what the numbering plan says of its number; `None` for one that the plan does not
    /// know any more.
    #[must_use]
    pub fn judge(
        &self,
        reservation: &Reservation,
        phone: Option<PhoneFacts>,
        purpose: DialReason,
        input: &PolicyInput,
        now: Timestamp,
    ) -> PolicyVerdict {
        let judged = self
            .number(reservation.phone, phone)
            .and(if input.opted_out {
                Err(Refusal::OptedOut)
            } else {
                Ok(())
            })
            .and_then(|()| admitted(purpose, input, now))
            .and_then(|()| {
                let zones = zones::rules_of(&self.possible_zones(reservation, phone, now));
                self.moment(reservation, &zones, purpose, &input.room, now)
            });
        let (at, why) = match judged {
            Ok(moment) => moment,
            Err(refusal) => return PolicyVerdict::Blocked(refusal),
        };
        let ahead = |moment: &Timestamp| *moment > now;
        let (reason, until) = if at > now {
            (why, at)
        } else if input.taken {
            (
                WaitingFor::LiveCall,
                now.saturating_add(LIVE_CALL).unwrap_or(at),
            )
        } else if let Some(until) = input.carrier.filter(ahead) {
            (WaitingFor::Carrier, until)
        } else if let Some(until) = input.slot.filter(ahead) {
            (WaitingFor::Slot, until)
        } else {
            return PolicyVerdict::Allowed;
        };
        // Nothing is waited for beyond the moment at which the call is given up.
        PolicyVerdict::Waits {
            reason,
            until: until.min(reservation.give_up_at),
        }
    }

    /// Returns whether a number may be rung at all.
    fn number(&self, phone: Phone, facts: Option<PhoneFacts>) -> Result<(), Refusal> {
        if self.own_numbers.contains(&phone) {
            return Err(Refusal::OwnNumber);
        }
        let facts = facts.ok_or(Refusal::UnknownNumber)?;
        let from_its_country = || {
            self.own_numbers.iter().any(|own| {
                own.facts().and_then(|own| own.country) == facts.country && facts.country.is_some()
            })
        };
        match self.kinds.rule(facts.kind) {
            KindRule::Always => {}
            KindRule::FromItsCountry if from_its_country() => {}
            KindRule::FromItsCountry | KindRule::Never => {
                return Err(Refusal::NumberKind(facts.kind));
            }
        }
        let Some(allowed) = &self.countries else {
            return Ok(());
        };
        let mut countries = phone.countries(facts).into_iter();
        if countries.any(|country| allowed.contains(&country)) {
            Ok(())
        } else {
            Err(Refusal::Country)
        }
    }

    /// The zones in which the restaurant can lie, one for each clock: the one that is known, else
    /// those of its number. Empty: it can be anywhere.
    #[must_use]
    pub fn possible_zones<'a>(
        &self,
        reservation: &'a Reservation,
        phone: Option<PhoneFacts>,
        now: Timestamp,
    ) -> Vec<&'a str> {
        match &reservation.timezone {
            Some(zone) => vec![zone.as_str()],
            None => phone.map_or_else(Vec::new, |facts| {
                let all = zones::of_number(reservation.phone, facts, self.countries.as_deref());
                zones::distinct(&all, now)
            }),
        }
    }

    /// The first moment that hours, limits and the call's own terms leave, and what was waited for
    /// last.
    fn moment(
        &self,
        reservation: &Reservation,
        zones: &[TimeZone],
        purpose: DialReason,
        room: &Room,
        now: Timestamp,
    ) -> Result<(Timestamp, WaitingFor), Refusal> {
        let (mut at, mut why) = (now, WaitingFor::Retry);
        if let DialReason::Attempt { earliest } = purpose {
            at = at.max(earliest);
        }
        if let Some(not_before) = reservation.not_before.filter(|not_before| *not_before > at) {
            (at, why) = (not_before, WaitingFor::NotBefore);
        }
        let limit = reservation.give_up_at;
        let mut times = CallTimes {
            hours: self.hours,
            ring_times: RingTimes::of(reservation),
        };
        let mut common = None;
        if purpose == DialReason::Create {
            common = times.common_moment(zones, at, limit)?;
        }
        loop {
            let open = common.take().or_else(|| times.next(at, limit, zones));
            let Some(mut open) = open else {
                return Err(times.refusal(at, limit, zones));
            };
            let next = |from, soon: Timestamp| times.next(from, soon.min(limit), zones);
            if let Some(calmer) = self.quiet_hours.avoided(open, zones, next) {
                open = calmer;
            }
            if open > at {
                (at, why) = (open, WaitingFor::CallHours);
            }
            let Some((free, refusal)) = full(room, at, now) else {
                return Ok((at, why));
            };
            if purpose == DialReason::Create && at == now {
                return Err(refusal);
            }
            (at, why) = (free, WaitingFor::Limit);
        }
    }
}

/// The moments at which a call may ring: the call hours and, where they are known, the
/// restaurant's opening hours.
struct CallTimes {
    hours: Hours,
    ring_times: Option<RingTimes>,
}

impl CallTimes {
    /// The first moment from `earliest` on, and before `limit`, that suits all of `zones`.
    fn next(
        &mut self,
        earliest: Timestamp,
        limit: Timestamp,
        zones: &[TimeZone],
    ) -> Option<Timestamp> {
        let mut at = earliest;
        loop {
            let within = self.hours.next(at, limit, zones)?;
            let open = match &mut self.ring_times {
                Some(times) => times.next(within, limit, zones)?,
                None => within,
            };
            if open >= limit {
                return None;
            }
            if open == within {
                return Some(open);
            }
            at = open;
        }
    }

    /// The reason why no moment is left.
    fn refusal(&self, from: Timestamp, limit: Timestamp, zones: &[TimeZone]) -> Refusal {
        let within = self.hours.next(from, limit, zones);
        if self.ring_times.is_some() && within.is_some_and(|at| at < limit) {
            Refusal::RestaurantClosed
        } else {
            Refusal::TooLate
        }
    }

    /// The first moment before `limit` that suits all of `zones`, if no zone has to be asked for:
    /// either it comes soon enough, or each zone alone would have none as soon.
    fn common_moment(
        &mut self,
        zones: &[TimeZone],
        from: Timestamp,
        limit: Timestamp,
    ) -> Result<Option<Timestamp>, Refusal> {
        if zones.len() == 1 {
            return Ok(self.next(from, limit, zones));
        }
        let soon = from.saturating_add(SOON).unwrap_or(limit).min(limit);
        for limit in [soon, limit] {
            let common = self.next(from, limit, zones);
            if common.is_some() {
                return Ok(common);
            }
            let one_would_do = zones
                .iter()
                .any(|zone| self.next(from, limit, slice::from_ref(zone)).is_some());
            if one_would_do || zones.is_empty() && from < limit {
                return Err(Refusal::TimezoneNeeded);
            }
        }
        Ok(None)
    }
}

/// Returns whether a new call is taken on at all.
fn admitted(purpose: DialReason, input: &PolicyInput, now: Timestamp) -> Result<(), Refusal> {
    match (
        purpose,
        input.duplicate,
        input.room.key_minute.filter(|free| *free > now),
    ) {
        (DialReason::Attempt { .. }, _, _) | (DialReason::Create, None, None) => Ok(()),
        (DialReason::Create, Some(id), _) => Err(Refusal::Duplicate(id)),
        (DialReason::Create, None, Some(free)) => Err(Refusal::KeyLimit {
            retry_after: seconds(now, free),
        }),
    }
}

/// The limit that leaves no room at `at`: the time at which it will, and the refusal of a create.
fn full(room: &Room, at: Timestamp, now: Timestamp) -> Option<(Timestamp, Refusal)> {
    let number = room
        .number_hour
        .max(room.number_day)
        .filter(|free| *free > at);
    let service = room.service_day.filter(|free| *free > at);
    match (number, service) {
        (Some(free), _) => Some((
            free,
            Refusal::NumberLimit {
                retry_after: seconds(now, free),
            },
        )),
        (None, Some(free)) => Some((
            free,
            Refusal::ServiceLimit {
                retry_after: seconds(now, free),
            },
        )),
        (None, None) => None,
    }
}

/// Whole seconds from `now` to `then`, rounded up, so that who comes back then is not early.
fn seconds(now: Timestamp, then: Timestamp) -> u32 {
    let left = then.duration_since(now).as_millis();
    u32::try_from((left + 999) / 1_000)
        .unwrap_or(u32::MAX)
        .max(1)
}
