//! Reads the JSON of a request into a reservation. Reports every wrong field at once, by name and
//! rule.

use std::fmt::Display;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::domain::{
    Alternatives, CallbackUrl, Country, Extension, Language, Name, Notes, PartySize, Phone,
    PhoneFacts, Reservation, TableTime, VoicemailAction, Zone, phone::Written, zones,
};
use crate::speech::Speech;

mod opening_hours;

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
    /// Whether `callback_url` can be served.
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

/// How long a call is tried for, unless the request says otherwise.
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
    let name = fields.required("name", |text| {
        Name::parse(text).map_err(|error| (error.code(), error))
    });
    let sound = |text: &str| Name::parse_sound(text).map_err(|error| (error.code(), error));
    let pronounced = fields.text("name_pronounced", sound);
    let reading = fields.text("name_reading", sound);
    let country = fields.parsed::<Country>("country", "unknown_country");
    let numbers = read_numbers(&mut fields, country.or(defaults.country), defaults);
    let time = fields.required("time", |text| {
        text.parse::<TableTime>()
            .map_err(|error| (error.code(), error))
    });
    let party_size = fields.party_size();
    let restaurant = fields.text("restaurant", |text| {
        Name::parse(text).map_err(|error| (error.code(), error))
    });
    let notes = fields.text("notes", |text| {
        Notes::parse(text).map_err(|error| (error.code(), error))
    });
    let chosen = fields.language("language", &defaults.languages);
    let notes = read_notes_language(&mut fields, notes, &defaults.languages);
    let place = read_zone(&mut fields, numbers.as_ref(), defaults, now);
    let country = numbers.as_ref().and_then(|numbers| numbers.facts.country);
    let opening = opening_hours::read(&mut fields, country, time, now);
    let extension = read_extension(&mut fields, numbers.as_ref());
    let alternatives = read_alternatives(&mut fields, time);
    let not_before = fields.parsed::<Timestamp>("not_before", "not_an_instant");
    let give_up_at = fields.parsed::<Timestamp>("give_up_at", "not_an_instant");
    let attempts = fields.attempts();
    let voicemail = fields.voicemail();
    let callback_url = read_callback(&mut fields, defaults.callbacks);
    if let (Some(_), Some(time)) = (&numbers, time)
        && let Err(error) = time.check(now, &place.zones())
    {
        fields.wrong("time", error.code(), error);
    }
    let later = not_before.map_or(now, |at| at.max(now));
    if give_up_at.is_some_and(|at| at <= later) {
        fields.wrong(
            "give_up_at",
            "too_early",
            "must be in the future and after `not_before`",
        );
    }
    let (Some(name), Some(numbers), Some(time), Some(party_size)) =
        (name, numbers, time, party_size)
    else {
        return Err(fields.errors);
    };
    // Staff cannot confirm a table after its time; where several zones are possible, the last of
    // them counts.
    let latest = time.latest_instant(&place.zones());
    let give_up_at = give_up_at
        .unwrap_or_else(|| {
            let opening = opening.as_ref().map(|(_, timetable)| timetable.clone());
            let later = opening_hours::first_ring(opening, later, latest, &place.zones());
            later.saturating_add(TRY_FOR).unwrap_or(latest)
        })
        .min(latest);
    let language =
        chosen.unwrap_or_else(|| speech.default_for(Some(numbers.phone), numbers.facts.country));
    let name = name.with_sound(pronounced.as_ref(), reading.as_ref());
    check_scripts(
        &mut fields,
        speech,
        language,
        &name,
        restaurant.as_ref(),
        notes.as_ref(),
    );
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
    if fields.errors.is_empty() {
        Ok((reservation, numbers.facts))
    } else {
        Err(fields.errors)
    }
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
fn check_scripts(
    fields: &mut Fields<'_>,
    speech: &Speech,
    language: Language,
    name: &Name,
    restaurant: Option<&Name>,
    notes: Option<&Notes>,
) {
    let mut refuse = |field, text: &str, language: Language, way_out: &str| {
        if let Some(script) = speech.foreign_script(language, text) {
            let message = format!(
                "is in a script ({script}) that the voice of {language} cannot say: {way_out}"
            );
            fields.wrong(field, UNSAYABLE, message);
        }
    };
    match (name.pronounced(), name.reading()) {
        (None, None) => refuse(
            "name",
            name.as_str(),
            language,
            "send beside it how it sounds, in the script of that language, as `name_pronounced`",
        ),
        (pronounced, reading) => {
            let write = "write it in the script of that language";
            refuse(
                "name_pronounced",
                pronounced.unwrap_or_default(),
                language,
                write,
            );
            refuse("name_reading", reading.unwrap_or_default(), language, write);
        }
    }
    let restaurant = restaurant.map_or("", Name::as_str);
    refuse(
        "restaurant",
        restaurant,
        language,
        "write it in the script of that language",
    );
    if let Some(notes) = notes {
        let way_out = "write them in the script of that language, or say which language they are in as `notes_language`";
        refuse(
            "notes",
            notes.as_str(),
            notes.language().unwrap_or(language),
            way_out,
        );
    }
}

