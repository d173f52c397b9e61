//! Idempotency keys: each stands for one request.

use super::*;

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    for bench in benches() {
        let store = &bench.store;
        let key = [1; 16];
        let entry = |call: u8, request| IdempotencyEntry {
            call: CallId::from_bytes([call; 16]),
            request: [request; 16],
        };
        let (first, second) = (entry(1, 2), entry(2, 3));
        assert_eq!(store.idempotency_entry(key).await.unwrap(), None);
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
        assert_eq!(
            store.reserve(key, second, now()).await.unwrap(),
            Some(first)
        );
        assert_eq!(store.idempotency_entry(key).await.unwrap(), Some(first));
        store.unreserve(key, second.call).await;
        assert_eq!(
            store.idempotency_entry(key).await.unwrap(),
            Some(first),
            "another request's refusal takes nothing away"
        );
        store.unreserve(key, first.call).await;
        assert_eq!(store.reserve(key, second, now()).await.unwrap(), None);
        let day = SignedDuration::from_hours(24);
        bench.forget(now() + day, day);
        assert_eq!(store.reserve(key, first, now()).await.unwrap(), None);
    }
}
