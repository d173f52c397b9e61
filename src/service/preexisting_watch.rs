//! Lists Twilio's live calls at start, and watches them until they have ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::cooldown::cooldown_end;
use super::dialler::Dialler;
use crate::domain::{CallSid, Phone};
use crate::store::{Lifecycle as _, NumberStore as _};
use crate::twilio::CallStatus;
use crate::twilio::client::{CallPage, ListQuery, TwilioError};
use clock::Backoff;

/// Longest wait of a create for the listing, in real time, before its client is asked to come
/// again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pauses after listings that failed.
const PAUSES: Backoff = Backoff::new(SignedDuration::from_secs(1), SignedDuration::from_secs(60));
/// The interval at which Twilio is asked whether a preexisting call has ended.
const LOOK: SignedDuration = SignedDuration::from_secs(20);
/// The longest call of ours, including ring, talk and the wait in Twilio's queue.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// Calls on a page of a list.
const PAGE_SIZE: u16 = 100;
/// The most pages read of one list.
const PAGES: usize = 200;

/// The statuses in which a call occupies its number.
const LIVE: [CallStatus; 3] = [
    CallStatus::Queued,
    CallStatus::Ringing,
    CallStatus::InProgress,
];

impl Dialler {
    /// Waits at most [`PATIENCE`] until Twilio's calls are listed.
    ///
    /// # Errors
    /// [`ServiceError::Starting`] if they are not listed by then.
    pub(super) async fn wait_for_listing(&self) -> Result<(), ServiceError> {
        let mut listed = self.preexisting_calls.listed.subscribe();
        let waiting = tokio::time::timeout(PATIENCE, listed.wait_for(|listed| *listed));
        match waiting.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ServiceError::Starting),
        }
    }

    /// Returns whether a call from before this start is open to this number, and no webhook has
    /// brought its ticket yet. It may be the very call that a client asks for again.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub(super) async fn has_unknown_live_call(&self, phone: Phone) -> Result<bool, ServiceError> {
        Ok(self.preexisting_calls.has(phone) && !self.engine.store.has_line(phone).await?)
    }

    /// Returns whether a key without an entry is known to be unused: Twilio's calls are known, and
    /// each one to this number is the store's, too.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub(super) async fn knows_keys(&self, phone: Phone) -> Result<bool, ServiceError> {
        let preexisting_calls = &self.preexisting_calls;
        let are_known = preexisting_calls.are_listed()
            && preexisting_calls.unknown_until(self.engine.now()).is_none();
        Ok(are_known && !self.has_unknown_live_call(phone).await?)
    }

    /// Waits until a key without an entry is known to be unused, as far as that is worth a wait.
    ///
    /// # Errors
    /// [`ServiceError::Starting`] if it is not known yet: the client has to come again.
    pub(super) async fn wait_for_keys(&self, phone: Phone) -> Result<(), ServiceError> {
        self.wait_for_listing().await?;
        if self.knows_keys(phone).await? {
            Ok(())
        } else {
            Err(ServiceError::Starting)
        }
    }

    /// Lists Twilio's live calls, and once more when the list has to show what was placed just
    /// before this start; then watches them until they have ended.
    pub(super) async fn watch_preexisting_calls(self: &Arc<Self>) {
        let (clock, preexisting_calls) = (&self.engine.clock, &self.preexisting_calls);
        let found = self.list_until_told().await;
        *preexisting_calls.known.lock() = self.unknown_of(found).await;
        // A shared store knows each call before Twilio does.
        let lists_again = self.settings.list_lag.is_positive() && !self.engine.store.is_shared();
        let again_at = self.after(self.settings.list_lag);
        preexisting_calls.set_second_list(lists_again.then_some(again_at));
        self.carrier.reopen();
        preexisting_calls.listed.send_replace(true);
        if lists_again {
            clock.sleep_until(again_at).await;
            let found = self.list_until_told().await;
            let found = self.unknown_of(found).await;
            preexisting_calls.known.lock().extend(found);
            preexisting_calls.set_second_list(None);
        }
        let count = preexisting_calls.known.lock().len();
        if count > 0 {
            tracing::warn!(
                calls = count,
                "calls from before this start are under way; their numbers are left alone"
            );
        }
        let end = self.after(LONGEST);
        while !preexisting_calls.known.lock().is_empty() && clock.now() < end {
            clock.sleep_until(self.after(LOOK).min(end)).await;
            self.look_up_preexisting_calls().await;
        }
        preexisting_calls.known.lock().clear();
    }

    /// Time from which Twilio may be asked for calls; `None`: now.
    pub(super) fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        let unknown = self.preexisting_calls.unknown_until(now);
        self.carrier.closed_until(now).max(unknown)
    }

    fn after(&self, pause: SignedDuration) -> Timestamp {
        let now = self.engine.clock.now();
        now.saturating_add(pause).unwrap_or(Timestamp::MAX)
    }

    /// Lists Twilio's live calls, as often as it takes.
    async fn list_until_told(&self) -> HashMap<CallSid, Phone> {
        let mut tries = 0;
        loop {
            match self.list_live().await {
                Ok(found) => return found,
                Err(error) => {
                    if let TwilioError::Refused(refusal) = &error {
                        self.apply_refusal(refusal, None);
                    }
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "Twilio does not tell which calls are under way; no call is placed before"
                    );
                }
            }
            self.engine
                .clock
                .sleep_until(self.after(PAUSES.pause(tries)))
                .await;
            tries += 1;
        }
    }

    /// Drops the calls that another instance serves: a stored call has their number.
    async fn unknown_of(&self, found: HashMap<CallSid, Phone>) -> HashMap<CallSid, Phone> {
        let store = &self.engine.store;
        let mut unknown = HashMap::new();
        for (sid, phone) in found {
            if !store.is_shared() || !store.has_line(phone).await.unwrap_or(false) {
                unknown.insert(sid, phone);
            }
        }
        unknown
    }

    async fn list_live(&self) -> Result<HashMap<CallSid, Phone>, TwilioError> {
        let mut found = HashMap::new();
        for from in &self.settings.from_numbers {
            for status in LIVE {
                let query = ListQuery {
                    from: Some(from.to_string()),
                    status: Some(status),
                    page_size: Some(PAGE_SIZE),
                    ..ListQuery::default()
                };
                let mut page = self.twilio.list(&query).await?;
                for read in 1.. {
                    add_live_calls(&mut found, &page);
                    let Some(next) = page.next_page_uri else {
                        break;
                    };
                    if read == PAGES {
                        tracing::error!(
                            pages = PAGES,
                            "Twilio lists more live calls than are read: some of their numbers may be rung"
                        );
                        break;
                    }
                    page = self.twilio.list_next(&next).await?;
                }
            }
        }
        Ok(found)
    }

    async fn look_up_preexisting_calls(self: &Arc<Self>) {
        let known: Vec<(CallSid, Phone)> = self
            .preexisting_calls
            .known
            .lock()
            .iter()
            .map(|(sid, phone)| (*sid, *phone))
            .collect();
        for (sid, phone) in known {
            let ended = match self.twilio.fetch(sid).await {
                Ok(resource) => resource.status.is_some_and(CallStatus::is_terminal),
                Err(TwilioError::Refused(refusal)) => refusal.is_not_found(),
                Err(
                    TwilioError::NotSent(_)
                    | TwilioError::TryLater { .. }
                    | TwilioError::Unanswered { .. },
                ) => false,
            };
            if ended {
                self.preexisting_calls.known.lock().remove(&sid);
                self.notify_number_free(phone, cooldown_end(self.engine.now()));
            }
        }
    }
}

/// Adds the live calls of a page that go to a phone number, since only those can be ours.
fn add_live_calls(found: &mut HashMap<CallSid, Phone>, page: &CallPage) {
    let is_live = |status: Option<CallStatus>| status.is_none_or(|status| !status.is_terminal());
    for call in page.calls.iter().filter(|call| is_live(call.status)) {
        if let Some(phone) = call.to.as_deref().and_then(Phone::from_e164) {
            found.insert(call.sid, phone);
        }
    }
}
