//! Builds the parts of the application from its configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use clock::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use twilio_simulator::Simulator;

use super::{AppError, starts_per_second};
use crate::config::{Config, TracesExport, TwilioBackend};
use crate::domain::Language;
use crate::http::AppState;
use crate::http::api_auth::AuthConfig;
use crate::http::keys::ApiKeys;
use crate::http::listener::ConnectionLimits;
use crate::notify::Notifier;
use crate::policy::Rules;
use crate::service::do_not_call_file::DoNotCallFile;
use crate::service::intake::{Callbacks, Defaults};
use crate::service::links::Links;
use crate::service::{Probe, Service, ServiceDependencies, ServiceSettings, account_digest};
use crate::speech::{InputMode, Speech};
use crate::store::{Memory, Redis, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::{Collector, Traces};
use crate::ticket::Tickets;
use crate::twilio::client::{Client, ClientConfig, http_client, http_client_trusting, tls_config};
use crate::twilio::signature::Verifier;
use crate::{notify, store};

/// The parts, put together.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) site: AppState,
    pub(super) notifier: Notifier,
    /// Ways in which staff may answer: the documents are checked for them.
    pub(super) input: InputMode,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Everything behind the sockets, over a store that may hold calls already. It starts no background
/// task, so there is no sweep.
///
/// # Errors
/// A part cannot be built.
pub fn site(config: &Config, clock: Clock, store: Store) -> Result<AppState, AppError> {
    assemble(config, clock, config.listen, |_metrics| store).map(|assembled| assembled.site)
}

pub(super) fn memory(config: &Config) -> Store {
    let limits = store::StoreLimits {
        max_calls: config.max_calls,
        retention: config.retention,
    };
    Store::Memory(Memory::new(limits).paced(starts_per_second(config)))
}

/// The server that instances share, or this process.
pub(super) fn store(config: &Config, metrics: &Metrics) -> Store {
    let Some(shared) = &config.shared else {
        return memory(config);
    };
    let settings = store::redis::Settings {
        url: shared.url.clone(),
        index_key: shared.index_key.clone(),
        retention: config.retention,
        per_second: starts_per_second(config),
        opted_out: config.opted_out.clone(),
    };
    Store::Redis(Redis::new(&settings, &config.ticket_keys, metrics))
}

/// Builds every part; `address` is where this process can be reached by itself.
pub(super) fn assemble(
    config: &Config,
    clock: Clock,
    address: SocketAddr,
    store: impl FnOnce(&Metrics) -> Store,
) -> Result<Assembled, AppError> {
    let origin = origin(config, address);
    let input = input(config);
    let speech = Speech::open(input).map_err(AppError::Speech)?;
    let do_not_call = config
        .do_not_call_file
        .as_deref()
        .map(DoNotCallFile::open)
        .transpose()?;
    let metrics = Metrics::new(
        env!("CARGO_PKG_VERSION"),
        env!("TABLECALL_COMMIT"),
        clock.now(),
    );
    let http = http_client()?;
    let account = config.carrier.account().clone();
    let verifier = Verifier::new(&origin, &account.auth_tokens, &account.webhook_keys)?;
    let simulator = simulator(config, address, &origin, &clock);
    let probe = config.public_url.as_ref().map(|_| Probe {
        http,
        origin: origin.clone(),
        auth_token: account.auth_tokens.first().cloned().unwrap_or_default(),
    });
    let client = ClientConfig {
        api_url: api_url(config, address),
        ..ClientConfig::new(account.sid, account.credentials)
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let service = Service::new(ServiceDependencies {
        settings: settings(config, speech.languages().collect()),
        clock: clock.clone(),
        store: store(&metrics),
        tickets: Tickets::new(config.ticket_keys.clone()),
        links: Links::new(&origin),
        twilio: Client::new(client)?,
        speech,
        metrics: metrics.clone(),
        traces: traces(config, &clock)?,
        do_not_call,
        tasks: tasks.clone(),
        stop: stop.clone(),
        probe,
    });
    let notifier = notifier(config, &service, clock)?;
    let site = AppState {
        service,
        admission: admission(config),
        verifier,
        public_url: origin,
        simulator,
        limits: connection_limits(config),
        metrics_apart: config.observability.metrics_listen.is_some(),
    };
    Ok(Assembled {
        site,
        notifier,
        input,
        tasks,
        stop,
    })
}

const fn input(config: &Config) -> InputMode {
    if config.speech {
        InputMode::KeysAndSpeech
    } else {
        InputMode::Keys
    }
}

fn notifier(config: &Config, service: &Service, clock: Clock) -> Result<Notifier, AppError> {
    let notifier = Notifier::new(notify::NotifierDependencies {
        service: service.clone(),
        clock,
        secrets: config.webhook_secrets.clone(),
        allow_private: config.allow_private_callbacks,
        authorities: config.authorities.clone(),
        resolver: Arc::new(notify::System),
        call_json: crate::http::api::view::json,
    })?;
    Ok(notifier)
}

/// Base URL of the carrier's REST API.
fn api_url(config: &Config, address: SocketAddr) -> String {
    match &config.carrier {
        TwilioBackend::Twilio { api_url, .. } => api_url.clone(),
        TwilioBackend::Simulator(_) => simulator_url(address),
    }
}

fn simulator_url(address: SocketAddr) -> String {
    format!("http://{}/simulator", reachable(address))
}

/// The simulator that plays Twilio in this process, where there is no account.
fn simulator(
    config: &Config,
    address: SocketAddr,
    origin: &str,
    clock: &Clock,
) -> Option<Simulator> {
    let TwilioBackend::Simulator(account) = &config.carrier else {
        return None;
    };
    let is_exposed = !address.ip().is_loopback() || config.public_url.is_some();
    let simulated = twilio_simulator::SimulatorConfig {
        account_sid: account.sid.to_string(),
        auth_tokens: account.auth_tokens.clone(),
        only_origin: is_exposed.then(|| origin.to_owned()),
        idle_connections: 32,
        api_origin: Some(simulator_url(address)),
        ..Default::default()
    };
    Some(Simulator::new(simulated, clock.clone(), tls_config()))
}

/// Which clients are served, and from where.
fn admission(config: &Config) -> AuthConfig {
    let keys = config
        .api_keys
        .iter()
        .map(|key| (key.name.as_str(), key.secret.as_str()));
    AuthConfig {
        keys: ApiKeys::new(keys),
        proxies: config.trusted_proxies.clone(),
        origins: config.cors_origins.clone(),
    }
}

/// Proxies have no limit of their own, and may have to name the peers behind them.
fn connection_limits(config: &Config) -> ConnectionLimits {
    let proxies = &config.trusted_proxies.0;
    let mut limits = ConnectionLimits::default();
    limits.unlimited_peers.extend(proxies);
    if config.proxy_protocol {
        limits.proxy_protocol.clone_from(proxies);
    }
    limits
}

/// Traces, where a collector is named.
pub(super) fn traces(config: &Config, clock: &Clock) -> Result<Option<Traces>, AppError> {
    let Some(export) = config.observability.collector.clone() else {
        return Ok(None);
    };
    let TracesExport {
        endpoint,
        service_name,
        timeout,
        gzip,
    } = export;
    let (version, environment) = (
        env!("CARGO_PKG_VERSION"),
        config.observability.environment.clone(),
    );
    let collector = Collector {
        endpoint,
        service_name,
        timeout,
        gzip,
        version,
        environment,
    };
    Ok(Some(Traces::new(
        collector,
        clock.clone(),
        http_client_trusting(&config.authorities).build()?,
    )?))
}

/// The origin of the URLs that Twilio gets. It never comes from the headers of a request.
fn origin(config: &Config, address: SocketAddr) -> String {
    match &config.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => format!("http://{}", reachable(address)),
    }
}

/// An address that this machine can reach itself by: "all addresses" is none to connect to.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    }
}

