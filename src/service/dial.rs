//! Places a call whose intent is stored, and judges what Twilio says to it.
//!
//! Nothing is sent twice unless Twilio certainly did not process it: a refusal, 429, or no
//! connection.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::dialler::Dialler;
use crate::call::{AccountTier, AttemptRef, Call, Event, timing};
use crate::domain::{CallSid, Phone};
use crate::store::NumberStore as _;
use crate::ticket::{TicketBody, TicketPurpose};
use crate::twilio::StatusCallbackEvent;
use crate::twilio::client::{
    AsyncAmd, Class, ListQuery, MachineDetection, MachineDetectionMode, NewCall, Scope,
    SendDeadline, TwilioError, TwilioRefusal, UnansweredCause,
};

/// Twilio's code when a trial account has no number for the destination. Fewer parameters would not
/// help.
const NO_TRIAL_NUMBER: u32 = 572_002;

impl Dialler {
    /// Asks Twilio for the call whose intent is stored. Returns Twilio's refusal, if it refused.
    pub(super) async fn place(
        &self,
        mut call: Arc<Call>,
        attempt: u8,
    ) -> Result<Option<TwilioRefusal>, ServiceError> {
        loop {
            call = match self.with_tier(call, attempt).await? {
                Some(call) => call,
                None => return Ok(None),
            };
            let Some(intent) = call.attempts.last().filter(|last| last.number == attempt) else {
                return Ok(None);
            };
            let new_call = self
                .new_call(&call, attempt)
                .ok_or(ServiceError::Internal)?;
            // Checked just before sending, because this process may have been suspended since the
            // intent was stored.
            let send_until = clock::later(intent.started_at, timing::INTENT);
            if self.engine.now() > send_until {
                tracing::warn!(call.id = %call.id, attempt, "an intent has lapsed; it is settled like a call without an answer");
                return Ok(None);
            }
            // The client checks it again when the connection stands and wants the bytes.
            let deadline = Some(SendDeadline {
                clock: self.engine.clock.clone(),
                at: send_until,
            });
            let result = self.twilio.create(&new_call, deadline).await;
            if let Err(TwilioError::Refused(refusal)) = &result
                && let Some(tier) = lower_tier(intent.tier, refusal)
            {
                // Refused parameters placed no call: the next round asks with fewer of them.
                self.carrier.lower_tier(tier);
                continue;
            }
            let (event, refusal) = self.read_answer(&call, attempt, result).await;
            self.engine.send(&call, event).await?;
            return Ok(refusal);
        }
    }

    /// Saves the account's tier with the attempt, so that a process that takes the call over sends
    /// the same parameters. `None`: the call is not stored any more.
    async fn with_tier(
        &self,
        call: Arc<Call>,
        attempt: u8,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        let tier = self.carrier.tier();
        if call.attempts.last().is_none_or(|last| last.tier >= tier) {
            return Ok(Some(call));
        }
        let applied = self
            .engine
            .apply(call.id, Event::TierLowered { attempt, tier })
            .await?;
        Ok(applied.map(|applied| applied.call))
    }

    /// Turns Twilio's answer into the event for the call, and notes its consequences for other
    /// calls in `CarrierHealth`.
    async fn read_answer(
        &self,
        call: &Call,
        attempt: u8,
        result: Result<CallSid, TwilioError>,
    ) -> (Event, Option<TwilioRefusal>) {
        let (carrier, now) = (&self.carrier, self.engine.now());
        let try_later = |until| (Event::TryLater { attempt, until }, None);
        match result {
            Ok(sid) => {
                carrier.accepted();
                (Event::Accepted(AttemptRef { attempt, sid }), None)
            }
            Err(TwilioError::Refused(refusal)) => {
                tracing::warn!(call.id = %call.id, attempt, twilio.code = refusal.code, "Twilio refused the call");
                self.uncount(call, attempt).await;
                let from = call.attempts.last().map(|last| last.from);
                match self.apply_refusal(&refusal, from) {
                    Some(until) => try_later(until),
                    None => {
                        let code = refusal.code;
                        (Event::Refused { attempt, code }, Some(refusal))
                    }
                }
            }
            Err(TwilioError::NotSent(error)) => {
                tracing::warn!(call.id = %call.id, attempt, error = &*error as &dyn std::error::Error, "Twilio cannot be reached");
                self.uncount(call, attempt).await;
                try_later(spread(carrier.busy(None, now)))
            }
            Err(TwilioError::TryLater { retry_after, code }) => {
                tracing::warn!(call.id = %call.id, attempt, twilio.code = code, "Twilio is busy");
                self.uncount(call, attempt).await;
                try_later(spread(carrier.busy(retry_after, now)))
            }
            Err(TwilioError::Unanswered { why }) => {
                tracing::warn!(call.id = %call.id, attempt, why = &why as &dyn std::error::Error, "Twilio did not answer a create");
                if matches!(why, UnansweredCause::NoSid) {
                    carrier.mark_foreign();
                }
                (Event::Unanswered { attempt }, None)
            }
        }
    }

