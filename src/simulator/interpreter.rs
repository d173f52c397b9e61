//! Runs documents on a line. It reads no XML and sends nothing by itself.

use std::time::Duration;

use super::call::TranscriptLine;
use super::documents::{self, DocumentRequest, FetchFailure, FetchedContent, FetchedDocument};
use super::faults::Fault;
use super::notifications::notify;
use super::simulated_call::{SimulatedCall, later};
use super::speech_duration::{duration_of, tones};
use super::twiml::{self, Gather, Prompt, Say, Target, TwimlDocument, Verb};
use super::waiting::{Interrupt, WaitResult};
use super::webhook_params::pairs;
use super::webhook_url::resolve;

/// A trial call may go through so many documents.
const TRIAL_HOPS: u32 = 10;
/// No call goes through more; Twilio publishes no limit, but a loop without sound must end
/// somewhere.
const HOPS: u32 = 250;

/// Where a conversation goes next.
#[derive(Clone, Debug)]
pub(super) enum NextStep {
    DocumentRequest(DocumentRequest),
    Inline(String),
    End,
}

/// A key or words.
pub(super) enum CalleeInput {
    Key(char),
    Speech { text: String, confidence: f64 },
}

impl SimulatedCall {
    /// Talks until somebody hangs up. An inbound call comes with its first page.
    pub(super) async fn conversation(
        &mut self,
        first: Option<Result<FetchedDocument, FetchFailure>>,
    ) {
        let mut step = match first {
            Some(page) => self.turn(page, false).await,
            None => self.opening().await,
        };
        loop {
            step = match step {
                Ok(NextStep::DocumentRequest(ask)) => self.visit(ask).await,
                Ok(NextStep::Inline(text)) => {
                    let page = inline(&text);
                    self.turn(page, false).await
                }
                Ok(NextStep::End) | Err(Interrupt::HungUp | Interrupt::Over) => return,
                Err(Interrupt::Replace(source)) => Ok(Self::replaced(source)),
            };
            self.quieten();
        }
    }

    async fn visit(&mut self, ask: DocumentRequest) -> Result<NextStep, Interrupt> {
        self.hops += 1;
        if self.sim.config.trial && self.hops > TRIAL_HOPS + 1 || self.hops > HOPS {
            self.announce("This call has gone through too many documents. Goodbye.")
                .await?;
            return Ok(NextStep::End);
        }
        let fallback = ask.fallback;
        let page = self.fetch(ask).await?;
        self.turn(page, fallback).await
    }

    /// Fetches a document while the call goes on.
    pub(super) async fn fetch(
        &mut self,
        ask: DocumentRequest,
    ) -> Result<Result<FetchedDocument, FetchFailure>, Interrupt> {
        let request = self
            .sim
            .lock()
            .call(&self.sid)
            .map(|call| documents::request(&self.sim, call, &ask));
        let Some(request) = request else {
            return Err(Interrupt::Over);
        };
        let stop = self.sim.stop.clone();
        let work = self.sim.tracker.spawn(async move {
            tokio::select! {
                page = request => Some(page),
                () = stop.cancelled() => None,
            }
        });
        self.meanwhile(work).await?.flatten().ok_or(Interrupt::Over)
    }

    /// Runs a page, or does what Twilio does where there is none.
    async fn turn(
        &mut self,
        page: Result<FetchedDocument, FetchFailure>,
        was_fallback: bool,
    ) -> Result<NextStep, Interrupt> {
        match page {
            Ok(page) => self.run(&page).await,
            Err(trouble) => self.trouble(trouble, was_fallback).await,
        }
    }

    async fn trouble(
        &mut self,
        trouble: FetchFailure,
        was_fallback: bool,
    ) -> Result<NextStep, Interrupt> {
        let FetchFailure { code, message, url } = trouble;
        notify(&self.sim, &self.sid, (code, false), message, &url);
        if let Some((method, fallback)) = self.parameters().fallback.filter(|_| !was_fallback) {
            let extra = pairs(&[("ErrorCode", &code.to_string()), ("ErrorUrl", &url)]);
            return Ok(NextStep::DocumentRequest(DocumentRequest {
                extra,
                fallback: true,
                ..DocumentRequest::new(method, fallback)
            }));
        }
        self.announce("We are sorry, an application error has occurred. Goodbye.")
            .await?;
        Ok(NextStep::End)
    }

