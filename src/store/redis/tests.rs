//! Several instances on one server, also while it is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::server::{self, KeepsConnected, RedisServer};
use crate::call::{
    AttemptRef, Call, CarryOver, Closing, Event, FinalStatus, Input, WaitingFor, example, step,
};
use crate::domain::{CallId, CallSid};
use crate::policy::CallLimits;
use crate::store::{
    CallStore as _, Change, DialMode, DialRequest, IdempotencyEntry, IdempotencyStore as _,
    Lifecycle as _, NumberStore as _, OutboxStore as _, Saved, StartRate as _, Store, StoreError,
};

mod outages;
mod restored;
mod records;
mod together;

/// Time limit of anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    example::start()
}

fn at(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn on() -> AttemptRef {
    AttemptRef {
        attempt: 1,
        sid: CallSid::from_bytes([7; 16]),
    }
}

fn dial(call: &Call) -> Event {
    Event::Dial {
        from: call.reservation.phone,
    }
}

fn key() -> Event {
    Event::Keyed {
        on: on(),
        position: example::first(),
        input: Input::digits("1"),
        sealed_at: now(),
    }
}

async fn saved(store: &Store, call: Call) -> Arc<Call> {
    match store.save(None, call).await.unwrap() {
        Saved::Done(call) => call,
        Saved::Conflict => panic!("it exists"),
    }
}

/// Applies `event` to a call, as the service does; `None`: another writer was quicker.
async fn changed(
    store: &Store,
    before: &Arc<Call>,
    event: Event,
) -> Result<Option<Arc<Call>>, StoreError> {
    let step = step(before, event.clone(), now());
    assert!(step.changed, "{event:?}");
    let change = Change {
        before,
        after: step.call,
        event,
        releases_number: false,
    };
    Ok(store.change(change).await?.map(|changed| changed.call))
}

async fn done(store: &Store, before: &Arc<Call>, event: Event) -> Arc<Call> {
    changed(store, before, event).await.unwrap().unwrap()
}

/// A call whose line is open.
async fn open_line(store: &Store, number: u8) -> Arc<Call> {
    let queued = saved(store, example::queued(number)).await;
    let dialed = done(store, &queued, dial(&queued)).await;
    done(store, &dialed, Event::Accepted(on())).await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn reached(store: &Store) {
    until("the server is reached", async || {
        store.health_issue().is_none()
    })
    .await;
}

/// Waits until an instance knows that its ticket keys do not fit: it reads and writes, and lets
/// nothing ring.
async fn misfits(store: &Store) {
    until("it does not fit", async || {
        store
            .health_issue()
            .is_some_and(|text| text.contains("TABLECALL_TICKET_KEYS"))
    })
    .await;
    let call = example::queued(99);
    let asking = asking_for(&call);
    let refused = store.request_dial(&asking, DialMode::Acquire).await;
    assert_eq!(refused.err(), Some(StoreError::Away));
}

/// Two instances on one server, and what keeps them connected.
type Two = (Arc<Store>, Arc<Store>, (KeepsConnected, KeepsConnected));

async fn two(per_second: u32) -> Two {
    let one = server::shared(per_second);
    let other = one.1.another(per_second);
    both_reached(one, other).await
}

/// The same on a server of the test's own.
async fn two_on(server: &RedisServer) -> Two {
    both_reached(server.store("test", 0), server.store("test", 0)).await
}

async fn both_reached(
    (first, connected): (Arc<Store>, KeepsConnected),
    (second, also): (Arc<Store>, KeepsConnected),
) -> Two {
    reached(&first).await;
    reached(&second).await;
    (first, second, (connected, also))
}

fn asking_for(call: &Call) -> DialRequest<'_> {
    DialRequest {
        call,
        limits: &CallLimits::OFF,
        is_new: false,
        needs_start: false,
        intent: None,
        now: now(),
    }
}
