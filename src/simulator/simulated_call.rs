//! The life of one call, from the queue to its end.
//!
//! A line keeps its own moment: timed steps follow one another on it, so that one leap of a
//! simulated clock carries a call through several of them; whatever comes from outside (a hand at
//! the phone, an answer over HTTP) sets it to now. Requests take real time: what a fast clock runs
//! ahead meanwhile does not count, or callees would hang up before the first word whenever the
//! machine is busy. The line then lags behind the clock by as much. A step is published only after
//! the next deadline follows from the moment: who sees it may move the clock at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::Inner;
use super::behaviour::{CallEnding, NumberBehaviour, ScriptedKeys, seconds};
use super::call::{
    CallCommand, CallParameters, Direction, DocumentSource, Sid, Status, TranscriptLine,
};
use super::documents::DocumentRequest;
use super::faults::Fault;
use super::interpreter::NextStep;
use super::status_delivery::{self, StatusDelivery};
use super::waiting::Interrupt;
use super::webhook_params;

/// One call while it lasts.
pub(super) struct SimulatedCall {
    pub(super) sim: Arc<Inner>,
    pub(super) sid: Sid,
    pub(super) to: String,
    pub(super) behaviour: NumberBehaviour,
    pub(super) inbox: mpsc::UnboundedReceiver<(Timestamp, CallCommand)>,
    /// A command that came, but not before the deadline that was waited for.
    pub(super) pending: Option<(Timestamp, CallCommand)>,
    pub(super) moment: Timestamp,
    /// How far the line's time is behind the clock.
    pub(super) lag: SignedDuration,
    /// Keys that a scripted callee will press.
    pub(super) scheduled: VecDeque<(Timestamp, char)>,
    /// Keys pressed in one go and not heard yet.
    pub(super) typed: VecDeque<char>,
    pub(super) hang_up_at: Option<Timestamp>,
    pub(super) limit_at: Option<Timestamp>,
    pub(super) verdict: Option<PlannedDetection>,
    pub(super) gathers: u32,
    pub(super) hops: u32,
    deliveries: mpsc::UnboundedSender<StatusDelivery>,
}

/// What machine detection will say, and when.
#[derive(Clone, Debug)]
pub(super) struct PlannedDetection {
    pub(super) at: Timestamp,
    pub(super) word: String,
    pub(super) after: Duration,
    pub(super) asynchronous: bool,
}

/// How a call ended: its status and SIP code.
type End = (Status, u16);

/// Lets the line of a new call live until its end.
pub(super) fn start(
    sim: &Arc<Inner>,
    sid: &Sid,
    inbox: mpsc::UnboundedReceiver<(Timestamp, CallCommand)>,
    start_at: Timestamp,
) {
    let party = {
        let state = sim.lock();
        state.call(sid).map(|call| {
            (
                call.to.clone(),
                call.from.clone(),
                call.direction,
                call.created_at,
            )
        })
    };
    let Some((to, from, direction, moment)) = party else {
        return;
    };
    let mut line = SimulatedCall {
        sim: Arc::clone(sim),
        sid: Arc::clone(sid),
        behaviour: NumberBehaviour::default(),
        to,
        inbox,
        pending: None,
        moment,
        lag: SignedDuration::ZERO,
        scheduled: VecDeque::new(),
        typed: VecDeque::new(),
        hang_up_at: None,
        limit_at: None,
        verdict: None,
        gathers: 0,
        hops: 0,
        deliveries: status_delivery::deliveries(sim),
    };
    let stop = sim.stop.clone();
    sim.tracker.spawn(async move {
        let life = async {
            let end = match direction {
                Direction::Inbound => line.inbound(&from).await,
                Direction::OutboundApi => line.outbound(start_at).await,
            };
            if let Some((status, sip_code)) = end {
                line.enter(status, Some(sip_code));
            }
        };
        tokio::select! {
            () = life => {}
            () = stop.cancelled() => {}
        }
    });
}

impl SimulatedCall {
    async fn outbound(&mut self, start_at: Timestamp) -> Option<End> {
        let timings = self.sim.config.timings;
        if self
            .withdrawn_before(later(start_at, timings.initiated_after))
            .await
        {
            return None;
        }
        let told = self.sim.lock().numbers.get(&self.to).cloned();
        self.behaviour = told.unwrap_or_else(|| NumberBehaviour::of_number(&self.to, &timings));
        let timeout = self.parameters().timeout;
        let give_up_at = later(self.moment, timeout);
        self.enter(Status::Initiated, None);
        if self.behaviour.ends == Some(CallEnding::Unreachable) {
            let end = (Status::Failed, self.behaviour.sip_code.unwrap_or(404));
            return self
                .before_answer(later(self.moment, timings.refused_after), Some(end))
                .await;
        }
        if let Some(end) = self
            .before_answer(later(self.moment, timings.ringing_after), None)
            .await
        {
            return Some(end);
        }
        self.enter(Status::Ringing, None);
        if let Some(end) = self.rings(give_up_at).await {
            return Some(end);
        }
        self.picked_up();
        self.conversation(None).await;
        Some((Status::Completed, 200))
    }

