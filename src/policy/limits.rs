//! Limits of attempts and creates: a kindness to restaurants, and a cap on the cost of a stolen
//! key.

use jiff::{SignedDuration, Timestamp};

/// The most of each; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// Attempts to one number in an hour.
    pub number_hour: Option<u32>,
    /// Attempts to one number in a day.
    pub number_day: Option<u32>,
    /// Creates of one API key in a minute.
    pub key_minute: Option<u32>,
    /// Attempts of the whole service in a day.
    pub service_day: Option<u32>,
}

/// The rest of a limit, for the client that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The most within the window.
    pub most: u32,
    /// Number of creates that are left now.
    pub left: u32,
    /// The window in seconds.
    pub window: u32,
    /// Seconds until there are more; `None`: all of them are left.
    pub more_in: Option<u32>,
}

/// The text is no list of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `off`, or some of number_hour, number_day, key_minute and service_day, each once, such as number_hour=3,key_minute=60"
)]
pub struct BadLimits;

impl CallLimits {
    /// No limits. One live call per restaurant stays.
    pub const OFF: Self = Self {
        number_hour: None,
        number_day: None,
        key_minute: None,
        service_day: None,
    };
    /// The default limits.
    pub const USUAL: Self = Self {
        number_hour: Some(3),
        number_day: Some(8),
        key_minute: Some(60),
        service_day: Some(500),
    };
    /// The limits of a deployment for one restaurant, where all guests call the same number.
    pub const ONE_RESTAURANT: Self = Self {
        number_hour: Some(20),
        number_day: Some(100),
        ..Self::USUAL
    };

    /// Windows in which the limits count.
    pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
    /// A day of 24 hours.
    pub const DAY: SignedDuration = SignedDuration::from_hours(24);
    /// A minute.
    pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    /// Reads `off`, or `name=number` with commas between, each name once; what is not named stays as in `self`.
    ///
    /// # Errors
    /// It is neither.
    pub fn changed_by(self, text: &str) -> Result<Self, BadLimits> {
        if text.trim() == "off" {
            return Ok(Self::OFF);
        }
        let mut limits = self;
        let mut named = Vec::new();
        for item in text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (name, number) = item.split_once('=').ok_or(BadLimits)?;
            let number = number
                .trim()
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or(BadLimits)?;
            // Which of two was meant is not for us to say.
            if named.contains(&name.trim()) {
                return Err(BadLimits);
            }
            named.push(name.trim());
            *limits.named(name.trim()).ok_or(BadLimits)? = Some(number);
        }
        Ok(limits)
    }

    /// The rest of a key's limit after `made` recent creates, the oldest of which was at `oldest`.
    #[must_use]
    pub fn for_key(
        &self,
        made: usize,
        oldest: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Allowance> {
        let most = self.key_minute?;
        let left = most.saturating_sub(u32::try_from(made).unwrap_or(u32::MAX));
        let seconds = |until: Timestamp| (until.duration_since(now).as_millis() + 999) / 1_000;
        let more_at = oldest.and_then(|at| at.checked_add(Self::MINUTE).ok());
        let more_in = more_at.map(|at| u32::try_from(seconds(at)).unwrap_or_default());
        Some(Allowance {
            most,
            left,
            window: 60,
            more_in,
        })
    }

    fn named(&mut self, name: &str) -> Option<&mut Option<u32>> {
        match name {
            "number_hour" => Some(&mut self.number_hour),
            "number_day" => Some(&mut self.number_day),
            "key_minute" => Some(&mut self.key_minute),
            "service_day" => Some(&mut self.service_day),
            _ => None,
        }
    }
}

impl std::fmt::Display for CallLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::OFF {
            return f.write_str("off");
        }
        let all = [
            ("number_hour", self.number_hour),
            ("number_day", self.number_day),
            ("key_minute", self.key_minute),
            ("service_day", self.service_day),
        ];
        let set = all
            .iter()
            .filter_map(|(name, limit)| limit.map(|limit| format!("{name}={limit}")));
        f.write_str(&set.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_name() {
        assert_eq!(CallLimits::USUAL.changed_by("off"), Ok(CallLimits::OFF));
        assert_eq!(CallLimits::USUAL.changed_by(""), Ok(CallLimits::USUAL));
        let fewer = CallLimits::USUAL.changed_by(" number_hour = 1, service_day=20 ");
        assert_eq!(
            fewer,
            Ok(CallLimits {
                number_hour: Some(1),
                service_day: Some(20),
                ..CallLimits::USUAL
            })
        );
        for wrong in [
            "on",
            "number_hour",
            "number_hour=0",
            "number_hour=-1",
            "number_week=3",
            "number_hour=many",
            "number_hour=3,number_hour=4",
            "number_hour=3,key_minute=60,number_hour =3",
        ] {
            assert_eq!(
                CallLimits::USUAL.changed_by(wrong),
                Err(BadLimits),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_allowance_says_what_is_left_and_when_there_is_more() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let left = |made, ago: Option<i64>| {
            let oldest = ago.map(|millis| now - SignedDuration::from_millis(millis));
            CallLimits::USUAL
                .for_key(made, oldest, now)
                .map(|allowance| (allowance.left, allowance.more_in))
        };
        assert_eq!(left(0, None), Some((60, None)));
        assert_eq!(left(1, Some(0)), Some((59, Some(60))));
        assert_eq!(left(60, Some(59_500)), Some((0, Some(1))));
        assert_eq!(
            left(70, Some(1)),
            Some((0, Some(60))),
            "the limit may have been lowered"
        );
        assert_eq!(CallLimits::OFF.for_key(1, Some(now), now), None);
    }

    #[test]
    fn limits_are_shown_as_they_are_read() {
        for limits in [
            CallLimits::OFF,
            CallLimits::USUAL,
            CallLimits {
                key_minute: Some(7),
                ..CallLimits::OFF
            },
        ] {
            assert_eq!(CallLimits::OFF.changed_by(&limits.to_string()), Ok(limits));
        }
        assert_eq!(
            CallLimits::USUAL.to_string(),
            "number_hour=3,number_day=8,key_minute=60,service_day=500"
        );
    }
}
