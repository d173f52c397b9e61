//! Reads Say: its text with SSML, and whether Twilio would speak it.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use crate::catalogue::SCHEMA;
use crate::moments::seconds;
use crate::twiml::document::Say;
use crate::twiml::reader::{TwimlReader, repeats};
use crate::xml::{Element, XmlNode};

impl TwimlReader {
    pub(super) fn say(&mut self, element: &Element, parent: &str) -> Option<Say> {
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
            let code = if parent == "Gather" && code == 13_511 {
                13_321
            } else {
                code
            };
            self.warn(code, message);
            return None;
        }
        Some(Say {
            text,
            voice,
            language,
            repeats: repeats(element),
            breaks: spoken.breaks,
        })
    }
}

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
                XmlNode::Text(text) => self.text.push_str(text),
                XmlNode::Element(child) => self.add_child(child, reader),
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
                SCHEMA,
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

/// Most characters that a voice takes.
fn limit_of(voice: Option<&str>) -> usize {
    match voice {
        Some(voice) if voice.starts_with("Polly.") => 3_000,
        Some(voice) if voice.starts_with("Google.") => 5_000,
        Some(_) | None => 4_096,
    }
}

/// Voices that Twilio knows, from the types of its node library.
static VOICES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../voices.txt").lines().collect());

/// Languages of Say, from the same source.
static LANGUAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../languages.txt").lines().collect());

/// Languages that only the basic voices take (man, woman, alice, and a Say without a voice).
const BASIC_LANGUAGES: [&str; 6] = ["en", "en-gb", "es", "fr", "de", "it"];

/// Twilio does not speak a Say whose voice or language it does not know.
fn voice_problem(voice: Option<&str>, language: Option<&str>) -> Option<(u32, String)> {
    if let Some(voice) = voice.filter(|voice| !VOICES.contains(voice)) {
        return Some((13_511, format!("Say: Invalid voice value {voice}")));
    }
    let language = language?;
    let basic = matches!(voice, None | Some("man" | "woman" | "alice"));
    if basic && BASIC_LANGUAGES.contains(&language) {
        return None;
    }
    let spoken = voice.and_then(|voice| voice.strip_prefix("Google."));
    let mismatch = spoken.is_some_and(|name| !name.starts_with(language));
    (mismatch || !LANGUAGES.contains(language))
        .then(|| (13_512, format!("Say: Invalid language value {language}")))
}
