//! Numbers of every kind, in every month: either a moment is found that suits all zones in which the
//! number can lie, or the zone is asked for.

use jiff::ToSpan as _;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::zones::{self, rules_of};

/// A number of each kind and case: with a place, without one, divided area codes, shared ones, and
/// those of no country.
const NUMBERS: [&str; 32] = [
    "+14155550101",
    "+18005550123",
    "+18505550123",
    "+18675550123",
    "+12505550123",
    "+12425021234",
    "+16713001234",
    "+442079460958",
    "+447911123456",
    "+443001234567",
    "+353212345678",
    "+4930901820",
    "+34612345678",
    "+351912345678",
    "+61733331234",
    "+61491570156",
    "+611800123456",
    "+74951234567",
    "+79123456789",
    "+78001234567",
    "+77123456789",
    "+5511912345678",
    "+56961234567",
    "+525512345678",
    "+628123456789",
    "+8613912345678",
    "+919812345678",
    "+6421123456",
    "+80012345678",
    "+299321000",
    "+815012345678",
    "+611300123456",
];

fn hours_only() -> Rules {
    Rules {
        countries: None,
        kinds: NumberKinds::default(),
        hours: "10:00-21:00".parse().unwrap(),
        quiet_hours: QuietHours::OFF,
        // Australian local-rate numbers are rung from Australia alone.
        own_numbers: Phone::from_e164("+61293744000").into_iter().collect(),
        limits: CallLimits::OFF,
    }
}

#[test]
fn the_numbers_are_of_every_kind_that_is_rung() {
    let kinds = NUMBERS.map(|number| Phone::parse(number, None).unwrap().1.kind);
    for kind in LineKind::ALL {
        let is_rung = NumberKinds::default().rule(kind) != KindRule::Never;
        assert_eq!(is_rung, kinds.contains(&kind), "{kind}");
    }
}

fn week(phone: Phone, now: Timestamp, timezone: Option<&str>) -> Reservation {
    Reservation {
        phone,
        timezone: timezone.map(|zone| zone.parse().unwrap()),
        give_up_at: now + SignedDuration::from_hours(7 * 24),
        ..reservation()
    }
}

/// Midnight in UTC on the first of each month of a year.
fn months() -> impl Iterator<Item = Timestamp> {
    let first = date(2026, 12, 1).to_zoned(TimeZone::UTC).unwrap();
    (0..12).map(move |month| first.checked_add(month.months()).unwrap().timestamp())
}

/// The verdict for a new call, at every half hour of the following day.
#[test]
fn a_call_that_is_given_a_week_finds_a_moment_or_is_asked_for_the_zone() {
    let rules = hours_only();
    let (mut found, mut asked) = (0, 0);
    for number in NUMBERS {
        let (phone, facts) = Phone::parse(number, None).unwrap();
        for now in months() {
            let possible = zones::of_number(phone, facts, None);
            let at = now + SignedDuration::from_mins(30 * (i64::from(found) % 48));
            let input = PolicyInput::default();
            let call = week(phone, at, None);
            match rules.judge(&call, Some(facts), DialReason::Create, &input, at) {
                PolicyVerdict::Allowed => {
                    assert!(
                        rules.hours.contain(at, &rules_of(&possible)),
                        "{number} at {at}"
                    );
                    found += 1;
                }
                PolicyVerdict::Waits { until, .. } => {
                    assert!(
                        rules.hours.contain(until, &rules_of(&possible)),
                        "{number} at {until}"
                    );
                    found += 1;
                }
                PolicyVerdict::Blocked(Refusal::TimezoneNeeded) => {
                    assert_ne!(zones::distinct(&possible, at).len(), 1, "{number}");
                    asked += 1;
                }
                PolicyVerdict::Blocked(refusal) => panic!("{number} in {at}: {refusal}"),
            }
        }
    }
    assert!(found > 300 && asked >= 12, "{found} found, {asked} asked");
}