/// The numbers in `phone` and `guest_phone`.
struct Numbers {
    /// The restaurant's number.
    phone: Phone,
    facts: PhoneFacts,
    /// The extension that was written behind it.
    extension: Option<Extension>,
    guest: Option<Written>,
}

/// The restaurant's number and the guest's. Where one restaurant has its own deployment, `phone` is
/// the guest's.
fn read_numbers(
    fields: &mut Fields<'_>,
    country: Option<Country>,
    defaults: &Defaults,
) -> Option<Numbers> {
    let rung = |text: &str| Phone::read(text, country).map_err(|error| (error.code(), error));
    let aloud =
        |text: &str| Phone::read_aloud(text, country).map_err(|error| (error.code(), error));
    let Some(restaurant) = defaults.restaurant_phone else {
        let phone = fields.required("phone", rung);
        let guest = fields.text("guest_phone", aloud);
        let phone = phone?;
        return Some(Numbers {
            phone: phone.phone,
            facts: phone.facts?,
            extension: phone.extension,
            guest,
        });
    };
    let guest = fields.required("phone", aloud);
    if fields.request.contains_key("guest_phone") {
        fields.wrong(
            "guest_phone",
            "not_allowed",
            "must be left out here: `phone` is the guest's own number",
        );
    }
    Some(Numbers {
        phone: restaurant,
        facts: restaurant.facts()?,
        extension: None,
        guest: Some(guest?),
    })
}

/// The keys that are sent after pick-up: those of `extension`, or else what was written behind the
/// number.
fn read_extension(fields: &mut Fields<'_>, numbers: Option<&Numbers>) -> Option<Extension> {
    let given = fields.parsed::<Extension>("extension", "invalid_extension");
    let written = numbers.and_then(|numbers| numbers.extension.as_ref());
    match (given, written) {
        (Some(_), Some(written)) => {
            let message = format!(
                "must be left out where `phone` ends in an extension, here {}: give it once",
                written.as_str()
            );
            fields.wrong("extension", "extension_twice", message);
            None
        }
        (given, written) => given.or_else(|| written.cloned()),
    }
}

/// Where the restaurant is, as far as it is known.
#[derive(Default)]
struct RestaurantZone {
    /// The zone, where it is known.
    timezone: Option<Zone>,
    /// The zones that are possible otherwise.
    possible: Vec<&'static str>,
}

impl RestaurantZone {
    fn zones(&self) -> Vec<&str> {
        match &self.timezone {
            Some(zone) => vec![zone.as_str()],
            None => self.possible.clone(),
        }
    }
}

/// The most zones that a message names.
const SHOWN_ZONES: usize = 8;

