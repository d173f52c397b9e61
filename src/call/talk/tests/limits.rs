//! The longest talk.

use super::*;

#[test]
fn no_talk_is_endless() {
    for key in ["*", "7", "3", "0000", "9999"] {
        let mut reply = open(0, 0);
        let mut replies = 1;
        while let Some(position) = reply.listen() {
            reply = answer(position, Input::digits(key), 0, &FACTS).1;
            replies += 1;
        }
        assert!(replies <= usize::from(MOST_REPLIES), "{key}: {replies}");
    }
    let late = answer(
        first(),
        Input::digits("*"),
        u32::from(LONGEST_TALK) * 1_000,
        &FACTS,
    );
    assert_eq!(late.1, Reply::Goodbye(Goodbye::NoKey));
    let decided_late = answer(
        first(),
        Input::digits("1"),
        u32::from(LONGEST_TALK) * 1_000,
        &FACTS,
    );
    // It is listened to once more, for the rest of a row.
    assert!(matches!(
        decided_late.1,
        Reply::Decided {
            decision: Decision::Accepted,
            listen: Some(_)
        }
    ));
    let mut reply = open(0, 0);
    let mut replies = 1;
    let mut keys = ["1", "2"].into_iter().cycle();
    while let (Some(position), Some(key)) = (reply.listen(), keys.next()) {
        let moment = position.prompt.handed_out + THINKS;
        reply = timed(answer(position, Input::digits(key), moment, &FACTS).1);
        replies += 1;
    }
    assert_eq!(replies, usize::from(MOST_REPLIES) + 1);
}
