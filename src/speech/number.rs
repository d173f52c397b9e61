//! Phone numbers digit by digit, in the groups of their country: "4 1 5, 5 5 5, 0 1 9 9".

use super::language_pack::LanguagePack;
use super::memo::Memo;
use super::spoken::Out;
use crate::domain::{Country, Phone};

const SHARDS: usize = 16;
/// The most digits that are said in one breath, and can be written down after it.
const LONGEST_BREATH: usize = 4;

/// A number, the country it is said in, and whether groups of two digits are one number there.
type NumberKey = (Phone, Option<Country>, bool);

/// Spoken forms of numbers. The numbering plan is asked once for each, and many callers do not wait
/// for each other.
#[derive(Debug, Default)]
pub(super) struct SpokenNumbers {
    shards: [Memo<NumberKey>; SHARDS],
}

impl SpokenNumbers {
    /// Writes a number as people of `country` say it.
    pub(super) fn write(
        &self,
        phone: Phone,
        country: Option<Country>,
        language_pack: &LanguagePack,
        out: &mut Out,
    ) {
        let pairs = language_pack.phone_pairs;
        let digits = || spell(&phone.groups(country), pairs);
        let put = |digits: &str| put(digits, &language_pack.plus, out);
        self.shard(phone)
            .write((phone, country, pairs), digits, put);
    }

    /// Remembers the groups of a number.
    pub(super) fn remember(
        &self,
        phone: Phone,
        country: Option<Country>,
        groups: &[impl AsRef<str>],
    ) {
        for pairs in [false, true] {
            self.shard(phone)
                .put((phone, country, pairs), spell(groups, pairs));
        }
    }

    fn shard(&self, phone: Phone) -> &Memo<NumberKey> {
        &self.shards[usize::try_from(phone.digits()).unwrap_or_default() % SHARDS]
    }
}

fn put(digits: &str, plus: &str, out: &mut Out) {
    match digits.strip_prefix('+') {
        Some(rest) => {
            out.exactly(plus);
            out.exactly(" ");
            out.exactly(rest);
        }
        None => out.exactly(digits),
    }
}

/// Writes an extension after its number: the language's word for it, then the digits.
pub(super) fn write_extension(extension: &str, word: &str, out: &mut Out) {
    out.exactly(", ");
    out.exactly(word);
    for digit in extension.chars().filter(char::is_ascii_digit) {
        out.exactly(" ");
        out.exactly(digit.encode_utf8(&mut [0; 4]));
    }
}

/// Digits apart from each other, so that no voice makes numbers of them; a comma after each group
/// is a short pause. With `pairs`, a group of two digits is said as a number.
fn spell(groups: &[impl AsRef<str>], pairs: bool) -> String {
    let mut out = String::with_capacity(48);
    for group in groups.iter().map(AsRef::as_ref).flat_map(breaths) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        if pairs && group.len() == 2 {
            out.push_str(group);
            continue;
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

/// A group as it can be written down: more than four digits are said in twos, after three if their
/// number is odd.
fn breaths(group: &str) -> impl Iterator<Item = &str> {
    let long = group.len() > LONGEST_BREATH && group.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = group;
    std::iter::from_fn(move || {
        let length = match rest.len() {
            0 => return None,
            length if !long || length <= 3 => length,
            length => 2 + length % 2,
        };
        let (breath, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(breath)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: &str, country: &str, pairs: bool) -> String {
        let phone = Phone::from_e164(number).unwrap();
        let mut out = Out::transcript();
        put(
            &spell(&phone.groups(country.parse().ok()), pairs),
            "plus",
            &mut out,
        );
        out.text
    }

    #[test]
    fn numbers_are_said_digit_by_digit() {
        assert_eq!(said("+14155550199", "US", false), "4 1 5, 5 5 5, 0 1 9 9");
        assert_eq!(
            said("+14155550199", "FR", true),
            "plus 1, 4 1 5, 5 5 5, 0 1 9 9"
        );
        assert_eq!(said("+33142345678", "FR", false), "0 1, 4 2, 3 4, 5 6, 7 8");
        assert_eq!(said("+33142345678", "FR", true), "01, 42, 34, 56, 78");
    }

    #[test]
    fn no_group_is_longer_than_four_digits() {
        assert_eq!(said("+31612345678", "NL", false), "0 6, 1 2, 3 4, 5 6, 7 8");
        assert_eq!(
            said("+493023456789", "DE", false),
            "0 3 0, 2 3, 4 5, 6 7, 8 9"
        );
        assert_eq!(breaths("2345678").collect::<Vec<_>>(), ["234", "56", "78"]);
        assert_eq!(breaths("98765").collect::<Vec<_>>(), ["987", "65"]);
        assert_eq!(breaths("+99999").collect::<Vec<_>>(), ["+99999"]);
    }

    #[test]
    fn a_guest_of_the_same_calling_code_has_a_national_number() {
        assert_eq!(said("+14165550123", "US", false), "4 1 6, 5 5 5, 0 1 2 3");
        assert_eq!(
            said("+441534456789", "GB", false),
            "0 1 5, 3 4, 4 5, 6 7, 8 9"
        );
    }
}
