//! Texts, files, tones and silence that a call hears.

use std::time::Duration;

use super::call::TranscriptLine;
use super::faults::Fault;
use super::flow::{CalleeInput, Interrupt, WaitResult};
use super::media;
use super::notifications::notify;
use super::simulated_call::SimulatedCall;
use super::speech_duration::{duration_of, tones};
use super::twiml::{Gather, GatherPrompt, Play, Say};
use super::webhook_url::resolve;

impl SimulatedCall {
    /// Something that Twilio says on its own account.
    pub(super) async fn announce(&mut self, text: &str) -> Result<(), Interrupt> {
        self.pick_up();
        let say = Say {
            text: text.to_owned(),
            voice: None,
            language: None,
            repeats: 1,
            breaks: Duration::ZERO,
        };
        self.prompt(&GatherPrompt::Say(say), BargeIn::NONE)
            .await
            .map(drop)
    }

    pub(super) async fn prompt(
        &mut self,
        prompt: &GatherPrompt,
        barge: BargeIn,
    ) -> Result<Option<CalleeInput>, Interrupt> {
        let (repeats, length) = match prompt {
            GatherPrompt::Say(say) => (say.repeats, duration_of(say)),
            GatherPrompt::Play(play) if play.url.is_empty() => (play.repeats, tones(&play.digits)),
            GatherPrompt::Play(play) => match self.media_length(play).await? {
                Some(length) => (play.repeats, length),
                // A file that cannot be played is skipped.
                None => return Ok(None),
            },
            GatherPrompt::Pause(length) => (1, *length),
        };
        for _ in 0..repeats {
            let input = match prompt {
                GatherPrompt::Say(say) => {
                    self.hold(("say", &say.text), Some(say), length, barge)
                        .await?
                }
                GatherPrompt::Play(play) => {
                    let heard = if play.url.is_empty() {
                        &play.digits
                    } else {
                        &play.url
                    };
                    self.hold(("play", heard), None, length, barge).await?
                }
                GatherPrompt::Pause(_) => self.hold(("pause", ""), None, length, barge).await?,
            };
            if input.is_some() {
                return Ok(input);
            }
        }
        Ok(None)
    }

    /// Fetches the file of a Play; its length, or none when it cannot be played.
    async fn media_length(&mut self, play: &Play) -> Result<Option<Duration>, Interrupt> {
        let url = resolve(self.base.as_deref(), &play.url).unwrap_or_else(|| play.url.clone());
        let (sim, sid, stop) = (self.sim.clone(), self.sid.clone(), self.sim.stop.clone());
        let file = url.clone();
        let work = self.sim.tracker.spawn(async move {
            tokio::select! {
                outcome = media::fetch(&sim, &sid, file) => Some(outcome),
                () = stop.cancelled() => None,
            }
        });
        match self.meanwhile(work).await?.flatten() {
            Some(Ok(length)) => Ok(Some(length)),
            Some(Err((code, message))) => {
                notify(&self.sim, &self.sid, (code, false), message, &url);
                Ok(None)
            }
            None => Err(Interrupt::Over),
        }
    }

    /// Plays tones, such as `SendDigits`.
    pub(super) async fn play_tones(&mut self, digits: &str) -> Result<(), Interrupt> {
        self.hold(("play", digits), None, tones(digits), BargeIn::NONE)
            .await
            .map(drop)
    }

    /// Plays something for `length`. Returns the input that cut it short, where `barge` allows that.
    pub(super) async fn hold(
        &mut self,
        (kind, text): (&'static str, &str),
        say: Option<&Say>,
        length: Duration,
        barge: BargeIn,
    ) -> Result<Option<CalleeInput>, Interrupt> {
        let until = clock::later(self.moment, length);
        if say.is_some()
            && self
                .sim
                .trigger(Fault::HangupMidPrompt, &self.to, &["voice"])
                .is_some()
        {
            self.hang_up_at = Some(clock::later(self.moment, length / 2));
        }
        self.begin(TranscriptLine {
            at: self.moment,
            speaker: "twilio",
            kind,
            text: text.to_owned(),
            language: say.and_then(|say| say.language.clone()),
            voice: say.and_then(|say| say.voice.clone()),
            seconds: length.as_secs_f64(),
            cut: false,
        });
        let input = loop {
            match self.wait(until).await? {
                WaitResult::Time => break None,
                WaitResult::Key(key) if barge.keys => break Some(CalleeInput::Key(key)),
                WaitResult::Speech { text, confidence } if barge.speech => {
                    break Some(CalleeInput::Speech { text, confidence });
                }
                WaitResult::Key(_) | WaitResult::Speech { .. } | WaitResult::Signal(_) => {}
            }
        };
        let cut = input.is_some();
        self.sim
            .change_call(&self.sid, |call| call.fall_silent(cut));
        Ok(input)
    }

    fn begin(&self, spoken: TranscriptLine) {
        self.sim.change_call(&self.sid, |call| {
            call.transcript.push(spoken);
            call.saying = true;
        });
    }

    /// After a document was broken off.
    pub(super) fn quieten(&self) {
        self.sim.change_call(&self.sid, |call| {
            call.gather = None;
            if call.saying {
                call.fall_silent(true);
            }
        });
    }
}

/// The input that cuts a prompt short.
#[derive(Clone, Copy)]
pub(super) struct BargeIn {
    keys: bool,
    speech: bool,
}

impl BargeIn {
    pub(super) const NONE: Self = Self {
        keys: false,
        speech: false,
    };

    pub(super) const fn of(gather: &Gather) -> Self {
        Self {
            keys: gather.barge_in && gather.dtmf,
            speech: gather.barge_in && gather.speech,
        }
    }
}
