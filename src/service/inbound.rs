//! People who ring our number: they hear who called and why, and can answer right there.
//!
//! A caller's number can be forged, so the guest is named, and a key decides, only if the carrier
//! attests the number. Outside country code 1 no carrier does so to Twilio. All others hear who we
//! are, or are offered to be called: the call that follows reaches the true owner of the number.

use std::sync::Arc;

use super::ServiceError;
use super::dial_decision::DialQuestion;
use super::settings::local_time_in;
use super::webhooks::{WebhookHandler, WebhookOutcome, spoken_intent};
use crate::call::position::TalkStage;
use crate::call::talk;
use crate::call::{
    AccountTier, Call, Event, Goodbye, Input, Reply, State, TalkPosition, milliseconds,
};
use crate::domain::{Language, Phone};
use crate::policy::{DialReason, PolicyVerdict};
use crate::store::{CallStore as _, NumberStore as _};
use crate::ticket::{TicketBody, TicketPurpose};
use crate::twilio::webhook::VoiceRequest;

/// The attestation by a carrier of country code 1 for a number that it assigned to the caller
/// itself (docs/twilio.md, *Webhooks*).
const ATTESTED: &str = "TN-Validation-Passed-A";

impl WebhookHandler {
    /// The first document for somebody who rings one of our numbers.
    pub async fn inbound(&self, request: &VoiceRequest<'_>) -> (String, WebhookOutcome) {
        if request.account_sid != self.settings.account {
            return (
                crate::speech::LAST_RESORT.to_owned(),
                WebhookOutcome::Foreign,
            );
        }
        match self.find_waiting(request).await {
            Ok(Some((call, stage))) => {
                let position = TalkPosition::called_back(stage);
                let reply = if stage == TalkStage::Called {
                    Reply::Called { listen: position }
                } else {
                    Reply::Offer { listen: position }
                };
                match self.seal_inbound(&call) {
                    Some(ticket) => (
                        self.say(&reply, &call, |position| {
                            self.links.inbound_keys(position, &ticket)
                        }),
                        WebhookOutcome::Heard,
                    ),
                    None => (self.who_we_are(request), WebhookOutcome::Failed),
                }
            }
            Ok(None) => (self.who_we_are(request), WebhookOutcome::Heard),
            Err(error) => {
                tracing::error!(%error, "calls to a number that rings us could not be looked up");
                (self.who_we_are(request), WebhookOutcome::Failed)
            }
        }
    }

    /// Answers a key of a caller.
    pub async fn inbound_keys(
        &self,
        position: TalkPosition,
        ticket: &str,
        request: &VoiceRequest<'_>,
    ) -> (String, WebhookOutcome) {
        let opened = self.open(ticket, TicketPurpose::Inbound, request.account_sid);
        let opened = match opened.await {
            Ok(opened) => opened,
            Err(refused) => return (self.apologize(refused.as_ref()), WebhookOutcome::Foreign),
        };
        let input = self.input(opened.body().map(|body| body.reservation.language), request);
        let sealed_at = opened.head.sealed_at;
        let moment = milliseconds(sealed_at, self.engine.now());
        let is_one = talk::as_digits(position, input, moment) == Some(Input::digits("1"));
        let event = match position.stage {
            TalkStage::Offer if !is_one => {
                return (self.who_we_are(request), WebhookOutcome::Heard);
            }
            TalkStage::Offer => Event::RingNow,
            TalkStage::Keys
            | TalkStage::Change
            | TalkStage::Time
            | TalkStage::TimeCheck(_)
            | TalkStage::OptOut
            | TalkStage::Called => Event::CalledBack {
                attempt: opened.head.attempt,
                position,
                input,
                sealed_at,
            },
        };
        // A call that this process does not know has ended with the one that did: there is nothing
        // to decide.
        match self.engine.apply(opened.head.call, event).await {
            Ok(Some(applied)) => {
                self.dialler.perform_for_twilio(&applied).await;
                let reply = applied.reply.unwrap_or(Reply::Goodbye(Goodbye::Decided));
                (
                    self.say(&reply, &applied.call, |position| {
                        self.links.inbound_keys(position, ticket)
                    }),
                    WebhookOutcome::Heard,
                )
            }
            Ok(None) => (self.apologize(Some(&opened)), WebhookOutcome::Foreign),
            Err(error) => {
                tracing::error!(call.id = %opened.head.call, %error, "the answer of a caller could not be stored");
                (self.apologize(Some(&opened)), WebhookOutcome::Failed)
            }
        }
    }

