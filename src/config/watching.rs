//! The settings of those who watch the service: logs, metrics, errors, traces. What they judge is wired up in `app` and
//! `main`.

use std::net::SocketAddr;

use super::Given;
use super::read::{Reader, set};
use crate::telemetry::{self, Format};

/// What is told about the service, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Which log lines are written, as `RUST_LOG` has it.
    pub log_filter: String,
    /// Their form; `None`: text on a terminal, else JSON.
    pub log_format: Option<Format>,
    /// Where metrics are alone; `None`: with everything else.
    pub metrics_listen: Option<SocketAddr>,
}

impl Reader {
    pub(super) fn watching(&mut self, given: &Given, listen: Option<SocketAddr>) -> Watching {
        let log_filter = set(&given.log).unwrap_or(telemetry::DEFAULT_FILTER).to_owned();
        if let Err(error) = telemetry::filter(&log_filter) {
            self.wrong("RUST_LOG", format!("{error}: must be a level such as info, or target=level,… beside it"));
        }
        let log_format = match set(&given.log_format) {
            None => None,
            Some("text") => Some(Format::Text),
            Some("json") => Some(Format::Json),
            Some(_) => {
                self.wrong("TABLECALL_LOG_FORMAT", "must be `text` or `json`");
                None
            }
        };
        const METRICS: &str = "TABLECALL_METRICS_LISTEN";
        let rule = "must be an address with a port such as 127.0.0.1:9090";
        let metrics_listen: Option<SocketAddr> = self.parsed(METRICS, &given.metrics_listen, rule);
        if metrics_listen.is_some_and(|address| address.port() != 0 && Some(address) == listen) {
            self.wrong(METRICS, "must be another address than TABLECALL_LISTEN; left out, metrics are there");
        }
        Watching { log_filter, log_format, metrics_listen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn given(change: impl FnOnce(&mut Given)) -> Given {
        let mut given = Given::default();
        change(&mut given);
        given
    }

    fn wrong(given: &Given) -> Vec<&'static str> {
        Config::read(given).unwrap_err().into_iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn nothing_is_watched_apart_unless_it_is_asked_for() {
        let watching = Config::read(&Given::default()).unwrap().watching;
        let usual = Watching { log_filter: "info".to_owned(), log_format: None, metrics_listen: None };
        assert_eq!(watching, usual);
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_everything_else() {
        let given = given(|given| {
            given.listen = Some("127.0.0.1:8080".to_owned());
            given.log = Some("tablecall=loud".to_owned());
            given.log_format = Some("xml".to_owned());
            given.metrics_listen = Some("9090".to_owned());
            given.twilio_cps = Some("many".to_owned());
        });
        assert_eq!(wrong(&given), ["TWILIO_CPS", "RUST_LOG", "TABLECALL_LOG_FORMAT", "TABLECALL_METRICS_LISTEN"]);
    }

    #[test]
    fn metrics_have_an_address_of_their_own_or_none() {
        let at = |metrics: &str| {
            given(|given| {
                given.listen = Some("127.0.0.1:8080".to_owned());
                given.metrics_listen = Some(metrics.to_owned());
            })
        };
        assert_eq!(wrong(&at("127.0.0.1:8080")), ["TABLECALL_METRICS_LISTEN"]);
        let own = Config::read(&at("127.0.0.1:9090")).unwrap().watching.metrics_listen;
        assert_eq!(own, "127.0.0.1:9090".parse().ok());
    }
}