pub(super) fn settings(config: &Config, languages: Vec<Language>) -> ServiceSettings {
    let callbacks = match (
        config.webhook_secrets.is_empty(),
        config.allow_private_callbacks,
    ) {
        (true, _) => Callbacks::Refused,
        (false, false) => Callbacks::Public,
        (false, true) => Callbacks::Any,
    };
    ServiceSettings {
        account: config.carrier.account().sid,
        account_digest: account_digest(&config.carrier.account().sid),
        list_lag: config.list_lag,
        from_numbers: config.from_numbers.clone(),
        service_name: config.service_name.clone(),
        contact_phone: config.contact_phone,
        machine_detection: config.machine_detection,
        lines: config.lines,
        defaults: Defaults {
            country: config.home_country,
            allowed_countries: config.allowed_countries.clone(),
            restaurant_phone: config.restaurant_phone,
            restaurant_timezone: config.restaurant_timezone.clone(),
            callbacks,
            languages,
        },
        do_not_call: config.do_not_call.clone(),
        rules: Rules {
            countries: config.allowed_countries.clone(),
            kinds: config.number_kinds.clone(),
            hours: config.call_hours,
            quiet_hours: config.quiet_hours.clone(),
            own_numbers: config.from_numbers.clone(),
            limits: config.limits,
        },
    }
}
