//! Short-lived tokens of an OAuth client (RFC 6749 section 4.4; Twilio, "OAuth Token API").
//!
//! One token serves all requests of the process and is renewed before it ends. No request waits for
//! a renewal that fails while the old token still holds.

use std::fmt;
use std::time::{Duration, Instant};

use http::header::HeaderValue;
use http::{Method, Uri};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::config::InvalidApiUrl;
use super::connection::Http;
use super::deadline_body::DeadlineBody;
use super::error::{TwilioError, UnansweredCause};
use super::exchange::{judge, send};
use crate::twilio::form::append;

/// Address at which Twilio issues tokens, whatever the region.
const TOKEN_URL: &str = "https://oauth.twilio.com/v2/token";
/// Time limit of getting a token: shorter than that of a request, so that a create that has none
/// counts as not sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time that a token holds if its answer does not say so, in seconds.
const USUAL_LIFE: u64 = 300;
/// The longest use of a token, in seconds: Twilio's documents also show times in milliseconds.
const LONGEST_LIFE: u64 = 3_600;
/// A token is renewed when less than this part (one in five) of its life is left.
const RESERVE: u32 = 5;

/// Gets and keeps the token of one client.
pub(super) struct TokenSource {
    url: Uri,
    form: String,
    held: Mutex<Option<Token>>,
}

struct Token {
    authorization: HeaderValue,
    renew_at: Instant,
    ends_at: Instant,
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Tokens for an API at `base`: Twilio's own, or those of a fake, beside its API.
    pub(super) fn new(base: &Url, id: &str, secret: &str) -> Result<Self, InvalidApiUrl> {
        let is_twilio = base
            .host_str()
            .is_some_and(|host| host == "twilio.com" || host.ends_with(".twilio.com"));
        let url = if is_twilio {
            TOKEN_URL.to_owned()
        } else {
            format!("{}/v2/token", base.as_str().trim_end_matches('/'))
        };
        let mut form = String::new();
        append(&mut form, "grant_type", "client_credentials");
        append(&mut form, "client_id", id);
        append(&mut form, "client_secret", secret);
        Ok(Self {
            url: url.parse().map_err(|_| InvalidApiUrl)?,
            form,
            held: Mutex::new(None),
        })
    }

    /// The header of a request.
    ///
    /// # Errors
    /// Never [`TwilioError::Unanswered`]: without a token the request itself was not sent.
    pub(super) async fn authorization(&self, http: &Http) -> Result<HeaderValue, TwilioError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(token) = held.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.authorization.clone());
        }
        match self.renewed(http).await {
            Ok(token) => Ok(held.insert(token).authorization.clone()),
            Err(error) => match held.as_ref().filter(|token| now < token.ends_at) {
                Some(token) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "Twilio's token could not be renewed; the old one is used until it ends"
                    );
                    Ok(token.authorization.clone())
                }
                None => Err(error),
            },
        }
    }

    /// Twilio does not accept this token any more.
    pub(super) async fn forget(&self, refused: &HeaderValue) {
        let mut held = self.held.lock().await;
        if held
            .as_ref()
            .is_some_and(|token| token.authorization == *refused)
        {
            *held = None;
        }
    }

    async fn renewed(&self, http: &Http) -> Result<Token, TwilioError> {
        let asked_at = Instant::now();
        let body = DeadlineBody::new(self.form.clone(), None);
        let asked = Box::pin(async {
            judge(send(http, Method::POST, self.url.clone(), None, body).await?).await
        });
        let answer = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(TwilioError::Refused(refusal))) => {
                let error = refusal.token_error.unwrap_or("refused");
                return Err(TwilioError::Refused(refusal.of_token(error)));
            }
            Ok(Err(TwilioError::Unanswered { why })) => {
                return Err(TwilioError::NotSent(why.into()));
            }
            Ok(Err(error)) => return Err(error),
            Err(_elapsed) => return Err(TwilioError::NotSent("no token within 5 s".into())),
        };
        let unreadable = || TwilioError::NotSent(UnansweredCause::Unreadable.into());
        let body: TokenBody = serde_json::from_slice(&answer).map_err(|_| unreadable())?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", body.access_token))
            .map_err(|_| unreadable())?;
        authorization.set_sensitive(true);
        let seconds = body.expires_in.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
        let life = Duration::from_secs(seconds);
        Ok(Token {
            authorization,
            renew_at: asked_at + (life - life / RESERVE),
            ends_at: asked_at + life,
        })
    }
}
