//! Status callbacks of one call, on their own track beside its documents. Their
//! order is kept unless a fault says otherwise; their answers change nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Inner;
use super::call::{Call, Direction, HttpMethod, rfc2822};
use super::faults::Fault;
use super::simulated_call;
use super::webhooks::{self, WebhookRequest};

/// A callback on its way.
#[derive(Clone, Debug)]
pub(super) struct StatusDelivery {
    pub(super) outgoing: WebhookRequest,
    pub(super) to: String,
    /// The last one of this call.
    pub(super) is_final: bool,
}

/// Takes callbacks and delivers them one after the other until the line is gone.
pub(super) fn deliveries(sim: &Arc<Inner>) -> mpsc::UnboundedSender<StatusDelivery> {
    let (sender, mut waiting) = mpsc::unbounded_channel::<StatusDelivery>();
    let deliveries = Arc::clone(sim);
    sim.tracker.spawn(async move {
        let work = async {
            let mut held = Vec::new();
            while let Some(callback) = waiting.recv().await {
                if strikes(&deliveries, &callback, Fault::ReorderCallbacks) && !callback.is_final {
                    held.push(callback);
                    continue;
                }
                deliver_with_faults(&deliveries, callback).await;
                for late in held.drain(..) {
                    deliver_with_faults(&deliveries, late).await;
                }
            }
            for late in held {
                deliver_with_faults(&deliveries, late).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = deliveries.stop.cancelled() => {}
        }
    });
    sender
}

fn strikes(sim: &Inner, callback: &StatusDelivery, fault: Fault) -> bool {
    struck(sim, callback, fault).is_some()
}

fn struck(sim: &Inner, callback: &StatusDelivery, fault: Fault) -> Option<super::FaultSwitch> {
    let status = super::form::first(&callback.outgoing.params, "CallStatus").unwrap_or_default();
    sim.trigger(fault, &callback.to, &[callback.outgoing.kind, status])
}

async fn deliver_with_faults(sim: &Arc<Inner>, callback: StatusDelivery) {
    if callback.is_final && strikes(sim, &callback, Fault::DropCompleted)
        || strikes(sim, &callback, Fault::DropCallback)
    {
        return;
    }
    if let Some(switch) = struck(sim, &callback, Fault::DelayCallback) {
        spawn(sim, callback, Some(switch.length(5.0)));
        return;
    }
    let twice = strikes(sim, &callback, Fault::DuplicateCallback);
    deliver(sim, &callback).await;
    if twice {
        deliver(sim, &callback).await;
    }
}

/// Delivers apart from all others, perhaps later.
pub(super) fn spawn(sim: &Arc<Inner>, callback: StatusDelivery, delay: Option<Duration>) {
    let due = sim
        .clock
        .now()
        .saturating_add(delay.unwrap_or_default())
        .unwrap_or(Timestamp::MAX);
    let deliveries = Arc::clone(sim);
    sim.tracker.spawn(async move {
        let work = async {
            if delay.is_some() {
                deliveries.clock.sleep_until(due).await;
            }
            deliver(&deliveries, &callback).await;
        };
        tokio::select! {
            () = work => {}
            () = deliveries.stop.cancelled() => {}
        }
    });
}

async fn deliver(sim: &Inner, callback: &StatusDelivery) {
    let outgoing = &callback.outgoing;
    let (code, message) = match webhooks::send(sim, outgoing, &callback.to).await {
        Ok(reply) if reply.status < 400 => return,
        Ok(reply) => (
            15_003,
            format!(
                "Call progress: Warning response to callback URL: {}",
                reply.status
            ),
        ),
        Err(failure) => (failure.code(), failure.to_string()),
    };
    simulated_call::notify(
        sim,
        &outgoing.call_sid,
        (code, true),
        message,
        &outgoing.url,
    );
}

/// The parameters of a status callback.
pub(super) fn status_params(
    sim: &Inner,
    call: &Call,
    (sequence, at): (u32, Timestamp),
) -> Vec<(String, String)> {
    let mut params = pairs(&[
        ("ApiVersion", "2010-04-01"),
        ("AccountSid", &sim.config.account_sid),
        ("CallSid", &call.sid),
        ("CallStatus", call.status.word()),
        ("Called", &call.to),
        ("Caller", &call.from),
        ("CallbackSource", "call-progress-events"),
        ("Direction", call.direction.word()),
        ("From", &call.from),
        ("SequenceNumber", &sequence.to_string()),
        ("Timestamp", &rfc2822(at)),
        ("To", &call.to),
    ]);
    if let Some(seconds) = call.duration_seconds() {
        params.extend(pairs(&[
            ("CallDuration", &seconds.to_string()),
            ("Duration", &((seconds + 59) / 60).to_string()),
            ("SipResponseCode", &call.sip_code.unwrap_or(200).to_string()),
        ]));
    }
    if let Some(verdict) = &call.answered_by {
        params.extend(pairs(&[("AnsweredBy", verdict)]));
    }
    params
}

/// The parameters of every request for a document, the empty geographic ones among
/// them.
pub(super) fn voice_params(sim: &Inner, call: &Call) -> Vec<(String, String)> {
    let mut params = pairs(&[
        ("AccountSid", &sim.config.account_sid),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", &call.sid),
        ("CallStatus", call.status.word()),
        ("Called", &call.to),
        ("Caller", &call.from),
        ("Direction", call.direction.word()),
        ("From", &call.from),
        ("To", &call.to),
    ]);
    for party in ["Called", "Caller", "From", "To"] {
        let number = if matches!(party, "Called" | "To") {
            &call.to
        } else {
            &call.from
        };
        let country = if number.starts_with("+1") { "US" } else { "" };
        for (field, value) in [
            ("City", ""),
            ("State", ""),
            ("Zip", ""),
            ("Country", country),
        ] {
            params.push((format!("{party}{field}"), value.to_owned()));
        }
    }
    if let (Direction::Inbound, Some(verstat)) = (call.direction, &call.parameters.stir_verstat) {
        params.extend(pairs(&[("StirVerstat", verstat)]));
    }
    params
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A request of this call.
pub(super) fn outgoing(
    call: &Call,
    kind: &'static str,
    (method, url): &(HttpMethod, String),
    params: Vec<(String, String)>,
) -> WebhookRequest {
    WebhookRequest {
        call_sid: call.sid.to_string(),
        kind,
        method: *method,
        url: url.clone(),
        params,
        token: uuid::Uuid::new_v4().to_string(),
    }
}
