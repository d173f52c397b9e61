//! The life of one call, from the queue to its end.
//!
//! A call keeps its own moment. Timed steps follow one another on it, so that one leap of a
//! simulated clock carries a call through several steps; an event from outside (a person at the
//! phone, an answer over HTTP) sets the moment to now. Requests take real time, and a fast clock
//! must not run on meanwhile, or callees would hang up before the first word on a busy machine: the
//! call then lags behind the clock. A step is published only after its next deadline is known,
//! because a test that sees the step may move the clock at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::behaviour::{CallEnding, NumberBehaviour, ScriptedKeys, ScriptedWords};
use super::call::{
    CallCommand, CallParameters, Direction, DocumentSource, Sid, Signal, Status, TranscriptLine,
};
use super::documents::DocumentRequest;
use super::faults::Fault;
use super::flow::{CalleeInput, Interrupt, NextStep};
use super::moments::{later, seconds};
use super::status_delivery::StatusDelivery;
use super::{Inner, recordings, status_delivery, webhook_params};

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
    /// The lag of the call's own time behind the clock.
    pub(super) lag: SignedDuration,
    /// Keys that a scripted callee will press.
    pub(super) scheduled: VecDeque<(Timestamp, CalleeInput)>,
    /// Keys pressed in one go and not heard yet.
    pub(super) typed: VecDeque<char>,
    pub(super) hang_up_at: Option<Timestamp>,
    pub(super) limit_at: Option<Timestamp>,
    pub(super) verdict: Option<PlannedDetection>,
    pub(super) gathers: u32,
    pub(super) hops: u32,
    /// An inbound call that still rings while its documents run.
    pub(super) unanswered: bool,
    /// News of other calls breaks off what is heard.
    pub(super) heeds_signals: bool,
    /// URL of the document that runs.
    pub(super) base: Option<String>,
    deliveries: mpsc::UnboundedSender<StatusDelivery>,
}

/// The result of machine detection, planned at the answer.
#[derive(Clone, Debug)]
pub(super) struct PlannedDetection {
    pub(super) at: Timestamp,
    pub(super) word: String,
    pub(super) after: Duration,
    pub(super) asynchronous: bool,
}

/// The end of a call: its status and SIP code.
type End = (Status, u16);

