//! Sends events to `callback_url`, signed in the form of Standard Webhooks, until they are
//! received.
//!
//! The store's outbox holds the pending events; this module claims, sends and settles them. An
//! event is sent at least once, and the events of one call are sent one after the other. States
//! that follow each other before they were sent merge into the newest. The module decides nothing
//! about calls.

mod address;
mod endpoints;
mod sender;
mod schedule;
mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::dns::Resolve;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::endpoints::{Endpoints, Pass};
use self::sender::{DeliveryFailure, EventDelivery, EventSender, FailureCause};
use crate::call::Call;
use crate::service::Service;
use crate::store::{Claimed, Lifecycle as _, OutboxStore as _, Settled};
use crate::twilio::client::Authorities;
use clock::{Clock, later};

pub use self::address::System;
pub use self::sign::Secret;

/// Time for which a claimed event belongs to this process: to wait for a slot, to be sent, and to
/// be settled.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The time that must be left of a claim when its event is sent.
const SEND_MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// Most events in flight: being sent, or waiting for a slot at their endpoint.
const MAX_IN_FLIGHT: usize = 1_024;
/// Most events claimed at once.
const BATCH: usize = 128;
/// Pause after the store could not be asked.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The dependencies of a notifier.
pub struct NotifierDependencies {
    /// The service that has the calls.
    pub service: Service,
    /// The time.
    pub clock: Clock,
    /// The secrets that sign events, newest first. Without any, nothing is sent.
    pub secrets: Vec<Secret>,
    /// Allows events to private addresses, and without TLS.
    pub allow_private: bool,
    /// Certificate authorities that are trusted beside the public ones.
    pub authorities: Authorities,
    /// The resolver for the names of endpoints.
    pub resolver: Arc<dyn Resolve>,
    /// Writes a call as its client reads it, in JSON.
    pub call_json: fn(&Call) -> String,
}

impl fmt::Debug for NotifierDependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifierDependencies")
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// Sends what the outbox holds; cheap to clone.
#[derive(Clone, Debug)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    service: Service,
    clock: Clock,
    sender: EventSender,
    call_json: fn(&Call) -> String,
    endpoints: Arc<Endpoints>,
    in_flight: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

impl Notifier {
    /// A notifier that does not send yet.
    ///
    /// # Errors
    /// No HTTP client can be built.
    pub fn new(parts: NotifierDependencies) -> Result<Self, reqwest::Error> {
        let NotifierDependencies {
            service,
            clock,
            secrets,
            allow_private,
            authorities,
            resolver,
            call_json,
        } = parts;
        let sender = EventSender::new(secrets, allow_private, &authorities, resolver)?;
        Ok(Self(Arc::new(Inner {
            service,
            clock,
            sender,
            call_json,
            endpoints: Arc::default(),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })))
    }

    /// Begins to send, until [`Self::flush`].
    pub fn start(&self) {
        let notifier = self.clone();
        self.0.tasks.spawn(async move {
            let _stopped = notifier.0.stop.run_until_cancelled(notifier.run()).await;
        });
    }

    /// Ends: what is being sent is settled, and what is still to be received gets one last try,
    /// unless others take it over. After `budget` the rest is left.
    pub async fn flush(&self, budget: Duration) {
        self.0.stop.cancel();
        self.0.tasks.close();
        let is_shared = self.0.service.store().is_shared();
        let last = async {
            for _ in 0..2 {
                // Events that waited for a slot are put back meanwhile, and found the second
                // time.
                if !is_shared {
                    self.send_the_last().await;
                }
                self.0.tasks.wait().await;
            }
        };
        let in_time = tokio::time::timeout(budget, last).await.is_ok();
        let left = self.0.service.store().events_pending();
        if !is_shared && (!in_time || left > 0) {
            tracing::error!(
                left,
                "this process ends before every client was told of its calls"
            );
        }
    }

    async fn run(&self) {
        let (clock, store) = (&self.0.clock, self.0.service.store());
        let mut next = None;
        loop {
            // As long as as many as allowed are in flight nothing else is claimed.
            drop(self.0.in_flight.acquire().await);
            let now = clock.now();
            let most = self.0.in_flight.available_permits().min(BATCH);
            match store.due_events(now, later(now, LEASE), most).await {
                Ok(events) => events
                    .into_iter()
                    .for_each(|event| self.spawn_delivery(event)),
                Err(error) => {
                    // If it is away, the task that keeps its connection has logged that already.
                    if store.health_issue().is_none() {
                        tracing::warn!(error = %error, "the store does not tell which events are due");
                    }
                    clock.sleep(STORE_PAUSE).await;
                }
            }
            let until = next.unwrap_or(Timestamp::MAX).max(now);
            tokio::select! {
                () = clock.sleep_until(until) => next = None,
                sooner = store.next_event_due(next) => next = Some(sooner),
            }
        }
    }

    fn spawn_delivery(&self, event: Claimed) {
        let notifier = self.clone();
        let permit = self.0.in_flight.clone().try_acquire_owned();
        self.0.tasks.spawn(async move {
            let settled = notifier.deliver(&event).await;
            if let Some(settled) = settled {
                notifier.settle(&event, settled).await;
            }
            drop::<Result<OwnedSemaphorePermit, _>>(permit);
        });
    }

