//! Sends the webhooks of a recorded call to a service again, newly signed, and compares its
//! answers with the recorded ones.

use std::fmt;

use cookie_store::CookieStore;

use super::call_file::{CallFile, FORMAT, RecordedExchange};
use super::config::SignatureAlgorithm;
use super::http_client::{HttpClient, HttpRequest, HttpResponse};
use super::twiml::{MAX_DOCUMENT, TwimlDocument};
use super::webhook_url::WebhookUrl;
use super::xml::XmlNode;
use super::{form, signing, twiml, xml};

/// Address to which a recorded call is sent, and the keys that sign it.
#[derive(Clone)]
pub struct ReplayTarget {
    /// Origin of the service: `http://localhost:3000`. Recorded URLs keep their path and query.
    pub against: String,
    /// The auth token that signs.
    pub auth_token: String,
}

impl fmt::Debug for ReplayTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ReplayTarget")
            .field("against", &self.against)
            .finish_non_exhaustive()
    }
}

/// One webhook, sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayedExchange {
    /// Method and URL of the new request.
    pub request: String,
    /// Differences to the recorded answer; empty: none.
    pub differences: Vec<String>,
}

/// A reason why nothing can be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The file has another format.
    #[error("The file is not of the format {FORMAT}: it says {0}")]
    Format(String),
    /// `against` is no origin.
    #[error("{0} is not the origin of a service, such as http://localhost:3000")]
    Origin(String),
    /// A method that no webhook has.
    #[error("{0} in the file is neither GET nor POST")]
    Method(String),
    /// A URL in the file cannot be requested.
    #[error("{0} in the file is not an absolute http URL")]
    Url(String),
}

/// Sends every webhook of a file, one after the other; files that were played are left out.
///
/// # Errors
/// When the file or the target cannot be used. A service that does not answer is a difference.
pub async fn replay(
    file: &CallFile,
    target: &ReplayTarget,
    tls: rustls::ClientConfig,
) -> Result<Vec<ReplayedExchange>, ReplayError> {
    if file.format != FORMAT {
        return Err(ReplayError::Format(file.format.clone()));
    }
    let origin = WebhookUrl::parse(&target.against)
        .filter(|url| url.target == "/")
        .ok_or_else(|| ReplayError::Origin(target.against.clone()))?;
    let client = HttpClient::new(tls, 0);
    let mut cookies = CookieStore::default();
    let mut replayed = Vec::new();
    if let Some(other) = file.exchanges.iter().find(|it| !is_method(&it.method)) {
        return Err(ReplayError::Method(other.method.clone()));
    }
    for exchange in file.exchanges.iter().filter(|it| it.kind != "media") {
        let recorded = WebhookUrl::parse(&exchange.url)
            .ok_or_else(|| ReplayError::Url(exchange.url.clone()))?;
        let mut url = WebhookUrl {
            target: recorded.target.clone(),
            ..origin.clone()
        };
        let request = format!("{} {}", exchange.method, url.sent());
        let sent = send(
            &client,
            (exchange, &mut url),
            (&target.auth_token, &mut cookies),
        );
        let differences = match sent.await {
            Ok(response) => differences(exchange, &response, (&recorded, &origin)),
            Err(error) => vec![format!("no answer: {error}")],
        };
        replayed.push(ReplayedExchange {
            request,
            differences,
        });
    }
    Ok(replayed)
}

fn is_method(word: &str) -> bool {
    matches!(word, "GET" | "POST")
}

async fn send(
    client: &HttpClient,
    (exchange, url): (&RecordedExchange, &mut WebhookUrl),
    (token, cookies): (&str, &mut CookieStore),
) -> Result<HttpResponse, super::http_client::ExchangeError> {
    let get = exchange.method == "GET";
    let body = form::encode(&exchange.params);
    if get && !body.is_empty() {
        url.add_query(&body);
    }
    let signed_pairs = if get { &[] } else { exchange.params.as_slice() };
    let algorithm = SignatureAlgorithm::HmacSha1;
    let signature = signing::sign(algorithm, token, &url.signed(), signed_pairs);
    let mut headers = vec![
        ("user-agent", "TwilioProxy/1.1".to_owned()),
        ("accept", "*/*".to_owned()),
        ("x-twilio-signature", signature),
        (
            "i-twilio-idempotency-token",
            uuid::Uuid::new_v4().to_string(),
        ),
    ];
    if !get {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        headers.push(("content-type", form.to_owned()));
    }
    let parsed = url::Url::parse(&url.sent()).ok();
    if let Some(parsed) = parsed.as_ref().filter(|_| exchange.kind == "voice") {
        let values = cookies.get_request_values(parsed);
        let values: Vec<_> = values
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !values.is_empty() {
            headers.push(("cookie", values.join("; ")));
        }
    }
    let request = HttpRequest {
        method: if get {
            http::Method::GET
        } else {
            http::Method::POST
        },
        url,
        headers,
        body: (!get).then_some(body),
    };
    let response = client.send(request, MAX_DOCUMENT).await?;
    if let Some(parsed) = parsed {
        let lines = response.headers.get_all(http::header::SET_COOKIE).iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            // A cookie that is not valid for this URL is ignored, as browsers do.
            drop(cookies.parse(line, &parsed));
        }
    }
    Ok(response)
}

