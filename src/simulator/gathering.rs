//! Gathers and recordings on a line: what is pressed or said, and what follows
//! from it.

use std::time::Duration;

use super::call::{HttpMethod, OpenGather};
use super::digit_collector::{DigitCollector, GatherResult};
use super::documents::{self, FetchedDocument};
use super::faults::Fault;
use super::interpreter::{BargeIn, CalleeInput, NextStep};
use super::simulated_call::{SimulatedCall, later};
use super::twiml::{Gather, Record};
use super::waiting::{Interrupt, WaitResult};
use super::webhook_params::pairs;

impl SimulatedCall {
    pub(super) async fn gather(
        &mut self,
        gather: &Gather,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        self.gathers += 1;
        self.script_keys(gather);
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
            self.script_late_keys();
        }
        let collected = self.collect(gather, &mut collector, input).await;
        self.sim.change_call(&self.sid, |call| call.gather = None);
        self.submit(gather, page, collected?).await
    }

    /// Listens until the Gather is over; words instead of keys come back as the error of the inner
    /// result.
    async fn collect(
        &mut self,
        gather: &Gather,
        collector: &mut DigitCollector,
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
                    return Ok(Err((text, confidence)));
                }
                Some(CalleeInput::Speech { .. }) => {}
                None => self
                    .sim
                    .change_call(&self.sid, |call| call.hear(String::new()))
                    .unwrap_or_default(),
            }
            let silent_at = later(self.moment, gather.timeout);
            input = loop {
                match self.wait(silent_at).await? {
                    WaitResult::Time => return Ok(Ok(collector.silence())),
                    WaitResult::Key(key) if gather.dtmf => break Some(CalleeInput::Key(key)),
                    WaitResult::Speech { text, confidence } if gather.speech => {
                        break Some(CalleeInput::Speech { text, confidence });
                    }
                    WaitResult::Key(_) | WaitResult::Speech { .. } => {}
                }
            };
        }
    }

    /// What follows from the input: the action, or the next verb.
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
    fn script_keys(&mut self, gather: &Gather) {
        let moment = self.moment;
        self.scheduled.retain(|(at, _)| *at >= moment);
        if gather.barge_in {
            self.script_late_keys();
        }
    }

    fn script_late_keys(&mut self) {
        let begun = later(self.moment, self.sim.config.timings.pressed_after);
        let number = Some(self.gathers);
        for keys in self
            .behaviour
            .keys
            .clone()
            .iter()
            .filter(|keys| keys.at_gather == number)
        {
            self.schedule(keys, begun);
        }
    }

    pub(super) async fn record(
        &mut self,
        record: &Record,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        if record.play_beep {
            drop(
                self.hold(
                    ("play", "beep"),
                    None,
                    Duration::from_millis(500),
                    BargeIn::NONE,
                )
                .await?,
            );
        }
        let (begun, silent_at) = (
            self.moment,
            later(self.moment, record.timeout.min(record.max_length)),
        );
        let key = loop {
            match self.wait(silent_at).await {
                // Nobody spoke: nothing was recorded, and the document goes on.
                Ok(WaitResult::Time) => return Ok(None),
                Ok(WaitResult::Key(key)) if record.finish_on_key.contains(key) => {
                    break key.to_string();
                }
                Ok(WaitResult::Key(_)) => {}
                Ok(WaitResult::Speech { .. }) => break String::new(),
                Err(Interrupt::HungUp) => break "hangup".to_owned(),
                Err(other) => return Err(other),
            }
        };
        let seconds = self.moment.duration_since(begun).as_secs().to_string();
        let account_sid = &self.sim.config.account_sid;
        let recording = format!(
            "https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Recordings/RE{}",
            "0".repeat(32)
        );
        let extra = pairs(&[
            ("RecordingUrl", &recording),
            ("RecordingDuration", &seconds),
            ("Digits", &key),
        ]);
        let next = self.follow(&record.action, page, extra).await?;
        if key == "hangup" {
            self.request_final_action(next);
            return Err(Interrupt::HungUp);
        }
        Ok(Some(next))
    }

    /// The action of a Record is asked for even after a hang-up; its answer means nothing any more.
    fn request_final_action(&self, next: NextStep) {
        if let NextStep::DocumentRequest(mut ask) = next {
            ask.extra
                .push(("CallStatus".to_owned(), "completed".to_owned()));
            let request = self
                .sim
                .lock()
                .call(&self.sid)
                .map(|call| documents::request(&self.sim, call, &ask));
            let stop = self.sim.stop.clone();
            if let Some(request) = request {
                self.sim.tracker.spawn(async move {
                    tokio::select! {
                        page = request => drop(page),
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
    }
}
