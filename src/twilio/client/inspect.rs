//! Requests of `tablecall doctor`: the account's numbers, the countries it may call, and Twilio's
//! time.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, TwilioError, parse};
use crate::twilio::form::append;

/// A number of the account's (Twilio, `IncomingPhoneNumber` resource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNumber {
    /// E.164.
    pub phone_number: String,
    /// It can be used for calls.
    pub voice: bool,
    /// Address that Twilio asks for instructions when it is called.
    pub voice_url: Option<String>,
    /// The method of that request.
    pub voice_method: Option<String>,
    /// The application or trunk that handles calls to it, which take precedence over the URL.
    pub routed_by: Option<&'static str>,
}

#[derive(Deserialize)]
struct NumbersBody {
    incoming_phone_numbers: Vec<NumberBody>,
}

#[derive(Deserialize)]
struct NumberBody {
    phone_number: String,
    #[serde(default)]
    capabilities: CapabilitiesBody,
    voice_url: Option<String>,
    voice_method: Option<String>,
    voice_application_sid: Option<String>,
    trunk_sid: Option<String>,
}

#[derive(Default, Deserialize)]
struct CapabilitiesBody {
    #[serde(default)]
    voice: bool,
}

#[derive(Deserialize)]
struct CallerIdsBody {
    outgoing_caller_ids: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct CountryBody {
    low_risk_numbers_enabled: bool,
}

impl Client {
    /// The account's number `phone`, E.164; `None` when it has no such number.
    ///
    /// # Errors
    /// See [`TwilioError`].
    pub async fn own_number(&self, phone: &str) -> Result<Option<OwnNumber>, TwilioError> {
        let body: NumbersBody = self
            .get(&resource("IncomingPhoneNumbers.json", phone))
            .await?;
        let own = body
            .incoming_phone_numbers
            .into_iter()
            .find(|number| number.phone_number == phone);
        let is_set = |sid: &Option<String>| sid.as_deref().is_some_and(|sid| !sid.is_empty());
        Ok(own.map(|number| OwnNumber {
            routed_by: match () {
                () if is_set(&number.trunk_sid) => Some("an Elastic SIP trunk"),
                () if is_set(&number.voice_application_sid) => Some("a TwiML application"),
                () => None,
            },
            phone_number: number.phone_number,
            voice: number.capabilities.voice,
            voice_url: number.voice_url,
            voice_method: number.voice_method,
        }))
    }

    /// Returns whether `phone`, E.164, is a number of somebody else's that the account has verified
    /// as a caller ID.
    ///
    /// # Errors
    /// See [`TwilioError`].
    pub async fn is_verified_caller_id(&self, phone: &str) -> Result<bool, TwilioError> {
        let body: CallerIdsBody = self.get(&resource("OutgoingCallerIds.json", phone)).await?;
        Ok(!body.outgoing_caller_ids.is_empty())
    }

    /// Returns whether ordinary numbers of a country (ISO 3166 alpha-2) may be called (Twilio,
    /// Voice Dialing Permissions), asked at `voice_url`, such as `https://voice.twilio.com`.
    ///
    /// # Errors
    /// See [`TwilioError`].
    pub async fn may_call_country(
        &self,
        voice_url: &str,
        country: &str,
    ) -> Result<bool, TwilioError> {
        let url = format!(
            "{}/v1/DialingPermissions/Countries/{country}",
            voice_url.trim_end_matches('/')
        );
        Ok(parse::<CountryBody>(&self.transport.get(url).await?)?.low_risk_numbers_enabled)
    }

    /// The time at Twilio, to the second, by the header `Date` of an answer; `None` without one.
    ///
    /// # Errors
    /// [`TwilioError::NotSent`] or [`TwilioError::Unanswered`]; a refusal holds the time too.
    pub async fn time(&self) -> Result<Option<Timestamp>, TwilioError> {
        let date = self
            .transport
            .date(self.transport.account_url("/Calls.json?PageSize=1"))
            .await?;
        Ok(date.as_deref().and_then(crate::twilio::webhook::rfc2822))
    }
}

fn resource(name: &str, phone: &str) -> String {
    let mut query = String::new();
    append(&mut query, "PhoneNumber", phone);
    format!("{name}?{query}")
}
