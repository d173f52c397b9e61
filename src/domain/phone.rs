//! Phone numbers: E.164 inside, and what libphonenumber's data says about them.
//!
//! The decision whether a number may be rung is made in `policy`.

mod error;
mod kind;
mod known;
mod letters;
mod links;
mod read;

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Country;
use known::KnownFacts;

pub use error::PhoneError;
pub use kind::LineKind;
pub use read::Written;

/// A telephone number in E.164: at most 15 digits after the plus.
///
/// The digits are kept as a number: a country calling code never begins with 0, so nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(u64);

/// Facts of the numbering plan about a valid number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneFacts {
    /// The country; `None` for numbers of no country, such as +800.
    pub country: Option<Country>,
    /// The kind of line.
    pub kind: LineKind,
}

impl Phone {
    /// Reads E.164, or a national form as it is dialled in `country`, without an extension.
    ///
    /// # Errors
    /// Says why the text is no valid number.
    pub fn parse(text: &str, country: Option<Country>) -> Result<(Self, PhoneFacts), PhoneError> {
        let written = Self::read(text, country)?;
        match (written.extension, written.facts) {
            (Some(_), _) => Err(PhoneError::Extension),
            (None, Some(facts)) => Ok((written.phone, facts)),
            (None, None) => Err(PhoneError::NotAssigned),
        }
    }

    /// Reads a number that is to be rung, as people write it: E.164, a national form as it is
    /// dialled in `country`, a `tel:` URI, with letters for keys or an extension behind it.
    ///
    /// # Errors
    /// Says why the text is no valid number. Nothing of it is dropped in silence.
    pub fn read(text: &str, country: Option<Country>) -> Result<Written, PhoneError> {
        if let Some((phone, facts)) = Self::plain(text.trim()) {
            return Ok(Written {
                phone,
                facts: Some(facts),
                extension: None,
            });
        }
        read::read(text, country, read::Accept::Assigned)
    }

    /// Reads a number that is only read aloud: it must have a possible length, but need not have
    /// been handed out.
    ///
    /// # Errors
    /// Says why the text is no number of a possible length.
    pub fn read_aloud(text: &str, country: Option<Country>) -> Result<Written, PhoneError> {
        read::read(text, country, read::Accept::Possible)
    }

    /// The usual case, a valid number in plain E.164, in a quarter of the time that the library's
    /// reading takes: there is nothing to read, only to judge.
    fn plain(text: &str) -> Option<(Self, PhoneFacts)> {
        let phone = Self::from_e164(text)?;
        Some((phone, phone.facts()?))
    }

    /// Takes E.164 as it stands, without asking the numbering plan: for numbers that were parsed
    /// before.
    #[must_use]
    pub fn from_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let plain = (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if plain && !digits.starts_with('0') {
            digits.parse().ok().map(Self)
        } else {
            None
        }
    }

