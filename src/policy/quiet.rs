//! The busiest hours of restaurants, which calls avoid if they can.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::hours::local_span;

/// Hours on the restaurant's clock in which it is not rung if another allowed moment follows soon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuietHours(Vec<(Time, Time)>);

/// The text is neither `on`, `off` nor a list of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `off`, `on` (12:00-13:00,19:00-20:00), or up to four spans such as 12:30-13:30,19:30-20:30"
)]
pub struct BadQuietHours;

/// Longest time that a call is put off so that staff are not rung when they are busiest.
const PATIENCE: SignedDuration = SignedDuration::from_hours(2);

impl QuietHours {
    /// No hour is avoided.
    pub const OFF: Self = Self(Vec::new());

    /// The first moment after `at` that is not quiet in any of `zones`, by what `next` allows;
    /// `None` where `at` is not quiet itself, or no such moment lies within two hours.
    ///
    /// `next` gives the first allowed moment from another one on, before a limit.
    pub fn avoided(
        &self,
        at: Timestamp,
        zones: &[TimeZone],
        mut next: impl FnMut(Timestamp, Timestamp) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        if self.0.is_empty() {
            return None;
        }
        let last = at.checked_add(PATIENCE).ok()?;
        let mut moment = at;
        // Each round leaves a quiet hour behind it, and `last` is two hours away.
        while let Some(end) = zones.iter().filter_map(|zone| self.end(moment, zone)).max() {
            let limit = last.checked_add(SignedDuration::from_secs(1)).ok()?;
            moment = next(end, limit).filter(|moment| *moment <= last)?;
        }
        (moment > at).then_some(moment)
    }

    /// End of the quiet hour in which `at` lies.
    fn end(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = zone.to_datetime(at).time();
        let (_, to) = self
            .0
            .iter()
            .find(|(from, to)| (*from..*to).contains(&local))?;
        let left = local.duration_until(*to);
        // Midnight is the last instant of a day here.
        let left = SignedDuration::from_secs(left.as_secs() + i64::from(left.subsec_nanos() > 0));
        at.checked_add(left.max(SignedDuration::from_secs(1))).ok()
    }
}

impl FromStr for QuietHours {
    type Err = BadQuietHours;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spans = match text.trim() {
            "off" | "" => return Ok(Self::OFF),
            "on" => "12:00-13:00,19:00-20:00",
            spans => spans,
        };
        let spans: Option<Vec<_>> = spans
            .split([',', '\n'])
            .map(|span| local_span(span, 1))
            .collect();
        let spans = spans.filter(|spans| spans.len() <= 4);
        spans.map(Self).ok_or(BadQuietHours)
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("off");
        }
        let shown = |time: &Time| match *time {
            Time::MAX => "24:00".to_owned(),
            time => time.strftime("%H:%M").to_string(),
        };
        let spans = self
            .0
            .iter()
            .map(|(from, to)| format!("{}-{}", shown(from), shown(to)));
        f.write_str(&spans.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zones::rules_of;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_busiest_hour_is_avoided_where_another_moment_is_near() {
        let quiet: QuietHours = "12:00-13:00,19:00-20:00".parse().unwrap();
        let any = |from: Timestamp, limit: Timestamp| Some(from).filter(|from| *from < limit);
        let berlin = rules_of(&["Europe/Berlin"]);
        assert_eq!(
            quiet.avoided(at("2026-12-01T11:10:30Z"), &berlin, any),
            Some(at("2026-12-01T12:00:00Z"))
        );
        assert_eq!(
            quiet.avoided(at("2026-12-01T12:00:00Z"), &berlin, any),
            None
        );
        // The next moment is more than two hours away.
        let late = |_: Timestamp, limit: Timestamp| {
            Some(at("2026-12-01T16:00:00Z")).filter(|next| *next < limit)
        };
        assert_eq!(
            quiet.avoided(at("2026-12-01T11:10:00Z"), &berlin, late),
            None
        );
        // Quiet in one zone after the other.
        let two = rules_of(&["Europe/Berlin", "Europe/London"]);
        assert_eq!(
            quiet.avoided(at("2026-12-01T11:00:00Z"), &two, any),
            Some(at("2026-12-01T13:00:00Z"))
        );
        assert_eq!(
            QuietHours::OFF.avoided(at("2026-12-01T11:10:00Z"), &berlin, any),
            None
        );
    }

    #[test]
    fn spans_are_read_or_refused() {
        assert_eq!("off".parse(), Ok(QuietHours::OFF));
        assert_eq!(
            "on".parse::<QuietHours>().unwrap().to_string(),
            "12:00-13:00,19:00-20:00"
        );
        let own: QuietHours = "12:20-13:10, 23:00-24:00".parse().unwrap();
        assert_eq!(own.to_string(), "12:20-13:10,23:00-24:00");
        for wrong in [
            "yes",
            "12:00",
            "13:00-12:00",
            "12:00-12:00",
            "1:00-2:00,2:00-3:00,3:00-4:00,4:00-5:00,5:00-6:00",
        ] {
            assert_eq!(wrong.parse::<QuietHours>(), Err(BadQuietHours), "{wrong}");
        }
    }
}
