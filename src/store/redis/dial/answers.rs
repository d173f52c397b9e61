//! The answers of the scripts that grant a dial.

use jiff::Timestamp;

use crate::domain::CallId;
use crate::store::redis::Redis;
use crate::store::redis::moments::moment;
use crate::store::{Creates, DialRequest};

/// The scripts' answer about a number.
pub(super) type NumberAnswer = (u8, Vec<u8>, u8, String, String, Vec<Vec<u8>>);
/// The scripts' answer about the limits that all calls share.
pub(super) type LimitsAnswer = (u8, u8, String, String, String, usize, String);

/// The state of a number.
pub(super) struct NumberState {
    pub(super) opted_out: bool,
    /// The call that has the number, and when it took it.
    pub(super) live: Option<(CallId, Timestamp)>,
    pub(super) claimed: bool,
    pub(super) hour: Option<Timestamp>,
    pub(super) day: Option<Timestamp>,
    pub(super) others: Vec<OtherCall>,
}

/// Another open call to the number.
pub(super) struct OtherCall {
    pub(super) id: CallId,
    /// The entry in the sorted set.
    pub(super) entry: Vec<u8>,
    /// It is an identical request of the same API key.
    pub(super) identical: bool,
    pub(super) since: Timestamp,
}

/// The state of the limits that all calls share.
#[derive(Default)]
pub(super) struct LimitsState {
    pub(super) admitted: bool,
    pub(super) started: bool,
    pub(super) minute: Option<Timestamp>,
    pub(super) day: Option<Timestamp>,
    pub(super) slot: Option<Timestamp>,
    /// The owner's recent creates, including this one.
    pub(super) creates: Option<Creates>,
}

impl Redis {
    /// Reads the answer about a number.
    pub(super) fn number(&self, request: &DialRequest<'_>, answer: NumberAnswer) -> NumberState {
        let (opted_out, live, claimed, hour, day, others) = answer;
        let entry = self.names.entry(request.call);
        let other = |pair: &[Vec<u8>]| {
            let (open, at) = (pair.first()?, pair.get(1)?);
            Some(OtherCall {
                id: CallId::from_bytes(*open.first_chunk()?),
                entry: open.clone(),
                identical: open.get(16..) == entry.get(16..),
                since: moment(str::from_utf8(at).ok()?)?,
            })
        };
        let has = |live: &[u8]| {
            let (id, at) = live.split_first_chunk()?;
            Some((CallId::from_bytes(*id), moment(str::from_utf8(at).ok()?)?))
        };
        NumberState {
            opted_out: opted_out == 1
                || self.remembered.is_opted_out(request.call.reservation.phone),
            live: has(&live),
            claimed: claimed == 1,
            hour: moment(&hour),
            day: moment(&day),
            others: others.chunks_exact(2).filter_map(other).collect(),
        }
    }
}

/// Reads the answer about the limits.
pub(super) fn limits_of(request: &DialRequest<'_>, answer: &LimitsAnswer) -> LimitsState {
    let (admitted, started, minute, day, slot, made, oldest) = answer;
    let is_counted = request.is_new && request.limits.key_minute.is_some();
    LimitsState {
        admitted: *admitted == 1,
        started: *started == 1,
        minute: moment(minute),
        day: moment(day),
        slot: moment(slot),
        creates: is_counted.then(|| Creates {
            made: *made,
            oldest: moment(oldest),
        }),
    }
}
