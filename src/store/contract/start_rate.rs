//! The start rate: one start a second, in turns.

use super::*;
use crate::store::StartRate as _;

fn id(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

fn at(milliseconds: i64) -> Timestamp {
    now() + SignedDuration::from_millis(milliseconds)
}

#[tokio::test]
async fn keys_take_turns_and_a_call_waits_once() {
    for bench in paced(1) {
        let store = &bench.store;
        assert_eq!(store.next_start(), None, "nobody waits");
        let (many, one): (Arc<str>, Arc<str>) = ("many".into(), "one".into());
        for number in [1, 2, 2, 3] {
            store.enqueue(&many, id(number)).await.unwrap();
        }
        store.enqueue(&one, id(9)).await.unwrap();
        assert!(store.next_start().is_some());
        let mut order = Vec::new();
        for second in 0..5 {
            order.extend(store.dequeue_start(at(second * 1_000)).await.unwrap());
            let again = store.dequeue_start(at(second * 1_000 + 999)).await.unwrap();
            assert_eq!(again, None, "one start a second");
        }
        assert_eq!(order, [1, 9, 2, 3].map(id));
        assert_eq!(store.next_start(), None);
    }
}

#[tokio::test]
async fn a_start_that_is_given_back_is_the_next_ones() {
    for bench in paced(1) {
        let store = &bench.store;
        let owner: Arc<str> = "one".into();
        for number in [1, 2] {
            store.enqueue(&owner, id(number)).await.unwrap();
        }
        assert_eq!(store.dequeue_start(at(0)).await.unwrap(), Some(id(1)));
        store.return_start().await;
        // Asking refreshes what this process knows of the next start.
        assert_eq!(store.dequeue_start(at(1_000)).await.unwrap(), Some(id(2)));
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nobody_waiting() {
    for bench in paced(1) {
        let store = &bench.store;
        let owner: Arc<str> = "one".into();
        for number in [1, 2] {
            store.enqueue(&owner, id(number)).await.unwrap();
        }
        assert_eq!(
            store.dequeue_start(at(3_600_000)).await.unwrap(),
            Some(id(1))
        );
        let asked = call(3);
        let asking = asking(&asked, &CallLimits::OFF, at(0));
        let slot = store
            .request_dial(&asking, DialMode::Peek)
            .await
            .unwrap()
            .slot;
        assert!(slot.is_some_and(|slot| slot <= at(2_000)), "{slot:?}");
    }
}
