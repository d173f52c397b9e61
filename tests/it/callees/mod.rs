//! Ten thousand hostile callees: whoever and whatever may pick up, in every language and with every
//! fault of the carrier. Nothing may be taken for an answer that was none.
//!
//! A number, the seed, says everything about a callee: who it is, what it is spoken to in, what goes
//! wrong on its line. So a callee that was misunderstood can be played again alone, with the seed
//! that the failure names: `TABLECALL_CALLEES=1:SEED`. Without that variable a thousand play, each
//! fault with most kinds of callees; `cargo bench --bench callees` plays ten thousand.
//!
//! The judge (`judge`) knows what a callee meant, what it pressed and said, and what came of the
//! call in the API. It knows nothing of the conversation.

mod callee;
mod dice;
mod fault;
mod judge;
mod kind;
mod report;
mod stage;
mod typed_time;
mod words;

pub(crate) use report::Report;

/// Plays the callees with these seeds.
pub(crate) async fn play(seeds: std::ops::Range<u64>) -> Report {
    let mut report = Report::default();
    let mut first = seeds.start;
    while first < seeds.end {
        let end = seeds.end.min(first.saturating_add(stage::CALLEES));
        report.add(stage::play(first..end).await);
        first = end;
    }
    report
}

/// Number of callees, and seed: of `TABLECALL_CALLEES` (`1000` or `1000:SEED`).
#[expect(
    clippy::disallowed_methods,
    reason = "how many callees play is asked of who starts the tests"
)]
pub(crate) fn wanted(usual: u64) -> std::ops::Range<u64> {
    let told = std::env::var("TABLECALL_CALLEES").unwrap_or_default();
    let (count, seed) = told.split_once(':').unwrap_or((&told, ""));
    let (count, seed): (u64, u64) = (count.parse().unwrap_or(usual), seed.parse().unwrap_or(0));
    seed..seed.saturating_add(count)
}

#[tokio::test]
async fn no_callee_is_taken_to_have_said_what_it_did_not_mean() {
    let report = play(wanted(1_000)).await;
    report.print();
    assert!(
        report.failures.is_empty(),
        "{}",
        report.failures.join("\n\n")
    );
}
