//! The pending events to clients: one entry for each call with a `callback_url`, none for others.
//!
//! An entry is plain data and changes by the functions here alone, so that a shared back end can do
//! the same in one script, together with the call. Nothing here sends, decides when to try again,
//! or reads a clock.
//!
//! Several changes before an event is sent merge into one event with the newest state. One event of
//! a call is in flight at a time: a sender claims the entry first, and a claim that was not settled
//! lapses.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::deadlines::Deadlines;
use crate::call::{Call, State};
use crate::domain::{CallId, millis};

/// The pending event of one call, and its delivery so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEvent {
    /// The version of the call to send, or sent last.
    pub version: u64,
    /// It is the last, or the client wants no more: nothing that is saved later is news.
    pub is_final: bool,
    /// A hash of the part of that version that clients see; see [`News::look`].
    pub look: u64,
    /// Time at which it became news, or was asked for again: tries end an hour later.
    #[serde(with = "millis")]
    pub since: Timestamp,
    /// The version that a client has received; 0: none yet.
    pub told: u64,
    /// Number of times that this version was sent.
    pub tries: u32,
    /// Time at which anything was sent last.
    #[serde(with = "millis::option")]
    pub tried_at: Option<Timestamp>,
    /// Time at which it is to be sent, or the end of the claim; `None`: it was received, or given
    /// up.
    #[serde(with = "millis::option")]
    pub next_at: Option<Timestamp>,
    /// The end of the present claim, which also identifies the claim.
    #[serde(with = "millis::option")]
    pub claim: Option<Timestamp>,
    /// Reason of the failure of the last try, in a few words without secrets; `None` if it did not
    /// fail.
    pub error: Option<Box<str>>,
    /// Time at which it was given up.
    #[serde(with = "millis::option")]
    pub gave_up_at: Option<Timestamp>,
    /// Until when its endpoint asked to be left alone. Records hold it apart, because it is younger
    /// than they are.
    #[serde(skip)]
    pub not_before: Option<Timestamp>,
}

/// The part of a saved call that concerns the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Its version.
    pub version: u64,
    /// Nothing follows.
    pub is_final: bool,
    /// A digest of what clients see. Equal ones look the same; it holds nothing that could be read.
    pub look: u64,
    /// Time at which it changed.
    pub at: Timestamp,
}

/// A claimed event. Its holder sends it before the claim ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The call to send.
    pub call: Arc<Call>,
    /// The version that became news; the call may be newer where nothing that counts has changed
    /// since.
    pub version: u64,
    /// Number of times that it was sent before.
    pub tries: u32,
    /// Time at which it became news.
    pub since: Timestamp,
    /// The claim, for `OutboxStore::settle_event`.
    pub claim: Timestamp,
}

/// The result of a claimed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The client has it.
    Delivered,
    /// It was sent in vain, and is to be sent again.
    Again {
        /// When.
        at: Timestamp,
        /// Its endpoint asked for that much time: nothing of this call is sent there before, also
        /// when it changes meanwhile.
        asked: bool,
        /// Reason of the failure, in a few words without secrets.
        error: Box<str>,
    },
    /// It was not sent: its endpoint takes nothing now.
    Later {
        /// Time at which to try.
        at: Timestamp,
    },
    /// It is not sent again.
    GaveUp {
        /// Reason of the failure of the last try.
        error: Box<str>,
    },
    /// The client wants to hear no more of this call: nothing is sent, until it is asked for again.
    Unwanted {
        /// Its refusal, in a few words.
        error: Box<str>,
    },
}

