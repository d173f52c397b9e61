//! The record of what went over the wire, for the page and for tests. Bounded; it changes nothing.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

/// Exchanges that are kept.
const KEPT: usize = 5_000;
/// Characters of a body that are kept.
const BODY: usize = 16_384;

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Exchange {
    /// Position in the one row of versions.
    pub(super) id: u64,
    pub(super) at: Timestamp,
    /// `rest`: the service asked us; `webhook`: we asked the service.
    pub(super) direction: &'static str,
    /// `rest`, `voice`, `status`, `amd`.
    pub(super) kind: &'static str,
    pub(super) call_sid: Option<String>,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) params: Vec<(String, String)>,
    /// `X-Twilio-Signature`, if the request had one.
    pub(super) signature: Option<String>,
    pub(super) idempotency_token: Option<String>,
    /// Status of the answer; none if there was no answer.
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
    /// The failure, in words.
    pub(super) error: Option<String>,
    pub(super) milliseconds: u64,
}

/// The last exchanges, oldest first.
#[derive(Debug, Default)]
pub(super) struct ExchangeLog(VecDeque<Exchange>);

impl ExchangeLog {
    pub(super) fn push(&mut self, mut exchange: Exchange) {
        if let Some((cut, _)) = exchange.body.char_indices().nth(BODY) {
            exchange.body.truncate(cut);
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    /// The exchanges after version `after`.
    pub(super) fn after(&self, after: u64) -> impl Iterator<Item = &Exchange> {
        let from = self.0.partition_point(|exchange| exchange.id <= after);
        self.0.range(from..)
    }
}
