//! What is put into a document for one call, piece by piece.

use jiff::civil::Time;

use super::RenderContext;
use super::language_pack::LanguagePack;
use super::message::{Condition as C, Conditions};
use super::number::{Numbers, write_extension};
use super::phrase::{Piece, Variable};
use super::spoken::Out;
use crate::call::position::Decision;
use crate::call::talk::{Apology, Goodbye, Opening, Reply, RepromptReason};
use crate::domain::{Country, Phone, Reservation};

/// Everything that a message can speak of.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageContent<'a> {
    pub(super) language_pack: &'a LanguagePack,
    pub(super) numbers: &'a Numbers,
    pub(super) reservation: Option<&'a Reservation>,
    pub(super) service: &'a str,
    pub(super) contact: Option<Phone>,
    pub(super) new_time: Option<Time>,
    pub(super) action: &'a str,
}

impl MessageContent<'_> {
    /// Writes pieces; gives back the milliseconds of silence among them.
    pub(super) fn write(&self, pieces: &[Piece], conditions: Conditions, out: &mut Out) -> u32 {
        let (mut silence, mut skip) = (0, 0);
        for piece in pieces {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            match piece {
                Piece::Text(text) => out.phrase(text),
                Piece::Value(variable) => self.value(*variable, out),
                Piece::Pause(ms) => silence += u32::from(*ms),
                Piece::When { condition, pieces } if !conditions.hold(*condition) => skip = *pieces,
                Piece::When { .. } => {}
            }
        }
        silence
    }

    fn value(&self, variable: Variable, out: &mut Out) {
        match variable {
            Variable::Action => out.exactly(self.action),
            Variable::Service => out.say(self.service),
            Variable::ContactPhone => self.phone(self.contact, out),
            Variable::NewTime => self.time(self.new_time, out),
            Variable::NewTimeAgain => self.time_again(self.new_time, out),
            Variable::Restaurant
            | Variable::Name
            | Variable::Day
            | Variable::Time
            | Variable::TimeAgain
            | Variable::Party
            | Variable::Count
            | Variable::GuestPhone
            | Variable::Notes
            | Variable::Earliest
            | Variable::Latest => {
                if let Some(reservation) = self.reservation {
                    self.fact(variable, reservation, out);
                }
            }
        }
    }

    fn fact(&self, variable: Variable, reservation: &Reservation, out: &mut Out) {
        match variable {
            Variable::Restaurant => out.say(
                reservation
                    .restaurant
                    .as_ref()
                    .map_or("", |name| name.as_str()),
            ),
            Variable::Name => out.say(reservation.name.as_str()),
            Variable::Notes => out.say(
                reservation
                    .notes
                    .as_ref()
                    .map_or("", |notes| notes.as_str()),
            ),
            Variable::Day => self
                .language_pack
                .calendar
                .write_day(reservation.time.date(), out),
            Variable::Time => self.time(Some(reservation.time.time()), out),
            Variable::TimeAgain => self.time_again(Some(reservation.time.time()), out),
            Variable::Party => {
                let said = self.language_pack.party(reservation.party_size.get());
                let _silence = self.write(said, Conditions::NONE, out);
            }
            Variable::Count => out.exactly(reservation.party_size.get().to_string().as_str()),
            Variable::GuestPhone => {
                self.phone(reservation.guest_phone, out);
                if let Some(extension) = &reservation.guest_extension {
                    write_extension(
                        extension.as_str(),
                        &self.language_pack.extension,
                        &mut out.text,
                    );
                }
            }
            Variable::Earliest => {
                self.time(reservation.alternatives.map(|times| times.earliest), out);
            }
            Variable::Latest => self.time(reservation.alternatives.map(|times| times.latest), out),
            Variable::Action
            | Variable::Service
            | Variable::ContactPhone
            | Variable::NewTime
            | Variable::NewTimeAgain => {}
        }
    }

    fn time(&self, time: Option<Time>, out: &mut Out) {
        if let Some(time) = time {
            self.language_pack.calendar.write_time(time, out);
        }
    }

    fn time_again(&self, time: Option<Time>, out: &mut Out) {
        if let Some(time) = time {
            self.language_pack.time_again.write(time, out);
        }
    }

    fn phone(&self, phone: Option<Phone>, out: &mut Out) {
        let country: Option<Country> = self.reservation.and_then(|reservation| reservation.country);
        if let Some(phone) = phone {
            self.numbers
                .write(phone, country, &self.language_pack.plus, &mut out.text);
        }
    }
}

