//! The simulator on its own, without the service.

use std::net::SocketAddr;

use clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use twilio_simulator::Simulator;

use super::assemble::reachable;
use super::{AppError, GRACE};
use crate::http::listener::{ConnectionLimits, serve};
use crate::twilio::client::tls_config;

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
) -> Result<(), AppError> {
    let taken = |why| AppError::Bind {
        address: listen,
        setting: "--listen",
        why,
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
