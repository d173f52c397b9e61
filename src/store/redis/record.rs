//! A call as bytes: its version in plain, so that a script can compare it, the rest sealed under
//! its name. The pending event lies in the same record, so that both change together.

use std::sync::Arc;

use jiff::Timestamp;

use crate::call::Call;
use crate::domain::{CallId, LaterFields};
use crate::store::{News, PendingEvent, StoreError};
use crate::ticket::Vault;

/// The version of the sealed form. An unknown version is reported as an error and never
/// overwritten.
const FORM: u8 = 1;

/// Before the moment until which an endpoint asked to be left alone, at the end of what is sealed.
const NOT_BEFORE: &[u8] = b"wait";

/// The value in the place of a revoked record, kept for as long as an instance may still hold the
/// call.
pub(super) const REVOKED: &[u8] = b"revoked";

/// Length of the stamp at the start of a record: the version of the call and the revision of its
/// entry, both big-endian.
pub(super) const STAMP: usize = 12;

/// A call and its place in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) call: Arc<Call>,
    /// The pending event; `None`: the client wants no events.
    pub(super) entry: Option<PendingEvent>,
    /// Counts changes of the entry alone.
    pub(super) revision: u32,
    /// The instance that saved it; `None`: one of a version that does not say so.
    pub(super) saved_by: Option<Instance>,
}

/// The id of an instance.
pub(super) type Instance = [u8; 16];

/// Version and revision of a record, by which the newer of two is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) version: u64,
    pub(super) revision: u32,
}

impl Stamp {
    /// The stamp of a record.
    pub(super) fn of(record: &[u8]) -> Option<Self> {
        let (version, rest) = record.split_first_chunk::<8>()?;
        let revision = rest.first_chunk::<4>()?;
        Some(Self {
            version: u64::from_be_bytes(*version),
            revision: u32::from_be_bytes(*revision),
        })
    }

    pub(super) fn bytes(self) -> [u8; STAMP] {
        let mut bytes = [0; STAMP];
        let (version, revision) = bytes.split_at_mut(8);
        version.copy_from_slice(&self.version.to_be_bytes());
        revision.copy_from_slice(&self.revision.to_be_bytes());
        bytes
    }
}

impl Stored {
    /// A call that is saved over `before`, or as the first.
    pub(super) fn after(before: Option<&Self>, call: &Arc<Call>, saved_by: Instance) -> Self {
        let known = before.and_then(|before| before.entry.clone());
        let entry = News::of(call).map(|news| match known {
            Some(mut entry) => {
                entry.note(news);
                entry
            }
            None => PendingEvent::new(news),
        });
        Self {
            call: call.clone(),
            entry,
            revision: 0,
            saved_by: Some(saved_by),
        }
    }

    /// The same call with another entry.
    pub(super) fn with(&self, entry: PendingEvent, saved_by: Instance) -> Self {
        Self {
            call: self.call.clone(),
            entry: Some(entry),
            revision: self.revision.wrapping_add(1),
            saved_by: Some(saved_by),
        }
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            version: self.call.version,
            revision: self.revision,
        }
    }
}

/// Seals and opens records.
#[derive(Clone, Debug)]
pub(super) struct Records {
    vault: Vault,
}

impl Records {
    pub(super) const fn new(vault: Vault) -> Self {
        Self { vault }
    }

    pub(super) fn seal(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        let plain =
            postcard::to_extend(&*stored.call, vec![FORM]).map_err(|_| StoreError::Unreadable)?;
        let mut plain =
            postcard::to_extend(&stored.entry, plain).map_err(|_| StoreError::Unreadable)?;
        // An earlier version of this program does not look at what follows.
        plain.extend_from_slice(&stored.saved_by.unwrap_or_default());
        let later = LaterFields::of(&stored.call.reservation);
        let mut plain = postcard::to_extend(&later, plain).map_err(|_| StoreError::Unreadable)?;
        if let Some(asked) = stored.entry.as_ref().and_then(|entry| entry.not_before) {
            plain.extend_from_slice(NOT_BEFORE);
            plain.extend_from_slice(&asked.as_millisecond().to_be_bytes());
        }
        let mut record = Vec::with_capacity(STAMP + plain.len() + 64);
        record.extend_from_slice(&stored.stamp().bytes());
        let name = name(stored.call.id, stored.stamp());
        self.vault
            .seal(&name, &plain, &mut record)
            .map_err(|_| StoreError::Unreadable)?;
        Ok(record)
    }

