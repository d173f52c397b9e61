//! What every back end must do, as tests that each of them runs.

mod events;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Error, Limits, Saved, Standing, Store};
use crate::call::{Call, Event, Outcome, WaitingFor, example, step};
use crate::domain::{CallId, Phone};
use crate::policy::{Limits as Often, Room};

fn now() -> Timestamp {
    example::start()
}

fn call(number: u8) -> Call {
    example::queued(number)
}

fn dialed(call: &Call) -> Call {
    step(call, Event::Dial { from: call.reservation.phone }, now()).call
}

fn finished(call: &Call) -> Call {
    step(call, Event::Cancel, now()).call
}

fn stores() -> Vec<Store> {
    vec![Store::memory(Limits { max_calls: 3, retention: SignedDuration::from_hours(24) })]
}

async fn saved(store: &Store, loaded: Option<u64>, call: Call) -> Arc<Call> {
    match store.save(loaded, call).await.unwrap() {
        Saved::Done(call) => call,
        Saved::Conflict => panic!("conflict"),
    }
}

#[tokio::test]
async fn the_quicker_writer_wins() {
    for store in stores() {
        let first = saved(&store, None, call(1)).await;
        assert_eq!(store.load(first.id).await.unwrap(), Some(first.clone()));
        assert!(matches!(store.save(None, call(1)).await, Ok(Saved::Conflict)), "it exists");
        saved(&store, Some(1), dialed(&first)).await;
        assert!(matches!(store.save(Some(1), finished(&first)).await, Ok(Saved::Conflict)), "it has changed");
        assert!(matches!(store.save(Some(1), call(9)).await, Ok(Saved::Conflict)), "it is gone");
    }
}

