//! Places a call whose intent is stored, and judges what Twilio says to it.
//!
//! Nothing is sent twice unless Twilio certainly did not process it: a refusal, 429, or no
//! connection.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ServiceError;
use super::dialler::Dialler;
use crate::call::{AccountTier, AttemptRef, Call, Event, timing};
use crate::domain::Phone;
use crate::store::NumberStore as _;
use crate::ticket::{Head, TicketBody, TicketPurpose};
use crate::twilio::StatusCallbackEvent;
use crate::twilio::client::{
    AsyncAmd, Class, MachineDetection, MachineDetectionMode, NewCall, Scope, SendDeadline,
    TwilioError, TwilioRefusal, Why,
};

/// A trial account's answer to a destination for which it has no number; asking for less does not
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
            call = match self.on_terms(call, attempt).await? {
                Some(call) => call,
                None => return Ok(None),
            };
            let Some(intent) = call.attempts.last().filter(|last| last.number == attempt) else {
                return Ok(None);
            };
            let new_call = self
                .new_call(&call, attempt)
                .ok_or(ServiceError::Internal)?;
            // The last thing before it is sent: this process may have stood still since the intent
            // was stored.
            let at = intent
                .started_at
                .saturating_add(timing::INTENT)
                .unwrap_or(intent.started_at);
            if self.engine.now() > at {
                tracing::warn!(call.id = %call.id, attempt, "an intent has lapsed; it is settled like a call without an answer");
                return Ok(None);
            }
            // And once more when its bytes are wanted: a connection takes time as well.
            let until = Some(SendDeadline {
                clock: self.engine.clock.clone(),
                at,
            });
            let result = self.twilio.create(&new_call, until).await;
            if let Err(TwilioError::Refused(refusal)) = &result
                && let Some(less) = less(intent.terms, refusal)
            {
                self.carrier.reduce(less);
                continue;
            }
            let (event, refusal) = self.answered(&call, attempt, result).await;
            self.engine.send(&call, event).await?;
            return Ok(refusal);
        }
    }

    /// The call with what the account lets us ask for written down: who takes it over must know.
    /// `None`: it is gone.
    async fn on_terms(
        &self,
        call: Arc<Call>,
        attempt: u8,
    ) -> Result<Option<Arc<Call>>, ServiceError> {
        let terms = self.carrier.terms();
        if call.attempts.last().is_none_or(|last| last.terms >= terms) {
            return Ok(Some(call));
        }
        let applied = self
            .engine
            .apply(call.id, Event::Reduced { attempt, terms })
            .await?;
        Ok(applied.map(|applied| applied.call))
    }

    /// Turns Twilio's answer into the event for the call, and notes what it means for later calls.
    async fn answered(
        &self,
        call: &Call,
        attempt: u8,
        result: Result<crate::domain::CallSid, TwilioError>,
    ) -> (Event, Option<TwilioRefusal>) {
        let (carrier, now) = (&self.carrier, self.engine.now());
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
                    Some(until) => (Event::TryLater { attempt, until }, None),
                    None => (
                        Event::Refused {
                            attempt,
                            code: refusal.code,
                        },
                        Some(refusal),
                    ),
                }
            }
            Err(TwilioError::NotSent(error)) => {
                tracing::warn!(call.id = %call.id, attempt, error = &*error as &dyn std::error::Error, "Twilio cannot be reached");
                self.uncount(call, attempt).await;
                (
                    Event::TryLater {
                        attempt,
                        until: spread(carrier.busy(None, now)),
                    },
                    None,
                )
            }
            Err(TwilioError::TryLater { retry_after, code }) => {
                tracing::warn!(call.id = %call.id, attempt, twilio.code = code, "Twilio is busy");
                self.uncount(call, attempt).await;
                (
                    Event::TryLater {
                        attempt,
                        until: spread(carrier.busy(retry_after, now)),
                    },
                    None,
                )
            }
            Err(TwilioError::Unanswered { why }) => {
                tracing::warn!(call.id = %call.id, attempt, why = &why as &dyn std::error::Error, "Twilio did not answer a create");
                if matches!(why, Why::NoSid) {
                    carrier.is_foreign();
                }
                (Event::Unanswered { attempt }, None)
            }
        }
    }

    /// Learns from a refusal what concerns other calls too. When the same call may be tried again,
    /// if it may.
    pub(super) fn apply_refusal(
        &self,
        refusal: &TwilioRefusal,
        from: Option<Phone>,
    ) -> Option<Timestamp> {
        let (carrier, now) = (&self.carrier, self.engine.now());
        let code = refusal.code.unwrap_or_else(|| u32::from(refusal.status));
        match (refusal.scope(), from) {
            (Scope::Account, _) => {
                carrier.shut(code, now);
                None
            }
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

    /// Tests an account that Twilio refused, with the cheapest question that any kind of key may
    /// ask.
    pub(super) async fn watch_carrier(&self) {
        let (clock, carrier) = (&self.engine.clock, &self.carrier);
        loop {
            let Some(test_at) = carrier.test_at() else {
                carrier.closed().await;
                continue;
            };
            clock.sleep_until(test_at).await;
            let query = crate::twilio::client::ListQuery {
                page_size: Some(1),
                ..Default::default()
            };
            match self.twilio.list(&query).await {
                Ok(_) => carrier.reopen(),
                Err(TwilioError::Refused(refusal)) => {
                    carrier.shut(
                        refusal.code.unwrap_or_else(|| u32::from(refusal.status)),
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

    fn new_call(&self, call: &Call, attempt: u8) -> Option<NewCall> {
        let head = Head {
            call: call.id,
            attempt,
            account: self.settings.account_digest,
            sealed_at: self.engine.now(),
        };
        let intent = call.attempts.last()?;
        let body = TicketBody::of(call, intent.from, intent.terms);
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
        let machine_detection = detects.then(|| detection(self.links.machine(&machine)));
        let whole = NewCall {
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
        Some(match intent.terms {
            AccountTier::Full => whole,
            AccountTier::Trial => whole.to_minimal(),
            AccountTier::Silent => NewCall {
                status_callback: None,
                ..whole.to_minimal()
            },
        })
    }
}

/// The tier to ask for instead, when a trial account refused a parameter.
fn less(terms: AccountTier, refusal: &TwilioRefusal) -> Option<AccountTier> {
    if !refusal.is_trial_limit() || refusal.code == Some(NO_TRIAL_NUMBER) {
        return None;
    }
    match terms {
        AccountTier::Full => Some(AccountTier::Trial),
        AccountTier::Trial => Some(AccountTier::Silent),
        AccountTier::Silent => None,
    }
}

/// Up to a second later: calls that were refused together do not come back together.
fn spread(at: Timestamp) -> Timestamp {
    at.saturating_add(SignedDuration::from_millis(fastrand::i64(0..1_000)))
        .unwrap_or(at)
}

/// Tuned for the greetings of companies, which last 8 to 10 s: a voice is called a machine's only
/// late.
fn detection(url: String) -> MachineDetection {
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
