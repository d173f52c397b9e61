//! Sends one request to the service as Twilio does: signed, with its headers, retried as the URL's
//! fragment asks. What the answer means is decided elsewhere.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::SentWebhook;
use super::config::SignatureAlgorithm;
use super::exchange_log::Exchange;
use super::faults::Fault;
use super::http_client::{ExchangeError, HttpRequest};
use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::overrides::ConnectionOverrides;
use super::twiml::MAX_DOCUMENT;
use super::webhook_params::WebhookRequest;
use super::webhook_url::WebhookUrl;
use super::{Inner, cookies, form, notifications, signing};

/// The pause before the first retry, doubled for each further one; Twilio's own is not documented.
const BEFORE_RETRY: Duration = Duration::from_millis(250);

/// The service's answer.
#[derive(Clone, Debug)]
pub(super) struct WebhookResponse {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
}

/// Sends, and sends again where the overrides say so, all within 15 real seconds.
pub(super) async fn send(
    sim: &Inner,
    outgoing: &WebhookRequest,
    to: &str,
) -> Result<WebhookResponse, ExchangeError> {
    let mut overrides = ConnectionOverrides::of(&outgoing.url);
    for (code, problem) in std::mem::take(&mut overrides.problems) {
        notifications::notify(
            sim,
            &outgoing.call_sid,
            (code, true),
            problem,
            &outgoing.url,
        );
    }
    if sim.config.trial {
        overrides.total = overrides.total.min(Duration::from_secs(5));
    }
    let _under_way = InFlight::begin(sim);
    let deadline = Instant::now() + overrides.total;
    let mut retries = overrides.retries;
    let mut pause = BEFORE_RETRY;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let outcome = attempt(
            sim,
            outgoing,
            to,
            left.min(overrides.connect + overrides.read),
        )
        .await;
        let policy = overrides.policy;
        let again = match &outcome {
            Ok(reply) => {
                (400..500).contains(&reply.status) && policy.client_errors
                    || reply.status >= 500 && policy.server_errors
            }
            Err(error) if error.is_connect() => policy.connect,
            Err(ExchangeError::Timeout | ExchangeError::Protocol) => policy.read,
            Err(_) => false,
        };
        let room = deadline.saturating_duration_since(Instant::now()) > pause;
        if !again || retries == 0 || !room {
            return outcome;
        }
        retries -= 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// One attempt, recorded on the wire.
async fn attempt(
    sim: &Inner,
    outgoing: &WebhookRequest,
    to: &str,
    left: Duration,
) -> Result<WebhookResponse, ExchangeError> {
    let begun = Instant::now();
    let prepared = prepare(sim, outgoing, to)?;
    let what = what(outgoing);
    let outcome = if sim.trigger(Fault::WebhookUnreachable, to, &what).is_some() {
        Err(ExchangeError::Connect)
    } else {
        match tokio::time::timeout(left, exchange(sim, outgoing, &prepared)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ExchangeError::Timeout),
        }
    };
    record(sim, outgoing, &prepared, (&outcome, begun));
    outcome
}

/// Words by which a fault selects this webhook.
pub(super) fn what(outgoing: &WebhookRequest) -> [&str; 3] {
    let key = form::first(&outgoing.params, "Digits").map_or("", |_| "key");
    [
        outgoing.kind,
        form::first(&outgoing.params, "CallStatus").unwrap_or_default(),
        key,
    ]
}

/// A request as it goes out.
struct SignedWebhook {
    url: WebhookUrl,
    body: Option<String>,
    signature: Option<String>,
    settings: Option<String>,
    params: Vec<(String, String)>,
}

/// Signs a request. What is signed is what is sent, unless a fault says otherwise.
fn prepare(
    sim: &Inner,
    outgoing: &WebhookRequest,
    to: &str,
) -> Result<SignedWebhook, ExchangeError> {
    let what = what(outgoing);
    let trigger = |fault| sim.trigger(fault, to, &what).is_some();
    let mut params = outgoing.params.clone();
    if trigger(Fault::ExtraParams) {
        params.push(("UnannouncedByTwilio".to_owned(), "später & mehr".to_owned()));
    }
    if trigger(Fault::ShuffledParams) {
        params.reverse();
    }

    let mut url = WebhookUrl::parse(&outgoing.url).ok_or(ExchangeError::Url)?;
    let (pairs, body) = match outgoing.method {
        HttpMethod::Post => (params.as_slice(), Some(form::encode(&params))),
        HttpMethod::Get => {
            url.add_query(&form::encode(&params));
            ([].as_slice(), None)
        }
    };
    let signature = signature(sim, &url.signed(), pairs, &trigger);
    if trigger(Fault::SortedQuery) {
        url.target = sorted_query(&url.target);
    }
    let settings = sim.config.webhook_key.as_ref();
    let settings =
        settings.map(|(id, _, algorithm)| format!("key={id},algorithm={}", algorithm.name()));
    Ok(SignedWebhook {
        url,
        body,
        signature,
        settings,
        params,
    })
}

fn signature(
    sim: &Inner,
    url: &str,
    pairs: &[(String, String)],
    trigger: &impl Fn(Fault) -> bool,
) -> Option<String> {
    if trigger(Fault::Unsigned) {
        return None;
    }
    let tokens = &sim.config.auth_tokens;
    let token = if trigger(Fault::RotatedSignature) {
        tokens.get(1).or(tokens.first())
    } else {
        tokens.first()
    };
    let token = token.map_or("", String::as_str);
    if trigger(Fault::WrongSignature) {
        return Some(signing::sign(
            SignatureAlgorithm::HmacSha1,
            &format!("{token}!"),
            url,
            pairs,
        ));
    }
    Some(match &sim.config.webhook_key {
        Some((_, secret, algorithm)) => signing::sign(*algorithm, secret, url, pairs),
        None => signing::sign(SignatureAlgorithm::HmacSha1, token, url, pairs),
    })
}

