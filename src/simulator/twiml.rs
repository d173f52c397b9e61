//! TwiML into plain verbs with warnings, as Twilio reads it (protocol section 4). It runs nothing and knows no call.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use super::call::Method;
use super::callee::seconds;
use super::xml::{self, Element, Node};

/// Longest document in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// A document that can be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The verbs of `<Response>`, in order; what Twilio would skip is not among them.
    pub verbs: Vec<Verb>,
    /// What was skipped or corrected, and why.
    pub warnings: Vec<Warning>,
}

/// Something Twilio would note in its debugger and go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Twilio's code (12200, 13511, …).
    pub code: u32,
    /// In words.
    pub message: String,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Something is heard.
    Prompt(Prompt),
    /// Keys or speech are collected.
    Gather(Gather),
    /// Another document goes on.
    Redirect(Target),
    /// The callee is recorded.
    Record(Record),
    /// The call ends.
    Hangup,
    /// An inbound call is not taken; `true`: busy.
    Reject(bool),
    /// A verb of Twilio that this simulator accepts and skips.
    Unsupported(String),
}

impl Verb {
    /// The element's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Prompt(Prompt::Say(_)) => "Say",
            Self::Prompt(Prompt::Play(_)) => "Play",
            Self::Prompt(Prompt::Pause(_)) => "Pause",
            Self::Gather(_) => "Gather",
            Self::Redirect(_) => "Redirect",
            Self::Record(_) => "Record",
            Self::Hangup => "Hangup",
            Self::Reject(_) => "Reject",
            Self::Unsupported(name) => name,
        }
    }
}

/// What may also stand inside a Gather.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Text is spoken.
    Say(Say),
    /// Media or tones are played.
    Play(Play),
    /// Nothing is heard for so long.
    Pause(Duration),
}

/// `<Say>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// What is heard, aliases of `<sub>` in place, white space single.
    pub text: String,
    /// `voice`, if given.
    pub voice: Option<String>,
    /// `language`, if given.
    pub language: Option<String>,
    /// How often; 0 in the document is 1000 here.
    pub repeats: u32,
    /// Sum of the `<break>`s.
    pub breaks: Duration,
}

/// `<Play>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// Media URL, or empty with `digits`.
    pub url: String,
    /// Tones.
    pub digits: String,
    /// How often; 0 in the document is 1000 here.
    pub repeats: u32,
}

/// A URL (relative or absolute; none: the current document) and how to ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// As written.
    pub url: Option<String>,
    /// `method`
    pub method: Method,
}

/// `<Gather>`
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// `action` and `method`
    pub action: Target,
    /// Keys count.
    pub dtmf: bool,
    /// Speech counts.
    pub speech: bool,
    /// `numDigits`
    pub num_digits: Option<u32>,
    /// `timeout`
    pub timeout: Duration,
    /// `finishOnKey`; none: no key finishes.
    pub finish_on_key: Option<char>,
    /// `actionOnEmptyResult`
    pub action_on_empty_result: bool,
    /// `bargeIn`
    pub barge_in: bool,
    /// `language` of recognition
    pub language: Option<String>,
    /// `hints` of recognition
    pub hints: Option<String>,
    /// What is heard meanwhile.
    pub prompts: Vec<Prompt>,
}

/// `<Record>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `action` and `method`
    pub action: Target,
    /// `timeout` of silence
    pub timeout: Duration,
    /// `finishOnKey`: any of these
    pub finish_on_key: String,
    /// `maxLength`
    pub max_length: Duration,
    /// `playBeep`
    pub play_beep: bool,
}

/// Why a text is no document; the code is Twilio's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 11750
    #[error("TwiML response body too large")]
    TooLarge,
    /// 12100
    #[error("Document parse failure: {0}")]
    NotWellFormed(String),
    /// 12101
    #[error("Invalid Twilio Markup XML version")]
    Version,
    /// 12102
    #[error("The root element must be 'Response', not '{0}'")]
    Root(String),
}

impl Error {
    /// Twilio's error code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::TooLarge => 11_750,
            Self::NotWellFormed(_) => 12_100,
            Self::Version => 12_101,
            Self::Root(_) => 12_102,
        }
    }
}

