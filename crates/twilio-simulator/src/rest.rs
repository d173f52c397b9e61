//! The REST side under `/2010-04-01/`: who asks, for what, and the answer. Records every exchange.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};

use super::exchange_log::Exchange;
use super::faults::Fault;
use super::rest_calls::configured_error;
use super::rest_error::RestError;
use super::rest_format::RestFormat;
use super::rest_request::{Answered, RestAnswer, RestRequest};
use super::{
    Inner, SimulatorBody, form, list_calls, rest_accounts, rest_calls, rest_media, rest_queues,
    rest_recordings, rest_rooms,
};

/// The resources that answer, below the account, with the methods that they take.
pub const RESOURCES: &[(&str, &str)] = &[
    ("Accounts", "GET"),
    ("Accounts/{Sid}", "GET"),
    ("Applications", "GET, POST"),
    ("Applications/{Sid}", "GET, POST, DELETE"),
    ("Balance", "GET"),
    ("Calls", "GET, POST"),
    ("Calls/{Sid}", "GET, POST, DELETE"),
    ("Calls/{Sid}/Events", "GET"),
    ("Calls/{Sid}/Notifications", "GET"),
    ("Calls/{Sid}/Notifications/{Sid}", "GET"),
    ("Calls/{Sid}/Recordings", "GET"),
    ("Conferences", "GET"),
    ("Conferences/{Sid}", "GET, POST"),
    ("Conferences/{Sid}/Participants", "GET, POST"),
    (
        "Conferences/{Sid}/Participants/{CallSid}",
        "GET, POST, DELETE",
    ),
    ("Conferences/{Sid}/Recordings", "GET"),
    ("IncomingPhoneNumbers", "GET"),
    ("IncomingPhoneNumbers/{Sid}", "GET"),
    ("Notifications", "GET"),
    ("Notifications/{Sid}", "GET"),
    ("Queues", "GET, POST"),
    ("Queues/{Sid}", "GET, POST, DELETE"),
    ("Queues/{Sid}/Members", "GET"),
    ("Queues/{Sid}/Members/{CallSid}", "GET, POST"),
    ("Recordings", "GET"),
    ("Recordings/{Sid}", "GET, DELETE"),
    ("Recordings/{Sid}.wav", "GET"),
    ("Recordings/{Sid}/Transcriptions", "GET"),
    ("Transcriptions", "GET"),
    ("Transcriptions/{Sid}", "GET"),
];

/// Resources of Twilio that are refused with 501 and the code of what does not work here.
pub const REFUSED: &[&str] = &[
    "Addresses",
    "AuthorizedConnectApps",
    "AvailablePhoneNumbers",
    "ConnectApps",
    "Keys",
    "Messages",
    "OutgoingCallerIds",
    "SIP",
    "SMS",
    "SigningKeys",
    "Tokens",
    "Usage",
];

/// Answers a request for `resource`, the part of its path after `/2010-04-01/`.
pub(super) async fn handle(
    sim: &Arc<Inner>,
    request: &Request<Bytes>,
    resource: &str,
) -> Response<SimulatorBody> {
    let begun = Instant::now();
    let path = request.uri().path();
    let asked = RestRequest {
        method: request.method(),
        path: path.strip_prefix("/simulator").unwrap_or(path),
        query: form::parse(request.uri().query().unwrap_or_default()),
        form: form::parse(&String::from_utf8_lossy(request.body())),
    };
    if let Some(media) = rest_media::media(sim, &asked, resource) {
        return media;
    }
    let (resource, format) = RestFormat::split(resource);
    let mut retry_after = None;
    let to = form::first(&asked.form, "To").unwrap_or_default();
    let told = sim.trigger(Fault::RestError, to, &["rest", asked.method.as_str()]);
    let answer = match (told, authenticate(sim, request, resource)) {
        (Some(switch), _) => Err(configured_error(
            &switch,
            (StatusCode::UNAUTHORIZED, 20_003),
        )),
        (None, Ok(below)) => route(sim, &asked, &below, &mut retry_after),
        (None, Err(refusal)) => Err(refusal),
    };
    let (status, body, call_sid, kind) = match answer {
        Ok(answer) => (answer.status, answer.body, answer.call_sid, answer.kind),
        Err(refusal) => (
            refusal.status(),
            Some(refusal.body()),
            None,
            "RestException",
        ),
    };
    let (status, body, lost) =
        apply_create_faults(sim, &asked, (status, body, call_sid.as_deref())).await;
    let text = body.as_ref().map(|body| format.write(body, kind));
    let mut response = render(status, (text.as_deref(), format), begun);
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    record(sim, request, &asked, (status, body, call_sid, lost, begun));
    if lost { closed_connection() } else { response }
}

