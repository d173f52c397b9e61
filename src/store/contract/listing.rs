//! The calls of an owner: newest first, page by page, and no others.

use super::*;

/// The ids of a page, and where the next one begins.
async fn page(store: &Store, before: Option<CallId>, most: usize) -> (Vec<CallId>, Option<CallId>) {
    let listing = store.list("test", before, most).await.unwrap();
    (
        listing.calls.iter().map(|call| call.id).collect(),
        listing.next,
    )
}

fn id(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

#[tokio::test]
async fn the_calls_of_an_owner_are_read_page_by_page() {
    for bench in benches() {
        let store = &bench.store;
        assert_eq!(page(store, None, 2).await, (vec![], None));
        for number in [2, 1, 3] {
            saved(store, None, call(number)).await;
        }
        assert_eq!(
            page(store, None, 3).await,
            (vec![id(3), id(2), id(1)], None)
        );
        let (first, next) = page(store, None, 2).await;
        assert_eq!((first, next), (vec![id(3), id(2)], Some(id(2))));
        assert_eq!(page(store, next, 2).await, (vec![id(1)], None));
        assert_eq!(page(store, Some(id(1)), 2).await, (vec![], None));
    }
}

#[tokio::test]
async fn a_list_shows_the_newest_state_and_the_calls_of_no_other_owner() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, call(1)).await;
        let other = Call {
            owner: "other".into(),
            ..call(2)
        };
        saved(store, None, other).await;
        saved(store, Some(1), finished(&first)).await;
        let listing = store.list("test", None, 9).await.unwrap();
        assert_eq!(listing.calls.len(), 1);
        assert!(listing.calls[0].is_finished());
        let others = store.list("other", None, 9).await.unwrap();
        assert_eq!(others.calls[0].id, id(2));
        assert!(
            store
                .list("nobody", None, 9)
                .await
                .unwrap()
                .calls
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_call_is_listed_for_as_long_as_it_is_held() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, call(1)).await;
        saved(store, None, call(2)).await;
        let done = saved(store, Some(1), finished(&first)).await;
        let day = SignedDuration::from_hours(24);
        bench.forget(done.updated_at + day, day);
        assert_eq!(page(store, None, 9).await, (vec![id(2)], None));
    }
}

#[tokio::test]
async fn a_call_that_its_intent_stored_is_listed() {
    for bench in benches() {
        let store = &bench.store;
        let (limits, new) = (CallLimits::OFF, call(1));
        let intent = dialed(&new);
        let asking = DialRequest {
            intent: Some(&intent),
            is_new: true,
            ..asking(&new, &limits, now())
        };
        let grant = store
            .request_dial(&asking, DialMode::Acquire)
            .await
            .unwrap();
        if grant.stored.is_none() {
            saved(store, None, intent.clone()).await;
        }
        assert_eq!(page(store, None, 9).await, (vec![id(1)], None));
    }
}
