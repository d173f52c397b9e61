//! Calls as the REST side shows them: one, or the list with its filters.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::call::{CallRecord, CallStatus};
use super::faults::Fault;
use super::paging::PageQuery;
use super::resource::CallSnapshot;
use super::rest_error::RestError;
use super::rest_request::RestRequest;
use super::{Inner, SimulatorState, form, resource};

/// Answers `GET Calls.json`.
pub(super) fn calls(
    sim: &Inner,
    path: &str,
    query: &[(String, String)],
) -> Result<Value, RestError> {
    let page = PageQuery::of(path, query)?;
    let now = sim.clock.now();
    let as_of = stale_instant(sim, now, form::first(query, "To").unwrap_or_default());
    let state = sim.lock();
    Ok(page.envelope("calls", matching(&state, sim, query, (now, as_of))))
}

/// A call as it is, or as the stale copy that a fault shows.
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
        .ok_or_else(|| asked.not_found())?;
    let as_of = if fresh {
        now
    } else {
        stale_instant(sim, now, &to)
    };
    let state = sim.lock();
    let call = state.call(sid).ok_or_else(|| asked.not_found())?;
    let status = if fresh {
        Some(CallStatus::Queued)
    } else {
        call.status_at(as_of)
    }
    .ok_or_else(|| asked.not_found())?;
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

/// The instant whose state reads show: now, or earlier under the fault `list_stale`.
fn stale_instant(sim: &Inner, now: Timestamp, to: &str) -> Timestamp {
    let lag = sim
        .trigger(Fault::ListStale, to, &["rest"])
        .map(|switch| switch.length(5.0))
        .unwrap_or_default();
    SignedDuration::try_from(lag)
        .ok()
        .and_then(|lag| now.checked_sub(lag).ok())
        .unwrap_or(now)
}

fn matching(
    state: &SimulatorState,
    sim: &Inner,
    query: &[(String, String)],
    (now, as_of): (Timestamp, Timestamp),
) -> Vec<(String, Value)> {
    let visible = state
        .calls
        .values()
        .rev()
        .filter_map(|call| Some((call, call.status_at(as_of)?)));
    visible
        .filter(|(call, status)| {
            query.iter().all(|(name, value)| {
                value.is_empty() || fits(call, status.rest_word(), name, value)
            })
        })
        .map(|(call, status)| {
            let seen = CallSnapshot {
                account_sid: &sim.config.account_sid,
                now,
                status,
                fresh: false,
            };
            (call.sid.to_string(), resource::call(call, seen))
        })
        .collect()
}

/// Returns whether a call passes one filter; names that are no filter pass.
fn fits(call: &CallRecord, status: &str, name: &str, value: &str) -> bool {
    let start = || day(call.started_at().filter(|_| status != "queued"));
    let end = || day(call.ended_at);
    let wanted = value.get(..10).unwrap_or(value);
    match name {
        "To" => call.to == value,
        "From" => call.from == value,
        "Status" => status == value,
        "ParentCallSid" => call.parent.as_deref() == Some(value),
        "StartTime" => start().is_some_and(|day| day == wanted),
        "StartTime<" => start().is_some_and(|day| day.as_str() < wanted),
        "StartTime>" => start().is_some_and(|day| day.as_str() >= wanted),
        "EndTime" => end().is_some_and(|day| day == wanted),
        "EndTime<" => end().is_some_and(|day| day.as_str() < wanted),
        "EndTime>" => end().is_some_and(|day| day.as_str() >= wanted),
        _ => true,
    }
}

/// `YYYY-MM-DD` in UTC: text that sorts as the days do.
fn day(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.strftime("%Y-%m-%d").to_string())
}
