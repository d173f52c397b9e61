//! Updates of a call: ends it, sends it to another document, or changes its
//! addresses.

use std::sync::Arc;

use serde_json::Value;

use super::Inner;
use super::call::{CallCommand, CallStatus, DocumentSource};
use super::faults::Fault;
use super::http_method::HttpMethod;
use super::list_calls::show;
use super::parameters::FormParameters;
use super::rest_error::RestError;
use super::rest_request::RestRequest;

/// `POST Calls/{sid}.json`. The answer shows the state before the change.
pub(super) fn update(
    sim: &Arc<Inner>,
    asked: &RestRequest<'_>,
    sid: &str,
) -> Result<Value, RestError> {
    let parameters = FormParameters(&asked.form);
    let before = show(sim, asked, sid, false)?;
    let (status, to) = {
        let state = sim.lock();
        let call = state.call(sid).ok_or_else(|| asked.not_found())?;
        (call.status, call.to.clone())
    };
    if status.has_ended() {
        return Err(RestError::NotInProgress);
    }
    if sim.trigger(Fault::Update21220, &to, &["rest"]).is_some() {
        sim.command(sid, CallCommand::HangUp);
        return Err(RestError::NotInProgress);
    }
    change_addresses(sim, &parameters, sid)?;
    match parameters.get("Status") {
        Some("canceled") if status == CallStatus::InProgress => return Ok(before),
        Some("canceled" | "completed") => return Ok(end(sim, asked, sid, before)),
        Some(_) => return Err(RestError::BadParameter("Status")),
        None => {}
    }
    let source = match (
        parameters.url("Url", RestError::BadUrl)?,
        parameters.twiml()?,
    ) {
        (Some(url), _) => DocumentSource::Url(parameters.method("Method")?, url),
        (None, Some(twiml)) => DocumentSource::Inline(twiml),
        (None, None) => return Ok(before),
    };
    if status != CallStatus::InProgress {
        return Err(RestError::NotInProgress);
    }
    sim.command(sid, CallCommand::Replace(source));
    Ok(before)
}

/// Ends a call. One that is still queued ends at once and without any callback.
fn end(sim: &Inner, asked: &RestRequest<'_>, sid: &str, before: Value) -> Value {
    let now = sim.clock.now();
    let queued = sim.change_call(sid, |call| {
        let queued = call.status == CallStatus::Queued;
        if queued {
            call.enter(CallStatus::Canceled, now);
        }
        queued
    });
    sim.command(sid, CallCommand::End);
    let after = if queued == Some(true) {
        show(sim, asked, sid, false).ok()
    } else {
        None
    };
    after.unwrap_or(before)
}

fn change_addresses(
    sim: &Inner,
    parameters: &FormParameters<'_>,
    sid: &str,
) -> Result<(), RestError> {
    let fallback = parameters.url("FallbackUrl", RestError::BadUrl)?;
    let fallback_method: HttpMethod = parameters.method("FallbackMethod")?;
    let callback = parameters.url("StatusCallback", RestError::BadStatusCallback)?;
    let callback_method = parameters.method("StatusCallbackMethod")?;
    let limit = parameters.get("TimeLimit").is_some();
    let time_limit = parameters.seconds("TimeLimit", 1, 1..=86_400, |_| {
        RestError::BadParameter("TimeLimit")
    })?;
    sim.change_call(sid, |call| {
        if let Some(url) = fallback {
            call.parameters.fallback = Some((fallback_method, url));
        }
        if let Some(url) = callback {
            call.parameters.callback = Some((callback_method, url));
        }
        if limit {
            call.parameters.time_limit = time_limit;
        }
    });
    if limit {
        sim.command(sid, CallCommand::Limit(time_limit));
    }
    Ok(())
}
