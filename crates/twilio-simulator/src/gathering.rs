//! Runs Gather and Record: collects keys and words, and requests the action.

use std::time::Duration;

use jiff::Timestamp;

use super::behaviour::ScriptedWords;
use super::call::{CallStatus, OpenGather, RecordingRequest};
use super::digit_collector::{DigitCollector, GatherResult};
use super::documents::{FetchedDocument, TwimlRequest};
use super::faults::Fault;
use super::flow::{CalleeInput, Interrupt, NextStep, WaitResult};
use super::http_method::HttpMethod;
use super::moments::seconds;
use super::recordings::Recording;
use super::simulated_call::SimulatedCall;
use super::speaking::BargeIn;
use super::speech_duration::spoken_length;
use super::status_delivery::StatusDelivery;
use super::twiml::{Gather, GatherPrompt, Record, absolute};
use super::webhook_params::pairs;
use super::{documents, recordings, webhook_params};

impl SimulatedCall {
    pub(super) async fn gather(
        &mut self,
        gather: &Gather,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        self.gathers += 1;
        let prompt = words_of(gather);
        self.script_keys(gather, &prompt);
        self.open(gather);
        let mut collector = DigitCollector::new(gather.num_digits, gather.finish_on_key);
        let mut input = None;
        for prompt in &gather.prompts {
            input = self.prompt(prompt, BargeIn::of(gather)).await?;
            if input.is_some() {
                break;
            }
        }
        if !gather.barge_in {
            self.script_keys_at(&prompt, false);
        }
        if input.is_none() {
            self.script_keys_at(&prompt, true);
            self.script_words(&prompt);
        }
        let collected = self.collect(gather, (&mut collector, page), input).await;
        self.sim.change_call(&self.sid, |call| call.gather = None);
        self.submit(gather, page, collected?).await
    }

