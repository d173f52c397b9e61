//! One request, one answer: credentials, the time limit, and what each answer means.
//!
//! This is the only place that judges whether a request can have had an effect. It must never send
//! one twice.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use url::Url;

use super::config::{ClientConfig, CredentialKind, InvalidApiUrl};
use super::connection::{self, Http};
use super::deadline_body::{DeadlineBody, SendDeadline};
use super::error::{Error, ErrorBody, TwilioRefusal, Why};
use super::oauth::TokenSource;
use crate::twilio::AccountSid;

/// An answer is read up to this many bytes.
const MAX_ANSWER: usize = 256 * 1024;

#[derive(Clone)]
pub(super) struct Transport {
    http: Http,
    /// `…/2010-04-01/Accounts/AC…`
    account_url: String,
    /// Where calls are created, read once: reading a URL costs as much as sealing a ticket.
    calls_url: Uri,
    base: Url,
    account_sid: AccountSid,
    authorization: Authorization,
    timeout: Duration,
}

/// Where the header `Authorization` comes from.
#[derive(Clone)]
enum Authorization {
    Basic(HeaderValue),
    Token(Arc<TokenSource>),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("account_url", &self.account_url)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// Whether a URI that an answer named may be followed.
pub(super) enum Reach {
    Ours(String),
    Foreign,
}

impl Transport {
    pub(super) fn new(config: ClientConfig) -> Result<Self, InvalidApiUrl> {
        let ClientConfig {
            api_url,
            account_sid,
            credentials,
            timeout,
        } = config;
        let base: Url = api_url
            .trim_end_matches('/')
            .parse()
            .map_err(|_| InvalidApiUrl)?;
        let plain =
            base.query().is_none() && base.fragment().is_none() && base.username().is_empty();
        if !matches!(base.scheme(), "http" | "https") || !plain {
            return Err(InvalidApiUrl);
        }
        let account_url = format!(
            "{}/2010-04-01/Accounts/{account_sid}",
            base.as_str().trim_end_matches('/')
        );
        let calls_url = format!("{account_url}/Calls.json")
            .parse()
            .map_err(|_| InvalidApiUrl)?;
        let authorization = match &credentials.0 {
            CredentialKind::Basic { user, secret } => {
                let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
                let mut basic = HeaderValue::try_from(basic).map_err(|_| InvalidApiUrl)?;
                basic.set_sensitive(true);
                Authorization::Basic(basic)
            }
            CredentialKind::OAuth { id, secret } => {
                Authorization::Token(Arc::new(TokenSource::new(&base, id, secret)?))
            }
        };
        Ok(Self {
            http: connection::http(),
            account_url,
            calls_url,
            base,
            account_sid,
            authorization,
            timeout,
        })
    }

    pub(super) fn calls_url(&self) -> Uri {
        self.calls_url.clone()
    }

    pub(super) fn account_url(&self, rest: &str) -> String {
        format!("{}{rest}", self.account_url)
    }

    /// Resolves `next_page_uri` of a list of `resource`. Twilio's is a path from the root of the
    /// host; a fake under a path of its own may leave that path out.
    pub(super) fn page_url(&self, uri: &str, resource: &str) -> Reach {
        let path = format!("/2010-04-01/Accounts/{}/{resource}", self.account_sid);
        let prefix = self.base.path().trim_end_matches('/');
        let Ok(mut url) = self.base.join(uri) else {
            return Reach::Foreign;
        };
        if url.path() == path {
            url.set_path(&format!("{prefix}{path}"));
        }
        let ours = url.origin() == self.base.origin()
            && url.username().is_empty()
            && url.path().strip_prefix(prefix) == Some(&path);
        if ours {
            Reach::Ours(url.into())
        } else {
            Reach::Foreign
        }
    }

    pub(super) async fn get(&self, url: String) -> Result<Vec<u8>, Error> {
        self.within_time(Box::pin(async {
            self.ask(Method::GET, read_url(url)?, nothing).await
        }))
        .await
    }

    /// Sends a form; `until`: not after that.
    pub(super) async fn post(
        &self,
        url: impl TryInto<Uri>,
        form: String,
        until: Option<SendDeadline>,
    ) -> Result<Vec<u8>, Error> {
        self.within_time(Box::pin(async {
            let body = || DeadlineBody::new(form.clone(), until.clone());
            self.ask(Method::POST, read_url(url)?, body).await
        }))
        .await
    }

