//! Reads the parameters of a create or update, each with Twilio's own complaint about it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::addresses::is_url;
use super::form;
use super::http_method::HttpMethod;
use super::rest_error::RestError;

/// The parameters that a trial account may send.
const TRIAL: [&str; 4] = ["To", "From", "Url", "StatusCallback"];
const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];

/// The decoded form.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormParameters<'a>(pub(super) &'a [(String, String)]);

impl<'a> FormParameters<'a> {
    /// The value of `name`; empty values count as left out.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        form::first(self.0, name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn trial(&self) -> Result<(), RestError> {
        let allowed = self
            .0
            .iter()
            .all(|(name, _)| TRIAL.contains(&name.as_str()));
        allowed.then_some(()).ok_or(RestError::TrialParameter)
    }

    pub(super) fn url(
        &self,
        name: &str,
        refusal: fn(String) -> RestError,
    ) -> Result<Option<String>, RestError> {
        match self.get(name) {
            Some(url) if is_url(url) => Ok(Some(url.to_owned())),
            Some(url) => Err(refusal(url.to_owned())),
            None => Ok(None),
        }
    }

    pub(super) fn method(&self, name: &str) -> Result<HttpMethod, RestError> {
        match self.get(name) {
            None => Ok(HttpMethod::Post),
            Some(word) if word.eq_ignore_ascii_case("POST") => Ok(HttpMethod::Post),
            Some(word) if word.eq_ignore_ascii_case("GET") => Ok(HttpMethod::Get),
            Some(word) => Err(RestError::BadMethod(word.to_owned())),
        }
    }

    pub(super) fn twiml(&self) -> Result<Option<String>, RestError> {
        match self.get("Twiml") {
            Some(twiml) if twiml.chars().count() > 4_000 => Err(RestError::TwimlTooLong),
            other => Ok(other.map(str::to_owned)),
        }
    }

    pub(super) fn send_digits(&self) -> Result<String, RestError> {
        let digits = self.get("SendDigits").unwrap_or_default();
        let fits = digits.len() <= 32
            && digits
                .bytes()
                .all(|key| b"0123456789ABCD#*wW".contains(&key));
        fits.then(|| digits.to_owned())
            .ok_or_else(|| RestError::BadSendDigits(digits.to_owned()))
    }

    pub(super) fn timeout(&self) -> Result<Duration, RestError> {
        self.seconds("Timeout", 60, 1..=600, |text| {
            RestError::BadTimeout(text.to_owned())
        })
    }

    /// A whole number in a range, in seconds (or whatever the parameter is in).
    pub(super) fn seconds(
        &self,
        name: &str,
        default: u64,
        range: RangeInclusive<u64>,
        refusal: impl FnOnce(&str) -> RestError,
    ) -> Result<Duration, RestError> {
        let Some(text) = self.get(name) else {
            return Ok(Duration::from_secs(default));
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Duration::from_secs(number)),
            Ok(_) | Err(_) => Err(refusal(text)),
        }
    }

    /// The events subscribed to: those of the repeated parameter that exist; if there is none,
    /// `completed`.
    pub(super) fn events(&self) -> Vec<String> {
        let mut events: Vec<String> = self
            .event_words()
            .filter(|word| EVENTS.contains(word))
            .map(str::to_owned)
            .collect();
        if events.is_empty() {
            events.push("completed".to_owned());
        }
        events
    }

    /// All values of a repeated parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        values.map(|(_, value)| value.clone()).collect()
    }

    fn event_words(&self) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(|(name, _)| name == "StatusCallbackEvent")
            .map(|(_, value)| value.as_str())
    }

    /// Warnings about parameters that Twilio accepts.
    pub(super) fn lints(&self) -> Vec<(u32, String)> {
        let mut lints = Vec::new();
        for word in self.event_words().filter(|word| !EVENTS.contains(word)) {
            lints.push((
                21_626,
                format!(
                    "Invalid value for StatusCallbackEvent, repeat the parameter instead: {word}"
                ),
            ));
        }
        if self.get("Url").is_some() && self.get("Twiml").is_some() {
            lints.push((
                32_019,
                "Both Url and Twiml were given, Url is used".to_owned(),
            ));
        }
        if self.is_true("AsyncAmd") && self.get("AsyncAmdStatusCallback").is_none() {
            lints.push((21_262, "AsyncAmd without AsyncAmdStatusCallback".to_owned()));
        }
        lints
    }
}