/// The address with its query's pairs in alphabetical order, as Twilio has been seen to send it.
fn sorted_query(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    format!("{path}?{}", pairs.join("&"))
}

/// Sends a prepared request once. Documents take part in the cookies of their call; status
/// callbacks do not.
async fn exchange(
    sim: &Inner,
    outgoing: &WebhookRequest,
    prepared: &SignedWebhook,
) -> Result<WebhookResponse, ExchangeError> {
    let keeps_cookies = outgoing.kind == "voice";
    let mut headers = headers(outgoing, prepared);
    if keeps_cookies {
        headers.extend(cookies::header(sim, outgoing, &prepared.url).map(|it| ("cookie", it)));
    }
    let request = HttpRequest {
        method: match outgoing.method {
            HttpMethod::Post => http::Method::POST,
            HttpMethod::Get => http::Method::GET,
        },
        url: &prepared.url,
        headers,
        body: prepared.body.clone(),
    };
    let response = sim.client.send(request, MAX_DOCUMENT).await?;
    if keeps_cookies {
        cookies::store(sim, outgoing, &prepared.url, &response.headers);
    }
    Ok(WebhookResponse {
        status: response.status,
        content_type: response.header(http::header::CONTENT_TYPE),
        location: response.header(http::header::LOCATION),
        body: response.body,
    })
}

fn headers(outgoing: &WebhookRequest, prepared: &SignedWebhook) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("user-agent", "TwilioProxy/1.1".to_owned()),
        ("accept", "*/*".to_owned()),
        ("accept-encoding", "gzip".to_owned()),
        ("i-twilio-idempotency-token", outgoing.token.clone()),
    ];
    if prepared.body.is_some() {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        headers.push(("content-type", form.to_owned()));
    }
    headers.extend(prepared.url.authorization().map(|it| ("authorization", it)));
    let signature = prepared.signature.clone();
    headers.extend(signature.map(|it| ("x-twilio-signature", it)));
    let settings = prepared.settings.clone();
    headers.extend(settings.map(|it| ("x-twilio-webhooks-signature-settings", it)));
    headers
}

fn record(
    sim: &Inner,
    outgoing: &WebhookRequest,
    prepared: &SignedWebhook,
    (outcome, begun): (&Result<WebhookResponse, ExchangeError>, Instant),
) {
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let at = sim.clock.now();
    let reply = outcome.as_ref().ok();
    let body = reply
        .map(|reply| String::from_utf8_lossy(&reply.body).into_owned())
        .unwrap_or_default();
    let content_type = reply.and_then(|reply| reply.content_type.clone());
    let status = reply.map(|reply| reply.status);
    let event = event(
        (outgoing.method.word(), &prepared.url.sent()),
        &prepared.params,
        (
            status.unwrap_or(502),
            content_type.as_deref().unwrap_or_default(),
            &body,
        ),
        (milliseconds, at),
    );
    let sent = SentWebhook {
        at,
        kind: outgoing.kind,
        call_status: form::first(&prepared.params, "CallStatus")
            .unwrap_or_default()
            .to_owned(),
        digits: form::first(&prepared.params, "Digits").map(str::to_owned),
        status,
    };
    sim.change_call(&outgoing.call_sid, |call| {
        call.events.push(event);
        call.webhooks.push(sent);
    });
    sim.record(Exchange {
        id: 0,
        at,
        direction: "webhook",
        kind: outgoing.kind,
        call_sid: Some(outgoing.call_sid.clone()),
        method: outgoing.method.word().to_owned(),
        url: prepared.url.sent(),
        params: prepared.params.clone(),
        signature: prepared.signature.clone(),
        idempotency_token: Some(outgoing.token.clone()),
        status,
        content_type,
        body,
        error: outcome.as_ref().err().map(ToString::to_string),
        milliseconds,
    });
}

/// An entry of Events.json as its text: keys of parameters in lower snake case.
pub(super) fn event(
    (method, url): (&str, &str),
    params: &[(String, String)],
    (status, content_type, body): (u16, &str, &str),
    (milliseconds, at): (u64, Timestamp),
) -> Box<str> {
    let parameters: serde_json::Map<String, Value> = params
        .iter()
        .map(|(name, value)| (snake_case(name), json!(value)))
        .collect();
    let event = json!({
        "request": {"method": method, "url": url, "parameters": parameters},
        "response": {
            "response_code": status,
            "request_duration": milliseconds,
            "content_type": content_type,
            "response_body": body,
            "date_created": rfc2822(at),
        },
    });
    event.to_string().into_boxed_str()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Counts a webhook from its sending to its answer, in real time. A test waits for that before it
/// moves a simulated clock.
struct InFlight<'a>(&'a Inner);

impl<'a> InFlight<'a> {
    fn begin(sim: &'a Inner) -> Self {
        sim.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(sim)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_snake_case_in_events() {
        assert_eq!(snake_case("CallSid"), "call_sid");
        assert_eq!(snake_case("msg"), "msg");
        assert_eq!(sorted_query("http://a/x?b=1&a=2"), "http://a/x?a=2&b=1");
    }
}
