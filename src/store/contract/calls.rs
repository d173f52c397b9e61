//! Calls: saved once by the quickest, due, kept and watched.

use super::*;

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
        assert!(store.next_due(None).await <= at);
        assert!(store.due(at, 0).await.unwrap().is_empty());
        assert_eq!(store.due(at, 10).await.unwrap(), [waiting.id]);
        saved(store, Some(waiting.version), finished(&waiting)).await;
        assert!(store.due(at, 10).await.unwrap().is_empty());
    }
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
    assert_eq!(
        store.save(None, call(4)).await.err(),
        Some(StoreError::Full)
    );
    let done = saved(&store, Some(1), finished(&first)).await;
    let full = store.save(None, call(4)).await;
    assert_eq!(
        full.err(),
        Some(StoreError::Full),
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
    let held: u64 = store
        .call_counts(now())
        .await
        .unwrap()
        .statuses
        .iter()
        .sum();
    assert_eq!((held, store.open().len()), (3, 3));
}

#[tokio::test]
async fn finished_calls_are_readable_for_their_retention() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, call(1)).await;
        let done = saved(store, Some(1), finished(&first)).await;
        let day = SignedDuration::from_hours(24);
        bench.forget(
            done.updated_at + day - SignedDuration::from_millis(1),
            day - SignedDuration::from_mins(1),
        );
        assert!(store.load(done.id).await.unwrap().is_some());
        bench.forget(done.updated_at + day, day);
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
async fn the_counts_tell_where_calls_stand_and_which_are_overdue() {
    for bench in benches() {
        let store = &bench.store;
        assert_eq!(
            store.call_counts(now()).await.unwrap(),
            crate::store::CallCounts::default()
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
        let slot = WaitingFor::Slot.word();
        let (_, queue) = call_counts
            .by_reason()
            .find(|(word, _)| *word == slot)
            .unwrap();
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
        // A server does not count its finished calls.
        let held = u64::from(!store.is_shared());
        assert_eq!(
            (call_counts.statuses, call_counts.queue),
            ([0, 1, 0, 0, held], Default::default())
        );
        let long = SignedDuration::from_hours(25);
        bench.forget(now() + long, long);
        assert_eq!(
            store.call_counts(now()).await.unwrap().statuses,
            [0, 1, 0, 0, 0]
        );
    }
}
