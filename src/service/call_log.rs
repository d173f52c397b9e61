//! Logs the changes of a call, one line for each event. No line names a guest or a number.

use crate::call::{Call, Outcome, TimelineEntry, TimelineEvent};
use crate::telemetry::request;

use super::engine::CallEngine;

impl CallEngine {
    /// Logs a call that this process sees for the first time.
    pub(super) fn log_new(&self, call: &Call) {
        request::note_call(call.id.as_bytes());
        for entry in &call.timeline {
            log_entry(call, *entry);
        }
    }

    /// Logs and counts what is new about a call.
    pub(super) fn log_changes(&self, before: &Call, call: &Call) {
        for entry in call.timeline.iter().skip(before.timeline.len()) {
            log_entry(call, *entry);
            self.trace_entry(call, *entry);
        }
        self.count(before, call);
    }
}

/// Logs an entry of the timeline with its attempt; the first one with the call's owner, the last
/// one with its duration.
fn log_entry(call: &Call, entry: TimelineEntry) {
    let (id, event) = (call.id, entry.what.word());
    if entry.what == TimelineEvent::Created {
        let (key, language) = (&*call.owner, call.reservation.language.as_str());
        tracing::info!(call.id = %id, event, key, language, "call");
        return;
    }
    let detail = if is_numbered(entry.what) {
        None
    } else {
        entry.what.detail()
    };
    let detail = detail.as_deref();
    if let TimelineEvent::Ended(because) = entry.what
        && let Some(advice) = because.advice()
    {
        let attempt = attempt(call, entry.what);
        tracing::warn!(call.id = %id, attempt, event, detail, advice, "call");
        return;
    }
    let TimelineEvent::Finished(outcome) = entry.what else {
        tracing::info!(call.id = %id, attempt = attempt(call, entry.what), event, detail, "call");
        return;
    };
    let took = entry.at.duration_since(call.created_at).as_secs_f64() * 1_000.0;
    let attempts = call.attempts.len();
    if outcome == Outcome::Unknown {
        tracing::error!(call.id = %id, event, detail, attempts, duration_ms = took, "it was never learned what became of a call");
    } else {
        tracing::info!(call.id = %id, event, detail, attempts, duration_ms = took, "call");
    }
}

/// Returns whether all that there is to say is the number of the attempt.
const fn is_numbered(what: TimelineEvent) -> bool {
    matches!(
        what,
        TimelineEvent::Dialed(_) | TimelineEvent::Greeted(_) | TimelineEvent::MessageLeft(_)
    )
}

/// The attempt that an event is of.
fn attempt(call: &Call, what: TimelineEvent) -> Option<u8> {
    match what {
        TimelineEvent::Key { attempt, .. }
        | TimelineEvent::Silence { attempt, .. }
        | TimelineEvent::Spoken { attempt, .. }
        | TimelineEvent::TimeTyped { attempt, .. }
        | TimelineEvent::Dialed(attempt)
        | TimelineEvent::Greeted(attempt)
        | TimelineEvent::MessageLeft(attempt) => Some(attempt),
        TimelineEvent::Created
        | TimelineEvent::Waits(_)
        | TimelineEvent::CalledBack
        | TimelineEvent::Canceled
        | TimelineEvent::OfferAccepted(_)
        | TimelineEvent::Finished(_) => None,
        TimelineEvent::TakenOver
        | TimelineEvent::Accepted
        | TimelineEvent::TryLater
        | TimelineEvent::Refused(_)
        | TimelineEvent::Unanswered
        | TimelineEvent::Initiated
        | TimelineEvent::Ringing
        | TimelineEvent::Answered
        | TimelineEvent::NotConfirmed
        | TimelineEvent::Machine(_)
        | TimelineEvent::Ended(_) => call.attempts.last().map(|last| last.number),
    }
}
