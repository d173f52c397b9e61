//! Connections to Twilio and to others: TLS with the roots in the program, time limits, nothing of
//! the environment.
//!
//! The requests are not known here. [`Connector`] keeps one promise that the client's errors rest
//! on: a connection that was not ready in time, TLS included, fails as one that could not be
//! opened, and nothing was sent on it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tower_service::Service;

use super::deadline_body::DeadlineBody;
use super::error::BoxError;

/// Time limit of opening a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Life of an unused connection: shorter than the other side keeps it, so that no request is sent
/// on a connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// Name of this program in its requests.
pub(super) const USER_AGENT: &str = concat!("tablecall/", env!("CARGO_PKG_VERSION"));

/// Sends the requests of the REST client: each create passes here, so it is no more than
/// connections and HTTP/1.1.
pub(super) type Http = legacy::Client<Connector, DeadlineBody>;

pub(super) fn http() -> Http {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    // Divided among the addresses of a name, so that one that does not answer leaves time for the
    // next.
    plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config())
        .https_or_http()
        .enable_http1();
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .build(Connector(https.wrap_connector(plain)))
}

/// The HTTP client of the process for everybody but Twilio's REST interface: no redirects,
/// HTTP/1.1, no proxy of the environment. A request is never sent a second time by the client
/// itself.
///
/// # Errors
/// When the client cannot be built, which its fixed configuration does not make likely.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    http_client_builder().build()
}

/// The same before it is built, for those who need one more setting.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    http_client_trusting(&Authorities::default())
}

/// The same with authorities beside the public ones.
pub fn http_client_trusting(authorities: &Authorities) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls_trusting(authorities))
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(USER_AGENT)
}

/// Authorities of the operator's own, which are trusted beside the public ones.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// The text is no list of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("holds no certificate in PEM that can be read")]
pub struct NoCertificates;

impl Authorities {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// There are none, or one cannot be read.
    pub fn parse(pem: &[u8]) -> Result<Self, NoCertificates> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = read.map_err(|_| NoCertificates)?;
        let (added, _) = RootCertStore::empty().add_parsable_certificates(certificates.clone());
        if added == 0 {
            return Err(NoCertificates);
        }
        Ok(Self(certificates))
    }
}

/// TLS by rustls with ring, trusting the public authorities.
pub fn tls_config() -> rustls::ClientConfig {
    tls_trusting(&Authorities::default())
}

fn tls_trusting(authorities: &Authorities) -> rustls::ClientConfig {
    // It fails when a provider is there already, which is as good.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    roots.add_parsable_certificates(authorities.0.iter().cloned());
    rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Opens connections, each within [`CONNECT_TIMEOUT`].
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

type OpenedStream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = OpenedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<OpenedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let opening = self.0.call(to);
        Box::pin(async move { tokio::time::timeout(CONNECT_TIMEOUT, opening).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_no_list_of_authorities() {
        let garbled = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in [b"".as_slice(), b"a certificate", garbled] {
            assert_eq!(Authorities::parse(text).err(), Some(NoCertificates));
        }
    }

    /// Twilio's REST certificates come from Amazon's authority from 2027-01-26 (its changelog). The
    /// roots are those of <https://www.amazontrust.com/repository/>.
    #[test]
    fn the_roots_in_the_program_hold_those_of_amazon() {
        let subjects: Vec<String> = webpki_roots::TLS_SERVER_ROOTS
            .iter()
            .map(|root| String::from_utf8_lossy(&root.subject).into_owned())
            .collect();
        for name in [
            "Amazon Root CA 1",
            "Amazon Root CA 2",
            "Amazon Root CA 3",
            "Amazon Root CA 4",
        ] {
            assert!(
                subjects.iter().any(|subject| subject.contains(name)),
                "{name}"
            );
        }
    }
}
