//! Another time that staff typed, and the line that ends before they confirm it.

use super::*;
use crate::call::timeline::TimelineEntry;

/// A talk of these keys, each pressed when its document was heard; then staff hang up.
fn hangs_up_after(keys: &[&str]) -> Call {
    let (mut call, mut position) = (in_progress(), first());
    for digits in keys {
        let pressed = Event::Keyed {
            on: ON,
            position,
            input: input(digits),
            sealed_at: start(),
        };
        let next = step(&call, pressed, after(1));
        position = next.reply.and_then(|reply| reply.listen()).unwrap();
        call = next.call;
    }
    settle(run(&call, &[closed(FinalStatus::Completed)]))
}

fn words(call: &Call) -> Vec<&'static str> {
    call.timeline
        .iter()
        .map(|entry| entry.what.word())
        .collect()
}

#[test]
fn a_time_that_was_typed_before_hanging_up_is_an_offer() {
    // The guest would take 18:00 to 21:00.
    for keys in [
        &["3", "2200"][..],
        &["3", "2015", "2", "2200"],
        &["3", "9999", "2200"],
        &["3", "2200", "*"],
        &["1", "3", "2200"],
    ] {
        let call = hangs_up_after(keys);
        assert_eq!(
            call.state,
            State::Finished {
                outcome: Outcome::Countered
            },
            "{keys:?}"
        );
        let offered = call.offered_time().unwrap().time();
        assert_eq!(offered, jiff::civil::time(22, 0, 0, 0), "{keys:?}");
        let words = words(&call);
        assert!(words.contains(&"not_confirmed"), "{words:?}");
        let typed = |entry: &TimelineEntry| entry.what.detail().as_deref() == Some("22:00");
        assert!(call.timeline.iter().any(typed), "{:?}", call.timeline);
    }
}

#[test]
fn a_time_that_the_guest_allows_is_no_confirmation_without_its_key() {
    let call = hangs_up_after(&["3", "2015"]);
    assert_eq!(call.decision(), None);
    assert_eq!(call.state.status(), "queued", "they are asked once more");
    let words = words(&call);
    assert!(words.contains(&"time_typed") && !words.contains(&"not_confirmed"));
}

#[test]
fn a_time_that_staff_turned_away_from_is_no_offer() {
    for keys in [&["3", "2200", "2"][..], &["3", "2200", ""], &["3", "22000"]] {
        let call = hangs_up_after(keys);
        assert_eq!(call.decision(), None, "{keys:?}");
        assert_eq!(call.state.status(), "queued", "{keys:?}");
    }
}

#[test]
fn a_guest_who_canceled_gets_no_offer() {
    let (mut call, mut position) = (in_progress(), first());
    for digits in ["3", "2200"] {
        let next = step(&call, key(position, digits), after(1));
        position = next.reply.and_then(|reply| reply.listen()).unwrap();
        call = next.call;
    }
    let ends = [Event::Cancel, closed(FinalStatus::Completed)];
    let call = settle(run(&call, &ends));
    assert_eq!(call.outcome(), Some(Outcome::Canceled));
    assert_eq!(call.offered_time(), None);
}

#[test]
fn a_time_that_only_twilio_remembers_is_an_offer_too() {
    let asked = step(&in_progress(), key(first(), "3"), after(1));
    let position = asked.reply.and_then(|reply| reply.listen()).unwrap();
    let lost = Event::Resumed {
        on: ON,
        position: Some(position),
        sealed_at: start(),
    };
    let ended = run(&asked.call, &[lost, closed(FinalStatus::Completed)]);
    let keys = [(first(), "3"), (position, "2200"), (position, "")];
    let read = events_read(
        &ended,
        &keys.map(|(position, digits)| (position, digits.to_owned())),
    );
    assert_eq!(read.outcome(), Some(Outcome::Countered));
}
