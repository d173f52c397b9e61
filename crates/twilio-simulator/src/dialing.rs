//! Dial: other phones ring, and the first one that answers is connected.

use jiff::Timestamp;

use super::call::{CallCommand, CallStatus, Detection, RecordingRequest, SidText, Signal};
use super::create_call::NewLeg;
use super::documents::{FetchedDocument, TwimlRequest};
use super::flow::{Interrupt, NextStep, WaitResult};
use super::recordings::Recording;
use super::simulated_call::SimulatedCall;
use super::twiml::{Dial, DialRecording, DialedParty, DialedPhone, DocumentTarget, absolute};
use super::webhook_params::pairs;
use super::webhook_url::resolve;
use super::{create_call, recordings};

/// The result of a Dial, for its action.
#[derive(Debug)]
pub(super) struct DialResult {
    /// `DialCallStatus`
    pub(super) status: &'static str,
    /// The call that was connected, or else the last one that rang.
    pub(super) leg: Option<SidText>,
    /// Seconds from the answer to the end; none: no answer.
    pub(super) seconds: Option<i64>,
    pub(super) recording: Option<Recording>,
    /// The interrupt that broke the Dial off.
    pub(super) interrupt: Option<Interrupt>,
}

impl DialResult {
    pub(super) const fn new(status: &'static str) -> Self {
        Self {
            status,
            leg: None,
            seconds: None,
            recording: None,
            interrupt: None,
        }
    }
}

/// A phone that rings for a Dial, with its status once it has ended.
struct Leg {
    sid: SidText,
    picked_up: bool,
    ended: Option<CallStatus>,
}

impl SimulatedCall {
    /// Runs a Dial; then its action, or without one the next verb.
    pub(super) async fn dial(
        &mut self,
        dial: &Dial,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        let result = match &dial.party {
            DialedParty::Phones(phones) => self.dial_phones(dial, phones, page).await,
            DialedParty::Conference(conference) => {
                self.dial_conference(dial, conference, page).await
            }
            DialedParty::Queue { name, announcement } => {
                self.dial_queue(dial, name, (announcement.as_ref(), page))
                    .await
            }
        };

        let mut extra = pairs(&[("DialCallStatus", result.status)]);
        if let Some(leg) = &result.leg {
            extra.extend(pairs(&[("DialCallSid", leg)]));
        }
        let bridged = if result.seconds.is_some() {
            "true"
        } else {
            "false"
        };
        extra.extend(pairs(&[("DialBridged", bridged)]));
        if let Some(seconds) = result.seconds {
            extra.extend(pairs(&[("DialCallDuration", &seconds.to_string())]));
        }
        if let Some(recording) = &result.recording {
            extra.extend(recordings::params(&self.sim, recording));
        }
        self.after_connection(dial.action.as_ref(), page, (extra, result.interrupt))
            .await
    }

    /// The action of a Dial or an Enqueue. It is requested also when the call was broken off, and
    /// its answer means nothing then.
    pub(super) async fn after_connection(
        &mut self,
        action: Option<&DocumentTarget>,
        page: &FetchedDocument,
        (extra, interrupt): (Vec<(String, String)>, Option<Interrupt>),
    ) -> Result<Option<NextStep>, Interrupt> {
        match (action, interrupt) {
            (None, None) => Ok(None),
            (None, Some(interrupt)) => Err(interrupt),
            (Some(action), None) => self.follow(action, page, extra).await.map(Some),
            (Some(action), Some(interrupt)) => {
                let url = action.url.as_deref().unwrap_or_default();
                if let Some(url) = resolve(page.url.as_deref(), url) {
                    let mut request = TwimlRequest::new(action.method, url);
                    request.extra = extra;
                    if !matches!(interrupt, Interrupt::Replace(_)) {
                        let status = if self.unanswered {
                            CallStatus::NoAnswer
                        } else {
                            CallStatus::Completed
                        };
                        request
                            .extra
                            .extend(pairs(&[("CallStatus", status.word())]));
                    }
                    self.request_final_action(request);
                }
                Err(interrupt)
            }
        }
    }

    async fn dial_phones(
        &mut self,
        dial: &Dial,
        phones: &[DialedPhone],
        page: &FetchedDocument,
    ) -> DialResult {
        let mut result = DialResult::new(CallStatus::Failed.word());
        let recording =
            (dial.record == DialRecording::FromRinging).then(|| self.record_dial(dial, page));
        let at_once = if dial.sequential { 1 } else { phones.len() };
        for group in phones.chunks(at_once.max(1)) {
            let mut legs: Vec<Leg> = group
                .iter()
                .map(|phone| Leg {
                    sid: self.ring_phone(dial, phone, page),
                    picked_up: false,
                    ended: None,
                })
                .collect();
            result.leg = legs.last().map(|leg| leg.sid.clone());
            let outcome = self.ring(dial, &mut legs).await;
            match outcome {
                Ok(Ok(answered)) => {
                    self.end_legs(&legs, Some(&answered));
                    self.connect(dial, &answered, (recording, page), &mut result)
                        .await;
                    return result;
                }
                Ok(Err(status)) => result.status = status,
                Err(interrupt) => {
                    self.end_legs(&legs, None);
                    result.status = CallStatus::Canceled.word();
                    result.interrupt = Some(interrupt);
                }
            }
            if result.interrupt.is_some() {
                break;
            }
        }
        if let Some(sid) = recording {
            result.recording = recordings::finish(&self.sim, &sid, None, Vec::new());
        }
        result
    }

