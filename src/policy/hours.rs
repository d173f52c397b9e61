//! The hours in which a restaurant may be rung, on the restaurant's own clock.

use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The hours in local time; `None` inside: always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours(Option<(Time, Time)>);

/// The text is neither `always` nor two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `always` or two times such as 10:00-21:00, the earlier first")]
pub struct BadHours;

/// Step of the search for the next allowed moment: no zone's rules change in smaller ones.
const GRAIN: SignedDuration = SignedDuration::from_mins(15);

impl Hours {
    /// No limit.
    pub const ALWAYS: Self = Self(None);

    /// Returns whether `at` lies inside the hours in every one of `zones`: a number that can lie in
    /// several is not rung in the night of any of them. Without a zone nothing does, unless there
    /// is no limit.
    #[must_use]
    pub fn contain(self, at: Timestamp, zones: &[TimeZone]) -> bool {
        let Some((from, to)) = self.0 else {
            return true;
        };
        let inside = |zone: &TimeZone| (from..to).contains(&zone.to_datetime(at).time());
        !zones.is_empty() && zones.iter().all(inside)
    }

    /// The first allowed moment from `earliest` on, and before `limit`; `None` when there is none.
    #[must_use]
    pub fn next(
        self,
        earliest: Timestamp,
        limit: Timestamp,
        zones: &[TimeZone],
    ) -> Option<Timestamp> {
        if self.0.is_none() {
            return Some(earliest);
        }
        if zones.is_empty() {
            return None;
        }
        let mut at = earliest;
        while !self.contain(at, zones) {
            // On to the next quarter of an hour: hours begin and end on those.
            let seconds = at.as_second();
            let next = seconds - seconds.rem_euclid(GRAIN.as_secs()) + GRAIN.as_secs();
            at = Timestamp::from_second(next).ok()?;
            if at >= limit {
                return None;
            }
        }
        Some(at)
    }
}

impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "always" {
            return Ok(Self::ALWAYS);
        }
        let span = local_span(text, 15).ok_or(BadHours)?;
        Ok(Self(Some(span)))
    }
}

/// Two local times such as `10:00-21:00`, the earlier first, with minutes that `step` divides;
/// `24:00` is the end of the day.
pub(super) fn local_span(text: &str, step: i8) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let read = |part: &str| -> Option<Time> {
        let (hour, minute) = part.trim().split_once(':')?;
        let minute: i8 = minute.parse().ok().filter(|minute| minute % step == 0)?;
        match hour.parse().ok()? {
            24 if minute == 0 => Some(Time::MAX),
            hour => Time::new(hour, minute, 0, 0).ok(),
        }
    };
    let (from, to) = (read(from)?, read(to)?);
    (from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zones::rules_of;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_restaurants_clock_counts() {
        let hours: Hours = "10:00-21:00".parse().unwrap();
        let next = |from: &str, zones: &[&str]| {
            hours.next(at(from), at("2027-01-01T00:00:00Z"), &rules_of(zones))
        };
        assert_eq!(
            next("2026-12-01T12:00:00Z", &["Europe/Berlin"]),
            Some(at("2026-12-01T12:00:00Z"))
        );
        assert_eq!(
            next("2026-12-01T12:00:00Z", &["America/New_York"]),
            Some(at("2026-12-01T15:00:00Z"))
        );
        assert_eq!(
            next("2026-12-01T20:30:00Z", &["Europe/Berlin"]),
            Some(at("2026-12-02T09:00:00Z"))
        );
        let both = ["America/New_York", "America/Los_Angeles"];
        assert_eq!(
            next("2026-12-01T15:00:00Z", &both),
            Some(at("2026-12-01T18:00:00Z")),
            "open in both"
        );
        assert_eq!(
            hours.next(
                at("2026-12-01T22:00:00Z"),
                at("2026-12-02T05:00:00Z"),
                &rules_of(&["Europe/Berlin"])
            ),
            None
        );
        assert_eq!(
            Hours::ALWAYS.next(
                at("2026-12-01T03:00:00Z"),
                at("2026-12-02T05:00:00Z"),
                &rules_of(&both)
            ),
            Some(at("2026-12-01T03:00:00Z"))
        );
    }

    #[test]
    fn hours_are_read_or_refused() {
        assert_eq!("always".parse(), Ok(Hours::ALWAYS));
        assert!("09:30-24:00".parse::<Hours>().is_ok());
        for wrong in [
            "",
            "10-21",
            "21:00-10:00",
            "10:00-10:00",
            "10:07-21:00",
            "10:00-25:00",
        ] {
            assert_eq!(wrong.parse::<Hours>(), Err(BadHours), "{wrong}");
        }
    }
}
