//! Servers that were emptied or went back to an older state get back what instances know.

use super::outages::is_taken;
use super::*;

#[tokio::test]
async fn a_server_that_was_emptied_knows_again_which_keys_lines_and_opt_outs_there_were() {
    let Some(server) = server::own() else { return };
    let (store, other, _connected) = two_on(&server).await;
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

    server.empty();
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
    let Some(server) = server::own() else { return };
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
    let Some(server) = server::own() else { return };
    let (store, other, (mut connected, _also)) = two_on(&server).await;
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
    let Some(server) = server::own() else { return };
    let (store, other, (mut connected, _also)) = two_on(&server).await;
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
    let Some(server) = server::own() else { return };
    let (store, other, (mut connected, mut also)) = two_on(&server).await;
    let mut queued = example::queued(1);
    queued.carry_over = CarryOver {
        idempotency: Some([8; 16]),
        ..CarryOver::default()
    };
    let queued = saved(&store, queued).await;
    connected.lose().await;
    also.lose().await;
    server.empty();
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
    let Some(server) = server::own() else { return };
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
    server.empty();
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

#[tokio::test]
async fn a_line_that_was_opened_without_an_answer_does_not_count() {
    let Some(server) = server::own() else { return };
    let (store, other, _connected) = two_on(&server).await;
    let id = CallId::from_bytes([1; 16]);
    assert!(store.open_line(id, 1, now()).await.unwrap());
    store.close_line(id).await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg("2000");
    pause.exec(&mut server.connection()).unwrap();
    assert_eq!(store.open_line(id, 1, now()).await, Err(StoreError::Away));
    until("its line is closed", async || {
        let next = CallId::from_bytes([2; 16]);
        other.has_free_line(next, 1, now()).await == Ok(true)
    })
    .await;
}