/// Starts the task of a new call, which runs until the call ends.
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
        unanswered: false,
        heeds_signals: false,
        base: None,
        deliveries: status_delivery::deliveries(sim),
    };
    let stop = sim.stop.clone();
    sim.tracker.spawn(async move {
        let life = async {
            let end = match direction {
                Direction::Inbound => line.inbound(&from).await,
                Direction::OutboundApi => line.outbound(start_at).await,
                Direction::OutboundDial => line.dialed().await,
            };
            if let Some((status, sip_code)) = end {
                line.end_recording();
                line.enter(status, Some(sip_code));
                line.signal_parent(Signal::LegEnded(line.sid.clone(), status));
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
        let give_up_at = later(self.moment, self.parameters().timeout);
        if let Some(end) = self.alert(give_up_at).await {
            return Some(end);
        }
        self.picked_up();
        drop(self.conversation(None).await);
        Some((Status::Completed, 200))
    }

    /// Dials and rings until somebody picks up; otherwise how it ended.
    async fn alert(&mut self, give_up_at: Timestamp) -> Option<End> {
        let timings = self.sim.config.timings;
        let told = self.sim.lock().numbers.get(&self.to).cloned();
        self.behaviour = told.unwrap_or_else(|| NumberBehaviour::of_number(&self.to, &timings));
        self.enter(Status::Initiated, None);
        let never_rings = match self.behaviour.ends {
            Some(CallEnding::Unreachable) => Some(404),
            Some(CallEnding::Blocked) => Some(607),
            Some(CallEnding::Busy | CallEnding::NoAnswer | CallEnding::Decline) | None => None,
        };
        if let Some(usual) = never_rings {
            let end = (Status::Failed, self.behaviour.sip_code.unwrap_or(usual));
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
        self.rings(give_up_at).await
    }

    /// A call that a Dial makes: it rings, is connected, and ends with the connection.
    async fn dialed(&mut self) -> Option<End> {
        let timings = self.sim.config.timings;
        let dialing_at = later(self.moment, timings.initiated_after);
        if let Some(end) = self.before_answer(dialing_at, None).await {
            return Some(end);
        }
        if let Some(end) = self.alert(Timestamp::MAX).await {
            return Some(end);
        }
        self.picked_up();
        let parameters = self.parameters();
        if parameters.url.is_some() || !parameters.send_digits.is_empty() {
            // The phone hears its announcement first, and may hang up on it.
            if self.conversation(None).await.is_err() {
                return Some((Status::Completed, 200));
            }
        }
        self.signal_parent(Signal::LegAnswered(self.sid.clone()));
        loop {
            match self.wait(Timestamp::MAX).await {
                Ok(_) => {}
                Err(Interrupt::Replace(source)) => {
                    // The call leaves the connection and goes on by itself.
                    self.signal_parent(Signal::LegEnded(self.sid.clone(), Status::Completed));
                    drop(self.converse(Ok(Self::replaced(source))).await);
                    return Some((Status::Completed, 200));
                }
                Err(_) => return Some((Status::Completed, 200)),
            }
        }
    }

    /// Lets the call know whose Dial made this one.
    fn signal_parent(&self, signal: Signal) {
        let parent = self
            .sim
            .lock()
            .call(&self.sid)
            .and_then(|call| call.parent.clone());
        if let Some(parent) = parent {
            self.sim.command(&parent, CallCommand::Signal(signal));
        }
    }

    /// Rings until somebody picks up; otherwise how it ended.
    async fn rings(&mut self, give_up_at: Timestamp) -> Option<End> {
        let refused_at = later(self.moment, self.sim.config.timings.refused_after);
        let sip = |usual| self.behaviour.sip_code.unwrap_or(usual);
        let no_answer = Some((Status::NoAnswer, sip(487)));
        let (at, end) = match (self.behaviour.ends, self.behaviour.answer_after()) {
            (Some(CallEnding::Busy), _) => (refused_at, Some((Status::Busy, sip(486)))),
            (Some(CallEnding::Decline), _) => (refused_at, Some((Status::Busy, sip(603)))),
            (Some(CallEnding::NoAnswer | CallEnding::Unreachable | CallEnding::Blocked), _)
            | (None, None) => (give_up_at, no_answer),
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
                Some(CallCommand::NoAnswer) => return Some((Status::NoAnswer, 487)),
                Some(
                    CallCommand::Press(_)
                    | CallCommand::Speak { .. }
                    | CallCommand::Limit(_)
                    | CallCommand::Signal(_)
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
        let Ok(page) = self.fetch(ask).await else {
            return Some((Status::NoAnswer, 487));
        };
        if let Some(busy) = page.as_ref().ok().and_then(|page| page.rejects()) {
            return Some(if busy {
                (Status::Busy, 486)
            } else {
                (Status::NoAnswer, 403)
            });
        }
        self.unanswered = true;
        let talked = self.conversation(Some(page)).await;
        Some(match (self.unanswered, talked) {
            (false, _) => (Status::Completed, 200),
            (true, Err(Interrupt::Over)) => (Status::Canceled, 487),
            (true, _) => (Status::NoAnswer, 487),
        })
    }

    /// Answers an inbound call, unless it was answered before.
    pub(super) fn pick_up(&mut self) {
        if std::mem::take(&mut self.unanswered) {
            self.picked_up();
        }
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
        for words in self.behaviour.says.clone() {
            let Some(after) = words.after_seconds else {
                continue;
            };
            let at = later(self.moment, seconds(after));
            let ScriptedWords {
                text, confidence, ..
            } = words;
            let said = CalleeInput::Speech { text, confidence };
            self.scheduled.push_back((at, said));
        }
        self.scheduled.make_contiguous().sort_by_key(|(at, _)| *at);
        self.verdict = self.detect(&parameters);
        self.sim
            .change_call(&self.sid, |call| call.transcript.extend(heard));
        self.enter(Status::InProgress, None);
        if let Some(request) = parameters.record {
            let sid = recordings::begin(&self.sim, &self.sid, self.moment, request);
            self.sim
                .change_call(&self.sid, |call| call.recording = Some(sid));
        }
    }

    /// Ends the recording of the whole call.
    fn end_recording(&self) {
        let (sid, answered_at) = {
            let state = self.sim.lock();
            let call = state.call(&self.sid);
            let Some((sid, at)) = call.and_then(|it| it.recording.clone().zip(it.answered_at))
            else {
                return;
            };
            (sid, at)
        };
        let words = self.words_since(answered_at);
        let length = self.moment.duration_since(answered_at).unsigned_abs();
        let recording = recordings::finish(&self.sim, &sid, Some(length), words);
        let params = recording.map(|it| recordings::params(&self.sim, &it));
        self.sim
            .change_call(&self.sid, |call| call.recorded = params);
    }

    /// The words of the other party since then.
    pub(super) fn words_since(&self, since: Timestamp) -> Vec<String> {
        let state = self.sim.lock();
        let words = state
            .call(&self.sid)
            .into_iter()
            .flat_map(|call| call.words_since(since));
        words.map(|(_, text)| text).collect()
    }

    /// Lets a scripted callee press `keys`, the first of them `at`.
    pub(super) fn schedule(&mut self, keys: &ScriptedKeys, at: Timestamp) {
        let usual = self.sim.config.timings.between_keys;
        let gap = keys.gap_seconds.map_or(usual, seconds);
        let mut last = at;
        for (key, number) in keys.digits.chars().zip(0_u32..) {
            last = later(at, gap * number);
            self.scheduled.push_back((last, CalleeInput::Key(key)));
        }
        self.scheduled.make_contiguous().sort_by_key(|(at, _)| *at);
        if let Some(after) = keys.hang_up_after_seconds {
            self.hang_up_at = Some(later(last, seconds(after)));
        }
    }

    /// Plans the result of machine detection.
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

    /// Plays the digits to send and waits for machine detection; then the first document.
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
            (Some(url), _) => NextStep::Request(DocumentRequest {
                extra,
                ..DocumentRequest::new(parameters.method, url)
            }),
            (None, Some(twiml)) => NextStep::Inline(twiml),
            (None, None) => NextStep::End,
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

    /// Sends a callback behind those that were sent before.
    pub(super) fn send_in_order(&self, delivery: StatusDelivery) {
        drop(self.deliveries.send(delivery));
    }

    /// Where an update of the call sends it.
    pub(super) fn replaced(source: DocumentSource) -> NextStep {
        match source {
            DocumentSource::Url(method, url) => {
                NextStep::Request(DocumentRequest::new(method, url))
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
