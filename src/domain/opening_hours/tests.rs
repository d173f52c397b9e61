//! Hours as people write them, and what follows from them.

use proptest::prelude::*;

use super::*;

fn hours(text: &str) -> OpeningHours {
    text.parse().unwrap()
}

#[test]
fn hours_without_an_end_last_into_the_night() {
    for (text, ended) in [
        ("We 18:00+", "We 18:00-28:00"),
        ("18:00+", "18:00-28:00"),
        ("2024+ Mo 18:00+", "2024+ Mo 18:00-28:00"),
        (
            "We 12:00-14:00,18:00-22:00+; Th off",
            "We 12:00-14:00,18:00-28:00; Th off",
        ),
        ("sunset-22:00+", "sunset-28:00"),
        ("We (sunset+01:00)-23:00", "We (sunset+01:00)-23:00"),
    ] {
        assert_eq!(with_ends(text), ended);
        assert!(read(ended).is_ok(), "{ended}");
    }
    for text in ["2024+", "00+", "+", "++", "1:00+"] {
        assert_eq!(with_ends(text), text, "no time stands before the sign");
    }
    let timetable = hours("We 18:00+").timetable(None);
    // 2027-04-07 is a Wednesday.
    for (time, is_open) in [
        ("2027-04-07T17:59", false),
        ("2027-04-07T23:00", true),
        ("2027-04-08T00:30", true),
        ("2027-04-08T04:00", false),
    ] {
        assert_eq!(timetable.is_open(time.parse().unwrap()), is_open, "{time}");
    }
}

#[test]
fn hours_are_read_as_they_are_copied_from_pages_and_files() {
    assert_eq!(
        hours("Mo\u{2013}Fr 12:00\u{2013}14:30").as_str(),
        "Mo-Fr 12:00-14:30"
    );
    assert_eq!(hours("\"Mo-Su 12:00-22:00\"").as_str(), "Mo-Su 12:00-22:00");
}

/// 2027-04-07 is a Wednesday.
#[test]
fn a_fallback_counts_whenever_the_rules_before_it_are_closed() {
    for (text, open, closed) in [
        (
            "We 12:00-15:00 || We 18:00-23:00",
            "12:30 19:00",
            "11:00 16:00 23:00",
        ),
        ("Mo-Su 12:00-14:00 || 18:00-23:00", "13:00 19:00", "15:00"),
        ("We off || 18:00-23:00", "19:00", "12:00"),
        ("We 12:00-15:00 || \"or || by call\"", "13:00 19:00", ""),
        ("We 12:00-15:00 || unknown", "13:00 19:00", ""),
        (
            "We 12:00-15:00 || We 14:00-17:00 || We 16:00-18:00",
            "14:30 16:30 17:30",
            "18:00",
        ),
        ("We 12:00-15:00 || closed", "13:00", "19:00"),
    ] {
        let timetable = hours(text).timetable(None);
        let is_open = |time: &str| timetable.is_open(at(&format!("2027-04-07T{time}")));
        assert!(open.split_whitespace().all(is_open), "{text}");
        assert!(!closed.split_whitespace().any(is_open), "{text}");
    }
}

fn table(text: &str, country: &str) -> Timetable {
    hours(text).timetable(country.parse().ok())
}

fn at(text: &str) -> TableTime {
    text.parse().unwrap()
}

#[test]
fn hours_of_a_week_with_holidays() {
    // 2026-12-25 is a Friday and a public holiday; 2026-12-28 is a Monday.
    let table = table("Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off", "DE");
    for open in ["2026-12-23T12:00", "2026-12-23T14:29", "2026-12-24T22:59"] {
        assert!(table.is_open(at(open)), "{open}");
    }
    for closed in [
        "2026-12-23T11:59",
        "2026-12-23T14:30",
        "2026-12-23T23:00",
        "2026-12-25T19:00",
        "2026-12-28T19:00",
    ] {
        assert!(!table.is_open(at(closed)), "{closed}");
    }
    let next = table.opens_after(wall_minute(at("2026-12-24T23:00").get()), 7);
    let next = next.and_then(wall_time).unwrap();
    assert_eq!(next, at("2026-12-27T12:00").get());
}

#[test]
fn holidays_are_those_of_the_country() {
    let lunch = "Mo-Su 12:00-14:30; PH off";
    let bastille = at("2027-07-14T13:00");
    assert!(!table(lunch, "FR").is_open(bastille));
    assert!(table(lunch, "US").is_open(bastille));
    assert!(hours(lunch).timetable(None).is_open(bastille));
    // A holiday of some regions: whether it is one here is not known.
    assert!(table(lunch, "DE").is_open(at("2027-03-08T13:00")));
}

