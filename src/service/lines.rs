//! Lines that are open, where their number is limited (`TWILIO_LINES`).

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::dialler::Dialler;
use crate::domain::CallId;
use crate::store::StartRate as _;

/// After this time it is asked again whether a line is free, if none was.
const LINES_AGAIN: SignedDuration = SignedDuration::from_secs(1);

impl Dialler {
    /// Takes one of the lines that all instances share (`TWILIO_LINES`); `false`: none is free.
    pub(super) async fn open_line(&self, id: CallId, now: Timestamp) -> Result<bool, ServiceError> {
        let Some(most) = self.settings.lines else {
            return Ok(true);
        };
        let opened = self.engine.store.open_line(id, most, now).await?;
        let full_until = (!opened).then(|| clock::later(now, LINES_AGAIN));
        *self.lines_full.lock() = full_until;
        Ok(opened)
    }

    /// Counts the line of a call that was taken over, whether one is free or not.
    pub(super) async fn note_line(&self, id: CallId) {
        if self.settings.lines.is_some() {
            // If it cannot be counted, one line too many may be open for a while.
            let now = self.engine.now();
            let _counted = self.engine.store.open_line(id, u32::MAX, now).await;
        }
    }

    /// Gives a line back.
    pub(super) async fn close_line(&self, id: CallId) {
        if self.settings.lines.is_some() {
            self.engine.store.close_line(id).await;
            *self.lines_full.lock() = None;
        }
    }

    /// Returns whether those who wait for their turn keep their places because no line is free.
    pub(super) async fn are_lines_full(&self, now: Timestamp) -> bool {
        let store = &self.engine.store;
        let Some(most) = self.settings.lines.filter(|_| store.next_start().is_some()) else {
            return false;
        };
        if self.lines_full_until(now).is_some() {
            return true;
        }
        // The line of no call.
        let id = CallId::from_bytes([0; 16]);
        let is_full = matches!(store.has_free_line(id, most, now).await, Ok(false));
        if is_full {
            *self.lines_full.lock() = now.saturating_add(LINES_AGAIN).ok();
        }
        is_full
    }

    /// Time to look for a free line again; `None`: one may be free.
    pub(super) fn lines_full_until(&self, now: Timestamp) -> Option<Timestamp> {
        // A clock that was set back does not make it longer.
        let longest = clock::later(now, LINES_AGAIN);
        self.lines_full
            .lock()
            .filter(|until| *until > now && *until <= longest)
    }
}
