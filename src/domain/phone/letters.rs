//! Letters in a written number: keys of a telephone, or a word that announces an extension.
//!
//! libphonenumber takes every word of three letters for keys. Where a country's numbers have no fixed
//! length, a name or the word for an extension would so become digits of somebody else's number.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber};

use super::{LineKind, facts};
use crate::domain::Country;

/// Words and signs that announce an extension, in the languages that libphonenumber knows; the
/// longer before those that they begin with.
const EXTENSION_WORDS: [&str; 10] = [
    "extensión",
    "extension",
    "ext",
    "extn",
    "xtn",
    "anexo",
    "int",
    "доб",
    "e",
    "x",
];

/// More such words, which libphonenumber does not know, in the languages that are spoken here. The
/// German ones are missing on purpose: what follows `Durchwahl` or `Klappe` belongs to the number.
const MORE_EXTENSION_WORDS: [&str; 21] = [
    "poste",
    "p",
    "w",
    "interno",
    "ramal",
    "r",
    "extention",
    "toestel",
    "tst",
    "anknytning",
    "ankn",
    "anknytn",
    "wewnętrzny",
    "wewn",
    "wew",
    "内線",
    "內線",
    "内线",
    "分机",
    "分機",
    "내선",
];
/// The Chinese words for "put through to".
const PUT_THROUGH: [&str; 2] = ["转", "轉"];

/// Words between the word for an extension and its digits, as in `ext. no. 12`.
const NUMBER_WORDS: [&str; 5] = ["no", "nr", "num", "number", "№"];

/// Signs that stand between a number, the word for its extension, and the extension.
const BETWEEN: [char; 16] = [
    ',', '.', ':', ';', '=', '#', '-', '\u{2010}', '\u{2011}', '\u{2013}', '(', '[', ' ', '\u{A0}',
    '\u{202F}', '\u{3000}',
];

/// Returns whether the letters of the text say nothing but that an extension follows.
pub(super) fn only_announce_extension(text: &str, extension: &str) -> bool {
    if extension.is_empty() {
        return false;
    }
    let letters: String = text
        .chars()
        .filter(|c| c.is_alphabetic() || *c == '\u{301}')
        .flat_map(char::to_lowercase)
        .collect();
    let letters = letters.replace("o\u{301}", "ó");
    EXTENSION_WORDS.contains(&letters.as_str()) && text.starts_with(|c: char| !c.is_alphabetic())
}

/// The text before an extension and the word that announces it.
pub(super) fn without_extension<'a>(text: &'a str, extension: &str) -> &'a str {
    let before = |text: &'a str| {
        let text = text.trim_end_matches(|c: char| !c.is_numeric());
        let text = text.strip_suffix(extension)?.trim_end_matches(BETWEEN);
        let lower = text.to_lowercase();
        let mut words = EXTENSION_WORDS.iter();
        let word = words.find(|word| lower.ends_with(**word)).unwrap_or(&"");
        text.get(..text.len().checked_sub(word.len())?)
    };
    if extension.is_empty() {
        text
    } else {
        before(text).unwrap_or(text)
    }
}

/// An extension behind a word (`poste 12`, `(ext. 12)`, `内線12`) or behind the pause of a mobile's
/// dialler (`p12`, `w12`), in the form that the library reads.
pub(super) fn with_extension_mark(text: &str) -> Option<String> {
    let text = text.trim_end_matches([')', ']', ' ']);
    let before_digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let extension = text.get(before_digits.len()..)?;
    let before_word = |text: &str, words: &[&[&str]]| -> Option<usize> {
        let text = text.trim_end_matches(BETWEEN);
        let is_of_word = |c: char| c.is_alphabetic() || matches!(c, '\u{301}' | '№');
        let number = text.trim_end_matches(is_of_word);
        let word = text.get(number.len()..)?.to_lowercase();
        let word = word.replace("o\u{301}", "ó");
        let is_known = words.iter().any(|words| words.contains(&word.as_str()));
        is_known.then_some(number.len())
    };
    let numbered = before_word(before_digits, &[&NUMBER_WORDS]);
    let before_digits = before_digits.get(..numbered.unwrap_or(before_digits.len()))?;
    let words = [&EXTENSION_WORDS[..], &MORE_EXTENSION_WORDS, &PUT_THROUGH];
    let number = before_word(before_digits, &words)?;
    let number = before_digits.get(..number)?.trim_end_matches(BETWEEN);
    let plain =
        !number.chars().any(char::is_alphabetic) && number.ends_with(|c: char| c.is_ascii_digit());
    (!extension.is_empty() && plain).then(|| format!("{number};ext={extension}"))
}

/// Returns whether letters can stand for keys in this number: those of North America have one
/// length, and elsewhere companies alone have numbers that are words. A word that digits follow is
/// something else there.
pub(super) fn may_be_keys(text: &str, number: &PhoneNumber) -> bool {
    const NORTH_AMERICA: i32 = 1;
    if number.country_code == NORTH_AMERICA {
        return true;
    }
    let is_company = facts(number).is_some_and(|facts| match facts.kind {
        LineKind::TollFree
        | LineKind::Company
        | LineKind::LocalRate
        | LineKind::SharedCost
        | LineKind::Surcharged
        | LineKind::Premium => true,
        LineKind::Landline
        | LineKind::Mobile
        | LineKind::Voip
        | LineKind::Personal
        | LineKind::Global
        | LineKind::Pager
        | LineKind::Voicemail => false,
    });
    let before = text.split(char::is_alphabetic).next().unwrap_or_default();
    let region = facts(number)
        .and_then(|facts| facts.country)
        .and_then(Country::region);
    // A number that is complete without the word.
    if PHONE_NUMBER_UTIL
        .parse(before, region)
        .is_ok_and(|number| facts(&number).is_some())
    {
        return false;
    }
    let mut parts = text.split([' ', '.', '\u{A0}']);
    let has_word = |part: &str| part.chars().filter(|c| c.is_alphabetic()).count() > 1;
    let word_came = parts.any(has_word);
    is_company && word_came && !parts.any(|part| part.chars().any(char::is_numeric))
}

