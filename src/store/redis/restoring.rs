//! What stands beside the records and is stored again on a server that came back empty: numbers,
//! idempotency keys and lines of open calls, and the numbers that are never to be called.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Redis;
use super::witnesses::Witnesses;
use crate::call::{Call, State, WaitingFor};
use crate::domain::{CallId, Phone};
use crate::store::{CallStore as _, IdempotencyEntry, StartRate as _, StoreError};

/// Numbers that are written at a time.
const WRITTEN_AT_ONCE: usize = 64;

/// The most lines that wait to be closed; one beyond them counts until its time is over.
const MOST_UNCLOSED: usize = 65_536;

/// What this instance knows of the server's data outside the records.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Numbers whose staff asked not to be called again: those of the file, and those that this
    /// instance has heard since.
    opted_out: Mutex<HashSet<Phone>>,
    /// Whether open lines are counted (`TWILIO_LINES`).
    are_lines_counted: AtomicBool,
    /// Lines that may still count on the server, because it did not answer when they were opened or
    /// closed.
    pub(super) unclosed_lines: Mutex<HashSet<CallId>>,
    /// The other instances.
    pub(super) witnesses: Witnesses,
}

impl Remembered {
    /// With numbers that the server may not have yet.
    pub(super) fn new(opted_out: HashSet<Phone>) -> Self {
        Self {
            opted_out: Mutex::new(opted_out),
            are_lines_counted: AtomicBool::new(false),
            unclosed_lines: Mutex::default(),
            witnesses: Witnesses::default(),
        }
    }

    /// Notes a number that is on its way to the server.
    pub(super) fn opt_out(&self, phone: Phone) {
        self.opted_out.lock().insert(phone);
    }

    pub(super) fn is_opted_out(&self, phone: Phone) -> bool {
        self.opted_out.lock().contains(&phone)
    }

    pub(super) fn count_lines(&self) {
        self.are_lines_counted.store(true, Ordering::Relaxed);
    }

    pub(super) fn counts_lines(&self) -> bool {
        self.are_lines_counted.load(Ordering::Relaxed)
    }

    /// Notes a line that is to be closed as soon as the server answers.
    pub(super) fn note_unclosed_line(&self, id: CallId) {
        let mut unclosed = self.unclosed_lines.lock();
        if unclosed.len() < MOST_UNCLOSED {
            unclosed.insert(id);
        }
    }
}

impl Redis {
    /// Restores what belongs to a call whose record was stored again.
    pub(super) async fn restore_beside(&self, call: &Call) -> Result<(), StoreError> {
        if !call.is_finished() {
            self.adopt_line(call).await?;
        }
        if let Some(key) = call.carry_over.idempotency {
            // A client that asks again under its key must get this call, and not another one.
            self.set_idempotency_entry(key, IdempotencyEntry::of(call))
                .await?;
        }
        if call.has_line() && self.remembered.counts_lines() {
            self.open_line(call.id, u32::MAX, call.updated_at).await?;
        }
        if let State::Queued {
            waiting_for: Some(WaitingFor::Slot),
            ..
        } = call.state
        {
            self.enqueue(&call.owner, call.id).await?;
        }
        Ok(())
    }

    /// Restores what belongs to a call that this instance saved and whose record the cluster has kept: it lies on
    /// other masters, and one that took over may lack the last writes.
    pub(super) async fn restore_beside_kept(&self, id: CallId) -> Result<(), StoreError> {
        let call = match self.owned.get(id) {
            Some((known, _)) => Some(known.call),
            // Another instance has saved it since, perhaps after it had restored its own.
            None => self.load(id).await?,
        };
        match call {
            Some(call) => self.restore_beside(&call).await,
            None => Ok(()),
        }
    }

    /// Writes all known numbers, because the server may lack some.
    pub(super) async fn restore_opt_outs(&self) -> Result<(), StoreError> {
        if self.has_index().is_err() {
            return Ok(());
        }
        let phones: Vec<Phone> = self.remembered.opted_out.lock().iter().copied().collect();
        for phones in phones.chunks(WRITTEN_AT_ONCE) {
            let writes = phones.iter().map(|phone| self.write_opt_out(*phone));
            futures_util::future::try_join_all(writes).await?;
        }
        Ok(())
    }
}
