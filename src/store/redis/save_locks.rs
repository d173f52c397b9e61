//! Locks that let one process save the changes of one call one after the other.

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::CallId;

/// The number of locks. Two calls with the same lock wait for each other, which costs a round trip.
const STRIPES: usize = 1_024;

/// Locks by which the saves of one call take turns.
#[derive(Debug)]
pub(super) struct SaveLocks(Vec<Mutex<()>>);

impl Default for SaveLocks {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::default()).collect())
    }
}

impl SaveLocks {
    /// Waits until no other save of this call is under way. Dropping the guard ends this one.
    pub(super) async fn lock(&self, id: CallId) -> Option<MutexGuard<'_, ()>> {
        let [.., high, low] = *id.as_bytes();
        let stripe = self
            .0
            .get(usize::from(u16::from_be_bytes([high, low])) % STRIPES)?;
        Some(stripe.lock().await)
    }
}
