//! Number of callees of each kind, and their results.

use std::collections::BTreeMap;

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By kind of callee, then by outcome.
    kinds: BTreeMap<String, BTreeMap<String, u32>>,
    faults: BTreeMap<String, u32>,
    languages: BTreeMap<String, u32>,
    /// One text for each callee that was misunderstood.
    pub(crate) failures: Vec<String>,
}

impl Report {
    pub(super) fn count(&mut self, kind: &str, fault: &str, language: &str, outcome: &str) {
        let outcomes = self.kinds.entry(kind.to_owned()).or_default();
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
        *self.faults.entry(fault.to_owned()).or_default() += 1;
        *self.languages.entry(language.to_owned()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (kind, outcomes) in other.kinds {
            let known = self.kinds.entry(kind).or_default();
            for (outcome, count) in outcomes {
                *known.entry(outcome).or_default() += count;
            }
        }
        for (known, more) in [
            (&mut self.faults, other.faults),
            (&mut self.languages, other.languages),
        ] {
            for (name, count) in more {
                *known.entry(name).or_default() += count;
            }
        }
        self.failures.extend(other.failures);
    }

    /// Prints a line on the standard error.
    #[expect(clippy::print_stderr, reason = "a report is what a run is for")]
    pub(crate) fn say(line: &str) {
        eprintln!("{line}");
    }

    /// Prints the whole report.
    pub(crate) fn print(&self) {
        let counts = |counts: &BTreeMap<String, u32>| {
            let parts = counts.iter().map(|(name, count)| format!("{name} {count}"));
            parts.collect::<Vec<_>>().join(", ")
        };
        let total: u32 = self.faults.values().sum();
        Self::say(&format!(
            "callees: {total}, {} misunderstood",
            self.failures.len()
        ));
        for (kind, outcomes) in &self.kinds {
            let all: u32 = outcomes.values().sum();
            Self::say(&format!("  {all:>5} {kind}: {}", counts(outcomes)));
        }
        Self::say(&format!("  faults: {}", counts(&self.faults)));
        Self::say(&format!("  languages: {}", counts(&self.languages)));
    }
}
