//! Puts the parts together, binds, runs, and stops in order.

pub mod stop;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, RawConfig, TracesExport, TwilioBackend};
use crate::domain::{Language, phone};
use crate::http::AppState;
use crate::http::api_auth::AuthConfig;
use crate::http::keys::ApiKeys;
use crate::http::listener::{ConnectionLimits, serve};
use crate::notify::{self, Notifier};
use crate::policy::Rules;
use crate::service::do_not_call_file::{self, DoNotCallFile};
use crate::service::intake::{Callbacks, Defaults};
use crate::service::links::Links;
use crate::service::{Probe, Service, ServiceDependencies, ServiceSettings, account_digest};
use crate::speech::{InputMode, Speech};
use crate::store::{self, Memory, Redis, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::{self, Collector, Traces};
use crate::ticket::Tickets;
use crate::twilio;
use crate::twilio::client::{Client, ClientConfig, http_client, http_client_trusting, tls_config};
use crate::twilio::signature::Verifier;
use clock::Clock;
use twilio_simulator::Simulator;

/// How long requests in progress may take after the process was asked to stop.
const GRACE: Duration = Duration::from_secs(7);
/// How long work that outlives its request may take after that: an answer of Twilio on its way is
/// worth waiting for.
const LAST_WORK: Duration = Duration::from_secs(7);

/// How long the last events to clients may take when all else has ended.
const LAST_EVENTS: Duration = Duration::from_secs(4);

/// A server that is bound and not yet running.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    /// Where metrics are alone.
    metrics: Option<TcpListener>,
    assembled: Assembled,
}