/// Reads `timezone`. It must be one of the country's, or keep the clock of one in which the number
/// can lie. Without it the number decides, if all its zones keep one clock.
fn read_zone(
    fields: &mut Fields<'_>,
    numbers: Option<&Numbers>,
    defaults: &Defaults,
    now: Timestamp,
) -> RestaurantZone {
    let chosen = fields.parsed::<Zone>("timezone", "unknown_timezone");
    let Some(numbers) = numbers else {
        return RestaurantZone::default();
    };
    let allowed = defaults.allowed_countries.as_deref();
    let possible = zones::of_number(numbers.phone, numbers.facts, allowed);
    let known = &defaults.restaurant_timezone;
    let Some(zone) = chosen else {
        let possible = zones::distinct(&possible, now);
        let only = match *possible {
            [only] => only.parse().ok(),
            _ => None,
        };
        return RestaurantZone {
            timezone: known.clone().or(only),
            possible,
        };
    };
    let is_accepted = match known {
        Some(known) => {
            zones::is_same_zone(zone.as_str(), known.as_str())
                || zones::keep_one_clock(zone.as_str(), known.as_str(), now)
        }
        None => zones::may_be_named(zone.as_str(), numbers.phone, numbers.facts, allowed, now),
    };
    if is_accepted {
        return RestaurantZone {
            timezone: Some(zone),
            possible: Vec::new(),
        };
    }
    let mut shown = match known {
        Some(known) => vec![known.as_str()],
        None => zones::distinct(&possible, now),
    };
    shown.truncate(SHOWN_ZONES);
    let message = format!(
        "is not a zone of this number's country; the number can lie in {}",
        shown.join(", ")
    );
    fields.wrong("timezone", "timezone_mismatch", message);
    RestaurantZone::default()
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

type Rule = (&'static str, &'static str);

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

/// Reads fields and remembers what is wrong with them.
struct Fields<'a> {
    request: &'a Map<String, Value>,
    prefix: &'static str,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    fn wrong(&mut self, field: &str, code: &'static str, message: impl Display) {
        self.errors.push(FieldError {
            field: format!("{}{field}", self.prefix),
            code,
            message: message.to_string(),
        });
    }

    fn refuse_unknown(&mut self, known: &[&str]) {
        for field in self
            .request
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
            .take(20)
        {
            // The name is the caller's own text: shown to them, cut short, and never logged.
            let shown: String = field.chars().take(40).collect();
            self.wrong(&shown, "unknown_field", "is not a field of this request");
        }
    }

    fn is_given(&self, field: &str) -> bool {
        self.request
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    fn given(&mut self, field: &str) -> Option<&'a str> {
        match self.request.get(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong(field, "wrong_type", "must be a string");
                None
            }
        }
    }

    fn text<T, E: Display>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Result<T, (&'static str, E)>,
    ) -> Option<T> {
        let text = self.given(field)?;
        read(text)
            .map_err(|(code, error)| self.wrong(field, code, error))
            .ok()
    }

    fn required<T, E: Display>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Result<T, (&'static str, E)>,
    ) -> Option<T> {
        if !self.is_given(field) {
            self.wrong(field, "required", "is required");
        }
        self.text(field, read)
    }

    fn parsed<T>(&mut self, field: &str, code: &'static str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: Display,
    {
        self.text(field, |text| {
            text.parse().map_err(|error: T::Err| (code, plain(&error)))
        })
    }

    /// A language that is shipped.
    fn language(&mut self, field: &str, known: &[Language]) -> Option<Language> {
        let chosen = self.parsed::<Language>(field, "unknown_language")?;
        if known.contains(&chosen) {
            return Some(chosen);
        }
        let known: Vec<&str> = known.iter().map(Language::as_str).collect();
        let message = format!("must be one of {}", known.join(", "));
        self.wrong(field, "unknown_language", message);
        None
    }

    fn party_size(&mut self) -> Option<PartySize> {
        match self.request.get("party_size") {
            None | Some(Value::Null) => self.wrong("party_size", "required", "is required"),
            Some(value) => match whole(value).map(PartySize::try_from) {
                Some(Ok(size)) => return Some(size),
                Some(Err(error)) => self.wrong("party_size", "out_of_range", error),
                None if value.is_number() => {
                    self.wrong(
                        "party_size",
                        "out_of_range",
                        "must be a whole number from 1 to 99",
                    );
                }
                None => self.wrong("party_size", "wrong_type", "must be a whole number"),
            },
        }
        None
    }

    fn attempts(&mut self) -> u8 {
        match self.request.get("attempts") {
            None | Some(Value::Null) => {}
            Some(value) => match whole(value).and_then(|number| u8::try_from(number).ok()) {
                Some(number @ 1..=5) => return number,
                _ if value.is_number() => self.wrong(
                    "attempts",
                    "out_of_range",
                    "must be a whole number from 1 to 5",
                ),
                _ => self.wrong("attempts", "wrong_type", "must be a whole number"),
            },
        }
        3
    }

    fn voicemail(&mut self) -> VoicemailAction {
        let read = |text: &str| match text {
            "hang_up" => Ok(VoicemailAction::HangUp),
            "leave_message" => Ok(VoicemailAction::LeaveMessage),
            _ => Err(("unknown_value", "must be `hang_up` or `leave_message`")),
        };
        self.text("voicemail", read).unwrap_or_default()
    }
}

/// A whole number, also where it is written with a fraction of zero: JSON knows no difference
/// between 4 and 4.0.
fn whole(value: &Value) -> Option<i64> {
    /// Above it not every whole number is one of `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
    })
}

/// Our own errors speak for themselves; the one of jiff is about its parser.
fn plain(error: &impl Display) -> String {
    let text = error.to_string();
    if text.starts_with("must ") {
        text
    } else {
        "must be an instant such as 2026-12-04T09:00:00Z".to_owned()
    }
}

#[cfg(test)]
mod tests;
