//! Comparison of the keys of this instance with those of the others on the server.
//!
//! With another index key an instance would look for locks under other names, and ring a number
//! beside another instance. With other ticket keys it could not read calls that others have stored,
//! nor serve their webhooks. So each instance notes fingerprints of its keys beside the mark of the
//! server, and looks at those of the others when it connects and with each pulse after that.
//!
//! - The index key stays the one that was there first, for as long as anything stands under it.
//! - The key that sealed last has to be among the ticket keys of an instance that comes.
//! - Of two instances that run, each has to open what the other seals. While keys are rotated that
//!   is so if a new key is added behind the old one everywhere before it is put first anywhere.
//!
//! An instance that does not fit creates and places no call. It serves the webhooks that it can
//! open. The one that comes yields: an instance with wrong settings stops nothing that runs.
//!
//! A server that lost everything is taken again by the instances that fitted before; the others
//! wait for them.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use parking_lot::Mutex;
use redis::{FromRedisValue as _, RedisResult};

use super::Redis;
use super::keys::Names;
use super::moments::{LONGEST, millis};
use super::wire::Wire;
use super::witnesses::LOST;
use crate::store::StoreError;
use crate::ticket::Key;

/// Time for which an instance counts after it was seen last; it shows itself with each pulse of its
/// connection.
const SEEN: SignedDuration = SignedDuration::from_secs(10);
/// Time for which an instance that did not fit leaves an emptied server to those that did.
const YIELDS: Duration = Duration::from_secs(10);

/// Answer of the script: the fit, the fingerprint of the other, 1 if it was noted before, other
/// instances with the milliseconds since each was seen, and the number of lost ones.
type Joined = (String, String, u8, Vec<(String, u64)>, u32);

/// The fingerprints of an instance's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprints {
    index: String,
    /// The first one seals.
    tickets: Vec<String>,
}

impl Fingerprints {
    pub(super) fn of(index: &Key, tickets: &[Key]) -> Self {
        Self {
            index: index.fingerprint("index key"),
            tickets: tickets
                .iter()
                .map(|key| key.fingerprint("ticket key"))
                .collect(),
        }
    }

    fn sealing(&self) -> &str {
        self.tickets.first().map_or("none", String::as_str)
    }

    /// The problem in the server's words; `None`: it fits.
    fn misfit(&self, word: &str, theirs: String) -> Option<Misfit> {
        match word {
            "index" => Some(Misfit::Index {
                ours: self.index.clone(),
                theirs,
            }),
            "sealed" => Some(Misfit::Sealed { theirs }),
            "unopened" => Some(Misfit::Unopened {
                ours: self.sealing().to_owned(),
            }),
            _ => None,
        }
    }

    /// Compares them with what instances have noted, and notes nothing.
    pub(super) fn judge(&self, noted: &[(String, String)]) -> Option<Misfit> {
        let of = |name| {
            noted
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        if let Some(index) = of("index").filter(|index| **index != self.index) {
            return self.misfit("index", index.clone());
        }
        let sealed = of("sealed").filter(|sealed| !self.tickets.contains(sealed));
        sealed.and_then(|sealed| self.misfit("sealed", sealed.clone()))
    }
}

/// Reason for which an instance must place no call beside the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Another index key.
    #[error(
        "TABLECALL_INDEX_KEY is not the one that this Redis is used with (fingerprint {ours} here, {theirs} there), so a number \
         could be rung twice. Give all instances the same key"
    )]
    Index {
        /// The fingerprint of the key of this instance.
        ours: String,
        /// The fingerprint of the others.
        theirs: String,
    },
    /// No ticket key of this instance opens what is stored, or what another instance seals.
    #[error(
        "no key in TABLECALL_TICKET_KEYS opens what other instances seal on this Redis (their key has fingerprint {theirs}). \
         Give all instances the same keys; while you rotate them, keep the old key behind the new one"
    )]
    Sealed {
        /// The fingerprint of the key that is missing here.
        theirs: String,
    },
    /// Another instance that runs does not open what this one seals.
    #[error(
        "another instance on this Redis cannot open what this one seals (the first key in TABLECALL_TICKET_KEYS, fingerprint \
         {ours}). Add a new key behind the old one in all instances before you put it first in any"
    )]
    Unopened {
        /// The fingerprint of the key that seals here.
        ours: String,
    },
}

/// Fit of this instance to the others, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Fit(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    misfit: Option<Misfit>,
    /// Since when an instance that did not fit has found no other instance.
    alone_since: Option<Instant>,
}

impl Fit {
    /// Reason for which this instance must place no call; `None`: it may.
    pub(super) fn misfit(&self) -> Option<Misfit> {
        self.0.lock().misfit.clone()
    }

    /// Returns whether it may be the first on a server that knows no instance.
    fn may_be_first(&self) -> bool {
        let inner = self.0.lock();
        inner.misfit.is_none()
            || inner
                .alone_since
                .is_some_and(|since| since.elapsed() >= YIELDS)
    }

    fn note(&self, found: Option<Misfit>) {
        let mut inner = self.0.lock();
        inner.alone_since = None;
        if inner.misfit == found {
            return;
        }
        match &found {
            Some(misfit) => {
                tracing::error!(why = %misfit, "this instance does not fit the others on the shared store; it places no call");
            }
            None => tracing::info!("this instance fits the others on the shared store again"),
        }
        inner.misfit = found;
    }

