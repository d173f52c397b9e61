//! The call as its owner sees it.

use poem_openapi::Object;
use serde::Serialize;

use super::enums::{ApiEnum, AttemptStatus, DeliveryStatus, InlineWord, Instant, Status};
use crate::call::{self, CarrierStatus, Ended, FinalStatus, Machine, Outcome, State, WaitingFor};
use crate::domain::{TableTime, VoicemailAction};
use crate::store::PendingEvent;
use crate::twilio::client::TwilioRefusal;

/// One request to have one restaurant asked about one reservation.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Call")]
pub struct CallView {
    /// Time-ordered and URL-safe.
    id: String,
    /// Grows with each change; gaps are allowed.
    version: u64,
    /// Where it stands.
    status: ApiEnum<Status>,
    /// The verdict; null until there is one. A key sets it at once, while the restaurant may still
    /// change its mind.
    outcome: Option<ApiEnum<Outcome>>,
    /// True exactly when `status` is `finished`: nothing will change any more.
    #[oai(rename = "final")]
    #[serde(rename = "final")]
    is_final: bool,
    /// The request as understood.
    reservation: ReservationView,
    /// The time that was agreed, on the restaurant's wall clock.
    agreed_time: Option<String>,
    /// The time that was offered instead, on the restaurant's wall clock.
    offered_time: Option<String>,
    /// The call whose offered time this one takes.
    accepts_offer_of: Option<String>,
    /// The call that takes the time which was offered in this one.
    offer_accepted_by: Option<String>,
    /// Each time the restaurant was rung.
    attempts: Vec<AttemptView>,
    /// When it will be rung next, at the earliest.
    next_attempt_at: Option<Instant>,
    /// What a queued call waits for.
    waiting_for: Option<ApiEnum<WaitingFor>>,
    /// What happened, oldest first.
    timeline: Vec<EntryView>,
    /// When it was asked for.
    created_at: Instant,
    /// When it last changed.
    updated_at: Instant,
    /// How far the events to `callback_url` have come. Only in answers about a call that has one;
    /// never in events.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryView>,
}

/// How far the events to `callback_url` have come.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Delivery")]
pub struct DeliveryView {
    /// `pending`: to be sent; `retrying`: sent in vain, and sent again at `next_attempt_at`;
    /// `delivered`: the newest state was received; `gave_up`: tried for an hour in vain, or the
    /// endpoint answered 410.
    status: ApiEnum<DeliveryStatus>,
    /// The `version` of the call that was received last.
    version: Option<u64>,
    /// How often the newest state was sent.
    tries: u32,
    /// When anything was sent last.
    last_attempt_at: Option<Instant>,
    /// When it is sent next, at the earliest.
    next_attempt_at: Option<Instant>,
    /// Why the last attempt failed.
    last_error: Option<String>,
}

/// The request as understood, normalised.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Reservation")]
pub struct ReservationView {
    /// Who the table is for.
    name: String,
    /// How the name sounds.
    name_pronounced: Option<String>,
    /// The reading of the name.
    name_reading: Option<String>,
    /// The number that rings, in E.164.
    phone: String,
    /// Date and time of the table on the restaurant's wall clock, such as `2027-06-18T19:30`.
    time: String,
    /// How many people.
    #[oai(validator(minimum(value = "1"), maximum(value = "99")))]
    party_size: u8,
    /// The name of the place.
    restaurant: Option<String>,
    /// The guest's own number, in E.164.
    guest_phone: Option<String>,
    /// The extension of the guest's own number.
    guest_extension: Option<String>,
    /// What else staff should know.
    notes: Option<String>,
    /// The language of the notes, if it is not that of the call.
    notes_language: Option<String>,
    /// The language that staff hear, as a language tag.
    language: String,
    /// `request`: the language was asked for; `number`: it follows from the number.
    language_source: String,
    /// The country of the number, ISO 3166 alpha-2.
    country: Option<String>,
    /// The restaurant's time zone (IANA), where it is known.
    timezone: Option<String>,
    /// When the restaurant is open, in the syntax of OpenStreetMap.
    opening_hours: Option<String>,
    /// Keys sent after pick-up.
    extension: Option<String>,
    /// Other times of the same day that would do.
    alternatives: Option<AlternativesView>,
    /// The earliest first ring.
    not_before: Option<Instant>,
    /// When to stop trying.
    give_up_at: Instant,
    /// How many times to ring at most.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    attempts: u8,
    /// What is done when a machine answers.
    voicemail: InlineWord<VoicemailAction>,
    /// Where signed events are sent.
    callback_url: Option<String>,
}

