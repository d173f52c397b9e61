//! Keys that Twilio remembers by whole seconds, and that this service did not receive.

use super::*;

/// A call in which 1 was pressed, and 2 so long after it; then it was silent. One webhook was
/// refused: that of the 2, or that of the silence. The call after its end, when Twilio's record was
/// read.
fn accepted_then_declined(accepted_at: u32, pause: u32, is_key_refused: bool) -> Call {
    let context = TalkContext::of(&reservation());
    let change = talk::answer(first(), input("1"), accepted_at, &context).1;
    let change = timed(change).listen().unwrap();
    let mut call = happen(&in_progress(), &past(key(first(), "1"), accepted_at));
    let declined_at = accepted_at + pause;
    let mut keys = vec![
        record(first(), "1", accepted_at),
        record(change, "2", declined_at),
    ];
    let (refused, refused_at) = if is_key_refused {
        (change, declined_at)
    } else {
        let silent = talk::answer(change, input("2"), declined_at, &context).1;
        call = happen(&call, &past(key(change, "2"), declined_at));
        let position = timed(silent).listen().unwrap();
        keys.push(record(position, "", declined_at + 13_000));
        (position, declined_at + 13_000)
    };
    keys.push(record(refused, "", refused_at));
    let fallback = Event::Resumed {
        on: ON,
        position: Some(refused),
        sealed_at: start(),
    };
    let resumed = super::super::step::step(&call, fallback, moment(refused_at));
    let again = resumed.reply.and_then(|reply| reply.listen()).unwrap();
    let silent_at = refused_at + 20_000;
    keys.push(record(again, "", silent_at));
    let silence = Event::Keyed {
        on: ON,
        position: again,
        input: Input::Silence,
        sealed_at: start(),
    };
    let call = happen(&resumed.call, &past(silence, silent_at));
    let end = past(closed(FinalStatus::Completed), silent_at + 1_000);
    let ended = happen(&call, &end);
    assert!(
        matches!(
            ended.state,
            State::Settling {
                from: Evidence::Events { .. },
                ..
            }
        ),
        "{:?}",
        ended.state
    );
    let read = Event::EventsRead {
        attempt: 1,
        keys: Some(keys.into_iter().collect()),
    };
    super::super::step::step(&ended, read, after(2_000)).call
}

fn past(event: Event, milliseconds: u32) -> PastEvent {
    PastEvent {
        event,
        at: moment(milliseconds),
    }
}

/// Twilio's record of a key whose webhook was answered at once.
fn record(position: TalkPosition, digits: &str, milliseconds: u32) -> PressedKey {
    let second = milliseconds - milliseconds % 1_000;
    PressedKey {
        position,
        digits: KeyText::new(digits),
        pressed_at: moment(second),
        pressed_by: moment(second + 1_000),
        sealed_at: start(),
    }
}

#[test]
fn a_refused_key_counts_by_the_moment_at_which_its_question_was_put_again() {
    for begin in (30_000..31_000).step_by(100) {
        let call = accepted_then_declined(begin, 2_000, true);
        assert_eq!(call.decision(), Some(Decision::Declined), "{begin}");
    }
}

#[test]
fn a_refused_key_of_a_row_decides_nothing() {
    for begin in (30_000..31_000).step_by(100) {
        let call = accepted_then_declined(begin, 1_000, true);
        assert_eq!(call.decision(), None, "{begin}: {:?}", call.state);
    }
}

#[test]
fn a_key_that_was_received_is_no_row_by_twilios_record_of_it() {
    for begin in (30_000..31_000).step_by(100) {
        let call = accepted_then_declined(begin, 2_000, false);
        assert_eq!(call.decision(), Some(Decision::Declined), "{begin}");
    }
}