    async fn run(&mut self, page: &FetchedDocument) -> Result<NextStep, Interrupt> {
        let document = match &page.content {
            FetchedContent::Twiml(document) => document,
            FetchedContent::Text(text) => {
                self.announce(text).await?;
                return Ok(NextStep::End);
            }
            FetchedContent::Audio(url) => {
                self.hold(
                    ("play", url.as_str()),
                    None,
                    Duration::from_secs(5),
                    BargeIn::NONE,
                )
                .await?;
                return Ok(NextStep::End);
            }
            FetchedContent::Nothing => return Ok(NextStep::End),
        };
        self.note_document(page, document);
        for verb in &document.verbs {
            match verb {
                Verb::Prompt(prompt) => drop(self.prompt(prompt, BargeIn::NONE).await?),
                Verb::Gather(gather) => {
                    if let Some(next) = self.gather(gather, page).await? {
                        return Ok(next);
                    }
                }
                Verb::Redirect(target) => return self.follow(target, page, Vec::new()).await,
                Verb::Record(record) => {
                    if let Some(next) = self.record(record, page).await? {
                        return Ok(next);
                    }
                }
                Verb::Hangup | Verb::Reject(_) => return Ok(NextStep::End),
                Verb::Unsupported(_) => {}
            }
        }
        Ok(NextStep::End)
    }

    fn note_document(&self, page: &FetchedDocument, document: &TwimlDocument) {
        let url = page.url.as_deref().unwrap_or_default();
        for warning in &document.warnings {
            notify(
                &self.sim,
                &self.sid,
                (warning.code, true),
                warning.message.clone(),
                url,
            );
        }
        let verbs = document
            .verbs
            .iter()
            .map(|verb| verb.name().to_owned())
            .collect();
        self.sim.change_call(&self.sid, |call| call.verbs = verbs);
    }

    /// Goes where a verb points; without an address: the current document.
    pub(super) async fn follow(
        &mut self,
        target: &Target,
        page: &FetchedDocument,
        extra: Vec<(String, String)>,
    ) -> Result<NextStep, Interrupt> {
        let base = page.url.as_deref();
        let url = match &target.url {
            Some(url) => resolve(base, url),
            None => page.url.clone(),
        };
        match url {
            Some(url) => Ok(NextStep::DocumentRequest(DocumentRequest {
                extra,
                ..DocumentRequest::new(target.method, url)
            })),
            None => {
                let message = "A relative URL in TwiML that has no address of its own".to_owned();
                let url = target.url.clone().unwrap_or_default();
                self.trouble(
                    FetchFailure {
                        code: 15_004,
                        message,
                        url,
                    },
                    false,
                )
                .await
            }
        }
    }

    /// Something that Twilio says on its own account.
    async fn announce(&mut self, text: &str) -> Result<(), Interrupt> {
        let say = Say {
            text: text.to_owned(),
            voice: None,
            language: None,
            repeats: 1,
            breaks: Duration::ZERO,
        };
        self.prompt(&Prompt::Say(say), BargeIn::NONE)
            .await
            .map(drop)
    }

    pub(super) async fn prompt(
        &mut self,
        prompt: &Prompt,
        barge: BargeIn,
    ) -> Result<Option<CalleeInput>, Interrupt> {
        let repeats = match prompt {
            Prompt::Say(say) => say.repeats,
            Prompt::Play(play) => play.repeats,
            Prompt::Pause(_) => 1,
        };
        for _ in 0..repeats {
            let input = match prompt {
                Prompt::Say(say) => {
                    self.hold(("say", &say.text), Some(say), duration_of(say), barge)
                        .await?
                }
                Prompt::Play(play) if play.url.is_empty() => {
                    self.hold(("play", &play.digits), None, tones(&play.digits), barge)
                        .await?
                }
                Prompt::Play(play) => {
                    self.hold(("play", &play.url), None, Duration::from_secs(5), barge)
                        .await?
                }
                Prompt::Pause(length) => self.hold(("pause", ""), None, *length, barge).await?,
            };
            if input.is_some() {
                return Ok(input);
            }
        }
        Ok(None)
    }

    /// Plays tones, such as `SendDigits`.
    pub(super) async fn play_tones(&mut self, digits: &str) -> Result<(), Interrupt> {
        self.hold(("play", digits), None, tones(digits), BargeIn::NONE)
            .await
            .map(drop)
    }

    /// Lets something be heard for so long; what cuts it short, where it may be cut.
    pub(super) async fn hold(
        &mut self,
        (kind, text): (&'static str, &str),
        say: Option<&Say>,
        length: Duration,
        barge: BargeIn,
    ) -> Result<Option<CalleeInput>, Interrupt> {
        let until = later(self.moment, length);
        if say.is_some()
            && self
                .sim
                .trigger(Fault::HangupMidPrompt, &self.to, &["voice"])
                .is_some()
        {
            self.hang_up_at = Some(later(self.moment, length / 2));
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
                WaitResult::Key(_) | WaitResult::Speech { .. } => {}
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
    fn quieten(&self) {
        self.sim.change_call(&self.sid, |call| {
            call.gather = None;
            if call.saying {
                call.fall_silent(true);
            }
        });
    }
}

/// What cuts a prompt short.
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

fn inline(text: &str) -> Result<FetchedDocument, FetchFailure> {
    let parsed = twiml::parse(text);
    let document = parsed.map_err(|error| FetchFailure {
        code: error.code(),
        message: error.to_string(),
        url: String::new(),
    })?;
    Ok(FetchedDocument {
        url: None,
        content: FetchedContent::Twiml(document),
    })
}