/// Reads a document as Twilio does.
///
/// # Errors
/// When Twilio would not run any of it.
pub fn parse(text: &str) -> Result<Document, Error> {
    if text.len() > MAX_DOCUMENT {
        return Err(Error::TooLarge);
    }
    let root = xml::read(text).map_err(|error| match error {
        xml::Error::NotWellFormed { .. } => Error::NotWellFormed(error.to_string()),
        xml::Error::Version => Error::Version,
    })?;
    if root.name != "Response" {
        return Err(Error::Root(root.name));
    }
    let mut reader = Reader::default();
    let verbs = root.children.iter().filter_map(|node| reader.verb(node)).collect();
    Ok(Document { verbs, warnings: reader.warnings })
}

/// Collects warnings while verbs are read.
#[derive(Default)]
struct Reader {
    warnings: Vec<Warning>,
}

impl Reader {
    fn warn(&mut self, code: u32, message: String) {
        self.warnings.push(Warning { code, message });
    }

    fn verb(&mut self, node: &Node) -> Option<Verb> {
        let element = match node {
            Node::Element(element) => element,
            Node::Text(text) => {
                if !text.trim().is_empty() {
                    self.warn(12_200, "Response must not have text of its own".to_owned());
                }
                return None;
            }
        };
        match element.name.as_str() {
            "Gather" => Some(Verb::Gather(self.gather(element))),
            "Redirect" => {
                self.check(element, &["method"]);
                let url = Some(text_of(element).trim().to_owned()).filter(|url| !url.is_empty());
                Some(Verb::Redirect(Target { url, method: self.method(element) }))
            }
            "Record" => Some(Verb::Record(self.record(element))),
            "Hangup" => Some(Verb::Hangup),
            "Reject" => {
                self.check(element, &["reason"]);
                Some(Verb::Reject(element.attribute("reason") == Some("busy")))
            }
            "Connect" | "Dial" | "Echo" | "Enqueue" | "Leave" | "Pay" | "Queue" | "Refer" | "Sms" | "Start"
            | "Stop" => {
                self.warn(12_200, format!("The simulator skips {}", element.name));
                Some(Verb::Unsupported(element.name.clone()))
            }
            _ => self.prompt(element, 12_200).map(Verb::Prompt),
        }
    }

    fn prompt(&mut self, element: &Element, misplaced: u32) -> Option<Prompt> {
        match element.name.as_str() {
            "Say" => self.say(element).map(Prompt::Say),
            "Play" => self.play(element).map(Prompt::Play),
            "Pause" => {
                self.check(element, &["length"]);
                Some(Prompt::Pause(self.seconds(element, "length", 1.0, 13_910)))
            }
            name => {
                self.warn(misplaced, format!("Invalid element: {name} is not allowed here"));
                None
            }
        }
    }

    fn say(&mut self, element: &Element) -> Option<Say> {
        self.check(element, &["voice", "language", "loop"]);
        let mut spoken = Spoken::default();
        spoken.add(element, self);
        let text = spoken.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let voice = element.attribute("voice").map(str::to_owned);
        let language = element.attribute("language").map(str::to_owned);
        if text.is_empty() {
            self.warn(13_520, "Say: Invalid text".to_owned());
            return None;
        }
        if text.chars().count() > limit_of(voice.as_deref()) {
            self.warn(13_521, "Say: Text too long".to_owned());
            return None;
        }
        if let Some((code, message)) = voice_problem(voice.as_deref(), language.as_deref()) {
            self.warn(code, message);
            return None;
        }
        let repeats = self.repeats(element, 13_510);
        Some(Say { text, voice, language, repeats, breaks: spoken.breaks })
    }

    fn play(&mut self, element: &Element) -> Option<Play> {
        self.check(element, &["loop", "digits"]);
        let url = text_of(element).trim().to_owned();
        let digits = element.attribute("digits").unwrap_or_default().to_owned();
        if url.is_empty() && digits.is_empty() {
            self.warn(13_420, "Play: Invalid or missing URL".to_owned());
            return None;
        }
        Some(Play { url, digits, repeats: self.repeats(element, 13_410) })
    }