/// Any possible zone that a client gives leads to an allowed moment.
#[test]
fn with_its_zone_every_number_finds_a_moment() {
    let rules = hours_only();
    for number in NUMBERS {
        let (phone, facts) = Phone::parse(number, None).unwrap();
        let nameable = zones::nameable(phone, facts, None);
        let nameable = if nameable.is_empty() {
            vec!["Asia/Tokyo"]
        } else {
            nameable
        };
        for now in months() {
            for zone in zones::distinct(&nameable, now) {
                let call = week(phone, now, Some(zone));
                let input = PolicyInput::default();
                let verdict = rules.judge(&call, Some(facts), DialReason::Create, &input, now);
                let until = match verdict {
                    PolicyVerdict::Allowed => now,
                    PolicyVerdict::Waits { until, .. } => until,
                    PolicyVerdict::Blocked(refusal) => panic!("{number} in {zone}: {refusal}"),
                };
                assert!(
                    rules.hours.contain(until, &rules_of(&[zone])),
                    "{number} in {zone}"
                );
            }
        }
    }
}

#[test]
fn toll_free_numbers_are_rung_all_year_where_one_of_their_countries_is_allowed() {
    let (phone, facts) = Phone::parse("+18005550123", None).unwrap();
    for allowed in [&["US"][..], &["CA"], &["US", "CA"], &["JM"]] {
        let countries = allowed.iter().map(|code| code.parse().unwrap()).collect();
        let rules = Rules {
            countries: Some(countries),
            ..hours_only()
        };
        for now in months() {
            let call = week(phone, now, None);
            let input = PolicyInput::default();
            let verdict = rules.judge(&call, Some(facts), DialReason::Create, &input, now);
            assert!(
                !matches!(verdict, PolicyVerdict::Blocked(_)),
                "{allowed:?}: {verdict:?}"
            );
        }
    }
    let elsewhere = rules();
    let call = week(phone, noon(), None);
    let input = PolicyInput::default();
    assert_eq!(
        elsewhere.judge(&call, Some(facts), DialReason::Create, &input, noon()),
        PolicyVerdict::Blocked(Refusal::Country)
    );
}

#[test]
fn local_rate_numbers_are_rung_from_their_country_only() {
    let input = PolicyInput::default();
    for (number, from) in [
        ("+611300123456", "+61293744000"),
        ("+864001234567", "+861012345678"),
        ("+554040041234", "+551123456789"),
        ("+554004123", "+551123456789"),
        ("+55400412345", "+551123456789"),
        ("+966920012345", "+966112345678"),
        ("+27860123456", "+27101234567"),
        ("+27861123456", "+27101234567"),
        ("+46771234567", "+468123456"),
        ("+35970012345", "+35929876543"),
        ("+48801234567", "+48221234567"),
    ] {
        let Ok((phone, facts)) = Phone::parse(number, None) else {
            continue;
        };
        if facts.kind != LineKind::LocalRate {
            panic!("{number}: {:?}", facts.kind);
        }
        let judged = |own: &str| {
            let rules = Rules {
                own_numbers: vec![Phone::from_e164(own).unwrap()],
                hours: Hours::ALWAYS,
                ..hours_only()
            };
            let call = week(phone, noon(), None);
            rules.judge(&call, Some(facts), DialReason::Create, &input, noon())
        };
        assert_eq!(judged(from), PolicyVerdict::Allowed, "{number}");
        let abroad = PolicyVerdict::Blocked(Refusal::NumberKind(LineKind::LocalRate));
        assert_eq!(judged("+14155550199"), abroad, "{number}");
    }
}

/// Satellites and all other numbers of no country but +800 are never rung, whatever is opened.
#[test]
fn numbers_of_no_country_are_never_rung() {
    let opened = Rules {
        kinds: "+premium,+shared_cost,+personal,+surcharged"
            .parse()
            .unwrap(),
        hours: Hours::ALWAYS,
        ..hours_only()
    };
    for number in [
        "+870301234567",
        "+870773111632",
        "+881612345678",
        "+8823421234",
        "+883510012345678",
        "+883510012345",
        "+80812345678",
        "+979123456789",
        "+88812345678901",
        "+878101234567890",
    ] {
        let Ok((phone, facts)) = Phone::parse(number, None) else {
            continue;
        };
        let call = week(phone, noon(), None);
        let verdict = opened.judge(
            &call,
            Some(facts),
            DialReason::Create,
            &PolicyInput::default(),
            noon(),
        );
        let never = PolicyVerdict::Blocked(Refusal::NumberKind(LineKind::Global));
        assert_eq!(verdict, never, "{number}");
    }
}

