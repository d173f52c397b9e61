//! The values that are put into a document for one call.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

use super::RenderContext;
use super::calendar::SaidDay;
use super::condition::{Condition as C, Conditions};
use super::estimate::{DocumentPart, SpokenLength};
use super::language_pack::LanguagePack;
use super::number::{SpokenNumbers, write_extension};
use super::phrase::{Piece, Variable};
use super::spoken::Out;
use super::time_saying::TimeForm;
use crate::call::Decision;
use crate::call::talk::{Apology, Goodbye, Opening, Reply, RepromptReason, TimePrompt};
use crate::domain::{Country, Name, OfferedTime, Phone, Reservation};

/// Before this hour a table is in the night that began the day before.
const MORNING: i8 = 5;

/// From here on a day is said with its year: next year's third of May, asked for in April, is not
/// to be taken for this year's.
const FAR_MONTHS: i64 = 11;

/// The tags around what is said slowly.
const SLOW: (&str, &str) = (r#"<prosody rate="slow">"#, "</prosody>");

/// Everything that a message can speak of.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageContent<'a> {
    pub(super) language_pack: &'a LanguagePack,
    pub(super) numbers: &'a SpokenNumbers,
    pub(super) reservation: Option<&'a Reservation>,
    /// The language of the notes, if it is another.
    pub(super) notes_pack: Option<&'a LanguagePack>,
    pub(super) service: &'a str,
    pub(super) contact: Option<Phone>,
    pub(super) new_time: Option<OfferedTime>,
    /// Day and time where it is heard, if they are known.
    pub(super) local_time: Option<DateTime>,
}

/// The lengths of the parts of a document; `None` where it has no such part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartLengths {
    pub(super) facts: Option<SpokenLength>,
    pub(super) question: Option<SpokenLength>,
}