impl News {
    /// The news about a call; `None` if its client wants no events.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        call.reservation.callback_url.as_ref()?;
        let mut look = DefaultHasher::new();
        call.state.status().hash(&mut look);
        if let State::Queued { waiting_for, until } = call.state {
            (waiting_for, until).hash(&mut look);
        }
        (
            call.outcome(),
            call.decision(),
            call.canceled,
            call.timeline.len(),
        )
            .hash(&mut look);
        for attempt in &call.attempts {
            (
                attempt.number,
                attempt.sid,
                attempt.line,
                attempt.machine,
                attempt.ended,
                attempt.how,
            )
                .hash(&mut look);
            (
                attempt.twilio_code,
                attempt.sip_code,
                attempt.duration_seconds,
            )
                .hash(&mut look);
            (attempt.started_at, attempt.answered_at, attempt.ended_at).hash(&mut look);
        }
        let (version, is_final) = (call.version, call.is_finished());
        Some(Self {
            version,
            is_final,
            look: look.finish(),
            at: call.updated_at,
        })
    }
}

impl News {
    /// At once. Versions that follow each other within a millisecond are dated ahead of the clock,
    /// so the start of the second is taken, which has surely come.
    fn due(self) -> Timestamp {
        Timestamp::from_second(self.at.as_second()).unwrap_or(self.at)
    }
}

impl PendingEvent {
    /// The first of a call.
    #[must_use]
    pub fn new(news: News) -> Self {
        Self {
            version: news.version,
            is_final: news.is_final,
            look: news.look,
            since: news.at,
            told: 0,
            tries: 0,
            tried_at: None,
            next_at: Some(news.due()),
            claim: None,
            error: None,
            gave_up_at: None,
            not_before: None,
        }
    }

    /// A call was saved: sent at once, unless a client would see nothing new or has seen the last.
    pub fn note(&mut self, news: News) {
        if !self.is_final && news.look != self.look {
            self.renew(news);
        }
    }

    /// It was asked for again: that is stronger than what its endpoint asked for.
    pub(super) fn resend(&mut self, news: News) {
        self.not_before = None;
        self.renew(news);
    }

    /// The pending event is this one now: its tries and times begin again.
    fn renew(&mut self, news: News) {
        (self.version, self.is_final, self.look, self.since) =
            (news.version, news.is_final, news.look, news.at);
        (self.tries, self.gave_up_at) = (0, None);
        // An event in flight is settled first: one event of a call at a time.
        self.next_at = self.claim.or(Some(self.not_before(news.due())));
    }

    /// `at`, or the moment until which the endpoint asked to be left alone.
    fn not_before(&self, at: Timestamp) -> Timestamp {
        self.not_before.map_or(at, |asked| asked.max(at))
    }

    /// Returns whether something is to be sent at `until` or before, which is then claimed.
    pub fn claim(&mut self, until: Timestamp, lease_end: Timestamp) -> bool {
        let is_due = self.next_at.is_some_and(|at| at <= until);
        if is_due {
            (self.claim, self.next_at) = (Some(lease_end), Some(lease_end));
        }
        is_due
    }

    /// Notes the result of a claim on `version`. `false`: the claim has lapsed and another has it,
    /// so nothing changes.
    pub fn settle(
        &mut self,
        claim: Timestamp,
        version: u64,
        settled: Settled,
        now: Timestamp,
    ) -> bool {
        if self.claim != Some(claim) {
            return false;
        }
        self.claim = None;
        if !matches!(settled, Settled::Later { .. }) {
            self.not_before = None;
        }
        let is_newest = self.version == version;
        let (next_at, error) = match settled {
            Settled::Later { at } => {
                self.next_at = Some(at);
                return true;
            }
            Settled::Delivered => {
                self.told = self.told.max(version);
                (None, None)
            }
            Settled::Again { at, asked, error } => {
                self.not_before = asked.then_some(at);
                (Some(at), Some(error))
            }
            Settled::GaveUp { error } => {
                self.gave_up_at = is_newest.then_some(now);
                (None, Some(error))
            }
            Settled::Unwanted { error } => {
                (self.is_final, self.next_at) = (true, None);
                (self.gave_up_at, self.tried_at) = (Some(now), Some(now));
                (self.error, self.tries) = (Some(error), self.tries + u32::from(is_newest));
                return true;
            }
        };
        self.error = error;
        self.tried_at = Some(now);
        self.tries += u32::from(is_newest);
        // A newer event was not sent yet, whatever the result of this one.
        self.next_at = if is_newest {
            next_at
        } else {
            Some(self.not_before(now))
        };
        true
    }
}

