//! A number as anybody may write it: refused, or one of E.164 that stays the same however it is
//! read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tablecall::internals::{Country, Phone, zones};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The first two characters may name the country in which the rest is dialled.
    let named = text.get(..2).and_then(|code| code.parse::<Country>().ok());
    let text = if named.is_some() { text.get(2..).unwrap_or_default() } else { text };
    let Ok((phone, facts)) = Phone::parse(text, named) else { return };
    let written = phone.to_string();
    assert!(written.starts_with('+') && (3..=16).contains(&written.len()));
    assert!(written[1..].bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(Phone::from_e164(&written), Some(phone));
    assert_eq!(phone.facts(), Some(facts), "{written}");
    assert_eq!(Phone::parse(&written, None), Ok((phone, facts)), "{written}");
    for country in [named, facts.country, None] {
        let groups = phone.groups(country).concat();
        let digits = groups.trim_start_matches('+');
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), "{written}: {groups}");
    }
    assert!(!format!("{phone:?}").contains(&written[1..]), "a number is never logged whole");
    assert!(zones::of_number(phone, facts, None).len() < 200);
});
