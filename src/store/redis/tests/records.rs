//! Records and lists: what they hold, for how long, and under which keys.

use super::*;

#[tokio::test]
async fn the_list_of_an_owner_holds_no_more_than_there_are_records() {
    if server::is_missing() {
        return;
    }
    let (store, connected) = server::shared(0);
    let retention = SignedDuration::from_hours(24);
    let mut longest = 0;
    for number in 0..120_u8 {
        // One in each quarter of an hour; all in one shard.
        let mut bytes = [number; 16];
        bytes[15] = 1;
        let made = now() + SignedDuration::from_mins(15) * i32::from(number);
        let call = Call {
            id: CallId::from_bytes(bytes),
            updated_at: made,
            ..example::queued(number)
        };
        let call = saved(&store, call).await;
        let canceled = Change {
            before: &call,
            after: step(&call, Event::Cancel, made).call,
            event: Event::Cancel,
            releases_number: true,
        };
        store.change(canceled).await.unwrap().unwrap();
        longest = connected.listed("test", call.id).max(longest);
    }
    let held = usize::try_from(retention.as_mins() / 15).unwrap();
    assert!((held..=held + 2).contains(&longest), "{longest}");
}

#[tokio::test]
async fn what_is_listed_and_not_stored_any_more_is_removed_by_who_meets_it() {
    if server::is_missing() {
        return;
    }
    let (store, connected) = server::shared(0);
    let (first, second) = (example::queued(1), example::queued(2));
    for call in [&first, &second] {
        saved(&store, call.clone()).await;
    }
    connected.delete(first.id);
    let (other, _connected) = connected.another(0);
    let listed = other.list("test", None, 9).await.unwrap().calls;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (
            connected.listed("test", first.id),
            connected.listed("test", second.id)
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn every_key_expires() {
    if server::is_missing() {
        return;
    }
    let (store, connected) = server::shared(1);
    let limits = CallLimits::USUAL;
    let call = example::queued(1);
    let asking = DialRequest {
        call: &call,
        limits: &limits,
        is_new: true,
        needs_start: true,
        intent: None,
        now: now(),
    };
    assert!(
        store
            .request_dial(&asking, DialMode::Acquire)
            .await
            .unwrap()
            .claimed
    );
    let line = open_line(&store, 1).await;
    store
        .enqueue(&call.owner, CallId::from_bytes([2; 16]))
        .await
        .unwrap();
    store.dequeue_start(at(9)).await.unwrap();
    store.opt_out(call.reservation.phone, now()).await.unwrap();
    let entry = crate::store::IdempotencyEntry {
        call: call.id,
        request: [1; 16],
    };
    store.reserve([1; 16], entry, now()).await.unwrap();
    done(&store, &line, key()).await;
    store.call_counts(now()).await.unwrap();
    let lives = connected.lives();
    assert!(lives.len() >= 13, "{lives:?}");
    assert!(lives.iter().all(|(_, left)| *left > 0), "{lives:?}");
    let plain = [
        call.reservation.phone.digits().to_string(),
        call.owner.to_string(),
        "Ana".to_owned(),
    ];
    for secret in plain {
        assert!(
            !connected.everything().contains(&secret),
            "{secret} can be read"
        );
    }
}

#[tokio::test]
async fn records_of_keys_that_are_gone_are_told_and_not_overwritten() {
    let Some(server) = server::own() else { return };
    let (store, _connected) = server.store("test", 0);
    reached(&store).await;
    let (stranger, _also) = server.sealed_with("test", &[b"another key"]);
    misfits(&stranger).await;
    let queued = saved(&store, example::queued(1)).await;
    assert_eq!(
        stranger.load(queued.id).await.err(),
        Some(StoreError::Unreadable)
    );
    assert!(stranger.save(None, example::queued(1)).await.is_err());
    assert_eq!(store.load(queued.id).await.unwrap(), Some(queued));
}

#[tokio::test]
async fn records_stay_readable_while_ticket_keys_are_rotated_and_numbers_keep_their_names() {
    let Some(server) = server::own() else { return };
    let (before, _one) = server.sealed_with("test", &[b"old", b"new"]);
    reached(&before).await;
    let (after, _two) = server.sealed_with("test", &[b"new", b"old"]);
    reached(&after).await;
    let (last, _three) = server.sealed_with("test", &[b"new"]);
    misfits(&last).await;
    let line = open_line(&before, 1).await;
    let other = saved(&before, example::queued(2)).await;
    let another = example::queued(9);
    assert!(
        before
            .request_dial(&asking_for(&line), DialMode::Acquire)
            .await
            .unwrap()
            .claimed
    );
    assert!(
        after
            .request_dial(&asking_for(&another), DialMode::Peek)
            .await
            .unwrap()
            .taken,
        "the number is the same number"
    );
    assert_eq!(after.load(line.id).await.unwrap(), Some(line.clone()));
    let decided = done(&after, &line, key()).await;
    assert_eq!(
        before.load(line.id).await.unwrap(),
        Some(decided.clone()),
        "and back"
    );
    assert_eq!(
        last.load(line.id).await.unwrap(),
        Some(decided),
        "it was sealed anew when it was saved"
    );
    assert_eq!(
        last.load(other.id).await.err(),
        Some(StoreError::Unreadable),
        "the old key is still needed"
    );
}

#[tokio::test]
async fn an_event_that_cannot_be_read_holds_up_no_other() {
    let Some(server) = server::own() else { return };
    let (store, _connected) = server.store("test", 0);
    reached(&store).await;
    let (stranger, _also) = server.sealed_with("test", &[b"another key"]);
    misfits(&stranger).await;
    let callback_url = crate::domain::CallbackUrl::parse("https://example.com/hook", false);
    let told = |number| {
        let callback_url = Some(callback_url.clone().unwrap());
        let reservation = crate::domain::Reservation {
            callback_url,
            ..example::reservation()
        };
        Call {
            reservation: Arc::new(reservation),
            ..example::queued(number)
        }
    };
    saved(&stranger, told(1)).await;
    let readable = saved(&stranger, told(2)).await;
    // The same call, as somebody with the right keys has stored it.
    let (other, _third) = server.sealed_with("test", &[b"seal", b"another key"]);
    reached(&other).await;
    done(&other, &readable, Event::Cancel).await;
    let mut claimed = Vec::new();
    for seconds in [0, 5, 10] {
        claimed.extend(
            store
                .due_events(at(seconds), at(seconds + 60), 1)
                .await
                .unwrap(),
        );
    }
    assert_eq!(
        claimed
            .iter()
            .map(|event| event.call.id)
            .collect::<Vec<_>>(),
        [readable.id]
    );
}
