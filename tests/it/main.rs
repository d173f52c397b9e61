//! The whole app over real HTTP on every leg: its real server, the simulated carrier, and phones
//! that tests pick up.
//!
//! Tests read as sentences: somebody asks, a phone rings, it hears, it presses. Time is simulated
//! and moves only where a test lets it; what takes real time is bounded by [`within`](support::app::within). Nothing
//! here may sleep or try twice.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unwrap_in_result,
    reason = "a test that cannot go on fails"
)]

/// Leaves a test out if one of these programs is not installed (`support/needs.rs`).
macro_rules! needs {
    ($($program:literal),+) => {
        if crate::needs::lacks(&[$($program),+]) {
            return;
        }
    };
}

mod browser;
mod support;

use support::{
    answer, app, call, collector, documented, front, instances, listeners, logs, mortal, needs,
    pair, phone, process, proxy, real_time, receiver, redis_server, sentinels, webhook,
};

mod accepted;
mod agents;
mod answers;
mod attempts;
mod authorities;
mod browsers;
mod callback;
mod callees;
mod cancel;
mod carrier;
mod carrier_health;
mod changes;
mod checks;
mod clock_steps;
mod command;
mod commands;
mod crowd;
mod death;
mod deploy;
mod dialling;
mod differing_keys;
mod door;
mod environment;
mod events;
mod events_faults;
mod events_process;
mod events_survive;
mod examined;
mod expecting;
mod faults;
mod fixtures;
mod fronts;
mod kill;
mod lapsed;
mod listed;
mod lines;
mod metrics;
mod opt_out;
mod openapi;
mod openings;
mod other_carrier;
mod privacy;
mod proxy_protocol;
mod public_url;
mod readme;
mod refused_webhooks;
mod reported;
mod requests;
mod redis_away;
mod redis_refuses;
mod redis_served;
mod redis_stops;
mod redis_tls;
mod restart;
mod several;
mod speech;
mod soak;
mod stopping;
mod story;
mod strict;
mod tickets;
mod told_to_stop;
mod traced;
mod trial;
mod trust;
mod unwritten;
mod voicemail;
mod watched;
mod words;
