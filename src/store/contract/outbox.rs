//! The outbox: what is due, who has it, and what becomes of it.

use super::*;
use crate::domain::CallbackUrl;
use crate::store::{
    CallStore as _, Claimed, Lifecycle as _, OutboxStore as _, PendingEvent, Settled,
};

const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A call whose client wants events.
fn wanted(number: u8) -> Call {
    let callback_url = Some(CallbackUrl::parse("https://example.com/hook", false).unwrap());
    let reservation = crate::domain::Reservation {
        callback_url,
        ..example::reservation()
    };
    Call {
        reservation: Arc::new(reservation),
        ..call(number)
    }
}

fn at(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

async fn claimed(store: &Store, seconds: i64) -> Vec<Claimed> {
    store
        .due_events(at(seconds), at(seconds) + LEASE, 10)
        .await
        .unwrap()
}

async fn one(store: &Store, seconds: i64) -> Claimed {
    let mut claimed = claimed(store, seconds).await;
    assert_eq!(claimed.len(), 1, "{claimed:#?}");
    claimed.remove(0)
}

async fn settled(store: &Store, event: &Claimed, settled: Settled, seconds: i64) {
    assert!(
        store
            .settle_event(event, settled, at(seconds))
            .await
            .unwrap()
    );
}

async fn entry(store: &Store, call: &Call) -> PendingEvent {
    store.delivery(call.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn only_calls_whose_client_wants_events_have_any() {
    for bench in benches() {
        let store = &bench.store;
        let quiet = saved(store, None, call(1)).await;
        assert_eq!(store.delivery(quiet.id).await.unwrap(), None);
        assert!(!store.resend(quiet.id, now()).await.unwrap());
        assert!(
            !store.resend(wanted(9).id, now()).await.unwrap(),
            "it is not held"
        );
        let first = saved(store, None, wanted(2)).await;
        let event = one(store, 0).await;
        assert_eq!(
            (event.call.id, event.version, event.tries, event.since),
            (first.id, 1, 0, now())
        );
        assert!(store.adopt(wanted(3)).await.is_ok());
        assert_eq!(
            one(store, 0).await.call.id,
            wanted(3).id,
            "also of calls that were taken over"
        );
        assert_eq!(store.events_pending(), 2);
    }
}

#[tokio::test]
async fn an_event_is_claimed_by_one_until_the_claim_lapses() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        assert_eq!(store.next_event_due(None).await, now());
        let event = one(store, 0).await;
        assert!(claimed(store, 29).await.is_empty());
        assert_eq!(store.next_event_due(Some(now())).await, at(30));
        let again = one(store, 30).await;
        assert_eq!((again.call.id, again.version), (first.id, event.version));
        let late = store
            .settle_event(
                &event,
                Settled::GaveUp {
                    error: "late".into(),
                },
                at(31),
            )
            .await;
        assert_eq!(late, Ok(false), "its claim has lapsed");
        settled(store, &again, Settled::Delivered, 31).await;
        assert!(claimed(store, 9_999).await.is_empty());
        let told = entry(store, &first).await;
        assert_eq!(
            (told.told, told.tries, told.tried_at, told.next_at),
            (1, 1, Some(at(31)), None)
        );
        assert!(
            !store
                .settle_event(&again, Settled::Delivered, at(31))
                .await
                .unwrap(),
            "settled once"
        );
    }
}

#[tokio::test]
async fn states_that_were_not_told_yet_merge_into_the_newest() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        let event = one(store, 0).await;
        let live = saved(store, Some(1), dialed(&first)).await;
        assert!(
            claimed(store, 1).await.is_empty(),
            "one of a call at a time"
        );
        let refused = step(
            &live,
            Event::Refused {
                attempt: 1,
                code: None,
            },
            at(1),
        )
        .call;
        let done = saved(store, Some(live.version), refused).await;
        settled(
            store,
            &event,
            Settled::Again {
                asked: false,
                at: at(60),
                error: "busy".into(),
            },
            2,
        )
        .await;
        assert_eq!(entry(store, &live).await.error.as_deref(), Some("busy"));
        let last = one(store, 2).await;
        assert_eq!(
            (last.version, last.tries, last.since),
            (done.version, 0, at(1)),
            "not the one between"
        );
        assert!(last.call.is_finished());
        settled(store, &last, Settled::Delivered, 3).await;
        assert_eq!(entry(store, &live).await.error, None);
        assert!(claimed(store, 9_999).await.is_empty());
    }
}

#[tokio::test]
async fn what_a_client_does_not_see_is_no_event() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        settled(store, &one(store, 0).await, Settled::Delivered, 0).await;
        let barred = Call {
            version: 2,
            barred: true,
            ..(*first).clone()
        };
        saved(store, Some(1), barred.clone()).await;
        assert!(claimed(store, 9).await.is_empty());
        saved(store, Some(2), finished(&barred)).await;
        let last = one(store, 9).await;
        assert!(last.call.is_finished());
        settled(store, &last, Settled::Delivered, 9).await;
        let late = Call {
            version: 9,
            timeline: vec![],
            ..(*last.call).clone()
        };
        saved(store, Some(last.version), late).await;
        assert!(
            claimed(store, 9).await.is_empty(),
            "nothing follows the last"
        );
    }
}

