//! The cost of a webhook as calls grow in number, and as processes share a Redis. Prints figures;
//! asserts none of them.
//!
//! `cargo bench --bench scale` takes some four minutes and wants a machine with nothing else to do.
//! Figures that are to be compared come from one run, in turns, so that whatever disturbs one
//! disturbs the other.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on ends"
)]

mod carrier;
mod commands;
mod deployment;
mod growth;
#[path = "../hot/held.rs"]
#[expect(dead_code, reason = "the other bench uses more of it")]
mod held;
mod memory;
mod play;
mod several;
#[path = "../hot/webhook.rs"]
mod webhook;

/// Prints a line of the report.
#[expect(clippy::print_stdout, reason = "a report is what this is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // `cargo bench -- growth` runs one part; cargo itself adds `--bench`.
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let runs = |part: &str| wanted.as_deref().is_none_or(|wanted| wanted == part);
    if runs("growth") {
        growth::run();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if runs("memory") {
        runtime.block_on(memory::run());
    }
    if runs("several") {
        runtime.block_on(several::run());
    }
    if runs("commands") {
        runtime.block_on(commands::run());
    }
}