    /// Rings until somebody picks up; otherwise how it ended.
    async fn rings(&mut self, give_up_at: Timestamp) -> Option<End> {
        let refused_at = later(self.moment, self.sim.config.timings.refused_after);
        let sip = |usual| self.behaviour.sip_code.unwrap_or(usual);
        let no_answer = Some((Status::NoAnswer, sip(487)));
        let (at, end) = match (self.behaviour.ends, self.behaviour.answer_after()) {
            (Some(CallEnding::Busy), _) => (refused_at, Some((Status::Busy, sip(486)))),
            (Some(CallEnding::Decline), _) => (refused_at, Some((Status::Busy, sip(603)))),
            (Some(CallEnding::NoAnswer | CallEnding::Unreachable), _) | (None, None) => {
                (give_up_at, no_answer)
            }
            (None, Some(after)) => (later(self.moment, after), None),
        };
        let (at, end) = if at > give_up_at {
            (give_up_at, no_answer)
        } else {
            (at, end)
        };
        self.before_answer(at, end).await
    }

    /// Waits until `at`, which ends the call with `end` or goes on; a hand at the phone or the API
    /// may be quicker.
    async fn before_answer(&mut self, at: Timestamp, end: Option<End>) -> Option<End> {
        loop {
            match self.command_before(at).await {
                None => return end,
                Some(CallCommand::Answer) => return None,
                Some(CallCommand::Decline | CallCommand::HangUp) => {
                    return Some((Status::Busy, 603));
                }
                Some(CallCommand::End) => return Some((Status::Canceled, 487)),
                Some(
                    CallCommand::Press(_)
                    | CallCommand::Speak { .. }
                    | CallCommand::Limit(_)
                    | CallCommand::Replace(_),
                ) => {}
            }
        }
    }

    /// Waits in the queue; whether the call was taken back meanwhile (of which nobody is told).
    async fn withdrawn_before(&mut self, at: Timestamp) -> bool {
        while let Some(command) = self.command_before(at).await {
            if matches!(command, CallCommand::End) {
                let moment = self.moment;
                self.sim
                    .change_call(&self.sid, |call| call.enter(Status::Canceled, moment));
                return true;
            }
        }
        self.sim
            .lock()
            .call(&self.sid)
            .is_none_or(|call| call.status.has_ended())
    }

    /// Somebody rings our number: the document comes first, and may refuse the call.
    async fn inbound(&mut self, from: &str) -> Option<End> {
        let told = self.sim.lock().numbers.get(from).cloned();
        self.behaviour = told.unwrap_or_default();
        let parameters = self.parameters();
        let ask = DocumentRequest::new(parameters.method, parameters.url.unwrap_or_default());
        let page = match self.fetch(ask).await {
            Ok(page) => page,
            Err(Interrupt::HungUp | Interrupt::Over | Interrupt::Replace(_)) => {
                return Some((Status::NoAnswer, 487));
            }
        };
        if let Some(busy) = page.as_ref().ok().and_then(|page| page.rejects()) {
            return Some(if busy {
                (Status::Busy, 486)
            } else {
                (Status::NoAnswer, 403)
            });
        }
        self.picked_up();
        self.conversation(Some(page)).await;
        Some((Status::Completed, 200))
    }

    /// Everything that follows from the pick-up is settled before anybody learns of it.
    fn picked_up(&mut self) {
        let (parameters, timings) = (self.parameters(), self.sim.config.timings);
        self.limit_at = Some(later(self.moment, parameters.time_limit));
        let mut hang_up_after = self.behaviour.hang_up_after_seconds.map(seconds);
        let mut heard = Vec::new();
        if let Some(machine) = self.behaviour.voicemail {
            let greeting = seconds(machine.greeting_seconds);
            let full = greeting + timings.voicemail_records;
            hang_up_after = Some(hang_up_after.unwrap_or(full).min(full));
            heard.push(callee_line(
                self.moment,
                "greeting",
                "Please leave a message after the tone.",
                machine.greeting_seconds,
            ));
            if machine.beep {
                heard.push(callee_line(later(self.moment, greeting), "beep", "", 0.5));
            }
        }
        self.hang_up_at = hang_up_after.map(|after| later(self.moment, after));
        for keys in self.behaviour.keys.clone() {
            if let Some(after) = keys.after_seconds {
                self.schedule(&keys, later(self.moment, seconds(after)));
            }
        }
        self.verdict = self.detect(&parameters);
        self.sim
            .change_call(&self.sid, |call| call.transcript.extend(heard));
        self.enter(Status::InProgress, None);
    }

