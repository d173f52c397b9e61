//! Reading a number as people write it: with spaces and brackets, as a `tel:` URI, with letters for
//! keys, an extension behind it, or dialled from abroad.
//!
//! The grammar is libphonenumber's. What it would drop in silence or join to another number is
//! found here and refused.

use std::borrow::Cow;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, Region, ValidationError,
};

use super::error::PhoneError;
use super::{Phone, PhoneFacts, facts, letters, links};
use crate::domain::text::is_invisible;
use crate::domain::{Country, Extension};

/// The longest text that is looked at: no way of writing a number needs more.
const MAX_TEXT: usize = 64;

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The number.
    pub phone: Phone,
    /// The facts of the numbering plan; `None` only where a number need not be assigned.
    pub facts: Option<PhoneFacts>,
    /// The extension that was written behind it.
    pub extension: Option<Extension>,
}

/// The numbers that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accept {
    /// Numbers that have been handed out: they are rung.
    Assigned,
    /// Numbers of a possible length: they are only read aloud.
    Possible,
}

/// Reads E.164, a `tel:` URI, or a national form as it is dialled in `country`.
pub(super) fn read(
    text: &str,
    country: Option<Country>,
    accept: Accept,
) -> Result<Written, PhoneError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PhoneError::NotANumber);
    }
    if text.len() > MAX_TEXT {
        return Err(PhoneError::LongText);
    }
    let text = narrow(text);
    let text = links::unlinked(&text)?;
    let text = letters::with_extension_mark(&text).map_or(text, Cow::Owned);
    refuse_what_is_none(&text)?;
    refuse_second_number(&text, country)?;
    let international = is_international(&text);
    if !international && country.is_none() {
        let looks_like_one = text.chars().filter(char::is_ascii_digit).count() >= 3;
        return Err(if looks_like_one {
            PhoneError::CountryNeeded
        } else {
            PhoneError::NotANumber
        });
    }
    let region = country.filter(|_| !international).and_then(Country::region);
    let number = library_parse(&text, region)?;
    // A number that need not be assigned has nearly any length: what is dialled before the code of
    // another country would be read as its first digits.
    let is_assigned = facts(&number).is_some();
    let number = if is_assigned {
        number
    } else {
        mended(&text, &number, accept).unwrap_or(number)
    };
    let Some(facts) = judged(&number, accept) else {
        return Err(why_not(&text, &number));
    };
    let extension = match extension_digits(&number) {
        Some(extension) => Some(extension.parse().map_err(|_| PhoneError::LongExtension)?),
        None => None,
    };
    let digits = number.format_as(rlibphonenumber::PhoneNumberFormat::E164);
    let phone = Phone::from_e164(&digits).ok_or(PhoneError::TooLong)?;
    Ok(Written {
        phone,
        facts,
        extension,
    })
}

/// The text without the fullwidth letters, digits and signs of East Asian input methods, and
/// without the invisible marks that address books put around a number.
fn narrow(text: &str) -> String {
    let is_mark = |c: char| is_invisible(c) || matches!(c, '\u{202A}'..='\u{202E}');
    let narrowed = text.chars().filter(|c| !is_mark(*c)).map(|c| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    });
    narrowed.collect()
}

/// Returns whether a plus stands before the first digit.
fn is_international(text: &str) -> bool {
    text.trim_start_matches(|c: char| c != '+' && !c.is_numeric())
        .starts_with('+')
}

/// Refuses words, and the codes that a telephone itself understands, with and without a number
/// behind them.
fn refuse_what_is_none(text: &str) -> Result<(), PhoneError> {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    if digits == 0 {
        return Err(PhoneError::NotANumber);
    }
    if text.starts_with(char::is_alphabetic) {
        return Err(PhoneError::Letters);
    }
    // A number sign behind a number announces its extension.
    let is_code = text.starts_with(['*', '#']);
    if is_code && digits <= SHORT {
        Err(PhoneError::Short)
    } else if is_code || text.contains('*') {
        Err(PhoneError::Code)
    } else {
        Ok(())
    }
}

