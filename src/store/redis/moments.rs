//! Moments and durations as scripts read and write them: milliseconds as text.

use jiff::{SignedDuration, Timestamp};

/// Longer than any call can wait (a table is at most 400 days away).
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(402 * 24);

/// A duration as scripts read it.
pub(super) fn millis(duration: SignedDuration) -> String {
    duration.as_millis().to_string()
}

/// A moment as scripts read it.
pub(super) fn millis_of(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

/// A moment as scripts write it; nothing where they write nothing.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let millis: f64 = text.parse().ok()?;
    let whole = format!("{:.0}", millis.ceil()).parse().ok()?;
    Timestamp::from_millisecond(whole).ok()
}
