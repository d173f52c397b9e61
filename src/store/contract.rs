//! What every back end must do, as tests that each of them runs.

mod events;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::redis::server::{self, Tended};
use super::{DialGrant, DialMode, DialRequest, Error, Saved, Standing, Store, StoreLimits};
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
    store: Store,
    shared: Option<Tended>,
}

impl Bench {
    /// Lets time pass until `now`, of which `passed` since the test began.
    async fn forget(&self, now: Timestamp, passed: SignedDuration) {
        self.store.forget(now).await;
        if let Some(shared) = &self.shared {
            shared.pass(passed);
        }
    }
}

fn benches() -> Vec<Bench> {
    let memory = Store::memory(StoreLimits {
        max_calls: 3,
        retention: SignedDuration::from_hours(24),
    });
    let (redis, shared) = server::shared(0);
    vec![
        Bench {
            store: memory,
            shared: None,
        },
        Bench {
            store: redis,
            shared: Some(shared),
        },
    ]
}

async fn saved(store: &Store, loaded: Option<u64>, call: Call) -> Arc<Call> {
    match store.save(loaded, call).await.unwrap() {
        Saved::Done(call) => {
            if call.is_finished() {
                store.vacate(&call).await.unwrap();
            }
            call
        }
        Saved::Conflict => panic!("conflict"),
    }
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

const fn asking<'a>(call: &'a Call, often: &'a CallLimits, now: Timestamp) -> DialRequest<'a> {
    DialRequest {
        call,
        often,
        is_new: false,
        needs_start: true,
        now,
    }
}

async fn stand(
    store: &Store,
    call: &Call,
    want: DialMode,
    often: &CallLimits,
    now: Timestamp,
) -> DialGrant {
    store
        .request_dial(&asking(call, often, now), want)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_quicker_writer_wins() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, call(1)).await;
        assert_eq!(store.load(first.id).await.unwrap(), Some(first.clone()));
        assert!(
            matches!(store.save(None, call(1)).await, Ok(Saved::Conflict)),
            "it exists"
        );
        saved(store, Some(1), dialed(&first)).await;
        assert!(
            matches!(
                store.save(Some(1), finished(&first)).await,
                Ok(Saved::Conflict)
            ),
            "it has changed"
        );
        assert!(
            matches!(store.save(Some(1), call(9)).await, Ok(Saved::Conflict)),
            "it is gone"
        );
    }
}

