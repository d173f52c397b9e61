//! Properties that hold for every talk and every order of events.

use super::table::every_event;
use super::*;

proptest! {
    // Many talks end without a decision.
    #![proptest_config(ProptestConfig { max_global_rejects: 8_192, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_order_and_repetition_ends_in_the_same_verdict((events, decision) in talks(), order in proptest::collection::vec(any::<Index>(), 0..24), repeats in proptest::collection::vec(any::<Index>(), 0..6)) {
        let mut shuffled = events.clone();
        for (at, with) in order.iter().enumerate() {
            let len = shuffled.len();
            shuffled.swap(at % len, with.index(len));
        }
        let extra: Vec<_> = repeats.iter().map(|index| shuffled[index.index(shuffled.len())].clone()).collect();
        shuffled.extend(extra);
        let play = |events: &[PastEvent]| {
            settle(events.iter().fold(dialing(), |call, past| happen(&call, past)))
        };
        let (straight, crooked) = (play(&events), play(&shuffled));
        if let Some(decision) = decision {
            prop_assert_eq!(straight.state, State::Finished { outcome: verdict_of(decision) });
            prop_assert_eq!(crooked.state, straight.state);
        }
        prop_assert_eq!(crooked.attempts[0].ended, straight.attempts[0].ended);
        prop_assert_eq!(crooked.outcome(), straight.outcome());
    }

    #[test]
    fn a_pressed_key_is_never_called_no_key(
        (events, decision) in talks().prop_filter("staff decide", |(_, decision)| decision.is_some()),
        lost in proptest::collection::vec(any::<Index>(), 0..4)
    ) {
        // Everything may be lost but the last word of the staff and what followed it.
        let last = events.iter().rposition(|past| matches!(past.event, Event::Keyed { .. })).unwrap();
        let mut kept = events;
        let mut before = last;
        for index in lost {
            if before > 0 {
                kept.remove(index.index(before));
                before -= 1;
            }
        }
        let call = settle(kept.iter().fold(dialing(), |call, past| happen(&call, past)));
        prop_assert_eq!(call.outcome(), decision.map(verdict_of));
    }

    #[test]
    fn any_events_in_any_order_are_survived(indices in proptest::collection::vec((any::<Index>(), 0_i64..4_000), 0..60)) {
        let events = every_event();
        let mut call = queued();
        let mut now = 0;
        for (index, pause) in indices {
            now += pause;
            let event = index.get(&events).clone();
            let next = step(&call, event.clone(), after(now));
            prop_assert_eq!(next.changed, next.call != call);
            prop_assert!(!next.changed || next.call.version > call.version && next.call.updated_at > call.updated_at);
            prop_assert!(!call.is_finished() || next.call.state == call.state, "never leaves finished");
            prop_assert!(next.call.timeline.len() < 200);
            // Twilio's messages may come twice; empty searches and the passing of time are counted
            // on purpose.
            if !matches!(event, Event::Wake | Event::LookedUp { .. }) {
                let again = step(&next.call, event, after(now));
                prop_assert_eq!(again.call.outcome(), next.call.outcome(), "idempotent");
            }
            call = next.call;
        }
    }

    #[test]
    fn no_call_stays_unfinished_for_ever(indices in proptest::collection::vec(any::<Index>(), 0..20)) {
        let events = every_event();
        let mut call = indices.iter().fold(queued(), |call, index| step(&call, index.get(&events).clone(), after(2)).call);
        let mut wakes = 0;
        while let Some(at) = call.wake_at() {
            let woken = step(&call, Event::Wake, at);
            call = woken.call;
            for effect in woken.effects {
                if effect == Effect::Consider {
                    call = step(&call, Event::Dial { from: from() }, at).call;
                }
            }
            wakes += 1;
            prop_assert!(wakes < 2_000, "{:?}", call.state);
        }
        prop_assert!(call.is_finished());
    }
}
