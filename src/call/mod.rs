//! The call: a pure state machine.
//!
//! [`step`](step::step) takes a call, an event and the time, and gives the call that results, what the restaurant
//! hears, and what is to be done. It does no I/O and reads no clock; it never panics; an event that
//! comes late, twice or in another order ends in the same verdict. Start with [`state::Call`], then
//! read [`step()`].
//!
//! What each event makes of each state, printed by the test `the_table_is_the_machine`:
//!
#![doc = include_str!("table.md")]

mod callback;
mod keys;
mod line;
mod machine;
mod kept;
mod offer;
mod spoken_intent;
mod verdict;

pub mod event;
pub mod state;
pub mod step;
pub mod talk;
pub mod timeline;
pub mod position;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

pub use event::{AttemptRef, Closing, Effect, Event, FinalStatus, LookupResult, PressedKey};
pub use kept::{Kept, again};
pub use keys::milliseconds;
pub use position::{Decision, PromptTiming, TalkPosition, TalkStage};
pub use spoken_intent::SpokenIntent;
pub use state::{
    AccountTier, Attempt, Call, CarrierStatus, CarryOver, Ended, Evidence, Machine, Outcome, State,
    WaitingFor,
};
pub use step::step;
pub use talk::{Apology, Goodbye, Input, Opening, Reply, RepromptReason};
pub use timeline::{TimelineEntry, TimelineEvent};
