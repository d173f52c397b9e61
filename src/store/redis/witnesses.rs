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
/// Silence after which an instance is missing. Longer than two pulses, which every running instance
/// has sent by then, and shorter than a closed line waits for a late key, so that its call is not
/// concluded before.
const MISSED: Duration = Duration::from_millis(4_500);

/// What this instance knows of the others.
#[derive(Debug, Default)]
pub(super) struct Witnesses(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The others that the server named at the last pulse, and when each was seen.
    others: Vec<(String, Instant)>,
    /// The server named lost ones then.
    has_lost: bool,
    /// Those that it named at the pulse before, and no more: they have left, are lost, or the server
    /// was emptied.
    vanished: Vec<String>,
    /// Instances that an emptied server forgot, and that have not come back.
    forgotten: HashSet<String>,
    emptied_at: Option<Instant>,
    /// The begin of the present connection.
    connected_at: Option<Instant>,
}

impl Witnesses {
    /// Takes what the server named at a pulse: the others, each with the milliseconds since it was
    /// seen, and whether instances are lost.
    pub(super) fn pulsed(&self, others: Vec<(String, u64)>, has_lost: bool) {
        let now = Instant::now();
        let mut inner = self.0.lock();
        for (name, _) in &others {
            inner.forgotten.remove(name);
        }
        let seen_at = |(name, unseen)| {
            let at = now.checked_sub(Duration::from_millis(unseen));
            (name, at.unwrap_or(now))
        };
        let others = others.into_iter().map(seen_at).collect();
        let before = std::mem::replace(&mut inner.others, others);
        inner.vanished = before
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !inner.others.iter().any(|(other, _)| other == name))
            .collect();
        inner.has_lost = has_lost;
    }

    /// Notes a new connection. The server may lack answers that came before it.
    pub(super) fn connected(&self) {
        self.0.lock().connected_at = Some(Instant::now());
    }

    /// Notes that the server of the last pulse has lost everything, also which instances there are.
    pub(super) fn emptied(&self) {
        let mut inner = self.0.lock();
        let vanished = std::mem::take(&mut inner.vanished);
        inner.forgotten.extend(vanished);
        inner.emptied_at = Some(Instant::now());
    }

    /// Returns whether a missing instance may be the only one that knows of a key of the last
    /// attempt. A decision that came on the present connection, or by another call, stands.
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
        self.has_lost
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
        let pulsed = |unseen, has_lost| witnesses.pulsed(vec![("a".to_owned(), unseen)], has_lost);
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
