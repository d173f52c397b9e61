//! Servers that are away, full, slow, or emptied, and connections that are lost.

use super::*;

/// Whether the number of the example's calls is held by one of them.
async fn is_taken(store: &Store) -> bool {
    let another = example::queued(9);
    let asking = asking_for(&another);
    let grant = store.request_dial(&asking, DialMode::Peek).await;
    grant.unwrap().taken
}

#[tokio::test]
async fn a_verdict_waits_for_a_server_that_is_away_and_calls_outlive_one_that_comes_back_empty() {
    if server::is_missing() {
        return;
    }
    let mut server = RedisServer::start(&[]);
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
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (apart, mut connected) = server.store("test", 0);
    let (there, _also) = server.store("test", 0);
    reached(&apart).await;
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
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
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
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (watching, mut connected) = server.store("test", 0);
    let (saving, _also) = server.store("test", 0);
    reached(&watching).await;
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

#[tokio::test]
async fn a_server_that_was_emptied_knows_again_which_keys_lines_and_opt_outs_there_were() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (store, _connected) = server.store("test", 0);
    let (other, _also) = server.store("test", 0);
    reached(&store).await;
    let idempotency = Some([8; 16]);
    let mut queued = example::queued(1);
    queued.carry_over = CarryOver {
        idempotency,
        ..CarryOver::default()
    };
    let queued = saved(&store, queued).await;
    let dialed = done(&store, &queued, dial(&queued)).await;
    let line = done(&store, &dialed, Event::Accepted(on())).await;
    assert!(store.open_line(line.id, 1, now()).await.unwrap());
    let phone = crate::domain::Phone::from_e164("+14155550177").unwrap();
    store.opt_out(phone, now()).await.unwrap();

    redis::cmd("FLUSHALL")
        .exec(&mut server.connection())
        .unwrap();
    assert!(
        store.is_opted_out(phone).await.unwrap(),
        "known where it was heard"
    );
    until("the key stands for its call", async || {
        other.idempotency_entry([8; 16]).await.unwrap() == Some(IdempotencyEntry::of(&line))
    })
    .await;
    until("its line counts", async || {
        !other
            .has_free_line(CallId::from_bytes([3; 16]), 1, now())
            .await
            .unwrap()
    })
    .await;
    assert!(other.is_opted_out(phone).await.unwrap());
}

#[tokio::test]
async fn the_others_learn_the_numbers_that_one_knows_from_its_file() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let phone = crate::domain::Phone::from_e164("+14155550177").unwrap();
    let (_store, _connected) = server.opted_out("test", phone);
    let (other, _also) = server.store("test", 0);
    reached(&other).await;
    until("it is known", async || {
        other.is_opted_out(phone).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_took_over_without_the_last_writes_is_told_them_again() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (store, mut connected) = server.store("test", 0);
    let (other, _also) = server.store("test", 0);
    reached(&store).await;
    let waiting = saved(&store, example::queued(2)).await;
    let kept = server.every_value();
    let line = open_line(&store, 1).await;
    let held = done(
        &store,
        &waiting,
        Event::Hold {
            waiting_for: WaitingFor::Retry,
            until: at(9),
        },
    )
    .await;
    let phone = crate::domain::Phone::from_e164("+14155550177").unwrap();
    store.opt_out(phone, now()).await.unwrap();
    connected.lose().await;
    server.goes_back_to(&kept);
    connected.connect();
    until("a call that it never had is there", async || {
        other.load(line.id).await.unwrap().as_deref() == Some(&*line)
    })
    .await;
    until("a later state is there", async || {
        other.load(held.id).await.unwrap().as_deref() == Some(&*held)
    })
    .await;
    assert!(other.is_opted_out(phone).await.unwrap());
    until("its number is taken", async || is_taken(&other).await).await;
}

#[tokio::test]
async fn a_finished_call_does_not_rise_again_on_a_server_that_lost_its_end() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (store, mut connected) = server.store("test", 0);
    let (other, _also) = server.store("test", 0);
    reached(&store).await;
    let queued = saved(&store, example::queued(1)).await;
    let asking = asking_for(&queued);
    let granted = store.request_dial(&asking, DialMode::Acquire).await;
    assert!(!granted.unwrap().taken);
    let dialed = done(&store, &queued, dial(&queued)).await;
    let kept = server.every_value();
    assert!(is_taken(&other).await);
    let refused = Event::Refused {
        attempt: 1,
        code: Some(21_211),
    };
    let finished = done(&store, &dialed, refused).await;
    assert!(finished.is_finished());
    connected.lose().await;
    server.goes_back_to(&kept);
    connected.connect();
    until("its end is there", async || {
        other.load(finished.id).await.unwrap().as_deref() == Some(&*finished)
    })
    .await;
    until("its number is free", async || !is_taken(&other).await).await;
}

#[tokio::test]
async fn nobody_else_begins_a_call_while_an_emptied_server_is_filled_again() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (store, mut connected) = server.store("test", 0);
    let (other, mut also) = server.store("test", 0);
    reached(&store).await;
    reached(&other).await;
    let mut queued = example::queued(1);
    queued.carry_over = CarryOver {
        idempotency: Some([8; 16]),
        ..CarryOver::default()
    };
    let queued = saved(&store, queued).await;
    connected.lose().await;
    also.lose().await;
    redis::cmd("FLUSHALL")
        .exec(&mut server.connection())
        .unwrap();
    also.connect();
    reached(&other).await;
    let repeat = IdempotencyEntry {
        call: CallId::from_bytes([9; 16]),
        ..IdempotencyEntry::of(&queued)
    };
    let reserve = async || other.reserve([8; 16], repeat, now()).await;
    assert_eq!(reserve().await, Err(StoreError::Away));
    connected.connect();
    until("the key stands for its call", async || {
        reserve().await == Ok(Some(IdempotencyEntry::of(&queued)))
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_a_start_keeps_the_place_when_the_server_was_emptied() {
    if server::is_missing() {
        return;
    }
    let server = RedisServer::start(&[]);
    let (store, mut connected) = server.store("test", 0);
    reached(&store).await;
    let mut waiting = Vec::new();
    for number in 1..=3 {
        let queued = saved(&store, example::queued(number)).await;
        let hold = Event::Hold {
            waiting_for: WaitingFor::Slot,
            until: at(3_600),
        };
        let held = done(&store, &queued, hold).await;
        store.enqueue(&held.owner, held.id).await.unwrap();
        waiting.push(held.id);
    }
    connected.lose().await;
    redis::cmd("FLUSHALL")
        .exec(&mut server.connection())
        .unwrap();
    connected.connect();
    let mut started = Vec::new();
    let mut seconds = 60;
    until("all have had their turn", async || {
        // What is refused is asked for again a second later.
        seconds += 1;
        started.extend(store.dequeue_start(at(seconds)).await.ok().flatten());
        started.len() == waiting.len()
    })
    .await;
    assert_eq!(started, waiting);
}
