//! Lines that are open, where their number is limited.

use super::*;
use crate::store::{LONGEST_LINE, StartRate as _};

#[tokio::test]
async fn lines_are_opened_up_to_the_limit_and_closed() {
    for bench in benches() {
        let store = &bench.store;
        let (one, other) = (call(1).id, call(2).id);
        assert!(store.open_line(one, 1, now()).await.unwrap());
        assert!(
            store.open_line(one, 1, now()).await.unwrap(),
            "it is its own"
        );
        assert!(!store.has_free_line(other, 1, now()).await.unwrap());
        assert!(!store.open_line(other, 1, now()).await.unwrap());
        assert!(store.has_free_line(other, 2, now()).await.unwrap());
        store.close_line(one).await;
        assert!(store.open_line(other, 1, now()).await.unwrap());
    }
}

#[tokio::test]
async fn a_line_that_nobody_closed_does_not_count_for_ever() {
    for bench in benches() {
        let store = &bench.store;
        let (one, other) = (call(1).id, call(2).id);
        assert!(store.open_line(one, 1, now()).await.unwrap());
        let later = now() + LONGEST_LINE;
        let before = later - SignedDuration::from_secs(1);
        assert!(!store.has_free_line(other, 1, before).await.unwrap());
        assert!(store.has_free_line(other, 1, later).await.unwrap());
    }
}
