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
mod said;
mod verdict;

pub mod event;
pub mod state;
pub mod step;
pub mod talk;
pub mod timeline;
pub mod turn;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

pub use event::{Closing, Effect, Event, Found, How, On, Step};
pub use kept::{Kept, again};
pub use said::Said;
pub use state::{
    Answer, Attempt, Baggage, Call, Ended, Evidence, Hearing, Line, Machine, Outcome, State, Terms,
    WaitingFor,
};
pub use step::step;
pub use talk::{Apology, Because, Goodbye, Input, Opening, Reply};
pub use timeline::{Entry, Keys, What};
pub use turn::{Decision, Place, Turn};
