//! Instances that share a server.

use super::*;

/// A new call that wants its number and a start.
fn asking(call: &Call, now: Timestamp) -> DialRequest<'_> {
    DialRequest {
        call,
        limits: &CallLimits::OFF,
        is_new: true,
        needs_start: true,
        intent: None,
        now,
    }
}

#[tokio::test]
async fn what_one_instance_saves_another_knows_and_a_stale_copy_does_no_harm() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(0).await;
    let queued = saved(&first, example::queued(1)).await;
    until("it is heard", async || {
        second.recent(queued.id).await.unwrap().is_some()
    })
    .await;
    let mut watcher = second.watch(queued.id).await.unwrap().unwrap();
    let dialed = done(&first, &queued, dial(&queued)).await;
    watcher.changed().await.unwrap();
    assert_eq!(watcher.borrow_and_update().version, dialed.version);
    assert_eq!(
        changed(&second, &queued, Event::Cancel).await.unwrap(),
        None,
        "it has changed"
    );
    assert_eq!(
        second.recent(queued.id).await.unwrap().unwrap(),
        dialed,
        "and is known without a question"
    );
    let canceled = done(&second, &dialed, Event::Cancel).await;
    assert_eq!(first.load(queued.id).await.unwrap().unwrap(), canceled);
}

#[tokio::test]
async fn a_call_that_is_due_is_given_to_one_instance_until_its_lease_lapses() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(0).await;
    let hold = Event::Hold {
        waiting_for: WaitingFor::Retry,
        until: at(9),
    };
    let queued = saved(&first, example::queued(1)).await;
    done(&first, &queued, hold.clone()).await;
    assert_eq!(second.due(at(8), 10).await.unwrap(), []);
    let third = _connected.0.another(0);
    reached(&third.0).await;
    assert_eq!(
        third.0.due(at(9), 10).await.unwrap(),
        [],
        "it is left to the one that saved it"
    );
    assert_eq!(first.due(at(9), 10).await.unwrap(), [queued.id]);
    assert_eq!(
        second.due(at(12), 10).await.unwrap(),
        [queued.id],
        "the first one is no more"
    );
    assert_eq!(
        third.0.due(at(25), 10).await.unwrap(),
        [],
        "the second one wakes it"
    );
    assert_eq!(
        third.0.due(at(28), 10).await.unwrap(),
        [queued.id],
        "nor is the second one"
    );
}

#[tokio::test]
async fn instances_share_one_beat_and_one_line() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(1).await;
    let ask = async |store: &Store, number: u8, seconds: i64| {
        let phone =
            crate::domain::Phone::from_e164(&format!("+1415555{:04}", 100 + u16::from(number)))
                .unwrap();
        let reservation = crate::domain::Reservation {
            phone,
            ..example::reservation()
        };
        let call = Call {
            reservation: Arc::new(reservation),
            ..example::queued(number)
        };
        let asking = asking(&call, at(seconds));
        store
            .request_dial(&asking, DialMode::Acquire)
            .await
            .unwrap()
    };
    assert!(ask(&first, 1, 0).await.claimed);
    let second_one = ask(&second, 2, 0).await;
    assert!(
        !second_one.claimed
            && second_one
                .slot
                .is_some_and(|slot| slot > at(0) && slot <= at(2))
    );
    let (many, one): (Arc<str>, Arc<str>) = ("many".into(), "one".into());
    for number in 1..=3 {
        first
            .enqueue(&many, CallId::from_bytes([number; 16]))
            .await
            .unwrap();
    }
    second
        .enqueue(&one, CallId::from_bytes([9; 16]))
        .await
        .unwrap();
    assert!(
        !ask(&second, 3, 5).await.claimed,
        "nobody overtakes those who wait"
    );
    let mut order = Vec::new();
    for second_of in 5..9 {
        let store = if second_of % 2 == 0 { &first } else { &second };
        order.extend(store.dequeue_start(at(second_of)).await.unwrap());
        assert_eq!(
            store.dequeue_start(at(second_of)).await.unwrap(),
            None,
            "one start a second"
        );
    }
    assert_eq!(
        order,
        [1, 9, 2, 3].map(|number| CallId::from_bytes([number; 16])),
        "keys take turns"
    );
}

