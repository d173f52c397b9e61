//! Waits of a call: for keys, words, commands, and the time. Only this file reads a call's inbox.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::call::{CallCommand, PressedDigits, TranscriptLine};
use super::flow::{CalleeInput, Interrupt, WaitResult};
use super::simulated_call::SimulatedCall;
use super::speech_duration::spoken_length;
use super::status_delivery::StatusDelivery;
use super::{status_delivery, webhook_params};

/// The first of all timed events.
enum NextDeadline {
    /// The end of the wait itself.
    Wanted,
    Limit,
    HangUp,
    PlannedDetection,
    Key,
}

impl SimulatedCall {
    /// The next command given before or at `at`; none when that time comes first. Sets the moment.
    pub(super) async fn command_before(&mut self, at: Timestamp) -> Option<CallCommand> {
        let at_clock = self.on_clock(at);
        if self.pending.is_none() {
            let clock = self.sim.clock.clone();
            tokio::select! {
                biased;
                command = self.inbox.recv() => self.pending = command,
                () = clock.sleep_until(at_clock) => {}
            }
        }
        match self.pending.take() {
            Some((given_at, command)) if given_at <= at_clock => {
                self.moment = self
                    .moment
                    .max(given_at.saturating_sub(self.lag).unwrap_or(at));
                Some(command)
            }
            later => {
                self.pending = later;
                self.moment = self.moment.max(at);
                None
            }
        }
    }

    /// Waits for a key, words, or `until`.
    pub(super) async fn wait(&mut self, until: Timestamp) -> Result<WaitResult, Interrupt> {
        loop {
            if let Some(key) = self.typed.pop_front() {
                return Ok(WaitResult::Key(key));
            }
            let (at, due) = self.next_due(until, true);
            match self.command_before(at).await {
                Some(command) => {
                    if let Some(heard) = self.obey(command)? {
                        return Ok(heard);
                    }
                }
                None => match due {
                    NextDeadline::Wanted => return Ok(WaitResult::Time),
                    NextDeadline::Limit => return Err(Interrupt::Over),
                    NextDeadline::HangUp => return Err(Interrupt::HungUp),
                    NextDeadline::PlannedDetection => self.report_detection(),
                    NextDeadline::Key => {
                        if let Some((_, input)) = self.scheduled.pop_front() {
                            return Ok(self.act(input));
                        }
                    }
                },
            }
        }
    }

    /// A scripted callee presses a key or says something.
    fn act(&self, input: CalleeInput) -> WaitResult {
        match input {
            CalleeInput::Key(key) => {
                self.note_keys(&key.to_string());
                WaitResult::Key(key)
            }
            CalleeInput::Speech { text, confidence } => {
                self.note(("speech", &text), spoken_length(&text));
                WaitResult::Speech { text, confidence }
            }
        }
    }

    /// Waits and ignores keys and words.
    pub(super) async fn hear_nothing_until(&mut self, until: Timestamp) -> Result<(), Interrupt> {
        while !matches!(self.wait(until).await?, WaitResult::Time) {}
        Ok(())
    }

