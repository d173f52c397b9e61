//! The names of keys; the text of `store::redis` describes their values. No name reveals a number,
//! an API key or an `Idempotency-Key`: they are hashed under a key of their own, which is never
//! rotated with the others.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::call::Call;
use crate::domain::{CallId, Phone, Reservation};
use crate::ticket::Key;

/// Into how many parts calls are divided; each part is of one slot of a cluster.
pub(super) const SHARDS: u8 = 32;

/// Number of marks that are spread over the slots of a cluster.
const CLUSTER_MARKS: u8 = 128;

/// Makes names.
#[derive(Clone)]
pub(super) struct Names {
    prefix: Box<str>,
    /// Begins the names of channels.
    channels: Box<str>,
    hasher: Hmac<Sha256>,
}

/// The keys of a number.
pub(super) struct NumberKeys {
    pub(super) open: String,
    pub(super) live: String,
    pub(super) starts: String,
    pub(super) opted_out: String,
}

/// The keys of an owner in a shard.
pub(super) struct OwnerKeys {
    pub(super) calls: String,
    /// Those of them that are finished, by the end of their records.
    pub(super) finished: String,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Names({})", self.prefix)
    }
}

impl Names {
    /// Names that begin with `prefix`.
    pub(super) fn new(prefix: &str, key: &Key) -> Self {
        Self {
            prefix: prefix.into(),
            channels: prefix.into(),
            hasher: Hmac::new(&key.block().into()),
        }
    }

    /// Names of its own, in the same kinds of slots, and the same channels: an
    /// allowance for them need not be wider.
    pub(super) fn for_rehearsal(&self) -> Self {
        Self {
            prefix: format!("{}:rehearsal", self.prefix).into(),
            ..self.clone()
        }
    }

    pub(super) fn shard(id: CallId) -> u8 {
        // The last byte of a UUID of version 7 is random.
        id.as_bytes()[15] % SHARDS
    }

    pub(super) fn call(&self, id: CallId) -> String {
        format!("{}:{{s{}}}:call:{id}", self.prefix, Self::shard(id))
    }

    pub(super) fn acknowledged(&self, id: CallId) -> String {
        format!("{}:{{s{}}}:told:{id}", self.prefix, Self::shard(id))
    }

    pub(super) fn due(&self, shard: u8) -> String {
        format!("{}:{{s{shard}}}:due", self.prefix)
    }

    pub(super) fn events(&self, shard: u8) -> String {
        format!("{}:{{s{shard}}}:events", self.prefix)
    }

    /// The calls of an owner in a shard.
    pub(super) fn calls_of(&self, owner: &str, shard: u8) -> OwnerKeys {
        let (prefix, owner) = (&self.prefix, self.owner(owner));
        OwnerKeys {
            calls: format!("{prefix}:{{s{shard}}}:calls:{owner}"),
            finished: format!("{prefix}:{{s{shard}}}:finished:{owner}"),
        }
    }

    pub(super) fn number(&self, phone: Phone) -> NumberKeys {
        let tag = hex(&self.hash(b"number", &[&phone.digits().to_be_bytes()]));
        let name = |what| format!("{}:{{n{tag}}}:{what}", self.prefix);
        NumberKeys {
            open: name("open"),
            live: name("live"),
            starts: name("starts"),
            opted_out: name("never"),
        }
    }

    /// The name of a value that all calls share, in one slot. On the server it is called `house`.
    pub(super) fn global(&self, what: &str) -> String {
        format!("{}:{{house}}:{what}", self.prefix)
    }

    pub(super) fn owner(&self, owner: &str) -> String {
        hex(&self.hash(b"owner", &[owner.as_bytes()]))
    }

    pub(super) fn idempotency(&self, key: &[u8; 16]) -> String {
        format!(
            "{}:{{i{}}}",
            self.prefix,
            hex(&self.hash(b"idempotency", &[key]))
        )
    }

    /// The channel on which it is said what has become of the calls of an instance, or of one call.
    pub(super) fn changes(&self, of: impl std::fmt::Display) -> String {
        format!("{}:changes:{of}", self.channels)
    }

    /// The marks by which a server that was emptied is known. Each master of a cluster can be
    /// emptied by itself, so there they are spread over the slots: that none of [`CLUSTER_MARKS`]
    /// lies on a certain master of ten happens once in 700,000 clusters.
    pub(super) fn marks(&self, is_cluster: bool) -> Vec<String> {
        let spread = if is_cluster { CLUSTER_MARKS } else { 0 };
        let spread = (0..spread).map(|at| format!("{}:{{m{at}}}:run", self.prefix));
        std::iter::once(format!("{}:run", self.prefix))
            .chain(spread)
            .collect()
    }

    pub(super) fn probe(&self) -> String {
        format!("{}:probe", self.prefix)
    }

    /// Names of the keys with which instances compare their keys, of the clock of that, and of the
    /// instances that are lost, in one slot.
    pub(super) fn fingerprints(&self) -> [String; 3] {
        ["instances", "clock", "lost"].map(|what| format!("{}:{{keys}}:{what}", self.prefix))
    }

    /// A call among the open ones of its number: its id, and a digest of what it asks for and for
    /// whom.
    pub(super) fn entry(&self, call: &Call) -> [u8; 24] {
        let Reservation {
            phone,
            guest_phone,
            name,
            time,
            party_size,
            ..
        } = &*call.reservation;
        let asked =
            postcard::to_allocvec(&(phone, guest_phone, name.canonical(), time, party_size))
                .unwrap_or_default();
        let digest = self.hash(b"asked", &[call.owner.as_bytes(), &asked]);
        let mut entry = [0; 24];
        let (id, rest) = entry.split_at_mut(16);
        id.copy_from_slice(call.id.as_bytes());
        rest.copy_from_slice(digest.first_chunk::<8>().unwrap_or(&[0; 8]));
        entry
    }

    fn hash(&self, kind: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = self.hasher.clone();
        for part in [kind].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher
            .finalize()
            .into_bytes()
            .first_chunk()
            .copied()
            .unwrap_or_default()
    }
}

/// The ids of calls that entries begin with.
pub(super) fn ids_of(entries: &[Vec<u8>]) -> Vec<CallId> {
    let ids = entries
        .iter()
        .filter_map(|entry| entry.first_chunk().copied());
    ids.map(CallId::from_bytes).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
            }
            text
        })
}
