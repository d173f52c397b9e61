//! Twilio's REST interface: calls, their events, and the account.
//!
//! A request is sent once and never repeated here: `POST /Calls` is not idempotent, and only the
//! caller knows what a second one would ring. What came of it is said by [`TwilioError`], whose variants
//! differ in exactly that.

mod config;
mod connection;
mod deadline_body;
mod error;
mod exchange;
mod inspect;
mod oauth;
mod request;
mod resource;
mod transport;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

use self::resource::{AccountBody, BalanceBody, CallBody, CallsBody, CreatedBody, EventsBody};
use self::transport::{Reach, Transport};
use super::form::append;
use crate::domain::CallSid;

pub use self::config::{ClientConfig, Credentials, InvalidApiUrl, api_host, replacement_host};
pub use self::connection::{
    Authorities, http_client, http_client_builder, http_client_trusting, tls_config,
};
pub use self::deadline_body::SendDeadline;
pub use self::error::{Class, Scope, TwilioError, TwilioRefusal, UnansweredCause};
pub use self::inspect::OwnNumber;
pub use self::request::{
    AsyncAmd, CallUpdate, ListQuery, MachineDetection, MachineDetectionMode, NewCall,
};
pub use self::resource::{Account, Balance, CallEvent, CallPage, CallResource};

/// Events asked for at once. Each may carry a whole document, and an answer is read up to 256 KiB.
const EVENT_PAGE: u16 = 20;
/// Pages of events after which something is wrong: a call of ours has a few dozen events.
const EVENT_PAGES: usize = 50;

/// A client for the calls of one account; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client with connections of its own.
    ///
    /// # Errors
    /// When `config.api_url` is not an http or https URL.
    pub fn new(config: ClientConfig) -> Result<Self, InvalidApiUrl> {
        Ok(Self {
            transport: Transport::new(config)?,
        })
    }

    /// Places a call: `POST …/Calls.json`. Twilio answers at once, when the call is queued: its
    /// name is all that is new. What is not on its way when `until` has passed is not sent.
    ///
    /// # Errors
    /// [`TwilioError::Unanswered`] when the call may exist; all others mean that it does not.
    /// [`UnansweredCause::NoSid`] when what answers is not Twilio.
    pub async fn create(
        &self,
        call: &NewCall,
        until: Option<SendDeadline>,
    ) -> Result<CallSid, TwilioError> {
        let answer = self
            .transport
            .post(self.transport.calls_url(), call.to_form(), until)
            .await?;
        let sid = parse::<CreatedBody>(&answer)?.sid;
        let sid = sid.as_str().and_then(|sid| sid.parse().ok());
        sid.ok_or(TwilioError::Unanswered {
            why: UnansweredCause::NoSid,
        })
    }

    /// Reads a call. Twilio's reads lag behind its callbacks.
    ///
    /// # Errors
    /// [`TwilioRefusal::is_not_found`] when the account has no such call.
    pub async fn fetch(&self, sid: CallSid) -> Result<CallResource, TwilioError> {
        Ok(self
            .get::<CallBody>(&format!("Calls/{sid}.json"))
            .await?
            .into())
    }

    /// Ends a call or gives it another document. The answer shows the call at or before the change.
    ///
    /// # Errors
    /// [`TwilioRefusal::is_not_in_progress`] when the call has ended: for a hang-up that is as good as success.
    pub async fn update(
        &self,
        sid: CallSid,
        update: &CallUpdate,
    ) -> Result<CallResource, TwilioError> {
        self.post_form(&format!("Calls/{sid}.json"), update.to_form())
            .await
    }

    /// The newest calls that fit `query`.
    ///
    /// # Errors
    /// See [`TwilioError`]; nothing is changed by reading.
    pub async fn list(&self, query: &ListQuery) -> Result<CallPage, TwilioError> {
        Ok(self
            .get::<CallsBody>(&format!("Calls.json?{}", query.to_query()))
            .await?
            .into())
    }

    /// The page that `next_page_uri` of the page before points at.
    ///
    /// # Errors
    /// [`UnansweredCause::ForeignPage`] when it points at anything but this account's calls: our
    /// credentials go nowhere else.
    pub async fn list_next(&self, next_page_uri: &str) -> Result<CallPage, TwilioError> {
        Ok(self
            .get_page::<CallsBody>(next_page_uri, "Calls.json")
            .await?
            .into())
    }

    /// Everything that was asked and answered in a call, in Twilio's order. Twilio shows it from
    /// about 15 minutes after the call's end; before, the list is empty or incomplete.
    ///
    /// # Errors
    /// See [`TwilioError`]; [`UnansweredCause::Unreadable`] also after 50 pages of 20.
    pub async fn events(&self, sid: CallSid) -> Result<Vec<CallEvent>, TwilioError> {
        let resource = format!("Calls/{sid}/Events.json");
        let mut page: EventsBody = self
            .get(&format!("{resource}?PageSize={EVENT_PAGE}"))
            .await?;
        let mut events = Vec::new();
        for _ in 0..EVENT_PAGES {
            events.extend(page.events.drain(..).map(CallEvent::from));
            match page.next_page_uri {
                Some(next) => page = self.get_page(&next, &resource).await?,
                None => return Ok(events),
            }
        }
        Err(TwilioError::Unanswered {
            why: UnansweredCause::Unreadable,
        })
    }

    /// The account's own standing: whether it may call at all, and whether it is a trial.
    ///
    /// # Errors
    /// See [`TwilioError`].
    pub async fn account(&self) -> Result<Account, TwilioError> {
        let url = self.transport.account_url(".json");
        Ok(parse::<AccountBody>(&self.transport.get(url).await?)?.into())
    }

    /// The balance of the account.
    ///
    /// # Errors
    /// See [`TwilioError`].
    pub async fn balance(&self) -> Result<Balance, TwilioError> {
        Ok(self.get::<BalanceBody>("Balance.json").await?.into())
    }

    async fn post_form(&self, resource: &str, form: String) -> Result<CallResource, TwilioError> {
        let url = self.transport.account_url(&format!("/{resource}"));
        Ok(parse::<CallBody>(&self.transport.post(url, form, None).await?)?.into())
    }

    async fn get<T: DeserializeOwned>(&self, resource: &str) -> Result<T, TwilioError> {
        parse(
            &self
                .transport
                .get(self.transport.account_url(&format!("/{resource}")))
                .await?,
        )
    }

    async fn get_page<T: DeserializeOwned>(
        &self,
        uri: &str,
        resource: &str,
    ) -> Result<T, TwilioError> {
        match self.transport.page_url(uri, resource) {
            Reach::Ours(url) => parse(&self.transport.get(url).await?),
            Reach::Foreign => Err(TwilioError::Unanswered {
                why: UnansweredCause::ForeignPage,
            }),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, TwilioError> {
    serde_json::from_slice(body).map_err(|_| TwilioError::Unanswered {
        why: UnansweredCause::Unreadable,
    })
}

/// Appends a pair when there is a value.
fn append_some(body: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        append(body, name, value);
    }
}
