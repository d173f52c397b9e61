//! The control API under `/simulator/api/`: it acts for the called party, for the page and for
//! tests.
//!
//! | request | does |
//! |---|---|
//! | `GET state?after=&wait=&limit=` | all phones, newest first; with `after` once the version has passed it |
//! | `GET calls`, `GET calls/{sid}?after=&wait=` | the same at once; one phone |
//! | `POST calls/{sid}/answer`, `decline`, `hangup` | acts as the called party; 409 in any other state |
//! | `POST calls/{sid}/press` `{"digits"}`, `say` `{"text", "confidence"}` | keys, words |
//! | `POST inbound` `{"from", "to", "url", "method", "stir_verstat", "parameters", "status_callback"}` | somebody rings our number |
//! | `GET voice-urls`, `PUT`, `DELETE voice-urls/{number}` `{"url", "method"}` | what answers calls to our number |
//! | `GET calls/{sid}/export` | the call as one file, for `replay` |
//! | `GET`, `PUT`, `DELETE numbers/{number}`, `GET numbers` | how a number behaves ([`NumberBehaviour`]) |
//! | `GET`, `PUT faults` | what goes wrong: [`Fault`] to [`FaultSwitch`](super::FaultSwitch), or to a list of them |
//! | `GET wire?after=`, `GET events?after=`, `GET ledger` | exchanges; a stream of exchanges and phones; one entry for each call |
//! | `POST clock/advance` `{"seconds"}` | moves a simulated clock |
//! | `DELETE calls` | forgets ended calls |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::addresses::is_number;
use super::behaviour::{NumberBehaviour, is_keys};
use super::call::{CallCommand, CallStatus, Direction};
use super::control_error::{ControlError, read};
use super::control_inbound::{inbound, voice_urls};
use super::faults::{Fault, FaultSwitches};
use super::moments::seconds;
use super::{
    Inner, SimulatorBody, call_file, control_view, event_stream, form, json as json_answer, problem,
};

/// Answers a request for `resource`, the part of its path after `/simulator/api/`.
pub(super) async fn handle(
    sim: &Arc<Inner>,
    request: &Request<Bytes>,
    resource: &str,
) -> Response<SimulatorBody> {
    let query = form::parse(request.uri().query().unwrap_or_default());
    if (request.method(), resource) == (&Method::GET, "events") {
        let resumed = request
            .headers()
            .get("last-event-id")
            .and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
        let version = sim.lock().version;
        // An id from before a restart is unknown here: its client gets everything there is.
        let after = resumed
            .or_else(|| number(&query, "after"))
            .unwrap_or(version);
        let after = if after > version { 0 } else { after };
        return event_stream::events(sim, after);
    }
    let answer = if comes_from_another_site(request) {
        Err(ControlError::CrossSite)
    } else {
        route(sim, request, (resource, &query)).await
    };
    match answer {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(refusal) => problem(refusal.status(), &refusal.to_string()),
    }
}

/// Returns whether a page of another site wants something done. Browsers send such a POST without
/// asking, and it would make the simulator send signed requests to any address that its user can
/// reach.
fn comes_from_another_site(request: &Request<Bytes>) -> bool {
    let site = request.headers().get("sec-fetch-site");
    *request.method() != Method::GET && site.is_some_and(|site| site == "cross-site")
}

type Pairs = [(String, String)];

async fn route(
    sim: &Arc<Inner>,
    request: &Request<Bytes>,
    (resource, query): (&str, &Pairs),
) -> Result<Value, ControlError> {
    let parts: Vec<&str> = resource.split('/').collect();
    match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["calls"]) => Ok(control_view::phones(&sim.lock(), sim, limit(query))),
        ("GET", ["state"]) => Ok(state(sim, query).await),
        ("DELETE", ["calls"]) => Ok(forget(sim)),
        ("GET", ["calls", sid]) => call(sim, sid, query).await,
        ("GET", ["calls", sid, "export"]) => {
            let state = sim.lock();
            let call = state.call(sid).ok_or(ControlError::NoCall)?;
            Ok(json!(call_file::of(&state, call)))
        }
        ("GET", ["voice-urls"]) => voice_urls(sim, request, None),
        ("PUT" | "DELETE", ["voice-urls", number]) => {
            let number = form::decode(&number.replace('+', "%2B"));
            voice_urls(sim, request, Some(&number))
        }
        ("POST", ["calls", sid, deed]) => act(sim, request, sid, deed),
        ("POST", ["inbound"]) => inbound(sim, request),
        ("GET", ["numbers"]) => Ok(json!(sim.lock().numbers)),
        ("GET" | "PUT" | "DELETE", ["numbers", number]) => {
            self::numbers(sim, request, &form::decode(&number.replace('+', "%2B")))
        }
        ("GET", ["faults"]) => Ok(json!(sim.lock().faults.switches())),
        ("PUT", ["faults"]) => set_faults(sim, request),
        ("GET", ["wire"]) => Ok(wire(sim, query)),
        ("GET", ["ledger"]) => Ok(control_view::ledger(&sim.lock())),
        ("POST", ["clock", "advance"]) => advance(sim, request),
        _ => Err(ControlError::NotFound),
    }
}

fn number(query: &Pairs, name: &str) -> Option<u64> {
    form::first(query, name).and_then(|text| text.parse().ok())
}

/// The version a client has seen; none if it is not from this run of the simulator.
fn seen(sim: &Inner, query: &Pairs) -> Option<u64> {
    number(query, "after").filter(|after| *after <= sim.lock().version)
}

