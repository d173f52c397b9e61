//! The tables against what regulators and the time zone database say, number by number.

use std::collections::BTreeSet;

use super::*;

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn facts(phone: Phone) -> PhoneFacts {
    phone.facts().unwrap()
}

/// The zones of a number where every country may be rung; of each clock the first.
fn zones(text: &str) -> Vec<&'static str> {
    let phone = Phone::from_e164(text).unwrap();
    distinct(&of_number(phone, facts(phone), None), now())
}

/// Returns whether the zones of a number keep just the clocks of these.
fn assert_clocks(text: &str, expected: &[&str]) {
    let today = now().as_second().div_euclid(86_400);
    let clocks = |zones: &[&str]| -> BTreeSet<u64> {
        zones.iter().map(|zone| clock_hash(zone, today)).collect()
    };
    let found = zones(text);
    assert_eq!(clocks(&found), clocks(expected), "{text}: {found:?}");
}

#[test]
fn a_number_with_a_place_lies_in_one_zone() {
    for (number, zone) in [
        ("+14155550101", "America/Los_Angeles"),
        ("+4930901820", "Europe/Berlin"),
        ("+34912345678", "Europe/Madrid"),
        ("+34928123456", "Atlantic/Canary"),
        ("+16895550123", "America/New_York"),
        ("+14235550123", "America/New_York"),
        ("+14745550123", "America/Regina"),
        ("+13105550123", "America/Los_Angeles"),
        ("+61733331234", "Australia/Brisbane"),
        ("+61893331234", "Australia/Perth"),
        ("+61889331234", "Australia/Darwin"),
        ("+61883331234", "Australia/Adelaide"),
        ("+558132345678", "America/Recife"),
        ("+558136191234", "America/Noronha"),
        ("+559132345678", "America/Belem"),
        ("+559332345678", "America/Santarem"),
        ("+559432345678", "America/Belem"),
        ("+12507855123", "America/Dawson_Creek"),
        ("+12502625123", "America/Dawson_Creek"),
        ("+12502615123", "America/Dawson_Creek"),
        ("+12507845123", "America/Dawson_Creek"),
        ("+12503425123", "America/Edmonton"),
        ("+61891681234", "Australia/Perth"),
        ("+61891691234", "Australia/Perth"),
        ("+61891621234", "Indian/Cocos"),
        ("+61891641234", "Indian/Christmas"),
        ("+18677665123", "America/Edmonton"),
        ("+526141234567", "America/Chihuahua"),
        ("+526591234567", "America/Chihuahua"),
        ("+526571234567", "America/Ciudad_Juarez"),
        ("+212522123456", "Africa/Casablanca"),
        ("+21321123456", "Africa/Algiers"),
        ("+218211234567", "Africa/Tripoli"),
        ("+50522123456", "America/Managua"),
        ("+211912345678", "Africa/Juba"),
        ("+74012123456", "Europe/Kaliningrad"),
        ("+56322100123", "Pacific/Easter"),
        ("+262269612345", "Indian/Mayotte"),
        ("+262262161234", "Indian/Reunion"),
    ] {
        assert_clocks(number, &[zone]);
    }
}

/// Each prefix of the table is found by a number that begins with it, however long it is.
#[test]
fn the_longest_prefix_counts() {
    let text = include_str!("numbers.txt");
    let prefixes: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    for prefix in &prefixes {
        let number = format!("{prefix:5<13}");
        let longest = (1..=number.len())
            .rev()
            .filter_map(|length| TABLES.prefixes.get(&number[..length].parse().ok()?))
            .map(|set| &TABLES.sets[usize::from(*set)]);
        let phone = Phone::from_e164(&format!("+{number}")).unwrap();
        assert_eq!(
            of_prefix(phone, |_| true),
            longest.map(|zones| &**zones).next(),
            "{prefix}"
        );
    }
    assert_clocks("+8613000961234", &["Asia/Shanghai", "Asia/Urumqi"]);
    assert_clocks("+8613204491234", &["Asia/Shanghai"]);
}

#[test]
fn an_unlisted_exchange_of_a_divided_area_code_lies_in_all_its_zones() {
    let (east, central) = ("America/New_York", "America/Chicago");
    for area in [
        "219", "270", "364", "448", "574", "606", "812", "850", "906", "930", "931",
    ] {
        assert_clocks(&format!("+1{area}5550123"), &[east, central]);
    }
    for area in ["308", "432", "605", "620", "701", "785"] {
        assert_clocks(&format!("+1{area}5550123"), &[central, "America/Denver"]);
    }
    for area in ["208", "458", "541", "775", "986"] {
        assert_clocks(
            &format!("+1{area}5550123"),
            &["America/Boise", "America/Los_Angeles"],
        );
    }
    assert_clocks("+19285550123", &["America/Phoenix", "America/Denver"]);
    for area in ["236", "250", "672", "778"] {
        assert_clocks(
            &format!("+1{area}5550123"),
            &["America/Vancouver", "America/Edmonton"],
        );
    }
    assert_clocks(
        "+14185550123",
        &["America/Toronto", "America/Halifax", "America/Blanc-Sablon"],
    );
    assert_eq!(zones("+18675550123").len(), 5);
}

