//! Times of day that are typed as digits.

use jiff::civil::Time;

/// Reads digits as a time of day, with or without the hash key that ends them: hour and minute
/// (`1930`, `730`), or the hour alone (`19`, `07`).
///
/// Where the restaurant says quarter past eight as
/// 0815 and means the evening, the reading nearest the wished time counts; an hour that is typed as
/// 00 is always midnight. `None` for what is no time at all.
#[must_use]
pub fn read_time(digits: &str, wished: Time) -> Option<Time> {
    let digits = digits.strip_suffix('#').unwrap_or(digits);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // A single digit is rather a key of the menu than an hour.
    let (hour, minute) = match digits.len() {
        2 => (digits, "0"),
        3 => digits.split_at(1),
        4 => digits.split_at(2),
        _ => return None,
    };
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let first = Time::new(hour, minute, 0, 0).ok()?;
    let second = match hour {
        0 => None,
        1..=11 => Time::new(hour + 12, minute, 0, 0).ok(),
        12 => Time::new(0, minute, 0, 0).ok(),
        _ => None,
    };
    let minutes = |time: Time| i16::from(time.hour()) * 60 + i16::from(time.minute());
    let distance = |time: &Time| (minutes(*time) - minutes(wished)).abs();
    std::iter::once(first).chain(second).min_by_key(distance)
}
