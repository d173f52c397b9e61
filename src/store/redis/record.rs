//! A call as bytes: its version in plain sight, so that a script can compare it, the rest sealed under its name.

use std::sync::Arc;

use crate::call::Call;
use crate::domain::CallId;
use crate::store::Error;
use crate::ticket::Vault;

/// The form of what is sealed. A form that is not known is an error that is told; it is never overwritten.
const FORM: u8 = 1;
const VERSION: usize = 8;

/// Seals and opens records.
#[derive(Debug)]
pub(super) struct Records {
    vault: Vault,
}

impl Records {
    pub(super) const fn new(vault: Vault) -> Self {
        Self { vault }
    }

    pub(super) fn seal(&self, call: &Call) -> Result<Vec<u8>, Error> {
        let plain = postcard::to_extend(call, vec![FORM]).map_err(|_| Error::Unreadable)?;
        let mut record = Vec::with_capacity(VERSION + plain.len() + 64);
        record.extend_from_slice(&call.version.to_be_bytes());
        self.vault.seal(&name(call.id, call.version), &plain, &mut record).map_err(|_| Error::Unreadable)?;
        Ok(record)
    }

    pub(super) fn open(&self, id: CallId, record: &[u8]) -> Result<Arc<Call>, Error> {
        let told = |why: &'static str| {
            tracing::error!(call.id = %id, why, "a stored call cannot be read");
            Error::Unreadable
        };
        let version = version(record).ok_or_else(|| told("it is too short"))?;
        let sealed = record.get(VERSION..).unwrap_or_default();
        let plain = self.vault.open(&name(id, version), sealed);
        let plain = plain.ok_or_else(|| told("none of TABLECALL_TICKET_KEYS opens it"))?;
        match plain.split_first() {
            Some((&FORM, rest)) => match postcard::from_bytes::<Call>(rest) {
                Ok(call) if call.id == id && call.version == version => Ok(Arc::new(call)),
                Ok(_) | Err(_) => Err(told("it is garbled")),
            },
            Some(_) | None => Err(told("it was written by another version of this program")),
        }
    }
}

/// The version of a record.
pub(super) fn version(record: &[u8]) -> Option<u64> {
    record.first_chunk::<VERSION>().copied().map(u64::from_be_bytes)
}

fn name(id: CallId, version: u64) -> [u8; 24] {
    let mut name = [0; 24];
    let (start, end) = name.split_at_mut(16);
    start.copy_from_slice(id.as_bytes());
    end.copy_from_slice(&version.to_be_bytes());
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
        let call = example::decided();
        let record = records().seal(&call).unwrap();
        assert_eq!((version(&record), &*records().open(call.id, &record).unwrap()), (Some(call.version), &call));
        assert_eq!(records().open(CallId::from_bytes([9; 16]), &record).err(), Some(Error::Unreadable));
        let mut newer = record;
        newer[7] += 1;
        assert_eq!(records().open(call.id, &newer).err(), Some(Error::Unreadable), "the version is bound to it");
    }

    #[test]
    fn a_form_of_a_later_version_is_told_apart() {
        let call = example::queued(1);
        let mut record = call.version.to_be_bytes().to_vec();
        let plain = postcard::to_extend(&call, vec![FORM + 1]).unwrap();
        records().vault.seal(&name(call.id, call.version), &plain, &mut record).unwrap();
        assert_eq!(records().open(call.id, &record).err(), Some(Error::Unreadable));
        assert_eq!(records().open(call.id, &[]).err(), Some(Error::Unreadable));
    }
}