    fn gather(&mut self, element: &Element) -> Gather {
        self.check(element, GATHER);
        let input = element.attribute("input").unwrap_or("dtmf");
        if !matches!(input, "dtmf" | "speech" | "dtmf speech" | "speech dtmf") {
            self.warn(12_200, format!("Gather: Invalid input value {input}"));
        }
        let speech = input.contains("speech");
        let mut prompts = Vec::new();
        for node in &element.children {
            match node {
                Node::Element(child) if child.name == "Play" && child.attribute("digits").is_some() => {
                    self.warn(13_320, "Gather: Play digits is not allowed".to_owned());
                }
                Node::Element(child) => prompts.extend(self.prompt(child, 13_320)),
                Node::Text(text) if !text.trim().is_empty() => {
                    self.warn(12_200, "Gather must not have text of its own".to_owned());
                }
                Node::Text(_) => {}
            }
        }
        Gather {
            action: self.target(element),
            dtmf: input != "speech",
            speech,
            num_digits: self.whole(element, "numDigits", 13_314).filter(|digits| *digits > 0),
            timeout: self.seconds(element, "timeout", 5.0, 13_313),
            finish_on_key: self.finish_on_key(element),
            action_on_empty_result: self.boolean(element, "actionOnEmptyResult", false),
            barge_in: self.boolean(element, "bargeIn", true),
            language: element.attribute("language").map(str::to_owned),
            hints: element.attribute("hints").map(str::to_owned),
            prompts,
        }
    }

    fn finish_on_key(&mut self, element: &Element) -> Option<char> {
        let written = element.attribute("finishOnKey").unwrap_or("#");
        let mut characters = written.chars();
        match (characters.next(), characters.next()) {
            (None, _) => None,
            (Some(key), None) if key.is_ascii_digit() || matches!(key, '#' | '*') => Some(key),
            (Some(_), _) => {
                self.warn(13_310, format!("Gather: Invalid finishOnKey value {written}"));
                Some('#')
            }
        }
    }

    fn record(&mut self, element: &Element) -> Record {
        self.check(element, RECORD);
        Record {
            action: self.target(element),
            timeout: self.seconds(element, "timeout", 5.0, 13_612),
            finish_on_key: element.attribute("finishOnKey").unwrap_or("1234567890*#").to_owned(),
            max_length: self.seconds(element, "maxLength", 3_600.0, 13_613),
            play_beep: self.boolean(element, "playBeep", true),
        }
    }

    fn target(&mut self, element: &Element) -> Target {
        let url = element.attribute("action").map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        Target { url, method: self.method(element) }
    }

    fn method(&mut self, element: &Element) -> Method {
        match element.attribute("method") {
            None | Some("POST") => Method::Post,
            Some("GET") => Method::Get,
            Some(other) => {
                self.warn(12_200, format!("{}: Invalid method value {other}", element.name));
                Method::Post
            }
        }
    }

    fn boolean(&mut self, element: &Element, name: &str, default: bool) -> bool {
        match element.attribute(name) {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                self.warn(12_200, format!("{}: Invalid {name} value {other}", element.name));
                default
            }
        }
    }

    fn seconds(&mut self, element: &Element, name: &str, default: f64, code: u32) -> Duration {
        let written = element.attribute(name);
        let read = written.and_then(|text| text.parse().ok()).filter(|span| (0.0..=86_400.0).contains(span));
        if let (Some(written), None) = (written, read) {
            // `speechTimeout="auto"` is not read here; everything else must be a number.
            self.warn(code, format!("{}: Invalid {name} value {written}", element.name));
        }
        seconds(read.unwrap_or(default))
    }

    fn whole(&mut self, element: &Element, name: &str, code: u32) -> Option<u32> {
        let written = element.attribute(name)?;
        let read = written.parse().ok();
        if read.is_none() {
            self.warn(code, format!("{}: Invalid {name} value {written}", element.name));
        }
        read
    }

    fn repeats(&mut self, element: &Element, code: u32) -> u32 {
        match self.whole(element, "loop", code) {
            None => 1,
            Some(0) => 1_000,
            Some(times) => times.min(1_000),
        }
    }

    fn check(&mut self, element: &Element, known: &[&str]) {
        for (name, _) in element.attributes.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.warn(12_200, format!("Attribute '{name}' is not allowed to appear in element '{}'", element.name));
        }
    }
}

