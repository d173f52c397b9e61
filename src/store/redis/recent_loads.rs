//! Calls that were loaded a moment ago to be changed: the change needs what lies beside a call in
//! its record. What is here may be old, which the script that saves finds out. Bounded: of two
//! generations the older one is dropped when the younger one is full.

use std::collections::HashMap;
use std::mem;

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use super::record::Stored;
use crate::domain::CallId;

/// Calls in each generation.
const GENERATION: usize = 1_024;

type Generation = HashMap<CallId, Stored, FxBuildHasher>;

/// The calls.
#[derive(Debug, Default)]
pub(super) struct RecentLoads(Mutex<[Generation; 2]>);

impl RecentLoads {
    pub(super) fn put(&self, stored: &Stored) {
        let [young, old] = &mut *self.0.lock();
        if young.len() >= GENERATION {
            *old = mem::take(young);
        }
        young.insert(stored.call.id, stored.clone());
    }

    /// Takes out a call, if it is of this version.
    pub(super) fn take(&self, id: CallId, version: u64) -> Option<Stored> {
        let generations = &mut *self.0.lock();
        let mut taken = generations.iter_mut().filter_map(|calls| calls.remove(&id));
        taken.find(|stored| stored.call.version == version)
    }
}