/// The extension in ASCII digits: the library leaves fullwidth ones as they are.
fn extension_digits(number: &PhoneNumber) -> Option<String> {
    let extension = number.extension.as_deref()?;
    Some(PHONE_NUMBER_UTIL.normalize_digits_only(extension))
}

/// Returns whether the number is accepted; inside, what the numbering plan says of it.
#[expect(
    clippy::option_option,
    reason = "not accepted, or accepted and not known to the plan"
)]
fn judged(number: &PhoneNumber, accept: Accept) -> Option<Option<PhoneFacts>> {
    let facts = facts(number);
    match accept {
        Accept::Assigned => facts.map(Some),
        Accept::Possible => {
            let reason = PHONE_NUMBER_UTIL.is_possible_number_with_reason(number);
            matches!(reason, Ok(NumberLengthType::IsPossible)).then_some(facts)
        }
    }
}

/// libphonenumber's reading, if it has left nothing of the text unread.
fn library_parse(text: &str, region: Option<Region>) -> Result<PhoneNumber, PhoneError> {
    let has_letters = text.chars().any(char::is_alphabetic);
    let number = PHONE_NUMBER_UTIL
        .parse(text, region)
        .map_err(|error| match error {
            ParseError::InvalidCountryCode => PhoneError::UnknownCountryCode,
            // Letters count as digits.
            ParseError::NotANumber(_) | ParseError::TooLongNsn if has_letters => {
                PhoneError::Letters
            }
            ParseError::NotANumber(_) => PhoneError::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => PhoneError::TooShort,
            ParseError::TooLongNsn => PhoneError::TooLong,
        })?;
    if is_read_whole(text, &number) {
        Ok(number)
    } else if has_letters {
        Err(PhoneError::Letters)
    } else {
        Err(PhoneError::NotANumber)
    }
}

fn begins_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '(')
}

/// Returns whether every digit of the text is in the number or its extension, and every letter is a
/// key or announces the extension.
fn is_read_whole(text: &str, number: &PhoneNumber) -> bool {
    let util = &*PHONE_NUMBER_UTIL;
    let extension = &*extension_digits(number).unwrap_or_default();
    let national = rlibphonenumber::get_national_significant_number_owned(number);
    // In Argentina and Mexico a mobile is written otherwise within the country: its end is the same.
    let tail: String = national
        .get(national.len().saturating_sub(6)..)
        .unwrap_or_default()
        .to_owned();
    let digits = util.normalize_digits_only(text);
    let Some(before_extension) = digits.strip_suffix(extension) else {
        return false;
    };
    let has_letters = text.chars().any(char::is_alphabetic);
    if before_extension.ends_with(&tail) {
        return !has_letters || letters::only_announce_extension(text, extension);
    }
    // Letters as on the keys of a telephone.
    let number_alone = letters::without_extension(text, extension);
    let keys = util.convert_alpha_characters_in_number(number_alone);
    has_letters
        && text.starts_with(begins_number)
        && letters::may_be_keys(text, number)
        && util.normalize_digits_only(&keys).ends_with(&tail)
}

/// Fewer digits behind a comma are an extension, more are rather a second number.
const SHORTEST_LINE: usize = 6;