fn limit(query: &Pairs) -> usize {
    number(query, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100)
}

/// The longest wait of a poll, in real time: 10 seconds, or as asked up to a minute; none without
/// `after`.
fn patience(query: &Pairs) -> Duration {
    match number(query, "after") {
        Some(_) => Duration::from_secs(number(query, "wait").unwrap_or(10).min(60)),
        None => Duration::ZERO,
    }
}

async fn state(sim: &Inner, query: &Pairs) -> Value {
    let (after, limit) = (seen(sim, query), limit(query));
    let look = |state: &super::SimulatorState| {
        after
            .is_none_or(|after| state.version > after)
            .then_some(())
    };
    event_stream::poll(sim, patience(query), look).await;
    control_view::phones(&sim.lock(), sim, limit)
}

async fn call(sim: &Inner, sid: &str, query: &Pairs) -> Result<Value, ControlError> {
    let after = seen(sim, query);
    let look = |state: &super::SimulatorState| match state.call(sid) {
        Some(call) => after.is_none_or(|after| call.version > after).then_some(()),
        None => Some(()),
    };
    event_stream::poll(sim, patience(query), look).await;
    let state = sim.lock();
    state
        .call(sid)
        .map(|call| control_view::phone(&state, sim, call))
        .ok_or(ControlError::NoCall)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    digits: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Speak {
    text: String,
    #[serde(default = "certain")]
    confidence: f64,
}

const fn certain() -> f64 {
    0.9
}

/// Acts as the called party. The call reacts a moment later; the answer shows it as it was.
fn act(
    sim: &Inner,
    request: &Request<Bytes>,
    sid: &str,
    deed: &str,
) -> Result<Value, ControlError> {
    let (status, direction) = sim
        .lock()
        .call(sid)
        .map(|call| (call.status, call.direction))
        .ok_or(ControlError::NoCall)?;
    let rings = status == CallStatus::Ringing && direction != Direction::Inbound;
    let talks = status == CallStatus::InProgress;
    let (possible, command) = match deed {
        "answer" => (rings, CallCommand::Answer),
        "decline" => (rings, CallCommand::Decline),
        "hangup" => (talks || status == CallStatus::Ringing, CallCommand::HangUp),
        "press" => {
            let Press { digits } = read(request)?;
            if !is_keys(&digits) {
                return Err(ControlError::Invalid("digits must be of 0-9, * and #"));
            }
            (talks, CallCommand::Press(digits))
        }
        "say" => {
            let Speak { text, confidence } = read(request)?;
            (talks, CallCommand::Speak { text, confidence })
        }
        _ => return Err(ControlError::NotFound),
    };
    if !possible {
        return Err(ControlError::WrongState(status.word()));
    }
    sim.command(sid, command);
    let state = sim.lock();
    state
        .call(sid)
        .map(|call| control_view::phone(&state, sim, call))
        .ok_or(ControlError::NoCall)
}

/// Shows or sets the behaviour of a number, from its next call on.
fn numbers(sim: &Inner, request: &Request<Bytes>, number: &str) -> Result<Value, ControlError> {
    if !is_number(number) {
        return Err(ControlError::Invalid("the number must be E.164"));
    }
    match *request.method() {
        Method::PUT => {
            let behaviour: NumberBehaviour = read(request)?;
            if let Some(problem) = behaviour.problem() {
                return Err(ControlError::Invalid(problem));
            }
            sim.change(|state| state.numbers.insert(number.to_owned(), behaviour));
        }
        Method::DELETE => drop(sim.change(|state| state.numbers.remove(number))),
        _ => {}
    }
    let told = sim.lock().numbers.get(number).cloned();
    Ok(json!(told.unwrap_or_else(|| NumberBehaviour::of_number(
        number,
        &sim.config.timings
    ))))
}

/// Replaces all switches by those of the body; what it does not name is off.
fn set_faults(sim: &Inner, request: &Request<Bytes>) -> Result<Value, ControlError> {
    let switches: BTreeMap<Fault, FaultSwitches> = read(request)?;
    Ok(sim.change(|state| {
        state.faults.set(switches);
        json!(state.faults.switches())
    }))
}

fn wire(sim: &Inner, query: &Pairs) -> Value {
    let after = seen(sim, query).unwrap_or(0);
    let state = sim.lock();
    let exchanges: Vec<_> = state.exchanges.after(after).collect();
    json!({"version": state.version, "exchanges": exchanges})
}

fn forget(sim: &Inner) -> Value {
    sim.change(|state| {
        let ended = state
            .calls
            .values()
            .filter(|call| call.status.has_ended())
            .map(|call| call.sid.clone());
        let ended: Vec<_> = ended.collect();
        for sid in &ended {
            state.remove(sid);
        }
        json!({"forgotten": ended.len(), "version": state.version})
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

fn advance(sim: &Inner, request: &Request<Bytes>) -> Result<Value, ControlError> {
    let Advance { seconds: span } = read(request)?;
    if !(0.001..=31_536_000.0).contains(&span) {
        return Err(ControlError::Invalid(
            "seconds must be between 0.001 and a year",
        ));
    }
    let span = seconds(span);
    let before = sim.clock.now();
    sim.clock.advance(span);
    // The system's clock does not move, and a clock cannot be asked which kind it is.
    let moved = Duration::try_from(sim.clock.now().duration_since(before)).unwrap_or_default();
    if moved < span {
        return Err(ControlError::RealClock);
    }
    Ok(json!({"now": sim.clock.now()}))
}
