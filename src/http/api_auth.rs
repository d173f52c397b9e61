//! Authentication of API requests: their address, key and origin.
//!
//! It stands before the routes of the API, so that nothing of a body is read for a stranger. It
//! knows no call.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::Timestamp;
use metrics::{Counter, counter};
use poem::Request;

use super::cors::Origins;
use super::keys::{ApiKeys, KeyRefusal, Owner};
use super::networks::TrustedProxies;
use super::problem::{Code, Failure};
use super::wrong_key_throttle::WrongKeyThrottle;
use crate::telemetry::metrics::Metrics;
use clock::Clock;

/// The settings for access to the API.
#[derive(Debug)]
pub struct AuthConfig {
    /// The API keys.
    pub keys: ApiKeys,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// The origins whose pages may use the API.
    pub origins: Origins,
}

/// Authenticates requests to the API.
pub struct ApiAuth {
    config: AuthConfig,
    wrong_keys: WrongKeyThrottle,
    clock: Clock,
    /// Requests let in, by the name of their key.
    admitted: Vec<(Arc<str>, Counter)>,
    missing: Counter,
    wrong: Counter,
    slowed: Counter,
}

impl fmt::Debug for ApiAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiAuth")
            .field("admission", &self.config)
            .finish_non_exhaustive()
    }
}

impl ApiAuth {
    /// A door that counts.
    #[must_use]
    pub fn new(config: AuthConfig, clock: Clock, metrics: &Metrics) -> Self {
        metrics.register(|| {
            metrics::describe_counter!(
                "tablecall_api_requests_total",
                "Requests of clients, by the name of their key."
            );
            metrics::describe_counter!(
                "tablecall_api_key_failures_total",
                "Requests of clients without a key, with a wrong one, or with too many wrong ones before."
            );
            let admitted =
                |name: &Arc<str>| (name.clone(), counter!("tablecall_api_requests_total", "key" => name.to_string()));
            let failed = |cause| counter!("tablecall_api_key_failures_total", "cause" => cause);
            Self {
                admitted: config.keys.names().map(admitted).collect(),
                missing: failed("missing"),
                wrong: failed("wrong"),
                slowed: failed("slowed"),
                wrong_keys: WrongKeyThrottle::default(),
                config,
                clock,
            }
        })
    }

    /// The origins whose pages may use the API.
    #[must_use]
    pub const fn origins(&self) -> &Origins {
        &self.config.origins
    }

    /// The time by which wrong keys are counted.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The address that a request counts for.
    #[must_use]
    pub fn client(&self, request: &Request) -> IpAddr {
        self.config
            .proxies
            .client(request)
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// The name of the key of a request for the API from `client`.
    ///
    /// # Errors
    /// It has none, or a wrong one.
    pub fn admit(&self, request: &Request, client: IpAddr) -> Result<Owner, Failure> {
        match self.config.keys.owner(request) {
            Ok(owner) => {
                if let Some((_, counter)) = self.admitted.iter().find(|(name, _)| *name == owner) {
                    counter.increment(1);
                }
                Ok(Owner(owner))
            }
            Err(KeyRefusal::NoKey) => {
                self.missing.increment(1);
                Err(Failure::new(
                    Code::Unauthorized,
                    "Send a key: Authorization: Bearer SECRET.",
                ))
            }
            Err(KeyRefusal::WrongKey) => Err(self.wrong_key(client)),
        }
    }

    fn wrong_key(&self, client: IpAddr) -> Failure {
        match self.wrong_keys.note(client, self.clock.now()) {
            None => {
                self.wrong.increment(1);
                Failure::new(Code::Unauthorized, "This key is not known here.")
            }
            Some(seconds) => {
                self.slowed.increment(1);
                Failure::new(
                    Code::TooManyWrongKeys,
                    "Too many wrong keys came from this address.",
                )
                .after(seconds)
            }
        }
    }
}
