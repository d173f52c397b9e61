//! Times of day that are typed as digits.

use jiff::civil::{DateTime, Time};

use crate::domain::{Alternatives, OfferedDay, OfferedTime};

/// Before this hour staff count a table to the night that began the day before.
const MORNING: i8 = 5;
/// Largest distance from the table, in minutes, at which digits mean the small hours and not the
/// afternoon: lunch is served more often than a table at two in the morning.
const NIGHT_REACH: i64 = 3 * 60;

const MINUTES_A_DAY: i64 = 24 * 60;

/// The table of the reservation, for which staff type another time.
#[derive(Clone, Copy, Debug)]
pub struct WishedTable {
    /// Its date and time.
    pub at: DateTime,
    /// The other times that the guest allowed, on the same date.
    pub alternatives: Option<Alternatives>,
    /// The clock at the restaurant while staff type, or one that is behind it for certain; `None`:
    /// no time counts as past.
    pub now: Option<DateTime>,
}

/// Reads digits as a time of day, with or without the hash key that ends them: hour and minute
/// (`1930`, `730`, `2400`), or the hour alone (`19`, `07`).
///
/// 0815 may mean the morning or the evening: the reading nearer to the wished time counts. The
/// hours 00 and 24 always mean midnight. The day is the one on which the time is nearest to the
/// table, so 0015 for a table at 23:30 is a quarter past midnight of the next day. `None`: not a
/// time.
#[must_use]
pub fn read_time(digits: &str, table: &WishedTable) -> Option<OfferedTime> {
    let ended = digits.strip_suffix('#');
    let digits = ended.unwrap_or(digits);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // A single digit is more likely a key of the menu than an hour.
    let (hour, minute) = match digits.len() {
        2 => (digits, "0"),
        // Without hash, three digits that begin with a zero are four of which one was lost while a
        // document was fetched.
        3 if ended.is_some() || !digits.starts_with('0') => digits.split_at(1),
        4 if digits == "2400" => ("0", "0"),
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
    let Some(second) = second else {
        return Some(table.on_its_day(first));
    };
    let readings = [first, second].map(|time| table.nearest(time));
    let is_likely = |offered: &OfferedTime| {
        offered.time.hour() >= MORNING || table.distance(*offered) <= NIGHT_REACH
    };
    let read = readings.into_iter().min_by_key(|offered| {
        let distance = table.distance(*offered);
        (!is_likely(offered), distance, !offered.is_same_day())
    })?;
    Some(table.on_its_day(read.time))
}

impl WishedTable {
    /// The time on the day that staff mean.
    fn on_its_day(&self, time: Time) -> OfferedTime {
        let nearest = self.nearest(time);
        let is_allowed = self
            .alternatives
            .is_some_and(|alternatives| alternatives.contains(time));
        if (nearest.is_same_day() && is_allowed) || !self.is_past(nearest) {
            return nearest;
        }
        self.by_distance(time)
            .into_iter()
            .find(|offered| !self.is_past(*offered))
            .unwrap_or(nearest)
    }

    /// The time on the day on which it is nearest to the table. If neither lies before
    /// [`MORNING`], that is the table's day, however far they are apart.
    fn nearest(&self, time: Time) -> OfferedTime {
        if time.hour() >= MORNING && self.at.hour() >= MORNING {
            return OfferedTime::same_day(time);
        }
        let [nearest, ..] = self.by_distance(time);
        nearest
    }

    /// The time on each of the three days, nearest to the table first; of two equal distances, the
    /// table's own day first.
    fn by_distance(&self, time: Time) -> [OfferedTime; 3] {
        let mut all = OfferedDay::ALL.map(|day| OfferedTime { time, day });
        all.sort_by_key(|offered| self.distance(*offered));
        all
    }

    /// The minutes between an offered time and the table.
    fn distance(&self, offered: OfferedTime) -> i64 {
        (minutes(offered) - minute_of_day(self.at.time())).abs()
    }

    /// Returns whether the clock at the restaurant is past an offered time.
    fn is_past(&self, offered: OfferedTime) -> bool {
        let midnight = self.at.date().to_datetime(Time::midnight());
        self.now
            .is_some_and(|now| minutes(offered) <= now.duration_since(midnight).as_mins())
    }
}

/// The minutes since midnight of the table's day.
fn minutes(offered: OfferedTime) -> i64 {
    i64::from(offered.day.offset()) * MINUTES_A_DAY + minute_of_day(offered.time)
}

fn minute_of_day(time: Time) -> i64 {
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}
