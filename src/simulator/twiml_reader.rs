//! Reads elements as verbs, with Twilio's warnings about what it would skip or correct.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use super::behaviour::seconds;
use super::call::HttpMethod;
use super::twiml::{Gather, Play, Prompt, Record, Say, Target, TwimlWarning, Verb};
use super::xml::{Element, Node};

/// Collects warnings while verbs are read.
#[derive(Default)]
pub(super) struct TwimlReader {
    pub(super) warnings: Vec<TwimlWarning>,
}

impl TwimlReader {
    fn warn(&mut self, code: u32, message: String) {
        self.warnings.push(TwimlWarning { code, message });
    }

    pub(super) fn verb(&mut self, node: &Node) -> Option<Verb> {
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
                Some(Verb::Redirect(Target {
                    url,
                    method: self.method(element),
                }))
            }
            "Record" => Some(Verb::Record(self.record(element))),
            "Hangup" => Some(Verb::Hangup),
            "Reject" => {
                self.check(element, &["reason"]);
                Some(Verb::Reject(element.attribute("reason") == Some("busy")))
            }
            "Connect" | "Dial" | "Echo" | "Enqueue" | "Leave" | "Pay" | "Queue" | "Refer"
            | "Sms" | "Start" | "Stop" => {
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
                self.warn(
                    misplaced,
                    format!("Invalid element: {name} is not allowed here"),
                );
                None
            }
        }
    }

    fn say(&mut self, element: &Element) -> Option<Say> {
        self.check(element, &["voice", "language", "loop"]);
        let mut spoken = SayText::default();
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
        Some(Say {
            text,
            voice,
            language,
            repeats,
            breaks: spoken.breaks,
        })
    }

    fn play(&mut self, element: &Element) -> Option<Play> {
        self.check(element, &["loop", "digits"]);
        let url = text_of(element).trim().to_owned();
        let digits = element.attribute("digits").unwrap_or_default().to_owned();
        if url.is_empty() && digits.is_empty() {
            self.warn(13_420, "Play: Invalid or missing URL".to_owned());
            return None;
        }
        Some(Play {
            url,
            digits,
            repeats: self.repeats(element, 13_410),
        })
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
                Node::Element(child)
                    if child.name == "Play" && child.attribute("digits").is_some() =>
                {
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
            num_digits: self
                .whole(element, "numDigits", 13_314)
                .filter(|digits| *digits > 0),
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
                self.warn(
                    13_310,
                    format!("Gather: Invalid finishOnKey value {written}"),
                );
                Some('#')
            }
        }
    }

    fn record(&mut self, element: &Element) -> Record {
        self.check(element, RECORD);
        Record {
            action: self.target(element),
            timeout: self.seconds(element, "timeout", 5.0, 13_612),
            finish_on_key: element
                .attribute("finishOnKey")
                .unwrap_or("1234567890*#")
                .to_owned(),
            max_length: self.seconds(element, "maxLength", 3_600.0, 13_613),
            play_beep: self.boolean(element, "playBeep", true),
        }
    }

    fn target(&mut self, element: &Element) -> Target {
        let url = element
            .attribute("action")
            .map(|url| url.trim().to_owned())
            .filter(|url| !url.is_empty());
        Target {
            url,
            method: self.method(element),
        }
    }

    fn method(&mut self, element: &Element) -> HttpMethod {
        match element.attribute("method") {
            None | Some("POST") => HttpMethod::Post,
            Some("GET") => HttpMethod::Get,
            Some(other) => {
                self.warn(
                    12_200,
                    format!("{}: Invalid method value {other}", element.name),
                );
                HttpMethod::Post
            }
        }
    }

    fn boolean(&mut self, element: &Element, name: &str, default: bool) -> bool {
        match element.attribute(name) {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                self.warn(
                    12_200,
                    format!("{}: Invalid {name} value {other}", element.name),
                );
                default
            }
        }
    }

    fn seconds(&mut self, element: &Element, name: &str, default: f64, code: u32) -> Duration {
        let written = element.attribute(name);
        let read = written
            .and_then(|text| text.parse().ok())
            .filter(|span| (0.0..=86_400.0).contains(span));
        if let (Some(written), None) = (written, read) {
            // `speechTimeout="auto"` is not read here; everything else must be a number.
            self.warn(
                code,
                format!("{}: Invalid {name} value {written}", element.name),
            );
        }
        seconds(read.unwrap_or(default))
    }

    fn whole(&mut self, element: &Element, name: &str, code: u32) -> Option<u32> {
        let written = element.attribute(name)?;
        let read = written.parse().ok();
        if read.is_none() {
            self.warn(
                code,
                format!("{}: Invalid {name} value {written}", element.name),
            );
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
        for (name, _) in element
            .attributes
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
        {
            self.warn(
                12_200,
                format!(
                    "Attribute '{name}' is not allowed to appear in element '{}'",
                    element.name
                ),
            );
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
struct SayText {
    text: String,
    breaks: Duration,
}

impl SayText {
    fn add(&mut self, element: &Element, reader: &mut TwimlReader) {
        for node in &element.children {
            match node {
                Node::Text(text) => self.text.push_str(text),
                Node::Element(child) => self.add_child(child, reader),
            }
        }
    }

    fn add_child(&mut self, child: &Element, reader: &mut TwimlReader) {
        match child.name.as_str() {
            "break" => {
                self.breaks += pause_of(child);
                self.text.push(' ');
            }
            "sub" => self
                .text
                .push_str(child.attribute("alias").unwrap_or_default()),
            "p" | "s" => {
                self.add(child, reader);
                self.text.push(' ');
            }
            "emphasis" | "lang" | "phoneme" | "prosody" | "say-as" | "w" => self.add(child, reader),
            other => reader.warn(
                12_200,
                format!("Invalid element: {other} is not allowed in Say"),
            ),
        }
    }
}

/// Length of an SSML break, ten seconds at most.
fn pause_of(element: &Element) -> Duration {
    let millis = match (element.attribute("time"), element.attribute("strength")) {
        (Some(time), _) => match time.strip_suffix("ms") {
            Some(millis) => millis.parse().unwrap_or(0.0),
            None => {
                time.strip_suffix('s')
                    .and_then(|span| span.parse().ok())
                    .unwrap_or(0.0)
                    * 1_000.0
            }
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
    element
        .children
        .iter()
        .map(|node| {
            if let Node::Text(text) = node {
                text.as_str()
            } else {
                ""
            }
        })
        .collect()
}

fn limit_of(voice: Option<&str>) -> usize {
    match voice {
        Some(voice) if voice.starts_with("Polly.") => 3_000,
        Some(voice) if voice.starts_with("Google.") => 5_000,
        Some(_) | None => 4_096,
    }
}

/// Voices that Twilio knows, from the types of its node library.
static VOICES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("voices.txt").lines().collect());
/// Languages of Say, from the same source.
static LANGUAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("languages.txt").lines().collect());

/// Twilio does not speak a Say whose voice or language it does not know.
fn voice_problem(voice: Option<&str>, language: Option<&str>) -> Option<(u32, String)> {
    if let Some(voice) = voice.filter(|voice| !VOICES.contains(voice)) {
        return Some((13_511, format!("Say: Invalid voice value {voice}")));
    }
    let language = language?;
    let spoken = voice.and_then(|voice| voice.strip_prefix("Google."));
    let mismatch = spoken.is_some_and(|name| !name.starts_with(language));
    (mismatch || !LANGUAGES.contains(language))
        .then(|| (13_512, format!("Say: Invalid language value {language}")))
}