    /// Makes the call to one phone.
    fn ring_phone(&mut self, dial: &Dial, phone: &DialedPhone, page: &FetchedDocument) -> SidText {
        self.note_event("dial", &phone.address);
        let base = page.url.as_deref();
        create_call::dialed(
            &self.sim,
            NewLeg {
                parent: &self.sid,
                caller_id: dial.caller_id.as_deref(),
                phone,
                announcement: absolute(base, phone.announcement.as_ref()),
                callback: absolute(base, phone.callback.as_ref()),
                detection: phone.detection.as_ref().map(|wanted| Detection {
                    message_end: wanted.message_end,
                    asynchronous: true,
                    timeout: wanted.timeout,
                    callback: absolute(base, wanted.callback.as_ref()),
                }),
                at: self.moment,
            },
        )
    }

    /// Waits until a phone is answered (its call), or none will be (`DialCallStatus`).
    async fn ring(
        &mut self,
        dial: &Dial,
        legs: &mut [Leg],
    ) -> Result<Result<SidText, &'static str>, Interrupt> {
        let give_up_at = clock::later(self.moment, dial.timeout);
        loop {
            let statuses: Option<Vec<CallStatus>> = legs.iter().map(|leg| leg.ended).collect();
            if let Some(ended) = statuses {
                let last = ended.last().copied();
                return Ok(Err(last.unwrap_or(CallStatus::Failed).word()));
            }
            // The timeout is for phones that ring, not for one that hears its announcement.
            let is_screened = legs.iter().any(|leg| leg.picked_up && leg.ended.is_none());
            let until = if is_screened {
                Timestamp::MAX
            } else {
                give_up_at
            };
            match self.wait(until).await? {
                WaitResult::Time => {
                    for leg in legs.iter().filter(|leg| leg.ended.is_none()) {
                        self.sim.command(&leg.sid, CallCommand::NoAnswer);
                    }
                    return Ok(Err(CallStatus::NoAnswer.word()));
                }
                WaitResult::Key('*') if dial.hangup_on_star => {
                    self.end_legs(legs, None);
                    return Ok(Err(CallStatus::Canceled.word()));
                }
                WaitResult::Signal(Signal::LegPickedUp(sid)) => {
                    for leg in legs.iter_mut().filter(|leg| leg.sid == sid) {
                        leg.picked_up = true;
                    }
                }
                WaitResult::Signal(Signal::LegAnswered(sid)) => {
                    if legs.iter().any(|leg| leg.sid == sid) {
                        return Ok(Ok(sid));
                    }
                }
                WaitResult::Signal(Signal::LegEnded(sid, status)) => {
                    for leg in legs.iter_mut().filter(|leg| leg.sid == sid) {
                        leg.ended = Some(status);
                    }
                }
                WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_) => {}
            }
        }
    }

    /// Both parties talk until one hangs up, the limit is reached, or star ends it.
    async fn connect(
        &mut self,
        dial: &Dial,
        leg: &SidText,
        (recording, page): (Option<String>, &FetchedDocument),
        result: &mut DialResult,
    ) {
        let recording = match dial.record {
            DialRecording::Off => None,
            DialRecording::FromAnswer => Some(self.record_dial(dial, page)),
            DialRecording::FromRinging => recording,
        };
        self.pick_up();
        let since = self.moment;
        let until = clock::later(since, dial.time_limit);
        let mut words = Vec::new();
        self.note_event("connected", leg);
        result.interrupt = loop {
            match self.wait(until).await {
                Ok(WaitResult::Time) => break None,
                Ok(WaitResult::Key('*')) if dial.hangup_on_star => break None,
                Ok(WaitResult::Signal(Signal::LegEnded(sid, _))) if sid == *leg => break None,
                Ok(WaitResult::Speech { text, .. }) => words.push(text),
                Ok(WaitResult::Key(_) | WaitResult::Signal(_)) => {}
                Err(interrupt) => break Some(interrupt),
            }
        };
        self.sim.command(leg, CallCommand::End);
        result.status = CallStatus::Completed.word();
        result.leg = Some(leg.clone());
        let span = self.moment.duration_since(since);
        result.seconds = Some(span.as_secs());
        if let Some(sid) = recording {
            let length = span.unsigned_abs();
            result.recording = recordings::finish(&self.sim, &sid, Some(length), words);
        }
    }

    /// Begins the recording of a Dial; its sid.
    pub(super) fn record_dial(&self, dial: &Dial, page: &FetchedDocument) -> String {
        let request = RecordingRequest {
            source: "DialVerb",
            channels: if dial.dual_channel { 2 } else { 1 },
            ..RecordingRequest::of(&dial.callback, page.url.as_deref())
        };
        recordings::begin(&self.sim, &self.sid, self.moment, request)
    }

    /// Hangs up on every phone but `kept`.
    fn end_legs(&self, legs: &[Leg], kept: Option<&SidText>) {
        let others = legs
            .iter()
            .filter(|leg| leg.ended.is_none() && Some(&leg.sid) != kept);
        for leg in others {
            self.sim.command(&leg.sid, CallCommand::End);
        }
    }
}
