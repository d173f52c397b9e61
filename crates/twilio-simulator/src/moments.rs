//! Points in time and spans between them, as Twilio and people write them.

use std::time::Duration;

use jiff::Timestamp;

/// A span from a number of seconds that somebody typed; nonsense is no time at all.
pub(super) fn seconds(span: f64) -> Duration {
    Duration::try_from_secs_f64(span).unwrap_or_default()
}

/// A time in Twilio's words: `Fri, 18 Oct 2019 17:00:00 +0000`.
pub(super) fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
