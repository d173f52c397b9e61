//! The times that callees type.

use super::callee::Draft;

/// Other times than the one that the guest wishes for, and how they are typed.
const TIMES: [(&str, &[&str]); 8] = [
    ("20:15", &["2015", "0815", "815#"]),
    ("18:45", &["1845", "0645", "645#"]),
    ("19:00", &["1900", "19#", "700#"]),
    ("21:00", &["2100", "21#", "0900"]),
    ("20:30", &["2030", "0830", "830#"]),
    ("22:00", &["2200", "22#", "1000"]),
    ("19:10", &["1910", "0710", "710#"]),
    ("23:45", &["2345", "1145"]),
];

/// A time of more than one digit that is pressed over and over: `22#` is key 2.
pub(super) fn time_of_digits(it: &mut Draft) -> String {
    loop {
        let (_, typed) = time(it);
        let digits: std::collections::BTreeSet<char> =
            typed.chars().filter(|c| *c != '#').collect();
        if digits.len() > 1 {
            return typed.to_owned();
        }
    }
}

pub(super) fn time(it: &mut Draft) -> (&'static str, &'static str) {
    let (time, typed) = it.dice.one_of(&TIMES);
    (time, it.dice.one_of(typed))
}
