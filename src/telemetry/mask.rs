//! Masks phone numbers, so that a reader sees the country and can distinguish two numbers, but
//! cannot call one.

use std::fmt;

/// A phone number as logs may show it: `+1******0123`.
///
/// The country code and the last four digits are kept, and the number of stars says nothing about
/// the length. What is not an international number of at least seven digits behind the country code
/// shows nothing at all.
pub fn phone(number: &str) -> impl fmt::Display + '_ {
    MaskedPhone(number)
}

struct MaskedPhone<'a>(&'a str);

impl fmt::Display for MaskedPhone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.strip_prefix('+').and_then(|digits| {
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (code, rest) = digits.split_at_checked(country_code_length(digits))?;
            (rest.len() >= 7).then(|| (code, rest.split_at(rest.len() - 4).1))
        });
        match shown {
            Some((code, last)) => write!(f, "+{code}******{last}"),
            None => f.write_str("******"),
        }
    }
}

/// Number of digits of the country code at the start of `digits` (ITU-T E.164, list of assigned
/// codes).
fn country_code_length(digits: &str) -> usize {
    match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        [..] => 3,
    }
}

/// A text in which every number of seven digits or more is masked as [`phone`] does.
#[must_use]
pub fn phones_in(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.trim_start_matches('+');
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(rest.len() - digits.len() + length);
        if length >= 7 {
            masked.push_str(&phone(number).to_string());
        } else {
            masked.push_str(number);
        }
        if number.is_empty() {
            masked.push(first);
        }
        rest = if number.is_empty() {
            &after[first.len_utf8()..]
        } else {
            after
        };
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_number_keeps_its_country_and_its_last_four_digits() {
        assert_eq!(phone("+14155550123").to_string(), "+1******0123");
        assert_eq!(phone("+442079460123").to_string(), "+44******0123");
        assert_eq!(phone("+35312345678").to_string(), "+353******5678");
        assert_eq!(phone("+81312345678").to_string(), "+81******5678");
    }

    #[test]
    fn what_is_not_a_whole_international_number_shows_nothing() {
        for number in [
            "",
            "+",
            "+1",
            "4155550123",
            "+1415555",
            "sip:ann@example.com",
            "+1415555012x",
            "+1４155550123",
        ] {
            assert_eq!(phone(number).to_string(), "******", "{number}");
        }
    }

    #[test]
    fn numbers_in_a_text_are_masked() {
        let text = phones_in(
            "The number +14155552671 is unverified: ask for 4155552671, not for 21219 (+44). Ñ",
        );
        assert_eq!(
            text,
            "The number +1******2671 is unverified: ask for ******, not for 21219 (+44). Ñ"
        );
        for text in ["", "+", "++", "a+1", "12345678", "+1234567890123456789"] {
            assert!(!phones_in(text).contains("2345678"), "{text}");
        }
    }
}
