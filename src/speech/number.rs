//! Phone numbers digit by digit, in the groups of their country: "4 1 5, 5 5 5, 0 1 9 9".

use super::memo::Memo;
use crate::domain::{Country, Phone};

const SHARDS: usize = 16;

/// How numbers are said. The numbering plan is asked once for each, and many callers do not wait
/// for each other.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    shards: [Memo<(Phone, Option<Country>)>; SHARDS],
}

impl Numbers {
    /// Writes a number; `plus` is how the language says the sign before a foreign country's code.
    pub(super) fn write(
        &self,
        phone: Phone,
        country: Option<Country>,
        plus: &str,
        out: &mut String,
    ) {
        let digits = || spell(&phone.groups(country));
        self.shard(phone)
            .write((phone, country), digits, |digits| put(digits, plus, out));
    }

    /// Remembers the groups of a number.
    pub(super) fn remember(
        &self,
        phone: Phone,
        country: Option<Country>,
        groups: &[impl AsRef<str>],
    ) {
        self.shard(phone).put((phone, country), spell(groups));
    }

    fn shard(&self, phone: Phone) -> &Memo<(Phone, Option<Country>)> {
        &self.shards[usize::try_from(phone.digits()).unwrap_or_default() % SHARDS]
    }
}

fn put(digits: &str, plus: &str, out: &mut String) {
    match digits.strip_prefix('+') {
        Some(rest) => {
            out.push_str(plus);
            out.push(' ');
            out.push_str(rest);
        }
        None => out.push_str(digits),
    }
}

/// Writes an extension after its number: the language's word for it, then the digits.
pub(super) fn write_extension(extension: &str, word: &str, out: &mut String) {
    out.push_str(", ");
    out.push_str(word);
    for digit in extension.chars().filter(char::is_ascii_digit) {
        out.push(' ');
        out.push(digit);
    }
}

/// Digits apart from each other, so that no voice makes numbers of them; a comma after each group
/// is a short pause.
fn spell(groups: &[impl AsRef<str>]) -> String {
    let mut out = String::with_capacity(48);
    for group in groups.iter().map(AsRef::as_ref) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        let mut separate = false;
        for c in group.chars() {
            if separate {
                out.push(' ');
            }
            out.push(c);
            separate = c != '+';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: &str, country: &str) -> String {
        let numbers = Numbers::default();
        let (mut first, mut second) = (String::new(), String::new());
        let phone = Phone::from_e164(number).unwrap();
        numbers.write(phone, country.parse().ok(), "plus", &mut first);
        numbers.write(phone, country.parse().ok(), "plus", &mut second);
        assert_eq!(first, second, "what is remembered is what was worked out");
        first
    }

    #[test]
    fn numbers_are_said_digit_by_digit() {
        assert_eq!(said("+14155550199", "US"), "4 1 5, 5 5 5, 0 1 9 9");
        assert_eq!(said("+14155550199", "FR"), "plus 1, 4 1 5, 5 5 5, 0 1 9 9");
        assert_eq!(said("+33142345678", "FR"), "0 1, 4 2, 3 4, 5 6, 7 8");
    }
}