/// Other times of the same day that would do.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Alternatives")]
pub struct AlternativesView {
    /// The earliest time that would do, such as `18:30`.
    earliest: String,
    /// The latest time that would do, such as `21:00`.
    latest: String,
}

/// One time the restaurant was rung.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Attempt")]
pub struct AttemptView {
    /// Counts from 1.
    number: u8,
    /// Twilio's name of it.
    sid: Option<String>,
    /// How far it got.
    status: ApiEnum<AttemptStatus>,
    /// Why it ended.
    ended_because: Option<ApiEnum<Ended>>,
    /// Twilio's error code, when it refused.
    twilio_code: Option<u32>,
    /// What to do about that code, or about a call that was blocked or declined, in a sentence.
    advice: Option<String>,
    /// Twilio's final status: `completed`, `busy`, `no-answer`, `failed` or `canceled`.
    twilio_status: Option<ApiEnum<FinalStatus>>,
    /// The SIP response at its end.
    sip_code: Option<u16>,
    /// What machine detection said: `beep`, `voice` or `fax`.
    answered_by: Option<ApiEnum<Machine>>,
    /// When it was begun.
    started_at: Instant,
    /// When somebody or something picked up.
    answered_at: Option<Instant>,
    /// When the line was closed.
    ended_at: Option<Instant>,
    /// How long the line was open.
    duration_seconds: Option<u32>,
}

/// One thing that happened.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TimelineEntry")]
pub struct EntryView {
    /// When it happened.
    at: Instant,
    /// What happened, such as `ringing` or `key`. New words may be added.
    what: String,
    /// What else there is to say of it, such as the key that was pressed.
    detail: Option<String>,
}

impl CallView {
    /// The version, which is the id of the event that carries this state.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The view of a call.
    #[must_use]
    pub fn of(call: &call::Call) -> Self {
        let outcome = call.outcome();
        let decided = call
            .decision()
            .filter(|_| !call.canceled)
            .map(|decision| match decision {
                call::Decision::OtherTime(time) => call.reservation.time.at(time),
                call::Decision::Accepted
                | call::Decision::Declined
                | call::Decision::OptedOut
                | call::Decision::Withdrawn => call.reservation.time,
            });
        let when = |wanted: Outcome| {
            decided
                .filter(|_| outcome == Some(wanted))
                .as_ref()
                .map(TableTime::to_string)
        };
        let (waiting_for, next_attempt_at) = match call.state {
            State::Queued { waiting_for, until } => (waiting_for, Some(until)),
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::InProgress { .. }
            | State::Settling { .. }
            | State::Finished { .. } => (None, None),
        };
        Self {
            id: call.id.to_string(),
            version: call.version,
            status: ApiEnum(Status(call.state.status())),
            outcome: outcome.map(ApiEnum),
            is_final: call.is_finished(),
            reservation: ReservationView::of(&call.reservation),
            agreed_time: when(Outcome::Confirmed),
            offered_time: when(Outcome::Countered),
            accepts_offer_of: call.reservation.accepts_offer_of.map(|id| id.to_string()),
            offer_accepted_by: call.offer_accepted_by().map(|id| id.to_string()),
            attempts: call.attempts.iter().map(AttemptView::of).collect(),
            next_attempt_at: next_attempt_at.map(Instant),
            waiting_for: waiting_for.map(ApiEnum),
            timeline: call.timeline.iter().map(EntryView::of).collect(),
            created_at: Instant(call.created_at),
            updated_at: Instant(call.updated_at),
            delivery: None,
        }
    }

    /// The same with how far its events have come.
    #[must_use]
    pub fn with(call: &call::Call, events: Option<PendingEvent>) -> Self {
        Self {
            delivery: events.map(DeliveryView::of),
            ..Self::of(call)
        }
    }
}

/// A call in JSON, as events carry it: as its owner reads it, but for how far these events have
/// come.
#[must_use]
pub fn json(call: &call::Call) -> String {
    // Our own types have string keys and no values that JSON cannot hold.
    serde_json::to_string(&CallView::of(call)).unwrap_or_default()
}

