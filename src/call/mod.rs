//! The call.
pub mod talk;
pub mod turn;
