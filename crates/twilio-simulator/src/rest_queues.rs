//! Queues and their members on the REST side.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::call::{CallCommand, DocumentSource};
use super::moments::rfc2822;
use super::parameters::FormParameters;
use super::queueing::{CallQueue, QueuedCall};
use super::rest_error::RestError;
use super::rest_request::{Answered, RestAnswer, RestRequest, base, list, with_sid};
use super::{Inner, queueing};

/// Sizes that a queue may have.
const SIZES: RangeInclusive<u64> = 1..=5_000;
/// Most characters of a queue's name.
const NAME: usize = 64;

fn queue(sim: &Inner, queue: &CallQueue, now: jiff::Timestamp) -> Value {
    let date = rfc2822(queue.created_at);
    let uri = format!("{}/Queues/{}", base(sim), queue.sid);
    let waited = |since: jiff::Timestamp| now.duration_since(since).as_secs();
    let total: i64 = queue.waiting.iter().map(|it| waited(it.since)).sum();
    let size = queue.waiting.len();
    json!({
        "sid": queue.sid, "account_sid": sim.config.account_sid, "friendly_name": queue.name,
        "current_size": size, "max_size": queue.max_size,
        "average_wait_time": total.checked_div(i64::try_from(size).unwrap_or(1)).unwrap_or(0),
        "date_created": date, "date_updated": date, "uri": format!("{uri}.json"),
        "subresource_uris": {"members": format!("{uri}/Members.json")},
    })
}

/// `Queues`: all of them, or one; made, changed, and removed where nobody waits in it.
pub(super) fn queues(sim: &Inner, request: &RestRequest<'_>, sid: Option<&str>) -> Answered {
    let now = sim.clock.now();
    if let (None, true) = (sid, request.is_get()) {
        let state = sim.lock();
        let all = state.queues.iter().rev();
        let items = all.map(|it| with_sid(queue(sim, it, now))).collect();
        return list(request, "queues", items);
    }
    let parameters = FormParameters(&request.form);
    let name = parameters.get("FriendlyName");
    if name.is_some_and(|name| name.chars().count() > NAME) || sid.is_none() && name.is_none() {
        return Err(RestError::BadParameter("FriendlyName"));
    }
    let bad_size = |_: &str| RestError::BadParameter("MaxSize");
    let size = parameters.seconds("MaxSize", 1_000, SIZES, bad_size)?;
    let size = parameters.get("MaxSize").map(|_| size.as_secs());
    let size = size.and_then(|size| usize::try_from(size).ok());
    let mut state = sim.lock();
    if let Some(sid) = sid
        && !state.queues.iter().any(|it| it.sid == sid)
    {
        return Err(request.not_found());
    }
    let is_taken = |it: &CallQueue| Some(it.name.as_str()) == name && Some(it.sid.as_str()) != sid;
    if request.is_post() && state.queues.iter().any(is_taken) {
        // Twilio wants the name to be unique and documents no code for another one.
        return Err(RestError::BadParameter("FriendlyName"));
    }
    if request.is_delete() {
        let waits = |it: &CallQueue| Some(it.sid.as_str()) == sid && !it.waiting.is_empty();
        if state.queues.iter().any(waits) {
            return Err(RestError::NotComplete);
        }
        state.queues.retain(|it| Some(it.sid.as_str()) != sid);
        return Ok(RestAnswer::deleted());
    }
    let found = match (sid, name) {
        (Some(sid), _) => state.queues.iter_mut().find(|it| it.sid == sid),
        (None, name) => Some(queueing::queue(&mut state, name.unwrap_or_default(), now)),
    };
    let found = found.ok_or_else(|| request.not_found())?;
    if request.is_post() {
        if let Some(name) = name {
            name.clone_into(&mut found.name);
        }
        match (size, sid) {
            (Some(size), _) => found.max_size = size,
            (None, None) => found.max_size = 1_000,
            (None, Some(_)) => {}
        }
    }
    let body = queue(sim, found, now);
    Ok(match (request.is_post(), sid) {
        (true, None) => RestAnswer::created("Queue", body),
        (_, _) => RestAnswer::one("Queue", body),
    })
}

fn member(sim: &Inner, sid: &str, (at, waiting): (usize, &QueuedCall)) -> Value {
    let call_sid = &*waiting.call_sid;
    let waited = sim.clock.now().duration_since(waiting.since).as_secs();
    json!({
        "call_sid": call_sid, "queue_sid": sid, "position": at + 1,
        "date_enqueued": rfc2822(waiting.since), "wait_time": waited.max(0),
        "uri": format!("{}/Queues/{sid}/Members/{call_sid}.json", base(sim)),
    })
}

/// `Members` of a queue: listed, shown by their call or as `Front`, and sent to another document.
pub(super) fn members(
    sim: &Inner,
    request: &RestRequest<'_>,
    (sid, call): (&str, Option<&str>),
) -> Answered {
    let state = sim.lock();
    let mut all = state.queues.iter();
    let found = all.find(|it| it.sid == sid);
    let found = found.ok_or_else(|| request.not_found())?;
    let mut waiting = found.waiting.iter().enumerate();
    let Some(call) = call else {
        let item = |it: (usize, &QueuedCall)| (it.1.call_sid.to_string(), member(sim, sid, it));
        return list(request, "queue_members", waiting.map(item).collect());
    };
    let one = waiting.find(|(_, it)| call == "Front" || &*it.call_sid == call);
    let one = one.ok_or_else(|| request.not_found())?;
    let (body, call_sid) = (member(sim, sid, one), one.1.call_sid.clone());
    drop(state);
    if request.is_post() {
        let parameters = FormParameters(&request.form);
        let url = parameters.url("Url", RestError::BadUrl)?;
        let url = url.ok_or_else(|| RestError::BadUrl(String::new()))?;
        let source = DocumentSource::Url(parameters.method("Method")?, url);
        sim.command(&call_sid, CallCommand::Replace(source));
    }
    Ok(RestAnswer::one("QueueMember", body).about(&call_sid))
}
