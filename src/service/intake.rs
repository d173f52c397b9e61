//! Reads the JSON of a request into a reservation. Reports every wrong field at once, by name and
//! rule.

mod opening_hours;
mod fields;
mod numbers;

use fields::{Fields, Rule};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::domain::table_time::TimeError;
use crate::domain::text::TextError;
use crate::domain::{
    Alternatives, CallbackUrl, Country, Language, Name, Notes, Phone, PhoneFacts, Reservation,
    TableTime, Zone,
};
use crate::speech::Speech;
use numbers::{PhoneFields, read_extension, read_numbers, read_zone};

/// The fault of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Its name, as in `alternatives.earliest`.
    pub field: String,
    /// A stable code.
    pub code: &'static str,
    /// The rule that is broken, for people.
    pub message: String,
}

/// Values for the fields that a request leaves out.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The country in which national numbers are read.
    pub country: Option<Country>,
    /// The countries that may be rung; `None`: all. Toll-free numbers lie in these alone.
    pub allowed_countries: Option<Vec<Country>>,
    /// The number that rings for every call of this deployment.
    pub restaurant_phone: Option<Phone>,
    /// The zone of that restaurant, where the operator gave it.
    pub restaurant_timezone: Option<Zone>,
    /// The values of `callback_url` that can be served.
    pub callbacks: Callbacks,
    /// The languages that are shipped.
    pub languages: Vec<Language>,
}

/// The URLs that `callback_url` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callbacks {
    /// Nothing: there is no secret to sign events with.
    Refused,
    /// Public https URLs.
    Public,
    /// Private and http ones too.
    Any,
}

/// The code of a text that cannot be said.
const UNSAYABLE: &str = "unsayable";

/// Time for which a call is tried, unless the request says otherwise.
pub(super) const TRY_FOR: SignedDuration = SignedDuration::from_hours(24);
const FIELDS: [&str; 21] = [
    "name",
    "name_pronounced",
    "name_reading",
    "phone",
    "time",
    "party_size",
    "restaurant",
    "guest_phone",
    "notes",
    "notes_language",
    "language",
    "country",
    "timezone",
    "opening_hours",
    "extension",
    "alternatives",
    "not_before",
    "give_up_at",
    "attempts",
    "voicemail",
    "callback_url",
];

/// Reads a request. `speech` knows the language of a number and its country, and what its voice
/// can say.
///
/// # Errors
/// Everything that is wrong, each with its field.
pub fn reservation(
    request: &Map<String, Value>,
    defaults: &Defaults,
    speech: &Speech,
    now: Timestamp,
) -> Result<(Reservation, PhoneFacts), Vec<FieldError>> {
    let mut fields = Fields {
        request,
        prefix: "",
        errors: Vec::new(),
    };
    fields.refuse_unknown(&FIELDS);
    match read(&mut fields, defaults, speech, now) {
        Some(read) if fields.errors.is_empty() => Ok(read),
        Some(_) | None => Err(fields.errors),
    }
}

