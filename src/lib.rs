//! Tablecall phones a restaurant, reads a table reservation aloud, and brings back the answer pressed on the keypad.
//!
//! ARCHITECTURE.md is the map. A module imports only modules that stand above it in this list.

pub mod clock;
pub mod domain;
pub mod call;
pub mod speech;
pub mod simulator;
pub mod twilio;
