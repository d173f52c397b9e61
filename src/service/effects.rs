//! Performs the effects of a call by Twilio's REST API.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::call_status::found;
use super::dialler::Dialler;
use super::{ServiceError, links};
use crate::call::position::LATEST;
use crate::call::talk;
use crate::call::{
    Call, Effect, Event, Input, KeyText, LookupResult, PressedKey, TalkPosition, milliseconds,
};
use crate::domain::CallSid;
use crate::store::{CallStore as _, NumberStore as _};
use crate::ticket::{TicketError, TicketPurpose};
use crate::twilio::CallStatus;
use crate::twilio::client::{CallEvent, CallResource, CallUpdate, ListQuery, TwilioError};

/// The tolerated difference between our clock and Twilio's when a search distinguishes earlier
/// calls from the wanted one.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(5);
/// Most pages that a search of the list of calls reads.
const PAGES: usize = 5;

impl Dialler {
    pub(super) async fn effect(
        self: &Arc<Self>,
        call: Arc<Call>,
        effect: Effect,
    ) -> Result<(), ServiceError> {
        match effect {
            Effect::Consider => self.consider(&call, false).await.map(|_rings| ()),
            Effect::Place { attempt } => self.place(call, attempt).await.map(|_refusal| ()),
            Effect::HangUp { attempt, sid } => {
                self.update(&call, attempt, sid, &CallUpdate::Complete)
                    .await
            }
            Effect::Apologize { attempt, sid } => {
                let twiml = self.speech.render(
                    &call.last_words(),
                    &self
                        .settings
                        .render_context(&call.reservation, self.engine.now()),
                    |_| String::new(),
                );
                self.update(&call, attempt, sid, &CallUpdate::Twiml(twiml))
                    .await
            }
            Effect::LeaveMessage { attempt, sid } => self.leave_message(&call, attempt, sid).await,
            Effect::OptOut => self.opt_out(call.reservation.phone).await,
            Effect::LookUp { attempt } => {
                self.engine.count_stuck(&call);
                match self.look_up(&call, attempt).await {
                    Some(found) => {
                        self.engine
                            .send(&call, Event::LookedUp { attempt, found })
                            .await
                    }
                    None => Ok(()),
                }
            }
            Effect::ReadEvents { attempt } => self.read_events(&call, attempt).await,
        }
    }

    /// Ends or redirects a line. Twilio's "not in progress" means that it has ended already: its
    /// final callback will arrive.
    pub(super) async fn update(
        &self,
        call: &Call,
        attempt: u8,
        on: CallSid,
        update: &CallUpdate,
    ) -> Result<(), ServiceError> {
        let mut result = self.twilio.update(on, update).await;
        let refused = |result: &Result<CallResource, TwilioError>| matches!(result, Err(TwilioError::Refused(refusal)) if refusal.is_not_in_progress());
        if refused(&result) && matches!(update, CallUpdate::Twiml(_)) {
            // No person is on the line yet, so it is ended without a word.
            result = self.twilio.update(on, &CallUpdate::Complete).await;
        }
        match result {
            // A cancelled call that had not left Twilio's queue ends without a callback.
            Ok(resource) if resource.status.is_some_and(CallStatus::is_terminal) => {
                let found = found(attempt, &resource);
                self.engine
                    .send(call, Event::LookedUp { attempt, found })
                    .await
            }
            Ok(_) => Ok(()),
            Err(TwilioError::Refused(refusal)) if refusal.is_not_in_progress() => {
                match self.look_up(call, attempt).await {
                    // It cannot be ended yet. The call has its time for the next try: one at once
                    // would be refused as well, and so on without a pause.
                    None | Some(LookupResult::Live(..)) => Ok(()),
                    Some(found) => {
                        self.engine
                            .send(call, Event::LookedUp { attempt, found })
                            .await
                    }
                }
            }
            Err(error) => {
                tracing::warn!(call.id = %call.id, attempt, error = &error as &dyn std::error::Error, "a line could not be ended; it will be looked up");
                Ok(())
            }
        }
    }

    /// Asks Twilio what became of an attempt: by its name, or by searching for it. `None`: the call
    /// has no such attempt.
    async fn look_up(&self, call: &Call, attempt: u8) -> Option<LookupResult> {
        let last = call.attempts.iter().find(|known| known.number == attempt)?;
        let result = match last.sid {
            Some(known) => match self.twilio.fetch(known).await {
                Ok(resource) => Ok(Some(resource)),
                Err(TwilioError::Refused(refusal)) if refusal.is_not_found() => Ok(None),
                Err(error) => Err(error),
            },
            None => {
                self.search(call, last.from.to_string(), last.started_at)
                    .await
            }
        };
        Some(match result {
            Ok(Some(resource)) => found(attempt, &resource),
            Ok(None) => LookupResult::Nothing,
            Err(error) => {
                tracing::warn!(call.id = %call.id, attempt, error = &error as &dyn std::error::Error, "a call could not be looked up");
                LookupResult::Unreachable
            }
        })
    }