    /// Reads a number in international form as it stands, for one whose length no plan has any more:
    /// 7 to 15 digits, spaces and punctuation between them.
    #[must_use]
    pub fn read_without_plan(text: &str) -> Option<Self> {
        let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')');
        let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
        // Calling code and number have at least seven digits together, by E.164.
        Self::from_e164(&digits).filter(|_| digits.len() > 7)
    }

    /// The facts of a number that was parsed before; `None` when the numbering plan has changed
    /// since.
    #[must_use]
    pub fn facts(self) -> Option<PhoneFacts> {
        static KNOWN: KnownFacts = KnownFacts::new();
        KNOWN.of(self.0, || facts(&self.library()?))
    }

    /// The digits in the groups in which people of `country` write and say them, with the country
    /// code (and a plus on the first group) when their country has another calling code.
    #[must_use]
    pub fn groups(self, country: Option<Country>) -> Vec<String> {
        let Some(number) = self.library() else {
            return vec![self.to_string()];
        };
        // Countries that share a calling code dial each other without it: Canada and the United
        // States, Jersey and the United Kingdom.
        let at_home = country
            .and_then(Country::region)
            .and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region))
            == Some(number.country_code);
        let format = if at_home {
            PhoneNumberFormat::National
        } else {
            PhoneNumberFormat::International
        };
        let written = number.format_as(format);
        let groups = written
            .split(|c: char| c != '+' && !c.is_ascii_digit())
            .filter(|group| !group.is_empty());
        groups.map(str::to_owned).collect()
    }

    /// Every country that the number can belong to: for most that of its facts, for toll-free ones
    /// each country of the calling code whose plan has the number (`+1 800` is free in all of North
    /// America and the Caribbean).
    #[must_use]
    pub fn countries(self, facts: PhoneFacts) -> Vec<Country> {
        let own = || facts.country.into_iter().collect();
        if facts.kind != LineKind::TollFree {
            return own();
        }
        let Some(number) = self.library() else {
            return own();
        };
        let util = &*PHONE_NUMBER_UTIL;
        let Some(regions) = util.get_regions_for_country_calling_code(number.country_code) else {
            return own();
        };
        // The plans of North America have one pattern for all.
        let shared = regions.filter(|region| {
            number.country_code == 1 || util.is_valid_number_for_region(&number, *region)
        });
        shared.filter_map(Country::of_region).collect()
    }

    /// The digits without the plus.
    #[must_use]
    pub const fn digits(self) -> u64 {
        self.0
    }

    /// The number in the library's form: no country calling code is the beginning of another.
    fn library(self) -> Option<PhoneNumber> {
        let digits = self.0.to_string();
        let (country_code, national) = (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            let code: i32 = code.parse().ok()?;
            PHONE_NUMBER_UTIL
                .get_region_for_country_code(code)
                .map(|_| (code, national))
        })?;
        // Zeros before a national number mean something in a few countries, Italy first.
        let zeros = national
            .len()
            .saturating_sub(1)
            .min(national.bytes().take_while(|digit| *digit == b'0').count());
        Some(PhoneNumber {
            country_code,
            national_number: national.parse().ok()?,
            italian_leading_zero: (zeros > 0).then_some(true),
            number_of_leading_zeros: (zeros > 1).then(|| i32::try_from(zeros).ok()).flatten(),
            ..PhoneNumber::default()
        })
    }
}

/// Two questions to the library, and no third: a number whose type is known is valid.
fn facts(number: &PhoneNumber) -> Option<PhoneFacts> {
    let mut regions =
        PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(number.country_code)?;
    let kind = number.get_type();
    let (region, of_no_country) = if regions.len() == 1 {
        let only = regions.next();
        (only, only.and_then(Country::of_region).is_none())
    } else {
        (number.get_region_code(), false)
    };
    let e164 = || number.format_as(PhoneNumberFormat::E164).into_owned();
    let kind = LineKind::of(kind, e164, of_no_country)?;
    Some(PhoneFacts {
        country: region.and_then(Country::of_region),
        kind,
    })
}

