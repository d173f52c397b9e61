//! The calls that an instance owns: what it learns of others' saves, and what is due.

use super::*;
use crate::call::{Event, example, step};

const ME: [u8; 16] = [1; 16];

fn stored(call: &Arc<Call>) -> Stored {
    Stored::after(None, call, ME)
}

fn next(call: &Arc<Call>) -> Arc<Call> {
    let from = call.reservation.phone;
    Arc::new(step(call, Event::Dial { from }, example::start()).call)
}

#[test]
fn a_call_is_owned_until_another_instance_saves_it() {
    let owned = OwnedCalls::default();
    let first = Arc::new(example::queued(1));
    let second = stored(&next(&first));
    owned.save(first.id).done(&stored(&first), 1);
    assert_eq!(owned.count(example::start()).statuses, [1, 0, 0, 0, 0]);
    owned.hand_over(first.id, stored(&first).stamp());
    assert!(owned.get(first.id).is_some(), "it was its own save");
    owned.hand_over(first.id, second.stamp());
    assert!(owned.get(first.id).is_none());
    assert_eq!(owned.count(example::start()), CallCounts::default());
    assert!(owned.open().is_empty());
}

#[test]
fn a_save_that_was_overtaken_before_its_answer_owns_nothing() {
    let owned = OwnedCalls::default();
    let first = Arc::new(example::queued(1));
    let save = owned.save(first.id);
    owned.hand_over(first.id, stored(&next(&first)).stamp());
    save.done(&stored(&first), 1);
    assert!(owned.get(first.id).is_none());
    owned.save(first.id).done(&stored(&first), 1);
    assert!(owned.get(first.id).is_some(), "that is over with the save");
}

#[test]
fn an_older_save_does_not_undo_a_newer_one() {
    let owned = OwnedCalls::default();
    let first = Arc::new(example::queued(1));
    let second = stored(&next(&first));
    let (slow, quick) = (owned.save(first.id), owned.save(first.id));
    quick.done(&second, 1);
    slow.done(&stored(&first), 1);
    assert_eq!(owned.stamp(first.id), Some(second.stamp()));
}

#[test]
fn what_is_due_is_handed_out_once_and_again_after_a_save() {
    let owned = OwnedCalls::default();
    let first = Arc::new(example::queued(1));
    owned.save(first.id).done(&stored(&first), 1);
    let now = example::start() + SignedDuration::from_hours(1);
    assert_eq!(owned.take_due(now, 9), (vec![first.id], true));
    assert_eq!(owned.take_due(now, 9), (vec![], false));
    owned.save(first.id).done(&stored(&next(&first)), 1);
    assert_eq!(owned.take_due(now, 9).0, [first.id]);
}

#[test]
fn what_was_loaded_tells_whether_it_is_owned_still() {
    let owned = OwnedCalls::default();
    let first = Arc::new(example::queued(1));
    owned.save(first.id).done(&stored(&first), 1);
    owned.note_loaded(first.id, stored(&first).stamp(), 2);
    assert_eq!(
        owned.get(first.id).map(|(_, connection)| connection),
        Some(2)
    );
    owned.note_loaded(first.id, stored(&next(&first)).stamp(), 2);
    assert!(owned.get(first.id).is_none());
}