#[test]
fn numbers_with_a_surcharge_are_refused_like_premium_ones() {
    for (number, kind) in [
        ("+39199123456", LineKind::Surcharged),
        ("+391781234567", LineKind::Surcharged),
        ("+351707123456", LineKind::Surcharged),
        ("+81570123456", LineKind::Surcharged),
        ("+548101234567", LineKind::Surcharged),
        ("+447012345678", LineKind::Personal),
        ("+4970012345678", LineKind::Personal),
        ("+15002345678", LineKind::Personal),
    ] {
        let (phone, facts) = Phone::parse(number, None).unwrap();
        assert_eq!(facts.kind, kind, "{number}");
        let call = week(phone, noon(), None);
        let input = PolicyInput::default();
        let verdict = hours_only().judge(&call, Some(facts), DialReason::Create, &input, noon());
        assert_eq!(
            verdict,
            PolicyVerdict::Blocked(Refusal::NumberKind(kind)),
            "{number}"
        );
    }
    for number in [
        "+82215881234",
        "+8215441234",
        "+904441444",
        "+33806123456",
        "+443001234567",
    ] {
        if let Ok((_, facts)) = Phone::parse(number, None) {
            assert_eq!(
                NumberKinds::default().rule(facts.kind),
                KindRule::Always,
                "{number}"
            );
        }
    }
}

proptest! {
    /// At every moment that policy allows, every possible zone is inside the hours; at every other
    /// moment that it names, too.
    #[test]
    fn no_possible_zone_is_rung_outside_the_hours(
        number in proptest::sample::select(NUMBERS.to_vec()),
        minutes in 0_i64..400 * 24 * 60,
        allowed in proptest::sample::select(vec![None, Some(vec!["US", "CA"]), Some(vec!["US"])]),
    ) {
        let now = at("2026-12-01T00:00:00Z") + SignedDuration::from_mins(minutes);
        let (phone, facts) = Phone::parse(number, None).unwrap();
        let countries: Option<Vec<Country>> =
            allowed.map(|codes| codes.iter().map(|code| code.parse().unwrap()).collect());
        let possible = zones::of_number(phone, facts, countries.as_deref()).into_owned();
        let rules = Rules { countries, ..hours_only() };
        for reason in [DialReason::Create, DialReason::Attempt { earliest: now }] {
            let call = week(phone, now, None);
            let judged = rules.judge(&call, Some(facts), reason, &PolicyInput::default(), now);
            match judged {
                PolicyVerdict::Allowed => prop_assert!(rules.hours.contain(now, &rules_of(&possible))),
                PolicyVerdict::Waits { until, .. } => prop_assert!(rules.hours.contain(until, &rules_of(&possible))),
                PolicyVerdict::Blocked(_) => {}
            }
        }
    }
}

/// Prints how long one judgement takes: `cargo test --release --lib judgement -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, which can neither fail nor pass"]
fn time_of_a_judgement() {
    const ROUNDS: u32 = 2_000;
    let rules = hours_only();
    let input = PolicyInput::default();
    let night = at("2026-12-01T03:00:00Z");
    for (number, hours) in [
        ("+14155550101", None),
        ("+79123456789", None),
        ("+18005550123", None),
        (
            "+14155550101",
            Some("Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off"),
        ),
    ] {
        let (phone, facts) = Phone::parse(number, None).unwrap();
        let call = Reservation {
            opening_hours: hours.and_then(|hours| hours.parse().ok()),
            ..week(phone, night, None)
        };
        let judge = || rules.judge(&call, Some(facts), DialReason::Create, &input, night);
        // The first one reads the tables.
        std::hint::black_box(judge());
        let begun = std::time::Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(judge());
        }
        println!("{number} {hours:?}: {:?}", begun.elapsed() / ROUNDS);
    }
}