/// Checks the credentials; the resource below the account, in parts.
fn authenticate<'a>(
    sim: &Inner,
    request: &Request<Bytes>,
    resource: &'a str,
) -> Result<Vec<&'a str>, RestError> {
    let (user, secret) = credentials(request).ok_or(RestError::Unauthenticated)?;
    let config = &sim.config;
    let by_token = user == config.account_sid && config.auth_tokens.contains(&secret);
    let by_key = !by_token && config.api_keys.contains(&(user, secret));
    if !by_token && !by_key {
        return Err(RestError::Unauthenticated);
    }
    let mut parts = resource.split('/');
    let (accounts, sid) = (parts.next(), parts.next());
    let below: Vec<&str> = parts.collect();
    match (accounts, sid) {
        // Standard API keys open everything but the accounts themselves.
        (Some("Accounts"), _) if by_key && below.is_empty() => Err(RestError::Unauthenticated),
        (Some("Accounts"), None) => Ok(vec!["Accounts"]),
        (Some("Accounts"), Some(sid)) if sid == config.account_sid => Ok(below),
        (_, _) => Err(RestError::NotFound(request.uri().path().to_owned())),
    }
}

fn credentials(request: &Request<Bytes>) -> Option<(String, String)> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = scheme
        .eq_ignore_ascii_case("basic")
        .then(|| STANDARD.decode(encoded.trim()).ok())??;
    let (user, secret) = String::from_utf8(decoded)
        .ok()?
        .split_once(':')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))?;
    Some((user, secret))
}

fn route(
    sim: &Arc<Inner>,
    asked: &RestRequest<'_>,
    parts: &[&str],
    retry_after: &mut Option<u64>,
) -> Answered {
    let allowed = methods_of(parts);
    if let Some(methods) = allowed {
        let method = asked.method.as_str();
        if !methods.split(", ").any(|it| it == method) {
            return Err(if is_twilios(parts, method) {
                unsupported(asked)
            } else {
                RestError::MethodNotAllowed
            });
        }
    }
    match parts {
        [] => Ok(RestAnswer::one("Account", rest_accounts::account(sim))),
        ["Accounts"] => rest_accounts::accounts(sim, asked),
        ["Applications"] => rest_accounts::applications(sim, asked, None),
        ["Applications", sid] => rest_accounts::applications(sim, asked, Some(sid)),
        ["Balance"] => Ok(RestAnswer::one(
            "Balance",
            json!({"account_sid": sim.config.account_sid, "balance": "10.00", "currency": "USD"}),
        )),
        ["Calls"] if asked.is_post() => rest_calls::create_call(sim, asked, retry_after),
        ["Calls"] => list_calls::calls(sim, asked.path, &asked.query).map(RestAnswer::list),
        ["Calls", sid] => rest_calls::one_call(sim, asked, sid),
        ["Calls", sid, "Events"] => rest_calls::events(sim, asked, sid),
        ["Calls", sid, "Recordings"] => rest_recordings::recordings_list(sim, asked, Some(sid)),
        ["Calls", sid, "Notifications"] => rest_calls::notifications(sim, asked, (Some(sid), None)),
        ["Calls", sid, "Notifications", one] => {
            rest_calls::notifications(sim, asked, (Some(sid), Some(one)))
        }
        ["Notifications"] => rest_calls::notifications(sim, asked, (None, None)),
        ["Notifications", one] => rest_calls::notifications(sim, asked, (None, Some(one))),
        ["Conferences"] => rest_rooms::conferences_list(sim, asked),
        ["Conferences", sid] => rest_rooms::one_conference(sim, asked, sid),
        ["Conferences", sid, "Participants"] => rest_rooms::participants(sim, asked, (sid, None)),
        ["Conferences", sid, "Participants", call] => {
            rest_rooms::participants(sim, asked, (sid, Some(call)))
        }
        ["Conferences", sid, "Recordings"] => {
            rest_recordings::recordings_list(sim, asked, Some(sid))
        }
        ["IncomingPhoneNumbers"] => rest_accounts::numbers(sim, asked, None),
        ["IncomingPhoneNumbers", sid] => rest_accounts::numbers(sim, asked, Some(sid)),
        ["Queues"] => rest_queues::queues(sim, asked, None),
        ["Queues", sid] => rest_queues::queues(sim, asked, Some(sid)),
        ["Queues", sid, "Members"] => rest_queues::members(sim, asked, (sid, None)),
        ["Queues", sid, "Members", call] => rest_queues::members(sim, asked, (sid, Some(call))),
        ["Recordings"] => rest_recordings::recordings_list(sim, asked, None),
        ["Recordings", name] if name.ends_with(".mp3") => Err(unsupported(asked)),
        ["Recordings", sid] => rest_recordings::one_recording(sim, asked, sid),
        ["Recordings", sid, "Transcriptions"] => {
            rest_recordings::transcriptions(sim, asked, (Some(sid), None))
        }
        ["Transcriptions"] => rest_recordings::transcriptions(sim, asked, (None, None)),
        ["Transcriptions", sid] => rest_recordings::transcriptions(sim, asked, (None, Some(sid))),
        [first, ..] if REFUSED.contains(first) => Err(unsupported(asked)),
        ["Calls", sid, _, ..] if sim.lock().call(sid).is_some() => Err(unsupported(asked)),
        _ => Err(asked.not_found()),
    }
}