#[tokio::test]
async fn calls_are_due_at_their_time() {
    for store in stores() {
        let waiting = step(
            &call(1),
            Event::Hold { waiting_for: WaitingFor::Retry, until: now() + SignedDuration::from_mins(3) },
            now(),
        )
        .call;
        let waiting = saved(&store, None, waiting).await;
        assert!(store.due(now(), 10).await.unwrap().is_empty());
        let at = store.next_due(None).await.unwrap();
        assert_eq!(store.due(at, 10).await.unwrap(), [waiting.id]);
        assert!(store.due(at, 0).await.unwrap().is_empty());
        saved(&store, Some(waiting.version), finished(&waiting)).await;
        assert!(store.due(at, 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn one_call_has_a_number_at_a_time() {
    for store in stores() {
        let (first, second) = (saved(&store, None, call(1)).await, saved(&store, None, call(2)).await);
        let phone = first.reservation.phone;
        assert_eq!(store.open_calls(phone).await.unwrap(), [first.id, second.id]);
        let claim = |id| store.claim(phone, id, &Often::OFF, now());
        assert!(claim(first.id).await.unwrap());
        assert!(claim(first.id).await.unwrap(), "again for the same call");
        assert!(!claim(second.id).await.unwrap());
        assert!(store.is_taken(phone, second.id).await.unwrap());
        assert!(!store.is_taken(phone, first.id).await.unwrap(), "by itself");
        let live = saved(&store, Some(1), dialed(&first)).await;
        assert!(!claim(second.id).await.unwrap());
        let refused = step(&live, Event::Refused { attempt: 1, code: None }, now()).call;
        assert_eq!(refused.outcome(), Some(Outcome::Failed));
        saved(&store, Some(live.version), refused).await;
        assert!(claim(second.id).await.unwrap());
        assert_eq!(store.open_calls(phone).await.unwrap(), [second.id]);
    }
}

#[tokio::test]
async fn open_calls_are_never_dropped_to_make_room() {
    for store in stores() {
        let first = saved(&store, None, call(1)).await;
        for number in 2..=3 {
            saved(&store, None, call(number)).await;
        }
        assert_eq!(store.save(None, call(4)).await.err(), Some(Error::Full));
        let done = saved(&store, Some(1), finished(&first)).await;
        let full = store.save(None, call(4)).await;
        assert_eq!(full.err(), Some(Error::Full), "a late callback would bring it back unfinished");
        let later = Call { updated_at: done.updated_at + crate::ticket::LIFE, ..call(4) };
        saved(&store, None, later).await;
        assert_eq!(store.load(first.id).await.unwrap(), None, "the oldest finished one made room");
        assert_eq!((store.held().await, store.open().await.len()), (3, 3));
    }
}

#[tokio::test]
async fn finished_calls_are_readable_for_their_retention() {
    for store in stores() {
        let first = saved(&store, None, call(1)).await;
        let done = saved(&store, Some(1), finished(&first)).await;
        store.forget(done.updated_at + SignedDuration::from_hours(24) - SignedDuration::from_millis(1)).await;
        assert!(store.load(done.id).await.unwrap().is_some());
        store.forget(done.updated_at + SignedDuration::from_hours(24)).await;
        assert!(store.load(done.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn watchers_see_the_newest_state_and_the_last() {
    for store in stores() {
        assert!(store.watch(CallId::from_bytes([1; 16])).await.unwrap().is_none());
        let first = saved(&store, None, call(1)).await;
        let mut watcher = store.watch(first.id).await.unwrap().unwrap();
        assert_eq!(watcher.borrow_and_update().version, 1);
        saved(&store, Some(1), finished(&first)).await;
        watcher.changed().await.unwrap();
        assert!(watcher.borrow_and_update().is_finished());
        assert!(watcher.changed().await.is_err(), "nothing follows the end");
        assert!(store.watch(first.id).await.unwrap().unwrap().borrow().is_finished());
    }
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    for store in stores() {
        let key = [1; 16];
        let standing = |call: u8, request| Standing { call: CallId::from_bytes([call; 16]), request: [request; 16] };
        let (first, second) = (standing(1, 2), standing(2, 3));
        assert_eq!(store.standing(key).await.unwrap(), None);
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
        assert_eq!(store.reserve(key, second, now()).await.unwrap(), Some(first));
        assert_eq!(store.standing(key).await.unwrap(), Some(first));
        store.unreserve(key, second.call).await;
        assert_eq!(store.standing(key).await.unwrap(), Some(first), "another request's refusal takes nothing away");
        store.unreserve(key, first.call).await;
        assert_eq!(store.reserve(key, second, now()).await.unwrap(), None);
        store.forget(now() + SignedDuration::from_hours(24)).await;
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_number_that_opted_out_stays_so_and_no_other() {
    for store in stores() {
        let (phone, other) = (call(1).reservation.phone, Phone::from_e164("+442079460018").unwrap());
        assert!(!store.is_opted_out(phone).await.unwrap());
        for _ in 0..2 {
            store.opt_out(phone, now()).await.unwrap();
            assert!(store.is_opted_out(phone).await.unwrap());
        }
        assert!(!store.is_opted_out(other).await.unwrap());
        store.forget(now() + SignedDuration::from_hours(24 * 300)).await;
        assert!(store.is_opted_out(phone).await.unwrap());
    }
}

#[tokio::test]
async fn attempts_and_creates_are_counted_where_limits_want_it() {
    let often = Often { number_hour: Some(2), number_day: Some(3), key_minute: Some(1), service_day: Some(5) };
    for store in stores() {
        let (phone, owner) = (call(1).reservation.phone, call(1).owner);
        let at = |minutes| now() + SignedDuration::from_mins(minutes);
        let rung = async |number: u8, minutes: i64| {
            let claimed = store.claim(phone, call(number).id, &often, at(minutes)).await.unwrap();
            if claimed {
                let first = saved(&store, None, call(number)).await;
                let live = saved(&store, Some(1), dialed(&first)).await;
                let refused = step(&live, Event::Refused { attempt: 1, code: None }, now()).call;
                saved(&store, Some(live.version), refused).await;
            }
            claimed
        };
        assert!(store.claim(phone, call(1).id, &often, at(0)).await.unwrap());
        store.release(phone, call(1).id, at(0)).await;
        assert_eq!(store.room(phone, &owner, &often, at(0)).await.unwrap(), Room::default(), "it was not rung");
        assert!(rung(1, 0).await && rung(2, 10).await && !rung(3, 20).await);
        let room = store.room(phone, &owner, &often, at(20)).await.unwrap();
        assert_eq!((room.number_hour, room.number_day), (Some(at(60)), None));
        assert!(rung(3, 60).await && !rung(4, 120).await);
        let room = store.room(phone, &owner, &often, at(120)).await.unwrap();
        assert_eq!((room.number_hour, room.number_day), (None, Some(at(24 * 60))));
        store.forget(at(24 * 60)).await;
        assert_eq!(store.room(phone, &owner, &often, at(24 * 60)).await.unwrap(), Room::default());
        assert!(store.admit(&owner, &often, at(0)).await.unwrap());
        assert!(!store.admit(&owner, &often, at(0)).await.unwrap());
        assert!(store.admit(&"other".into(), &often, at(0)).await.unwrap(), "each key for itself");
        assert_eq!(store.room(phone, &owner, &often, at(0)).await.unwrap().key_minute, Some(at(1)));
        assert!(store.admit(&owner, &often, at(1)).await.unwrap());
    }
}

#[tokio::test]
async fn the_census_tells_where_calls_stand_and_which_are_overdue() {
    for store in stores() {
        assert_eq!(store.census(now()).await.unwrap(), super::Census::default());
        let (first, second) = (saved(&store, None, call(1)).await, saved(&store, None, call(2)).await);
        let waiting = step(
            &second,
            Event::Hold { waiting_for: WaitingFor::Slot, until: now() + SignedDuration::from_secs(9) },
            now(),
        );
        let waiting = saved(&store, Some(second.version), waiting.call).await;
        saved(&store, Some(first.version), dialed(&first)).await;
        let census = store.census(now() + SignedDuration::from_secs(60)).await.unwrap();
        assert_eq!((census.statuses, census.overdue), ([1, 1, 0, 0, 0], 0));
        let queue = census.queue[WaitingFor::Slot as usize];
        assert_eq!((queue.length, queue.oldest), (1, Some(now())));
        let census = store.census(now() + SignedDuration::from_secs(70)).await.unwrap();
        assert_eq!(census.overdue, 1, "the one that was to be looked at after nine seconds");
        saved(&store, Some(waiting.version), finished(&waiting)).await;
        let census = store.census(now()).await.unwrap();
        assert_eq!((census.statuses, census.queue), ([0, 1, 0, 0, 1], Default::default()));
        store.forget(now() + SignedDuration::from_hours(25)).await;
        assert_eq!(store.census(now()).await.unwrap().statuses, [0, 1, 0, 0, 0]);
    }
}
