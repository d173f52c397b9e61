//! Other instances that may have heard an answer of staff which no record shows.
//!
//! An instance that is cut off from the server keeps its changes in its memory. If it ends before
//! they are written, the record of the call lacks them, and only Twilio knows what was pressed. So
//! each pulse also tells which instances were seen, and which are lost: not seen for ten seconds,
//! without having left in order or come back since.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::call::Call;

/// Time for which an instance counts as lost. One that is cut off, but runs, may hear answers
/// during that time.
pub(super) const LOST: SignedDuration = SignedDuration::from_hours(1);
/// Silence of an instance after which it is missed. It lies between two pulses, which every
/// running instance has sent by then, and the wait of a closed line for a late key.
const MISSED: Duration = Duration::from_millis(4_500);

/// What this instance knows of the others.
#[derive(Debug, Default)]
pub(super) struct Witnesses(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The others at the last pulse, and when each was seen.
    others: Vec<(String, Instant)>,
    /// The server knows of lost instances.
    are_lost: bool,
    /// Those of the pulse before that are not among them: they have left, are lost, or the server
    /// was emptied.
    vanished: Vec<String>,
    /// Instances that an emptied server does not know any more, and that have not come back.
    forgotten: HashSet<String>,
    emptied_at: Option<Instant>,
    connected_at: Option<Instant>,
}

impl Witnesses {
    /// The server was asked: the others, with the milliseconds since each was seen.
    pub(super) fn pulsed(&self, others: Vec<(String, u64)>, are_lost: bool) {
        let now = Instant::now();
        let mut inner = self.0.lock();
        for (name, _) in &others {
            inner.forgotten.remove(name);
        }
        let seen = |unseen| {
            now.checked_sub(Duration::from_millis(unseen))
                .unwrap_or(now)
        };
        let others = others
            .into_iter()
            .map(|(name, unseen)| (name, seen(unseen)))
            .collect();
        let before = std::mem::replace(&mut inner.others, others);
        inner.vanished = before
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !inner.others.iter().any(|(other, _)| other == name))
            .collect();
        inner.are_lost = are_lost;
    }

    /// A new connection is used. Answers that came before it may be unknown to the server.
    pub(super) fn connected(&self) {
        self.0.lock().connected_at = Some(Instant::now());
    }

    /// The server of the last pulse has lost everything, and with it who used it.
    pub(super) fn emptied(&self) {
        let mut inner = self.0.lock();
        let vanished = std::mem::take(&mut inner.vanished);
        inner.forgotten.extend(vanished);
        inner.emptied_at = Some(Instant::now());
    }

    /// Returns whether a key may have been pressed in the call's last attempt that only an instance
    /// knows which is missing. A decision that came on the present connection, or by another call,
    /// stands.
    pub(super) fn may_lack_keys(&self, call: &Call, now: Timestamp) -> bool {
        let inner = self.0.lock();
        if !inner.is_any_missing() {
            return false;
        }
        match (call.decision(), call.last_input_at()) {
            (Some(_), Some(at)) => inner.connected_at.is_none_or(|since| {
                let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
                since.elapsed() < age
            }),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

impl Inner {
    fn is_any_missing(&self) -> bool {
        let lost = LOST.unsigned_abs();
        self.are_lost
            || self.others.iter().any(|(_, seen)| seen.elapsed() > MISSED)
            || !self.forgotten.is_empty() && self.emptied_at.is_some_and(|at| at.elapsed() < lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example;

    #[test]
    fn an_instance_is_missed_until_it_comes_back() {
        let (call, now) = (example::queued(1), example::start());
        let witnesses = Witnesses::default();
        let lacks = || witnesses.may_lack_keys(&call, now);
        let pulsed = |unseen, are_lost| witnesses.pulsed(vec![("a".to_owned(), unseen)], are_lost);
        assert!(!lacks(), "nobody else is there");
        pulsed(1_000, false);
        assert!(!lacks(), "it is seen");
        pulsed(5_000, false);
        assert!(lacks(), "it was not seen for two pulses");
        pulsed(0, true);
        assert!(lacks(), "another one is lost");
        pulsed(0, false);
        assert!(!lacks());
        witnesses.pulsed(Vec::new(), false);
        assert!(!lacks(), "it has left");
        pulsed(0, false);
        witnesses.pulsed(Vec::new(), false);
        witnesses.emptied();
        assert!(lacks(), "an emptied server knows it no more");
        pulsed(0, false);
        assert!(!lacks(), "it came back");
    }

    #[test]
    fn a_decision_of_the_present_connection_stands() {
        let (call, witnesses) = (example::decided(), Witnesses::default());
        let at = call.last_input_at().unwrap();
        witnesses.pulsed(Vec::new(), true);
        witnesses.connected();
        assert!(!witnesses.may_lack_keys(&call, at));
        let later = at.saturating_add(SignedDuration::from_mins(1)).unwrap();
        assert!(witnesses.may_lack_keys(&call, later), "connected since");
    }
}