impl DeliveryView {
    fn of(entry: PendingEvent) -> Self {
        let status = match (entry.gave_up_at, entry.next_at) {
            (Some(_), _) => "gave_up",
            (None, None) => "delivered",
            (None, Some(_)) if entry.tries == 0 => "pending",
            (None, Some(_)) => "retrying",
        };
        Self {
            status: ApiEnum(DeliveryStatus(status)),
            version: Some(entry.told).filter(|told| *told > 0),
            tries: entry.tries,
            last_attempt_at: entry.tried_at.map(Instant),
            // While it is being sent there is no telling.
            next_attempt_at: entry.next_at.filter(|_| entry.claim.is_none()).map(Instant),
            last_error: entry.error.map(String::from),
        }
    }
}

impl ReservationView {
    fn of(reservation: &crate::domain::Reservation) -> Self {
        let time = |time: jiff::civil::Time| format!("{:02}:{:02}", time.hour(), time.minute());
        Self {
            name: reservation.name.to_string(),
            name_pronounced: reservation.name.pronounced().map(str::to_owned),
            name_reading: reservation.name.reading().map(str::to_owned),
            phone: reservation.phone.to_string(),
            time: reservation.time.to_string(),
            party_size: reservation.party_size.get(),
            restaurant: reservation.restaurant.as_ref().map(ToString::to_string),
            guest_phone: reservation.guest_phone.as_ref().map(ToString::to_string),
            guest_extension: reservation
                .guest_extension
                .as_ref()
                .map(|extension| extension.as_str().to_owned()),
            notes: reservation.notes.as_ref().map(ToString::to_string),
            notes_language: reservation
                .notes
                .as_ref()
                .and_then(|notes| notes.language())
                .map(|language| language.to_string()),
            language: reservation.language.to_string(),
            language_source: if reservation.language_guessed {
                "number".to_owned()
            } else {
                "request".to_owned()
            },
            country: reservation.country.as_ref().map(ToString::to_string),
            timezone: reservation.timezone.as_ref().map(ToString::to_string),
            opening_hours: reservation
                .opening_hours
                .as_ref()
                .map(|hours| hours.as_str().to_owned()),
            extension: reservation
                .extension
                .as_ref()
                .map(|extension| extension.as_str().to_owned()),
            alternatives: reservation.alternatives.map(|window| AlternativesView {
                earliest: time(window.earliest),
                latest: time(window.latest),
            }),
            not_before: reservation.not_before.map(Instant),
            give_up_at: Instant(reservation.give_up_at),
            attempts: reservation.attempts,
            voicemail: InlineWord(reservation.voicemail),
            callback_url: reservation
                .callback_url
                .as_ref()
                .map(|url| url.as_str().to_owned()),
        }
    }
}

impl AttemptView {
    fn of(attempt: &call::Attempt) -> Self {
        let status = match attempt.line {
            CarrierStatus::Asked => "asked",
            CarrierStatus::Unknown => "unknown",
            CarrierStatus::Queued => "queued",
            CarrierStatus::Initiated => "initiated",
            CarrierStatus::Ringing => "ringing",
            CarrierStatus::InProgress => "in_progress",
            CarrierStatus::Ended => "ended",
        };
        Self {
            number: attempt.number,
            sid: attempt.sid.map(|sid| sid.to_string()),
            status: ApiEnum(AttemptStatus(status)),
            ended_because: attempt.ended.map(ApiEnum),
            twilio_code: attempt.twilio_code,
            advice: attempt
                .twilio_code
                .map(|code| TwilioRefusal::of_code(code).advice())
                .or_else(|| attempt.ended.and_then(call::Ended::advice))
                .map(ToOwned::to_owned),
            twilio_status: attempt.how.map(ApiEnum),
            sip_code: attempt.sip_code,
            answered_by: attempt.machine.map(ApiEnum),
            started_at: Instant(attempt.started_at),
            answered_at: attempt.answered_at.map(Instant),
            ended_at: attempt.ended_at.map(Instant),
            duration_seconds: attempt.duration_seconds,
        }
    }
}

impl EntryView {
    fn of(entry: &call::TimelineEntry) -> Self {
        Self {
            at: Instant(entry.at),
            what: entry.what.word().to_owned(),
            detail: entry.what.detail(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::types::ToJSON;

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let call = crate::call::example::decided();
        let view = CallView::of(&call);
        assert_eq!(serde_json::to_value(&view).ok(), view.to_json());
        assert_eq!(view.to_json().unwrap()["outcome"], "confirmed");
    }
}