#[tokio::test]
async fn an_event_comes_again_when_it_was_said_to_and_a_try_that_was_none_does_not_count() {
    for bench in benches() {
        let store = &bench.store;
        saved(store, None, wanted(1)).await;
        settled(store, &one(store, 0).await, Settled::Later { at: at(5) }, 0).await;
        assert!(claimed(store, 4).await.is_empty());
        let event = one(store, 5).await;
        assert_eq!((event.tries, event.since), (0, now()));
        settled(
            store,
            &event,
            Settled::Again {
                asked: false,
                at: at(7),
                error: "answered 500".into(),
            },
            6,
        )
        .await;
        assert!(claimed(store, 6).await.is_empty());
        assert_eq!(store.next_event_due(None).await, at(7));
        assert_eq!(one(store, 7).await.tries, 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_asked_for_time_is_left_alone_although_the_call_changes() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        let event = one(store, 0).await;
        settled(
            store,
            &event,
            Settled::Again {
                asked: true,
                at: at(120),
                error: "answered 503".into(),
            },
            1,
        )
        .await;
        let live = saved(store, Some(1), dialed(&first)).await;
        assert!(claimed(store, 119).await.is_empty(), "it was asked to wait");
        let newest = one(store, 120).await;
        assert_eq!((newest.version, newest.tries), (live.version, 0));
        // It changes while this is in flight, and is asked to wait once more.
        let done = saved(store, Some(live.version), finished(&live)).await;
        settled(
            store,
            &newest,
            Settled::Again {
                asked: true,
                at: at(300),
                error: "answered 503".into(),
            },
            121,
        )
        .await;
        assert!(claimed(store, 299).await.is_empty());
        let last = one(store, 300).await;
        assert_eq!(last.version, done.version);
        settled(store, &last, Settled::Delivered, 301).await;
    }
}

#[tokio::test]
async fn a_process_whose_outbox_ends_with_it_does_not_wait() {
    for bench in benches()
        .into_iter()
        .filter(|bench| !bench.store.is_shared())
    {
        let store = &bench.store;
        for number in 1..=2 {
            saved(store, None, wanted(number)).await;
        }
        let both = claimed(store, 0).await;
        settled(
            store,
            &both[0],
            Settled::Again {
                asked: false,
                at: at(900),
                error: "answered 500".into(),
            },
            1,
        )
        .await;
        store.hurry_events(at(2));
        let hurried = one(store, 2).await;
        assert_eq!(
            (hurried.call.id, hurried.tries),
            (both[0].call.id, 1),
            "the other one is being sent"
        );
        assert!(claimed(store, 3).await.is_empty());
    }
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_on_demand_and_when_there_is_more_to_tell() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        settled(
            store,
            &one(store, 0).await,
            Settled::GaveUp {
                error: "gone".into(),
            },
            9,
        )
        .await;
        let given_up = entry(store, &first).await;
        assert_eq!(
            (given_up.gave_up_at, given_up.next_at, given_up.tries),
            (Some(at(9)), None, 1)
        );
        assert!(store.resend(first.id, at(10)).await.unwrap());
        let again = one(store, 10).await;
        assert_eq!((again.version, again.tries, again.since), (1, 0, at(10)));
        assert!(store.resend(first.id, at(11)).await.unwrap());
        assert!(claimed(store, 11).await.is_empty(), "it is being sent");
        settled(
            store,
            &again,
            Settled::GaveUp {
                error: "gone".into(),
            },
            12,
        )
        .await;
        saved(store, Some(1), finished(&first)).await;
        let last = one(store, 12).await;
        assert!(last.call.is_finished());
        settled(store, &last, Settled::Delivered, 12).await;
        assert!(store.resend(first.id, at(13)).await.unwrap());
        assert_eq!(
            one(store, 13).await.version,
            last.version,
            "the same, so that it has the same name"
        );
    }
}

#[tokio::test]
async fn events_are_forgotten_with_their_call() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        let done = saved(store, Some(1), finished(&first)).await;
        let day = SignedDuration::from_hours(24);
        bench.forget(done.updated_at + day, day);
        assert_eq!(store.delivery(done.id).await.unwrap(), None);
        assert!(claimed(store, 9).await.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_wants_no_more_hears_no_more_until_it_is_asked_for_again() {
    for bench in benches() {
        let store = &bench.store;
        let first = saved(store, None, wanted(1)).await;
        let event = one(store, 0).await;
        // It changes while the event is in flight, and after it.
        let live = saved(store, Some(1), dialed(&first)).await;
        let gone = || Settled::Unwanted {
            error: "gone".into(),
        };
        settled(store, &event, gone(), 1).await;
        let entry_now = entry(store, &first).await;
        assert_eq!(
            (entry_now.gave_up_at, entry_now.next_at),
            (Some(at(1)), None)
        );
        let done = saved(store, Some(live.version), finished(&live)).await;
        assert!(claimed(store, 3_600).await.is_empty());
        assert!(store.resend(first.id, at(3_601)).await.unwrap());
        let again = one(store, 3_601).await;
        assert_eq!((again.version, again.tries), (done.version, 0));
        settled(store, &again, Settled::Delivered, 3_602).await;
    }
}