/// What holds of the reservation, whatever is said of it.
pub(super) fn of_scene(render_context: &RenderContext<'_>) -> Conditions {
    let reservation = render_context.reservation;
    let restaurant = reservation.restaurant.is_some();
    of_contact(render_context.contact_phone)
        .with(C::RestaurantKnown, restaurant)
        .with(C::RestaurantUnknown, !restaurant)
        .with(C::GuestPhone, reservation.guest_phone.is_some())
        .with(C::Notes, reservation.notes.is_some())
        .with(C::Alternatives, reservation.alternatives.is_some())
}

/// What holds without any reservation.
pub(super) const fn of_contact(phone: Option<Phone>) -> Conditions {
    Conditions::NONE
        .with(C::ContactKnown, phone.is_some())
        .with(C::ContactUnknown, phone.is_none())
}

/// What holds besides because of the reply, and the time it speaks of.
pub(super) fn of_reply(
    reply: &Reply,
    render_context: &RenderContext<'_>,
) -> (Conditions, Option<Time>) {
    let known = of_scene(render_context);
    match *reply {
        Reply::Ask {
            opening: Opening::First | Opening::Again,
            ..
        }
        | Reply::HangUp => (known, None),
        Reply::Keys {
            because: RepromptReason::WrongKey,
            ..
        } => (known.with(C::WrongKey, true), None),
        Reply::Keys {
            because: RepromptReason::NotUnderstood,
            ..
        } => (known.with(C::NotUnderstood, true), None),
        Reply::Keys {
            because: RepromptReason::Back,
            ..
        } => (known.with(C::Back, true), None),
        Reply::Decided { decision, .. } => of_decision(known, decision, render_context.reservation),
        Reply::AskTime { again, .. } => (
            known.with(C::NextTry, again).with(C::FirstTry, !again),
            None,
        ),
        Reply::CheckTime { time, .. } => (known, Some(time)),
        Reply::AskOptOut { .. } | Reply::Called { .. } | Reply::Offer { .. } => (known, None),
        Reply::Goodbye(goodbye) => {
            let thanks = match goodbye {
                Goodbye::Decided => C::Thanks,
                Goodbye::NoKey => C::NoAnswer,
                Goodbye::OptedOut => C::OptedOut,
            };
            (known.with(thanks, true), None)
        }
        Reply::Apology(apology) => (of_apology(known, apology), None),
    }
}

/// Which sentences of apology hold.
pub(super) const fn of_apology(known: Conditions, apology: Apology) -> Conditions {
    match apology {
        Apology::Fault => known.with(C::Fault, true),
        Apology::Canceled => known.with(C::Canceled, true),
        Apology::Expired => known.with(C::Expired, true),
        // They asked us not to call, and hear us again: that is a fault of ours, too.
        Apology::OptedOut => known.with(C::Fault, true).with(C::OptedOut, true),
    }
}

fn of_decision(
    known: Conditions,
    decision: Decision,
    reservation: &Reservation,
) -> (Conditions, Option<Time>) {
    match decision {
        Decision::Accepted => (
            known.with(C::Accepted, true).with(C::MayDecline, true),
            None,
        ),
        Decision::Declined => (known.with(C::Declined, true).with(C::MayAccept, true), None),
        Decision::OtherTime(time) => {
            let fits = reservation
                .alternatives
                .is_some_and(|times| times.contains(time));
            let said = if fits { C::AcceptedAt } else { C::PassedOn };
            (known.with(said, true).with(C::MayDecline, true), Some(time))
        }
        Decision::OptedOut => (known.with(C::OptedOut, true), None),
    }
}