    /// Notes a refusal that concerns other calls too. Returns the time from which the same call may
    /// be tried again; `None`: it may not.
    pub(super) fn apply_refusal(
        &self,
        refusal: &TwilioRefusal,
        from: Option<Phone>,
    ) -> Option<Timestamp> {
        let (carrier, now) = (&self.carrier, self.engine.now());
        let code = refusal.code.unwrap_or_else(|| u32::from(refusal.status));
        match (refusal.scope(), from) {
            (Scope::Account, _) => {
                carrier.shut(code, refusal.advice(), now);
                None
            }
            // If another number of ours is left, the call is tried with that one at once.
            (Scope::CallerId, Some(from)) => carrier.set_aside(from, code, now).then_some(now),
            (Scope::Request, _) if refusal.class == Class::TryLater => {
                Some(spread(carrier.busy(None, now)))
            }
            (Scope::CallerId | Scope::Request, _) => None,
        }
    }

    /// Takes an attempt out of the limits, because no phone rang.
    async fn uncount(&self, call: &Call, attempt: u8) {
        if let Some(last) = call.attempts.last().filter(|last| last.number == attempt) {
            self.engine.store.uncount(call, last.started_at).await;
        }
    }

    /// Tests an account that Twilio refused until it is accepted again. The test is the cheapest
    /// request that every kind of Twilio key may make: a list of one call.
    pub(super) async fn watch_carrier(&self) {
        let (clock, carrier) = (&self.engine.clock, &self.carrier);
        loop {
            let Some(test_at) = carrier.test_at() else {
                carrier.closed().await;
                continue;
            };
            clock.sleep_until(test_at).await;
            let query = ListQuery {
                page_size: Some(1),
                ..Default::default()
            };
            match self.twilio.list(&query).await {
                Ok(_) => carrier.reopen(),
                Err(TwilioError::Refused(refusal)) => {
                    carrier.shut(
                        refusal.code.unwrap_or_else(|| u32::from(refusal.status)),
                        refusal.advice(),
                        self.engine.now(),
                    );
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the test of a refused account had no answer");
                    carrier.not_tested(self.engine.now());
                }
            }
        }
    }

    /// The request that places the call: our URLs with sealed tickets, and the parameters that the
    /// attempt's tier allows. `None`: a ticket could not be sealed.
    fn new_call(&self, call: &Call, attempt: u8) -> Option<NewCall> {
        let head = self.settings.ticket_head(call, attempt, self.engine.now());
        let intent = call.attempts.last()?;
        let body = TicketBody::of(call, intent.from, intent.tier);
        let purposes = [
            TicketPurpose::Voice,
            TicketPurpose::Status,
            TicketPurpose::Machine,
        ];
        let [voice, status, machine] = self.tickets.seal_each(purposes, &head, &body).ok()?;
        let extension = call
            .reservation
            .extension
            .as_ref()
            .map(|extension| extension.as_str().to_owned());
        // SendDigits rules machine detection out (docs/twilio.md).
        let detects = self.settings.machine_detection && extension.is_none();
        let machine_detection = detects.then(|| machine_detection(self.links.machine(&machine)));
        let full = NewCall {
            to: call.reservation.phone.to_string(),
            from: intent.from.to_string(),
            url: self.links.answer(&voice),
            fallback_url: Some(self.links.fallback(&voice)),
            status_callback: Some(self.links.status(&status)),
            status_callback_events: StatusCallbackEvent::ALL.to_vec(),
            timeout: u16::try_from(timing::RING.as_secs()).ok(),
            time_limit: u32::try_from(timing::TALK.as_secs()).ok(),
            send_digits: extension,
            machine_detection,
        };
        Some(match intent.tier {
            AccountTier::Full => full,
            AccountTier::Trial => full.to_minimal(),
            AccountTier::Silent => NewCall {
                status_callback: None,
                ..full.to_minimal()
            },
        })
    }
}

/// The tier below, if Twilio refused a parameter because this is a trial account; `None`: fewer
/// parameters would not help.
fn lower_tier(tier: AccountTier, refusal: &TwilioRefusal) -> Option<AccountTier> {
    if !refusal.is_trial_limit() || refusal.code == Some(NO_TRIAL_NUMBER) {
        return None;
    }
    match tier {
        AccountTier::Full => Some(AccountTier::Trial),
        AccountTier::Trial => Some(AccountTier::Silent),
        AccountTier::Silent => None,
    }
}

/// Adds up to a second, so that calls that were refused together do not come back together.
fn spread(at: Timestamp) -> Timestamp {
    clock::later(at, SignedDuration::from_millis(fastrand::i64(0..1_000)))
}

/// Parameters of machine detection, in seconds and milliseconds. Companies greet for 8 to 10 s, so
/// only a longer voice counts as a machine.
fn machine_detection(url: String) -> MachineDetection {
    MachineDetection {
        mode: MachineDetectionMode::DetectMessageEnd,
        timeout: Some(30),
        speech_threshold: Some(6_000),
        speech_end_threshold: Some(1_500),
        silence_timeout: Some(5_000),
        asynchronous: Some(AsyncAmd {
            status_callback: url,
        }),
    }
}
