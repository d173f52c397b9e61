//! Puts the parts together, binds, runs, and stops in order.

pub mod stop;
mod assemble;
mod simulator;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use assemble::{Assembled, assemble, memory, store};
use clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use twilio_simulator::Simulator;

use crate::config::{Config, RawConfig};
use crate::domain::phone;
use crate::http::listener::{ConnectionLimits, serve};
use crate::notify::Notifier;
use crate::service::{Service, do_not_call_file};
use crate::speech::{InputMode, LanguageProblem, Speech};
use crate::telemetry::traces;
use crate::twilio;

pub use assemble::site;
pub use simulator::run_simulator;

/// The setting of the address for everything but metrics.
const LISTEN: &str = "TABLECALL_LISTEN";
/// The setting of the address for metrics.
const METRICS_LISTEN: &str = "TABLECALL_METRICS_LISTEN";
/// Time limit of requests in progress after the process was asked to stop.
const GRACE: Duration = Duration::from_secs(7);
/// Time limit, after that, of work that outlives its request: an answer of Twilio on its way is
/// worth waiting for.
const LAST_WORK: Duration = Duration::from_secs(7);

/// Time limit of the last events to clients when all else has ended.
const LAST_EVENTS: Duration = Duration::from_secs(4);
/// Time, from the moment at which the process was asked to stop, until changes that a shared store
/// does not take are given up: all that the limits before it leave.
const LAST_WRITES: Duration = GRACE.saturating_add(LAST_WORK).saturating_add(LAST_EVENTS);

/// A server that is bound and not yet running.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    /// Listener of metrics alone, if they have one.
    metrics: Option<TcpListener>,
    assembled: Assembled,
}

/// Reason for which there is no server.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address is taken, or not ours.
    #[error(
        "cannot listen on {address} ({why}): stop what listens there, or set {setting} to another address"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The name of the setting that it comes from.
        setting: &'static str,
        /// The error of the system.
        why: std::io::Error,
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
    Traces(#[from] traces::TracesError),
}

impl App {
    /// Binds the address that is configured and builds everything; nothing is served yet.
    ///
    /// # Errors
    /// The address cannot be bound, or a part cannot be built.
    pub async fn bind(config: Config, clock: Clock) -> Result<Self, AppError> {
        let listener = bind(config.listen, LISTEN).await?;
        Self::build(listener, config, clock).await
    }

    /// Builds everything around a listener that is bound already, whatever address is configured;
    /// nothing is served yet.
    ///
    /// # Errors
    /// The address for metrics cannot be bound, or a part cannot be built.
    pub async fn build(
        listener: TcpListener,
        config: Config,
        clock: Clock,
    ) -> Result<Self, AppError> {
        let address = config.listen;
        let bound = |why| AppError::Bind {
            address,
            setting: LISTEN,
            why,
        };
        let address = listener.local_addr().map_err(bound)?;
        let metrics = match config.observability.metrics_listen {
            Some(address) => Some(bind(address, METRICS_LISTEN).await?),
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
    /// 6. events that clients have not received are sent once more, for four seconds at most;
    ///    changes that a shared store has not taken are offered to it until 18 seconds have passed;
    /// 7. the simulator goes last: it is the other end of the wire;
    /// 8. the last spans of traces are sent, for two seconds at most.
    ///
    /// Calls on the line are left to their tickets. All of it together takes less than 25 seconds,
    /// which is the grace period to configure at a platform.
    ///
    /// # Errors
    /// A file of words has a fault. All of them are checked while the first requests are served
    /// already; at a fault the server stops in the same order.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> Result<(), AppError> {
        // The data of phone numbers takes some 10 ms to read. Neither the start nor a call should
        // wait for it.
        let warm = tokio::task::spawn_blocking(phone::warm);
        let Assembled {
            site,
            notifier,
            input,
            tasks,
            stop,
        } = self.assembled;
        let faults = faults_of_words(input);
        let (service, simulator) = (site.service.clone(), site.simulator.clone());
        notifier.start();
        let tending = start_sweeper(&service, &tasks);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"), commit = env!("TABLECALL_COMMIT"), address = %self.address,
            simulated = simulator.is_some(), "listening"
        );
        let limits = site.limits.clone().within_open_files();
        if let Some(listener) = self.metrics {
            tasks.spawn(serve_metrics(listener, &limits, &service, &stop));
        }
        let endpoint = crate::http::endpoint(site);
        let serving = serve(self.listener, limits, endpoint, stop.clone(), GRACE);
        tokio::pin!(serving);
        let told_to_stop = async {
            tokio::select! {
                () = signal => Ok(()),
                problems = faults => Err(AppError::Speech(problems)),
            }
        };
        let mut result = Ok(());
        let mut stopping_since = None;
        tokio::select! {
            () = &mut serving => {}
            told = told_to_stop => {
                result = told;
                stopping_since = Some(Instant::now());
                tracing::info!("stopping");
                service.sweeper().shut_down().await;
                stop.cancel();
                serving.await;
            }
        }
        let stopping_since = stopping_since.unwrap_or_else(Instant::now);
        finish_work(&service, &notifier, &tasks, stopping_since).await;
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
        result
    }
}

