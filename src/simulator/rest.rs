//! The REST side under `/2010-04-01/`: who asks, for what, and the answer. Records
//! every exchange.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};

use super::call::Status;
use super::exchange_log::Exchange;
use super::faults::Fault;
use super::list_calls::{self, stale_instant};
use super::paging::PageQuery;
use super::resource::{self, CallSnapshot};
use super::rest_error::RestError;
use super::{FaultSwitch, Inner, SimulatorBody, create_call, form, update_call};

/// An accepted request: status and body (none with 204).
struct RestAnswer {
    status: StatusCode,
    body: Option<Value>,
    call_sid: Option<String>,
}

impl RestAnswer {
    const fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body: Some(body),
            call_sid: None,
        }
    }
}

/// One request, taken apart.
pub(super) struct RestRequest<'a> {
    method: &'a http::Method,
    /// Path as sent, without the query and without `/simulator`.
    path: &'a str,
    query: Vec<(String, String)>,
    pub(super) form: Vec<(String, String)>,
}

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
    let mut retry_after = None;
    let told = sim.trigger(Fault::RestError, "", &["rest", asked.method.as_str()]);
    let answer = match (told, authenticate(sim, request, resource)) {
        (Some(switch), _) => Err(configured_error(
            &switch,
            (StatusCode::UNAUTHORIZED, 20_003),
        )),
        (None, Ok(below)) => route(sim, &asked, below, &mut retry_after),
        (None, Err(refusal)) => Err(refusal),
    };
    let (status, body, call_sid) = match answer {
        Ok(answer) => (answer.status, answer.body, answer.call_sid),
        Err(refusal) => (refusal.status(), Some(refusal.body()), None),
    };
    let (status, body, lost) =
        apply_create_faults(sim, &asked, (status, body, call_sid.as_deref())).await;
    let mut response = render(status, body.as_ref(), begun);
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    record(sim, request, &asked, (status, body, call_sid, lost, begun));
    if lost { closed_connection() } else { response }
}

/// Who asks; the resource below the account.
fn authenticate<'a>(
    sim: &Inner,
    request: &Request<Bytes>,
    resource: &'a str,
) -> Result<&'a str, RestError> {
    let (user, secret) = credentials(request).ok_or(RestError::Unauthenticated)?;
    let config = &sim.config;
    let by_token = user == config.account_sid && config.auth_tokens.contains(&secret);
    let by_key = !by_token && config.api_keys.contains(&(user, secret));
    if !by_token && !by_key {
        return Err(RestError::Unauthenticated);
    }
    let below = resource
        .strip_prefix("Accounts/")
        .and_then(|rest| rest.strip_prefix(config.account_sid.as_str()));
    let below = below.filter(|below| *below == ".json" || below.starts_with('/'));
    if by_key && below == Some(".json") {
        // Standard API keys open everything but the account itself.
        return Err(RestError::Unauthenticated);
    }
    below.ok_or_else(|| RestError::NotFound(format!("/2010-04-01/{resource}")))
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
    below: &str,
    retry_after: &mut Option<u64>,
) -> Result<RestAnswer, RestError> {
    let (post, get) = (
        *asked.method == http::Method::POST,
        *asked.method == http::Method::GET,
    );
    let parts: Vec<&str> = below.split('/').skip(1).collect();
    match parts.as_slice() {
        [] if get => Ok(RestAnswer::ok(account(sim))),
        ["Balance.json"] if get => Ok(RestAnswer::ok(
            json!({"account_sid": sim.config.account_sid, "balance": "10.00", "currency": "USD"}),
        )),
        ["IncomingPhoneNumbers.json"] if get => numbers(sim, asked),
        ["Calls.json"] if get => {
            list_calls::calls(sim, asked.path, &asked.query).map(RestAnswer::ok)
        }
        ["Calls.json"] if post => create_call(sim, asked, retry_after),
        ["Calls", file] => {
            let sid = file.strip_suffix(".json").ok_or_else(|| not_found(asked))?;
            one_call(sim, asked, sid)
        }
        ["Calls", sid, part] if get => part_of_call(sim, asked, sid, part),
        ["Calls.json" | "Balance.json" | "IncomingPhoneNumbers.json"] => {
            Err(RestError::MethodNotAllowed)
        }
        _ => Err(not_found(asked)),
    }
}

fn configured_error(switch: &FaultSwitch, (status, code): (StatusCode, u32)) -> RestError {
    let status = switch
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(status);
    RestError::Configured(status, switch.code.unwrap_or(code))
}

pub(super) fn not_found(asked: &RestRequest<'_>) -> RestError {
    RestError::NotFound(asked.path.to_owned())
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
    let sid = create_call::create(sim, &asked.form)?;
    let body = show(sim, asked, &sid, true)?;
    Ok(RestAnswer {
        status: StatusCode::CREATED,
        body: Some(body),
        call_sid: Some(sid.to_string()),
    })
}

