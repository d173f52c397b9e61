//! Ten thousand hostile callees, on as many threads as there are processors. Prints how many of
//! which kind played and what came of them; ends with 1 when one was misunderstood.
//!
//! `cargo bench --bench callees` plays them all; `TABLECALL_CALLEES=COUNT:SEED` plays others. The
//! callees, their judge and what they play on are those of `tests/it/callees`, where a tenth of them
//! is a test.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unwrap_in_result,
    dead_code,
    reason = "it is a test that takes too long to be one, and uses a part of its helpers"
)]

#[path = "../../tests/it/callees/mod.rs"]
mod callees;
#[path = "../../tests/it/support/mod.rs"]
mod support;

use support::{
    answer, app, call, documented, listeners, logs, needs, pair, phone, process, proxy, real_time,
    redis_server, webhook,
};

/// Callees of a whole run.
const ALL: u64 = 10_000;

fn main() -> std::process::ExitCode {
    let wanted = callees::wanted(ALL);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = (wanted.end - wanted.start).div_ceil(threads).max(1);
    let play = |first: u64| {
        let seeds = first..wanted.end.min(first + share);
        // Time moves by hand, so all that one app does is on one thread.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(callees::play(seeds))
    };
    let mut report = callees::Report::default();
    std::thread::scope(|scope| {
        let firsts = (wanted.start..wanted.end).step_by(share as usize);
        let playing: Vec<_> = firsts
            .map(|first| scope.spawn(move || play(first)))
            .collect();
        for part in playing {
            report.add(part.join().expect("the stage stands"));
        }
    });
    report.print();
    for failure in &report.failures {
        callees::Report::say(failure);
    }
    if report.failures.is_empty() {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}