/// Differences between an answer and the recorded one; the two origins count as the same.
fn differences(
    recorded: &RecordedExchange,
    answer: &HttpResponse,
    (before, now): (&WebhookUrl, &WebhookUrl),
) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(status) = recorded.status.filter(|status| *status != answer.status) {
        found.push(format!("status {} instead of {status}", answer.status));
    }
    let kind = |text: &str| {
        let kind = text.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    };
    let content_type = answer.header(http::header::CONTENT_TYPE);
    let content_type = kind(content_type.as_deref().unwrap_or_default());
    let recorded_type = recorded.content_type.as_deref().map(kind);
    if let Some(expected) = recorded_type.filter(|expected| *expected != content_type) {
        found.push(format!("type {content_type:?} instead of {expected:?}"));
    }
    if let Some(expected) = &recorded.body {
        let origin = |url: &WebhookUrl| format!("{}://{}", url.scheme, url.authority);
        let text = String::from_utf8_lossy(&answer.body);
        let text = text.replace(&origin(now), &origin(before));
        found.extend(difference(expected, &text));
    }
    found
}

/// The first place where two bodies differ; TwiML is compared by its verbs.
fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (Ok(before), Ok(now)) = (twiml::parse(expected), twiml::parse(found)) else {
        return Some(format!(
            "body {:?} instead of {:?}",
            cut(found),
            cut(expected)
        ));
    };
    let count = before.verbs.len().max(now.verbs.len());
    (0..count).find_map(|at| {
        let verbs = (before.verbs.get(at), now.verbs.get(at));
        if verbs.0 == verbs.1 {
            return None;
        }
        let number = at + 1;
        Some(match verbs {
            (Some(before), None) => format!("verb {number}: {} is missing", before.name()),
            (None, Some(now)) => format!("verb {number}: {} is new", now.name()),
            (Some(verb), Some(other)) => {
                let was = source(expected, &before).get(at).cloned();
                let is = source(found, &now).get(at).cloned();
                let was = was.unwrap_or_else(|| verb.name().to_owned());
                let is = is.unwrap_or_else(|| other.name().to_owned());
                format!("verb {number}: {is} instead of {was}")
            }
            (None, None) => String::new(),
        })
    })
}

/// The text of each verb of a document, on one line. Empty where elements were skipped, so that a
/// verb is not known by its place.
fn source(text: &str, document: &TwimlDocument) -> Vec<String> {
    let root = xml::read(text).unwrap_or_default();
    let verbs = root.children.iter().filter_map(|child| match child {
        XmlNode::Element(element) => Some(cut(&element.to_string())),
        XmlNode::Text(_) => None,
    });
    let verbs: Vec<String> = verbs.collect();
    if verbs.len() == document.verbs.len() {
        verbs
    } else {
        Vec::new()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_compared_by_their_verbs() {
        let of = |verbs: &str| format!("<Response>{verbs}</Response>");
        assert_eq!(
            difference(&of("<Hangup/>"), &of(" <Hangup></Hangup>\n")),
            None
        );
        assert_eq!(
            difference(&of("<Say>a</Say><Hangup/>"), &of("<Say>a</Say>")),
            Some("verb 2: Hangup is missing".to_owned())
        );
        assert_eq!(
            difference(&of("<Hangup/>"), &of("<Redirect>/x</Redirect>")),
            Some("verb 1: <Redirect>/x</Redirect> instead of <Hangup/>".to_owned())
        );
        let say = difference(&of("<Say>a</Say>"), &of("<Say>b</Say>")).unwrap();
        assert_eq!(say, "verb 1: <Say>b</Say> instead of <Say>a</Say>");
        let gather = |key: &str| {
            of(&format!(
                "\n  <Gather action='/{key}'>\n<Say>a</Say></Gather>"
            ))
        };
        let moved = difference(&gather("a"), &gather("b&amp;c")).unwrap();
        assert!(
            moved.starts_with("verb 1: <Gather action=\"/b&amp;c\">"),
            "{moved}"
        );
        assert!(difference("x", "y").unwrap().contains("\"y\""));
    }
}