/// Starts the tasks that wake calls and tend the store. The task that is returned goes on to the
/// end: what happens while this process stops is stored, too.
fn start_sweeper(service: &Service, tasks: &TaskTracker) -> JoinHandle<()> {
    let (sweeping, tending) = (service.clone(), service.clone());
    tasks.spawn(async move { sweeping.sweeper().run_sweep().await });
    tokio::spawn(async move { tending.sweeper().tend_store().await })
}

/// Serves metrics at an address of their own. Their collector does not come through the proxy, and
/// has nothing to finish when the process stops.
fn serve_metrics(
    listener: TcpListener,
    limits: &ConnectionLimits,
    service: &Service,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let limits = ConnectionLimits {
        proxy_protocol: Vec::new(),
        ..limits.clone()
    };
    let endpoint = crate::http::metrics_endpoint(service.clone());
    serve(listener, limits, endpoint, stop.clone(), Duration::ZERO)
}

/// Finishes the work that outlives its requests, and sends the last events; steps 4 to 6 of
/// [`App::run_until`].
async fn finish_work(
    service: &Service,
    notifier: &Notifier,
    tasks: &TaskTracker,
    stopping_since: Instant,
) {
    let sweeper = service.sweeper();
    tasks.close();
    let last_work = async { tokio::join!(tasks.wait(), sweeper.settle_last()) };
    if tokio::time::timeout(LAST_WORK, last_work).await.is_err() {
        tracing::warn!("some work was not finished in time");
    }
    sweeper.shut_down().await;
    let patience = LAST_WRITES.saturating_sub(stopping_since.elapsed());
    tokio::join!(notifier.flush(LAST_EVENTS), sweeper.flush_store(patience));
}

/// Checks the words of all languages in a thread of its own, and resolves only if they have faults:
/// to read what one deployment never says takes longer than all the rest of the start. Nobody waits
/// for the thread at the end.
async fn faults_of_words(input: InputMode) -> Vec<LanguageProblem> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let check = move || {
        if let Err(problems) = Speech::check(input) {
            let _nobody_listens_any_more = tell.send(problems);
        }
    };
    let started = std::thread::Builder::new()
        .name("words".to_owned())
        .spawn(check);
    let faults = async {
        if let Err(error) = started {
            tracing::error!(%error, "the words of all languages cannot be checked");
        }
        told.await.ok()
    };
    match faults.await {
        Some(problems) => problems,
        None => std::future::pending().await,
    }
}

async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, AppError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|why| AppError::Bind {
        address,
        setting,
        why,
    })
}

/// Number of calls started each second. Where lines are limited, calls that wait for one need a
/// place in the queue of starts, so they are started one after the other in any case.
fn starts_per_second(config: &Config) -> u32 {
    const ONE_AFTER_THE_OTHER: u32 = 1_000;
    match (config.lines, config.calls_per_second) {
        (Some(_), 0) => ONE_AFTER_THE_OTHER,
        (_, per_second) => per_second,
    }
}

/// The OpenAPI document of a service as it would be without any setting.
///
/// # Errors
/// A part cannot be built.
pub fn document() -> Result<serde_json::Value, AppError> {
    let config = Config::read(&RawConfig::default()).map_err(|_problems| AppError::Defaults)?;
    let address = config.listen;
    let assembled = assemble(&config, Clock::system(), address, |_metrics| {
        memory(&config)
    })?;
    Ok(crate::http::describe(&assembled.site))
}

/// A program with all features has the most to send at the end.
#[cfg(all(test, feature = "sentry", feature = "otlp"))]
mod tests {
    use super::*;
    use crate::telemetry::reports;

    #[test]
    fn the_longest_stop_is_shorter_than_a_platform_waits() {
        // The last second is that of the runtime, for work that cannot be stopped.
        let longest = GRACE
            + LAST_WORK
            + LAST_EVENTS
            + traces::Traces::LAST_WAIT
            + reports::LAST_WAIT
            + Duration::from_secs(1);
        assert!(longest <= Duration::from_secs(23), "{longest:?}");
    }
}