    /// Sends one event as soon as its endpoint has a free slot; `None`: the claim is about to end.
    async fn deliver(&self, event: &Claimed) -> Option<Settled> {
        let now = self.0.clock.now();
        let Some(delivery) = self.delivery(event) else {
            return Some(Settled::GaveUp {
                error: "no URL".into(),
            });
        };
        let endpoint = endpoints::name(&event.call.owner, &delivery.url);
        let pass = match self.0.endpoints.admit(&endpoint, now) {
            Ok(pass) => pass,
            Err(at) => return Some(put_back(event, at, now)),
        };
        let slot = self.0.stop.run_until_cancelled(pass.slot()).await;
        let now = self.0.clock.now();
        if slot.is_none() {
            return Some(Settled::Later { at: now });
        }
        if let Some(at) = pass.reopens_at() {
            return Some(put_back(event, at, now));
        }
        if later(now, SEND_MARGIN) > event.claim {
            return None;
        }
        let sent = self.send(event, &delivery, &pass).await;
        drop(slot);
        Some(self.judge(event, sent))
    }

    async fn send(
        &self,
        event: &Claimed,
        delivery: &EventDelivery,
        pass: &Pass,
    ) -> Result<(), DeliveryFailure> {
        let begun = Instant::now();
        let sent = self.0.sender.send(delivery, self.0.clock.now()).await;
        self.0
            .service
            .metrics()
            .event_duration
            .record(begun.elapsed());
        match &sent {
            Err(failure) if !failure.why.is_answer() => pass.failed(self.0.clock.now()),
            Ok(()) | Err(_) => pass.answered(),
        }
        let (tries, endpoint) = (event.tries + 1, delivery.url.origin());
        match &sent {
            Ok(()) => {
                tracing::debug!(call.id = %event.call.id, event.id = delivery.id, tries, endpoint, "event received");
            }
            Err(failure) => {
                tracing::info!(call.id = %event.call.id, event.id = delivery.id, tries, endpoint, error = %failure.why, "event not received");
            }
        }
        sent
    }

    fn judge(&self, event: &Claimed, sent: Result<(), DeliveryFailure>) -> Settled {
        let now = self.0.clock.now();
        match sent {
            Ok(()) => Settled::Delivered,
            Err(DeliveryFailure { why, retry_after }) => {
                let error = why.to_string().into();
                if why == FailureCause::Gone {
                    return Settled::Unwanted { error };
                }
                let next = schedule::next(event.tries + 1, event.since, now, retry_after);
                let asked = retry_after.is_some();
                match next.filter(|_| !why.is_final()) {
                    Some(at) => Settled::Again { at, asked, error },
                    None => Settled::GaveUp { error },
                }
            }
        }
    }

    async fn settle(&self, event: &Claimed, settled: Settled) {
        let events = &self.0.service.metrics().events;
        match &settled {
            Settled::Delivered => events.get("sent").increment(1),
            Settled::Again { .. } => events.get("retried").increment(1),
            Settled::GaveUp { error } | Settled::Unwanted { error } => {
                events.get("given_up").increment(1);
                tracing::error!(call.id = %event.call.id, error = %error, "a client could not be told of its call");
            }
            Settled::Later { .. } => {}
        }
        match self
            .0
            .service
            .store()
            .settle_event(event, settled, self.0.clock.now())
            .await
        {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(call.id = %event.call.id, "an event took longer than its claim");
            }
            Err(error) => {
                tracing::warn!(call.id = %event.call.id, error = %error, "an event will be sent once more");
            }
        }
    }

    /// Sends everything that is pending and not being sent, once, whenever it is due. It does not
    /// wait for the results.
    async fn send_the_last(&self) {
        let store = self.0.service.store();
        loop {
            let now = self.0.clock.now();
            store.hurry_events(now);
            // These claims last longer than the process.
            let events = store
                .due_events(now, later(now, schedule::LONGEST), MAX_IN_FLIGHT)
                .await
                .unwrap_or_default();
            if events.is_empty() {
                return;
            }
            for event in events {
                let notifier = self.clone();
                self.0
                    .tasks
                    .spawn(async move { notifier.deliver_last(&event).await });
            }
        }
    }

    async fn deliver_last(&self, event: &Claimed) {
        let Some(delivery) = self.delivery(event) else {
            return;
        };
        let endpoint = endpoints::name(&event.call.owner, &delivery.url);
        let pass = self.0.endpoints.admit_anyway(&endpoint);
        let slot = pass.slot().await;
        let settled = match self.send(event, &delivery, &pass).await {
            Ok(()) => Settled::Delivered,
            Err(failure) => Settled::GaveUp {
                error: failure.why.to_string().into(),
            },
        };
        drop(slot);
        self.settle(event, settled).await;
    }

    fn delivery(&self, event: &Claimed) -> Option<EventDelivery> {
        let call = &event.call;
        let url = call.reservation.callback_url.clone()?;
        let kind = if call.is_finished() {
            "call.finished"
        } else {
            "call.updated"
        };
        let (at, data) = (call.updated_at, (self.0.call_json)(call));
        let body = format!(r#"{{"type":"{kind}","timestamp":"{at:.3}","data":{data}}}"#);
        Some(EventDelivery {
            url,
            id: format!("evt_{}_{}", call.id, event.version),
            body,
        })
    }
}

/// Puts an event back that was not sent, unless its deadline has passed.
fn put_back(event: &Claimed, at: Timestamp, now: Timestamp) -> Settled {
    let deadline = schedule::deadline(event.since);
    if now < deadline {
        return Settled::Later {
            at: at.min(deadline),
        };
    }
    Settled::GaveUp {
        error: "its endpoint does not answer anybody".into(),
    }
}