    /// The call that the caller probably rings about, and the stage that their talk begins with.
    async fn find_waiting(
        &self,
        request: &VoiceRequest<'_>,
    ) -> Result<Option<(Arc<Call>, TalkStage)>, ServiceError> {
        let Some(caller) = request.from.and_then(Phone::from_e164) else {
            return Ok(None);
        };
        let store = &self.engine.store;
        let mut waiting = Vec::new();
        for id in store.open_calls(caller).await? {
            waiting.extend(store.load(id).await?.filter(|call| call.awaits_answer()));
        }
        // The oldest first, but those we have rung about before those we have not.
        waiting.sort_by_key(|call| (call.attempts.is_empty(), call.id));
        let is_attested = request.stir_verstat == Some(ATTESTED);
        if let Some(call) = waiting
            .first()
            .filter(|call| is_attested && !call.attempts.is_empty())
        {
            return Ok(Some((call.clone(), TalkStage::Called)));
        }
        let now = self.engine.now();
        for call in waiting {
            let used_up = call
                .attempts
                .last()
                .is_some_and(|last| last.number >= call.reservation.attempts);
            let reason = DialReason::Attempt { earliest: now };
            let question = DialQuestion {
                call: &call,
                phone: call.reservation.phone.facts(),
                reason,
                start_was_given: false,
            };
            if matches!(call.state, State::Queued { .. })
                && !used_up
                && self.dialler.judge(&question, now).await? == PolicyVerdict::Allowed
            {
                return Ok(Some((call, TalkStage::Offer)));
            }
        }
        Ok(None)
    }

    fn seal_inbound(&self, call: &Call) -> Option<String> {
        let from = *self.settings.from_numbers.first()?;
        let attempt = call.attempts.last().map_or(0, |last| last.number);
        let head = self.settings.ticket_head(call, attempt, self.engine.now());
        let body = TicketBody::of(call, from, AccountTier::Full);
        self.tickets.seal(TicketPurpose::Inbound, &head, &body).ok()
    }

    /// Says who we are, in the language of the caller's country, or of our number's.
    fn who_we_are(&self, request: &VoiceRequest<'_>) -> String {
        let (settings, speech) = (&self.settings, &self.speech);
        let phone = |text: Option<&str>| text.and_then(Phone::from_e164);
        let (caller, called) = (phone(request.from), phone(request.to));
        let country =
            |phone: Option<Phone>| phone.and_then(Phone::facts).and_then(|facts| facts.country);
        let from = if country(caller).is_some() {
            caller
        } else {
            called
        };
        let language: Language = speech.default_for(from, country(from));
        let local_time =
            country(from).and_then(|country| local_time_in(country, self.engine.now()));
        // The number they have just dialled is no help.
        let contact = settings
            .contact_phone
            .filter(|contact| Some(*contact) != called);
        speech.inbound(language, &settings.service_name, contact, local_time)
    }

    /// The input from the keypad, or the words that were said. A key always wins.
    pub(super) fn input(&self, language: Option<Language>, request: &VoiceRequest<'_>) -> Input {
        match request.digits.filter(|digits| !digits.is_empty()) {
            Some(digits) => Input::digits(digits),
            // The key that ends a Gather, alone.
            None if request.finished_on_key == Some("#") => Input::digits("#"),
            None => {
                spoken_intent(&self.speech, language, request).map_or(Input::Silence, Input::Spoken)
            }
        }
    }
}
