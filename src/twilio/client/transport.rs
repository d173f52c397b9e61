//! Requests to Twilio: their addresses, credentials and time limit. It must never send one twice that
//! can have had an effect.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{DATE, HeaderValue};
use http::{Method, Uri};
use url::Url;

use super::config::{ClientConfig, CredentialKind, InvalidApiUrl};
use super::connection::{self, Http};
use super::deadline_body::{DeadlineBody, SendDeadline};
use super::error::{TwilioError, UnansweredCause};
use super::exchange::{judge, send};
use super::oauth::TokenSource;
use crate::twilio::AccountSid;

#[derive(Clone)]
pub(super) struct Transport {
    http: Http,
    /// `…/2010-04-01/Accounts/AC…`
    account_url: String,
    /// Address at which calls are created, read once: reading a URL costs as much as sealing a
    /// ticket.
    calls_url: Uri,
    base: Url,
    account_sid: AccountSid,
    authorization: Authorization,
    timeout: Duration,
}

/// Source of the header `Authorization`.
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

/// Addresses in an answer that may be followed.
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

    pub(super) async fn get(&self, url: String) -> Result<Vec<u8>, TwilioError> {
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
    ) -> Result<Vec<u8>, TwilioError> {
        self.within_time(Box::pin(async {
            let body = || DeadlineBody::new(form.clone(), until.clone());
            self.ask(Method::POST, read_url(url)?, body).await
        }))
        .await
    }

    /// The header `Date` of whatever is answered.
    pub(super) async fn date(&self, url: String) -> Result<Option<String>, TwilioError> {
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
        asked: Pin<Box<impl Future<Output = Result<T, TwilioError>>>>,
    ) -> Result<T, TwilioError> {
        let late = |_elapsed| {
            Err(TwilioError::Unanswered {
                why: UnansweredCause::Timeout,
            })
        };
        tokio::time::timeout(self.timeout, asked)
            .await
            .unwrap_or_else(late)
    }

    async fn authorization(&self) -> Result<HeaderValue, TwilioError> {
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
    ) -> Result<Vec<u8>, TwilioError> {
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
                (Err(TwilioError::Refused(refusal)), Authorization::Token(tokens))
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

/// The body of a question.
fn nothing() -> DeadlineBody {
    DeadlineBody::new(String::new(), None)
}

fn read_url(url: impl TryInto<Uri>) -> Result<Uri, TwilioError> {
    // Every URL is put together here, of escaped parts.
    url.try_into()
        .map_err(|_| TwilioError::NotSent("not a URL".into()))
}
