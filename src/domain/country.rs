//! Countries and territories by their ISO 3166 alpha-2 code, as far as they have telephone numbers.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use serde::{Deserialize, Serialize};

/// An ISO 3166 alpha-2 code that has a telephone numbering plan, in capitals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Country([u8; 2]);

/// The text is not the code of a country that has telephone numbers. Inside: the code that was
/// probably meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an ISO 3166 alpha-2 country code such as {}",
    .0.map_or_else(|| "US".to_owned(), |meant| format!("{meant}, which is probably meant"))
)]
pub struct UnknownCountry(Option<&'static str>);

/// Codes that people use in place of those of ISO 3166: of the European Union, of number plates, of
/// sports, and of three letters.
const COMMON: [(&str, &str); 22] = [
    ("UK", "GB"),
    ("ENG", "GB"),
    ("SCO", "GB"),
    ("WAL", "GB"),
    ("GBR", "GB"),
    ("EL", "GR"),
    ("GRC", "GR"),
    ("USA", "US"),
    ("CAN", "CA"),
    ("MEX", "MX"),
    ("DEU", "DE"),
    ("GER", "DE"),
    ("FRA", "FR"),
    ("ESP", "ES"),
    ("ITA", "IT"),
    ("PRT", "PT"),
    ("NLD", "NL"),
    ("CHE", "CH"),
    ("AUT", "AT"),
    ("JPN", "JP"),
    ("BRA", "BR"),
    ("AUS", "AU"),
];

impl Country {
    /// The United States, the home of the simulator's numbers.
    pub const US: Self = Self(*b"US");

    /// The code in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Every country that has telephone numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        PHONE_NUMBER_UTIL
            .get_supported_regions()
            .filter_map(Self::of_region)
    }

    /// The same country in the words of the phone number library.
    #[must_use]
    pub(super) fn region(self) -> Option<Region> {
        Region::try_from(self.as_str()).ok()
    }

    fn has_numbers(self) -> bool {
        self.region().is_some_and(|region| {
            PHONE_NUMBER_UTIL
                .get_country_code_for_region(region)
                .is_some()
        })
    }

    /// The country of a region; `None` for "001", the numbers of no country.
    #[must_use]
    pub(super) fn of_region(region: Region) -> Option<Self> {
        // The library numbers its regions by the two letters of their code.
        std::str::from_utf8(&(region as u16).to_be_bytes())
            .ok()?
            .parse()
            .ok()
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        let country = upper.as_bytes().try_into().ok().map(Self);
        let known = country.filter(|country| {
            country.0.iter().all(u8::is_ascii_uppercase) && country.has_numbers()
        });
        known.ok_or_else(|| {
            let meant = COMMON.iter().find(|(common, _)| *common == upper);
            UnknownCountry(meant.map(|(_, code)| *code))
        })
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_either_case() {
        assert_eq!("us".parse(), Ok(Country::US));
        assert_eq!("GB".parse::<Country>().unwrap().as_str(), "GB");
    }

    #[test]
    fn what_is_no_country_is_refused() {
        for text in ["", "U", "USA", "QQ", "12", "001", "é"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_common_code_is_answered_with_the_right_one() {
        for (common, code) in COMMON {
            let error = common.parse::<Country>().unwrap_err();
            assert!(error.to_string().contains(code), "{error}");
            assert!(code.parse::<Country>().is_ok(), "{code}");
        }
    }
}
