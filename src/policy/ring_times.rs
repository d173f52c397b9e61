//! The moments at which a restaurant with known opening hours may be rung.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::Reservation;
use crate::domain::opening_hours::{Timetable, WallMinute, wall_minute, wall_time};

/// Minutes before it opens from which a restaurant may be rung: staff are there and have time.
const BEFORE_OPENING: WallMinute = 60;
/// Minutes before it closes in which a restaurant is left alone.
const BEFORE_CLOSING: WallMinute = 30;
const DAY: WallMinute = 24 * 60;

/// The moments at which a restaurant may be rung by its opening hours: while it is open or in the
/// hour before, never in the last half hour.
#[derive(Clone, Debug)]
pub struct RingTimes {
    timetable: Timetable,
    /// The day that was worked out last, and its windows: most questions are about one day.
    last: Option<(i64, Vec<Range<WallMinute>>)>,
}

impl RingTimes {
    /// Those of a reservation; `None` where it says nothing of opening hours.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Option<Self> {
        let hours = reservation.opening_hours.as_ref()?;
        Some(Self::new(hours.timetable(reservation.country)))
    }

    /// Those of a timetable.
    #[must_use]
    pub const fn new(timetable: Timetable) -> Self {
        Self {
            timetable,
            last: None,
        }
    }

    /// The first moment from `earliest` on, and before `limit`, at which all of `zones` allow it.
    /// `None` when there is none, or no zone is known.
    #[must_use]
    pub fn next(
        &mut self,
        earliest: Timestamp,
        limit: Timestamp,
        zones: &[TimeZone],
    ) -> Option<Timestamp> {
        if zones.is_empty() {
            return None;
        }
        let mut at = earliest;
        // Each round moves on to the beginning of a window in one of the zones.
        loop {
            let mut next = at;
            for zone in zones {
                next = next.max(self.next_in(zone, at, limit)?);
            }
            if next == at {
                return Some(at);
            }
            if next >= limit {
                return None;
            }
            at = next;
        }
    }

    fn next_in(&mut self, zone: &TimeZone, at: Timestamp, limit: Timestamp) -> Option<Timestamp> {
        let now = wall_minute(zone.to_datetime(at));
        let last_day = wall_minute(zone.to_datetime(limit)).div_euclid(DAY);
        for day in now.div_euclid(DAY)..=last_day {
            let windows = self.windows(day);
            let Some(window) = windows.iter().find(|window| window.end > now) else {
                continue;
            };
            if window.start <= now {
                return Some(at);
            }
            let shown = zone.to_ambiguous_timestamp(wall_time(window.start)?);
            // In the night in which the clock is set back a time comes twice: the next of the two.
            let both = [shown.earlier(), shown.later()];
            let mut both = both.into_iter().flatten().filter(|start| *start > at);
            return both.next();
        }
        None
    }

    /// Times of one day at which the restaurant may be rung.
    fn windows(&mut self, day: i64) -> &[Range<WallMinute>] {
        if self.last.as_ref().is_none_or(|(known, _)| *known != day) {
            self.last = Some((day, self.work_out(day)));
        }
        self.last.as_ref().map_or(&[], |(_, windows)| windows)
    }

    fn work_out(&self, day: i64) -> Vec<Range<WallMinute>> {
        let (begins, ends) = (day * DAY, (day + 1) * DAY);
        let mut open = self.timetable.open_on(day);
        for span in self.timetable.open_on(day + 1) {
            match open.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => open.push(span),
            }
        }
        let mut windows: Vec<Range<WallMinute>> = Vec::new();
        // The end of the last half hour before this opening: the hour before it may reach into it.
        let mut closed_at = begins;
        for span in open {
            let from = (span.start - BEFORE_OPENING).max(closed_at);
            // Nobody knows yet whether a span that ends with the second day goes on.
            let goes_on = span.end == ends + DAY;
            let to = if goes_on {
                ends
            } else {
                (span.end - BEFORE_CLOSING).min(ends)
            };
            if from < to {
                match windows.last_mut() {
                    Some(last) if last.end == from => last.end = to,
                    _ => windows.push(from..to),
                }
            }
            closed_at = span.end;
        }
        windows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::OpeningHours;
    use crate::domain::zones::rules_of;

    fn ring_times(hours: &str) -> RingTimes {
        let hours: OpeningHours = hours.parse().unwrap();
        RingTimes::new(hours.timetable("US".parse().ok()))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const UTC: &[TimeZone] = &[TimeZone::UTC];

    #[track_caller]
    fn next(hours: &str, from: &str, expected: Option<&str>) {
        let limit = at("2027-06-01T00:00:00Z");
        let found = ring_times(hours).next(at(from), limit, UTC);
        assert_eq!(found, expected.map(at), "{hours} from {from}");
    }

    #[test]
    fn open_or_the_hour_before_but_not_the_last_half_hour() {
        let hours = "Tu-Su 12:00-14:30,18:00-23:00";
        // 2026-12-01 is a Tuesday.
        next(hours, "2026-12-01T10:59:00Z", Some("2026-12-01T11:00:00Z"));
        next(hours, "2026-12-01T11:00:30Z", Some("2026-12-01T11:00:30Z"));
        next(hours, "2026-12-01T13:59:59Z", Some("2026-12-01T13:59:59Z"));
        next(hours, "2026-12-01T14:00:00Z", Some("2026-12-01T17:00:00Z"));
        next(hours, "2026-12-06T22:30:00Z", Some("2026-12-08T11:00:00Z"));
        next("off", "2026-12-01T10:59:00Z", None);
    }

    #[test]
    fn a_short_pause_stays_without_calls_before_it_begins() {
        let hours = "12:00-14:30,14:45-18:00";
        next(hours, "2026-12-01T13:59:00Z", Some("2026-12-01T13:59:00Z"));
        next(hours, "2026-12-01T14:00:00Z", Some("2026-12-01T14:30:00Z"));
        // Open for less than half an hour: before it opens is all that there is.
        next(
            "12:00-12:20",
            "2026-12-01T11:30:00Z",
            Some("2026-12-01T11:30:00Z"),
        );
        next(
            "12:00-12:20",
            "2026-12-01T11:50:00Z",
            Some("2026-12-02T11:00:00Z"),
        );
    }

    #[test]
    fn midnight_neither_opens_nor_closes() {
        next("24/7", "2026-12-01T23:45:00Z", Some("2026-12-01T23:45:00Z"));
        next(
            "18:00-02:00",
            "2026-12-01T23:45:00Z",
            Some("2026-12-01T23:45:00Z"),
        );
        next(
            "18:00-02:00",
            "2026-12-02T01:30:00Z",
            Some("2026-12-02T17:00:00Z"),
        );
        next(
            "00:30-03:00",
            "2026-12-01T22:00:00Z",
            Some("2026-12-01T23:30:00Z"),
        );
        next(
            "18:00-24:00",
            "2026-12-01T23:30:00Z",
            Some("2026-12-02T17:00:00Z"),
        );
    }

    #[test]
    fn all_zones_must_allow_it() {
        let zones = rules_of(&["America/New_York", "America/Chicago"]);
        let limit = at("2027-01-01T00:00:00Z");
        let found = ring_times("12:00-14:30").next(at("2026-12-01T12:00:00Z"), limit, &zones);
        // 11:00 in Chicago is 12:00 in New York.
        assert_eq!(found, Some(at("2026-12-01T17:00:00Z")));
        let apart = rules_of(&["Europe/Berlin", "America/Los_Angeles"]);
        let found = ring_times("12:00-14:30").next(at("2026-12-01T12:00:00Z"), limit, &apart);
        assert_eq!(found, None);
        assert_eq!(
            ring_times("24/7").next(at("2026-12-01T12:00:00Z"), limit, &[]),
            None
        );
    }

    #[test]
    fn a_clock_that_is_set_is_followed() {
        let limit = at("2028-01-01T00:00:00Z");
        let zones = rules_of(&["Europe/Berlin"]);
        let mut night = ring_times("03:30-06:00");
        // 02:30 does not exist on that day: the window begins with what follows it.
        let spring = night
            .next(at("2027-03-28T00:00:00Z"), limit, &zones)
            .unwrap();
        assert!((at("2027-03-28T00:30:00Z")..=at("2027-03-28T01:30:00Z")).contains(&spring));
        // 02:30 comes twice.
        let first = night.next(at("2027-10-31T00:00:00Z"), limit, &zones);
        assert_eq!(first, Some(at("2027-10-31T00:30:00Z")));
        let second = night.next(at("2027-10-31T01:10:00Z"), limit, &zones);
        assert_eq!(second, Some(at("2027-10-31T01:30:00Z")));
    }

    proptest! {
        /// Whatever the hours: a moment that is found lies in the windows minute by minute, and
        /// none before it does.
        #[test]
        fn the_next_moment_is_the_first(
            hours in proptest::sample::select(vec![
                "Tu-Su 12:00-14:30,18:00-23:00; Mo off; PH off", "24/7; Mo 03:00-05:00 off", "Fr-Sa 18:00-02:00",
                "12:00-12:20,12:40-13:00,13:45-14:00", "Mo-Fr 00:00-24:00", "Mo 18:00-28:00; Tu 02:00-03:00",
            ]),
            minutes in 0_i64..40 * 24 * 60,
        ) {
            let from = at("2026-12-01T00:00:00Z") + jiff::SignedDuration::from_mins(minutes);
            let timetable = hours.parse::<OpeningHours>().unwrap().timetable("US".parse().ok());
            let first = wall_minute(TimeZone::UTC.to_datetime(from));
            let today = first.div_euclid(DAY);
            let open: Vec<_> = (today..today + 10).flat_map(|day| timetable.open_on(day)).collect();
            let is_open = |minute: WallMinute| open.iter().any(|span| span.contains(&minute));
            let may_ring = |minute: WallMinute| {
                let opens_soon = (minute..=minute + 60).any(is_open);
                // Also before it opens: hours may be shorter than the half hour.
                let closes_soon =
                    (minute + 1..=minute + 30).any(|end| is_open(end - 1) && !is_open(end));
                opens_soon && !closes_soon
            };
            let expected = (first..first + 8 * DAY).find(|minute| may_ring(*minute));
            let found = RingTimes::new(timetable).next(from, at("2027-06-01T00:00:00Z"), UTC);
            let found = found.map(|at| wall_minute(TimeZone::UTC.to_datetime(at)));
            prop_assert_eq!(found, expected);
        }
    }
}