#[tokio::test]
async fn calls_are_due_at_their_time() {
    for bench in benches() {
        let store = &bench.store;
        let waiting = step(
            &call(1),
            Event::Hold {
                waiting_for: WaitingFor::Retry,
                until: now() + SignedDuration::from_mins(3),
            },
            now(),
        )
        .call;
        let waiting = saved(store, None, waiting).await;
        assert!(store.due(now(), 10).await.unwrap().is_empty());
        let at = waiting.wake_at().unwrap();
        assert!(store.next_due(None).await.unwrap() <= at);
        assert!(store.due(at, 0).await.unwrap().is_empty());
        assert_eq!(store.due(at, 10).await.unwrap(), [waiting.id]);
        saved(store, Some(waiting.version), finished(&waiting)).await;
        assert!(store.due(at, 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn one_call_has_a_number_at_a_time() {
    for bench in benches() {
        let store = &bench.store;
        let (first, second) = (
            saved(store, None, call(1)).await,
            saved(store, None, call(2)).await,
        );
        let phone = first.reservation.phone;
        for call in [&first, &second] {
            stand(store, call, DialMode::Register, &CallLimits::OFF, now()).await;
        }
        assert_eq!(
            store.open_calls(phone).await.unwrap(),
            [first.id, second.id]
        );
        let claim = async |call: &Call| {
            stand(store, call, DialMode::Acquire, &CallLimits::OFF, now())
                .await
                .claimed
        };
        let is_taken = async |call: &Call| {
            stand(store, call, DialMode::Peek, &CallLimits::OFF, now())
                .await
                .taken
        };
        assert!(claim(&first).await);
        assert!(claim(&first).await, "again for the same call");
        assert!(!claim(&second).await);
        assert!(is_taken(&second).await);
        assert!(!is_taken(&first).await, "by itself");
        let live = saved(store, Some(1), dialed(&first)).await;
        assert!(!claim(&second).await);
        let refused = step(
            &live,
            Event::Refused {
                attempt: 1,
                code: None,
            },
            now(),
        )
        .call;
        assert_eq!(refused.outcome(), Some(Outcome::Failed));
        saved(store, Some(live.version), refused).await;
        assert!(claim(&second).await);
        assert_eq!(store.open_calls(phone).await.unwrap(), [second.id]);
    }
}

#[tokio::test]
async fn a_line_that_was_taken_over_beside_another_keeps_its_number() {
    let store = Store::memory(StoreLimits {
        max_calls: 9,
        retention: SignedDuration::from_hours(24),
    });
    let first = saved(&store, None, call(1)).await;
    assert!(
        stand(&store, &first, DialMode::Acquire, &CallLimits::OFF, now())
            .await
            .claimed
    );
    let live = saved(&store, Some(1), dialed(&first)).await;
    let Ok(Saved::Done(adopted)) = store.adopt(dialed(&call(2))).await else {
        panic!("it is not held")
    };
    saved(&store, Some(live.version), finished_line(&live)).await;
    assert!(
        stand(&store, &call(3), DialMode::Peek, &CallLimits::OFF, now())
            .await
            .taken,
        "the other line is open"
    );
    saved(&store, Some(adopted.version), finished_line(&adopted)).await;
    assert!(
        !stand(&store, &call(3), DialMode::Peek, &CallLimits::OFF, now())
            .await
            .taken
    );
}

#[tokio::test]
async fn open_calls_are_never_dropped_to_make_room() {
    let store = Store::memory(StoreLimits {
        max_calls: 3,
        retention: SignedDuration::from_hours(24),
    });
    let first = saved(&store, None, call(1)).await;
    for number in 2..=3 {
        saved(&store, None, call(number)).await;
    }
    assert_eq!(store.save(None, call(4)).await.err(), Some(Error::Full));
    let done = saved(&store, Some(1), finished(&first)).await;
    let full = store.save(None, call(4)).await;
    assert_eq!(
        full.err(),
        Some(Error::Full),
        "a late callback would bring it back unfinished"
    );
    let later = Call {
        updated_at: done.updated_at + crate::ticket::LIFE,
        ..call(4)
    };
    saved(&store, None, later).await;
    assert_eq!(
        store.load(first.id).await.unwrap(),
        None,
        "the oldest finished one made room"
    );
    assert_eq!((store.held().await, store.open().await.len()), (3, 3));
}

#[tokio::test]
async fn finished_calls_are_readable_for_their_retention() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, call(1)).await;
        let done = saved(store, Some(1), finished(&first)).await;
        let day = SignedDuration::from_hours(24);
        bench
            .forget(
                done.updated_at + day - SignedDuration::from_millis(1),
                day - SignedDuration::from_mins(1),
            )
            .await;
        assert!(store.load(done.id).await.unwrap().is_some());
        bench.forget(done.updated_at + day, day).await;
        assert!(store.load(done.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn watchers_see_the_newest_state_and_the_last() {
    for bench in benches() {
        let store = &bench.store;
        assert!(
            store
                .watch(CallId::from_bytes([1; 16]))
                .await
                .unwrap()
                .is_none()
        );
        let first = saved(store, None, call(1)).await;
        let mut watcher = store.watch(first.id).await.unwrap().unwrap();
        assert_eq!(watcher.borrow_and_update().version, 1);
        saved(store, Some(1), finished(&first)).await;
        watcher.changed().await.unwrap();
        assert!(watcher.borrow_and_update().is_finished());
        assert!(watcher.changed().await.is_err(), "nothing follows the end");
        assert!(
            store
                .watch(first.id)
                .await
                .unwrap()
                .unwrap()
                .borrow()
                .is_finished()
        );
    }
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    for bench in benches() {
        let store = &bench.store;
        let key = [1; 16];
        let standing = |call: u8, request| Standing {
            call: CallId::from_bytes([call; 16]),
            request: [request; 16],
        };
        let (first, second) = (standing(1, 2), standing(2, 3));
        assert_eq!(store.standing(key).await.unwrap(), None);
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
        assert_eq!(
            store.reserve(key, second, now()).await.unwrap(),
            Some(first)
        );
        assert_eq!(store.standing(key).await.unwrap(), Some(first));
        store.unreserve(key, second.call).await;
        assert_eq!(
            store.standing(key).await.unwrap(),
            Some(first),
            "another request's refusal takes nothing away"
        );
        store.unreserve(key, first.call).await;
        assert_eq!(store.reserve(key, second, now()).await.unwrap(), None);
        let day = SignedDuration::from_hours(24);
        bench.forget(now() + day, day).await;
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_number_that_opted_out_stays_so_and_no_other() {
    for bench in benches() {
        let store = &bench.store;
        let (phone, other) = (
            call(1).reservation.phone,
            Phone::from_e164("+442079460018").unwrap(),
        );
        assert!(!store.is_opted_out(phone).await.unwrap());
        for _ in 0..2 {
            store.opt_out(phone, now()).await.unwrap();
            assert!(store.is_opted_out(phone).await.unwrap());
        }
        assert!(!store.is_opted_out(other).await.unwrap());
        let long = SignedDuration::from_hours(24 * 300);
        bench.forget(now() + long, long).await;
        assert!(store.is_opted_out(phone).await.unwrap());
    }
}

#[tokio::test]
async fn a_number_whose_staff_just_said_never_again_is_neither_taken_nor_counted() {
    let often = CallLimits {
        number_hour: Some(1),
        number_day: Some(1),
        service_day: Some(1),
        ..CallLimits::OFF
    };
    for bench in benches() {
        let store = &bench.store;
        let never = example::keyed("9");
        assert_eq!(never.decision(), Some(Decision::OptedOut));
        // Its line was given back, and the number is not on the list yet.
        stand(store, &never, DialMode::Register, &often, now()).await;
        saved(store, None, never).await;
        let refused = stand(store, &call(2), DialMode::Acquire, &often, now()).await;
        assert!(refused.opted_out && !refused.claimed, "{refused:?}");
        let after = stand(store, &call(3), DialMode::Peek, &often, now()).await;
        assert_eq!(
            (after.room, after.taken),
            (Room::default(), refused.taken),
            "nothing rang"
        );
    }
}

#[tokio::test]
async fn attempts_and_creates_are_counted_where_limits_want_it() {
    let often = CallLimits {
        number_hour: Some(2),
        number_day: Some(3),
        key_minute: Some(1),
        service_day: Some(5),
    };
    for bench in benches() {
        let store = &bench.store;
        let at = |minutes| now() + SignedDuration::from_mins(minutes);
        let room = async |minutes| {
            let asked = call(9);
            let asking = DialRequest {
                is_new: true,
                ..asking(&asked, &often, at(minutes))
            };
            store
                .request_dial(&asking, DialMode::Peek)
                .await
                .unwrap()
                .room
        };
        let rung = async |number: u8, minutes: i64| {
            let claimed = stand(store, &call(number), DialMode::Acquire, &often, at(minutes))
                .await
                .claimed;
            if claimed {
                let first = saved(store, None, call(number)).await;
                let live = saved(store, Some(1), dialed(&first)).await;
                let refused = step(
                    &live,
                    Event::Refused {
                        attempt: 1,
                        code: None,
                    },
                    now(),
                )
                .call;
                saved(store, Some(live.version), refused).await;
            }
            claimed
        };
        assert!(
            stand(store, &call(1), DialMode::Acquire, &often, at(0))
                .await
                .claimed
        );
        store.release(&call(1), at(0)).await;
        assert_eq!(room(0).await, Room::default(), "it was not rung");
        assert!(rung(1, 0).await && rung(2, 10).await && !rung(3, 20).await);
        let at_20 = room(20).await;
        assert_eq!((at_20.number_hour, at_20.number_day), (Some(at(60)), None));
        assert!(rung(3, 60).await && !rung(4, 120).await);
        let at_120 = room(120).await;
        assert_eq!(
            (at_120.number_hour, at_120.number_day),
            (None, Some(at(24 * 60)))
        );
        bench
            .forget(at(24 * 60), SignedDuration::from_hours(24))
            .await;
        assert_eq!(room(24 * 60).await, Room::default());
        let other = Call {
            owner: "other".into(),
            ..call(1)
        };
        let admit = async |call: &Call, minutes| {
            store
                .admit(&asking(call, &often, at(minutes)))
                .await
                .unwrap()
        };
        assert!(admit(&call(1), 0).await);
        assert!(!admit(&call(1), 0).await);
        assert!(admit(&other, 0).await, "each key for itself");
        assert_eq!(room(0).await.key_minute, Some(at(1)));
        assert!(admit(&call(1), 1).await);
    }
}

#[tokio::test]
async fn the_census_tells_where_calls_stand_and_which_are_overdue() {
    for bench in benches() {
        let store = &bench.store;
        assert_eq!(
            store.call_counts(now()).await.unwrap(),
            super::CallCounts::default()
        );
        let (first, second) = (
            saved(store, None, call(1)).await,
            saved(store, None, call(2)).await,
        );
        let waiting = step(
            &second,
            Event::Hold {
                waiting_for: WaitingFor::Slot,
                until: now() + SignedDuration::from_secs(9),
            },
            now(),
        );
        let waiting = saved(store, Some(second.version), waiting.call).await;
        saved(store, Some(first.version), dialed(&first)).await;
        let call_counts = store
            .call_counts(now() + SignedDuration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(
            (call_counts.statuses, call_counts.overdue),
            ([1, 1, 0, 0, 0], 0)
        );
        let queue = call_counts.queue[WaitingFor::Slot as usize];
        assert_eq!((queue.length, queue.oldest), (1, Some(now())));
        let call_counts = store
            .call_counts(now() + SignedDuration::from_secs(70))
            .await
            .unwrap();
        assert_eq!(
            call_counts.overdue, 1,
            "the one that was to be looked at after nine seconds"
        );
        saved(store, Some(waiting.version), finished(&waiting)).await;
        let call_counts = store.call_counts(now()).await.unwrap();
        // How many finished ones a server holds is not counted.
        let held = u64::from(!store.is_shared());
        assert_eq!(
            (call_counts.statuses, call_counts.queue),
            ([0, 1, 0, 0, held], Default::default())
        );
        let long = SignedDuration::from_hours(25);
        bench.forget(now() + long, long).await;
        assert_eq!(
            store.call_counts(now()).await.unwrap().statuses,
            [0, 1, 0, 0, 0]
        );
    }
}
