//! Several instances on one server, also while it is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::server::{self, KeepsConnected, Server};
use crate::call::{
    AttemptRef, Call, Closing, Event, FinalStatus, Input, WaitingFor, example, step,
};
use crate::domain::{CallId, Sid};
use crate::policy::CallLimits;
use crate::store::{
    CallStore as _, Change, DialMode, DialRequest, Error, IdempotencyStore as _, Lifecycle as _,
    NumberStore as _, OutboxStore as _, Saved, StartRate as _, Store,
};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    example::start()
}

fn at(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn on() -> AttemptRef {
    AttemptRef {
        attempt: 1,
        sid: Sid::from_bytes([7; 16]),
    }
}

fn dial(call: &Call) -> Event {
    Event::Dial {
        from: call.reservation.phone,
    }
}

fn key() -> Event {
    Event::Keyed {
        on: on(),
        position: example::first(),
        input: Input::digits("1"),
        sealed_at: now(),
    }
}

async fn saved(store: &Store, call: Call) -> Arc<Call> {
    match store.save(None, call).await.unwrap() {
        Saved::Done(call) => call,
        Saved::Conflict => panic!("it exists"),
    }
}

/// Applies `event` to a call, as the service does; `None`: another writer was quicker.
async fn changed(
    store: &Store,
    before: &Arc<Call>,
    event: Event,
) -> Result<Option<Arc<Call>>, Error> {
    let step = step(before, event.clone(), now());
    assert!(step.changed, "{event:?}");
    let change = Change {
        before,
        after: step.call,
        event,
        releases_number: false,
    };
    Ok(store.change(change).await?.map(|changed| changed.call))
}

async fn done(store: &Store, before: &Arc<Call>, event: Event) -> Arc<Call> {
    changed(store, before, event).await.unwrap().unwrap()
}

/// A call whose line is open.
async fn open_line(store: &Store, number: u8) -> Arc<Call> {
    let queued = saved(store, example::queued(number)).await;
    let dialed = done(store, &queued, dial(&queued)).await;
    done(store, &dialed, Event::Accepted(on())).await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn reached(store: &Store) {
    until("the server is reached", async || {
        store.health_issue().is_none()
    })
    .await;
}

/// Waits until an instance knows that its ticket keys do not fit: it reads and writes, and lets
/// nothing ring.
async fn misfits(store: &Store) {
    until("it does not fit", async || {
        store
            .health_issue()
            .is_some_and(|text| text.contains("TABLECALL_TICKET_KEYS"))
    })
    .await;
    let call = example::queued(99);
    let asking = asking_for(&call);
    let refused = store.request_dial(&asking, DialMode::Acquire).await;
    assert_eq!(refused.err(), Some(Error::Away));
}

/// Two instances on one server.
async fn two(per_second: u32) -> (Arc<Store>, Arc<Store>, (KeepsConnected, KeepsConnected)) {
    let (first, connected) = server::shared(per_second);
    let (second, also) = connected.another(per_second);
    reached(&first).await;
    reached(&second).await;
    (first, second, (connected, also))
}

#[tokio::test]
async fn what_one_instance_saves_another_knows_and_a_stale_copy_does_no_harm() {
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
        let asking = DialRequest {
            call: &call,
            often: &CallLimits::OFF,
            is_new: true,
            needs_start: true,
            intent: None,
            now: at(seconds),
        };
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
    let (first, second, _connected) = two(0).await;
    let (one, other) = (example::queued(1), example::queued(2));
    let asking = |call, now| DialRequest {
        call,
        often: &CallLimits::OFF,
        is_new: true,
        needs_start: true,
        intent: None,
        now,
    };
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
    let (first, second, _connected) = two(0).await;
    let (dead, next) = (example::queued(1), example::queued(2));
    let asking = |call, seconds| DialRequest {
        call,
        often: &CallLimits::OFF,
        is_new: true,
        needs_start: true,
        intent: None,
        now: at(seconds),
    };
    assert!(
        first
            .request_dial(&asking(&dead, 0), DialMode::Acquire)
            .await
            .unwrap()
            .claimed,
        "and it dies before it has stored the call"
    );
    let soon = second
        .request_dial(&asking(&next, 9), DialMode::Acquire)
        .await
        .unwrap();
    assert!(soon.taken && soon.duplicate == Some(dead.id));
    let later = second
        .request_dial(&asking(&next, 20), DialMode::Acquire)
        .await
        .unwrap();
    assert!(later.claimed && later.duplicate.is_none(), "{later:?}");
}

#[tokio::test]
async fn the_list_of_an_owner_holds_no_more_than_there_are_records() {
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
    let (store, connected) = server::shared(1);
    let often = CallLimits::USUAL;
    let call = example::queued(1);
    let asking = DialRequest {
        call: &call,
        often: &often,
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
    let standing = crate::store::Standing {
        call: call.id,
        request: [1; 16],
    };
    store.reserve([1; 16], standing, now()).await.unwrap();
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
async fn a_verdict_waits_for_a_server_that_is_away_and_calls_outlive_one_that_comes_back_empty() {
    let mut server = Server::start(&[]);
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
        Some(Error::Away),
        "no new call is made"
    );
    let intent = changed(&store, &waiting, dial(&waiting)).await;
    assert_eq!(
        intent.err(),
        Some(Error::Away),
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
    let another = example::queued(9);
    let is_taken = async || {
        other
            .request_dial(&asking_for(&another), DialMode::Peek)
            .await
            .unwrap()
            .taken
    };
    until("its number is taken again", is_taken).await;
}

fn asking_for(call: &Call) -> DialRequest<'_> {
    DialRequest {
        call,
        often: &CallLimits::OFF,
        is_new: false,
        needs_start: false,
        intent: None,
        now: now(),
    }
}

#[tokio::test]
async fn what_two_instances_made_of_a_call_apart_becomes_one() {
    let server = Server::start(&[]);
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
    let server = Server::start(&[]);
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
        Some(Error::Full | Error::Away)
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
    let server = Server::start(&[]);
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
async fn records_of_keys_that_are_gone_are_told_and_not_overwritten() {
    let server = Server::start(&[]);
    let (store, _connected) = server.store("test", 0);
    reached(&store).await;
    let (stranger, _also) = server.sealed_with("test", &[b"another key"]);
    misfits(&stranger).await;
    let queued = saved(&store, example::queued(1)).await;
    assert_eq!(
        stranger.load(queued.id).await.err(),
        Some(Error::Unreadable)
    );
    assert!(stranger.save(None, example::queued(1)).await.is_err());
    assert_eq!(store.load(queued.id).await.unwrap(), Some(queued));
}

#[tokio::test]
async fn records_stay_readable_while_ticket_keys_are_rotated_and_numbers_keep_their_names() {
    let server = Server::start(&[]);
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
        Some(Error::Unreadable),
        "the old key is still needed"
    );
}

#[tokio::test]
async fn many_that_a_dead_instance_left_are_taken_over_one_batch_after_the_other() {
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
async fn an_event_that_cannot_be_read_holds_up_no_other() {
    let server = Server::start(&[]);
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

#[tokio::test]
async fn a_call_that_two_instances_wake_at_once_has_one_intent() {
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
