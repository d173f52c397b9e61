//! A call as it is kept in memory: whole while it is being changed, else packed.
//!
//! A finished call is read now and then for a day, and an open one may wait for hours; packed it
//! takes a third of the room. Unpacking it costs about a microsecond.

use std::sync::Arc;

use jiff::Timestamp;

use crate::call::Call;
use crate::domain::{CallId, LaterFields};

/// The first byte of the packed form of an open call.
const OPEN: u8 = 0;
const FINISHED: u8 = 1;

/// A call, one way or the other.
#[derive(Debug)]
pub(super) enum PackedCall {
    Whole(Arc<Call>),
    /// One byte, set if it is finished; then postcard's form of it without its id, which is known
    /// at each place that holds it.
    Packed(Box<[u8]>),
}

impl PackedCall {
    /// Keeps a call whole, or packs it if it is finished.
    pub(super) fn new(call: &Arc<Call>) -> Self {
        let mut kept = Self::Whole(call.clone());
        if call.is_finished() {
            kept.pack();
        }
        kept
    }

    /// Packs a call that is kept whole.
    pub(super) fn pack(&mut self) {
        let Self::Whole(call) = self else { return };
        let state = if call.is_finished() { FINISHED } else { OPEN };
        let packed = postcard::to_allocvec(&**call).ok().and_then(|bytes| {
            let rest = bytes.get(id(call.id).len()..)?;
            let packed = [&[state], rest].concat();
            postcard::to_extend(&LaterFields::of(&call.reservation), packed).ok()
        });
        if let Some(packed) = packed {
            *self = Self::Packed(packed.into());
        }
    }

    /// The call. `None` cannot happen: what was packed here is read by the same program.
    pub(super) fn call(&self, known: CallId) -> Option<Arc<Call>> {
        match self {
            Self::Whole(call) => Some(call.clone()),
            Self::Packed(bytes) => {
                let bytes = [&id(known), bytes.get(1..)?].concat();
                let (mut call, rest) = postcard::take_from_bytes::<Call>(&bytes).ok()?;
                LaterFields::read(rest).complete(Arc::make_mut(&mut call.reservation));
                Some(Arc::new(call))
            }
        }
    }

    /// The call, if it is open.
    pub(super) fn open(&self, id: CallId) -> Option<Arc<Call>> {
        self.is_open().then(|| self.call(id)).flatten()
    }

    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Whole(call) => !call.is_finished(),
            Self::Packed(bytes) => bytes.first() == Some(&OPEN),
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Time at which it is to be looked at.
    pub(super) fn wake_at(&self, id: CallId) -> Option<Timestamp> {
        self.open(id)?.wake_at()
    }

    /// Its version.
    pub(super) fn version(&self) -> Option<u64> {
        match self {
            Self::Whole(call) => Some(call.version),
            // The first field of `Call` after its id.
            Self::Packed(bytes) => postcard::take_from_bytes(bytes.get(1..)?)
                .ok()
                .map(|(version, _)| version),
        }
    }
}

/// The id of a call as it begins postcard's form of the call.
fn id(id: CallId) -> Vec<u8> {
    postcard::to_allocvec(&id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, example, step};

    #[test]
    fn a_finished_call_is_packed_and_comes_back_as_it_was() {
        let open = Arc::new(example::queued(1));
        let kept = PackedCall::new(&open);
        assert!(Arc::ptr_eq(&kept.call(open.id).unwrap(), &open));
        let finished = Arc::new(step(&open, Event::Cancel, example::start()).call);
        let kept = PackedCall::new(&finished);
        assert!(!kept.is_open() && kept.open(finished.id).is_none());
        assert_eq!(kept.version(), Some(finished.version));
        assert_eq!(kept.call(finished.id).unwrap(), finished);
    }

    #[test]
    fn opening_hours_are_packed_with_their_call() {
        let mut open = example::queued(1);
        Arc::make_mut(&mut open.reservation).opening_hours = "Tu-Su 12:00-14:30".parse().ok();
        let open = Arc::new(open);
        let mut kept = PackedCall::new(&open);
        kept.pack();
        let read = kept.call(open.id).unwrap();
        assert!(read.reservation.opening_hours.is_some());
        assert_eq!(read, open);
    }

    #[test]
    fn an_open_call_that_is_packed_stays_open() {
        let open = Arc::new(example::queued(1));
        let mut kept = PackedCall::new(&open);
        kept.pack();
        assert!(kept.is_open() && !kept.is_whole());
        assert_eq!(kept.version(), Some(open.version));
        assert_eq!(kept.wake_at(open.id), open.wake_at());
        assert_eq!(kept.open(open.id), Some(open));
    }

    #[test]
    fn the_entry_of_the_map_is_small() {
        assert_eq!(size_of::<PackedCall>(), 16);
    }
}
