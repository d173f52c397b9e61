//! Status callbacks of one call, on their own track beside its documents (protocol 2.4). Their
//! order is kept unless a fault says otherwise; their answers change nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Inner;
use super::call::{Call, Direction, Method, rfc2822};
use super::faults::Fault;
use super::line;
use super::webhooks::{self, Outgoing};

/// A callback on its way.
#[derive(Clone, Debug)]
pub(super) struct Callback {
    pub(super) outgoing: Outgoing,
    pub(super) to: String,
    /// The last one of this call.
    pub(super) is_final: bool,
}

/// Takes callbacks and delivers them one after the other until the line is gone.
pub(super) fn courier(sim: &Arc<Inner>) -> mpsc::UnboundedSender<Callback> {
    let (sender, mut waiting) = mpsc::unbounded_channel::<Callback>();
    let courier = Arc::clone(sim);
    sim.tracker.spawn(async move {
        let work = async {
            let mut held = Vec::new();
            while let Some(callback) = waiting.recv().await {
                if strikes(&courier, &callback, Fault::ReorderCallbacks) && !callback.is_final {
                    held.push(callback);
                    continue;
                }
                hand_over(&courier, callback).await;
                for late in held.drain(..) {
                    hand_over(&courier, late).await;
                }
            }
            for late in held {
                hand_over(&courier, late).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = courier.stop.cancelled() => {}
        }
    });
    sender
}

fn strikes(sim: &Inner, callback: &Callback, fault: Fault) -> bool {
    struck(sim, callback, fault).is_some()
}

fn struck(sim: &Inner, callback: &Callback, fault: Fault) -> Option<super::Switch> {
    let status = super::form::first(&callback.outgoing.params, "CallStatus").unwrap_or_default();
    sim.strike(fault, &callback.to, &[callback.outgoing.kind, status])
}

async fn hand_over(sim: &Arc<Inner>, callback: Callback) {
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
pub(super) fn spawn(sim: &Arc<Inner>, callback: Callback, delay: Option<Duration>) {
    let due = sim
        .clock
        .now()
        .saturating_add(delay.unwrap_or_default())
        .unwrap_or(Timestamp::MAX);
    let courier = Arc::clone(sim);
    sim.tracker.spawn(async move {
        let work = async {
            if delay.is_some() {
                courier.clock.sleep_until(due).await;
            }
            deliver(&courier, &callback).await;
        };
        tokio::select! {
            () = work => {}
            () = courier.stop.cancelled() => {}
        }
    });
}

async fn deliver(sim: &Inner, callback: &Callback) {
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
    line::notify(
        sim,
        &outgoing.call_sid,
        (code, true),
        message,
        &outgoing.url,
    );
}

/// The parameters of a status callback (protocol 2.4).
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

/// The parameters of every request for a document (protocol 2.2), the empty geographic ones among
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
    if let (Direction::Inbound, Some(verstat)) = (call.direction, &call.wishes.stir_verstat) {
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
    (method, url): &(Method, String),
    params: Vec<(String, String)>,
) -> Outgoing {
    Outgoing {
        call_sid: call.sid.to_string(),
        kind,
        method: *method,
        url: url.clone(),
        params,
        token: uuid::Uuid::new_v4().to_string(),
    }
}
