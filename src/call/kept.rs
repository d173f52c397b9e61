//! Events that are kept, to happen once more: what came while a shared store was away has to be
//! applied to what others made of the call meanwhile. `step` does not mind: it is indifferent to
//! late and repeated events.

use jiff::Timestamp;

use super::event::{Event, PressedKey};
use super::state::Call;
use super::step::step;
use super::talk::Input;

/// An event with its time, which borrows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    at: Timestamp,
    /// Without what it borrowed.
    event: Event<'static>,
    digits: Option<Box<str>>,
    keys: Option<Box<[PressedKey]>>,
}

impl Kept {
    /// Keeps what happened at `at`.
    #[must_use]
    pub fn new(event: Event<'_>, at: Timestamp) -> Self {
        let (mut digits, mut keys) = (None, None);
        let mut without = |input: Input<'_>| match input {
            Input::Digits(pressed) => {
                digits = Some(pressed.into());
                Input::Digits("")
            }
            Input::Silence => Input::Silence,
            Input::Spoken(said) => Input::Spoken(said),
        };
        let event = match event {
            Event::Keyed {
                on,
                position,
                input,
                sealed_at,
            } => Event::Keyed {
                on,
                position,
                input: without(input),
                sealed_at,
            },
            Event::CalledBack {
                attempt,
                position,
                input,
                sealed_at,
            } => Event::CalledBack {
                attempt,
                position,
                input: without(input),
                sealed_at,
            },
            Event::EventsRead {
                attempt,
                keys: read,
            } => {
                keys = read.map(Box::from);
                Event::EventsRead {
                    attempt,
                    keys: None,
                }
            }
            Event::Dial { from } => Event::Dial { from },
            Event::Hold { waiting_for, until } => Event::Hold { waiting_for, until },
            Event::Block(outcome) => Event::Block(outcome),
            Event::Reduced { attempt, terms } => Event::Reduced { attempt, terms },
            Event::Accepted(on) => Event::Accepted(on),
            Event::TryLater { attempt, until } => Event::TryLater { attempt, until },
            Event::Refused { attempt, code } => Event::Refused { attempt, code },
            Event::Unanswered { attempt } => Event::Unanswered { attempt },
            Event::Reached(on, line) => Event::Reached(on, line),
            Event::Fetched { on, sealed_at } => Event::Fetched { on, sealed_at },
            Event::Resumed {
                on,
                position,
                sealed_at,
            } => Event::Resumed {
                on,
                position,
                sealed_at,
            },
            Event::Detected(on, machine) => Event::Detected(on, machine),
            Event::Message { attempt, left } => Event::Message { attempt, left },
            Event::RingNow => Event::RingNow,
            Event::OptedOut => Event::OptedOut,
            Event::Closed(on, closing) => Event::Closed(on, closing),
            Event::LookedUp { attempt, found } => Event::LookedUp { attempt, found },
            Event::OfferAccepted { by } => Event::OfferAccepted { by },
            Event::Cancel => Event::Cancel,
            Event::Wake => Event::Wake,
            Event::Shutdown => Event::Shutdown,
        };
        Self {
            at,
            event,
            digits,
            keys,
        }
    }

    fn event(&self) -> Event<'_> {
        let digits = |input| match &self.digits {
            Some(pressed) => Input::Digits(pressed),
            None => input,
        };
        // The patterns name the events that borrow; `new` is where the compiler asks for a new one.
        if let Event::Keyed {
            on,
            position,
            input,
            sealed_at,
        } = self.event
        {
            return Event::Keyed {
                on,
                position,
                input: digits(input),
                sealed_at,
            };
        }
        if let Event::CalledBack {
            attempt,
            position,
            input,
            sealed_at,
        } = self.event
        {
            return Event::CalledBack {
                attempt,
                position,
                input: digits(input),
                sealed_at,
            };
        }
        if let Event::EventsRead { attempt, .. } = self.event {
            return Event::EventsRead {
                attempt,
                keys: self.keys.as_deref(),
            };
        }
        self.event
    }
}

/// What becomes of `call`, as others left it, when all of `kept` happens to it as well. `None`:
/// nothing new.
///
/// What they want done was done when they happened first; whatever is left to do has its time in
/// the call.
#[must_use]
pub fn again(call: &Call, kept: &[Kept]) -> Option<Call> {
    let mut newest: Option<Call> = None;
    for kept in kept {
        let step = step(newest.as_ref().unwrap_or(call), kept.event(), kept.at);
        if step.changed {
            newest = Some(step.call);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{AttemptRef, Decision, example};
    use crate::domain::Sid;

    #[test]
    fn a_key_that_was_kept_decides_what_others_left_open() {
        let on = AttemptRef {
            attempt: 1,
            sid: Sid::from_bytes([7; 16]),
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
        let pressed = String::from("1");
        let key = Event::Keyed {
            on,
            position: example::first(),
            input: Input::Digits(&pressed),
            sealed_at: now,
        };
        let kept = [Kept::new(Event::Accepted(on), now), Kept::new(key, now)];
        drop(pressed);
        let merged = again(&open, &kept).unwrap();
        assert_eq!(merged.decision(), Some(Decision::Accepted));
        assert_eq!(again(&merged, &kept), None, "a second time changes nothing");
    }
}