/// Reads all fields; `None`: one is missing without which there is no reservation.
fn read(
    fields: &mut Fields<'_>,
    defaults: &Defaults,
    speech: &Speech,
    now: Timestamp,
) -> Option<(Reservation, PhoneFacts)> {
    let name = read_name(fields);
    let numbers = read_numbers_of_country(fields, defaults);
    let time = fields.required("time", parse_time);
    let party_size = fields.party_size();
    let restaurant = fields.text("restaurant", parse_name);
    let notes = fields.text("notes", |text| {
        Notes::parse(text).map_err(|error| (error.code(), error))
    });
    let chosen = fields.language("language", &defaults.languages);
    let notes = read_notes_language(fields, notes, &defaults.languages);
    let place = read_zone(fields, numbers.as_ref(), defaults, now);
    let country = numbers.as_ref().and_then(|numbers| numbers.facts.country);
    let opening = opening_hours::read(fields, country, time, now);
    let extension = read_extension(fields, numbers.as_ref());
    let alternatives = read_alternatives(fields, time);
    let not_before = fields.instant("not_before");
    let give_up_at = fields.instant("give_up_at");
    let attempts = fields.attempts();
    let voicemail = fields.voicemail();
    let callback_url = read_callback(fields, defaults.callbacks);
    check_time(fields, time, numbers.is_some().then(|| place.zones()), now);
    let first_try = not_before.map_or(now, |at| at.max(now));
    check_give_up_at(fields, give_up_at, first_try);
    let (name, numbers, time, party_size) = (name?, numbers?, time?, party_size?);
    // Staff cannot confirm a table after its time; where several zones are possible, the last of
    // them counts.
    let latest = time.latest_instant(&place.zones());
    let tried_for_a_while = || {
        let opening = opening.as_ref().map(|(_, timetable)| timetable.clone());
        let first_ring = opening_hours::first_ring(opening, first_try, latest, &place.zones());
        clock::later(first_ring, TRY_FOR)
    };
    let give_up_at = give_up_at.unwrap_or_else(tried_for_a_while).min(latest);
    let language =
        chosen.unwrap_or_else(|| speech.default_for(Some(numbers.phone), numbers.facts.country));
    let reservation = Reservation {
        name,
        phone: numbers.phone,
        time,
        party_size,
        restaurant,
        guest_phone: numbers.guest.as_ref().map(|guest| guest.phone),
        notes,
        language,
        language_guessed: chosen.is_none(),
        country: numbers.facts.country,
        timezone: place.timezone,
        extension,
        alternatives,
        not_before,
        give_up_at,
        attempts,
        voicemail,
        callback_url,
        guest_extension: numbers.guest.and_then(|guest| guest.extension),
        opening_hours: opening.map(|(hours, _)| hours),
        accepts_offer_of: None,
    };
    check_scripts(fields, speech, &reservation);
    Some((reservation, numbers.facts))
}

/// The name with how it sounds, as far as that is given.
fn read_name(fields: &mut Fields<'_>) -> Option<Name> {
    let name = fields.required("name", parse_name);
    let sound = |text: &str| Name::parse_sound(text).map_err(|error| (error.code(), error));
    let pronounced = fields.text("name_pronounced", sound);
    let reading = fields.text("name_reading", sound);
    Some(name?.with_sound(pronounced.as_ref(), reading.as_ref()))
}

fn parse_name(text: &str) -> Result<Name, (&'static str, TextError)> {
    Name::parse(text).map_err(|error| (error.code(), error))
}

fn parse_time(text: &str) -> Result<TableTime, (&'static str, TimeError)> {
    let time = text.parse::<TableTime>();
    time.map_err(|error| (error.code(), error))
}

/// Holds the time of the table against the clocks that the restaurant can have; `None`: the number
/// could not be read, so it can have any.
fn check_time(
    fields: &mut Fields<'_>,
    time: Option<TableTime>,
    zones: Option<Vec<&str>>,
    now: Timestamp,
) {
    let judged = time.map(|time| match zones {
        Some(zones) => time.check(now, &zones),
        None => time.check_anywhere(now),
    });
    if let Some(Err(error)) = judged {
        fields.wrong("time", error.code(), error);
    }
}

fn check_give_up_at(fields: &mut Fields<'_>, give_up_at: Option<Timestamp>, first_try: Timestamp) {
    if give_up_at.is_some_and(|at| at <= first_try) {
        fields.wrong(
            "give_up_at",
            "too_early",
            "must be in the future and after `not_before`",
        );
    }
}

/// The numbers, with national ones read in the country that is given or, if none is, in the default
/// one. A number is not judged by the plan of a country that was not meant.
fn read_numbers_of_country(fields: &mut Fields<'_>, defaults: &Defaults) -> Option<PhoneFields> {
    let country = fields.parsed::<Country>("country", "unknown_country");
    if fields.is_given("country") && country.is_none() {
        let numbers = read_numbers(fields, None, defaults);
        fields.errors.retain(|error| error.code != "country_needed");
        return numbers;
    }
    read_numbers(fields, country.or(defaults.country), defaults)
}

/// The notes with the language they are said in, if it is given.
fn read_notes_language(
    fields: &mut Fields<'_>,
    notes: Option<Notes>,
    languages: &[Language],
) -> Option<Notes> {
    let Some(language) = fields.language("notes_language", languages) else {
        return notes;
    };
    if notes.is_none() && !fields.is_given("notes") {
        fields.wrong(
            "notes_language",
            "without_notes",
            "is the language of `notes`: send them too, or leave it out",
        );
    }
    notes.map(|notes| notes.in_language(language))
}

