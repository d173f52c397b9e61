//! Times that staff type, and the days that they mean.

use super::*;
use crate::domain::{Alternatives, TableTime};

/// The time of day that digits mean for a table at `wished`.
fn time_of_day(digits: &str, wished: Time) -> Option<Time> {
    read_time(digits, &table_at(wished)).map(|offered| offered.time)
}

/// Date and time that digits mean for a table.
fn moment(digits: &str, table: &WishedTable) -> String {
    let offered = read_time(digits, table).expect("it is a time");
    TableTime::from(table.at).at(offered).to_string()
}

fn table(at: &str) -> WishedTable {
    WishedTable {
        at: at.parse::<TableTime>().unwrap().get(),
        alternatives: None,
        now: None,
    }
}

fn between(earliest: Time, latest: Time) -> Option<Alternatives> {
    Some(Alternatives { earliest, latest })
}

#[test]
fn twelve_hour_habits_are_understood() {
    let evening = time(19, 30, 0, 0);
    assert_eq!(time_of_day("0815", evening), Some(time(20, 15, 0, 0)));
    assert_eq!(
        time_of_day("0815", time(9, 0, 0, 0)),
        Some(time(8, 15, 0, 0))
    );
    assert_eq!(
        time_of_day("1215", time(0, 30, 0, 0)),
        Some(time(0, 15, 0, 0))
    );
    assert_eq!(
        time_of_day("1200", evening),
        Some(time(12, 0, 0, 0)),
        "noon is nearer than midnight"
    );
}

#[test]
fn times_are_typed_in_many_ways() {
    let evening = time(19, 30, 0, 0);
    for (digits, hour, minute) in [
        ("0000", 0, 0),
        ("2400", 0, 0),
        ("2400#", 0, 0),
        ("000#", 0, 0),
        ("00", 0, 0),
        ("0015", 0, 15),
        ("015#", 0, 15),
        ("1930", 19, 30),
        ("1930#", 19, 30),
        ("0730", 19, 30),
        ("730", 19, 30),
        ("730#", 19, 30),
        ("19", 19, 0),
        ("19#", 19, 0),
        ("07", 19, 0),
        ("12", 12, 0),
        ("2359", 23, 59),
    ] {
        let read = time_of_day(digits, evening);
        assert_eq!(read, Some(time(hour, minute, 0, 0)), "{digits}");
    }
    for nonsense in [
        "015", "000", "2575", "2401", "2460", "1960", "780", "24", "99", "8", "8#", "", "#", "##",
        "+815", "-815", "08a5", "99999", "19300", "*", "٠٨١٥",
    ] {
        assert_eq!(time_of_day(nonsense, evening), None, "{nonsense}");
        if !nonsense.is_empty() && !nonsense.starts_with('*') {
            assert!(
                matches!(
                    play(&["3", nonsense], &FACTS).1,
                    Reply::AskTime {
                        because: TimePrompt::NotATime,
                        ..
                    }
                ),
                "{nonsense} is explained"
            );
        }
    }
}

#[test]
fn a_time_on_the_other_side_of_midnight_is_on_the_day_beside_the_tables() {
    for (at, digits, meant) in [
        ("2027-06-18T23:30", "0015", "2027-06-19T00:15"),
        ("2027-06-18T23:30", "1215", "2027-06-19T00:15"),
        ("2027-06-18T23:30", "2400", "2027-06-19T00:00"),
        ("2027-06-18T21:00", "0000", "2027-06-19T00:00"),
        ("2027-06-18T19:30", "00", "2027-06-19T00:00"),
        ("2027-06-18T22:00", "0100", "2027-06-19T01:00"),
        ("2027-06-18T22:00", "100", "2027-06-19T01:00"),
        ("2027-06-18T00:15", "2330", "2027-06-17T23:30"),
        ("2027-06-18T00:15", "1130", "2027-06-17T23:30"),
        ("2027-06-18T00:15", "0900", "2027-06-17T21:00"),
        ("2027-06-18T00:00", "2345", "2027-06-17T23:45"),
        ("2026-12-31T23:30", "0030", "2027-01-01T00:30"),
        ("2027-01-01T00:15", "2300", "2026-12-31T23:00"),
        ("2028-02-28T23:00", "0045", "2028-02-29T00:45"),
        // The table's own day.
        ("2027-06-18T23:30", "2215", "2027-06-18T22:15"),
        ("2027-06-18T23:30", "1100", "2027-06-18T23:00"),
        ("2027-06-18T00:15", "0100", "2027-06-18T01:00"),
        ("2027-06-18T01:00", "1215", "2027-06-18T00:15"),
        ("2027-06-18T19:00", "0100", "2027-06-18T13:00"),
        ("2027-06-18T20:00", "0200", "2027-06-18T14:00"),
        ("2027-06-18T12:00", "0000", "2027-06-18T00:00"),
        // The evening of a breakfast, though the evening before is nearer.
        ("2027-06-18T09:00", "2230", "2027-06-18T22:30"),
    ] {
        assert_eq!(moment(digits, &table(at)), meant, "{digits} for {at}");
    }
}