/// The library reads two numbers as one of their digits, or only the first. A slash within one
/// number, as in the German 030/901820, stays.
fn refuse_second_number(text: &str, country: Option<Country>) -> Result<(), PhoneError> {
    if text
        .split('+')
        .skip(1)
        .filter(|part| has_digits(part))
        .count()
        > 1
    {
        return Err(PhoneError::TwoNumbers);
    }
    let complete = |part: &str| {
        let region = country.and_then(Country::region);
        let number = PHONE_NUMBER_UTIL.parse(part, region);
        number.is_ok_and(|number| facts(&number).is_some())
    };
    let slash = text.split_once(['/', '|', '\\', '&']);
    // The last digits of a second line in brackets: 901820 (21).
    let bracket = text.trim_end().strip_suffix(')');
    let bracket = bracket.and_then(|text| text.rsplit_once('('));
    // A comma is a pause before an extension, unless as much follows as a number has.
    let comma = text.rsplit_once([',', ';']).filter(|(_, second)| {
        let second = second.trim();
        second.len() >= SHORTEST_LINE && second.bytes().all(|b| b.is_ascii_digit() || b == b' ')
    });
    let is_second = |(first, second): (&str, &str)| has_digits(second) && complete(first);
    if [slash, bracket, comma].into_iter().flatten().any(is_second) {
        Err(PhoneError::TwoNumbers)
    } else {
        Ok(())
    }
}

fn has_digits(text: &str) -> bool {
    text.chars().any(char::is_numeric)
}

/// Repairs a number that is in no plan as it stands: a Mexican form from before 2019, or the
/// international prefix of another country.
fn mended(text: &str, number: &PhoneNumber, accept: Accept) -> Option<PhoneNumber> {
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
    let digits = digits.strip_suffix(&*extension_digits(number).unwrap_or_default())?;
    let accepted = |written: &str| {
        let mended = PHONE_NUMBER_UTIL.parse(written, None).ok()?;
        judged(&mended, accept).is_some().then_some(mended)
    };
    let mexican = |digits: &str| {
        let prefixes = ["521", "52044", "52045", "5201"].iter();
        let mut national = prefixes.filter_map(|prefix| digits.strip_prefix(prefix));
        let national = national.find(|rest| rest.len() == 10)?;
        accepted(&format!("+52{national}"))
    };
    let mended = if is_international(text) {
        mexican(digits)
    } else {
        let within_mexico = (number.country_code == 52)
            .then(|| mexican(&format!("52{digits}")))
            .flatten();
        within_mexico.or_else(|| {
            let mut abroad = ["00", "011"]
                .iter()
                .filter_map(|prefix| digits.strip_prefix(prefix));
            abroad.find_map(|rest| accepted(&format!("+{rest}")).or_else(|| mexican(rest)))
        })
    };
    mended.map(|mended| PhoneNumber {
        extension: number.extension.clone(),
        ..mended
    })
}

/// The longest short number of a country that is known.
const SHORT: usize = 6;

fn why_not(text: &str, number: &PhoneNumber) -> PhoneError {
    let national = rlibphonenumber::get_national_significant_number_owned(number);
    if national.len() <= SHORT {
        return if may_be_short(text, number.country_code, &national) {
            PhoneError::Short
        } else {
            PhoneError::TooShort
        };
    }
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => PhoneError::NotAssigned,
        Ok(NumberLengthType::IsPossibleLocalOnly) => PhoneError::LacksAreaCode,
        Err(ValidationError::TooShort) => PhoneError::TooShort,
        // Letters count as digits.
        Err(ValidationError::TooLong) if text.chars().any(char::is_alphabetic) => {
            PhoneError::Letters
        }
        Err(ValidationError::TooLong) => PhoneError::TooLong,
        Err(_) => PhoneError::NotAssigned,
    }
}

/// Returns whether so few digits can be a short number of their country, such as an emergency
/// number: the plan does not list those, but says how a longer number begins.
fn may_be_short(text: &str, country_code: i32, national: &str) -> bool {
    const NORTH_AMERICA: i32 = 1;
    let digits = national.as_bytes();
    if country_code == NORTH_AMERICA {
        return matches!(digits, [b'2'..=b'9', b'1', b'1'] | b"112" | b"988" | b"933");
    }
    // A trunk prefix stands before numbers with an area code. Australia is helped at 000.
    let has_trunk_prefix = text.starts_with('0') && digits.iter().any(|digit| *digit != b'0');
    let longest = if is_international(text) { 3 } else { SHORT };
    (3..=longest).contains(&digits.len()) && !has_trunk_prefix
}
