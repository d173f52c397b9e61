//! Numbers: who has one, how often it was rung, and which are never rung.

use super::*;

#[tokio::test]
async fn one_call_has_a_number_at_a_time() {
    for bench in benches() {
        let store = &bench.store;
        let (first, second) = (
            saved(store, None, call(1)).await,
            saved(store, None, call(2)).await,
        );
        let phone = first.reservation.phone;
        for call in [&first, &second] {
            stand(store, call, DialMode::Register, &CallLimits::OFF, now()).await;
        }
        assert_eq!(
            store.open_calls(phone).await.unwrap(),
            [first.id, second.id]
        );
        let claim = async |call: &Call| {
            stand(store, call, DialMode::Acquire, &CallLimits::OFF, now())
                .await
                .claimed
        };
        let is_taken = async |call: &Call| {
            stand(store, call, DialMode::Peek, &CallLimits::OFF, now())
                .await
                .taken
        };
        assert!(claim(&first).await);
        assert!(claim(&first).await, "again for the same call");
        assert!(!claim(&second).await);
        assert!(is_taken(&second).await);
        assert!(!is_taken(&first).await, "by itself");
        let live = saved(store, Some(1), dialed(&first)).await;
        assert!(!claim(&second).await);
        let refused = step(
            &live,
            Event::Refused {
                attempt: 1,
                code: None,
            },
            now(),
        )
        .call;
        assert_eq!(refused.outcome(), Some(Outcome::Failed));
        saved(store, Some(live.version), refused).await;
        assert!(claim(&second).await);
        assert_eq!(store.open_calls(phone).await.unwrap(), [second.id]);
    }
}

#[tokio::test]
async fn a_line_that_was_taken_over_beside_another_keeps_its_number() {
    let store = Store::memory(StoreLimits {
        max_calls: 9,
        retention: SignedDuration::from_hours(24),
    });
    let first = saved(&store, None, call(1)).await;
    assert!(
        stand(&store, &first, DialMode::Acquire, &CallLimits::OFF, now())
            .await
            .claimed
    );
    let live = saved(&store, Some(1), dialed(&first)).await;
    let Ok(Saved::Done(adopted)) = store.adopt(dialed(&call(2))).await else {
        panic!("it is not held")
    };
    saved(&store, Some(live.version), finished_line(&live)).await;
    assert!(
        stand(&store, &call(3), DialMode::Peek, &CallLimits::OFF, now())
            .await
            .taken,
        "the other line is open"
    );
    saved(&store, Some(adopted.version), finished_line(&adopted)).await;
    assert!(
        !stand(&store, &call(3), DialMode::Peek, &CallLimits::OFF, now())
            .await
            .taken
    );
}

#[tokio::test]
async fn a_number_that_opted_out_stays_so_and_no_other() {
    for bench in benches() {
        let store = &bench.store;
        let (phone, other) = (
            call(1).reservation.phone,
            Phone::from_e164("+442079460018").unwrap(),
        );
        assert!(!store.is_opted_out(phone).await.unwrap());
        for _ in 0..2 {
            store.opt_out(phone, now()).await.unwrap();
            assert!(store.is_opted_out(phone).await.unwrap());
        }
        assert!(!store.is_opted_out(other).await.unwrap());
        let long = SignedDuration::from_hours(24 * 300);
        bench.forget(now() + long, long);
        assert!(store.is_opted_out(phone).await.unwrap());
    }
}

#[tokio::test]
async fn a_number_whose_staff_just_said_never_again_is_neither_taken_nor_counted() {
    let limits = CallLimits {
        number_hour: Some(1),
        number_day: Some(1),
        service_day: Some(1),
        ..CallLimits::OFF
    };
    for bench in benches() {
        let store = &bench.store;
        let never = example::keyed("9");
        assert_eq!(never.decision(), Some(Decision::OptedOut));
        // Its line was given back, and the number is not on the list yet.
        stand(store, &never, DialMode::Register, &limits, now()).await;
        saved(store, None, never).await;
        let refused = stand(store, &call(2), DialMode::Acquire, &limits, now()).await;
        assert!(refused.opted_out && !refused.claimed, "{refused:?}");
        let after = stand(store, &call(3), DialMode::Peek, &limits, now()).await;
        assert_eq!(
            (after.room, after.taken),
            (Room::default(), refused.taken),
            "nothing rang"
        );
    }
}

#[tokio::test]
async fn attempts_and_creates_are_counted_where_limits_want_it() {
    let limits = CallLimits {
        number_hour: Some(2),
        number_day: Some(3),
        key_minute: Some(1),
        service_day: Some(5),
    };
    for bench in benches() {
        let store = &bench.store;
        let at = |minutes| now() + SignedDuration::from_mins(minutes);
        let room = async |minutes| {
            let asked = call(9);
            let asking = DialRequest {
                is_new: true,
                ..asking(&asked, &limits, at(minutes))
            };
            store
                .request_dial(&asking, DialMode::Peek)
                .await
                .unwrap()
                .room
        };
        let rung = async |number: u8, minutes: i64| {
            let claimed = stand(
                store,
                &call(number),
                DialMode::Acquire,
                &limits,
                at(minutes),
            )
            .await
            .claimed;
            if claimed {
                let first = saved(store, None, call(number)).await;
                let live = saved(store, Some(1), dialed(&first)).await;
                let refused = step(
                    &live,
                    Event::Refused {
                        attempt: 1,
                        code: None,
                    },
                    now(),
                )
                .call;
                saved(store, Some(live.version), refused).await;
            }
            claimed
        };
        assert!(
            stand(store, &call(1), DialMode::Acquire, &limits, at(0))
                .await
                .claimed
        );
        store.release(&call(1), at(0)).await;
        assert_eq!(room(0).await, Room::default(), "it was not rung");
        assert!(rung(1, 0).await && rung(2, 10).await && !rung(3, 20).await);
        let at_20 = room(20).await;
        assert_eq!((at_20.number_hour, at_20.number_day), (Some(at(60)), None));
        assert!(rung(3, 60).await && !rung(4, 120).await);
        let at_120 = room(120).await;
        assert_eq!(
            (at_120.number_hour, at_120.number_day),
            (None, Some(at(24 * 60)))
        );
        bench.forget(at(24 * 60), SignedDuration::from_hours(24));
        assert_eq!(room(24 * 60).await, Room::default());
        let other = Call {
            owner: "other".into(),
            ..call(1)
        };
        let admit = async |call: &Call, minutes| {
            store
                .admit(&asking(call, &limits, at(minutes)))
                .await
                .unwrap()
        };
        assert!(admit(&call(1), 0).await);
        assert!(!admit(&call(1), 0).await);
        assert!(admit(&other, 0).await, "each key for itself");
        assert_eq!(room(0).await.key_minute, Some(at(1)));
        assert!(admit(&call(1), 1).await);
    }
}