    /// Lets a scripted callee press `keys`, the first of them `at`.
    pub(super) fn schedule(&mut self, keys: &ScriptedKeys, at: Timestamp) {
        let gap = self.sim.config.timings.between_keys;
        let mut last = at;
        for (key, number) in keys.digits.chars().zip(0_u32..) {
            last = later(at, gap * number);
            self.scheduled.push_back((last, key));
        }
        self.scheduled.make_contiguous().sort_unstable();
        if let Some(after) = keys.hang_up_after_seconds {
            self.hang_up_at = Some(later(last, seconds(after)));
        }
    }

    /// What machine detection will say.
    fn detect(&self, parameters: &CallParameters) -> Option<PlannedDetection> {
        let detection = parameters.detection.as_ref()?;
        let machine = self.behaviour.voicemail;
        let mut after = self.sim.config.timings.verdict_after;
        let mut word = "human";
        if let Some(machine) = machine {
            word = "machine_start";
            if detection.message_end {
                let (ending, tail) = if machine.beep {
                    ("machine_end_beep", 0.5)
                } else {
                    ("machine_end_silence", 1.2)
                };
                (word, after) = (ending, seconds(machine.greeting_seconds + tail));
            }
        }
        let mut word = self
            .behaviour
            .answered_by
            .clone()
            .unwrap_or_else(|| word.to_owned());
        if after > detection.timeout {
            after = detection.timeout;
            let known = machine.is_some() && detection.message_end;
            word = if known {
                "machine_end_other"
            } else {
                "unknown"
            }
            .to_owned();
        }
        if let Some(switch) = self.sim.trigger(Fault::AmdLate, &self.to, &["amd"]) {
            after += switch.length(5.0);
        }
        Some(PlannedDetection {
            at: later(self.moment, after),
            word,
            after,
            asynchronous: detection.asynchronous,
        })
    }

    /// Where the conversation begins: after digits to send, and after the verdict where it is
    /// waited for.
    pub(super) async fn opening(&mut self) -> Result<NextStep, Interrupt> {
        let parameters = self.parameters();
        if !parameters.send_digits.is_empty() {
            self.play_tones(&parameters.send_digits).await?;
        }
        let mut extra = Vec::new();
        if let Some(verdict) = self.verdict.clone().filter(|verdict| !verdict.asynchronous) {
            self.hear_nothing_until(verdict.at).await?;
            let millis = verdict.after.as_millis().to_string();
            extra = webhook_params::pairs(&[
                ("AnsweredBy", &verdict.word),
                ("MachineDetectionDuration", &millis),
            ]);
        }
        Ok(match (parameters.url, parameters.twiml) {
            (Some(url), _) => NextStep::DocumentRequest(DocumentRequest {
                extra,
                ..DocumentRequest::new(parameters.method, url)
            }),
            (None, twiml) => NextStep::Inline(twiml.unwrap_or_default()),
        })
    }

    pub(super) fn parameters(&self) -> CallParameters {
        self.sim
            .lock()
            .call(&self.sid)
            .map(|call| call.parameters.clone())
            .unwrap_or_default()
    }

    /// Enters a status and sends the callback of its event, if that is subscribed to.
    fn enter(&self, status: Status, sip_code: Option<u16>) {
        let event = match status {
            Status::Initiated => "initiated",
            Status::Ringing => "ringing",
            Status::InProgress => "answered",
            Status::Completed
            | Status::Busy
            | Status::NoAnswer
            | Status::Failed
            | Status::Canceled => "completed",
            Status::Queued => return,
        };
        let skewed = self
            .sim
            .trigger(Fault::ClockSkew, &self.to, &["status", status.word()]);
        let skew = skewed.map(|switch| switch.length(5.0)).unwrap_or_default();
        let moment = self.moment;
        let callback = self.sim.change_call(&self.sid, |call| {
            if call.status.has_ended() {
                return None;
            }
            call.sip_code = sip_code;
            call.enter(status, moment);
            let sequence = call.sequence;
            call.sequence += 1;
            let address = call.parameters.callback.clone()?;
            if !call
                .parameters
                .events
                .iter()
                .any(|subscribed| subscribed == event)
            {
                return None;
            }
            let params =
                webhook_params::status_params(&self.sim, call, (sequence, later(moment, skew)));
            let outgoing = webhook_params::outgoing(call, "status", &address, params);
            Some(StatusDelivery {
                outgoing,
                to: call.to.clone(),
                is_final: status.has_ended(),
            })
        });
        if let Some(callback) = callback.flatten() {
            drop(self.deliveries.send(callback));
        }
    }

    /// Where an update of the call sends it.
    pub(super) fn replaced(source: DocumentSource) -> NextStep {
        match source {
            DocumentSource::Url(method, url) => {
                NextStep::DocumentRequest(DocumentRequest::new(method, url))
            }
            DocumentSource::Inline(twiml) => NextStep::Inline(twiml),
        }
    }
}

fn callee_line(at: Timestamp, kind: &'static str, text: &str, seconds: f64) -> TranscriptLine {
    let text = text.to_owned();
    TranscriptLine {
        at,
        speaker: "callee",
        kind,
        text,
        language: None,
        voice: None,
        seconds,
        cut: false,
    }
}

/// `span` after `at`.
pub(super) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