    /// The header `Date` of whatever is answered.
    pub(super) async fn date(&self, url: String) -> Result<Option<String>, Error> {
        let answer = self
            .within_time(Box::pin(async {
                let (authorization, url) = (self.authorization().await?, read_url(url)?);
                send(&self.http, Method::GET, url, Some(authorization), nothing()).await
            }))
            .await?;
        Ok(answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .map(str::to_owned))
    }

    /// Limits the time from connecting to the last byte of the response. Boxed, because the futures
    /// around it would otherwise grow by twice its size and be copied with it.
    async fn within_time<T>(
        &self,
        asked: Pin<Box<impl Future<Output = Result<T, Error>>>>,
    ) -> Result<T, Error> {
        let late = |_elapsed| Err(Error::Unanswered { why: Why::Timeout });
        tokio::time::timeout(self.timeout, asked)
            .await
            .unwrap_or_else(late)
    }

    async fn authorization(&self) -> Result<HeaderValue, Error> {
        match &self.authorization {
            Authorization::Basic(basic) => Ok(basic.clone()),
            Authorization::Token(tokens) => tokens.authorization(&self.http).await,
        }
    }

    /// Asks once. If Twilio does not accept the token (401), nothing was done, and a new token may
    /// be all that is missing: then once more.
    async fn ask(
        &self,
        method: Method,
        url: Uri,
        body: impl Fn() -> DeadlineBody,
    ) -> Result<Vec<u8>, Error> {
        let mut fresh = false;
        loop {
            let authorization = self.authorization().await?;
            let sent = send(
                &self.http,
                method.clone(),
                url.clone(),
                Some(authorization.clone()),
                body(),
            );
            match (judge(sent.await?).await, &self.authorization) {
                (Err(Error::Refused(refusal)), Authorization::Token(tokens))
                    if refusal.status == 401 && !fresh =>
                {
                    tokens.forget(&authorization).await;
                    fresh = true;
                }
                (result, _) => return result,
            }
        }
    }
}

/// Sends one request.
pub(super) async fn send(
    http: &Http,
    method: Method,
    url: Uri,
    authorization: Option<HeaderValue>,
    body: DeadlineBody,
) -> Result<Response<Incoming>, Error> {
    let mut request = Request::new(body);
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(connection::USER_AGENT));
    if method == Method::POST {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
    }
    (*request.method_mut(), *request.uri_mut()) = (method, url);
    http.request(request).await.map_err(unsent_or_unanswered)
}

/// The body of a question.
fn nothing() -> DeadlineBody {
    DeadlineBody::new(String::new(), None)
}

fn read_url(url: impl TryInto<Uri>) -> Result<Uri, Error> {
    // Every URL is put together here, of escaped parts.
    url.try_into()
        .map_err(|_| Error::NotSent("not a URL".into()))
}

/// Distinguishes failures without effect from those that may have had one. A request is on its way
/// as soon as there is a connection, so only failures to connect are harmless.
fn unsent_or_unanswered(error: legacy::Error) -> Error {
    if error.is_connect() {
        Error::NotSent(error.into())
    } else {
        Error::Unanswered {
            why: Why::Broken(error.into()),
        }
    }
}

pub(super) async fn judge(answer: Response<Incoming>) -> Result<Vec<u8>, Error> {
    let status = answer.status();
    let retry_after = retry_after(&answer);
    let body = read(answer).await;
    if status.is_success() {
        return body;
    }
    // What the status alone says is not changed by a body that cannot be read.
    let refusal = ErrorBody::parse(&body.unwrap_or_default());
    if status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::SERVICE_UNAVAILABLE && refusal.is_busy())
    {
        return Err(Error::TryLater {
            retry_after,
            code: refusal.code,
        });
    }
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        return Err(Error::Refused(TwilioRefusal::new(status.as_u16(), refusal)));
    }
    Err(Error::Unanswered {
        why: Why::Status(status.as_u16()),
    })
}

/// No answer keeps us waiting for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Only seconds are read: Twilio sends no dates here, and a date would need a clock.
fn retry_after<T>(answer: &Response<T>) -> Option<Duration> {
    let seconds = answer
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

async fn read(answer: Response<Incoming>) -> Result<Vec<u8>, Error> {
    let announced = answer
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut read = Vec::with_capacity(announced.unwrap_or(0).min(MAX_ANSWER));
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Unanswered {
            why: Why::Broken(error.into()),
        })?;
        let data = frame.into_data().unwrap_or_else(|_trailers| Bytes::new());
        if read.len() + data.len() > MAX_ANSWER {
            return Err(Error::Unanswered {
                why: Why::Unreadable,
            });
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}
