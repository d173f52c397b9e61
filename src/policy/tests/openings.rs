//! Opening hours and quiet hours: a restaurant is rung while it is open or in the hour before, never
//! in the last half hour, and not in its busiest hour where that can be avoided.

use proptest::prelude::*;

use super::*;
use crate::domain::OpeningHours;
use crate::domain::opening_hours::wall_minute;
use crate::domain::zones::rules_of;

fn open(hours: &str) -> Reservation {
    Reservation {
        opening_hours: hours.parse().ok(),
        time: "2026-12-08T19:30".parse().unwrap(),
        give_up_at: at("2026-12-08T18:30:00Z"),
        ..reservation()
    }
}

fn quiet(hours: &str) -> Rules {
    Rules {
        quiet_hours: hours.parse().unwrap(),
        ..rules()
    }
}

#[track_caller]
fn judged(rules: &Rules, call: &Reservation, now: &str) -> PolicyVerdict {
    let (input, now) = (PolicyInput::default(), at(now));
    let create = rules.judge(call, landline(), DialReason::Create, &input, now);
    let attempt = DialReason::Attempt { earliest: now };
    let again = rules.judge(call, landline(), attempt, &input, now);
    assert_eq!(create, again, "an attempt is judged as a create");
    create
}

#[test]
fn a_restaurant_is_rung_by_its_opening_hours() {
    // Berlin is an hour ahead of UTC; 2026-12-01 is a Tuesday.
    let call = open("Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off");
    for (now, expected) in [
        ("2026-12-01T10:00:00Z", PolicyVerdict::Allowed),
        ("2026-12-01T12:59:59Z", PolicyVerdict::Allowed),
        (
            "2026-12-01T09:30:00Z",
            waits(WaitingFor::CallHours, at("2026-12-01T10:00:00Z")),
        ),
        (
            "2026-12-01T13:00:00Z",
            waits(WaitingFor::CallHours, at("2026-12-01T16:00:00Z")),
        ),
        // Open until 23:00, but call hours end at 21:00.
        (
            "2026-12-01T20:30:00Z",
            waits(WaitingFor::CallHours, at("2026-12-02T10:00:00Z")),
        ),
        // Closed all Monday.
        (
            "2026-12-06T21:30:00Z",
            waits(WaitingFor::CallHours, at("2026-12-08T10:00:00Z")),
        ),
    ] {
        assert_eq!(judged(&rules(), &call, now), expected, "{now}");
    }
}

#[test]
fn hours_that_leave_no_moment_are_said() {
    let closed = PolicyVerdict::Blocked(Refusal::RestaurantClosed);
    // By night only; for three days; on holidays only.
    for hours in ["22:30-24:00", "2027", "Dec 25 12:00-20:00"] {
        assert_eq!(
            judged(&rules(), &open(hours), "2026-12-01T12:00:00Z"),
            closed,
            "{hours}"
        );
    }
    let soon_over = Reservation {
        give_up_at: at("2026-12-02T08:00:00Z"),
        ..open("12:00-22:00")
    };
    assert_eq!(
        judged(&rules(), &soon_over, "2026-12-01T21:00:00Z"),
        PolicyVerdict::Blocked(Refusal::TooLate),
        "the call hours leave none either"
    );
}

#[test]
fn the_zone_is_asked_for_only_where_it_would_help() {
    // A toll-free number of North America.
    let (phone, facts) = Phone::parse("+18005550123", None).unwrap();
    let rules = Rules {
        countries: None,
        ..rules()
    };
    let judged = |hours: &str, timezone: Option<&str>| {
        let call = Reservation {
            phone,
            timezone: timezone.map(|zone| zone.parse().unwrap()),
            ..open(hours)
        };
        let now = at("2026-12-01T12:00:00Z");
        let input = PolicyInput::default();
        rules.judge(&call, Some(facts), DialReason::Create, &input, now)
    };
    let needed = PolicyVerdict::Blocked(Refusal::TimezoneNeeded);
    assert_eq!(judged("12:00-13:30", None), needed);
    assert_eq!(
        judged("12:00-13:30", Some("America/New_York")),
        waits(WaitingFor::CallHours, at("2026-12-01T16:00:00Z"))
    );
    // Closed for more than 48 hours: no zone would change that.
    let later = judged("2026 Dec 5-2027 Dec 31 00:00-24:00", None);
    assert!(matches!(later, PolicyVerdict::Waits { .. }), "{later:?}");
    assert_eq!(
        judged("2027", None),
        PolicyVerdict::Blocked(Refusal::RestaurantClosed)
    );
}

