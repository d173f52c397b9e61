//! Settings of an operator: every setting is read and judged before anything binds, and all faults
//! are reported at once, by name. The values come from `main`, which alone reads the environment.

mod account;
mod environment;
mod features;
mod findings;
mod numbers;
mod read;
mod reader;
mod server;
mod service_name;
mod settings;
mod shared;
mod observability;
mod traces;
mod writing;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use url::Url;

use crate::domain::{Country, Phone, Zone};
use crate::http::cors::Origins;
use crate::http::networks::TrustedProxies;
use crate::notify::Secret;
use crate::policy::{CallLimits, Hours, NumberKinds, QuietHours};
use crate::ticket::Key;
use crate::twilio::AccountSid;
use crate::twilio::client::{Authorities, Credentials};

pub use self::features::Features;
pub use self::findings::Findings;
pub use self::observability::Observability;
pub use self::settings::{
    CallSettings, CarrierSettings, ClientSettings, ObservabilitySettings, RawConfig,
    ServerSettings, StorageSettings,
};
pub use self::shared::Shared;
pub use self::traces::TracesExport;

/// A problem with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The variable.
    pub name: Cow<'static, str>,
    /// The rule it breaks.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, message) = (shortened(&self.name), shortened(&self.message));
        write!(f, "{name}: {message}")
    }
}

/// The most characters of a name or a message that are shown whole. What a message quotes may be
/// of any length.
const LONGEST: usize = 600;

/// A text, or the beginning and the end of one that is too long: the rule stands behind the value.
fn shortened(text: &str) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.into();
    }
    let begin: String = text.chars().take(LONGEST / 3).collect();
    let end: String = text.chars().skip(count - LONGEST / 3).collect();
    format!("{begin}… ({count} characters in all) …{end}").into()
}

/// Settings that were judged.
#[derive(Debug)]
pub struct Config {
    /// Address to bind.
    pub listen: SocketAddr,
    /// Origin under which Twilio reaches us; `None`: the address that was bound.
    pub public_url: Option<Url>,
    /// The backend that places the calls.
    pub carrier: TwilioBackend,
    /// Longest time for which the carrier's list may not show a call that was just placed.
    pub list_lag: SignedDuration,
    /// Our numbers, the preferred one first.
    pub from_numbers: Vec<Phone>,
    /// The country of the preferred one.
    pub home_country: Option<Country>,
    /// The number that rings for every call, in a deployment for one restaurant.
    pub restaurant_phone: Option<Phone>,
    /// The zone of that restaurant, where the operator gave it.
    pub restaurant_timezone: Option<Zone>,
    /// Name by which the service introduces itself.
    pub service_name: String,
    /// Calls started a second; 0: no pacing.
    pub calls_per_second: u32,
    /// The most lines that are open at a time, over all instances; `None`: no limit.
    pub lines: Option<u32>,
    /// Machine detection is on.
    pub machine_detection: bool,
    /// Keys of the API by name and secret.
    pub api_keys: Vec<NamedSecret>,
    /// Keys that seal and open tickets.
    pub ticket_keys: Vec<Key>,
    /// Countries that may be called; `None`: all.
    pub allowed_countries: Option<Vec<Country>>,
    /// Kinds of numbers that may be called.
    pub number_kinds: NumberKinds,
    /// Hours in which restaurants may be called.
    pub call_hours: Hours,
    /// Hours in which restaurants are busiest.
    pub quiet_hours: QuietHours,
    /// Staff may answer in words.
    pub speech: bool,
    /// Numbers never to call, those of the file among them.
    pub do_not_call: HashSet<Phone>,
    /// Settings that hold, but that somebody should look at.
    pub warnings: Vec<ConfigProblem>,
    /// File to which the numbers of people who ask for it are added.
    pub do_not_call_file: Option<PathBuf>,
    /// The numbers of that file.
    pub opted_out: HashSet<Phone>,
    /// Limits of attempts and creates.
    pub limits: CallLimits,
    /// The number spoken as the one to reach us by.
    pub contact_phone: Option<Phone>,
    /// Calls held in memory.
    pub max_calls: usize,
    /// Time for which a finished call stays readable.
    pub retention: SignedDuration,
    /// Secrets that sign events to clients, newest first. Without any, `callback_url` is refused.
    pub webhook_secrets: Vec<Secret>,
    /// The secret was made at this start, for the simulator: the operator does not know it yet.
    pub is_secret_made: bool,
    /// `callback_url` may point at private addresses.
    pub allow_private_callbacks: bool,
    /// Certificate authorities that events to clients, reports and traces trust beside the public
    /// ones.
    pub authorities: Authorities,
    /// Logs, metrics, errors, traces.
    pub observability: Observability,
    /// The server that instances share; `None`: calls are kept in memory.
    pub shared: Option<Shared>,
    /// Networks whose `X-Forwarded-For` is believed, for limits and log lines.
    pub trusted_proxies: TrustedProxies,
    /// Their connections begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Origins,
}

/// The backend that places the calls.
pub enum TwilioBackend {
    /// The simulator in this process, with an account of its own.
    Simulator(TwilioAccount),
    /// Twilio, or what speaks its API.
    Twilio {
        /// The account.
        account: TwilioAccount,
        /// Address of its API.
        api_url: String,
    },
}

/// An account and its secrets.
#[derive(Clone)]
pub struct TwilioAccount {
    /// Its name.
    pub sid: AccountSid,
    /// Its auth tokens, newest first.
    pub auth_tokens: Vec<String>,
    /// Shared keys that may sign webhooks, by id and secret.
    pub webhook_keys: Vec<(String, String)>,
    /// Credentials of the REST API.
    pub credentials: Credentials,
}

/// Twilio's lists lag behind its calls, by some seconds as far as is known (docs/twilio.md,
/// *Requests to the REST API*).
const LIST_LAG: SignedDuration = SignedDuration::from_secs(15);

/// Longest time for which the list at this address of the API may not show a call that was just
/// placed. The simulator, and fakes of Twilio, show it at once.
fn list_lag(api_url: Option<&str>) -> SignedDuration {
    let url = api_url.and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    if host.ends_with(".twilio.com") {
        LIST_LAG
    } else {
        SignedDuration::ZERO
    }
}

impl TwilioBackend {
    /// The account at Twilio or at the simulator.
    #[must_use]
    pub const fn account(&self) -> &TwilioAccount {
        match self {
            Self::Simulator(account) | Self::Twilio { account, .. } => account,
        }
    }
}

/// A secret, and the name by which logs and metrics call it.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedSecret {
    /// The name.
    pub name: String,
    /// The secret, which `Debug` does not show.
    pub secret: String,
}

/// Secrets stay out of every log.
impl fmt::Debug for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedSecret({})", self.name)
    }
}

impl fmt::Debug for TwilioBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulator(_) => f.write_str("Simulator"),
            Self::Twilio { account, api_url } => write!(f, "Twilio({}, {api_url})", account.sid),
        }
    }
}

impl fmt::Debug for TwilioAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_the_ends_of_a_long_value_and_its_length() {
        let problem = |value: &str| ConfigProblem {
            name: "TABLECALL_DO_NOT_CALL".into(),
            message: format!("{value} is no number such as +14155550100"),
        };
        assert_eq!(
            problem("é").to_string(),
            "TABLECALL_DO_NOT_CALL: é is no number such as +14155550100"
        );
        let text = problem(&"é".repeat(100_000)).to_string();
        assert!(text.len() < 1_000, "{text}");
        assert!(
            text.contains("é… (100034 characters in all) …é")
                && text.ends_with("é is no number such as +14155550100"),
            "{text}"
        );
    }
}
