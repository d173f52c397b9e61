//! The contract of every back end, as tests that each of them runs.

mod calls;
mod idempotency;
mod lines;
mod listing;
mod numbers;
mod outbox;
mod start_rate;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::redis::server::{self, KeepsConnected};
use super::{
    CallStore as _, Change, Changed, DialGrant, DialMode, DialRequest, IdempotencyEntry,
    IdempotencyStore as _, Lifecycle as _, Memory, NumberStore as _, Saved, Store, StoreError,
    StoreLimits,
};
use crate::call::{Call, Decision, Event, Outcome, WaitingFor, example, step};
use crate::domain::{CallId, Phone};
use crate::policy::{CallLimits, Room};

fn now() -> Timestamp {
    example::start()
}

fn call(number: u8) -> Call {
    example::queued(number)
}

fn dialed(call: &Call) -> Call {
    step(
        call,
        Event::Dial {
            from: call.reservation.phone,
        },
        now(),
    )
    .call
}

fn finished(call: &Call) -> Call {
    step(call, Event::Cancel, now()).call
}

/// A back end for one test, and what keeps it going.
struct Bench {
    store: Arc<Store>,
    shared: Option<KeepsConnected>,
}

impl Bench {
    /// Lets time pass until `now`, of which `passed` since the test began.
    fn forget(&self, now: Timestamp, passed: SignedDuration) {
        self.store.forget(now);
        if let Some(shared) = &self.shared {
            shared.pass(passed);
        }
    }
}

fn benches() -> Vec<Bench> {
    paced(0)
}

/// The same, with a limit of starts per second; 0: none.
fn paced(per_second: u32) -> Vec<Bench> {
    let limits = StoreLimits {
        max_calls: 3,
        retention: SignedDuration::from_hours(24),
    };
    let memory = Store::Memory(Memory::new(limits).paced(per_second));
    let mut benches = vec![Bench {
        store: Arc::new(memory),
        shared: None,
    }];
    if !server::is_missing() {
        let (store, shared) = server::shared(per_second);
        benches.push(Bench {
            store,
            shared: Some(shared),
        });
    }
    benches
}

async fn saved(store: &Store, loaded: Option<u64>, call: Call) -> Arc<Call> {
    if let (Some(version), true) = (loaded, call.is_finished()) {
        return released(store, version, call).await.call;
    }
    match store.save(loaded, call).await.unwrap() {
        Saved::Done(call) => call,
        Saved::Conflict => panic!("conflict"),
    }
}

/// Saves a call that gives its number back.
async fn released(store: &Store, loaded: u64, call: Call) -> Changed {
    let before = store.load(call.id).await.unwrap().unwrap();
    assert_eq!(before.version, loaded);
    let change = Change {
        before: &before,
        after: call,
        event: Event::Wake,
        releases_number: true,
    };
    store.change(change).await.unwrap().unwrap()
}

fn finished_line(call: &Call) -> Call {
    step(
        call,
        Event::Refused {
            attempt: 1,
            code: None,
        },
        now(),
    )
    .call
}

const fn asking<'a>(call: &'a Call, limits: &'a CallLimits, now: Timestamp) -> DialRequest<'a> {
    DialRequest {
        call,
        limits,
        is_new: false,
        needs_start: true,
        intent: None,
        now,
    }
}

async fn stand(
    store: &Store,
    call: &Call,
    want: DialMode,
    limits: &CallLimits,
    now: Timestamp,
) -> DialGrant {
    store
        .request_dial(&asking(call, limits, now), want)
        .await
        .unwrap()
}
