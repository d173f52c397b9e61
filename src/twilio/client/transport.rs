//! One request, one answer: connections, credentials, time limits, and what each answer means.
//!
//! This is the only place that judges whether a request can have had an effect. It must never send one twice.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use reqwest::{IntoUrl, Method, Response, StatusCode, Url};

use super::config::{ClientConfig, InvalidApiUrl};
use super::error::{Error, ErrorBody, Refusal, Why};
use crate::twilio::AccountSid;

/// An answer is read up to this many bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// How long a connection may take to open, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that were not used for so long are closed, before the other side does and a request meets the end.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// The HTTP client of the process: TLS by rustls with ring and the roots in the program, no redirects, HTTP/1.1,
/// no proxy of the environment. A request is never sent a second time by the client itself.
///
/// # Errors
/// When the client cannot be built, which its fixed configuration does not make likely.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    http_client_builder().build()
}

/// The same before it is built, for those who need one more setting.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    // It fails when a provider is there already, which is as good.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("tablecall/", env!("CARGO_PKG_VERSION")))
}

#[derive(Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    /// `…/2010-04-01/Accounts/AC…`
    account_url: String,
    /// Where calls are created, read once: reading a URL costs as much as sealing a ticket.
    calls_url: Url,
    base: Url,
    account_sid: AccountSid,
    authorization: HeaderValue,
    timeout: Duration,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("account_url", &self.account_url).field("timeout", &self.timeout).finish()
    }
}

/// Whether a URI that an answer named may be followed.
pub(super) enum Reach {
    Ours(String),
    Foreign,
}

impl Transport {
    pub(super) fn new(config: ClientConfig, http: reqwest::Client) -> Result<Self, InvalidApiUrl> {
        let ClientConfig { api_url, account_sid, credentials, timeout } = config;
        let base: Url = api_url.trim_end_matches('/').parse().map_err(|_| InvalidApiUrl)?;
        let plain = base.query().is_none() && base.fragment().is_none() && base.username().is_empty();
        if !matches!(base.scheme(), "http" | "https") || !plain {
            return Err(InvalidApiUrl);
        }
        let account_url = format!("{}/2010-04-01/Accounts/{account_sid}", base.as_str().trim_end_matches('/'));
        let calls_url = format!("{account_url}/Calls.json").parse().map_err(|_| InvalidApiUrl)?;
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", credentials.user, credentials.secret)));
        let mut authorization = HeaderValue::try_from(basic).map_err(|_| InvalidApiUrl)?;
        authorization.set_sensitive(true);
        Ok(Self { http, account_url, calls_url, base, account_sid, authorization, timeout })
    }

    pub(super) fn calls_url(&self) -> Url {
        self.calls_url.clone()
    }

    pub(super) fn account_url(&self, rest: &str) -> String {
        format!("{}{rest}", self.account_url)
    }

    /// Resolves `next_page_uri` of a list of `resource`. Twilio's is a path from the root of the host; a fake under a
    /// path of its own may leave that path out.
    pub(super) fn page_url(&self, uri: &str, resource: &str) -> Reach {
        let path = format!("/2010-04-01/Accounts/{}/{resource}", self.account_sid);
        let prefix = self.base.path().trim_end_matches('/');
        let Ok(mut url) = self.base.join(uri) else { return Reach::Foreign };
        if url.path() == path {
            url.set_path(&format!("{prefix}{path}"));
        }
        let ours = url.origin() == self.base.origin()
            && url.username().is_empty()
            && url.path().strip_prefix(prefix) == Some(&path);
        if ours { Reach::Ours(url.into()) } else { Reach::Foreign }
    }

    pub(super) async fn get(&self, url: String) -> Result<Vec<u8>, Error> {
        self.send(Method::GET, url, None).await
    }

    pub(super) async fn post(&self, url: impl IntoUrl, form: String) -> Result<Vec<u8>, Error> {
        self.send(Method::POST, url, Some(form)).await
    }

    /// The header `Date` of whatever is answered.
    pub(super) async fn date(&self, url: String) -> Result<Option<String>, Error> {
        let answer = self.ask(Method::GET, url, None).await?;
        Ok(answer.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    async fn send(&self, method: Method, url: impl IntoUrl, form: Option<String>) -> Result<Vec<u8>, Error> {
        judge(self.ask(method, url, form).await?).await
    }

    async fn ask(&self, method: Method, url: impl IntoUrl, form: Option<String>) -> Result<Response, Error> {
        let mut request = self
            .http
            .request(method, url)
            .timeout(self.timeout)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if let Some(form) = form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        }
        request.send().await.map_err(unsent_or_unanswered)
    }
}

/// Tells what cannot have had an effect from what may have had one. A request is on its way as soon as there is a
/// connection, so only failures to get one, and to write the request down at all, are harmless.
fn unsent_or_unanswered(error: reqwest::Error) -> Error {
    // The URL names the account and the call; who logs this knows them, and others need not.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        Error::NotSent(error)
    } else if error.is_timeout() {
        Error::Unanswered { why: Why::Timeout }
    } else {
        Error::Unanswered { why: Why::Broken(error) }
    }
}

async fn judge(answer: Response) -> Result<Vec<u8>, Error> {
    let status = answer.status();
    let retry_after = retry_after(&answer);
    let body = read(answer).await;
    if status.is_success() {
        return body;
    }
    // What the status alone says is not changed by a body that cannot be read.
    let refusal = ErrorBody::parse(&body.unwrap_or_default());
    if status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::SERVICE_UNAVAILABLE && refusal.is_busy()) {
        return Err(Error::TryLater { retry_after, code: refusal.code });
    }
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        return Err(Error::Refused(Refusal::new(status.as_u16(), refusal)));
    }
    Err(Error::Unanswered { why: Why::Status(status.as_u16()) })
}

/// No answer keeps us waiting for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Only seconds are read: Twilio sends no dates here, and a date would need a clock.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Error> {
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut body = Vec::with_capacity(announced.min(MAX_ANSWER));
    while let Some(chunk) = answer.chunk().await.map_err(|error| match unsent_or_unanswered(error) {
        Error::NotSent(error) => Error::Unanswered { why: Why::Broken(error) },
        other @ (Error::TryLater { .. } | Error::Refused(_) | Error::Unanswered { .. }) => other,
    })? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Error::Unanswered { why: Why::Unreadable });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