    fn note_alone(&self) {
        self.0.lock().alone_since.get_or_insert_with(Instant::now);
    }
}

impl Redis {
    /// Returns whether this instance may take calls on and place them beside the others.
    pub(super) fn fits(&self) -> Result<(), StoreError> {
        if self.fit.0.lock().misfit.is_none() {
            Ok(())
        } else {
            Err(StoreError::Away)
        }
    }

    /// Returns whether a new call may be taken on, or one may ring: this instance fits, the server
    /// refuses nothing, and no other instance is still storing its calls again.
    pub(super) fn may_place(&self) -> Result<(), StoreError> {
        self.fits()?;
        if self.is_being_restored() {
            return Err(StoreError::Away);
        }
        match self.link.refusal() {
            None => Ok(()),
            Some(_) => Err(StoreError::Away),
        }
    }

    /// Returns whether what this instance writes under the index key is found by the others.
    pub(super) fn has_index(&self) -> Result<(), StoreError> {
        if let Some(Misfit::Index { .. }) = self.fit.0.lock().misfit {
            Err(StoreError::Away)
        } else {
            Ok(())
        }
    }

    fn joining(&self) -> redis::ScriptInvocation<'_> {
        let mut script = self.scripts.join_instances.prepare_invoke();
        for key in self.names.fingerprints() {
            script.key(key);
        }
        script
            .arg(uuid::Uuid::from_bytes(self.instance).to_string())
            .arg(&self.fingerprints.index)
            .arg(self.fingerprints.tickets.join(" "))
            .arg(millis(SEEN))
            .arg(millis(LONGEST))
            .arg(u8::from(self.fit.may_be_first()))
            .arg(millis(LOST));
        script
    }

    fn note_answer(&self, (word, theirs, _noted, others, lost): Joined) {
        if word == "fits" {
            self.remembered.witnesses.pulsed(others, lost > 0);
        }
        if word == "first" {
            self.fit.note_alone();
        } else {
            self.fit.note(self.fingerprints.misfit(&word, theirs));
        }
    }

    /// Compares keys on a connection that is not in use yet.
    pub(super) async fn join_instances(&self, wire: &mut Wire) -> RedisResult<()> {
        let joined: Joined = self.joining().invoke_async(wire).await?;
        self.note_answer(joined);
        Ok(())
    }

    /// Compares keys again, and shows that this instance is still there. Its write also finds out
    /// whether the server takes any. Returns whether this instance was not noted any more, as on a
    /// server that was emptied.
    pub(super) async fn join_again(&self) -> bool {
        // Any other failure is in the state of the connection.
        let joined: Result<Joined, _> = self.link.run("other", &self.joining()).await;
        let Ok(joined) = joined else {
            return false;
        };
        let is_forgotten = joined.0 == "fits" && joined.2 == 0;
        self.note_answer(joined);
        is_forgotten
    }

    /// Leaves the instances, so that another with other ticket keys need not wait.
    pub(super) async fn leave_instances(&self) {
        let [instances, _clock, lost] = self.names.fingerprints();
        for key in [instances, lost] {
            let mut cmd = redis::cmd("HDEL");
            cmd.arg(key)
                .arg(uuid::Uuid::from_bytes(self.instance).to_string());
            let _left: Result<i64, StoreError> = self.link.ask("other", &cmd).await;
        }
    }
}

/// Compares fingerprints with what instances have noted on a server, and notes nothing.
pub(super) async fn compare(
    wire: &mut Wire,
    names: &Names,
    ours: &Fingerprints,
) -> RedisResult<Option<Misfit>> {
    let [instances, ..] = names.fingerprints();
    let mut cmd = redis::cmd("HGETALL");
    let noted: redis::Value = cmd.arg(instances).query_async(wire).await?;
    Ok(ours.judge(&Vec::from_redis_value(noted)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(index: &str, tickets: &[&str]) -> Fingerprints {
        let key = |secret: &&str| Key::derive(secret.as_bytes());
        let tickets: Vec<_> = tickets.iter().map(key).collect();
        Fingerprints::of(&key(&index), &tickets)
    }

    #[test]
    fn fingerprints_tell_keys_and_their_purposes_apart_and_nothing_else() {
        let one = of("a", &["a", "b"]);
        assert_eq!(one, of("a", &["a", "b"]));
        assert_ne!(one.index, one.tickets[0], "the same key for two purposes");
        assert_ne!(one.tickets[0], one.tickets[1]);
        assert!(one.index.len() == 16 && one.index.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn what_instances_have_noted_is_judged_as_they_judge_it() {
        let noted = |by: &Fingerprints| {
            vec![
                ("index".to_owned(), by.index.clone()),
                ("sealed".to_owned(), by.sealing().to_owned()),
            ]
        };
        let old = of("a", &["old"]);
        assert_eq!(old.judge(&[]), None, "nobody has used it");
        assert_eq!(old.judge(&noted(&old)), None);
        assert_eq!(of("a", &["new", "old"]).judge(&noted(&old)), None);
        assert!(matches!(
            of("b", &["old"]).judge(&noted(&old)),
            Some(Misfit::Index { .. })
        ));
        assert!(matches!(
            of("a", &["new"]).judge(&noted(&old)),
            Some(Misfit::Sealed { .. })
        ));
    }
}