/// The parts, put together.
#[derive(Debug)]
struct Assembled {
    site: AppState,
    notifier: Notifier,
    metrics: Metrics,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The files of words have faults.
    #[error("the files under twiml/ have faults: {0:?}")]
    Speech(Vec<crate::speech::LanguageProblem>),
    /// A client for Twilio, or for the endpoints of events, cannot be built.
    #[error("no HTTP client can be built")]
    Client(#[from] reqwest::Error),
    /// Twilio's address is no URL.
    #[error("TWILIO_API_URL cannot be used")]
    ApiUrl(#[from] twilio::client::InvalidApiUrl),
    /// Webhooks cannot be verified.
    #[error("webhooks cannot be verified")]
    Verifier(#[from] twilio::signature::SetupError),
    /// A service without any setting cannot be started.
    #[error("the settings that hold by default are wrong")]
    Defaults,
    /// The list of numbers never to call cannot be kept.
    #[error("TABLECALL_DO_NOT_CALL_FILE cannot be used")]
    DoNotCall(#[from] do_not_call_file::FileError),
    /// Traces cannot be exported.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")]
    Traces(#[from] traces::Error),
    /// The metrics cannot be made.
    #[error("the metrics cannot be made")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

impl App {
    /// Binds and builds everything; nothing is served yet.
    ///
    /// # Errors
    /// The address cannot be bound, or a part cannot be built.
    pub async fn build(config: Config, clock: Clock) -> Result<Self, Error> {
        let address = config.listen;
        let (listener, address) = bind(address).await?;
        let metrics = match config.observability.metrics_listen {
            Some(address) => Some(bind(address).await?.0),
            None => None,
        };
        let assembled = assemble(&config, clock, address, |metrics| store(&config, metrics))?;
        Ok(Self {
            listener,
            address,
            metrics,
            assembled,
        })
    }

    /// The address that was bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address at which metrics are alone, if they are.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
    }

    /// The simulated carrier of this process, if it has one.
    #[must_use]
    pub const fn simulator(&self) -> Option<&Simulator> {
        self.assembled.site.simulator.as_ref()
    }

    /// Serves until `signal` comes, then stops in order:
    ///
    /// 1. calls that wait for a later moment end as failed, since nothing will remember them, and
    ///    their followers are notified;
    /// 2. streams to clients end, and no new connection is accepted: no client begins what cannot
    ///    be finished;
    /// 3. requests in progress are answered, for seven seconds at most: a key that was pressed is
    ///    stored;
    /// 4. work that outlives its request ends, for seven seconds at most: an answer of Twilio on
    ///    its way gets its place in the record, and a call whose line was just closed its end;
    /// 5. calls that began to wait meanwhile end too;
    /// 6. events that clients have not received are sent once more, and changes that a shared store
    ///    has not taken are offered to it, for four seconds at most;
    /// 7. the simulator goes last: it is the other end of the wire;
    /// 8. the last spans of traces are sent, for two seconds at most.
    ///
    /// Calls on the line are left to their tickets. All of it together takes less than 25 seconds,
    /// which is the grace period to configure at a platform.
    pub async fn run_until(self, signal: impl Future<Output = ()>) {
        // The data of phone numbers takes some 10 ms to read. Neither the start nor a call should
        // wait for it.
        let warm = tokio::task::spawn_blocking(phone::warm);
        let Assembled {
            site,
            notifier,
            metrics,
            tasks,
            stop,
        } = self.assembled;
        notifier.start();
        let (service, simulator) = (site.service.clone(), site.simulator.clone());
        tasks.spawn({
            let service = service.clone();
            async move { service.sweeper().run_sweep().await }
        });
        // It goes on to the end: what happens while this process stops is stored too.
        let tending = tokio::spawn({
            let service = service.clone();
            async move { service.sweeper().tend_store().await }
        });
        tasks.spawn({
            let stop = stop.clone();
            async move { metrics.run_upkeep(stop).await }
        });
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"), commit = env!("TABLECALL_COMMIT"), address = %self.address,
            simulated = simulator.is_some(), "listening"
        );
        let limits = site.limits.clone().within_open_files();
        if let Some(listener) = self.metrics {
            // Whoever collects metrics comes without a proxy.
            let limits = ConnectionLimits {
                proxy_protocol: Vec::new(),
                ..limits.clone()
            };
            let endpoint = crate::http::metrics_endpoint(service.clone());
            // It has nothing to finish.
            tasks.spawn(serve(
                listener,
                limits,
                endpoint,
                stop.clone(),
                Duration::ZERO,
            ));
        }
        let serving = serve(
            self.listener,
            limits,
            crate::http::endpoint(site),
            stop.clone(),
            GRACE,
        );
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = signal => {
                tracing::info!("stopping");
                service.sweeper().shut_down().await;
                stop.cancel();
                serving.await;
            }
        }
        tasks.close();
        let last_work = async { tokio::join!(tasks.wait(), service.sweeper().settle_last()) };
        if tokio::time::timeout(LAST_WORK, last_work).await.is_err() {
            tracing::warn!("some work was not finished in time");
        }
        service.sweeper().shut_down().await;
        tokio::join!(notifier.flush(LAST_EVENTS), service.sweeper().flush_store());
        tending.abort();
        if let Some(simulator) = simulator {
            simulator.stop().await;
        }
        if let Some(traces) = service.traces().cloned() {
            // It waits for the collector, and is given up with the rest of the process.
            let _closed = tokio::task::spawn_blocking(move || traces.close()).await;
        }
        warm.abort();
        tracing::info!("stopped");
    }
}

/// Everything behind the sockets, over a store that may hold calls already. It starts no background
/// task, so there is no sweep.
///
/// # Errors
/// A part cannot be built.
pub fn site(config: &Config, clock: Clock, store: Store) -> Result<AppState, Error> {
    assemble(config, clock, config.listen, |_metrics| store).map(|assembled| assembled.site)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bound)?;
    let address = listener.local_addr().map_err(bound)?;
    Ok((listener, address))
}

/// How often a call is started. Where lines are limited, calls that wait for one need a line of those
/// who wait, so they are started one after the other in any case.
fn starts_per_second(config: &Config) -> u32 {
    const ONE_AFTER_THE_OTHER: u32 = 1_000;
    match (config.lines, config.calls_per_second) {
        (Some(_), 0) => ONE_AFTER_THE_OTHER,
        (_, per_second) => per_second,
    }
}

fn memory(config: &Config) -> Store {
    let limits = store::StoreLimits {
        max_calls: config.max_calls,
        retention: config.retention,
    };
    Store::Memory(Memory::new(limits).paced(starts_per_second(config)))
}

/// The server that instances share, or this process.
fn store(config: &Config, metrics: &Metrics) -> Store {
    let Some(shared) = &config.shared else {
        return memory(config);
    };
    let settings = store::redis::Settings {
        url: shared.url.clone(),
        index_key: shared.index_key.clone(),
        retention: config.retention,
        per_second: starts_per_second(config),
    };
    Store::Redis(Redis::new(&settings, &config.ticket_keys, metrics))
}

/// Builds every part; `address` is where this process can be reached by itself.
fn assemble(
    config: &Config,
    clock: Clock,
    address: SocketAddr,
    store: impl FnOnce(&Metrics) -> Store,
) -> Result<Assembled, Error> {
    let origin = origin(config, address);
    let input = if config.speech {
        InputMode::KeysAndSpeech
    } else {
        InputMode::Keys
    };
    let speech = Speech::load(input).map_err(Error::Speech)?;
    let do_not_call = config
        .do_not_call_file
        .as_deref()
        .map(DoNotCallFile::open)
        .transpose()?;
    let metrics = Metrics::new(
        env!("CARGO_PKG_VERSION"),
        env!("TABLECALL_COMMIT"),
        clock.now(),
    )?;
    let http = http_client()?;
    let account = config.carrier.account().clone();
    let verifier = Verifier::new(&origin, &account.auth_tokens, &account.webhook_keys)?;
    let (simulator, api_url) = match &config.carrier {
        TwilioBackend::Twilio { api_url, .. } => (None, api_url.clone()),
        TwilioBackend::Simulator(account) => {
            let auth_tokens = account.auth_tokens.clone();
            let only_origin = (!address.ip().is_loopback() || config.public_url.is_some())
                .then(|| origin.clone());
            let simulated = twilio_simulator::SimulatorConfig {
                account_sid: account.sid.to_string(),
                auth_tokens,
                only_origin,
                idle_connections: 32,
                api_origin: Some(format!("http://{}/simulator", reachable(address))),
                ..Default::default()
            };
            let simulator = Simulator::new(simulated, clock.clone(), tls_config());
            (
                Some(simulator),
                format!("http://{}/simulator", reachable(address)),
            )
        }
    };
    let probe_token = account.auth_tokens.first().cloned().unwrap_or_default();
    let client = ClientConfig {
        api_url,
        ..ClientConfig::new(account.sid, account.credentials)
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let probe = config.public_url.as_ref().map(|_| Probe {
        http: http.clone(),
        origin: origin.clone(),
        auth_token: probe_token,
    });
    let traces = traces(config, &clock)?;
    let service = Service::new(ServiceDependencies {
        settings: settings(config, speech.languages().collect()),
        clock: clock.clone(),
        store: store(&metrics),
        tickets: Tickets::new(config.ticket_keys.clone()),
        links: Links::new(&origin),
        twilio: Client::new(client)?,
        speech,
        metrics: metrics.clone(),
        traces,
        do_not_call,
        tasks: tasks.clone(),
        stop: stop.clone(),
        probe,
    });
    let keys = ApiKeys::new(
        config
            .api_keys
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.as_str())),
    );
    let notifier = Notifier::new(notify::NotifierDependencies {
        service: service.clone(),
        clock,
        secrets: config.webhook_secrets.clone(),
        allow_private: config.allow_private_callbacks,
        authorities: config.authorities.clone(),
        names: Arc::new(notify::System),
        show: crate::http::api::view::json,
    })?;
    let metrics_apart = config.observability.metrics_listen.is_some();
    let (proxies, origins) = (config.trusted_proxies.clone(), config.cors_origins.clone());
    let mut limits = ConnectionLimits::default();
    limits.unlimited_peers.extend(&proxies.0);
    if config.proxy_protocol {
        limits.proxy_protocol.clone_from(&proxies.0);
    }
    let admission = AuthConfig {
        keys,
        proxies,
        origins,
    };
    let site = AppState {
        service,
        admission,
        verifier,
        public_url: origin,
        simulator,
        limits,
        metrics_apart,
    };
    Ok(Assembled {
        site,
        notifier,
        metrics,
        tasks,
        stop,
    })
}

/// Traces, where a collector is named.
fn traces(config: &Config, clock: &Clock) -> Result<Option<Traces>, Error> {
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

/// The OpenAPI document of a service as it would be without any setting.
///
/// # Errors
/// A part cannot be built.
pub fn document() -> Result<serde_json::Value, Error> {
    let config = Config::read(&RawConfig::default()).map_err(|_problems| Error::Defaults)?;
    let address = config.listen;
    let assembled = assemble(&config, Clock::system(), address, |_metrics| {
        memory(&config)
    })?;
    Ok(crate::http::describe(&assembled.site))
}

/// The origin of the URLs that Twilio gets. It never comes from the headers of a request.
fn origin(config: &Config, address: SocketAddr) -> String {
    match &config.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => format!("http://{}", reachable(address)),
    }
}

/// An address that this machine can reach itself by: "all addresses" is none to connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    }
}