    /// Looks for a call to this number whose name no attempt of ours has, made since the intent.
    /// There is no date filter: queued calls have no start time (docs/twilio.md).
    async fn search(
        &self,
        call: &Call,
        from: String,
        since: Timestamp,
    ) -> Result<Option<CallResource>, TwilioError> {
        let query = ListQuery {
            to: Some(call.reservation.phone.to_string()),
            from: Some(from),
            ..ListQuery::default()
        };
        let others = self.names_of_others(call).await;
        let mut page = self.twilio.list(&query).await?;
        for _ in 0..PAGES {
            let mut calls = VecDeque::from(page.calls);
            while let Some(resource) = calls.pop_front() {
                let known = others.contains(&resource.sid)
                    || call
                        .attempts
                        .iter()
                        .any(|attempt| attempt.sid == Some(resource.sid));
                // Some tolerance: Twilio's clock is not ours, and it writes whole seconds.
                let old = resource
                    .date_created
                    .is_some_and(|at| since.duration_since(at) > CLOCKS_APART);
                if !known && !old {
                    return Ok(Some(resource));
                }
            }
            let Some(next) = page.next_page_uri else {
                break;
            };
            page = self.twilio.list_next(&next).await?;
        }
        Ok(None)
    }

    /// The names of other calls' attempts to the same number.
    async fn names_of_others(&self, call: &Call) -> Vec<CallSid> {
        let store = &self.engine.store;
        let mut names = Vec::new();
        for id in store
            .open_calls(call.reservation.phone)
            .await
            .unwrap_or_default()
        {
            if let Ok(Some(other)) = store.load(id).await
                && other.id != call.id
            {
                names.extend(other.attempts.iter().filter_map(|attempt| attempt.sid));
            }
        }
        names
    }

    /// Asks Twilio which keys were pressed, for a call whose talk we did not hear.
    async fn read_events(&self, call: &Call, attempt: u8) -> Result<(), ServiceError> {
        let Some(on) = call
            .attempts
            .iter()
            .find(|known| known.number == attempt)
            .and_then(|known| known.sid)
        else {
            return Ok(());
        };
        let events = match self.twilio.events(on).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(call.id = %call.id, attempt, error = &error as &dyn std::error::Error, "the events of a call could not be read");
                return Ok(());
            }
        };
        let mut keys: Vec<PressedKey> = events
            .iter()
            .filter_map(|event| self.pressed_key(call, event))
            .collect();
        keys.sort_by_key(|key| key.position.step);
        // The list begins with our own create: until it holds a document that was asked for, it is
        // not complete.
        let complete = events.iter().any(|event| {
            event
                .url
                .as_deref()
                .is_some_and(|url| url.contains(links::path::ANSWER))
        });
        let keys = complete.then(|| keys.into());
        self.engine
            .send(call, Event::EventsRead { attempt, keys })
            .await
    }

    /// The key that means the same as the words in Twilio's record.
    fn spoken_key(
        &self,
        call: &Call,
        position: TalkPosition,
        moment: u32,
        event: &CallEvent,
    ) -> Option<KeyText> {
        let text = event
            .parameter("speech_result")
            .filter(|text| !text.trim().is_empty())?;
        let confidence = event
            .parameter("confidence")
            .and_then(|text| text.parse().ok());
        let said = self
            .speech
            .understand(call.reservation.language, text, confidence);
        match talk::as_digits(position, Input::Spoken(said), moment) {
            Some(Input::Digits(key)) => Some(key),
            Some(Input::Silence | Input::Spoken(_)) | None => None,
        }
    }

    /// The result of a Gather that Twilio remembers, or what became of it at the fallback; without
    /// keys it was silence.
    fn pressed_key(&self, call: &Call, event: &CallEvent) -> Option<PressedKey> {
        let (position, ticket) = [event.url.as_deref(), event.parameter("error_url")]
            .into_iter()
            .flatten()
            .find_map(links::turn_and_ticket)?;
        let sealed_at = match self
            .tickets
            .open(ticket, TicketPurpose::Voice, self.engine.now())
        {
            Ok(opened) | Err(TicketError::Expired(opened)) => opened.head.sealed_at,
            Err(TicketError::Forged | TicketError::Malformed) => return None,
        };
        // Twilio records when it had an answer, or when it gave up waiting for one. Without a time
        // nothing is known to have been heard before the key.
        let waited = match event.response_code {
            Some(_) => SignedDuration::ZERO,
            None => SignedDuration::from_millis(LATEST.into()),
        };
        let pressed_at = event
            .response_date
            .and_then(|date| date.checked_sub(waited).ok())
            .unwrap_or(sealed_at);
        let digits = event
            .parameter("digits")
            .filter(|digits| !digits.is_empty())
            .map(KeyText::new)
            .or_else(|| {
                let moment = milliseconds(sealed_at, pressed_at);
                self.spoken_key(call, position, moment, event)
            })
            .unwrap_or_else(|| KeyText::new(""));
        Some(PressedKey {
            position,
            digits,
            pressed_at,
            // Twilio writes whole seconds and leaves the rest out.
            pressed_by: event
                .response_date
                .and_then(|date| date.checked_add(SignedDuration::from_secs(1)).ok())
                .unwrap_or(pressed_at),
            sealed_at,
        })
    }
}
