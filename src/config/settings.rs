//! Settings as they are given, by concern: each a flag, or a variable of the environment. The text of
//! a field is what `tablecall serve --help` shows.

use clap::Args;

use super::findings::Findings;

/// Settings as they are given.
#[derive(Args, Clone, Debug, Default)]
pub struct RawConfig {
    #[command(flatten)]
    pub server: ServerSettings,
    #[command(flatten)]
    pub carrier: CarrierSettings,
    #[command(flatten)]
    pub calls: CallSettings,
    #[command(flatten)]
    pub clients: ClientSettings,
    #[command(flatten)]
    pub storage: StorageSettings,
    #[command(flatten)]
    pub observability: ObservabilitySettings,
    /// The findings of [`Self::complete`] in the environment
    #[arg(skip)]
    pub environment: Findings,
}

impl RawConfig {
    /// The same settings but for a change.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Where the service is reached.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where it is")]
pub struct ServerSettings {
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
}

/// The account that places the calls.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Who calls")]
pub struct CarrierSettings {
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
}

/// Which calls are made, and what is said in them.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Whom it calls, and what is said")]
pub struct CallSettings {
    /// A deployment for one restaurant: this number rings for every call
    #[arg(long, env = "TABLECALL_RESTAURANT_PHONE", value_name = "NUMBER")]
    pub restaurant_phone: Option<String>,
    /// The time zone of that restaurant, where its number does not tell it
    #[arg(long, env = "TABLECALL_RESTAURANT_TIMEZONE", value_name = "ZONE")]
    pub restaurant_timezone: Option<String>,
    /// How the service names itself on the phone; `Tablecall` by default
    #[arg(long, env = "TABLECALL_SERVICE_NAME", value_name = "NAME")]
    pub service_name: Option<String>,
    /// The number spoken as the one to reach us by; the first from-number by default
    #[arg(long, env = "TABLECALL_CONTACT_PHONE", value_name = "NUMBER")]
    pub contact_phone: Option<String>,
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
    /// How often may be called, by default
    /// `number_hour=3,number_day=8,key_minute=60,service_day=500`; `off` for no limit, as with the
    /// simulator
    #[arg(long, env = "TABLECALL_LIMITS", value_name = "LIMITS")]
    pub limits: Option<String>,
    /// Numbers never to call
    #[arg(long, env = "TABLECALL_DO_NOT_CALL", value_name = "NUMBER,…")]
    pub do_not_call: Option<String>,
    /// File of numbers never to call, one a line; each restaurant that asks for it is added
    #[arg(long, env = "TABLECALL_DO_NOT_CALL_FILE", value_name = "PATH")]
    pub do_not_call_file: Option<String>,
    /// Spoken answers beside the keys: `on` or `off` (the default)
    #[arg(long, env = "TWILIO_SPEECH", value_name = "MODE")]
    pub twilio_speech: Option<String>,
}

/// Who may use the API, and how its events are signed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Clients")]
pub struct ClientSettings {
    /// Keys of the API, required with an account; each secret has at least 16 characters
    #[arg(
        long,
        env = "TABLECALL_API_KEYS",
        value_name = "NAME:SECRET,…",
        hide_env_values = true
    )]
    pub api_keys: Option<String>,
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
}

/// What is stored, where, and under which keys.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is kept, and where")]
pub struct StorageSettings {
    /// Keys that seal webhook URLs, as `tablecall keygen` makes them; the first seals, all open; by
    /// default they follow from the auth tokens
    #[arg(
        long,
        env = "TABLECALL_TICKET_KEYS",
        value_name = "KEY,…",
        hide_env_values = true
    )]
    pub ticket_keys: Option<String>,
    /// Calls held in memory, at least 1; 200000 by default
    #[arg(long, env = "TABLECALL_MAX_CALLS", value_name = "NUMBER")]
    pub max_calls: Option<String>,
    /// How long a finished call stays readable; `24h` by default
    #[arg(long, env = "TABLECALL_RETENTION", value_name = "DURATION")]
    pub retention: Option<String>,
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
}

/// Logs, metrics, reports and traces.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Who watches")]
pub struct ObservabilitySettings {
    /// Which log lines are written, such as `info,tablecall=debug`; `info` by default
    #[arg(long, env = "RUST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Form of log lines: `text` (the default on a terminal) or `json`
    #[arg(long, env = "TABLECALL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Address for `/metrics` alone; without it they are with everything else
    #[arg(long, env = "TABLECALL_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
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
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn every_setting_stands_under_a_heading_and_no_secret_is_shown() {
        let mut command = RawConfig::augment_args(Command::new("serve"));
        let bare: Vec<_> = command
            .get_arguments()
            .filter(|flag| flag.get_help_heading().is_none())
            .collect();
        assert!(bare.is_empty(), "{bare:?}");
        let secret = |name: &str| {
            ["TOKEN", "SECRET", "KEYS", "_KEY", "DSN", "REDIS"]
                .iter()
                .any(|part| name.contains(part))
        };
        for flag in command.get_arguments() {
            let name = flag.get_env().and_then(|name| name.to_str()).unwrap();
            // The name of an API key of Twilio's is no secret; its secret is.
            let hidden = flag.is_hide_env_values_set() || name == "TWILIO_API_KEY";
            assert!(hidden || !secret(name), "{name} would be shown");
        }
        let help = command.render_help().to_string();
        assert!(
            help.contains("Who watches:") && help.contains("[env: RUST_LOG"),
            "{help}"
        );
    }
}
