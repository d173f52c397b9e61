//! The outer edge: everything that speaks HTTP to others, and the only user of poem.
//!
//! It translates requests into use cases of `service` and their results into answers; it decides nothing about calls.

pub mod assets;
pub mod listener;
