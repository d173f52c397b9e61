//! Handles by the value of a label, made at start. Nothing here is registered twice.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram, with_local_recorder};

use super::labels::{CODES, OTHER, TWILIO_CODES};
use super::recorder::Series;

/// One handle per value of a label.
#[derive(Clone, Debug)]
pub struct Family<T> {
    values: &'static [&'static str],
    handles: Arc<[T]>,
    /// The handle of the last value.
    last: T,
}

impl<T: Clone> Family<T> {
    pub(super) fn new(values: &'static [&'static str], make: impl Fn(&'static str) -> T) -> Self {
        let handles: Arc<[T]> = values.iter().map(|value| make(value)).collect();
        let last = handles.last().cloned().unwrap_or_else(|| make(OTHER));
        Self {
            values,
            handles,
            last,
        }
    }

    /// The handle for `value`; that of the last value when it is not in the list.
    #[must_use]
    pub fn get(&self, value: &str) -> &T {
        self.iter()
            .find(|(known, _)| *known == value)
            .map_or(&self.last, |(_, handle)| handle)
    }

    /// Each value with its handle.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        self.values.iter().copied().zip(&*self.handles)
    }
}

/// `tablecall_twilio_errors_total{code}`.
#[derive(Clone)]
pub struct TwilioErrors {
    /// In the order of [`TWILIO_CODES`].
    known: Arc<[Counter]>,
    none: Counter,
    other: Counter,
}

impl fmt::Debug for TwilioErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwilioErrors")
    }
}

impl TwilioErrors {
    pub(super) fn new() -> Self {
        let of = |label: String| counter!("tablecall_twilio_errors_total", "code" => label);
        let known = TWILIO_CODES
            .iter()
            .map(|code| of(code.to_string()))
            .collect();
        Self {
            known,
            none: of("none".to_owned()),
            other: of(OTHER.to_owned()),
        }
    }

    /// Counts an error with this code of Twilio's; `None`: without any.
    pub fn count(&self, code: Option<u32>) {
        let handle = match code.filter(|code| *code != 0) {
            None => &self.none,
            Some(code) => {
                let place = TWILIO_CODES.iter().position(|known| *known == code);
                place
                    .and_then(|place| self.known.get(place))
                    .unwrap_or(&self.other)
            }
        };
        handle.increment(1);
    }
}

/// The latency histograms of one route and method.
#[derive(Clone)]
pub struct Route {
    series: Arc<Series>,
    route: &'static str,
    method: &'static str,
    by_code: Arc<ByCode>,
}

#[derive(Default)]
struct ByCode {
    /// In the order of [`CODES`].
    known: [OnceLock<Histogram>; CODES.len()],
    other: OnceLock<Histogram>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("route", &self.route)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Route {
    pub(super) fn new(
        series: Arc<Series>,
        route: &'static str,
        method: &'static str,
        success: u16,
    ) -> Self {
        let made = Self {
            series,
            route,
            method,
            by_code: Arc::default(),
        };
        made.histogram(success);
        made
    }

    /// Counts one answer.
    pub fn observe(&self, status: u16, took: Duration) {
        self.histogram(status).record(took.as_secs_f64());
    }

    fn histogram(&self, status: u16) -> &Histogram {
        let known = CODES
            .iter()
            .zip(&self.by_code.known)
            .find(|(code, _)| **code == status);
        let (code, handle) = known.map_or((None, &self.by_code.other), |(code, made)| {
            (Some(code), made)
        });
        handle.get_or_init(|| {
            with_local_recorder(&*self.series, || {
                let (route, method) = (self.route, self.method);
                let label = code.map_or_else(|| OTHER.to_owned(), u16::to_string);
                histogram!("tablecall_http_request_duration_seconds",
                    "route" => route, "method" => method, "status" => label)
            })
        })
    }
}
