//! Tablecall phones a restaurant, reads a table reservation aloud, and brings back the answer
//! pressed on the keypad.
//!
//! The public modules are what the program and the tests of whole calls use. Everything else is
//! private, so that the compiler finds what nothing uses; [`internals`] shows some of it to benches
//! and fuzz targets. ARCHITECTURE.md is the map. A module imports only modules that stand
//! above it in this list; `tests/tidy.rs` holds it. The clock and the fake Twilio are crates of
//! their own (`crates/`).

mod unescaped;
mod telemetry;
mod domain;
mod call;
mod policy;
mod ticket;
mod twilio;
mod speech;
mod store;
mod service;
mod notify;
pub mod mcp;
mod http;
pub mod config;
pub mod app;
pub mod doctor;
pub mod remote;

pub use http::{endpoint, problem::Code, render_json, render_yaml};
pub use telemetry::reports::{Destination, Reports};
pub use telemetry::{
    DEFAULT_FILTER as DEFAULT_LOG_FILTER, Format, Guard, filter as log_filter,
    init as init_telemetry, layer as log_layer,
};
pub use ticket::Key as TicketKey;
pub use twilio::client::{http_client, http_client_builder, http_client_trusting, tls_config};

/// Parts that are no interface: for benches, fuzz targets and tests alone.
#[doc(hidden)]
pub mod internals {
    pub use crate::call::{
        AccountTier, AttemptRef, Call, CarrierStatus, CarryOver, Ended, Event, Opening, Outcome,
        PromptTiming, Reply, RepromptReason, TalkPosition, TalkStage, WaitingFor, step,
    };
    pub use crate::domain::{
        CallId, CallSid, Country, Name, OfferedTime, PartySize, Phone, Reservation, TableTime,
        Zone, zones,
    };
    pub use crate::http::api::example;
    pub use crate::service::intake;
    pub use crate::speech::{InputMode, RenderContext, Speech};
    pub use crate::store::{CallStore, Store, StoreLimits};
    pub use crate::ticket::{Head, Key, TicketBody, TicketPurpose, Tickets};
    pub use crate::twilio::form;
    pub use crate::twilio::signature::{
        SIGNATURE_HEADER, SignatureFailure, SignatureHeaders, Verifier, prove,
    };
    pub use crate::twilio::webhook::{AmdCallback, StatusCallback, VoiceRequest};
}
