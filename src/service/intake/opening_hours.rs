//! `opening_hours` of a request: whether the table is at a time when the restaurant is open, and
//! when the restaurant may be rung first.

use jiff::Timestamp;

use super::Fields;
use crate::domain::opening_hours::{wall_minute, wall_time};
use crate::domain::{Country, OpeningHours, TableTime, Timetable, zones};
use crate::policy::RingTimes;

/// Days after the table's day on which the next opening is looked for.
const NEXT_OPENING: i64 = 14;

/// Reads `opening_hours`, and refuses a table at a time when the restaurant is closed by them.
pub(super) fn read(
    fields: &mut Fields<'_>,
    country: Option<Country>,
    time: Option<TableTime>,
    now: Timestamp,
) -> Option<(OpeningHours, Timetable)> {
    let hours = fields.text("opening_hours", |text| {
        text.parse::<OpeningHours>()
            .map_err(|error| (error.code(), error))
    })?;
    let timetable = hours.timetable(country);
    let today = wall_minute(now.to_zoned(jiff::tz::TimeZone::UTC).datetime());
    if timetable.opens_after(today, TableTime::MAX_DAYS).is_none() {
        fields.wrong(
            "opening_hours",
            "never_open",
            "is closed every day: must have at least one time at which the restaurant is open",
        );
        return None;
    }
    if let Some(time) = time.filter(|time| !timetable.is_open(*time)) {
        let next = timetable.opens_after(wall_minute(time.get()), NEXT_OPENING);
        let next = next.and_then(wall_time).map(TableTime::from);
        let way_out = next.map_or_else(
            || format!("and for the {NEXT_OPENING} days after: correct `opening_hours`, or give another day"),
            |next| format!("and opens next at {next}: give a time when it is open"),
        );
        fields.wrong(
            "time",
            "restaurant_closed",
            format!("is when the restaurant is closed by `opening_hours`, {way_out}"),
        );
    }
    Some((hours, timetable))
}

/// The first moment from `from` on at which a restaurant may be rung by its opening hours, in the
/// zone where it comes last; `from` where none comes before `limit`.
pub(super) fn first_ring(
    timetable: Option<Timetable>,
    from: Timestamp,
    limit: Timestamp,
    zone_names: &[&str],
) -> Timestamp {
    let Some(timetable) = timetable else {
        return from;
    };
    let mut times = RingTimes::new(timetable);
    let first = zone_names
        .iter()
        .filter_map(|zone| times.next(from, limit, &[zones::rules(zone)]));
    first.max().unwrap_or(from)
}