/// Mobiles and other numbers without a place can be anywhere in their country.
#[test]
fn a_number_without_a_place_lies_in_all_zones_of_its_country() {
    assert_clocks("+34612345678", &["Europe/Madrid", "Atlantic/Canary"]);
    for (number, country) in [("+61491570156", "AU"), ("+79123456789", "RU")] {
        let all = of_country(country.parse().unwrap());
        assert_clocks(number, all);
    }
    assert_clocks(
        "+56961234567",
        &[
            "America/Santiago",
            "America/Punta_Arenas",
            "America/Coyhaique",
            "Pacific/Easter",
        ],
    );
    assert_clocks(
        "+628123456789",
        &["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"],
    );
    // Where mobiles are numbered by area they lie where landlines do.
    assert_clocks("+5511912345678", &["America/Sao_Paulo"]);
    assert_clocks("+5491123456789", &["America/Argentina/Buenos_Aires"]);
    assert_clocks("+447400123456", &["Europe/London"]);
}

#[test]
fn zones_that_keep_one_clock_count_as_one() {
    for number in [
        "+353861234567",
        "+353212345678",
        "+77123456789",
        "+919812345678",
    ] {
        assert_eq!(zones(number).len(), 1, "{number}");
    }
    assert!(keep_one_clock("Europe/Berlin", "Europe/Paris", now()));
    assert!(!keep_one_clock("America/Phoenix", "America/Denver", now()));
}

#[test]
fn names_that_are_links_are_one_zone() {
    for (old, new) in [
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("US/Eastern", "America/New_York"),
        ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Asia/Katmandu", "Asia/Kathmandu"),
        ("asia/rangoon", "Asia/Yangon"),
    ] {
        assert!(is_same_zone(old, new), "{old}");
    }
    assert!(!is_same_zone("America/New_York", "America/Toronto"));
    assert!(!is_same_zone("No/Where", "No/Place"));
}

#[test]
fn toll_free_numbers_lie_on_the_mainland_of_the_countries_that_may_be_rung() {
    let phone = Phone::from_e164("+18005550123").unwrap();
    let of = |allowed: &[&str]| {
        let allowed: Vec<Country> = allowed.iter().map(|code| code.parse().unwrap()).collect();
        of_number(phone, facts(phone), Some(&allowed)).into_owned()
    };
    let states = of(&["US"]);
    assert!(states.contains(&"America/New_York") && states.contains(&"America/Los_Angeles"));
    assert!(!states.contains(&"Pacific/Honolulu") && !states.contains(&"America/Anchorage"));
    assert_eq!(of(&["JM"]), ["America/Jamaica"]);
    assert_eq!(of(&["GU"]), ["Pacific/Guam"]);
    assert!(of(&["US", "CA"]).contains(&"America/St_Johns"));
    assert!(of(&["DE"]).is_empty());
    let named = nameable(phone, facts(phone), Some(&[Country::US]));
    assert!(named.contains(&"Pacific/Honolulu"));
    let nowhere = Phone::from_e164("+80012345678").unwrap();
    assert!(of_number(nowhere, facts(nowhere), None).is_empty());
    // The free numbers of Russia and Kazakhstan are one range.
    let shared = Phone::from_e164("+78001234567").unwrap();
    let kazakhstan: Country = "KZ".parse().unwrap();
    assert!(shared.countries(facts(shared)).contains(&kazakhstan));
}

#[test]
fn every_zone_of_the_tables_is_in_the_database_and_in_zone_tab() {
    let tables = &*TABLES;
    assert!(tables.prefixes.len() > 10_000);
    let lines = include_str!("numbers.txt").lines();
    let words = lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace);
    for prefix in words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        assert!(
            tables.prefixes.contains_key(&prefix.parse().unwrap()),
            "{prefix}"
        );
    }
    let of_countries: BTreeSet<&str> = tables.countries.values().flatten().copied().collect();
    assert!(of_countries.len() > 400);
    for zone in &of_countries {
        assert!(TimeZone::get(zone).is_ok(), "{zone}");
    }
    for zone in tables.sets.iter().flatten() {
        assert!(of_countries.contains(zone), "{zone}");
    }
    println!(
        "{} prefixes, {} lists of zones, {} countries: {} bytes",
        tables.prefixes.len(),
        tables.sets.len(),
        tables.countries.len(),
        memory(),
    );
}

#[test]
fn every_country_with_numbers_has_zones() {
    for country in Country::all() {
        assert!(!of_country(country).is_empty(), "{country}");
    }
}

/// The corrections say when and from what each line was made, and that they are read.
#[test]
fn corrections_replace_what_the_library_says() {
    let lines = include_str!("corrections.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [prefixes, zones, date, source] = *fields else {
            panic!("not four fields: {line}");
        };
        assert!(
            date.parse::<jiff::civil::Date>().is_ok() && source.len() > 8,
            "{line}"
        );
        if zones == "other_place" {
            continue;
        }
        for prefix in prefixes.split(' ') {
            let set = TABLES.prefixes[&prefix.parse().unwrap()];
            assert_eq!(TABLES.sets[usize::from(set)].join(" "), zones, "{prefix}");
        }
    }
}

/// Each row of zone.tab may be named for a landline of its own country.
#[test]
fn no_country_refuses_its_own_zones() {
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

    let mut rows = 0;
    for country in Country::all() {
        let region = country.region().unwrap();
        let kind = PhoneNumberType::FixedLine;
        let example = PHONE_NUMBER_UTIL
            .get_example_number_for_type_and_region(region, kind)
            .or_else(|_| PHONE_NUMBER_UTIL.get_example_number(region))
            .unwrap();
        let phone = Phone::from_e164(&example.to_string()).unwrap();
        for zone in of_country(country) {
            let accepted = may_be_named(zone, phone, facts(phone), None, now());
            assert!(accepted, "{zone} for {phone} in {country}");
            rows += 1;
        }
    }
    assert!(rows > 400, "{rows}");
}
