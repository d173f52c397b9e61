//! The schedule by which an event that was not received is sent again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use clock::Backoff;

/// No pause between two tries is longer, whatever an endpoint asks for.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_mins(15);
const PAUSES: Backoff = Backoff::new(SignedDuration::from_secs(1), LONGEST);
/// Time for which an event is tried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// The time at which an event that is pending since `since` is given up.
pub(super) fn deadline(since: Timestamp) -> Timestamp {
    clock::later(since, PATIENCE)
}

/// Time of the next try after `tries` in vain: 1, 2, 4, 8 … seconds later, and up to a fifth more
/// so that not all come at once; or later if the endpoint asked for it. The last try is an hour
/// after the news; `None` after that.
pub(super) fn next(
    tries: u32,
    since: Timestamp,
    now: Timestamp,
    asked: Option<Duration>,
) -> Option<Timestamp> {
    let deadline = deadline(since);
    let pause = PAUSES.pause(tries.saturating_sub(1));
    let asked = asked.map_or(SignedDuration::ZERO, |asked| {
        SignedDuration::try_from(asked).unwrap_or(LONGEST)
    });
    let longest = clock::later(now, LONGEST);
    let at = spread(now, pause.max(asked).min(LONGEST)).min(longest);
    (now < deadline).then(|| at.min(deadline))
}

/// `pause` after `now`, and up to a fifth of it more.
pub(super) fn spread(now: Timestamp, pause: SignedDuration) -> Timestamp {
    let more = pause.mul_f64(fastrand::f64() / 5.0);
    now.saturating_add(pause)
        .and_then(|at| at.saturating_add(more))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-12-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour_and_end_after_an_hour() {
        let (mut now, mut pauses) = (start(), vec![]);
        for tries in 1..99 {
            let Some(at) = next(tries, start(), now, None) else {
                break;
            };
            pauses.push(at.duration_since(now).as_secs_f64());
            now = at;
        }
        assert_eq!(now.duration_since(start()), PATIENCE, "the last try");
        let doubled = pauses
            .iter()
            .zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);
        for (pause, least) in doubled {
            assert!((least..=least * 1.2).contains(pause), "{pauses:?}");
        }
        assert!(pauses.iter().all(|pause| *pause <= 900.0), "{pauses:?}");
        assert!((11..=14).contains(&pauses.len()), "{pauses:?}");
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_but_not_for_any() {
        let pause = |asked: u64| {
            let at = next(1, start(), start(), Some(Duration::from_secs(asked))).unwrap();
            at.duration_since(start()).as_secs_f64()
        };
        assert!((1.0..=1.2).contains(&pause(0)));
        assert!((30.0..=36.0).contains(&pause(30)));
        assert_eq!(
            (pause(900), pause(901), pause(u64::MAX)),
            (900.0, 900.0, 900.0)
        );
        assert_eq!(
            next(5, start(), start() + PATIENCE, Some(Duration::from_secs(9))),
            None
        );
    }
}
