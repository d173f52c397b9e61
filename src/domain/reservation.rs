//! The request as understood: everything about the table and about how it is to be asked for.

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::{
    CallId, CallbackUrl, Country, Extension, Language, Name, Notes, OfferedTime, OpeningHours,
    PartySize, Phone, TableTime, Zone, millis,
};

/// One table at one restaurant, and the terms on which we may ring for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The guest's name.
    pub name: Name,
    /// The number that rings.
    pub phone: Phone,
    /// The table's time on the restaurant's wall clock.
    pub time: TableTime,
    /// The number of guests.
    pub party_size: PartySize,
    /// The name of the place.
    pub restaurant: Option<Name>,
    /// The guest's own number, read out so that staff can write it down.
    pub guest_phone: Option<Phone>,
    /// Further wishes, for the staff.
    pub notes: Option<Notes>,
    /// The language of the call.
    pub language: Language,
    /// The country of `phone`; `None` for a number of no country.
    pub country: Option<Country>,
    /// Zone of the restaurant, if the guest said it or the number leaves no choice.
    pub timezone: Option<Zone>,
    /// Keys sent after pick-up.
    pub extension: Option<Extension>,
    /// Other times that would do.
    pub alternatives: Option<Alternatives>,
    /// The earliest first ring.
    #[serde(with = "millis::option")]
    pub not_before: Option<Timestamp>,
    /// Time at which to stop trying.
    #[serde(with = "millis")]
    pub give_up_at: Timestamp,
    /// Most attempts, 1 to 5.
    pub attempts: u8,
    /// The reaction to an answering machine.
    pub voicemail: VoicemailAction,
    /// Address to which events are sent.
    pub callback_url: Option<CallbackUrl>,
    /// The extension of the guest's own number, read out after it.
    #[serde(skip)]
    pub guest_extension: Option<Extension>,
    /// The language follows from the number and not from the request.
    #[serde(skip)]
    pub language_guessed: bool,
    /// Opening hours of the restaurant, if the client knows them.
    #[serde(skip)]
    pub opening_hours: Option<OpeningHours>,
    /// The call whose offered time this one takes.
    #[serde(skip)]
    pub accepts_offer_of: Option<CallId>,
}

impl Reservation {
    /// A table with nothing but what each needs: one attempt in English, with
    /// no end to the time in which it may be made.
    #[must_use]
    pub fn new(name: Name, phone: Phone, time: TableTime, party_size: PartySize) -> Self {
        Self {
            name,
            phone,
            time,
            party_size,
            restaurant: None,
            guest_phone: None,
            notes: None,
            language: Language::EN_US,
            country: None,
            timezone: None,
            extension: None,
            alternatives: None,
            not_before: None,
            give_up_at: Timestamp::MAX,
            attempts: 1,
            voicemail: VoicemailAction::HangUp,
            callback_url: None,
            guest_extension: None,
            language_guessed: false,
            opening_hours: None,
            accepts_offer_of: None,
        }
    }
}

/// The fields that a reservation has got since calls were first stored.
///
/// Tickets and records of an earlier version end without them, and an earlier version does not look
/// at what follows a reservation that it knows: so they stand at the end of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterFields {
    guest_extension: Option<Extension>,
    language_guessed: bool,
    opening_hours: Option<OpeningHours>,
    accepts_offer_of: Option<CallId>,
}

impl LaterFields {
    /// Those of a reservation.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            guest_extension: reservation.guest_extension.clone(),
            language_guessed: reservation.language_guessed,
            opening_hours: reservation.opening_hours.clone(),
            accepts_offer_of: reservation.accepts_offer_of,
        }
    }

    /// Reads them from the end of a ticket or record. An earlier version has written none, or the
    /// first of them alone.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        /// Takes one field from the front; its default where nothing is left.
        fn take<T: Default + for<'a> Deserialize<'a>>(bytes: &mut &[u8]) -> T {
            let (field, rest) = postcard::take_from_bytes(bytes).unwrap_or_default();
            *bytes = rest;
            field
        }
        let rest = &mut { bytes };
        Self {
            guest_extension: take(rest),
            language_guessed: take(rest),
            opening_hours: take(rest),
            accepts_offer_of: take(rest),
        }
    }

    /// Puts them into the reservation that stood before them.
    pub fn complete(self, reservation: &mut Reservation) {
        reservation.guest_extension = self.guest_extension;
        reservation.language_guessed = self.language_guessed;
        reservation.opening_hours = self.opening_hours;
        reservation.accepts_offer_of = self.accepts_offer_of;
    }
}

/// The window of other acceptable times, on the day of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternatives {
    /// The earliest time.
    #[serde(with = "minute")]
    pub earliest: Time,
    /// The latest time.
    #[serde(with = "minute")]
    pub latest: Time,
}

/// The reaction to an answering machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailAction {
    /// Say nothing and try again later.
    #[default]
    HangUp,
    /// Leave one short message with the number to call back.
    LeaveMessage,
}

impl Alternatives {
    /// Returns whether a time the restaurant offers is one the guest allowed.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        (self.earliest..=self.latest).contains(&time)
    }
}

impl Reservation {
    /// Returns whether the table is booked with an offered time: the guest wished for it, or
    /// allowed it on the same day.
    #[must_use]
    pub fn allows(&self, offered: OfferedTime) -> bool {
        let is_allowed = |alternatives: Alternatives| alternatives.contains(offered.time);
        offered.is_same_day()
            && (offered.time == self.time.time() || self.alternatives.is_some_and(is_allowed))
    }

    /// Returns whether another request asks for the very same table.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        (
            self.phone,
            self.guest_phone,
            self.name.canonical(),
            self.time,
            self.party_size,
        ) == (
            other.phone,
            other.guest_phone,
            other.name.canonical(),
            other.time,
            other.party_size,
        )
    }
}

/// A time of day as minutes since midnight.
mod minute {
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        (i16::from(time.hour()) * 60 + i16::from(time.minute())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Time, D::Error> {
        let minutes = i16::deserialize(deserializer)?;
        let (hour, minute) = (i8::try_from(minutes / 60), i8::try_from(minutes % 60));
        let (hour, minute) = (
            hour.map_err(de::Error::custom)?,
            minute.map_err(de::Error::custom)?,
        );
        Time::new(hour, minute, 0, 0).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_each_earlier_version_are_read() {
        let extension: Option<Extension> = "12".parse().ok();
        let written = LaterFields {
            guest_extension: extension.clone(),
            language_guessed: true,
            opening_hours: "Tu-Su 12:00-14:30".parse().ok(),
            accepts_offer_of: Some(CallId::from_bytes([7; 16])),
        };
        let bytes = postcard::to_allocvec(&written).unwrap();
        assert_eq!(LaterFields::read(&bytes), written);
        let before = postcard::to_allocvec(&(extension, true)).unwrap();
        let read = LaterFields::read(&before);
        assert_eq!(
            read,
            LaterFields {
                opening_hours: None,
                accepts_offer_of: None,
                ..written
            }
        );
        assert_eq!(LaterFields::read(&[]), LaterFields::default());
    }
}