    pub(super) fn open(&self, id: CallId, record: &[u8]) -> Result<Stored, StoreError> {
        let told = |why: &'static str| {
            tracing::error!(call.id = %id, why, "a stored call cannot be read");
            StoreError::Unreadable
        };
        let stamp = Stamp::of(record).ok_or_else(|| told("it is too short"))?;
        let plain = self
            .vault
            .open(&name(id, stamp), record.get(STAMP..).unwrap_or_default());
        let plain = plain.ok_or_else(|| told("none of TABLECALL_TICKET_KEYS opens it"))?;
        match plain.split_first() {
            Some((&FORM, rest)) => {
                match postcard::take_from_bytes::<(Call, Option<PendingEvent>)>(rest) {
                    Ok(((mut call, mut entry), rest))
                        if call.id == id && call.version == stamp.version =>
                    {
                        let later = rest.get(16..).unwrap_or_default();
                        LaterFields::read(later).complete(Arc::make_mut(&mut call.reservation));
                        if let Some(entry) = &mut entry {
                            entry.not_before = not_before(later);
                        }
                        Ok(Stored {
                            call: Arc::new(call),
                            entry,
                            revision: stamp.revision,
                            saved_by: rest.first_chunk().copied(),
                        })
                    }
                    Ok(_) | Err(_) => Err(told("it is garbled")),
                }
            }
            Some(_) | None => Err(told("it was written by another version of this program")),
        }
    }
}

/// The pause that an endpoint asked for, if any. It is found from the end, because the part before
/// it grows from version to version.
fn not_before(later: &[u8]) -> Option<Timestamp> {
    let (rest, at) = later.split_last_chunk::<8>()?;
    rest.ends_with(NOT_BEFORE)
        .then(|| Timestamp::from_millisecond(i64::from_be_bytes(*at)).ok())?
}

fn name(id: CallId, stamp: Stamp) -> [u8; 16 + STAMP] {
    let mut name = [0; 16 + STAMP];
    let (start, end) = name.split_at_mut(16);
    start.copy_from_slice(id.as_bytes());
    end.copy_from_slice(&stamp.bytes());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example;
    use crate::ticket::Key;

    fn records() -> Records {
        Records::new(Vault::new(&[Key::derive(b"a")]))
    }

    #[test]
    fn a_call_is_read_as_it_was_written_and_under_its_name_only() {
        let stored = Stored {
            revision: 7,
            ..Stored::after(None, &Arc::new(example::decided()), [3; 16])
        };
        let id = stored.call.id;
        let record = records().seal(&stored).unwrap();
        assert_eq!(
            (Stamp::of(&record), records().open(id, &record).unwrap()),
            (Some(stored.stamp()), stored)
        );
        assert_eq!(
            records().open(CallId::from_bytes([9; 16]), &record).err(),
            Some(StoreError::Unreadable)
        );
        for at in [7, 11] {
            let mut newer = record.clone();
            newer[at] += 1;
            assert_eq!(
                records().open(id, &newer).err(),
                Some(StoreError::Unreadable),
                "the stamp is bound to it"
            );
        }
    }

    #[test]
    fn opening_hours_are_stored_with_their_call() {
        let mut call = example::queued(1);
        Arc::make_mut(&mut call.reservation).opening_hours = "Tu-Su 12:00-14:30".parse().ok();
        let stored = Stored::after(None, &Arc::new(call), [3; 16]);
        let record = records().seal(&stored).unwrap();
        let read = records().open(stored.call.id, &record).unwrap();
        assert!(read.call.reservation.opening_hours.is_some());
        assert_eq!(read, stored);
    }

    #[test]
    fn what_an_endpoint_asked_for_is_kept() {
        for asked in [None, Timestamp::from_millisecond(1_800_000_000_123).ok()] {
            let mut stored = Stored::after(None, &Arc::new(example::decided()), [3; 16]);
            let news = News {
                version: 1,
                is_final: false,
                look: 1,
                at: Timestamp::UNIX_EPOCH,
            };
            stored.entry = Some(PendingEvent {
                not_before: asked,
                ..PendingEvent::new(news)
            });
            let record = records().seal(&stored).unwrap();
            let read = records().open(stored.call.id, &record).unwrap();
            assert_eq!(read, stored);
        }
    }

    #[test]
    fn a_form_of_a_later_version_is_told_apart() {
        let stored = Stored::after(None, &Arc::new(example::queued(1)), [3; 16]);
        let (id, mut record) = (stored.call.id, stored.stamp().bytes().to_vec());
        let plain = postcard::to_extend(&(&*stored.call, &stored.entry), vec![FORM + 1]).unwrap();
        records()
            .vault
            .seal(&name(id, stored.stamp()), &plain, &mut record)
            .unwrap();
        assert_eq!(
            records().open(id, &record).err(),
            Some(StoreError::Unreadable)
        );
        assert_eq!(records().open(id, &[]).err(), Some(StoreError::Unreadable));
    }

    #[test]
    fn a_record_of_an_earlier_version_does_not_say_who_saved_it() {
        let stored = Stored::after(None, &Arc::new(example::queued(1)), [3; 16]);
        let (id, mut record) = (stored.call.id, stored.stamp().bytes().to_vec());
        let plain = postcard::to_extend(&(&*stored.call, &stored.entry), vec![FORM]).unwrap();
        records()
            .vault
            .seal(&name(id, stored.stamp()), &plain, &mut record)
            .unwrap();
        let opened = records().open(id, &record).unwrap();
        assert_eq!((opened.saved_by, opened.call), (None, stored.call));
    }
}
