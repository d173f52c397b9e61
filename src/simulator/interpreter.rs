//! Runs documents on a line (protocol section 4). It reads no XML and sends nothing by itself.

use std::time::Duration;

use super::call::Spoken;
use super::callback::pairs;
use super::documents::{self, Ask, Content, Page, Trouble, resolve};
use super::faults::Fault;
use super::line::{Line, later, notify};
use super::speaking::{duration_of, tones};
use super::twiml::{self, Document, Gather, Prompt, Say, Target, Verb};
use super::waiting::{Heard, Interrupt};

/// A trial call may go through so many documents.
const TRIAL_HOPS: u32 = 10;
/// No call goes through more; Twilio publishes no limit, but a loop without sound must end
/// somewhere.
const HOPS: u32 = 250;

/// Where a conversation goes next.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Ask(Ask),
    Inline(String),
    End,
}

/// A key or words.
pub(super) enum Input {
    Key(char),
    Speech { text: String, confidence: f64 },
}

impl Line {
    /// Talks until somebody hangs up. An inbound call comes with its first page.
    pub(super) async fn conversation(&mut self, first: Option<Result<Page, Trouble>>) {
        let mut step = match first {
            Some(page) => self.turn(page, false).await,
            None => self.opening().await,
        };
        loop {
            step = match step {
                Ok(Next::Ask(ask)) => self.visit(ask).await,
                Ok(Next::Inline(text)) => {
                    let page = inline(&text);
                    self.turn(page, false).await
                }
                Ok(Next::End) | Err(Interrupt::HungUp | Interrupt::Over) => return,
                Err(Interrupt::Replace(source)) => Ok(Self::replaced(source)),
            };
            self.quieten();
        }
    }

    async fn visit(&mut self, ask: Ask) -> Result<Next, Interrupt> {
        self.hops += 1;
        if self.sim.config.trial && self.hops > TRIAL_HOPS + 1 || self.hops > HOPS {
            self.announce("This call has gone through too many documents. Goodbye.")
                .await?;
            return Ok(Next::End);
        }
        let fallback = ask.fallback;
        let page = self.fetch(ask).await?;
        self.turn(page, fallback).await
    }

    /// Fetches a document while the call goes on.
    pub(super) async fn fetch(&mut self, ask: Ask) -> Result<Result<Page, Trouble>, Interrupt> {
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
        page: Result<Page, Trouble>,
        was_fallback: bool,
    ) -> Result<Next, Interrupt> {
        match page {
            Ok(page) => self.run(&page).await,
            Err(trouble) => self.trouble(trouble, was_fallback).await,
        }
    }

    async fn trouble(&mut self, trouble: Trouble, was_fallback: bool) -> Result<Next, Interrupt> {
        let Trouble { code, message, url } = trouble;
        notify(&self.sim, &self.sid, (code, false), message, &url);
        if let Some((method, fallback)) = self.wishes().fallback.filter(|_| !was_fallback) {
            let extra = pairs(&[("ErrorCode", &code.to_string()), ("ErrorUrl", &url)]);
            return Ok(Next::Ask(Ask {
                extra,
                fallback: true,
                ..Ask::new(method, fallback)
            }));
        }
        self.announce("We are sorry, an application error has occurred. Goodbye.")
            .await?;
        Ok(Next::End)
    }

    async fn run(&mut self, page: &Page) -> Result<Next, Interrupt> {
        let document = match &page.content {
            Content::Twiml(document) => document,
            Content::Text(text) => {
                self.announce(text).await?;
                return Ok(Next::End);
            }
            Content::Audio(url) => {
                self.hold(
                    ("play", url.as_str()),
                    None,
                    Duration::from_secs(5),
                    Barge::NONE,
                )
                .await?;
                return Ok(Next::End);
            }
            Content::Nothing => return Ok(Next::End),
        };
        self.note_document(page, document);
        for verb in &document.verbs {
            match verb {
                Verb::Prompt(prompt) => drop(self.prompt(prompt, Barge::NONE).await?),
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
                Verb::Hangup | Verb::Reject(_) => return Ok(Next::End),
                Verb::Unsupported(_) => {}
            }
        }
        Ok(Next::End)
    }

    fn note_document(&self, page: &Page, document: &Document) {
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
        page: &Page,
        extra: Vec<(String, String)>,
    ) -> Result<Next, Interrupt> {
        let base = page.url.as_deref();
        let url = match &target.url {
            Some(url) => resolve(base, url),
            None => page.url.clone(),
        };
        match url {
            Some(url) => Ok(Next::Ask(Ask {
                extra,
                ..Ask::new(target.method, url)
            })),
            None => {
                let message = "A relative URL in TwiML that has no address of its own".to_owned();
                let url = target.url.clone().unwrap_or_default();
                self.trouble(
                    Trouble {
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
        self.prompt(&Prompt::Say(say), Barge::NONE).await.map(drop)
    }

    pub(super) async fn prompt(
        &mut self,
        prompt: &Prompt,
        barge: Barge,
    ) -> Result<Option<Input>, Interrupt> {
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
        self.hold(("play", digits), None, tones(digits), Barge::NONE)
            .await
            .map(drop)
    }

    /// Lets something be heard for so long; what cuts it short, where it may be cut.
    pub(super) async fn hold(
        &mut self,
        (kind, text): (&'static str, &str),
        say: Option<&Say>,
        length: Duration,
        barge: Barge,
    ) -> Result<Option<Input>, Interrupt> {
        let until = later(self.moment, length);
        if say.is_some()
            && self
                .sim
                .strike(Fault::HangupMidPrompt, &self.to, &["voice"])
                .is_some()
        {
            self.hang_up_at = Some(later(self.moment, length / 2));
        }
        self.begin(Spoken {
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
                Heard::Time => break None,
                Heard::Key(key) if barge.keys => break Some(Input::Key(key)),
                Heard::Speech { text, confidence } if barge.speech => {
                    break Some(Input::Speech { text, confidence });
                }
                Heard::Key(_) | Heard::Speech { .. } => {}
            }
        };
        let cut = input.is_some();
        self.sim
            .change_call(&self.sid, |call| call.fall_silent(cut));
        Ok(input)
    }

    fn begin(&self, spoken: Spoken) {
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
pub(super) struct Barge {
    keys: bool,
    speech: bool,
}

impl Barge {
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

fn inline(text: &str) -> Result<Page, Trouble> {
    let parsed = twiml::parse(text);
    let document = parsed.map_err(|error| Trouble {
        code: error.code(),
        message: error.to_string(),
        url: String::new(),
    })?;
    Ok(Page {
        url: None,
        content: Content::Twiml(document),
    })
}
