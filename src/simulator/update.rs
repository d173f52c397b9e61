//! Updates of a call (protocol 1.5): ends it, sends it to another document, or changes its
//! addresses.

use std::sync::Arc;

use serde_json::Value;

use super::Inner;
use super::call::{Command, Method, Source, Status};
use super::faults::Fault;
use super::parameters::Parameters;
use super::rest::{Asked, not_found, show};
use super::rest_errors::Refusal;

/// `POST Calls/{sid}.json` (protocol 1.5). The answer shows the state before the change.
pub(super) fn update(sim: &Arc<Inner>, asked: &Asked<'_>, sid: &str) -> Result<Value, Refusal> {
    let parameters = Parameters(&asked.form);
    let before = show(sim, asked, sid, false)?;
    let (status, to) = {
        let state = sim.lock();
        let call = state.call(sid).ok_or_else(|| not_found(asked))?;
        (call.status, call.to.clone())
    };
    if status.has_ended() {
        return Err(Refusal::NotInProgress);
    }
    if sim.strike(Fault::Update21220, &to, &["rest"]).is_some() {
        send(sim, sid, Command::HangUp);
        return Err(Refusal::NotInProgress);
    }
    change_addresses(sim, &parameters, sid)?;
    match parameters.get("Status") {
        Some("canceled") if status == Status::InProgress => return Ok(before),
        Some("canceled" | "completed") => return Ok(end(sim, asked, sid, before)),
        Some(_) => return Err(Refusal::BadParameter("Status")),
        None => {}
    }
    let source = match (parameters.url("Url", Refusal::BadUrl)?, parameters.twiml()?) {
        (Some(url), _) => Source::Url(parameters.method("Method")?, url),
        (None, Some(twiml)) => Source::Inline(twiml),
        (None, None) => return Ok(before),
    };
    if status != Status::InProgress {
        return Err(Refusal::NotInProgress);
    }
    send(sim, sid, Command::Replace(source));
    Ok(before)
}

/// Ends a call. One that is still queued ends at once and without any callback.
fn end(sim: &Inner, asked: &Asked<'_>, sid: &str, before: Value) -> Value {
    let now = sim.clock.now();
    let queued = sim.change_call(sid, |call| {
        let queued = call.status == Status::Queued;
        if queued {
            call.enter(Status::Canceled, now);
        }
        queued
    });
    send(sim, sid, Command::End);
    let after = if queued == Some(true) {
        show(sim, asked, sid, false).ok()
    } else {
        None
    };
    after.unwrap_or(before)
}

fn change_addresses(sim: &Inner, parameters: &Parameters<'_>, sid: &str) -> Result<(), Refusal> {
    let fallback = parameters.url("FallbackUrl", Refusal::BadUrl)?;
    let fallback_method: Method = parameters.method("FallbackMethod")?;
    let callback = parameters.url("StatusCallback", Refusal::BadStatusCallback)?;
    let callback_method = parameters.method("StatusCallbackMethod")?;
    let limit = parameters.get("TimeLimit").is_some();
    let time_limit = parameters.seconds("TimeLimit", 1, 1..=86_400, |_| {
        Refusal::BadParameter("TimeLimit")
    })?;
    sim.change_call(sid, |call| {
        if let Some(url) = fallback {
            call.wishes.fallback = Some((fallback_method, url));
        }
        if let Some(url) = callback {
            call.wishes.callback = Some((callback_method, url));
        }
        if limit {
            call.wishes.time_limit = time_limit;
        }
    });
    if limit {
        send(sim, sid, Command::Limit(time_limit));
    }
    Ok(())
}

/// Tells a line something; one that is gone does not hear it.
pub(super) fn send(sim: &Inner, sid: &str, command: Command) {
    let now = sim.clock.now();
    if let Some(call) = sim.lock().call(sid) {
        drop(call.inbox.send((now, command)));
    }
}
