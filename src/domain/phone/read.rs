//! Reading a number as people write it: with spaces and brackets, as a `tel:` URI, with letters for
//! keys, an extension behind it, or dialled from abroad.
//!
//! The grammar is libphonenumber's. What it would drop in silence or join to another number is
//! found here and refused.

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, Region, ValidationError,
};

use super::error::PhoneError;
use super::{Phone, PhoneFacts, facts, letters};
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

/// Which numbers are accepted.
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
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(PhoneError::NotANumber);
    }
    let text = without_scheme(text)?;
    refuse_second_number(&text, country)?;
    let international = text.starts_with(['+', '\u{FF0B}']) || text.contains(";phone-context=+");
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
    let first = judged(&number, accept);
    let number = match first {
        Some(_) => number,
        None => mended(&text, &number, accept).unwrap_or(number),
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

/// The extension in ASCII digits: the library leaves fullwidth ones as they are.
fn extension_digits(number: &PhoneNumber) -> Option<String> {
    let extension = number.extension.as_deref()?;
    Some(PHONE_NUMBER_UTIL.normalize_digits_only(extension))
}

/// Whether the number is accepted; inside, what the numbering plan says of it.
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
    let with_extension = letters::with_extension_mark(text);
    let text = with_extension.as_deref().unwrap_or(text);
    let number = PHONE_NUMBER_UTIL
        .parse(text, region)
        .map_err(|error| match error {
            ParseError::InvalidCountryCode => PhoneError::UnknownCountryCode,
            ParseError::NotANumber(_) => PhoneError::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => PhoneError::TooShort,
            ParseError::TooLongNsn => PhoneError::TooLong,
        })?;
    if is_read_whole(text, &number) {
        Ok(number)
    } else if text.chars().any(char::is_alphabetic) && text.starts_with(begins_number) {
        Err(PhoneError::Letters)
    } else {
        Err(PhoneError::NotANumber)
    }
}

fn begins_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '(' | '\u{FF0B}')
}

/// Whether every digit of the text is in the number or its extension, and every letter is a key or
/// announces the extension.
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
    let keys = util.convert_alpha_characters_in_number(text);
    has_letters
        && text.starts_with(begins_number)
        && letters::may_be_keys(text, number)
        && util.normalize_digits_only(&keys).contains(&tail)
}

/// The number of a `tel:` URI (RFC 3966) with its parameters `ext` and `phone-context`; any other
/// text as it is.
fn without_scheme(text: &str) -> Result<String, PhoneError> {
    let is_uri = text
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    if !is_uri {
        return Ok(text.to_owned());
    }
    // Links of web pages escape spaces and signs.
    let unescaped = text.get(4..).unwrap_or_default();
    let unescaped = ["%20", "%2B", "%2b", "%23", "%28", "%29"]
        .iter()
        .zip([" ", "+", "+", "#", "(", ")"])
        .fold(unescaped.to_owned(), |text, (escape, sign)| {
            text.replace(escape, sign)
        });
    let (number, parameters) = unescaped
        .split_once(';')
        .unwrap_or((unescaped.as_str(), ""));
    let mut out = number.trim().trim_start_matches('/').to_owned();
    for parameter in parameters.split(';').filter(|text| !text.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or(PhoneError::NotANumber)?;
        let is_global = value.starts_with('+') && !out.starts_with('+');
        match name.to_ascii_lowercase().as_str() {
            "ext" => out = format!("{out};ext={value}"),
            "phone-context" if is_global => out = format!("{value}{out}"),
            _ => return Err(PhoneError::NotANumber),
        }
    }
    Ok(out)
}

/// Fewer digits behind a comma are an extension, more are rather a second number.
const SHORTEST_LINE: usize = 6;

/// The library reads two numbers as one of their digits, or only the first. A slash within one
/// number, as in the German 030/901820, stays.
fn refuse_second_number(text: &str, country: Option<Country>) -> Result<(), PhoneError> {
    let pluses = text
        .chars()
        .filter(|c| matches!(c, '+' | '\u{FF0B}'))
        .count();
    if pluses > 1 {
        return Err(PhoneError::TwoNumbers);
    }
    let complete = |part: &str| {
        let region = country.and_then(Country::region);
        let number = PHONE_NUMBER_UTIL.parse(part, region);
        number.is_ok_and(|number| facts(&number).is_some())
    };
    let has_digits = |part: &str| part.chars().any(char::is_numeric);
    let slash = text.split_once(['/', '\u{FF0F}', '|', '\\']);
    // The last digits of a second line in brackets: 901820 (21).
    let bracket = text.trim_end().strip_suffix([')', '\u{FF09}']);
    let bracket = bracket.and_then(|text| text.rsplit_once(['(', '\u{FF08}']));
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

/// Repairs a number that is in no plan as it stands: a Mexican form from before 2019, or the
/// international prefix of another country.
fn mended(text: &str, number: &PhoneNumber, accept: Accept) -> Option<PhoneNumber> {
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
    let digits = digits.strip_suffix(&*extension_digits(number).unwrap_or_default())?;
    let international = text.starts_with(['+', '\u{FF0B}']);
    let candidate = if number.country_code == 52 {
        let old_prefixes: &[&str] = if international {
            &["521", "52044", "52045", "5201"]
        } else {
            &["044", "045", "01", "1"]
        };
        let national = old_prefixes
            .iter()
            .find_map(|prefix| digits.strip_prefix(prefix).filter(|rest| rest.len() == 10));
        national.map(|national| format!("+52{national}"))
    } else {
        None
    };
    let dialled = || {
        let abroad = digits
            .strip_prefix("00")
            .or_else(|| digits.strip_prefix("011"));
        abroad
            .filter(|_| !international)
            .map(|rest| format!("+{rest}"))
    };
    let candidate = candidate.or_else(dialled)?;
    let mended = PHONE_NUMBER_UTIL.parse(&candidate, None).ok()?;
    let mended = PhoneNumber {
        extension: number.extension.clone(),
        ..mended
    };
    judged(&mended, accept).is_some().then_some(mended)
}

/// The longest short number of a country that is known.
const SHORT: usize = 6;

fn why_not(text: &str, number: &PhoneNumber) -> PhoneError {
    let national = rlibphonenumber::get_national_significant_number_owned(number);
    let is_code = text
        .trim_start()
        .starts_with(['*', '#', '\u{FF0A}', '\u{FF03}']);
    if is_code || national.len() <= SHORT {
        return PhoneError::Short;
    }
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(number) {
        Ok(NumberLengthType::IsPossible) => PhoneError::NotAssigned,
        Ok(NumberLengthType::IsPossibleLocalOnly) => PhoneError::LacksAreaCode,
        Err(ValidationError::TooShort) => PhoneError::TooShort,
        Err(ValidationError::TooLong) => PhoneError::TooLong,
        Err(_) => PhoneError::NotAssigned,
    }
}
