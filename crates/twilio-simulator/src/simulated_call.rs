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

use super::behaviour::{NumberBehaviour, ScriptedKeys, ScriptedWords};
use super::call::{
    CallCommand, CallParameters, CallStatus, DocumentSource, SidText, TranscriptLine,
};
use super::documents::TwimlRequest;
use super::faults::Fault;
use super::flow::{CalleeInput, Interrupt, NextStep};
use super::moments::seconds;
use super::status_delivery::StatusDelivery;
use super::{Inner, recordings, webhook_params};

/// One call while it lasts.
pub(super) struct SimulatedCall {
    pub(super) sim: Arc<Inner>,
    pub(super) sid: SidText,
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
    pub(super) deliveries: mpsc::UnboundedSender<StatusDelivery>,
}

/// The result of machine detection, planned at the answer.
#[derive(Clone, Debug)]
pub(super) struct PlannedDetection {
    pub(super) at: Timestamp,
    pub(super) word: String,
    pub(super) after: Duration,
    pub(super) asynchronous: bool,
}

impl SimulatedCall {
    /// Answers an inbound call, unless it was answered before.
    pub(super) fn pick_up(&mut self) {
        if std::mem::take(&mut self.unanswered) {
            self.picked_up();
        }
    }

    /// Everything that follows from the pick-up is settled before anybody learns of it.
    pub(super) fn picked_up(&mut self) {
        let (parameters, timings) = (self.parameters(), self.sim.config.timings);
        self.limit_at = Some(clock::later(self.moment, parameters.time_limit));
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
                heard.push(callee_line(
                    clock::later(self.moment, greeting),
                    "beep",
                    "",
                    0.5,
                ));
            }
        }
        self.hang_up_at = hang_up_after.map(|after| clock::later(self.moment, after));
        for keys in self.behaviour.keys.clone() {
            if let Some(after) = keys.after_seconds {
                self.schedule(&keys, clock::later(self.moment, seconds(after)));
            }
        }
        for words in self.behaviour.says.clone() {
            if let Some(after) = words.after_seconds {
                self.schedule_words(words, clock::later(self.moment, seconds(after)));
            }
        }
        self.verdict = self.detect(&parameters);
        self.sim
            .change_call(&self.sid, |call| call.transcript.extend(heard));
        self.enter(CallStatus::InProgress, None);
        if let Some(request) = parameters.record {
            let sid = recordings::begin(&self.sim, &self.sid, self.moment, request);
            self.sim
                .change_call(&self.sid, |call| call.recording = Some(sid));
        }
    }

    /// Ends the recording of the whole call.
    pub(super) fn end_recording(&self) {
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
            last = clock::later(at, gap * number);
            self.scheduled.push_back((last, CalleeInput::Key(key)));
        }
        self.scheduled.make_contiguous().sort_by_key(|(at, _)| *at);
        if let Some(after) = keys.hang_up_after_seconds {
            self.hang_up_at = Some(clock::later(last, seconds(after)));
        }
    }

    /// Lets a scripted callee say `words` at `at`.
    pub(super) fn schedule_words(&mut self, words: ScriptedWords, at: Timestamp) {
        let ScriptedWords {
            text, confidence, ..
        } = words;
        let said = CalleeInput::Speech { text, confidence };
        self.scheduled.push_back((at, said));
        self.scheduled.make_contiguous().sort_by_key(|(at, _)| *at);
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
            at: clock::later(self.moment, after),
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
            (Some(url), _) => NextStep::Request(TwimlRequest {
                extra,
                ..TwimlRequest::new(parameters.method, url)
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
    pub(super) fn enter(&self, status: CallStatus, sip_code: Option<u16>) {
        let Some(event) = status.event() else {
            return;
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
            let params = webhook_params::status_params(
                &self.sim,
                call,
                (sequence, clock::later(moment, skew)),
            );
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

    /// The next step after an update of the call.
    pub(super) fn replaced(source: DocumentSource) -> NextStep {
        match source {
            DocumentSource::Url(method, url) => NextStep::Request(TwimlRequest::new(method, url)),
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
