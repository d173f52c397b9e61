//! The wire to Twilio: its words, the signature of its webhooks, its forms, and its REST interface.
//!
//! Nothing here knows what a reservation is, and nothing here decides what a call becomes. Twilio's
//! own names are kept. To read on: [`form`] splits a webhook's body, [`signature`] proves it,
//! [`webhook`] gives it types, and [`client`] places and ends calls.

pub mod sid;
pub mod word;
pub mod form;
pub mod signature;
pub mod webhook;
pub mod client;

pub use sid::AccountSid;
pub use word::{AnsweredBy, CallStatus, StatusCallbackEvent};