const GATHER: &[&str] = &[
    "action",
    "actionOnEmptyResult",
    "bargeIn",
    "debug",
    "enhanced",
    "finishOnKey",
    "hints",
    "input",
    "language",
    "maxSpeechTime",
    "method",
    "numDigits",
    "partialResultCallback",
    "partialResultCallbackMethod",
    "profanityFilter",
    "speechModel",
    "speechTimeout",
    "timeout",
];

const RECORD: &[&str] = &[
    "action",
    "finishOnKey",
    "maxLength",
    "method",
    "playBeep",
    "recordingStatusCallback",
    "recordingStatusCallbackEvent",
    "recordingStatusCallbackMethod",
    "timeout",
    "transcribe",
    "transcribeCallback",
    "trim",
];

/// Text and pauses of a Say and what is nested in it.
#[derive(Default)]
struct Spoken {
    text: String,
    breaks: Duration,
}

impl Spoken {
    fn add(&mut self, element: &Element, reader: &mut Reader) {
        for node in &element.children {
            match node {
                Node::Text(text) => self.text.push_str(text),
                Node::Element(child) => self.add_child(child, reader),
            }
        }
    }

    fn add_child(&mut self, child: &Element, reader: &mut Reader) {
        match child.name.as_str() {
            "break" => {
                self.breaks += pause_of(child);
                self.text.push(' ');
            }
            "sub" => self.text.push_str(child.attribute("alias").unwrap_or_default()),
            "p" | "s" => {
                self.add(child, reader);
                self.text.push(' ');
            }
            "emphasis" | "lang" | "phoneme" | "prosody" | "say-as" | "w" => self.add(child, reader),
            other => reader.warn(12_200, format!("Invalid element: {other} is not allowed in Say")),
        }
    }
}

/// Length of an SSML break, ten seconds at most.
fn pause_of(element: &Element) -> Duration {
    let millis = match (element.attribute("time"), element.attribute("strength")) {
        (Some(time), _) => match time.strip_suffix("ms") {
            Some(millis) => millis.parse().unwrap_or(0.0),
            None => time.strip_suffix('s').and_then(|span| span.parse().ok()).unwrap_or(0.0) * 1_000.0,
        },
        (None, Some("none")) => 0.0,
        (None, Some("x-weak" | "weak")) => 250.0,
        (None, Some("strong")) => 1_000.0,
        (None, Some("x-strong")) => 1_500.0,
        (None, Some(_) | None) => 500.0,
    };
    seconds(millis / 1_000.0).min(Duration::from_secs(10))
}

fn text_of(element: &Element) -> String {
    element.children.iter().map(|node| if let Node::Text(text) = node { text.as_str() } else { "" }).collect()
}

fn limit_of(voice: Option<&str>) -> usize {
    match voice {
        Some(voice) if voice.starts_with("Polly.") => 3_000,
        Some(voice) if voice.starts_with("Google.") => 5_000,
        Some(_) | None => 4_096,
    }
}

/// Voices that Twilio knows, from the types of its node library.
static VOICES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("voices.txt").lines().collect());
/// Languages of Say, from the same source.
static LANGUAGES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("languages.txt").lines().collect());

/// Twilio does not speak a Say whose voice or language it does not know.
fn voice_problem(voice: Option<&str>, language: Option<&str>) -> Option<(u32, String)> {
    if let Some(voice) = voice.filter(|voice| !VOICES.contains(voice)) {
        return Some((13_511, format!("Say: Invalid voice value {voice}")));
    }
    let language = language?;
    let spoken = voice.and_then(|voice| voice.strip_prefix("Google."));
    let mismatch = spoken.is_some_and(|name| !name.starts_with(language));
    (mismatch || !LANGUAGES.contains(language)).then(|| (13_512, format!("Say: Invalid language value {language}")))
}

#[cfg(test)]
#[path = "twiml_tests.rs"]
mod tests;
