//! A call as it is kept in memory: whole while it is open, packed once it is finished.
//!
//! A finished call is read now and then for a day, and there are a hundred thousand of them; packed
//! it takes a quarter of the room.

use std::sync::Arc;

use crate::call::Call;
use crate::domain::{CallId, LaterFields};

/// A call, one way or the other.
#[derive(Debug)]
pub(super) enum PackedCall {
    /// It may still change.
    Open(Arc<Call>),
    /// It is finished: postcard's form of it.
    Packed(Box<[u8]>),
}

impl PackedCall {
    /// Packs a call that is finished.
    pub(super) fn new(call: &Arc<Call>) -> Self {
        let packed = call
            .is_finished()
            .then(|| {
                let bytes = postcard::to_allocvec(&**call).ok()?;
                postcard::to_extend(&LaterFields::of(&call.reservation), bytes).ok()
            })
            .flatten();
        packed.map_or_else(
            || Self::Open(call.clone()),
            |bytes| Self::Packed(bytes.into()),
        )
    }

    /// The call. `None` cannot happen: what was packed here is read by the same program.
    pub(super) fn call(&self) -> Option<Arc<Call>> {
        match self {
            Self::Open(call) => Some(call.clone()),
            Self::Packed(bytes) => {
                let (mut call, rest) = postcard::take_from_bytes::<Call>(bytes).ok()?;
                LaterFields::read(rest).complete(Arc::make_mut(&mut call.reservation));
                Some(Arc::new(call))
            }
        }
    }

    /// The call, if it is open.
    pub(super) const fn open(&self) -> Option<&Arc<Call>> {
        match self {
            Self::Open(call) => Some(call),
            Self::Packed(_) => None,
        }
    }

    /// Its version.
    pub(super) fn version(&self) -> Option<u64> {
        match self {
            Self::Open(call) => Some(call.version),
            // The fields of `Call` in their order.
            Self::Packed(bytes) => postcard::take_from_bytes(bytes)
                .ok()
                .map(|((_, version), _): ((CallId, u64), _)| version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, example, step};

    #[test]
    fn a_finished_call_is_packed_and_comes_back_as_it_was() {
        let open = Arc::new(example::queued(1));
        assert!(Arc::ptr_eq(&PackedCall::new(&open).call().unwrap(), &open));
        let finished = Arc::new(step(&open, Event::Cancel, example::start()).call);
        let kept = PackedCall::new(&finished);
        assert!(kept.open().is_none());
        assert_eq!(kept.version(), Some(finished.version));
        assert_eq!(kept.call().unwrap(), finished);
    }

    #[test]
    fn the_entry_of_the_map_is_small() {
        assert_eq!(size_of::<PackedCall>(), 16);
    }
}