#[test]
fn hours_beyond_midnight_belong_to_the_evening_before() {
    let table = table("Fr-Sa 18:00-02:00", "US");
    assert!(table.is_open(at("2026-12-06T01:30")), "Sunday night");
    assert!(!table.is_open(at("2026-12-06T02:00")));
    assert!(!table.is_open(at("2026-12-04T01:30")), "Friday morning");
    assert_eq!(table.open_on(20_791).len(), 1);
}

#[test]
fn always_and_never() {
    assert!(table("24/7", "US").is_open(at("2026-12-04T04:00")));
    let never = table("off", "US");
    assert!(!never.is_open(at("2026-12-04T19:00")));
    assert_eq!(never.opens_after(0, 400), None);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    assert_eq!(
        "Tu-Su 12:00-14:30; Xx 10:00".parse::<OpeningHours>(),
        Err(OpeningHoursError::Unreadable(Some(20)))
    );
    for wrong in [
        "",
        ";",
        "tomorrow",
        "12-14",
        "Mo 25:00-26:00",
        "Mo\n12:00-14:00",
    ] {
        let code = wrong.parse::<OpeningHours>().unwrap_err().code();
        assert_eq!(code, "not_opening_hours", "{wrong}");
    }
    let long = format!("Mo 12:00-14:00 \"{}\"", "x".repeat(300));
    assert_eq!(
        long.parse::<OpeningHours>(),
        Err(OpeningHoursError::TooLong)
    );
    let wide = format!("Mo 12:00-14:00 \"{}\"", "食".repeat(200));
    assert_eq!(
        wide.parse::<OpeningHours>(),
        Err(OpeningHoursError::TooLong)
    );
    let ended = "Mo 12:00-14:00; Tu off;".parse::<OpeningHours>().unwrap();
    assert_eq!(ended.as_str(), "Mo 12:00-14:00; Tu off");
}

/// Reading takes three times as long with each further date of such a list.
#[test]
fn a_list_that_takes_the_grammar_for_ever_is_refused() {
    for part in ["Jan Mo[1]", "Jan Mo[-1]", "2027 Jan Mo[1]"] {
        let text = vec![part; OpeningHours::MAX_CHARS / (part.len() + 1)].join(",");
        let refused = text.parse::<OpeningHours>().map_err(|error| error.code());
        assert_eq!(refused, Err("not_opening_hours"), "{text}");
    }
    let long = "Mo 11:00-14:00; Tu-Fr 11:30-14:30,17:30-22:00; Sa,Su,PH 11:30-22:00; Dec 24-26 off; \
                Jan 1 off; easter off; easter +1 day off; Aug 1-15 off; Jul Su[1] off; Mo[1] off";
    assert!(long.parse::<OpeningHours>().is_ok());
}

const PARTS: [&str; 44] = [
    "Mo",
    "Tu-Su",
    "Sa,Su",
    "PH",
    "SH",
    "; ",
    ", ",
    " || ",
    ",",
    " ",
    "-",
    "off",
    "open",
    "unknown",
    "\"x\"",
    "12:00-14:30",
    "18:00-26:00",
    "00:00-48:00",
    "22:00-02:00",
    "18:00+",
    "10:00-16:00/90",
    "(sunset-01:30)-dusk",
    "sunrise-sunset",
    "24/7",
    "week 1-53/2",
    "Jan",
    "Feb-Mar",
    "Jan 1-Dec 31",
    "2026",
    "2026-2030/2",
    "2024+",
    "easter",
    "easter -2 days",
    "easter +9999 days-Dec 31",
    "Jan Mo[1]",
    "Mo[1,3]",
    "Mo[-1]",
    "PH +9999 days",
    "Feb 29",
    "Dec 31 +1 day",
    "Jan 1 -Mo",
    "9999 Dec 31 +5 days",
    "é",
    "31",
];

proptest! {
    /// Whatever is written is refused, or a timetable of spans that lie within their day.
    #[test]
    fn any_text_is_refused_or_a_timetable(
        parts in proptest::collection::vec(proptest::sample::select(PARTS.to_vec()), 0..40),
        noise in ".{0,40}",
        day in -200_000_i64..3_000_000,
    ) {
        for text in [parts.concat(), parts.join(" "), noise] {
            let Ok(hours) = text.parse::<OpeningHours>() else { continue };
            prop_assert_eq!(hours.as_str().parse(), Ok(hours.clone()));
            let open = hours.timetable("DE".parse().ok()).open_on(day);
            let mut before = day * DAY - 1;
            for span in open {
                prop_assert!(before < span.start && span.start < span.end && span.end <= (day + 1) * DAY);
                before = span.end;
            }
        }
    }

    #[test]
    fn minutes_are_times(minute in -10_000_000_i64..100_000_000) {
        prop_assert_eq!(wall_time(minute).map(wall_minute), Some(minute));
    }
}
