//! Shows calls for the control API. It changes nothing.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::call::{CallRecord, CallStatus, Direction};
use super::{Inner, SimulatorState};

/// A phone with what happens on it.
pub(super) fn phone(state: &SimulatorState, sim: &Inner, call: &CallRecord) -> Value {
    let saying = if call.saying {
        call.transcript
            .iter()
            .rev()
            .find(|line| line.speaker == "twilio")
    } else {
        None
    };
    json!({
        "sid": &*call.sid,
        "version": call.version,
        "to": call.to,
        "from": call.from,
        "direction": call.direction.word(),
        "status": call.status.word(),
        "ended": call.status.has_ended(),
        "waits_for_a_hand": waits_for_a_hand(state, sim, call),
        "created_at": call.created_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "answered_by": call.answered_by,
        "sip_code": call.sip_code,
        "saying": saying,
        "gather": call.gather,
        "verbs": call.verbs,
        "transcript": call.transcript,
        "digits": call.digits,
        "warnings": call.notifications.iter().map(|it| json!({"code": it.code, "message": it.message})).collect::<Vec<_>>(),
    })
}

fn waits_for_a_hand(state: &SimulatorState, sim: &Inner, call: &CallRecord) -> bool {
    if call.direction == Direction::Inbound || call.status != CallStatus::Ringing {
        return false;
    }
    match state.numbers.get(&call.to) {
        Some(told) => told.waits_for_a_hand(),
        None => super::NumberBehaviour::of_number(&call.to, &sim.config.timings).waits_for_a_hand(),
    }
}

/// All phones, newest first, with the version they were seen at.
pub(super) fn phones(state: &SimulatorState, sim: &Inner, limit: usize) -> Value {
    let calls: Vec<Value> = state
        .calls
        .values()
        .rev()
        .take(limit)
        .map(|call| phone(state, sim, call))
        .collect();
    json!({"version": state.version, "now": sim.clock.now(), "under_way": sim.in_flight.load(Ordering::SeqCst), "calls": calls})
}

/// One entry for each call, oldest first, for comparison with the records of a service.
pub(super) fn ledger(state: &SimulatorState) -> Value {
    let calls: Vec<Value> = state.calls.values().map(entry).collect();
    json!({"version": state.version, "calls": calls})
}

fn entry(call: &CallRecord) -> Value {
    json!({
        "sid": &*call.sid,
        "to": call.to,
        "from": call.from,
        "direction": call.direction.word(),
        "created_at": call.created_at,
        "dialed_at": call.dialed_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "status": call.status.word(),
        "final": call.status.has_ended(),
        "sip_code": call.sip_code,
        "answered_by": call.answered_by,
        "digits": call.digits,
        "webhooks": call.webhooks,
    })
}