#[cfg(test)]
mod tests {
    use super::super::PhoneError;
    use super::Country;
    use crate::domain::Phone;

    fn read(text: &str, country: &str) -> Result<(String, Option<String>), PhoneError> {
        let written = Phone::read(text, country.parse::<Country>().ok())?;
        let extension = written
            .extension
            .map(|extension| extension.as_str().to_owned());
        Ok((written.phone.to_string(), extension))
    }

    #[test]
    fn letters_are_keys_where_numbers_are_words() {
        for (text, country, number) in [
            ("1-800-FLOWERS", "US", "+18003569377"),
            ("(800) CALL-811", "US", "+18002255811"),
            ("0800 REPCO1", "NZ", "+64800737261"),
            ("0800 BERATER", "DE", "+498002372837"),
        ] {
            assert_eq!(read(text, country), Ok((number.into(), None)), "{text}");
        }
    }

    #[test]
    fn a_word_behind_a_number_is_not_dialled() {
        for text in [
            "+43 1 5880 Klappe 12",
            "+43 1 5880 Nst 12",
            "+43 1 58801 Ana",
            "+49 30 1234 tel 5",
            "+49 30 901820 Ana",
            "+62 21 1234 Ana",
            "+49 800 123 Nst 1",
            "+49 800 1234567 BAR",
        ] {
            assert_eq!(read(text, ""), Err(PhoneError::Letters), "{text}");
        }
    }

    /// Nothing is dropped, and each refusal names the rule that is broken.
    #[test]
    fn what_stands_around_a_number_is_named() {
        use PhoneError::{Code, Letters, NotANumber, Short, TooLong, TooShort, TwoNumbers};
        for (text, error) in [
            ("main", NotANumber),
            ("call me", NotANumber),
            ("+", NotANumber),
            ("++", NotANumber),
            ("Phone: +1 415 555 0107", Letters),
            ("TEL;TYPE=WORK:+14155550107", Letters),
            ("item1.TEL;type=pref:+14155550107", Letters),
            ("+1 415 555 0107 main", Letters),
            ("+1 415 555 0107 (main)", Letters),
            ("+1 415 555 0107;isub=12", Letters),
            ("+1 415 555 0107 доп. 12", Letters),
            ("1-800-MATTRESS", Letters),
            ("*67 415 555 0107", Code),
            ("#31#+14155550107", Code),
            ("+1 415 555 0107 x12*3", Code),
            ("*611", Short),
            ("#250", Short),
            ("911", Short),
            ("112", Short),
            ("123", TooShort),
            ("1234", TooShort),
            ("55", TooShort),
            ("00", TooShort),
            ("+691320123", TooShort),
            ("+1 415 555 0107 12", TooLong),
            ("+1 415 555 0107 & 0108", TwoNumbers),
            ("+1 415 555 0107 or +1 415 555 0108", TwoNumbers),
        ] {
            assert_eq!(read(text, "US"), Err(error), "{text}");
        }
        for (text, error) in [("19019", Short), ("112", Short), ("030", TooShort)] {
            assert_eq!(read(text, "DE"), Err(error), "{text}");
        }
        let endless = "1".repeat(65);
        assert_eq!(read(&endless, "US"), Err(PhoneError::LongText));
    }

    #[test]
    fn an_extension_is_read_behind_the_word_of_its_language() {
        for (text, number, extension) in [
            ("+33 1 42 68 53 00 poste 12", "+33142685300", "12"),
            ("+33 1 42 68 53 00, p. 12", "+33142685300", "12"),
            ("+39 06 698 12345 interno 3", "+390669812345", "3"),
            ("+351 21 345 6789 (ramal 7", "+351213456789", "7"),
            ("+31 20 794 0800 toestel 115", "+31207940800", "115"),
            ("+46 8 123 456 78 Anknytning: 9", "+46812345678", "9"),
            ("+48 22 517 12 34 wew. 45", "+48225171234", "45"),
            ("+81 3 5253 5111 内線12", "+81352535111", "12"),
            ("+86 10 6552 9988 转 8", "+861065529988", "8"),
            ("+82 2 2100 2114 내선 21", "+82221002114", "21"),
            ("+1 415 555 0104 x12", "+14155550104", "12"),
            ("+1 415 555 0104 (x12)", "+14155550104", "12"),
            ("+1 415 555 0104 (Ext. 12)", "+14155550104", "12"),
            ("+1 415 555 0104 [ext 12]", "+14155550104", "12"),
            ("+1 415 555 0104; ext=12", "+14155550104", "12"),
            ("+1 415 555 0104；ext=12", "+14155550104", "12"),
            ("+1 415 555 0104，12", "+14155550104", "12"),
            ("+1 415 555 0104 ｘ１２", "+14155550104", "12"),
            ("+1 415 555 0104 ext. #12", "+14155550104", "12"),
            ("+1 415 555 0104 Ext. No. 12", "+14155550104", "12"),
            ("+1 415 555 0104 ext\u{2013}12", "+14155550104", "12"),
            ("+1 800 356 9377 x12", "+18003569377", "12"),
            ("+1-800-FLOWERS x12", "+18003569377", "12"),
        ] {
            let read = read(text, "");
            assert_eq!(read, Ok((number.into(), Some(extension.into()))), "{text}");
        }
    }
}
