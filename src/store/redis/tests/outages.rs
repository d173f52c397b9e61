//! Servers that are away, full, slow, or emptied, and connections that are lost.

use super::*;

/// Whether the number of the example's calls is held by one of them.
pub(super) async fn is_taken(store: &Store) -> bool {
    let another = example::queued(9);
    let asking = asking_for(&another);
    let grant = store.request_dial(&asking, DialMode::Peek).await;
    grant.unwrap().taken
}

#[tokio::test]
async fn a_verdict_waits_for_a_server_that_is_away_and_calls_outlive_one_that_comes_back_empty() {
    let Some(mut server) = server::own() else {
        return;
    };
    let (store, _connected) = server.store("test", 0);
    reached(&store).await;
    let line = open_line(&store, 1).await;
    let waiting = saved(&store, example::queued(2)).await;
    server.kill();
    let begun = Instant::now();
    let decided = done(&store, &line, key()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        store.load(line.id).await.unwrap(),
        Some(decided.clone()),
        "it counts here at once"
    );
    until("it is told", async || store.health_issue().is_some()).await;
    assert_eq!(
        store.save(None, example::queued(3)).await.err(),
        Some(StoreError::Away),
        "no new call is made"
    );
    let intent = changed(&store, &waiting, dial(&waiting)).await;
    assert_eq!(
        intent.err(),
        Some(StoreError::Away),
        "and none rings on an intent that is not stored"
    );
    let phone = line.reservation.phone;
    store.opt_out(phone, now()).await.unwrap();
    server.start_again();
    reached(&store).await;
    let (other, _also) = server.store("test", 0);
    until("the verdict is written", async || {
        other.load(line.id).await.unwrap().as_deref() == Some(&*decided)
    })
    .await;
    until("the other call is back", async || {
        other.load(waiting.id).await.unwrap().is_some()
    })
    .await;
    assert!(other.is_opted_out(phone).await.unwrap());
    assert_eq!(other.load(CallId::from_bytes([3; 16])).await.unwrap(), None);
    until("its number is taken again", async || is_taken(&other).await).await;
}

#[tokio::test]
async fn what_two_instances_made_of_a_call_apart_becomes_one() {
    let Some(server) = server::own() else { return };
    let (apart, there, (mut connected, _also)) = two_on(&server).await;
    let line = open_line(&there, 1).await;
    until("it is heard", async || {
        apart
            .recent(line.id)
            .await
            .unwrap()
            .is_some_and(|call| *call == *line)
    })
    .await;
    connected.lose().await;
    let here = done(&apart, &line, key()).await;
    let far = done(
        &there,
        &line,
        Event::Reached(on(), crate::call::CarrierStatus::InProgress),
    )
    .await;
    assert_ne!(here, far);
    connected.connect();
    let both = async || {
        let call = there.load(line.id).await.unwrap().unwrap();
        call.decision().is_some()
            && call.attempts[0].line == crate::call::CarrierStatus::InProgress
            && call.version > here.version
    };
    until("the key is put beside what was heard elsewhere", both).await;
}

#[tokio::test]
async fn a_server_that_is_full_or_stands_still_keeps_no_webhook_waiting() {
    let Some(server) = server::own() else { return };
    let (store, _connected) = server.store("test", 0);
    reached(&store).await;
    let (line, also) = (open_line(&store, 1).await, open_line(&store, 2).await);
    let set = |name: &str, value: &str| {
        let mut cmd = redis::cmd("CONFIG");
        cmd.arg("SET")
            .arg(name)
            .arg(value)
            .query::<()>(&mut server.connection())
            .unwrap();
    };
    set("maxmemory", "1");
    let decided = done(&store, &line, key()).await;
    until("it is told", async || {
        store
            .health_issue()
            .is_some_and(|text| text.contains("full"))
    })
    .await;
    assert!(matches!(
        store.save(None, example::queued(3)).await.err(),
        Some(StoreError::Full | StoreError::Away)
    ));
    set("maxmemory", "0");
    reached(&store).await;
    let (other, _other_connected) = server.store("test", 0);
    until("it is written", async || {
        other.load(line.id).await.unwrap().as_deref() == Some(&*decided)
    })
    .await;
    let mut pause = redis::cmd("CLIENT");
    pause
        .arg("PAUSE")
        .arg(1_500)
        .arg("ALL")
        .query::<()>(&mut server.connection())
        .unwrap();
    let begun = Instant::now();
    let decided = done(&store, &also, key()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    let closing = Closing {
        how: FinalStatus::Completed,
        sip_code: None,
        twilio_code: None,
        duration_seconds: Some(9),
    };
    let later = done(&store, &decided, Event::Closed(on(), closing)).await;
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "nobody waits twice: {:?}",
        begun.elapsed()
    );
    until("it goes on", async || {
        other
            .load(also.id)
            .await
            .is_ok_and(|call| call.as_deref() == Some(&*later))
    })
    .await;
}

#[tokio::test]
async fn a_watcher_sees_what_was_saved_while_its_connection_was_lost() {
    let Some(server) = server::own() else { return };
    let (watching, saving, (mut connected, _also)) = two_on(&server).await;
    let line = open_line(&saving, 1).await;
    let mut watcher = watching.watch(line.id).await.unwrap().unwrap();
    watcher.borrow_and_update();
    connected.lose().await;
    let canceled = done(&saving, &line, Event::Cancel).await;
    connected.connect();
    tokio::time::timeout(PATIENCE, watcher.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(watcher.borrow().version, canceled.version);
}
