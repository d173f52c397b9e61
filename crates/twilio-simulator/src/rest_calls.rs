//! Calls on the REST side: made, shown, changed and deleted, with their events and notifications.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::faults::{Fault, FaultSwitch};
use super::list_calls::show;
use super::paging::PageQuery;
use super::rest_error::RestError;
use super::rest_request::{Answered, RestAnswer, RestRequest};
use super::{Inner, form, resource, update_call};

pub(super) fn create_call(
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

pub(super) fn one_call(
    sim: &Arc<Inner>,
    asked: &RestRequest<'_>,
    sid: &str,
) -> Result<RestAnswer, RestError> {
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

pub(super) fn events(sim: &Inner, asked: &RestRequest<'_>, sid: &str) -> Answered {
    let page = PageQuery::of(asked.path, &asked.query)?;
    let now = sim.clock.now();
    let state = sim.lock();
    let call = state.call(sid).ok_or_else(|| asked.not_found())?;
    let readable_at = call
        .ended_at
        .and_then(|at| at.checked_add(sim.config.events_delay).ok());
    let is_readable = readable_at.is_some_and(|at| at <= now);
    let events = call.events.iter().filter(|_| is_readable);
    let numbered = events.map(|text| serde_json::from_str(text).unwrap_or_default());
    let items = numbered
        .enumerate()
        .map(|(at, event)| (at.to_string(), event));
    Ok(RestAnswer::list(page.envelope("events", items.collect())))
}

/// Notifications of the account or of a call: all of them, or one.
pub(super) fn notifications(
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

pub(super) fn configured_error(
    switch: &FaultSwitch,
    (status, code): (StatusCode, u32),
) -> RestError {
    let status = switch
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(status);
    RestError::Configured(status, switch.code.unwrap_or(code))
}
