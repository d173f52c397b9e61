//! Reads elements as verbs, with Twilio's warnings about what it would skip or correct.

use std::time::Duration;

use crate::catalogue;
use crate::catalogue::{ElementRule, SCHEMA, Support};
use crate::http_method::HttpMethod;
use crate::twiml::document::{
    DocumentTarget, Enqueue, Gather, GatherPrompt, Play, Record, RecordingCallback, TwimlWarning,
    Verb,
};
use crate::xml::{Element, XmlNode};

/// Collects warnings while verbs are read.
#[derive(Default)]
pub(super) struct TwimlReader {
    pub(super) warnings: Vec<TwimlWarning>,
}

impl TwimlReader {
    pub(super) fn warn(&mut self, code: u32, message: String) {
        self.warnings.push(TwimlWarning { code, message });
    }

    /// The verb of a child of `<Response>`; `None` when Twilio would skip it.
    pub(super) fn verb(&mut self, node: &XmlNode) -> Option<Verb> {
        let element = match node {
            XmlNode::Element(element) => element,
            XmlNode::Text(text) => {
                if !text.trim().is_empty() {
                    self.warn(SCHEMA, "Response must not have text of its own".to_owned());
                }
                return None;
            }
        };
        let rule = self.rule(element, "Response", SCHEMA)?;
        if rule.support == Support::Refused {
            return Some(Verb::Unsupported(refused_name(element)));
        }
        self.check(element, rule);
        Some(match rule.name {
            "Gather" => Verb::Gather(Box::new(self.gather(element))),
            "Record" => Verb::Record(Box::new(self.record(element))),
            "Dial" => return self.dial(element),
            "Enqueue" => return self.enqueue(element),
            "Redirect" => Verb::Redirect(DocumentTarget {
                url: Some(text_of(element)).filter(|url| !url.is_empty()),
                method: method(element, "method"),
            }),
            "Refer" => Verb::Refer(optional_target(element, "action", "method")),
            "Leave" => Verb::Leave,
            "Echo" => Verb::Echo,
            "Hangup" => Verb::Hangup,
            "Reject" => Verb::Reject(element.attribute("reason") == Some("busy")),
            _ => Verb::GatherPrompt(self.prompt(element, "Response")?),
        })
    }

    /// The rule for an element; warns with `code` when it must not stand there.
    pub(super) fn rule(
        &mut self,
        element: &Element,
        parent: &str,
        code: u32,
    ) -> Option<&'static ElementRule> {
        let rule = catalogue::element(&element.name, parent);
        if rule.is_none() {
            let name = &element.name;
            self.warn(
                code,
                format!("Invalid element: {name} is not allowed in {parent}"),
            );
        }
        rule
    }

    /// Warns about attributes that Twilio does not know and values that it does not accept.
    pub(super) fn check(&mut self, element: &Element, rule: &ElementRule) {
        for (name, value) in &element.attributes {
            let element = &element.name;
            match rule.attributes.iter().find(|it| it.name == name) {
                None => self.warn(
                    SCHEMA,
                    format!("Attribute '{name}' is not allowed to appear in element '{element}'"),
                ),
                Some(attribute) if !attribute.values.accepts(value) => self.warn(
                    attribute.code,
                    format!("{element}: Invalid {name} value {value}"),
                ),
                Some(_) => {}
            }
        }
    }

    fn prompt(&mut self, element: &Element, parent: &str) -> Option<GatherPrompt> {
        match element.name.as_str() {
            "Say" => self.say(element, parent).map(GatherPrompt::Say),
            "Play" => self.play(element).map(GatherPrompt::Play),
            _ => Some(GatherPrompt::Pause(whole_seconds(element, "length", 1))),
        }
    }

    fn play(&mut self, element: &Element) -> Option<Play> {
        let url = text_of(element);
        let digits = valid(element, "digits").unwrap_or_default().to_owned();
        if url.is_empty() && digits.is_empty() {
            if element.attribute("digits").is_none() {
                self.warn(13_420, "Play: Invalid or missing URL".to_owned());
            }
            return None;
        }
        Some(Play {
            url,
            digits,
            repeats: repeats(element),
        })
    }

    fn gather(&mut self, element: &Element) -> Gather {
        let input = valid(element, "input").unwrap_or("dtmf");
        let mut prompts = Vec::new();
        for node in &element.children {
            match node {
                XmlNode::Element(child)
                    if child.name == "Play" && child.attribute("digits").is_some() =>
                {
                    self.warn(13_320, "Gather: Play digits is not allowed".to_owned());
                }
                XmlNode::Element(child) => {
                    if let Some(rule) = self.rule(child, "Gather", 13_320) {
                        self.check_nested(child, rule);
                        prompts.extend(self.prompt(child, "Gather"));
                    }
                }
                XmlNode::Text(text) if !text.trim().is_empty() => {
                    self.warn(SCHEMA, "Gather must not have text of its own".to_owned());
                }
                XmlNode::Text(_) => {}
            }
        }
        if element.attribute("speechTimeout") == Some("auto")
            && element.attribute("speechModel").is_some()
        {
            self.warn(
                13_335,
                "Gather: speechTimeout auto cannot be used with a speechModel".to_owned(),
            );
        }
        Gather {
            action: target(element, "action", "method"),
            dtmf: input.split_whitespace().any(|word| word == "dtmf"),
            speech: input.split_whitespace().any(|word| word == "speech"),
            num_digits: whole(element, "numDigits"),
            timeout: whole_seconds(element, "timeout", 5),
            finish_on_key: match valid(element, "finishOnKey") {
                Some(key) => key.chars().next(),
                None => Some('#'),
            },
            action_on_empty_result: boolean(element, "actionOnEmptyResult", false),
            barge_in: boolean(element, "bargeIn", true),
            language: valid(element, "language").map(str::to_owned),
            hints: valid(element, "hints").map(str::to_owned),
            partial_results: optional_target(
                element,
                "partialResultCallback",
                "partialResultCallbackMethod",
            ),
            prompts,
        }
    }

    /// In a Gather a wrong loop of a Say has a code of its own.
    fn check_nested(&mut self, element: &Element, rule: &ElementRule) {
        let before = self.warnings.len();
        self.check(element, rule);
        for warning in self.warnings.iter_mut().skip(before) {
            if warning.code == 13_510 {
                warning.code = 13_322;
            }
        }
    }

    fn record(&mut self, element: &Element) -> Record {
        let callback = optional_target(element, "transcribeCallback", "");
        Record {
            action: target(element, "action", "method"),
            timeout: whole_seconds(element, "timeout", 5),
            finish_on_key: valid(element, "finishOnKey")
                .unwrap_or("1234567890*#")
                .to_owned(),
            max_length: whole_seconds(element, "maxLength", 3_600),
            play_beep: boolean(element, "playBeep", true),
            trim: valid(element, "trim") != Some("do-not-trim"),
            callback: recording_callback(element),
            // A callback alone asks for a transcription, too: Twilio's own samples rely on it.
            transcribe: boolean(element, "transcribe", callback.is_some()).then_some(callback),
        }
    }

    fn enqueue(&mut self, element: &Element) -> Option<Verb> {
        if element.attribute("workflowSid").is_some() {
            return Some(Verb::Unsupported("Enqueue workflowSid".to_owned()));
        }
        let name = text_of(element);
        if name.is_empty() {
            self.warn(
                SCHEMA,
                "Enqueue: the name of the queue is missing".to_owned(),
            );
            return None;
        }
        Some(Verb::Enqueue(Enqueue {
            name,
            action: optional_target(element, "action", "method"),
            wait: optional_target(element, "waitUrl", "waitUrlMethod"),
            max_size: whole(element, "maxQueueSize").map(|size| size as usize),
        }))
    }
}

