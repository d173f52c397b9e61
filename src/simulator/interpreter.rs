//! Runs documents on a line (protocol section 4). It reads no XML and sends nothing by itself.

use std::time::Duration;

use super::call::{Method, OpenGather, Spoken};
use super::callback::pairs;
use super::documents::{self, Ask, Content, Page, Trouble, resolve};
use super::faults::Fault;
use super::gather::{Collected, Collector};
use super::line::{Line, later, notify};
use super::speaking::{duration_of, tones};
use super::twiml::{self, Document, Gather, Prompt, Record, Say, Target, Verb};
use super::waiting::{Heard, Interrupt};

/// A trial call may go through so many documents.
const TRIAL_HOPS: u32 = 10;
/// No call goes through more; Twilio publishes no limit, but a loop without sound must end somewhere.
const HOPS: u32 = 250;

/// Where a conversation goes next.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Ask(Ask),
    Inline(String),
    End,
}

/// A key or words.
enum Input {
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
            self.announce("This call has gone through too many documents. Goodbye.").await?;
            return Ok(Next::End);
        }
        let fallback = ask.fallback;
        let page = self.fetch(ask).await?;
        self.turn(page, fallback).await
    }

    /// Fetches a document while the call goes on.
    pub(super) async fn fetch(&mut self, ask: Ask) -> Result<Result<Page, Trouble>, Interrupt> {
        let request = self.sim.lock().call(&self.sid).map(|call| documents::request(&self.sim, call, &ask));
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
    async fn turn(&mut self, page: Result<Page, Trouble>, was_fallback: bool) -> Result<Next, Interrupt> {
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
            return Ok(Next::Ask(Ask { extra, fallback: true, ..Ask::new(method, fallback) }));
        }
        self.announce("We are sorry, an application error has occurred. Goodbye.").await?;
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
                self.hold(("play", url.as_str()), None, Duration::from_secs(5), false).await?;
                return Ok(Next::End);
            }
            Content::Nothing => return Ok(Next::End),
        };
        self.note_document(page, document);
        for verb in &document.verbs {
            match verb {
                Verb::Prompt(prompt) => drop(self.prompt(prompt, false).await?),
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
            notify(&self.sim, &self.sid, (warning.code, true), warning.message.clone(), url);
        }
        let verbs = document.verbs.iter().map(|verb| verb.name().to_owned()).collect();
        self.sim.change_call(&self.sid, |call| call.verbs = verbs);
    }

    /// Goes where a verb points; without an address: the current document.
    async fn follow(&mut self, target: &Target, page: &Page, extra: Vec<(String, String)>) -> Result<Next, Interrupt> {
        let base = page.url.as_deref();
        let url = match &target.url {
            Some(url) => resolve(base, url),
            None => page.url.clone(),
        };
        match url {
            Some(url) => Ok(Next::Ask(Ask { extra, ..Ask::new(target.method, url) })),
            None => {
                let message = "A relative URL in TwiML that has no address of its own".to_owned();
                let url = target.url.clone().unwrap_or_default();
                self.trouble(Trouble { code: 15_004, message, url }, false).await
            }
        }
    }

    async fn gather(&mut self, gather: &Gather, page: &Page) -> Result<Option<Next>, Interrupt> {
        self.gathers += 1;
        self.script_keys(gather);
        self.open(gather);
        let mut collector = Collector::new(gather.num_digits, gather.finish_on_key);
        let mut input = None;
        for prompt in &gather.prompts {
            input = self.prompt(prompt, gather.barge_in).await?.filter(|input| gather.counts(input));
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

    /// Listens until the Gather is over; words instead of keys come back as the error of the inner result.
    async fn collect(
        &mut self,
        gather: &Gather,
        collector: &mut Collector,
        mut input: Option<Input>,
    ) -> Result<Result<Collected, (String, f64)>, Interrupt> {
        loop {
            match input.take() {
                Some(Input::Key(key)) => {
                    if let Some(collected) = collector.press(key) {
                        return Ok(Ok(collected));
                    }
                    let digits = collector.digits().to_owned();
                    self.sim.change_call(&self.sid, |call| call.hear(digits));
                }
                Some(Input::Speech { text, confidence }) if collector.digits().is_empty() => {
                    return Ok(Err((text, confidence)));
                }
                Some(Input::Speech { .. }) => {}
                None => self.sim.change_call(&self.sid, |call| call.hear(String::new())).unwrap_or_default(),
            }
            let silent_at = later(self.moment, gather.timeout);
            input = loop {
                match self.wait(silent_at).await? {
                    Heard::Time => return Ok(Ok(collector.silence())),
                    Heard::Key(key) if gather.dtmf => break Some(Input::Key(key)),
                    Heard::Speech { text, confidence } if gather.speech => {
                        break Some(Input::Speech { text, confidence });
                    }
                    Heard::Key(_) | Heard::Speech { .. } => {}
                }
            };
        }
    }

    /// What follows from the input: the action, or the next verb.
    async fn submit(
        &mut self,
        gather: &Gather,
        page: &Page,
        result: Result<Collected, (String, f64)>,
    ) -> Result<Option<Next>, Interrupt> {
        let mut extra = pairs(&[("msg", "Gather End")]);
        match result {
            Ok(Collected { digits, finished_on }) => {
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
                extra = pairs(&[("SpeechResult", &text), ("Confidence", &confidence), ("Language", language)]);
            }
        }
        let mut target = gather.action.clone();
        if self.sim.strike(Fault::RedirectAction, &self.to, &["voice"]).is_some() {
            target.method = Method::Get;
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
        self.sim.change_call(&self.sid, |call| call.gather = Some(open));
    }

    /// A scripted person presses a moment after the prompt has begun, or after it where it cannot be cut.
    fn script_keys(&mut self, gather: &Gather) {
        let moment = self.moment;
        self.scheduled.retain(|(at, _)| *at >= moment);
        if gather.barge_in {
            self.script_late_keys();
        }
    }

    fn script_late_keys(&mut self) {
        let timings = self.sim.config.timings;
        let begun = later(self.moment, timings.pressed_after);
        for keys in self.behaviour.keys.iter().filter(|keys| keys.at_gather == Some(self.gathers)) {
            let pressed = keys.digits.chars().zip(0_u32..);
            self.scheduled.extend(pressed.map(|(key, at)| (later(begun, timings.between_keys * at), key)));
        }
        self.scheduled.make_contiguous().sort_unstable();
    }

    async fn record(&mut self, record: &Record, page: &Page) -> Result<Option<Next>, Interrupt> {
        if record.play_beep {
            drop(self.hold(("play", "beep"), None, Duration::from_millis(500), false).await?);
        }
        let (begun, silent_at) = (self.moment, later(self.moment, record.timeout.min(record.max_length)));
        let key = loop {
            match self.wait(silent_at).await {
                // Nobody spoke: nothing was recorded, and the document goes on.
                Ok(Heard::Time) => return Ok(None),
                Ok(Heard::Key(key)) if record.finish_on_key.contains(key) => break key.to_string(),
                Ok(Heard::Key(_)) => {}
                Ok(Heard::Speech { .. }) => break String::new(),
                Err(Interrupt::HungUp) => break "hangup".to_owned(),
                Err(other) => return Err(other),
            }
        };
        let seconds = self.moment.duration_since(begun).as_secs().to_string();
        let account_sid = &self.sim.config.account_sid;
        let recording =
            format!("https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Recordings/RE{}", "0".repeat(32));
        let extra = pairs(&[("RecordingUrl", &recording), ("RecordingDuration", &seconds), ("Digits", &key)]);
        let next = self.follow(&record.action, page, extra).await?;
        if key == "hangup" {
            self.last_words(next);
            return Err(Interrupt::HungUp);
        }
        Ok(Some(next))
    }

    /// The action of a Record is asked for even after a hang-up; its answer means nothing any more.
    fn last_words(&self, next: Next) {
        if let Next::Ask(mut ask) = next {
            ask.extra.push(("CallStatus".to_owned(), "completed".to_owned()));
            let request = self.sim.lock().call(&self.sid).map(|call| documents::request(&self.sim, call, &ask));
            if let Some(request) = request {
                self.sim.tracker.spawn(async move { drop(request.await) });
            }
        }
    }

    /// Something that Twilio says on its own account.
    async fn announce(&mut self, text: &str) -> Result<(), Interrupt> {
        let say = Say { text: text.to_owned(), voice: None, language: None, repeats: 1, breaks: Duration::ZERO };
        self.prompt(&Prompt::Say(say), false).await.map(drop)
    }

    async fn prompt(&mut self, prompt: &Prompt, barge_in: bool) -> Result<Option<Input>, Interrupt> {
        let repeats = match prompt {
            Prompt::Say(say) => say.repeats,
            Prompt::Play(play) => play.repeats,
            Prompt::Pause(_) => 1,
        };
        for _ in 0..repeats {
            let input = match prompt {
                Prompt::Say(say) => self.hold(("say", &say.text), Some(say), duration_of(say), barge_in).await?,
                Prompt::Play(play) if play.url.is_empty() => {
                    self.hold(("play", &play.digits), None, tones(&play.digits), barge_in).await?
                }
                Prompt::Play(play) => self.hold(("play", &play.url), None, Duration::from_secs(5), barge_in).await?,
                Prompt::Pause(length) => self.hold(("pause", ""), None, *length, barge_in).await?,
            };
            if input.is_some() {
                return Ok(input);
            }
        }
        Ok(None)
    }

    /// Plays tones, such as `SendDigits`.
    pub(super) async fn play_tones(&mut self, digits: &str) -> Result<(), Interrupt> {
        self.hold(("play", digits), None, tones(digits), false).await.map(drop)
    }

    /// Lets something be heard for so long; what cuts it short, where it may be cut.
    async fn hold(
        &mut self,
        (kind, text): (&'static str, &str),
        say: Option<&Say>,
        length: Duration,
        barge_in: bool,
    ) -> Result<Option<Input>, Interrupt> {
        let until = later(self.moment, length);
        if say.is_some() && self.sim.strike(Fault::HangupMidPrompt, &self.to, &["voice"]).is_some() {
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
                Heard::Key(key) if barge_in => break Some(Input::Key(key)),
                Heard::Speech { text, confidence } if barge_in => break Some(Input::Speech { text, confidence }),
                Heard::Key(_) | Heard::Speech { .. } => {}
            }
        };
        let cut = input.is_some();
        self.sim.change_call(&self.sid, |call| call.fall_silent(cut));
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

impl Gather {
    fn counts(&self, input: &Input) -> bool {
        match input {
            Input::Key(_) => self.dtmf,
            Input::Speech { .. } => self.speech,
        }
    }
}

fn inline(text: &str) -> Result<Page, Trouble> {
    let parsed = twiml::parse(text);
    let document =
        parsed.map_err(|error| Trouble { code: error.code(), message: error.to_string(), url: String::new() })?;
    Ok(Page { url: None, content: Content::Twiml(document) })
}