/// Reads the numbering data into memory (some 10 ms), so that the first create does not wait for
/// it.
pub fn warm() {
    let _known = Phone::parse("+14155550101", None);
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// Debug output goes to logs, so it is masked.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::telemetry::mask::phone(&self.to_string()))
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::from_e164(&text).ok_or_else(|| de::Error::custom("not E.164"))
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rlibphonenumber::PhoneNumberType;

    use super::*;

    fn phone(text: &str) -> Phone {
        Phone::parse(text, None).unwrap().0
    }

    #[test]
    fn numbers_are_read_in_both_forms() {
        let (number, facts) = Phone::parse("(415) 555-0101", Some(Country::US)).unwrap();
        assert_eq!(number.to_string(), "+14155550101");
        assert_eq!(
            facts,
            PhoneFacts {
                country: Some(Country::US),
                kind: LineKind::Landline
            }
        );
        assert_eq!(
            Phone::parse("+1 415 555 0101", "GB".parse().ok())
                .unwrap()
                .0,
            number
        );
        assert_eq!(
            phone("+39 06 6982 1234").to_string(),
            "+390669821234",
            "Italian numbers keep their zero"
        );
    }

    #[test]
    fn the_kind_of_line_is_known() {
        let kind = |text| Phone::parse(text, None).map(|(_, facts)| facts.kind);
        assert_eq!(kind("+19005550123"), Ok(LineKind::Premium));
        assert_eq!(kind("+447911123456"), Ok(LineKind::Mobile));
        assert_eq!(kind("+18005550123"), Ok(LineKind::TollFree));
        assert_eq!(
            kind("+15005550006"),
            Ok(LineKind::Company),
            "the magic number of Twilio's test credentials"
        );
        assert_eq!(
            kind("+80012345678"),
            Ok(LineKind::TollFree),
            "a number of no country"
        );
        assert_eq!(kind("+15551234567"), Err(PhoneError::NotAssigned));
        assert_eq!(kind("+1911"), Err(PhoneError::Short));
    }

    #[test]
    fn what_is_no_number_says_why() {
        let read = |text: &str| Phone::parse(text, None).unwrap_err();
        assert_eq!(read(""), PhoneError::NotANumber);
        assert_eq!(read("call me"), PhoneError::NotANumber);
        assert_eq!(
            read("tel:+14155550101;phone-context=evil"),
            PhoneError::NotANumber
        );
        assert_eq!(read("4155550101"), PhoneError::CountryNeeded);
        assert_eq!(read("+999123456789"), PhoneError::UnknownCountryCode);
        assert_eq!(read(&"1".repeat(5_000)), PhoneError::LongText);
    }

    #[test]
    fn a_number_whose_kind_is_known_is_valid() {
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let example = PHONE_NUMBER_UTIL.get_example_number(region).unwrap();
            assert_eq!(facts(&example).is_some(), example.is_valid(), "{example}");
        }
    }

    #[test]
    fn plain_numbers_are_judged_as_the_library_reads_them() {
        let kinds = [
            PhoneNumberType::FixedLine,
            PhoneNumberType::Mobile,
            PhoneNumberType::PremiumRate,
            PhoneNumberType::TollFree,
        ];
        let mut seen = 0;
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            for kind in kinds {
                let Ok(example) =
                    PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind)
                else {
                    continue;
                };
                let text = example.to_string();
                let read = PHONE_NUMBER_UTIL.parse(&text, None).unwrap();
                let phone = Phone::from_e164(&text).unwrap();
                assert_eq!(phone.library().unwrap(), read, "{text}");
                let country = read.get_region_code().and_then(Country::of_region);
                assert_eq!(phone.facts().unwrap().country, country, "{text}");
                seen += 1;
            }
        }
        assert!(seen > 500);
    }

    #[test]
    fn groups_are_said_as_the_country_says_them() {
        assert_eq!(
            phone("+14155550199").groups(Some(Country::US)),
            ["415", "555", "0199"]
        );
        assert_eq!(
            phone("+14155550199").groups("DE".parse().ok()),
            ["+1", "415", "555", "0199"]
        );
    }

    #[test]
    fn debug_output_does_not_tell_the_number() {
        assert_eq!(format!("{:?}", phone("+14155550123")), "+1******0123");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_a_number_that_stays_the_same(
            text in "[+0-9 ()/.x;-]{0,24}|\\+[0-9]{6,15}|.{0,70}", country in proptest::sample::select(vec!["US", "DE", "IT", "AR", "JP", ""]),
        ) {
            let country = country.parse().ok();
            let Ok((phone, facts)) = Phone::parse(&text, country) else { return Ok(()) };
            let written = phone.to_string();
            prop_assert_eq!(Phone::parse(&written, None), Ok((phone, facts)));
            prop_assert_eq!(Phone::from_e164(&written), Some(phone));
            let said = phone.groups(country).concat();
            prop_assert!(said.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()), "{}", said);
            let shown = format!("{phone:?}");
            prop_assert!(!shown.contains(&written[1..]), "{}", shown);
        }
    }
}
