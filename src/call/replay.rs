//! Events that happen once more, to a call that others have changed meanwhile: what came while a shared
//! store was away. `step` tolerates late and repeated events.

use jiff::Timestamp;

use super::event::Event;
use super::state::Call;
use super::step::step;

/// An event with the time at which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEvent {
    /// The event.
    pub event: Event,
    /// Time at which it happened.
    pub at: Timestamp,
}

/// Applies past events to `call`, as others left it. `None`: they change nothing.
///
/// Their effects were performed when they happened first; whatever is left to do has its time in the
/// call.
#[must_use]
pub fn replay(call: &Call, events: &[PastEvent]) -> Option<Call> {
    let mut newest: Option<Call> = None;
    for PastEvent { event, at } in events {
        let step = step(newest.as_ref().unwrap_or(call), event.clone(), *at);
        if step.changed {
            newest = Some(step.call);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{AttemptRef, Decision, Input, example};
    use crate::domain::CallSid;

    #[test]
    fn a_key_that_was_kept_decides_what_others_left_open() {
        let on = AttemptRef {
            attempt: 1,
            sid: CallSid::from_bytes([7; 16]),
        };
        let now = example::start();
        let open = [
            Event::Dial {
                from: example::reservation().phone,
            },
            Event::Accepted(on),
        ]
        .into_iter()
        .fold(example::queued(1), |call, event| {
            step(&call, event, now).call
        });
        let key = Event::Keyed {
            on,
            position: example::first(),
            input: Input::digits("1"),
            sealed_at: now,
        };
        let kept = [Event::Accepted(on), key].map(|event| PastEvent { event, at: now });
        let merged = replay(&open, &kept).unwrap();
        assert_eq!(merged.decision(), Some(Decision::Accepted));
        assert_eq!(
            replay(&merged, &kept),
            None,
            "a second time changes nothing"
        );
    }
}
