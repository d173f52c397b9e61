//! Mounts the simulator: bytes in, bytes out. It shares nothing with the product but the listener.

use poem::{Body, Endpoint, Request, Response};

use super::listener::{ConnectionLimits, read_body};
use crate::simulator::Simulator;

/// The simulator as an endpoint.
#[derive(Clone, Debug)]
pub struct SimulatorEndpoint {
    simulator: Simulator,
    limits: ConnectionLimits,
}

impl SimulatorEndpoint {
    /// Hands every request to the simulator.
    #[must_use]
    pub const fn new(simulator: Simulator, limits: ConnectionLimits) -> Self {
        Self { simulator, limits }
    }
}

impl Endpoint for SimulatorEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let body = read_body(&mut request, self.limits.body_bytes, self.limits.body).await?;
        let mut plain = poem::http::Request::new(body);
        *plain.method_mut() = request.method().clone();
        // Under a nested route poem cuts the path; the simulator knows its own.
        *plain.uri_mut() = request.original_uri().clone();
        *plain.headers_mut() = request.headers().clone();
        let (head, body) = self.simulator.handle(plain).await.into_parts();
        let mut response = Response::builder()
            .status(head.status)
            .body(Body::from(body));
        *response.headers_mut() = head.headers;
        Ok(response)
    }
}