#[test]
fn no_time_is_offered_that_is_past_when_another_is_not() {
    for (at, now, digits, meant) in [
        (
            "2027-06-18T00:15",
            "2027-06-17T23:40",
            "2330",
            "2027-06-18T23:30",
        ),
        (
            "2027-06-18T00:15",
            "2027-06-17T23:20",
            "2330",
            "2027-06-17T23:30",
        ),
        (
            "2027-06-18T20:00",
            "2027-06-18T19:00",
            "1830",
            "2027-06-19T18:30",
        ),
        (
            "2027-06-18T20:00",
            "2027-06-18T19:00",
            "0630",
            "2027-06-19T18:30",
        ),
        (
            "2027-06-18T12:00",
            "2027-06-18T09:00",
            "0000",
            "2027-06-19T00:00",
        ),
    ] {
        let table = WishedTable {
            now: Some(now.parse().unwrap()),
            ..table(at)
        };
        assert_eq!(moment(digits, &table), meant, "{digits} for {at} at {now}");
    }
}

#[test]
fn what_the_guest_allowed_is_meant_on_the_tables_day_and_never_across_midnight() {
    let allowed = |at: &str, alternatives, digits: &str| {
        let table = WishedTable {
            alternatives,
            ..table(at)
        };
        let offered = read_time(digits, &table).unwrap();
        offered.is_same_day() && alternatives.unwrap().contains(offered.time)
    };
    let evening = between(time(18, 0, 0, 0), time(21, 0, 0, 0));
    assert!(allowed("2027-06-18T19:30", evening, "1800"));
    assert!(allowed("2027-06-18T19:30", evening, "0900"));
    let late = between(time(8, 0, 0, 0), time(23, 0, 0, 0));
    assert!(allowed("2027-06-18T09:00", late, "2230"));
    // A guest who would come at any time of this day has not said so of the next one.
    let all_day = between(time(0, 0, 0, 0), time(23, 59, 0, 0));
    assert!(!allowed("2027-06-18T23:30", all_day, "0015"));
    assert!(!allowed("2027-06-18T00:15", all_day, "2330"));
    assert!(allowed("2027-06-18T23:30", all_day, "2200"));
    let past = WishedTable {
        alternatives: evening,
        now: Some("2027-06-18T18:40".parse().unwrap()),
        ..table("2027-06-18T20:00")
    };
    assert_eq!(moment("1830", &past), "2027-06-18T18:30", "as ever");
}

#[test]
fn an_offer_for_another_day_is_read_back_and_decides_as_such() {
    let context = TalkContext {
        table: table("2027-06-18T23:30"),
        ..FACTS
    };
    let next_day = "00:15:00+1".parse().unwrap();
    assert!(
        matches!(play(&["3", "0015"], &context).1, Reply::CheckTime { time, .. } if time == next_day)
    );
    assert_eq!(
        play(&["3", "0015", "1"], &context).0,
        KeyResult::Decided(Decision::OtherTime(next_day))
    );
}

fn minutes_between(one: DateTime, other: DateTime) -> i64 {
    one.duration_since(other).as_mins().abs()
}

proptest! {
    #[test]
    fn an_hour_that_is_typed_in_full_is_the_nearest(
        hour in 0..24_i8, minute in 0..60_i8, typed_hour in prop_oneof![Just(0_i8), 13..24_i8], typed_minute in 0..60_i8
    ) {
        let table = table_at(Time::new(hour, minute, 0, 0).unwrap());
        let digits = format!("{typed_hour:02}{typed_minute:02}");
        let offered = read_time(&digits, &table).unwrap();
        prop_assert_eq!(offered.time, Time::new(typed_hour, typed_minute, 0, 0).unwrap());
        let meant = TableTime::from(table.at).at(offered).get();
        let distance = minutes_between(meant, table.at);
        let is_night = |hour: i8| hour < 5;
        prop_assert!(distance <= 12 * 60 || !is_night(hour) && !is_night(typed_hour), "{}: {}", digits, meant);
        prop_assert!(offered.is_same_day() || is_night(hour) != is_night(typed_hour), "{}: {}", digits, meant);
        if distance == 12 * 60 {
            prop_assert!(offered.is_same_day());
        }
    }

    #[test]
    fn what_is_typed_is_in_the_future_and_no_further_than_two_days(
        hour in 0..24_i8, minute in 0..60_i8, digits in "[0-9]{2,4}", before in 1..3_000_i64
    ) {
        let at = table_at(Time::new(hour, minute, 0, 0).unwrap());
        let now = at.at.saturating_sub(jiff::SignedDuration::from_mins(before));
        let table = WishedTable { now: Some(now), ..at };
        let Some(offered) = read_time(&digits, &table) else { return Ok(()) };
        prop_assert_eq!(read_time(&digits, &at).unwrap().time, offered.time, "only the day depends on the clock");
        let meant = TableTime::from(table.at).at(offered).get();
        prop_assert!(meant > now, "{}: {} at {}", digits, meant, now);
    }
}