fn settings(config: &Config, languages: Vec<Language>) -> ServiceSettings {
    let home = config
        .from_numbers
        .first()
        .and_then(|number| number.facts())
        .and_then(|facts| facts.country);
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
        from_numbers: config.from_numbers.clone(),
        service_name: config.service_name.clone(),
        contact_phone: config.contact_phone,
        machine_detection: config.machine_detection,
        lines: config.lines,
        defaults: Defaults {
            country: home,
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

/// Serves the simulated carrier alone until `signal` comes. Calls `bound` with its address as soon
/// as it listens.
///
/// # Errors
/// The address cannot be bound.
pub async fn run_simulator(
    listen: SocketAddr,
    config: twilio_simulator::SimulatorConfig,
    clock: Clock,
    bound: impl FnOnce(SocketAddr),
    signal: impl Future<Output = ()>,
) -> Result<(), Error> {
    let taken = |source| Error::Bind {
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let config = twilio_simulator::SimulatorConfig {
        api_origin: Some(format!("http://{}", reachable(address))),
        ..config
    };
    let simulator = Simulator::new(config, clock, tls_config());
    let limits = ConnectionLimits::default().within_open_files();
    let stop = CancellationToken::new();
    let endpoint = crate::http::simulator_endpoint(simulator.clone(), limits.clone());
    let serving = serve(listener, limits, endpoint, stop.clone(), GRACE);
    bound(address);
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = signal => {
            stop.cancel();
            serving.await;
        }
    }
    simulator.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::reports;

    #[test]
    fn the_longest_stop_is_shorter_than_a_platform_waits() {
        // The last second is that of the runtime, for work that cannot be stopped.
        let longest = GRACE
            + LAST_WORK
            + LAST_EVENTS
            + traces::LAST_WAIT
            + reports::LAST_WAIT
            + Duration::from_secs(1);
        assert!(longest <= Duration::from_secs(23), "{longest:?}");
    }
}
