//! The phone numbers of a request, and the time zone of the restaurant.

use jiff::Timestamp;

use super::Defaults;
use super::fields::Fields;
use crate::domain::phone::Written;
use crate::domain::{Country, Extension, Phone, PhoneFacts, Zone, zones};

/// The numbers in `phone` and `guest_phone`.
pub(super) struct PhoneFields {
    /// The restaurant's number.
    pub(super) phone: Phone,
    pub(super) facts: PhoneFacts,
    /// The extension that was written behind it.
    pub(super) extension: Option<Extension>,
    pub(super) guest: Option<Written>,
}

/// The restaurant's number and the guest's. Where one restaurant has its own deployment, `phone` is
/// the guest's.
pub(super) fn read_numbers(
    fields: &mut Fields<'_>,
    country: Option<Country>,
    defaults: &Defaults,
) -> Option<PhoneFields> {
    let rung = |text: &str| Phone::read(text, country).map_err(|error| (error.code(), error));
    let aloud =
        |text: &str| Phone::read_aloud(text, country).map_err(|error| (error.code(), error));
    let Some(restaurant) = defaults.restaurant_phone else {
        let phone = fields.required("phone", rung);
        let guest = fields.text("guest_phone", aloud);
        let phone = phone?;
        return Some(PhoneFields {
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
    Some(PhoneFields {
        phone: restaurant,
        facts: restaurant.facts()?,
        extension: None,
        guest: Some(guest?),
    })
}

/// The keys that are sent after pick-up: those of `extension`, or else what was written behind the
/// number.
pub(super) fn read_extension(
    fields: &mut Fields<'_>,
    numbers: Option<&PhoneFields>,
) -> Option<Extension> {
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

/// Zone of the restaurant, as far as it is known.
#[derive(Default)]
pub(super) struct RestaurantZone {
    /// The zone, where it is known.
    pub(super) timezone: Option<Zone>,
    /// The zones that are possible otherwise.
    pub(super) possible: Vec<&'static str>,
}

impl RestaurantZone {
    pub(super) fn zones(&self) -> Vec<&str> {
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
pub(super) fn read_zone(
    fields: &mut Fields<'_>,
    numbers: Option<&PhoneFields>,
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
        "is not a zone of this number's country: leave it out, or give one of the country such as {}",
        shown.join(", ")
    );
    fields.wrong("timezone", "timezone_mismatch", message);
    RestaurantZone::default()
}
