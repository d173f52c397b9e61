//! The call: a pure state machine.
//!
//! [`step`](step::step) takes a call, an event and the time, and gives the call that results, what the restaurant
//! hears, and what is to be done. It does no I/O and reads no clock; it never panics; an event that
//! comes late, twice or in another order ends in the same verdict. Start with [`state::Call`], then
//! read [`step()`].
//!
//! The result of each event in each state, printed by the test `the_table_is_the_machine`:
//!
#![doc = include_str!("table.md")]

mod attempt;
mod callback;
mod cancel;
mod carrier_status;
mod decision;
mod key_text;
mod keys;
mod line;
mod lookup;
mod machine;
mod offer;
mod outcome;
mod replay;
mod spoken_intent;
mod transcript;
mod conclude;
mod words;

pub mod event;
pub mod position;
pub mod state;
pub mod step;
pub mod talk;
pub mod timeline;
pub mod timing;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

pub use attempt::Attempt;
pub use carrier_status::{AccountTier, CarrierStatus, FinalStatus, Machine};
pub use decision::Decision;
pub use event::{AttemptRef, Closing, Effect, Event, LookupResult, PressedKey};
pub use key_text::KeyText;
pub use keys::milliseconds;
pub use outcome::{Ended, Outcome, WaitingFor};
pub use position::{PromptTiming, TalkPosition, TalkStage};
pub use replay::{PastEvent, replay};
pub use spoken_intent::SpokenIntent;
pub use state::{Call, CarryOver, Evidence, State};
pub use step::step;
pub use talk::{Apology, Goodbye, Input, Opening, Reply, RepromptReason};
pub use timeline::{TimelineEntry, TimelineEvent};