impl MessageContent<'_> {
    /// Writes pieces; gives back the lengths of their parts.
    pub(super) fn write(
        &self,
        pieces: &[Piece],
        conditions: Conditions,
        out: &mut Out,
    ) -> PartLengths {
        let (mut lengths, mut skip) = (PartLengths::default(), 0);
        for piece in pieces {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            match piece {
                Piece::Text { text, length } => {
                    out.phrase(text);
                    out.length.add(*length);
                }
                Piece::Value(variable) => {
                    let begin = out.begins_sentence().then_some(out.text.len());
                    self.value(*variable, out);
                    if let Some(begin) = begin.filter(|_| variable.is_ours()) {
                        out.capitalize(begin);
                    }
                }
                Piece::End(DocumentPart::Facts) => lengths.facts = Some(out.length),
                Piece::End(DocumentPart::Question) => lengths.question = Some(out.length),
                Piece::When { condition, pieces } if !conditions.hold(*condition) => skip = *pieces,
                Piece::When { .. } => {}
            }
        }
        lengths
    }

    /// Milliseconds that words and pauses take; words that are said slowly take a quarter longer.
    pub(super) const fn milliseconds(&self, length: SpokenLength, slowly: bool) -> u32 {
        let spoken = self.language_pack.pace.milliseconds(length.quarters);
        let slower = if slowly { spoken / 4 } else { 0 };
        spoken.saturating_add(slower).saturating_add(length.silence)
    }

    fn value(&self, variable: Variable, out: &mut Out) {
        match variable {
            Variable::Action => out.leave_out_action(),
            Variable::Service => self.name(self.service, out),
            Variable::ContactPhone => self.phone(self.contact, out),
            Variable::Hello => out.exactly(self.language_pack.hello(self.local_time)),
            Variable::NewTime => self.time(TimeForm::Words, self.offered(), out),
            Variable::AtNewTime => self.time(TimeForm::At, self.offered(), out),
            Variable::NewTimeTwice => self.time_twice(self.offered(), out),
            Variable::Restaurant
            | Variable::Name
            | Variable::NameSpelled
            | Variable::Day
            | Variable::Time
            | Variable::AtTime
            | Variable::TimeTwice
            | Variable::Party
            | Variable::PartyEcho
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

    /// Returns whether who hears a day without its year could take it for one that comes sooner.
    fn is_far(&self, date: Date) -> bool {
        self.local_time
            .and_then(|now| now.date().checked_add(FAR_MONTHS.months()).ok())
            .is_some_and(|far| date >= far)
    }

    fn fact(&self, variable: Variable, reservation: &Reservation, out: &mut Out) {
        match variable {
            Variable::Restaurant => {
                let restaurant = reservation.restaurant.as_ref();
                self.name(restaurant.map_or("", |name| name.as_str()), out);
            }
            Variable::Name => {
                let name = &reservation.name;
                self.name(name.pronounced().unwrap_or(name.as_str()), out);
            }
            Variable::NameSpelled => out.say(&self.spelled(&reservation.name)),
            Variable::Notes => {
                let notes = reservation.notes.as_ref();
                self.notes(notes.map_or("", |notes| notes.as_str()), out);
            }
            Variable::Day => {
                let table = match self.new_time {
                    Some(offered) => reservation.time.at(offered),
                    None => reservation.time,
                };
                let date = table.date();
                let day = SaidDay {
                    date,
                    after_midnight: table.time().hour() < MORNING,
                    with_year: self.is_far(date),
                };
                self.language_pack.calendar.write_day(day, out);
            }
            Variable::Time => self.time(TimeForm::Words, Some(reservation.time.time()), out),
            Variable::AtTime => self.time(TimeForm::At, Some(reservation.time.time()), out),
            Variable::TimeTwice => self.time_twice(Some(reservation.time.time()), out),
            Variable::Party => out.exactly(self.language_pack.party(reservation.party_size.get())),
            Variable::PartyEcho => {
                out.exactly(self.language_pack.party_echo(reservation.party_size.get()));
            }
            Variable::GuestPhone => {
                self.phone(reservation.guest_phone, out);
                if let Some(extension) = &reservation.guest_extension {
                    write_extension(extension.as_str(), &self.language_pack.extension, out);
                }
            }
            Variable::Earliest => {
                let earliest = reservation.alternatives.map(|times| times.earliest);
                self.time(TimeForm::Between, earliest, out);
            }
            Variable::Latest => {
                let latest = reservation.alternatives.map(|times| times.latest);
                self.time(TimeForm::Between, latest, out);
            }
            Variable::Action
            | Variable::Service
            | Variable::Hello
            | Variable::ContactPhone
            | Variable::NewTime
            | Variable::AtNewTime
            | Variable::NewTimeTwice => {}
        }
    }

    fn name(&self, name: &str, out: &mut Out) {
        if self.language_pack.elision {
            out.elide_before(name);
        }
        out.say(name);
    }

    /// The name as it is to be written, or as it is read, letter by letter.
    pub(super) fn spelled(&self, name: &Name) -> String {
        let spelling = &self.language_pack.spelling;
        let ways = [name.reading(), Some(name.as_str()), name.pronounced()];
        let spelled = ways.into_iter().flatten().map(|way| spelling.spell(way));
        spelled
            .into_iter()
            .find(|spelled| !spelled.is_empty())
            .unwrap_or_default()
    }

    /// Notes in another language are said by its voice, in a `Say` of their own.
    fn notes(&self, notes: &str, out: &mut Out) {
        let Some(other) = self.notes_pack.filter(|_| out.is_document()) else {
            return out.say(notes);
        };
        let is_slow = out.text.rfind(SLOW.0) > out.text.rfind(SLOW.1);
        let (open, close) = if is_slow { SLOW } else { ("", "") };
        for tag in [close, "</Say>", &*other.say, open] {
            out.text.push_str(tag);
        }
        out.say(notes);
        for tag in [close, "</Say>", &*self.language_pack.say, open] {
            out.text.push_str(tag);
        }
    }

    /// The time of day that staff offer.
    fn offered(&self) -> Option<Time> {
        self.new_time.map(|offered| offered.time)
    }

    fn time(&self, form: TimeForm, time: Option<Time>, out: &mut Out) {
        if let Some(time) = time {
            self.language_pack.time.write(form, time, out);
        }
    }

    fn time_twice(&self, time: Option<Time>, out: &mut Out) {
        if let Some(time) = time {
            self.language_pack.time.write_twice(time, out);
        }
    }

    fn phone(&self, phone: Option<Phone>, out: &mut Out) {
        let country: Option<Country> = self.reservation.and_then(|reservation| reservation.country);
        if let Some(phone) = phone {
            self.numbers.write(phone, country, self.language_pack, out);
        }
    }
}

/// The conditions that the reservation meets.
pub(super) fn of_scene(render_context: &RenderContext<'_>) -> Conditions {
    let reservation = render_context.reservation;
    let restaurant = reservation.restaurant.is_some();
    let accepts = reservation.accepts_offer_of.is_some();
    of_contact(render_context.contact_phone)
        .with(C::RestaurantKnown, restaurant && !accepts)
        .with(C::RestaurantUnknown, !restaurant && !accepts)
        .with(C::OfferAccepted, accepts)
        .with(C::GuestPhone, reservation.guest_phone.is_some())
        .with(C::Notes, reservation.notes.is_some())
        .with(C::Alternatives, reservation.alternatives.is_some())
}

/// The conditions without a reservation.
pub(super) const fn of_contact(phone: Option<Phone>) -> Conditions {
    Conditions::NONE
        .with(C::ContactKnown, phone.is_some())
        .with(C::ContactUnknown, phone.is_none())
}

/// The further conditions that a reply meets, and the time that it names.
pub(super) fn of_reply(
    reply: &Reply,
    render_context: &RenderContext<'_>,
) -> (Conditions, Option<OfferedTime>) {
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
        Reply::Keys {
            because: RepromptReason::SeveralKeys,
            ..
        } => (known.with(C::SeveralKeys, true), None),
        Reply::BeSure { time, .. } => (known, time),
        Reply::Decided { decision, .. } => of_decision(known, decision, render_context.reservation),
        Reply::AskTime { because, .. } => {
            let known = known
                .with(C::NotATime, because == TimePrompt::NotATime)
                .with(C::NextTry, because != TimePrompt::First)
                .with(C::FirstTry, because == TimePrompt::First);
            (known, None)
        }
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

/// The sentences of apology that hold.
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
) -> (Conditions, Option<OfferedTime>) {
    match decision {
        Decision::Accepted => (
            known.with(C::Accepted, true).with(C::MayDecline, true),
            None,
        ),
        Decision::Declined => (known.with(C::Declined, true).with(C::MayAccept, true), None),
        Decision::OtherTime(time) => {
            let said = if reservation.allows(time) {
                C::AcceptedAt
            } else if time.is_same_day() {
                C::PassedOn
            } else {
                C::PassedOnDay
            };
            (known.with(said, true).with(C::MayDecline, true), Some(time))
        }
        Decision::OptedOut => (known.with(C::OptedOut, true), None),
        Decision::Withdrawn => (known, None),
    }
}
