//! Status callbacks of one call, on their own track beside its documents. Their
//! order is kept unless a fault says otherwise; their answers change nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::faults::Fault;
use super::notifications::notify;
use super::webhook_params::WebhookRequest;
use super::{Inner, webhooks};

/// A callback on its way.
#[derive(Clone, Debug)]
pub(super) struct StatusDelivery {
    pub(super) outgoing: WebhookRequest,
    pub(super) to: String,
    /// The last one of this call.
    pub(super) is_final: bool,
}

/// Starts a task that delivers callbacks one after the other until the call is gone.
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
    let due = clock::later(sim.clock.now(), delay.unwrap_or_default());
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
    notify(
        sim,
        &outgoing.call_sid,
        (code, true),
        message,
        &outgoing.url,
    );
}
