//! The filter of log lines, as `RUST_LOG` gives it. A word that is no level means a part of some
//! program to the library; here it is refused, because a misspelt level would silence the log.

use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};

/// The filter when none is given.
pub const DEFAULT_FILTER: &str = "info";

/// The packages of this program; what a target of theirs begins with.
const OURS: [&str; 3] = ["tablecall", "twilio_simulator", "clock"];

/// The most wrong letters with which a target is taken for a misspelt name of this program.
const SLIPS: usize = 2;

/// Reason for which a text is no filter.
#[derive(Debug, thiserror::Error)]
pub enum BadFilter {
    /// A directive is not understood.
    #[error("{0}: must be a level such as info, or target=level,… beside it")]
    Unread(#[from] ParseError),
    /// A word stands where a level is expected.
    #[error(
        "{0:?} is neither a level (off, error, warn, info, debug, trace) nor a part of this program, such as tablecall::http"
    )]
    Word(String),
    /// It lets no line of this program through, and does not say so.
    #[error(
        "with it no line of this program would be written: begin with a level, as in info,hyper=debug, or write off"
    )]
    Silent,
}

/// The filter for a text of directives; an empty one means [`DEFAULT_FILTER`].
///
/// # Errors
/// [`BadFilter`].
pub fn filter(directives: &str) -> Result<EnvFilter, BadFilter> {
    let directives = directives.trim();
    if directives.is_empty() {
        return Ok(EnvFilter::builder().parse(DEFAULT_FILTER)?);
    }
    let filter = EnvFilter::builder().parse(directives)?;
    let mut speaks = false;
    for directive in directives.split(',').map(str::trim) {
        if directive.parse::<LevelFilter>().is_ok() {
            speaks = true;
            continue;
        }
        let target = directive.split(['=', '[']).next().unwrap_or_default();
        let package = target.split("::").next().unwrap_or_default();
        let is_ours = OURS.contains(&package);
        let has_level = directive.contains(['=', '[', ']', '{', '}']);
        let is_slip = !is_ours && strsim::damerau_levenshtein(package, OURS[0]) <= SLIPS;
        if !directive.is_empty() && ((!has_level && !is_ours) || is_slip) {
            return Err(BadFilter::Word(directive.to_owned()));
        }
        // A target of ours, or any target within a span or with a field.
        speaks |= is_ours || (target.is_empty() && !directive.is_empty());
    }
    if speaks {
        Ok(filter)
    } else {
        Err(BadFilter::Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_is_the_default_and_a_wrong_one_is_refused() {
        assert_eq!(filter(" ").unwrap().to_string(), "info");
        assert_eq!(
            filter("warn,tablecall=debug").unwrap().to_string(),
            "tablecall=debug,warn"
        );
        assert!(filter("tablecall=loud").is_err());
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_and_not_taken_for_a_program() {
        for text in [
            "inof",
            "warning",
            "warn,inof",
            "tablecall:debug",
            "info;debug",
            "hyper",
            "info,tablecal=debug",
        ] {
            assert!(matches!(filter(text), Err(BadFilter::Word(_))), "{text}");
        }
        for text in ["hyper=debug", "hyper=debug,h2=info"] {
            assert!(matches!(filter(text), Err(BadFilter::Silent)), "{text}");
        }
        for text in [
            "INFO",
            "off",
            "0",
            "info,",
            "tablecall",
            "tablecall::http=debug",
            "tablecall=off",
            "info,hyper=debug",
            "[request]=debug",
            "warn,tablecall[request{id=7}]=debug",
        ] {
            assert!(filter(text).is_ok(), "{text}: {:?}", filter(text).err());
        }
    }
}
