//! The spans of a call: requests to Twilio, each attempt, and at its end the whole call.
//!
//! Without a collector nothing here does anything.

use super::engine::CallEngine;
use crate::call::{Call, TimelineEntry, TimelineEvent};
use crate::telemetry::traces::{Attribute, FinishedSpan, SpanRole};

impl CallEngine {
    /// Exports the span of an attempt when it ends, and the span of the call when it is finished.
    pub(super) fn trace_entry(&self, call: &Call, entry: TimelineEntry) {
        let (Some(traces), Some(parent)) = (self.traces.as_ref(), call.carry_over.trace) else {
            return;
        };
        let id = Attribute::new("tablecall.call.id", call.id.to_string());
        let word = |name: &'static str, word: &'static str| Attribute::new(name, word);
        let (name, from, attributes) = match (entry.what, call.attempts.last()) {
            (TimelineEvent::Ended(because), Some(last)) => {
                let number = Attribute::new("tablecall.attempt", i64::from(last.number));
                (
                    "attempt",
                    last.started_at,
                    vec![id, number, word("tablecall.ended", because.word())],
                )
            }
            (TimelineEvent::Finished(outcome), _) => {
                let attempts = i64::try_from(call.attempts.len()).unwrap_or(i64::MAX);
                let attempts = Attribute::new("tablecall.attempts", attempts);
                (
                    "call",
                    call.created_at,
                    vec![id, attempts, word("tablecall.outcome", outcome.word())],
                )
            }
            _ => return,
        };
        let since = call.timeline.iter().filter(|told| told.at >= from);
        let happened = since.map(|told| {
            let detail = told
                .what
                .detail()
                .map(|detail| format!(" {detail}"))
                .unwrap_or_default();
            (told.at, format!("{}{detail}", told.what.word()))
        });
        let past = FinishedSpan {
            parent,
            name: name.into(),
            side: SpanRole::Own,
            attributes,
            failed: None,
        };
        traces.past(past, from, entry.at, happened.collect());
    }
}