    /// Waits for work in another task. The work goes on even if the call ends. Work takes real
    /// time, and so does everything that happens meanwhile.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: tokio::task::JoinHandle<T>,
    ) -> Result<Option<T>, Interrupt> {
        let (begun, begun_at) = (Instant::now(), self.sim.clock.now());
        let outcome = self.attend(work, begun).await;
        let now = self.sim.clock.now();
        let real = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
        self.lag += (now.duration_since(begun_at) - real).max(SignedDuration::ZERO);
        self.moment = self.moment.max(now.saturating_sub(self.lag).unwrap_or(now));
        self.typed.clear();
        outcome
    }

    async fn attend<T>(
        &mut self,
        mut work: tokio::task::JoinHandle<T>,
        begun: Instant,
    ) -> Result<Option<T>, Interrupt> {
        loop {
            let (at, due) = self.next_due(Timestamp::MAX, false);
            let left = Duration::try_from(at.duration_since(self.moment)).unwrap_or_default();
            let command = match self.pending.take() {
                Some((_, command)) => Some(command),
                None => tokio::select! {
                    biased;
                    done = &mut work => return Ok(done.ok()),
                    command = self.inbox.recv() => command.map(|(_, command)| command),
                    () = tokio::time::sleep(left.saturating_sub(begun.elapsed())) => None,
                },
            };
            match (command, due) {
                (Some(command), _) => drop(self.obey(command)?),
                (None, NextDeadline::Limit) => return Err(Interrupt::Over),
                (None, NextDeadline::HangUp) => return Err(Interrupt::HungUp),
                (None, NextDeadline::PlannedDetection) => self.report_detection(),
                (None, NextDeadline::Wanted | NextDeadline::Key) => {}
            }
        }
    }

    /// The time on the clock when it is `at` on this call.
    fn on_clock(&self, at: Timestamp) -> Timestamp {
        clock::later(at, self.lag)
    }

    fn next_due(&self, until: Timestamp, with_keys: bool) -> (Timestamp, NextDeadline) {
        let key = self
            .scheduled
            .front()
            .filter(|_| with_keys)
            .map(|(at, _)| *at);
        let timed = [
            (key, NextDeadline::Key),
            (
                self.verdict.as_ref().map(|verdict| verdict.at),
                NextDeadline::PlannedDetection,
            ),
            (self.hang_up_at, NextDeadline::HangUp),
            (self.limit_at, NextDeadline::Limit),
        ];
        let mut first = (until, NextDeadline::Wanted);
        for (at, due) in timed {
            // At one instant the earlier in this list comes first, so that a key in the last moment
            // still counts.
            let Some(at) = at else { continue };
            if at < first.0 || at == first.0 && matches!(first.1, NextDeadline::Wanted) {
                first = (at, due);
            }
        }
        first
    }

    fn obey(&mut self, command: CallCommand) -> Result<Option<WaitResult>, Interrupt> {
        match command {
            CallCommand::HangUp | CallCommand::Decline => Err(Interrupt::HungUp),
            CallCommand::End | CallCommand::NoAnswer => Err(Interrupt::Over),
            CallCommand::Signal(signal) if self.heeds_signals => Err(Interrupt::Signal(signal)),
            CallCommand::Signal(signal) => Ok(Some(WaitResult::Signal(signal))),
            CallCommand::Replace(source) => Err(Interrupt::Replace(source)),
            CallCommand::Answer => Ok(None),
            CallCommand::Limit(limit) => {
                let answered_at = self
                    .sim
                    .lock()
                    .call(&self.sid)
                    .and_then(|call| call.answered_at);
                self.limit_at = answered_at
                    .map(|at| clock::later(at, limit))
                    .or(self.limit_at);
                Ok(None)
            }
            CallCommand::Press(keys) => {
                self.note_keys(&keys);
                self.typed.extend(keys.chars());
                Ok(self.typed.pop_front().map(WaitResult::Key))
            }
            CallCommand::Speak { text, confidence } => {
                let length = spoken_length(&text);
                self.note(("speech", &text), length);
                Ok(Some(WaitResult::Speech { text, confidence }))
            }
        }
    }

    fn note_keys(&self, keys: &str) {
        let pressed = PressedDigits {
            at: self.moment,
            digits: keys.to_owned(),
        };
        self.sim
            .change_call(&self.sid, |call| call.digits.push(pressed));
        self.note(("keys", keys), Duration::ZERO);
    }

    /// A line of the transcript from the other party, put before what is being said.
    fn note(&self, (kind, text): (&'static str, &str), length: Duration) {
        let heard = TranscriptLine {
            at: self.moment,
            speaker: "callee",
            kind,
            text: text.to_owned(),
            language: None,
            voice: None,
            seconds: length.as_secs_f64(),
            cut: false,
        };
        self.sim
            .change_call(&self.sid, |call| call.transcript.push(heard));
    }

    /// A line of the transcript about what happens to the call.
    pub(super) fn note_event(&self, kind: &'static str, text: &str) {
        let line = TranscriptLine {
            at: self.moment,
            speaker: "twilio",
            kind,
            text: text.to_owned(),
            language: None,
            voice: None,
            seconds: 0.0,
            cut: false,
        };
        self.sim
            .change_call(&self.sid, |call| call.transcript.push(line));
    }

    /// Machine detection has made up its mind.
    fn report_detection(&mut self) {
        let Some(verdict) = self.verdict.take() else {
            return;
        };
        let millis = verdict.after.as_millis().to_string();
        let callback = self.sim.change_call(&self.sid, |call| {
            call.answered_by = Some(verdict.word.clone());
            let address = call
                .parameters
                .detection
                .as_ref()
                .filter(|_| verdict.asynchronous)?
                .callback
                .clone()?;
            let params = webhook_params::pairs(&[
                ("AccountSid", &self.sim.config.account_sid),
                ("AnsweredBy", &verdict.word),
                ("CallSid", &call.sid),
                ("MachineDetectionDuration", &millis),
            ]);
            let outgoing = webhook_params::outgoing(call, "amd", &address, params);
            Some(StatusDelivery {
                outgoing,
                to: call.to.clone(),
                is_final: false,
            })
        });
        if let Some(callback) = callback.flatten() {
            status_delivery::spawn(&self.sim, callback, None);
        }
    }
}
