//! What an operator decides: every setting is read and judged before anything binds, and all that
//! is wrong is told at once, by name. The values come from `main`, which alone reads the
//! environment.

mod account;
mod environment;
mod features;
mod help;
mod numbers;
mod read;
mod reader;
mod shared;
mod observability;
mod traces;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
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

pub use self::environment::Findings;
pub use self::features::Features;
pub use self::help::with_headings;
pub use self::observability::Observability;
pub use self::shared::Shared;
pub use self::traces::TracesExport;

/// Settings as they are given: each a flag, or a variable of the environment.
#[derive(Args, Clone, Debug, Default)]
pub struct RawConfig {
    /// Address to bind; `127.0.0.1:8080` by default
    #[arg(long, env = "TABLECALL_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Port to bind on all addresses, as hosting platforms set it; `listen` goes before it
    #[arg(long, env = "PORT", value_name = "PORT")]
    pub port: Option<String>,
    /// Origin under which Twilio reaches us, such as `https://calls.example.com`; with the
    /// simulator the address bound
    #[arg(long, env = "TABLECALL_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Twilio account; without it the simulator is the carrier
    #[arg(long, env = "TWILIO_ACCOUNT_SID", value_name = "SID")]
    pub twilio_account_sid: Option<String>,
    /// Auth token of the account; several, newest first, while rotating
    #[arg(
        long,
        env = "TWILIO_AUTH_TOKEN",
        value_name = "TOKEN,…",
        hide_env_values = true
    )]
    pub twilio_auth_token: Option<String>,
    /// Twilio shared keys that may sign webhooks
    #[arg(
        long,
        env = "TWILIO_WEBHOOK_KEYS",
        value_name = "ID:SECRET,…",
        hide_env_values = true
    )]
    pub twilio_webhook_keys: Option<String>,
    /// API key for Twilio's REST API, instead of the auth token
    #[arg(long, env = "TWILIO_API_KEY", value_name = "SID")]
    pub twilio_api_key: Option<String>,
    /// Secret of that API key
    #[arg(
        long,
        env = "TWILIO_API_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub twilio_api_secret: Option<String>,
    /// OAuth client for Twilio's REST API, instead of an API key
    #[arg(long, env = "TWILIO_OAUTH_CLIENT_ID", value_name = "ID")]
    pub twilio_oauth_client_id: Option<String>,
    /// Secret of that client
    #[arg(
        long,
        env = "TWILIO_OAUTH_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub twilio_oauth_client_secret: Option<String>,
    /// Our numbers, E.164; required with an account
    #[arg(long, env = "TWILIO_FROM_NUMBER", value_name = "NUMBER,…")]
    pub twilio_from_number: Option<String>,
    /// A deployment for one restaurant: this number rings for every call
    #[arg(long, env = "TABLECALL_RESTAURANT_PHONE", value_name = "NUMBER")]
    pub restaurant_phone: Option<String>,
    /// The time zone of that restaurant, where its number does not tell it
    #[arg(long, env = "TABLECALL_RESTAURANT_TIMEZONE", value_name = "ZONE")]
    pub restaurant_timezone: Option<String>,
    /// How the service names itself on the phone; `Tablecall` by default
    #[arg(long, env = "TABLECALL_SERVICE_NAME", value_name = "NAME")]
    pub service_name: Option<String>,
    /// Twilio region: `us1`, `ie1` or `au1`; its city is filled in
    #[arg(long, env = "TWILIO_REGION", value_name = "REGION")]
    pub twilio_region: Option<String>,
    /// Twilio edge
    #[arg(long, env = "TWILIO_EDGE", value_name = "EDGE")]
    pub twilio_edge: Option<String>,
    /// Another origin of Twilio's API, or a simulator of it; `https://api.twilio.com` by default
    #[arg(long, env = "TWILIO_API_URL", value_name = "URL")]
    pub twilio_api_url: Option<String>,
    /// Calls started a second, 1 by default; 0: no pacing, as with the simulator
    #[arg(long, env = "TWILIO_CPS", value_name = "NUMBER")]
    pub twilio_cps: Option<String>,
    /// The most lines open at a time, over all instances; further calls wait. No limit by default
    #[arg(long, env = "TWILIO_LINES", value_name = "NUMBER")]
    pub twilio_lines: Option<String>,
    /// Answering-machine detection: `async` (the default) or `off`
    #[arg(long, env = "TWILIO_MACHINE_DETECTION", value_name = "MODE")]
    pub twilio_machine_detection: Option<String>,
    /// Keys of the API, required with an account; each secret has at least 16 characters
    #[arg(
        long,
        env = "TABLECALL_API_KEYS",
        value_name = "NAME:SECRET,…",
        hide_env_values = true
    )]
    pub api_keys: Option<String>,
    /// Keys that seal webhook URLs, as `tablecall keygen` makes them; the first seals, all open; by
    /// default they follow from the auth tokens
    #[arg(
        long,
        env = "TABLECALL_TICKET_KEYS",
        value_name = "KEY,…",
        hide_env_values = true
    )]
    pub ticket_keys: Option<String>,
    /// Countries that may be called; by default that of the first from-number; `*` for all, as with
    /// the simulator
    #[arg(long, env = "TABLECALL_ALLOWED_COUNTRIES", value_name = "CODE,…")]
    pub allowed_countries: Option<String>,
    /// Kinds of numbers to open or close, such as `+shared_cost,-toll_free`
    #[arg(
        long,
        env = "TABLECALL_NUMBER_KINDS",
        value_name = "±KIND,…",
        allow_hyphen_values = true
    )]
    pub number_kinds: Option<String>,
    /// The restaurants' local hours in which they may be called, `10:00-21:00` by default; `always`
    /// for no limit, as with the simulator
    #[arg(long, env = "TABLECALL_CALL_HOURS", value_name = "FROM-TO")]
    pub call_hours: Option<String>,
    /// The restaurants' busiest local hours, such as `12:00-13:00,19:00-20:00` (that is `on`): not
    /// called then if another moment within two hours is allowed; `off` by default
    #[arg(long, env = "TABLECALL_QUIET_HOURS", value_name = "FROM-TO,…")]
    pub quiet_hours: Option<String>,
    /// Spoken answers beside the keys: `on` or `off` (the default)
    #[arg(long, env = "TWILIO_SPEECH", value_name = "MODE")]
    pub twilio_speech: Option<String>,
    /// Numbers never to call
    #[arg(long, env = "TABLECALL_DO_NOT_CALL", value_name = "NUMBER,…")]
    pub do_not_call: Option<String>,
    /// File of numbers never to call, one a line; each restaurant that asks for it is added
    #[arg(long, env = "TABLECALL_DO_NOT_CALL_FILE", value_name = "PATH")]
    pub do_not_call_file: Option<String>,
    /// How often may be called, by default
    /// `number_hour=3,number_day=8,key_minute=60,service_day=500`; `off` for no limit, as with the
    /// simulator
    #[arg(long, env = "TABLECALL_LIMITS", value_name = "LIMITS")]
    pub limits: Option<String>,
    /// The number spoken as the one to reach us by; the first from-number by default
    #[arg(long, env = "TABLECALL_CONTACT_PHONE", value_name = "NUMBER")]
    pub contact_phone: Option<String>,
    /// Calls held in memory; 200000 by default
    #[arg(long, env = "TABLECALL_MAX_CALLS", value_name = "NUMBER")]
    pub max_calls: Option<String>,
    /// How long a finished call stays readable; `24h` by default
    #[arg(long, env = "TABLECALL_RETENTION", value_name = "DURATION")]
    pub retention: Option<String>,
    /// Secrets that sign events to clients, `whsec_…`, newest first; without any, `callback_url` is
    /// refused
    #[arg(
        long,
        env = "TABLECALL_WEBHOOK_SECRETS",
        value_name = "SECRET,…",
        hide_env_values = true
    )]
    pub webhook_secrets: Option<String>,
    /// Lets `callback_url` point at private addresses: `true` or `false` (the default)
    #[arg(long, env = "TABLECALL_ALLOW_PRIVATE_CALLBACKS", value_name = "BOOL")]
    pub allow_private_callbacks: Option<String>,
    /// Which log lines are written, such as `info,tablecall=debug`; `info` by default
    #[arg(long, env = "RUST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Form of log lines: `text` (the default on a terminal) or `json`
    #[arg(long, env = "TABLECALL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Address for `/metrics` alone; without it they are with everything else
    #[arg(long, env = "TABLECALL_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
    /// Networks whose `X-Forwarded-For` is believed
    #[arg(long, env = "TABLECALL_TRUSTED_PROXIES", value_name = "NETWORK,…")]
    pub trusted_proxies: Option<String>,
    /// Whether these proxies begin each connection with a header of the PROXY protocol, version 1
    /// or 2: `on` or `off` (the default)
    #[arg(long, env = "TABLECALL_PROXY_PROTOCOL", value_name = "MODE")]
    pub proxy_protocol: Option<String>,
    /// Web origins that may call the API from a browser
    #[arg(long, env = "TABLECALL_CORS_ORIGINS", value_name = "ORIGIN,…")]
    pub cors_origins: Option<String>,
    /// Redis or Valkey that several instances share; `redis://`, `rediss://`, `redis+cluster://` or `redis+sentinel://`
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// Certificates (PEM) of the authorities that Redis is trusted by, if not by public ones
    #[arg(long, env = "REDIS_CA", value_name = "PEM", hide_env_values = true)]
    pub redis_ca: Option<String>,
    /// Certificate (PEM) that this instance shows to Redis
    #[arg(long, env = "REDIS_CERT", value_name = "PEM", hide_env_values = true)]
    pub redis_cert: Option<String>,
    /// Private key (PEM) of that certificate
    #[arg(long, env = "REDIS_KEY", value_name = "PEM", hide_env_values = true)]
    pub redis_key: Option<String>,
    /// Key under which numbers are hashed into names of shared keys
    #[arg(
        long,
        env = "TABLECALL_INDEX_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub index_key: Option<String>,
    /// Where errors are reported
    #[arg(long, env = "SENTRY_DSN", value_name = "URL", hide_env_values = true)]
    pub sentry_dsn: Option<String>,
    /// What this deployment is called in those reports; `production`, or `simulator` with it
    #[arg(long, env = "SENTRY_ENVIRONMENT", value_name = "NAME")]
    pub sentry_environment: Option<String>,
    /// Collector that traces are sent to, over OTLP with HTTP, such as `http://localhost:4318`
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// File with certificates (PEM) of authorities that are trusted beside the public ones, for
    /// events to clients, reports and traces
    #[arg(long, env = "SSL_CERT_FILE", value_name = "PATH")]
    pub ssl_cert_file: Option<String>,
    /// What [`Self::complete`] found in the environment
    #[arg(skip)]
    pub environment: Findings,
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The variable.
    pub name: Cow<'static, str>,
    /// The rule it breaks.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Settings that were judged.