/// A call as it is, or as it was when nobody asks about a create.
pub(super) fn show(
    sim: &Inner,
    asked: &RestRequest<'_>,
    sid: &str,
    fresh: bool,
) -> Result<Value, RestError> {
    let now = sim.clock.now();
    let to = sim
        .lock()
        .call(sid)
        .map(|call| call.to.clone())
        .ok_or_else(|| not_found(asked))?;
    let as_of = if fresh {
        now
    } else {
        stale_instant(sim, now, &to)
    };
    let state = sim.lock();
    let call = state.call(sid).ok_or_else(|| not_found(asked))?;
    let status = if fresh {
        Some(Status::Queued)
    } else {
        call.status_at(as_of)
    }
    .ok_or_else(|| not_found(asked))?;
    Ok(resource::call(
        call,
        CallSnapshot {
            account_sid: &sim.config.account_sid,
            now,
            status,
            fresh,
        },
    ))
}

fn one_call(sim: &Arc<Inner>, asked: &RestRequest<'_>, sid: &str) -> Result<RestAnswer, RestError> {
    let answer = |body| RestAnswer {
        call_sid: Some(sid.to_owned()),
        ..RestAnswer::ok(body)
    };
    match *asked.method {
        http::Method::GET => show(sim, asked, sid, false).map(answer),
        http::Method::POST => update_call::update(sim, asked, sid).map(answer),
        http::Method::DELETE => {
            let mut state = sim.lock();
            let ended = state
                .call(sid)
                .ok_or_else(|| not_found(asked))?
                .status
                .has_ended();
            if !ended {
                return Err(RestError::NotComplete);
            }
            state.remove(sid);
            Ok(RestAnswer {
                status: StatusCode::NO_CONTENT,
                body: None,
                call_sid: Some(sid.to_owned()),
            })
        }
        _ => Err(RestError::MethodNotAllowed),
    }
}

fn part_of_call(
    sim: &Inner,
    asked: &RestRequest<'_>,
    sid: &str,
    part: &str,
) -> Result<RestAnswer, RestError> {
    let page = PageQuery::of(asked.path, &asked.query)?;
    let now = sim.clock.now();
    let state = sim.lock();
    let call = state.call(sid).ok_or_else(|| not_found(asked))?;
    let numbered = |items: Vec<Value>| {
        items
            .into_iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect()
    };
    let account_sid = &sim.config.account_sid;
    match part {
        "Events.json" => {
            let readable_at = call
                .ended_at
                .and_then(|at| at.checked_add(sim.config.events_delay).ok());
            let readable = readable_at.is_some_and(|at| at <= now);
            let events = if readable {
                call.events.clone()
            } else {
                Vec::new()
            };
            Ok(RestAnswer::ok(page.envelope("events", numbered(events))))
        }
        "Notifications.json" => {
            let all = call
                .notifications
                .iter()
                .map(|it| resource::notification(account_sid, call, it))
                .collect();
            Ok(RestAnswer::ok(
                page.envelope("notifications", numbered(all)),
            ))
        }
        "Recordings.json" => Ok(RestAnswer::ok(page.envelope("recordings", Vec::new()))),
        _ => Err(not_found(asked)),
    }
}

fn account(sim: &Inner) -> Value {
    let sid = &sim.config.account_sid;
    json!({
        "sid": sid,
        "friendly_name": "Simulated account",
        "status": "active",
        "type": if sim.config.trial { "Trial" } else { "Full" },
        "auth_token": "",
        "owner_account_sid": sid,
        "uri": format!("/2010-04-01/Accounts/{sid}.json"),
    })
}

fn numbers(sim: &Inner, asked: &RestRequest<'_>) -> Result<RestAnswer, RestError> {
    let page = PageQuery::of(asked.path, &asked.query)?;
    let wanted = form::first(&asked.query, "PhoneNumber");
    let magic = ["+15005550006".to_owned()];
    let owned = if sim.config.owned_numbers.is_empty() {
        &magic[..]
    } else {
        &sim.config.owned_numbers
    };
    let items = owned
        .iter()
        .enumerate()
        .filter(|(_, number)| wanted.is_none_or(|wanted| wanted == number.as_str()));
    let items = items.map(|(at, number)| {
        let sid = format!("PN{at:032x}");
        let item = json!({
            "sid": sid, "account_sid": sim.config.account_sid, "phone_number": number, "friendly_name": number,
            "capabilities": {"voice": true, "sms": false, "mms": false, "fax": false},
            "voice_url": "", "voice_method": "POST", "status": "in-use",
        });
        (sid, item)
    });
    Ok(RestAnswer::ok(
        page.envelope("incoming_phone_numbers", items.collect()),
    ))
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

fn render(status: StatusCode, body: Option<&Value>, begun: Instant) -> Response<SimulatorBody> {
    let text = body.map(Value::to_string).unwrap_or_default();
    let mut response = super::answer(status, "application/json", text);
    if body.is_none() {
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