    /// Listens until the Gather is over; words instead of keys come back as the error of the inner
    /// result.
    async fn collect(
        &mut self,
        gather: &Gather,
        (collector, page): (&mut DigitCollector, &FetchedDocument),
        mut input: Option<CalleeInput>,
    ) -> Result<Result<GatherResult, (String, f64)>, Interrupt> {
        loop {
            match input.take() {
                Some(CalleeInput::Key(key)) => {
                    if let Some(collected) = collector.press(key) {
                        return Ok(Ok(collected));
                    }
                    let digits = collector.digits().to_owned();
                    self.sim.change_call(&self.sid, |call| call.hear(digits));
                }
                Some(CalleeInput::Speech { text, confidence }) if collector.digits().is_empty() => {
                    self.send_partial_results(gather, &text, page);
                    return Ok(Err((text, confidence)));
                }
                Some(CalleeInput::Speech { .. }) => {}
                None => self
                    .sim
                    .change_call(&self.sid, |call| call.hear(String::new()))
                    .unwrap_or_default(),
            }
            let silent_at = clock::later(self.moment, gather.timeout);
            input = loop {
                match self.wait(silent_at).await? {
                    WaitResult::Time => return Ok(Ok(collector.silence())),
                    WaitResult::Key(key) if gather.dtmf => break Some(CalleeInput::Key(key)),
                    WaitResult::Speech { text, confidence } if gather.speech => {
                        break Some(CalleeInput::Speech { text, confidence });
                    }
                    WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_) => {}
                }
            };
        }
    }

    /// Requests the action, or goes on with the next verb without input.
    async fn submit(
        &mut self,
        gather: &Gather,
        page: &FetchedDocument,
        result: Result<GatherResult, (String, f64)>,
    ) -> Result<Option<NextStep>, Interrupt> {
        let mut extra = pairs(&[("msg", "Gather End")]);
        match result {
            Ok(GatherResult {
                digits,
                finished_on,
            }) => {
                if digits.is_empty() && !gather.action_on_empty_result {
                    return Ok(None);
                }
                let key = finished_on.map(String::from).unwrap_or_default();
                extra.extend(pairs(&[("FinishedOnKey", &key)]));
                if !digits.is_empty() {
                    extra.extend(pairs(&[("Digits", &digits)]));
                }
            }
            Err((text, confidence)) => {
                let language = gather.language.as_deref().unwrap_or("en-US");
                let confidence = confidence.to_string();
                extra = pairs(&[
                    ("SpeechResult", &text),
                    ("Confidence", &confidence),
                    ("Language", language),
                ]);
            }
        }
        let mut target = gather.action.clone();
        if self
            .sim
            .trigger(Fault::RedirectAction, &self.to, &["voice"])
            .is_some()
        {
            target.method = HttpMethod::Get;
            extra.retain(|(name, _)| name != "Digits");
        }
        self.follow(&target, page, extra).await.map(Some)
    }

    /// Makes the Gather visible. What was typed ahead of it is lost.
    fn open(&mut self, gather: &Gather) {
        self.typed.clear();
        let open = OpenGather {
            number: self.gathers,
            num_digits: gather.num_digits,
            finish_on_key: gather.finish_on_key,
            timeout_seconds: gather.timeout.as_secs_f64(),
            barge_in: gather.barge_in,
            speech: gather.speech,
            language: gather.language.clone(),
            hints: gather.hints.clone(),
            listening: false,
            digits: String::new(),
        };
        self.sim
            .change_call(&self.sid, |call| call.gather = Some(open));
    }

    /// A scripted person presses a moment after the prompt has begun, or after it where it cannot
    /// be cut.
    fn script_keys(&mut self, gather: &Gather, prompt: &str) {
        let moment = self.moment;
        self.scheduled.retain(|(at, _)| *at >= moment);
        if gather.barge_in {
            self.script_keys_at(prompt, false);
        }
    }

    /// Plans the keys of this Gather that wait for the end of its prompt, or those that do not.
    fn script_keys_at(&mut self, prompt: &str, after_prompt: bool) {
        let (number, timings) = (self.gathers, self.sim.config.timings);
        let usual = if after_prompt {
            timings.pressed_after_prompt
        } else {
            timings.pressed_after
        };
        let mut fitting = Vec::new();
        for keys in &mut self.behaviour.keys {
            if keys.after_prompt == after_prompt && keys.fit(number, prompt) {
                fitting.push(keys.clone());
                keys.times = Some(keys.times.unwrap_or(1).saturating_sub(1));
            }
        }
        for keys in fitting {
            let pause = keys.pause_seconds.map_or(usual, seconds);
            self.schedule(&keys, clock::later(self.moment, pause));
        }
    }

    /// Plans the words that are said after this prompt.
    fn script_words(&mut self, prompt: &str) {
        let is_said = |words: &mut ScriptedWords| {
            let part = words.when_said.as_deref();
            part.is_some_and(|part| prompt.contains(part))
        };
        let at = clock::later(self.moment, self.sim.config.timings.pressed_after_prompt);
        let said: Vec<_> = self.behaviour.says.extract_if(.., is_said).collect();
        for words in said {
            self.schedule_words(words, at);
        }
    }

    /// Sends what was recognised so far, word by word in five steps at most.
    fn send_partial_results(&self, gather: &Gather, text: &str, page: &FetchedDocument) {
        let target = absolute(page.url.as_deref(), gather.partial_results.as_ref());
        let Some(target) = target else {
            return;
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let step = words.len().div_ceil(5).max(1);
        let language = gather.language.as_deref().unwrap_or("en-US");
        for (number, heard) in (1..=words.len()).step_by(step).enumerate() {
            let delivery = {
                let state = self.sim.lock();
                let Some(call) = state.call(&self.sid) else {
                    return;
                };
                let mut params = webhook_params::voice_params(&self.sim, call);
                params.extend(pairs(&[
                    ("UnstableSpeechResult", &words[..heard].join(" ")),
                    ("StableSpeechResult", ""),
                    ("Stability", "0.9"),
                    ("Language", language),
                    ("SequenceNumber", &number.to_string()),
                ]));
                StatusDelivery {
                    outgoing: webhook_params::outgoing(call, "partial", &target, params),
                    to: call.to.clone(),
                    is_final: false,
                }
            };
            self.send_in_order(delivery);
        }
    }

    /// Runs a Record: the action, or the next verb when nothing was recorded.
    pub(super) async fn record(
        &mut self,
        record: &Record,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        if record.play_beep {
            let beep = Duration::from_millis(500);
            self.hold(("play", "beep"), None, beep, BargeIn::NONE)
                .await?;
        }
        let begun = self.moment;
        let base = page.url.as_deref();
        let request = RecordingRequest {
            source: "RecordVerb",
            transcription: record
                .transcribe
                .as_ref()
                .map(|target| absolute(base, target.as_ref())),
            ..RecordingRequest::of(&record.callback, page.url.as_deref())
        };
        let sid = recordings::begin(&self.sim, &self.sid, begun, request);
        let outcome = self.listen(record, begun).await;
        let (key, length) = match outcome {
            Ok(heard) => heard,
            Err(interrupt) => {
                let length = self.moment.duration_since(begun).unsigned_abs();
                self.finish_recording(&sid, begun, Some(length));
                return Err(interrupt);
            }
        };
        let Some(recording) = self.finish_recording(&sid, begun, length) else {
            return Ok(None);
        };

        let mut extra = recordings::params(&self.sim, &recording);
        extra.extend(pairs(&[("Digits", &key)]));
        let next = self.follow(&record.action, page, extra).await?;
        if key == "hangup" {
            if let NextStep::Request(mut request) = next {
                let ended = pairs(&[("CallStatus", CallStatus::Completed.word())]);
                request.extra.extend(ended);
                self.request_final_action(request);
            }
            return Err(Interrupt::HungUp);
        }
        Ok(Some(next))
    }

    /// Listens until a key, silence, the longest length or a hang-up ends a recording: the key
    /// (`hangup`), and the length, none when nothing was said.
    async fn listen(
        &mut self,
        record: &Record,
        begun: Timestamp,
    ) -> Result<(String, Option<Duration>), Interrupt> {
        let longest = clock::later(begun, record.max_length);
        // Silence counts from the last word on.
        let mut spoken_until: Option<Timestamp> = None;
        let key = loop {
            let silent_since = spoken_until.unwrap_or(begun).max(begun);
            let until = if record.timeout.is_zero() {
                longest
            } else {
                clock::later(silent_since, record.timeout).min(longest)
            };
            match self.wait(until).await {
                Ok(WaitResult::Time) => break String::new(),
                Ok(WaitResult::Key(key)) if record.finish_on_key.contains(key) => {
                    break key.to_string();
                }
                Ok(WaitResult::Speech { text, .. }) => {
                    spoken_until = Some(clock::later(self.moment, spoken_length(&text)));
                }
                Ok(WaitResult::Key(_) | WaitResult::Signal(_)) => {}
                Err(Interrupt::HungUp) => break "hangup".to_owned(),
                Err(other) => return Err(other),
            }
        };
        let silent = spoken_until.is_none() && key.is_empty() && !record.timeout.is_zero();
        if silent {
            return Ok((key, None));
        }
        let end = match spoken_until {
            // The silence that ended the recording is trimmed.
            Some(until) if key.is_empty() && record.trim => until.min(self.moment),
            Some(_) | None => self.moment,
        };
        Ok((key, Some(end.duration_since(begun).unsigned_abs())))
    }

    /// Ends a recording with what was said; none when it is absent.
    fn finish_recording(
        &self,
        sid: &str,
        begun: Timestamp,
        length: Option<Duration>,
    ) -> Option<Recording> {
        let words = self.words_since(begun);
        recordings::finish(&self.sim, sid, length, words).filter(|_| length.is_some())
    }

    /// Requests an action though the call is over; its answer means nothing any more.
    pub(super) fn request_final_action(&self, request: TwimlRequest) {
        let fetching = self
            .sim
            .lock()
            .call(&self.sid)
            .map(|call| documents::request(&self.sim, call, &request));
        let stop = self.sim.stop.clone();
        if let Some(fetching) = fetching {
            self.sim.tracker.spawn(async move {
                tokio::select! {
                    page = fetching => drop(page),
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

/// Everything that the prompt of a Gather says.
fn words_of(gather: &Gather) -> String {
    let said = gather.prompts.iter().map(|prompt| match prompt {
        GatherPrompt::Say(say) => say.text.as_str(),
        GatherPrompt::Play(_) | GatherPrompt::Pause(_) => "",
    });
    said.collect::<Vec<_>>().join(" ")
}
