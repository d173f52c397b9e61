//! A call as one file: what was asked, what was answered, and what was heard. The file can be
//! replayed against a service, and it can be written by hand.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::SimulatorState;
use super::call::CallRecord;

/// The format's name and version.
pub const FORMAT: &str = "tablecall-simulator-call/1";

/// A call with its webhooks. Only `exchanges` with their `url` are needed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallFile {
    /// [`FORMAT`]
    #[serde(default = "format")]
    pub format: String,
    /// The call itself: numbers, status, times.
    #[serde(default)]
    pub call: Value,
    /// The webhooks, oldest first.
    pub exchanges: Vec<RecordedExchange>,
    /// The transcript of both parties.
    #[serde(default)]
    pub heard: Value,
}

/// A webhook and its answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedExchange {
    /// The time at which it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// `voice`, `status`, `amd`, `recording`, `media`, …
    #[serde(default = "voice")]
    pub kind: String,
    /// `GET` or `POST`
    #[serde(default = "post")]
    pub method: String,
    /// The URL as it was configured, with its own query.
    pub url: String,
    /// The parameters that the request carried, as pairs or as an object.
    #[serde(default, deserialize_with = "pairs")]
    pub params: Vec<(String, String)>,
    /// Status of the answer; none: there was no answer, or any is as good.
    #[serde(default)]
    pub status: Option<u16>,
    /// Type of the answer.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The answer; none: any is as good.
    #[serde(default)]
    pub body: Option<String>,
    /// The time that the answer took.
    #[serde(default)]
    pub milliseconds: Option<u64>,
}

fn format() -> String {
    FORMAT.to_owned()
}

fn voice() -> String {
    "voice".to_owned()
}

fn post() -> String {
    "POST".to_owned()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Params {
    Pairs(Vec<(String, String)>),
    Object(std::collections::BTreeMap<String, String>),
    Other(serde::de::IgnoredAny),
}

fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    match Params::deserialize(deserializer)? {
        Params::Pairs(pairs) => Ok(pairs),
        Params::Object(object) => Ok(object.into_iter().collect()),
        Params::Other(_) => Err(D::Error::custom(
            "params must be an object or a list of pairs, and every value a text such as \"1\"",
        )),
    }
}

/// The file of a call, from what is still known of it.
pub(super) fn of(state: &SimulatorState, call: &CallRecord) -> CallFile {
    let exchanges = state.exchanges.after(0).filter(|exchange| {
        exchange.direction == "webhook" && exchange.call_sid.as_deref() == Some(&*call.sid)
    });
    let exchanges = exchanges.map(|exchange| RecordedExchange {
        at: Some(exchange.at),
        kind: exchange.kind.to_owned(),
        method: exchange.method.clone(),
        url: configured_url(&exchange.url, &exchange.method, &exchange.params),
        params: exchange.params.clone(),
        status: exchange.status,
        content_type: exchange.content_type.clone(),
        body: exchange.status.map(|_| exchange.body.clone()),
        milliseconds: Some(exchange.milliseconds),
    });
    CallFile {
        format: format(),
        call: serde_json::json!({
            "sid": &*call.sid,
            "parent_call_sid": call.parent.as_deref(),
            "from": call.from,
            "to": call.to,
            "direction": call.direction.word(),
            "status": call.status.word(),
            "created_at": call.created_at,
            "answered_at": call.answered_at,
            "ended_at": call.ended_at,
        }),
        exchanges: exchanges.collect(),
        heard: serde_json::to_value(&call.transcript).unwrap_or_default(),
    }
}

/// The URL without the parameters that a GET appended to it.
fn configured_url(url: &str, method: &str, params: &[(String, String)]) -> String {
    let appended = super::form::encode(params);
    let own = url.strip_suffix(appended.as_str());
    match own.filter(|_| method == "GET" && !params.is_empty()) {
        Some(own) => own.trim_end_matches(['?', '&']).to_owned(),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_can_be_written_by_hand() {
        let text = r#"{"exchanges": [{"url": "https://a.example/voice", "params": {"CallSid": "CA1", "Digits": "1"}}]}"#;
        let file: CallFile = serde_json::from_str(text).unwrap();
        let exchange = &file.exchanges[0];
        assert_eq!(
            (exchange.method.as_str(), exchange.kind.as_str()),
            ("POST", "voice")
        );
        assert_eq!(exchange.params[1], ("Digits".to_owned(), "1".to_owned()));
        assert_eq!(exchange.status, None);
        let again: CallFile = serde_json::from_str(&serde_json::to_string(&file).unwrap()).unwrap();
        assert_eq!(again.exchanges[0].params, exchange.params);
        let wrong = r#"{"exchanges": [{"url": "https://a.example/", "params": {"Digits": 1}}]}"#;
        let error = serde_json::from_str::<CallFile>(wrong).unwrap_err();
        assert!(error.to_string().contains("a text such as"), "{error}");
    }

    #[test]
    fn what_a_get_appended_is_taken_off_again() {
        let params = [("Digits".to_owned(), "1 2".to_owned())];
        let url = "http://a.example/x?y=1&Digits=1+2";
        assert_eq!(
            configured_url(url, "GET", &params),
            "http://a.example/x?y=1"
        );
        assert_eq!(configured_url(url, "POST", &params), url);
    }
}
