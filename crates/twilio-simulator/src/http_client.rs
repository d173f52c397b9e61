//! Sends one HTTP request as Twilio's proxy does: HTTP/1.1, TLS, gzip. It follows no redirects,
//! and the target leaves byte for byte as it was given.

use std::error::Error;
use std::io::Read;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::webhook_url::WebhookUrl;

/// The client of one simulator.
#[derive(Clone)]
pub(super) struct HttpClient(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// A request that can be sent.
#[derive(Debug)]
pub(super) struct HttpRequest<'a> {
    pub(super) method: Method,
    pub(super) url: &'a WebhookUrl,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
}

/// An answer, its body decoded.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl HttpResponse {
    /// The value of a header that is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        value.to_str().map(str::to_owned).ok()
    }
}

/// A failure to get an answer, with Twilio's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error("The URL is not valid")]
    Url,
    #[error("The host name cannot be resolved")]
    HostName,
    #[error("The connection failed")]
    Connect,
    #[error("The TLS handshake failed: {1}")]
    Tls(u32, String),
    #[error("The answer did not come in time")]
    Timeout,
    #[error("The connection broke")]
    Protocol,
    #[error("The answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl ExchangeError {
    pub(super) const fn code(&self) -> u32 {
        match self {
            Self::Url => 11_100,
            Self::HostName => 11_210,
            Self::Connect => 11_205,
            Self::Tls(code, _) => *code,
            Self::Timeout => 11_203,
            Self::Protocol => 11_206,
            Self::TooLarge(_) => 11_750,
        }
    }

    /// Returns whether no byte of the request was sent.
    pub(super) const fn is_connect(&self) -> bool {
        match self {
            Self::HostName | Self::Connect | Self::Tls(..) => true,
            Self::Url | Self::Timeout | Self::Protocol | Self::TooLarge(_) => false,
        }
    }
}

impl HttpClient {
    /// A client that keeps up to `idle` connections to each host open between requests.
    pub(super) fn new(tls: rustls::ClientConfig, idle: usize) -> Self {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        Self(
            legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(idle)
                .retry_canceled_requests(false)
                .set_host(false)
                .http1_title_case_headers(true)
                .build(https),
        )
    }

    /// Sends `request` and reads at most `limit` bytes of the decoded body.
    pub(super) async fn send(
        &self,
        request: HttpRequest<'_>,
        limit: usize,
    ) -> Result<HttpResponse, ExchangeError> {
        let request = build(request).ok_or(ExchangeError::Url)?;
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| failure(&error))?;
        read(response, limit).await
    }
}

fn build(request: HttpRequest<'_>) -> Option<Request<Full<Bytes>>> {
    let url = request.url;
    // The host must be one that can be resolved (punycode); the `Host` header is as written.
    let host = url::Url::parse(&url.sent()).ok()?;
    let authority = match host.port() {
        Some(port) => format!("{}:{port}", host.host_str()?),
        None => host.host_str()?.to_owned(),
    };
    let uri = Uri::builder()
        .scheme(url.scheme.as_str())
        .authority(authority)
        .path_and_query(url.target.as_str())
        .build()
        .ok()?;
    let mut built = Request::builder()
        .method(request.method)
        .uri(uri)
        .header(header::HOST, &url.authority);
    for (name, value) in request.headers {
        let name = HeaderName::try_from(name).ok()?;
        built = built.header(name, HeaderValue::try_from(value).ok()?);
    }
    built
        .body(request.body.map(Bytes::from).unwrap_or_default().into())
        .ok()
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<HttpResponse, ExchangeError> {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| ExchangeError::Protocol)?;
        if let Ok(data) = frame.into_data() {
            body.extend_from_slice(&data);
        }
        if body.len() > limit {
            return Err(ExchangeError::TooLarge(limit));
        }
    }
    let gzip = head
        .headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let body = if gzip && !body.is_empty() {
        decoded(&body, limit)?
    } else {
        body.freeze()
    };
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    })
}

/// Decodes at most `limit` bytes, however small the encoded body is.
fn decoded(body: &[u8], limit: usize) -> Result<Bytes, ExchangeError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut text)
        .map_err(|_| ExchangeError::Protocol)?;
    if text.len() > limit {
        return Err(ExchangeError::TooLarge(limit));
    }
    Ok(text.into())
}

fn failure(error: &legacy::Error) -> ExchangeError {
    if !error.is_connect() {
        return ExchangeError::Protocol;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut words = String::new();
    while let Some(error) = cause {
        words = error.to_string();
        let io = error.downcast_ref::<std::io::Error>();
        let inner = io.and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls.or_else(|| error.downcast_ref()) {
            return ExchangeError::Tls(tls_code(tls), tls.to_string());
        }
        cause = error.source();
    }
    if words.contains("lookup") || words.contains("resolve") || words.contains("not known") {
        return ExchangeError::HostName;
    }
    ExchangeError::Connect
}

/// Twilio's code for a failed handshake.
fn tls_code(error: &rustls::Error) -> u32 {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return 11_220;
    };
    if matches!(
        certificate,
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }
    ) {
        11_235
    } else if matches!(
        certificate,
        Certificate::Expired | Certificate::ExpiredContext { .. }
    ) {
        11_236
    } else {
        11_237
    }
}