#[tokio::test]
async fn identical_requests_at_two_instances_become_one_call() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(0).await;
    let (one, other) = (example::queued(1), example::queued(2));
    let (one_at, other_at) = (asking(&one, now()), asking(&other, now()));
    let (a, b) = tokio::join!(
        first.request_dial(&one_at, DialMode::Acquire),
        second.request_dial(&other_at, DialMode::Acquire)
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.claimed != b.claimed, "one of them rings: {a:?} {b:?}");
    let (refused, winner) = if a.claimed {
        (b, one.id)
    } else {
        (a, other.id)
    };
    assert_eq!(
        refused.duplicate,
        Some(winner),
        "and the other is told which, before either is stored"
    );
}

#[tokio::test]
async fn what_an_instance_left_behind_that_died_is_removed_by_who_meets_it() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(0).await;
    let (dead, next) = (example::queued(1), example::queued(2));
    assert!(
        first
            .request_dial(&asking(&dead, at(0)), DialMode::Acquire)
            .await
            .unwrap()
            .claimed,
        "and it dies before it has stored the call"
    );
    let soon = second
        .request_dial(&asking(&next, at(9)), DialMode::Acquire)
        .await
        .unwrap();
    assert!(soon.taken && soon.duplicate == Some(dead.id));
    let later = second
        .request_dial(&asking(&next, at(20)), DialMode::Acquire)
        .await
        .unwrap();
    assert!(later.claimed && later.duplicate.is_none(), "{later:?}");
}

#[tokio::test]
async fn many_that_a_dead_instance_left_are_taken_over_one_batch_after_the_other() {
    if server::is_missing() {
        return;
    }
    let (first, connected) = server::shared(0);
    reached(&first).await;
    let hold = Event::Hold {
        waiting_for: WaitingFor::Retry,
        until: at(9),
    };
    let mut left = Vec::new();
    for number in 1..=9 {
        let queued = saved(&first, example::queued(number)).await;
        left.push(done(&first, &queued, hold.clone()).await.id);
    }
    let gone = left.remove(0);
    connected.delete(gone);
    let (second, _connected) = connected.another(0);
    reached(&second).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(second.due(at(12), 4).await.unwrap());
        let next = second.next_due(None).await;
        assert_eq!(
            next > at(12),
            found.len() == left.len(),
            "there is more at once"
        );
    }
    found.sort_unstable();
    assert_eq!(found, left, "each once, and not the one that is no more");
    assert_eq!(
        second.due(at(40), 99).await.unwrap().len(),
        left.len(),
        "which nobody meets again"
    );
}

#[tokio::test]
async fn a_call_that_two_instances_wake_at_once_has_one_intent() {
    if server::is_missing() {
        return;
    }
    let (first, second, _connected) = two(0).await;
    let queued = saved(&first, example::queued(1)).await;
    until("it is heard", async || {
        second.recent(queued.id).await.unwrap().is_some()
    })
    .await;
    for store in [&first, &second] {
        assert!(
            store
                .request_dial(&asking_for(&queued), DialMode::Acquire)
                .await
                .unwrap()
                .claimed,
            "its number is its own"
        );
    }
    let dials = (
        changed(&first, &queued, dial(&queued)),
        changed(&second, &queued, dial(&queued)),
    );
    let (one, other) = tokio::join!(dials.0, dials.1);
    assert!(
        one.unwrap().is_some() != other.unwrap().is_some(),
        "the quicker one rings, and the other does not"
    );
}

#[tokio::test]
async fn a_call_that_its_client_was_told_of_is_not_revoked() {
    if server::is_missing() {
        return;
    }
    let (store, other, _connected) = two(0).await;
    let told = saved(&store, example::queued(1)).await;
    let untold = saved(&store, example::queued(2)).await;
    let Store::Redis(maker) = &*store else {
        panic!("it is shared");
    };
    assert_eq!(
        other.acknowledge(told.id).await.unwrap().as_deref(),
        Some(&*told)
    );
    for call in [&told, &untold] {
        assert!(store.open_line(call.id, 2, now()).await.unwrap());
    }
    for call in [&told, &untold] {
        maker.revoke(call.id, call.version).await.unwrap();
    }
    assert!(other.load(told.id).await.unwrap().is_some());
    assert_eq!(other.load(untold.id).await.unwrap(), None);
    let next = CallId::from_bytes([3; 16]);
    assert!(
        other.open_line(next, 2, now()).await.unwrap(),
        "its line is free"
    );
    assert_eq!(
        other.acknowledge(untold.id).await.unwrap(),
        None,
        "it came too late"
    );
}