/// The entries of some calls in this process, by when they are due.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: HashMap<CallId, PendingEvent>,
    due: Deadlines,
    /// Number of entries that are still to be received.
    pending: usize,
}

impl Outbox {
    /// Notes a call that is being saved; when its event is due, if it is one that wants any.
    pub(super) fn note(&mut self, call: &Call) -> Option<Timestamp> {
        let news = News::of(call)?;
        self.renew(call.id, news, |entry| entry.note(news))
    }

    /// Sends the newest state of a call once more.
    pub(super) fn resend(&mut self, call: &Call, now: Timestamp) -> Option<Timestamp> {
        let news = News {
            at: now,
            ..News::of(call)?
        };
        self.renew(call.id, news, |entry| entry.resend(news))
    }

    fn renew(
        &mut self,
        id: CallId,
        first: News,
        change: impl FnOnce(&mut PendingEvent),
    ) -> Option<Timestamp> {
        if self.entries.contains_key(&id) {
            self.change(id, change);
        } else {
            let entry = PendingEvent::new(first);
            self.due.set(id, None, entry.next_at);
            self.pending += 1;
            self.entries.insert(id, entry);
        }
        self.entries.get(&id)?.next_at
    }

    /// Changes an entry and follows its deadline. `None`: there is none.
    fn change<T>(&mut self, id: CallId, change: impl FnOnce(&mut PendingEvent) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&id)?;
        let before = entry.next_at;
        let changed = change(entry);
        self.due.set(id, before, entry.next_at);
        self.pending -= usize::from(before.is_some());
        self.pending += usize::from(entry.next_at.is_some());
        Some(changed)
    }

    /// Claims at most `most` of those due at `until`.
    pub(super) fn claim(
        &mut self,
        until: Timestamp,
        lease_end: Timestamp,
        most: usize,
    ) -> Vec<(CallId, PendingEvent)> {
        let entries = &self.entries;
        let due = self
            .due
            .take_due(until, most, |id| entries.get(&id)?.next_at);
        let mut claimed = Vec::with_capacity(due.len());
        for (_, id) in due {
            self.change(id, |entry| entry.claim(until, lease_end));
            self.due.set(id, None, Some(lease_end));
            claimed.extend(self.entries.get(&id).map(|entry| (id, entry.clone())));
        }
        claimed
    }

    /// See [`PendingEvent::settle`]; when the next event of this call is due, if the claim held.
    pub(super) fn settle(
        &mut self,
        event: &Claimed,
        settled: Settled,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let settle = |entry: &mut PendingEvent| {
            let held = entry.settle(event.claim, event.version, settled, now);
            (held, entry.next_at.filter(|_| held))
        };
        self.change(event.call.id, settle).unwrap_or_default()
    }

    /// Lets all be due now that are not claimed.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        for (id, entry) in &mut self.entries {
            let waits = entry.next_at.is_some_and(|at| at > now);
            if waits && entry.claim.is_none() {
                self.due.set(*id, entry.next_at, Some(now));
                entry.next_at = Some(now);
            }
        }
    }

    pub(super) fn get(&self, id: CallId) -> Option<PendingEvent> {
        self.entries.get(&id).cloned()
    }

    pub(super) fn remove(&mut self, id: CallId) {
        let removed = self.entries.remove(&id);
        self.pending -= usize::from(removed.is_some_and(|entry| entry.next_at.is_some()));
    }

    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.due.earliest()
    }

    pub(super) const fn pending(&self) -> usize {
        self.pending
    }
}
