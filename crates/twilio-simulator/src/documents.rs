//! Fetches a document and decides what it is: redirects, types, sizes. It runs
//! nothing.

use std::sync::Arc;

use super::call::CallRecord;
use super::faults::Fault;
use super::http_method::HttpMethod;
use super::twiml::{TwimlDocument, Verb};
use super::webhook_params::WebhookRequest;
use super::webhook_url::resolve;
use super::webhooks::WebhookResponse;
use super::{Inner, twiml, webhook_params, webhooks};

/// Twilio follows no more redirects than this.
const REDIRECTS: u32 = 10;

/// A request for a document.
#[derive(Clone, Debug)]
pub(super) struct TwimlRequest {
    pub(super) method: HttpMethod,
    pub(super) url: String,
    /// Parameters beside the usual ones.
    pub(super) extra: Vec<(String, String)>,
    /// This is the `FallbackUrl` already.
    pub(super) fallback: bool,
}

impl TwimlRequest {
    pub(super) const fn new(method: HttpMethod, url: String) -> Self {
        Self {
            method,
            url,
            extra: Vec::new(),
            fallback: false,
        }
    }
}

/// A document with the address it came from.
#[derive(Clone, Debug)]
pub(super) struct FetchedDocument {
    /// None: TwiML given inline.
    pub(super) url: Option<String>,
    pub(super) content: FetchedContent,
}

/// The content of an answer.
#[derive(Clone, Debug)]
pub(super) enum FetchedContent {
    Twiml(TwimlDocument),
    /// Text that is no TwiML and is read aloud.
    Text(String),
    Audio(String),
    /// An empty answer ends the document.
    Nothing,
}

impl FetchedDocument {
    /// Returns whether the call is refused before it is answered; `true`: as busy.
    pub(super) fn rejects(&self) -> Option<bool> {
        match &self.content {
            FetchedContent::Twiml(document) => match document.verbs.first() {
                Some(Verb::Reject(busy)) => Some(*busy),
                Some(_) | None => None,
            },
            FetchedContent::Text(_) | FetchedContent::Audio(_) | FetchedContent::Nothing => None,
        }
    }
}

/// A failure to get a document: Twilio's code, a message, and the URL.
#[derive(Clone, Debug)]
pub(super) struct FetchFailure {
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) url: String,
}

/// Fetches what `ask` asks for, for a call that was just seen as `call`.
pub(super) fn request(
    sim: &Arc<Inner>,
    call: &CallRecord,
    ask: &TwimlRequest,
) -> impl Future<Output = Result<FetchedDocument, FetchFailure>> + use<> {
    let mut params = webhook_params::voice_params(sim, call);
    params.retain(|(name, _)| ask.extra.iter().all(|(extra, _)| extra != name));
    params.extend(ask.extra.iter().cloned());
    let outgoing = webhook_params::outgoing(call, "voice", &(ask.method, ask.url.clone()), params);
    let (sim, to) = (Arc::clone(sim), call.to.clone());
    async move {
        let what = webhooks::what(&outgoing);
        if let Some(switch) = sim.trigger(Fault::DelayVoice, &to, &what) {
            sim.clock.sleep(switch.length(5.0)).await;
        }
        if sim.trigger(Fault::DuplicateVoice, &to, &what).is_some() {
            drop(webhooks::send(&sim, &outgoing, &to).await);
        }
        follow(&sim, outgoing, &to).await
    }
}

async fn follow(
    sim: &Inner,
    mut outgoing: WebhookRequest,
    to: &str,
) -> Result<FetchedDocument, FetchFailure> {
    for _ in 0..=REDIRECTS {
        let trouble = |code, message: String| FetchFailure {
            code,
            message,
            url: outgoing.url.clone(),
        };
        let sent = webhooks::send(sim, &outgoing, to).await;
        let reply = sent.map_err(|failure| trouble(failure.code(), failure.to_string()))?;
        match reply.status {
            200..=299 => {
                let content = content(&reply, &outgoing.url)
                    .map_err(|(code, message)| trouble(code, message))?;
                return Ok(FetchedDocument {
                    url: Some(outgoing.url),
                    content,
                });
            }
            301 | 302 | 303 | 307 => {
                let location = reply
                    .location
                    .as_deref()
                    .and_then(|to| resolve(Some(&outgoing.url), to));
                let Some(location) = location else {
                    return Err(trouble(
                        11_216,
                        "A redirect without a usable Location".to_owned(),
                    ));
                };
                outgoing.url = location;
                outgoing.token = uuid::Uuid::new_v4().to_string();
                outgoing.params.retain(|(name, _)| name != "Digits");
                if reply.status != 307 {
                    outgoing.method = HttpMethod::Get;
                }
            }
            300..=399 => {
                return Err(trouble(
                    11_216,
                    format!("Redirect with status {}", reply.status),
                ));
            }
            status => return Err(trouble(11_200, format!("HTTP retrieval failure: {status}"))),
        }
    }
    let url = outgoing.url;
    Err(FetchFailure {
        code: 11_215,
        message: "Too many redirects".to_owned(),
        url,
    })
}

fn content(reply: &WebhookResponse, url: &str) -> Result<FetchedContent, (u32, String)> {
    if reply.body.is_empty() {
        return Ok(FetchedContent::Nothing);
    }
    let kind = reply.content_type.as_deref().unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let text = || {
        let unreadable = (12_100, "Document parse failure: not UTF-8".to_owned());
        std::str::from_utf8(&reply.body).map_err(|_| unreadable)
    };
    let parsed = |text: &str| twiml::parse(text).map_err(|error| (error.code(), error.to_string()));
    match kind.as_str() {
        "text/xml" | "application/xml" | "text/html" => parsed(text()?).map(FetchedContent::Twiml),
        "text/plain" => {
            let text = text()?;
            Ok(parsed(text).map_or_else(
                |_| FetchedContent::Text(text.to_owned()),
                FetchedContent::Twiml,
            ))
        }
        other if other.starts_with("audio/") => Ok(FetchedContent::Audio(url.to_owned())),
        other => Err((12_300, format!("Invalid Content-Type: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_for_what_its_type_and_body_say() {
        let of = |kind: Option<&str>, body: &'static str| {
            let content_type = kind.map(str::to_owned);
            let reply = WebhookResponse {
                status: 200,
                content_type,
                location: None,
                body: bytes::Bytes::from_static(body.as_bytes()),
            };
            content(&reply, "https://a.example/x").map_err(|(code, _)| code)
        };
        let twiml = "<Response><Hangup/></Response>";
        assert!(matches!(
            of(Some("text/xml; charset=utf-8"), twiml),
            Ok(FetchedContent::Twiml(_))
        ));
        assert!(matches!(
            of(Some("text/html"), twiml),
            Ok(FetchedContent::Twiml(_))
        ));
        assert!(matches!(
            of(Some("text/plain"), twiml),
            Ok(FetchedContent::Twiml(_))
        ));
        assert!(matches!(
            of(Some("text/plain"), "Hello"),
            Ok(FetchedContent::Text(_))
        ));
        assert!(matches!(
            of(Some("audio/mpeg"), "..."),
            Ok(FetchedContent::Audio(_))
        ));
        assert!(matches!(of(None, ""), Ok(FetchedContent::Nothing)));
        assert_eq!(of(None, twiml).unwrap_err(), 12_300);
        assert_eq!(of(Some("application/json"), "{}").unwrap_err(), 12_300);
        assert_eq!(of(Some("text/xml"), "<html>").unwrap_err(), 12_100);
    }
}
