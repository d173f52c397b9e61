//! Keys that were heard while the reply to them was lost: Twilio asks the fallback, and the talk goes on from the key.

use super::*;

fn resumed<'a>(turn: Turn) -> Event<'a> {
    Event::Resumed { on: ON, turn: Some(turn), sealed_at: start() }
}

/// Hears the event, and gives the call with what the restaurant can press next.
fn told(call: &Call, event: Event<'_>) -> (Call, Option<Turn>) {
    let next = step(call, event, after(2));
    (next.call, next.reply.and_then(|reply| reply.listen()))
}

/// A talk in which replies may be lost after a key, and what the last key that was heard decided.
fn talk_with_losses(keys: &[(&str, bool)]) -> (Call, Option<Decision>) {
    let facts = Facts::of(&reservation());
    let (mut call, mut turn) = told(&dialing(), fetched());
    let mut decision = None;
    for (key, is_lost) in keys {
        let Some(at) = turn else { break };
        match talk::answer(at, input(key), 0, &facts).0 {
            Heard::Decided(new) => decision = Some(new),
            Heard::Withdrawn => decision = None,
            Heard::Nothing => {}
        }
        (call, turn) = told(&call, Event::Keyed { on: ON, turn: at, input: input(key), sealed_at: start() });
        if *is_lost {
            (call, turn) = told(&call, resumed(at));
        }
    }
    (settle(run(&call, &[closed(How::Completed)])), decision)
}

#[test]
fn silence_after_the_fallback_leaves_a_heard_key_standing() {
    for (key, outcome) in [("1", Outcome::Confirmed), ("2", Outcome::Rejected)] {
        let (call, _) = talk_with_losses(&[("*", false), (key, true), ("", false), ("", false), ("", false)]);
        assert_eq!(call.state, State::Finished { outcome });
    }
}

#[test]
fn the_fallback_reads_back_the_key_whose_reply_was_lost() {
    let first = Turn::first(0);
    let (call, _) = told(&in_progress(), key(first, "1"));
    let reply = step(&call, resumed(first), after(2)).reply;
    assert!(matches!(reply, Some(Reply::Decided { decision: Decision::Accepted, listen: Some(_) })), "{reply:?}");
    let (call, _) = told(&in_progress(), key(first, "9"));
    let reply = step(&call, resumed(first), after(2)).reply;
    assert!(matches!(reply, Some(Reply::AskOptOut { .. })), "{reply:?}");
}

#[test]
fn a_wish_that_was_taken_back_stays_so_after_the_fallback() {
    let (call, decision) = talk_with_losses(&[("9", false), ("2", true), ("", false)]);
    assert_eq!((decision, call.decision()), (None, None));
    let (call, _) = talk_with_losses(&[("9", false), ("2", true), ("1", false)]);
    assert_eq!(call.state, State::Finished { outcome: Outcome::Confirmed });
}

#[test]
fn a_time_that_was_typed_is_read_back_after_the_fallback() {
    for lost in 0..3 {
        let keys = ["3", "2015", "1"];
        let keys: Vec<_> = keys.iter().enumerate().map(|(at, key)| (*key, at == lost)).collect();
        let (call, _) = talk_with_losses(&keys);
        assert_eq!(call.state, State::Finished { outcome: Outcome::Confirmed }, "the reply to key {lost} was lost");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_talk_ends_the_same_whichever_replies_were_lost(keys in proptest::collection::vec((prop::sample::select(vec!["", "1", "2", "3", "9", "*", "7", "2015", "9999", "yes", "no"]), any::<bool>()), 0..10)) {
        let (call, decision) = talk_with_losses(&keys);
        let whole: Vec<_> = keys.iter().map(|(key, _)| (*key, false)).collect();
        let (without, expected) = talk_with_losses(&whole);
        prop_assert_eq!((call.decision(), call.outcome()), (without.decision(), without.outcome()));
        prop_assert_eq!((call.decision(), decision), (expected, expected));
    }
}