#[test]
fn the_busiest_hour_is_avoided_where_it_can_be() {
    let call = open("Tu-Su 12:00-14:30,18:00-23:00");
    let rules = quiet("12:00-13:00,19:00-20:00");
    for (now, expected) in [
        ("2026-12-01T10:59:00Z", PolicyVerdict::Allowed),
        (
            "2026-12-01T11:00:00Z",
            waits(WaitingFor::CallHours, at("2026-12-01T12:00:00Z")),
        ),
        ("2026-12-01T12:00:00Z", PolicyVerdict::Allowed),
        (
            "2026-12-01T18:20:00Z",
            waits(WaitingFor::CallHours, at("2026-12-01T19:00:00Z")),
        ),
    ] {
        assert_eq!(judged(&rules, &call, now), expected, "{now}");
    }
    // The next other moment is hours away: better the busiest hour than none.
    let lunch = open("Tu-Su 12:00-13:30");
    assert_eq!(
        judged(&rules, &lunch, "2026-12-01T11:30:00Z"),
        PolicyVerdict::Allowed
    );
    // Nothing is left after it.
    let soon_over = Reservation {
        give_up_at: at("2026-12-01T12:00:00Z"),
        ..reservation()
    };
    assert_eq!(
        judged(&rules, &soon_over, "2026-12-01T11:30:00Z"),
        PolicyVerdict::Allowed
    );
    assert_eq!(
        judged(&quiet("off"), &call, "2026-12-01T11:00:00Z"),
        PolicyVerdict::Allowed
    );
}

proptest! {
    /// At every moment that policy allows, and at every one that it names, the restaurant is within
    /// the hours in all possible zones, and the wait ends there.
    #[test]
    fn whatever_the_hours_a_restaurant_is_rung_within_them(
        hours in proptest::sample::select(vec![
            "Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off", "Fr-Sa 18:00-02:00", "24/7", "Mo-Fr 09:10-15:20",
            "12:00-12:20", "Sa[2] 11:00-12:00", "Jan-Nov 12:00-22:00",
        ]),
        number in proptest::sample::select(vec!["+4930901820", "+14155550101", "+18005550123", "+74951234567", "+18505550123"]),
        quiet_hours in proptest::sample::select(vec!["off", "on", "10:00-12:00,12:00-14:00,17:00-21:00"]),
        minutes in 0_i64..400 * 24 * 60,
    ) {
        let now = at("2026-12-01T00:00:00Z") + SignedDuration::from_mins(minutes);
        let (phone, facts) = Phone::parse(number, None).unwrap();
        let rules = Rules { countries: None, ..quiet(quiet_hours) };
        let give_up_at = now + SignedDuration::from_hours(8 * 24);
        let call = Reservation { phone, country: facts.country, timezone: None, give_up_at, ..open(hours) };
        let zones = rules.possible_zones(&call, Some(facts), now);
        let input = PolicyInput::default();
        for reason in [DialReason::Create, DialReason::Attempt { earliest: now }] {
            let until = match rules.judge(&call, Some(facts), reason, &input, now) {
                PolicyVerdict::Allowed => now,
                PolicyVerdict::Waits { until, .. } => until,
                PolicyVerdict::Blocked(refusal) => {
                    prop_assert!(matches!(refusal, Refusal::RestaurantClosed | Refusal::TimezoneNeeded), "{refusal}");
                    continue;
                }
            };
            prop_assert!(rules.hours.contain(until, &rules_of(&zones)));
            let timetable = hours.parse::<OpeningHours>().unwrap().timetable(facts.country);
            for zone in &zones {
                let local = wall_minute(crate::domain::zones::rules(zone).to_datetime(until));
                let today = local.div_euclid(24 * 60);
                let open = [timetable.open_on(today), timetable.open_on(today + 1)].concat();
                let is_open = |minutes: i64| open.iter().any(|span| span.contains(&(local + minutes)));
                prop_assert!((0..=60).any(is_open), "{until} in {zone}");
                prop_assert!(!is_open(0) || (0..=30).all(is_open), "{until} in {zone}");
            }
            let attempt = DialReason::Attempt { earliest: until };
            prop_assert_eq!(rules.judge(&call, Some(facts), attempt, &input, until), PolicyVerdict::Allowed);
        }
    }
}