/// Refuses what the voice cannot say: it would leave it out, or name the letters one by one.
fn check_scripts(fields: &mut Fields<'_>, speech: &Speech, reservation: &Reservation) {
    const IN_SCRIPT: &str = "write it in the script of that language";
    let language = reservation.language;
    let mut refuse = |field, text: &str, language: Language, way_out: &str| {
        if let Some(script) = speech.foreign_script(language, text) {
            let message = format!(
                "is in a script ({script}) that the voice of {language} cannot say: {way_out}"
            );
            fields.wrong(field, UNSAYABLE, message);
        } else if !text.is_empty() && !Speech::can_say(text) {
            let message = "has no letter that a voice can say: write it in plain letters or words";
            fields.wrong(field, UNSAYABLE, message);
        }
    };
    let name = &reservation.name;
    match (name.pronounced(), name.reading()) {
        (None, None) => refuse(
            "name",
            name.as_str(),
            language,
            "send beside it how it sounds, in the script of that language, as `name_pronounced`",
        ),
        (pronounced, reading) => {
            let pronounced = pronounced.unwrap_or_default();
            refuse("name_pronounced", pronounced, language, IN_SCRIPT);
            refuse(
                "name_reading",
                reading.unwrap_or_default(),
                language,
                IN_SCRIPT,
            );
        }
    }
    let restaurant = reservation.restaurant.as_ref().map_or("", Name::as_str);
    refuse("restaurant", restaurant, language, IN_SCRIPT);
    if let Some(notes) = &reservation.notes {
        let way_out = "write them in the script of that language, or say which language they are in as `notes_language`";
        refuse(
            "notes",
            notes.as_str(),
            notes.language().unwrap_or(language),
            way_out,
        );
    }
}

fn read_alternatives(fields: &mut Fields<'_>, time: Option<TableTime>) -> Option<Alternatives> {
    let value = fields
        .request
        .get("alternatives")
        .filter(|value| !value.is_null())?;
    let Value::Object(object) = value else {
        fields.wrong(
            "alternatives",
            "wrong_type",
            "must be an object with `earliest` and `latest`",
        );
        return None;
    };
    let mut inner = Fields {
        request: object,
        prefix: "alternatives.",
        errors: Vec::new(),
    };
    inner.refuse_unknown(&["earliest", "latest"]);
    let mut read = |field| inner.required(field, |text| read_time_of_day(text, time));
    let (earliest, latest) = (read("earliest"), read("latest"));
    if let (Some(earliest), Some(latest)) = (earliest, latest)
        && earliest > latest
    {
        inner.wrong("latest", "out_of_order", "must not be before `earliest`");
    }
    fields.errors.append(&mut inner.errors);
    Some(Alternatives {
        earliest: earliest?,
        latest: latest?,
    })
}

/// A time of day, alone or with the date of the table.
fn read_time_of_day(text: &str, table: Option<TableTime>) -> Result<Time, Rule> {
    const NOT_A_TIME: Rule = (
        "not_a_time",
        "must be a local time such as 18:30, or with the date of the table",
    );
    if let Ok(full) = text.parse::<TableTime>() {
        let same_day = table.is_none_or(|table| table.date() == full.date());
        return if same_day {
            Ok(full.time())
        } else {
            Err(("other_day", "must be on the day of the table"))
        };
    }
    let (hour, minute) = text.split_once(':').ok_or(NOT_A_TIME)?;
    let number = |part: &str| {
        part.parse::<i8>()
            .ok()
            .filter(|_| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let (hour, minute) = number(hour).zip(number(minute)).ok_or(NOT_A_TIME)?;
    Time::new(hour, minute, 0, 0).map_err(|_| NOT_A_TIME)
}

fn read_callback(fields: &mut Fields<'_>, callbacks: Callbacks) -> Option<CallbackUrl> {
    if callbacks == Callbacks::Refused && fields.is_given("callback_url") {
        fields.wrong(
            "callback_url",
            "not_available",
            "is not offered here: no secret to sign events with is configured",
        );
        return None;
    }
    fields.text("callback_url", |text| {
        CallbackUrl::parse(text, callbacks == Callbacks::Any).map_err(|error| (error.code(), error))
    })
}

#[cfg(test)]
mod tests;