#[derive(Debug)]
pub struct Config {
    /// Address to bind.
    pub listen: SocketAddr,
    /// Origin under which Twilio reaches us; `None`: the address that was bound.
    pub public_url: Option<Url>,
    /// Who places the calls.
    pub carrier: TwilioBackend,
    /// Our numbers, the preferred one first.
    pub from_numbers: Vec<Phone>,
    /// The number that rings for every call, in a deployment for one restaurant.
    pub restaurant_phone: Option<Phone>,
    /// The zone of that restaurant, where the operator gave it.
    pub restaurant_timezone: Option<Zone>,
    /// How the service names itself.
    pub service_name: String,
    /// Calls started a second; 0: no pacing.
    pub calls_per_second: u32,
    /// The most lines that are open at a time, over all instances; `None`: no limit.
    pub lines: Option<u32>,
    /// Whether machines are detected.
    pub machine_detection: bool,
    /// Keys of the API by name and secret.
    pub api_keys: Vec<(String, String)>,
    /// Keys that seal and open tickets.
    pub ticket_keys: Vec<Key>,
    /// Countries that may be called; `None`: all.
    pub allowed_countries: Option<Vec<Country>>,
    /// Kinds of numbers that may be called.
    pub number_kinds: NumberKinds,
    /// When restaurants may be called.
    pub call_hours: Hours,
    /// When restaurants are busiest.
    pub quiet_hours: QuietHours,
    /// Whether staff may answer in words.
    pub speech: bool,
    /// Numbers never to call, those of the file among them.
    pub do_not_call: HashSet<Phone>,
    /// Settings that hold, but that somebody should look at.
    pub warnings: Vec<ConfigProblem>,
    /// Where numbers are added whose people ask for it.
    pub do_not_call_file: Option<PathBuf>,
    /// How often anybody may be called.
    pub limits: CallLimits,
    /// The number spoken as the one to reach us by.
    pub contact_phone: Option<Phone>,
    /// Calls held in memory.
    pub max_calls: usize,
    /// How long a finished call stays readable.
    pub retention: SignedDuration,
    /// What signs events to clients, newest first. Without any, `callback_url` is refused.
    pub webhook_secrets: Vec<Secret>,
    /// The secret was made at this start, for the simulator: nobody knows it yet.
    pub is_secret_made: bool,
    /// Whether `callback_url` may point at private addresses.
    pub allow_private_callbacks: bool,
    /// Who is trusted beside the public authorities, by events to clients, reports and traces.
    pub authorities: Authorities,
    /// Logs, metrics, errors, traces.
    pub observability: Observability,
    /// The server that instances share; `None`: calls are kept in memory.
    pub shared: Option<Shared>,
    /// Networks whose `X-Forwarded-For` is believed, for limits and log lines.
    pub trusted_proxies: TrustedProxies,
    /// Whether their connections begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Origins,
}

/// Who places the calls.
pub enum TwilioBackend {
    /// The simulator in this process, with an account of its own.
    Simulator(TwilioAccount),
    /// Twilio, or what speaks its API.
    Twilio {
        /// The account.
        account: TwilioAccount,
        /// Where its API is.
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
    /// What opens the REST API.
    pub credentials: Credentials,
}

impl TwilioBackend {
    /// The account, whoever has it.
    #[must_use]
    pub const fn account(&self) -> &TwilioAccount {
        match self {
            Self::Simulator(account) | Self::Twilio { account, .. } => account,
        }
    }
}

/// Secrets stay out of every log.
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
