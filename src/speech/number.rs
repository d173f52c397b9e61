//! Phone numbers digit by digit, in the groups of their country: "4 1 5, 5 5 5, 0 1 9 9".

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Country, Phone};

/// A number and the country it is said in.
type Key = (Phone, Option<Country>);

/// Numbers and their digits, as they are said.
type Known = HashMap<Key, Box<str>>;

/// How many numbers are remembered in each of [`SHARDS`] parts.
const KEPT: usize = 512;
const SHARDS: usize = 16;

/// Remembers how numbers are grouped: asking the numbering plan takes longer than all the rest of a document.
///
/// It holds no state of a call: what it forgets is worked out again.
#[derive(Debug)]
pub(super) struct Numbers {
    shards: [Mutex<Known>; SHARDS],
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self { shards: Default::default() }
    }

    /// Writes a number; `plus` is how the language says the sign before a foreign country's code.
    pub(super) fn write(&self, phone: Phone, country: Option<Country>, plus: &str, out: &mut String) {
        if let Some(digits) = self.shard(phone).get(&(phone, country)) {
            put(digits, plus, out);
            return;
        }
        put(&self.remember(phone, country, &phone.groups(country)), plus, out);
    }

    /// Remembers the groups of a number; gives back its digits as they are said.
    pub(super) fn remember(&self, phone: Phone, country: Option<Country>, groups: &[impl AsRef<str>]) -> Box<str> {
        let digits: Box<str> = spell(groups).into();
        let mut known = self.shard(phone);
        if known.len() >= KEPT {
            known.clear();
        }
        let _before = known.insert((phone, country), digits.clone());
        digits
    }

    fn shard(&self, phone: Phone) -> MutexGuard<'_, Known> {
        let place = usize::try_from(phone.digits()).unwrap_or_default() % SHARDS;
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
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

/// Digits apart from each other, so that no voice makes numbers of them; a comma after each group is a short pause.
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
        let numbers = Numbers::new();
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

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let numbers = Numbers::new();
        for line in 0..20_u64 * SHARDS as u64 {
            let mut out = String::new();
            numbers.write(Phone::from_e164(&format!("+1415555{line:04}")).unwrap(), None, "plus", &mut out);
        }
        assert!(numbers.shards.iter().all(|shard| shard.lock().unwrap().len() <= KEPT));
    }
}
