//! Mounts the simulator: bytes in, bytes out. It shares nothing with the product but the listener.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response};

use super::listener::{ConnectionLimits, read_body};
use twilio_simulator::Simulator;

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

/// Leads `/` to the phone's page: where the simulator runs alone, no service is behind the app.
#[derive(Clone, Copy, Debug)]
pub struct PhoneFirst<E>(pub E);

impl<E: Endpoint> Endpoint for PhoneFirst<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.uri().path() == "/" {
            let mut response = StatusCode::SEE_OTHER.into_response();
            let phone = HeaderValue::from_static("/simulator");
            response.headers_mut().insert(header::LOCATION, phone);
            return Ok(response);
        }
        Ok(self.0.call(request).await?.into_response())
    }
}
