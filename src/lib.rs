//! Tablecall phones a restaurant, reads a table reservation aloud, and brings back the answer
//! pressed on the keypad.
//!
//! ARCHITECTURE.md is the map. A module imports only modules that stand above it in this list;
//! `tests/tidy.rs` holds it.

pub mod clock;
pub mod unescaped;
pub mod telemetry;
pub mod domain;
pub mod call;
pub mod policy;
pub mod ticket;
pub mod twilio;
pub mod speech;
pub mod store;
pub mod service;
pub mod notify;
pub mod simulator;
pub mod http;
pub mod config;
pub mod app;
pub mod doctor;
pub mod remote;
