//! Log lines on stderr, one per event; metrics, traces and error reports are in submodules.
//!
//! Lines are gathered in memory and written by a thread of their own, so that neither a slow nor a
//! broken stderr ever holds up a call. Nothing private may be logged: a phone number only as
//! [`mask::phone`] shows it, a guest's name never. Any module may log; this one imports none of them but
//! the clock.

pub mod causes;
mod filter;
mod layer;
pub mod line_limit;
pub mod mask;
pub mod metrics;
#[cfg(feature = "sentry")]
pub mod reports;
#[cfg(not(feature = "sentry"))]
mod reports_left_out;
#[cfg(not(feature = "sentry"))]
pub mod reports {
    //! Stand-ins with the names of what is left out.
    pub use super::reports_left_out::{
        NoDestination as Destination, NoReports as Reports, NoSentry as NoDsn,
    };
}
pub mod request;
#[cfg(any(feature = "sentry", test))]
pub mod scrub;
mod sink;
pub mod traces;

use std::any::Any;
use std::io;
use std::panic::Location;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use clock::Clock;

pub use self::filter::{BadFilter, DEFAULT_FILTER, filter};
pub use self::layer::{Format, layer};
use self::reports::Reports;
pub use self::sink::Guard;

/// Reason for which logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not a list of `target=level`.
    #[error("the log filter is not understood")]
    Filter(#[from] BadFilter),
    /// Something else already receives the events of this process.
    #[error("logging was already started")]
    AlreadyStarted(#[from] TryInitError),
    /// The system gave no thread to write with.
    #[error("the thread that writes the log could not be started")]
    Thread(#[from] io::Error),
}

/// A duration as log lines show it: milliseconds, to the microsecond.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1_000.0
}

/// Kept until the very end of the process: dropping it writes and sends everything that is pending.
#[derive(Debug)]
pub struct Running {
    reports: Option<Reports>,
    /// Dropped after the reports, because reporting logs lines too.
    _lines: Guard,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(reports) = &self.reports {
            reports.close();
        }
    }
}

/// Starts logging to stderr for the whole process, and logs panics. With `reports`, errors go there
/// too.
///
/// `filter` has the form of `RUST_LOG` (`info,tablecall=debug`); an empty one means
/// [`DEFAULT_FILTER`]. Keep what is returned until the very end: `std::process::exit` does not drop
/// it.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(
    format: Format,
    filter: &str,
    reports: Option<Reports>,
) -> Result<Running, TelemetryError> {
    let filter = self::filter(filter)?;
    let (lines, guard) = layer(format, Clock::system(), io::stderr())?;
    let registry = Registry::default().with(lines.with_filter(filter));
    match &reports {
        // `None` instead of a layer that does nothing: such a layer would be asked for each event.
        None => registry.try_init()?,
        Some(reports) => registry
            .with(reports.clone().with_filter(LevelFilter::ERROR))
            .try_init()?,
    }
    std::panic::set_hook(Box::new(|panic| {
        panicked(panic.location(), panic.payload());
    }));
    Ok(Running {
        reports,
        _lines: guard,
    })
}

/// Logs a panic by its place. Its message is logged only if it is a literal: a formatted one may
/// hold a guest's data.
fn panicked(location: Option<&Location<'_>>, payload: &(dyn Any + Send)) {
    let location = location.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    if let Some(message) = payload.downcast_ref::<&'static str>() {
        tracing::error!(location, payload = "literal", panic = message, "panicked");
    } else if payload.is::<String>() {
        tracing::error!(location, payload = "formatted", "panicked");
    } else {
        tracing::error!(location, payload = "other", "panicked");
    }
}