/// The methods of a resource that is listed in [`RESOURCES`].
fn methods_of(parts: &[&str]) -> Option<&'static str> {
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() == parts.len()
            && pattern
                .iter()
                .zip(parts)
                .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    let found = RESOURCES.iter().find(|(pattern, _)| fits(pattern));
    if parts.is_empty() {
        return Some("GET");
    }
    found.map(|(_, methods)| *methods)
}

/// Returns whether Twilio takes a method that does not work here.
fn is_twilios(parts: &[&str], method: &str) -> bool {
    match parts {
        [] | ["Accounts" | "IncomingPhoneNumbers"] | ["Calls", _, "Recordings"] => method == "POST",
        ["IncomingPhoneNumbers", _] => matches!(method, "POST" | "DELETE"),
        ["Transcriptions", _] => method == "DELETE",
        _ => false,
    }
}

fn unsupported(asked: &RestRequest<'_>) -> RestError {
    RestError::Unsupported(format!("{} {}", asked.method, asked.path))
}

/// Faults that trigger after a create was accepted; whether the answer is lost.
async fn apply_create_faults(
    sim: &Inner,
    asked: &RestRequest<'_>,
    (status, body, sid): (StatusCode, Option<Value>, Option<&str>),
) -> (StatusCode, Option<Value>, bool) {
    if status != StatusCode::CREATED || sid.is_none() {
        return (status, body, false);
    }
    let to = form::first(&asked.form, "To").unwrap_or_default();
    if let Some(switch) = sim.trigger(Fault::CreateSlow, to, &["rest"]) {
        // Socket time is real time: what is tested is how long a client waits for us.
        tokio::select! {
            () = tokio::time::sleep(switch.length(5.0)) => {}
            () = sim.stop.cancelled() => {}
        }
    }
    if sim
        .trigger(Fault::Create500AfterAccepting, to, &["rest"])
        .is_some()
    {
        return (
            RestError::Internal.status(),
            Some(RestError::Internal.body()),
            false,
        );
    }
    let lost = sim
        .trigger(Fault::CreateLostResponse, to, &["rest"])
        .is_some();
    (status, body, lost)
}

fn render(
    status: StatusCode,
    (text, format): (Option<&str>, RestFormat),
    begun: Instant,
) -> Response<SimulatorBody> {
    let body = text.unwrap_or_default().to_owned();
    let mut response = super::answer(status, format.content_type(), body);
    if text.is_none() {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    let headers = response.headers_mut();
    let texts = [
        (
            "twilio-request-id",
            format!("RQ{}", uuid::Uuid::new_v4().simple()),
        ),
        (
            "twilio-request-duration",
            format!("{:.3}", begun.elapsed().as_secs_f64()),
        ),
        ("twilio-concurrent-requests", "1".to_owned()),
        ("x-home-region", "us1".to_owned()),
        ("x-api-domain", "api.twilio.com".to_owned()),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"Twilio API\""),
        );
    }
    response
}

/// A body that fails at once: the server drops the connection before a byte of the answer has left.
fn closed_connection() -> Response<SimulatorBody> {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let failing = futures_util::stream::iter([Err(reset)]);
    let mut response = Response::new(StreamBody::new(failing).boxed());
    response
        .headers_mut()
        .insert("x-simulator-close", HeaderValue::from_static("1"));
    response
}

type RecordedAnswer = (StatusCode, Option<Value>, Option<String>, bool, Instant);

fn record(
    sim: &Inner,
    request: &Request<Bytes>,
    asked: &RestRequest<'_>,
    (status, body, call_sid, lost, begun): RecordedAnswer,
) {
    let target = request.uri().path_and_query().map_or("", |it| it.as_str());
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(sid) = call_sid
        .as_deref()
        .filter(|_| *asked.method == http::Method::POST)
    {
        let event = super::webhooks::event(
            (
                asked.method.as_str(),
                &format!("https://api.twilio.com{}", asked.path),
            ),
            &asked.form,
            (
                status.as_u16(),
                "application/json",
                &body.as_ref().map(Value::to_string).unwrap_or_default(),
            ),
            (milliseconds, sim.clock.now()),
        );
        sim.change_call(sid, |call| call.events.push(event));
    }
    sim.record(Exchange {
        id: 0,
        at: sim.clock.now(),
        direction: "rest",
        kind: "rest",
        call_sid,
        method: asked.method.to_string(),
        url: target.to_owned(),
        params: asked.form.clone(),
        signature: None,
        idempotency_token: None,
        status: (!lost).then(|| status.as_u16()),
        content_type: Some("application/json".to_owned()),
        body: body.map(|body| body.to_string()).unwrap_or_default(),
        error: lost.then(|| "The answer was lost".to_owned()),
        milliseconds,
    });
}