/// The name of an element that does not work here, with the first of its children.
fn refused_name(element: &Element) -> String {
    let child = element.children.iter().find_map(|node| match node {
        XmlNode::Element(child) => Some(child.name.as_str()),
        XmlNode::Text(_) => None,
    });
    match child {
        Some(child) => format!("{} {child}", element.name),
        None => element.name.clone(),
    }
}

pub(super) fn recording_callback(element: &Element) -> RecordingCallback {
    RecordingCallback {
        target: optional_target(
            element,
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
        ),
        events: words(element, "recordingStatusCallbackEvent"),
        track: valid(element, "recordingTrack").map(str::to_owned),
    }
}

/// The value of an attribute that Twilio accepts; others were warned about.
pub(super) fn valid<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    let value = element.attribute(name)?;
    let rules = catalogue::ELEMENTS
        .iter()
        .filter(|rule| rule.name == element.name);
    let mut attributes = rules.flat_map(|rule| rule.attributes);
    let rule = attributes.find(|attribute| attribute.name == name)?;
    rule.values.accepts(value).then_some(value)
}

pub(super) fn boolean(element: &Element, name: &str, default: bool) -> bool {
    valid(element, name).map_or(default, |value| value == "true")
}

pub(super) fn whole(element: &Element, name: &str) -> Option<u32> {
    valid(element, name)?.parse().ok()
}

pub(super) fn whole_seconds(element: &Element, name: &str, default: u32) -> Duration {
    Duration::from_secs(whole(element, name).unwrap_or(default).into())
}

/// The words of a list that Twilio knows.
pub(super) fn words(element: &Element, name: &str) -> Vec<String> {
    let text = valid(element, name).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn method(element: &Element, name: &str) -> HttpMethod {
    match element.attribute(name) {
        Some("GET") => HttpMethod::Get,
        Some(_) | None => HttpMethod::Post,
    }
}

/// A URL and its method; without a URL: the current document.
fn target(element: &Element, url: &str, method_name: &str) -> DocumentTarget {
    let url = element.attribute(url).map(str::trim);
    DocumentTarget {
        url: url.filter(|url| !url.is_empty()).map(str::to_owned),
        method: method(element, method_name),
    }
}

/// A URL and its method, if there is a URL.
pub(super) fn optional_target(
    element: &Element,
    url: &str,
    method_name: &str,
) -> Option<DocumentTarget> {
    Some(target(element, url, method_name)).filter(|target| target.url.is_some())
}

/// Number of times that something is heard; `loop="0"` is a thousand times.
pub(super) fn repeats(element: &Element) -> u32 {
    match whole(element, "loop") {
        None => 1,
        Some(0) => 1_000,
        Some(times) => times,
    }
}

/// The text of an element itself, without white space around it.
pub(super) fn text_of(element: &Element) -> String {
    let texts = element.children.iter().map(|node| match node {
        XmlNode::Text(text) => text.as_str(),
        XmlNode::Element(_) => "",
    });
    texts.collect::<String>().trim().to_owned()
}
