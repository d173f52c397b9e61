//! Calls to our numbers, and the URLs that answer them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addresses::{is_number, is_sip, is_url};
use super::call::CallParameters;
use super::control_error::{ControlError, read};
use super::http_method::HttpMethod;
use super::{Inner, control_view, create_call};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbound {
    from: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    stir_verstat: Option<String>,
    #[serde(default)]
    status_callback: Option<String>,
    /// More parameters of the requests: `FromCity`, `CallerName`, …
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// Parameters of an inbound call that may be set.
const INBOUND: [&str; 12] = [
    "CallerName",
    "ForwardedFrom",
    "FromCity",
    "FromState",
    "FromZip",
    "FromCountry",
    "ToCity",
    "ToState",
    "ToZip",
    "ToCountry",
    "StirVerstat",
    "StirPassportToken",
];

/// Somebody rings our number.
pub(super) fn inbound(sim: &Arc<Inner>, request: &Request<Bytes>) -> Result<Value, ControlError> {
    let wanted: Inbound = read(request)?;
    let owned = sim.config.owned_numbers.first().cloned();
    let to = wanted.to.or(owned);
    let to = to.unwrap_or_else(|| "+15005550006".to_owned());
    let is_client = wanted
        .from
        .strip_prefix("client:")
        .is_some_and(|it| !it.is_empty());
    if !is_number(&wanted.from) && !is_client && !is_sip(&wanted.from) {
        return Err(ControlError::Invalid(
            "from must be an E.164 number, client:… or sip:…",
        ));
    }
    if !is_number(&to) {
        return Err(ControlError::Invalid("to must be an E.164 number"));
    }
    let method = http_method(wanted.method.as_deref())?;
    let (method, url) = match wanted.url {
        Some(url) => (method, allowed_url(sim, url)?),
        None => {
            let configured = sim.lock().voice_urls.get(&to).cloned();
            let default = sim.config.voice_url.clone();
            configured
                .map(|it| it.target())
                .or(default.map(|url| (HttpMethod::Post, url)))
                .ok_or(ControlError::Invalid(
                    "url is missing, and nothing answers calls to this number",
                ))?
        }
    };
    let callback = wanted.status_callback;
    let callback = callback.map(|url| allowed_url(sim, url)).transpose()?;
    let mut extra = inbound_parameters(wanted.parameters)?;
    extra.extend(wanted.stir_verstat.map(|it| ("StirVerstat".to_owned(), it)));
    let parameters = CallParameters {
        url: Some(url),
        method,
        callback: callback.map(|url| (HttpMethod::Post, url)),
        events: vec!["completed".to_owned()],
        time_limit: Duration::from_secs(14_400),
        extra,
        ..CallParameters::default()
    };
    let sid = create_call::inbound(sim, &wanted.from, &to, parameters);
    let state = sim.lock();
    state
        .call(&sid)
        .map(|call| control_view::phone(&state, sim, call))
        .ok_or(ControlError::NoCall)
}

/// The parameters as Twilio sends them: `From…` also as `Caller…`, `To…` also as `Called…`.
fn inbound_parameters(
    wanted: BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, ControlError> {
    let mut pairs = Vec::new();
    for (name, value) in wanted {
        if !INBOUND.contains(&name.as_str()) {
            return Err(ControlError::Invalid(
                "parameters may be CallerName, ForwardedFrom, StirVerstat, StirPassportToken and \
                 City, State, Zip, Country of From and To",
            ));
        }
        for (own, other) in [("From", "Caller"), ("To", "Called")] {
            if let Some(field) = name.strip_prefix(own) {
                pairs.push((format!("{other}{field}"), value.clone()));
            }
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn http_method(word: Option<&str>) -> Result<HttpMethod, ControlError> {
    match word {
        None | Some("POST") => Ok(HttpMethod::Post),
        Some("GET") => Ok(HttpMethod::Get),
        Some(_) => Err(ControlError::Invalid("method must be GET or POST")),
    }
}

/// A URL that somebody without credentials may let be asked.
fn allowed_url(sim: &Inner, url: String) -> Result<String, ControlError> {
    if !is_url(&url) {
        return Err(ControlError::Invalid(
            "url must be an absolute http address",
        ));
    }
    if !may_be_asked(sim, &url) {
        return Err(ControlError::Invalid("url must be one of this service"));
    }
    Ok(url)
}

/// The URL that answers calls to one of our numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoiceUrl {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
}

impl VoiceUrl {
    fn target(&self) -> (HttpMethod, String) {
        let method = http_method(self.method.as_deref()).unwrap_or_default();
        (method, self.url.clone())
    }
}

/// Sets or forgets what answers calls to a number; all that is set.
pub(super) fn voice_urls(
    sim: &Inner,
    request: &Request<Bytes>,
    number: Option<&str>,
) -> Result<Value, ControlError> {
    if let Some(number) = number {
        if !is_number(number) {
            return Err(ControlError::Invalid("the number must be E.164"));
        }
        let wanted = if *request.method() == Method::PUT {
            let mut wanted: VoiceUrl = read(request)?;
            http_method(wanted.method.as_deref())?;
            wanted.url = allowed_url(sim, wanted.url)?;
            Some(wanted)
        } else {
            None
        };
        sim.change(|state| match wanted {
            Some(wanted) => drop(state.voice_urls.insert(number.to_owned(), wanted)),
            None => drop(state.voice_urls.remove(number)),
        });
    }
    let numbers = sim.lock().voice_urls.clone();
    Ok(json!({"default": sim.config.voice_url, "numbers": numbers}))
}

/// Returns whether a client without credentials may have this URL requested.
fn may_be_asked(sim: &Inner, url: &str) -> bool {
    let origin = url::Url::parse(url)
        .map(|url| url.origin().ascii_serialization())
        .ok();
    sim.config.only_origin.is_none() || sim.config.only_origin == origin
}
