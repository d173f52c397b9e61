//! The REST side under `/2010-04-01/`: who asks, for what, and the answer. Records every exchange.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::exchange_log::Exchange;
use super::faults::{Fault, FaultSwitch};
use super::list_calls::show;
use super::paging::PageQuery;
use super::recordings::{wav_bytes, wav_header};
use super::rest_error::RestError;
use super::rest_format::RestFormat;
use super::rest_request::{RestAnswer, RestRequest};
use super::{
    Inner, SimulatorBody, form, list_calls, resource, rest_resources as resources, update_call,
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
    ("Conferences/{Sid}/Participants", "GET"),
    (
        "Conferences/{Sid}/Participants/{CallSid}",
        "GET, POST, DELETE",
    ),
    ("Conferences/{Sid}/Recordings", "GET"),
    ("IncomingPhoneNumbers", "GET"),
    ("IncomingPhoneNumbers/{Sid}", "GET"),
    ("Notifications", "GET"),
    ("Notifications/{Sid}", "GET"),
    ("Queues", "GET"),
    ("Queues/{Sid}", "GET"),
    ("Queues/{Sid}/Members", "GET"),
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
    if let Some(media) = media(sim, &asked, resource) {
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

type Answered = Result<RestAnswer, RestError>;

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
            return Err(RestError::MethodNotAllowed);
        }
    }
    match parts {
        [] => Ok(RestAnswer::one("Account", resources::account(sim))),
        ["Accounts"] => resources::accounts(sim, asked),
        ["Applications"] => resources::applications(sim, asked, None),
        ["Applications", sid] => resources::applications(sim, asked, Some(sid)),
        ["Balance"] => Ok(RestAnswer::one(
            "Balance",
            json!({"account_sid": sim.config.account_sid, "balance": "10.00", "currency": "USD"}),
        )),
        ["Calls"] if asked.is_post() => create_call(sim, asked, retry_after),
        ["Calls"] => list_calls::calls(sim, asked.path, &asked.query).map(RestAnswer::list),
        ["Calls", sid] => one_call(sim, asked, sid),
        ["Calls", sid, "Events"] => events(sim, asked, sid),
        ["Calls", sid, "Recordings"] => resources::recordings_list(sim, asked, Some(sid)),
        ["Calls", sid, "Notifications"] => notifications(sim, asked, (Some(sid), None)),
        ["Calls", sid, "Notifications", one] => notifications(sim, asked, (Some(sid), Some(one))),
        ["Notifications"] => notifications(sim, asked, (None, None)),
        ["Notifications", one] => notifications(sim, asked, (None, Some(one))),
        ["Conferences"] => resources::conferences_list(sim, asked),
        ["Conferences", sid] => resources::one_conference(sim, asked, sid),
        ["Conferences", sid, "Participants"] => resources::participants(sim, asked, (sid, None)),
        ["Conferences", sid, "Participants", call] => {
            resources::participants(sim, asked, (sid, Some(call)))
        }
        ["Conferences", sid, "Recordings"] => resources::recordings_list(sim, asked, Some(sid)),
        ["IncomingPhoneNumbers"] => resources::numbers(sim, asked, None),
        ["IncomingPhoneNumbers", sid] => resources::numbers(sim, asked, Some(sid)),
        ["Queues"] => resources::queues(sim, asked, (None, false)),
        ["Queues", sid] => resources::queues(sim, asked, (Some(sid), false)),
        ["Queues", sid, "Members"] => resources::queues(sim, asked, (Some(sid), true)),
        ["Recordings"] => resources::recordings_list(sim, asked, None),
        ["Recordings", sid] => resources::one_recording(sim, asked, sid),
        ["Recordings", sid, "Transcriptions"] => {
            resources::transcriptions(sim, asked, (Some(sid), None))
        }
        ["Transcriptions"] => resources::transcriptions(sim, asked, (None, None)),
        ["Transcriptions", sid] => resources::transcriptions(sim, asked, (None, Some(sid))),
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

fn unsupported(asked: &RestRequest<'_>) -> RestError {
    RestError::Unsupported(format!("{} {}", asked.method, asked.path))
}

fn configured_error(switch: &FaultSwitch, (status, code): (StatusCode, u32)) -> RestError {
    let status = switch
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(status);
    RestError::Configured(status, switch.code.unwrap_or(code))
}

fn create_call(
    sim: &Arc<Inner>,
    asked: &RestRequest<'_>,
    retry_after: &mut Option<u64>,
) -> Result<RestAnswer, RestError> {
    let to = form::first(&asked.form, "To").unwrap_or_default();
    if let Some(switch) = sim.trigger(Fault::Create429, to, &["rest"]) {
        *retry_after = switch.retry_after;
        return Err(RestError::TooManyRequests);
    }
    if let Some(switch) = sim.trigger(Fault::CreateError, to, &["rest"]) {
        return Err(configured_error(&switch, (StatusCode::BAD_REQUEST, 21_200)));
    }
    if sim.trigger(Fault::Create503, to, &["rest"]).is_some() {
        return Err(RestError::Unavailable);
    }
    let sid = super::create_call::create(sim, &asked.form)?;
    let body = show(sim, asked, &sid, true)?;
    Ok(RestAnswer::created("Call", body).about(&sid))
}

fn one_call(sim: &Arc<Inner>, asked: &RestRequest<'_>, sid: &str) -> Result<RestAnswer, RestError> {
    let answer = |body| RestAnswer::one("Call", body).about(sid);
    match *asked.method {
        http::Method::GET => show(sim, asked, sid, false).map(answer),
        http::Method::POST => update_call::update(sim, asked, sid).map(answer),
        http::Method::DELETE => {
            let mut state = sim.lock();
            let ended = state
                .call(sid)
                .ok_or_else(|| asked.not_found())?
                .status
                .has_ended();
            if !ended {
                return Err(RestError::NotComplete);
            }
            state.remove(sid);
            Ok(RestAnswer::deleted().about(sid))
        }
        _ => Err(RestError::MethodNotAllowed),
    }
}

fn events(sim: &Inner, asked: &RestRequest<'_>, sid: &str) -> Answered {
    let page = PageQuery::of(asked.path, &asked.query)?;
    let now = sim.clock.now();
    let state = sim.lock();
    let call = state.call(sid).ok_or_else(|| asked.not_found())?;
    let readable_at = call
        .ended_at
        .and_then(|at| at.checked_add(sim.config.events_delay).ok());
    let events = if readable_at.is_some_and(|at| at <= now) {
        call.events.clone()
    } else {
        Vec::new()
    };
    let numbered = events.into_iter().enumerate();
    let items = numbered.map(|(at, event)| (at.to_string(), event));
    Ok(RestAnswer::list(page.envelope("events", items.collect())))
}

/// Notifications of the account or of a call: all of them, or one.
fn notifications(
    sim: &Inner,
    asked: &RestRequest<'_>,
    (call_sid, sid): (Option<&str>, Option<&str>),
) -> Answered {
    let page = PageQuery::of(asked.path, &asked.query)?;
    let log = form::first(&asked.query, "Log");
    let state = sim.lock();
    if call_sid.is_some_and(|sid| state.call(sid).is_none()) {
        return Err(asked.not_found());
    }
    let calls = state.calls.values().rev();
    let calls = calls.filter(|call| call_sid.is_none_or(|sid| &*call.sid == sid));
    let mut items: Vec<(String, Value)> = calls
        .flat_map(|call| call.notifications.iter().map(move |it| (call, it)))
        .filter(|(_, it)| sid.is_none_or(|sid| it.sid == sid))
        .map(|(call, it)| {
            let shown = resource::notification(&sim.config.account_sid, call, it, sid.is_some());
            (it.sid.clone(), shown)
        })
        .filter(|(_, shown)| log.is_none_or(|log| shown["log"] == log))
        .collect();
    match (sid, items.pop()) {
        (None, last) => {
            items.extend(last);
            Ok(RestAnswer::list(page.envelope("notifications", items)))
        }
        (Some(_), Some((_, one))) => Ok(RestAnswer::one("Notification", one)),
        (Some(_), None) => Err(asked.not_found()),
    }
}

/// The sound of a recording. As at Twilio, whoever knows its URL may hear it.
fn media(sim: &Inner, asked: &RestRequest<'_>, resource: &str) -> Option<Response<SimulatorBody>> {
    let path = resource.strip_prefix("Accounts/")?;
    let path = path.strip_prefix(sim.config.account_sid.as_str())?;
    let name = path.strip_prefix("/Recordings/")?;
    let sid = name.strip_suffix(".wav").unwrap_or(name);
    if !asked.is_get() || !sid.starts_with("RE") || sid.contains(['.', '/']) {
        return None;
    }
    let seconds = {
        let state = sim.lock();
        let recording = state.recordings.iter().find(|it| it.sid == sid)?;
        recording.seconds()
    };
    const CHUNK: u64 = 64 * 1024;
    let silence = (0..wav_bytes(seconds).div_ceil(CHUNK)).map(move |number| {
        let left = wav_bytes(seconds) - number * CHUNK;
        Bytes::from(vec![0; usize::try_from(left.min(CHUNK)).unwrap_or(0)])
    });
    let header = Bytes::from(wav_header(seconds));
    let chunks = std::iter::once(header).chain(silence);
    let frames = chunks.map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk)));
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("audio/x-wav"),
    );
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(44 + wav_bytes(seconds)),
    );
    Some(response)
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
