//! Reads elements as verbs, with Twilio's warnings about what it would skip or correct.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use super::addresses::{is_number, is_sip};
use super::catalogue;
use super::catalogue::{ElementRule, SCHEMA, Support};
use super::http_method::HttpMethod;
use super::moments::seconds;
use super::twiml::{
    Dial, DialRecording, DialedConference, DialedParty, DialedPhone, Enqueue, Gather, GatherPrompt,
    PhoneDetection, Play, Record, RecordingCallback, Say, Target, TwimlWarning, Verb,
};
use super::xml::{Element, Node};

/// A Twilio Dial rings no more phones than this at once.
const PHONES: usize = 10;

/// Collects warnings while verbs are read.
#[derive(Default)]
pub(super) struct TwimlReader {
    pub(super) warnings: Vec<TwimlWarning>,
}

impl TwimlReader {
    fn warn(&mut self, code: u32, message: String) {
        self.warnings.push(TwimlWarning { code, message });
    }

    /// The verb of a child of `<Response>`; `None` when Twilio would skip it.
    pub(super) fn verb(&mut self, node: &Node) -> Option<Verb> {
        let element = match node {
            Node::Element(element) => element,
            Node::Text(text) => {
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
            "Redirect" => Verb::Redirect(Target {
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
    fn rule(&mut self, element: &Element, parent: &str, code: u32) -> Option<&'static ElementRule> {
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
    fn check(&mut self, element: &Element, rule: &ElementRule) {
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

    fn say(&mut self, element: &Element, parent: &str) -> Option<Say> {
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
                Node::Element(child)
                    if child.name == "Play" && child.attribute("digits").is_some() =>
                {
                    self.warn(13_320, "Gather: Play digits is not allowed".to_owned());
                }
                Node::Element(child) => {
                    if let Some(rule) = self.rule(child, "Gather", 13_320) {
                        self.check_nested(child, rule);
                        prompts.extend(self.prompt(child, "Gather"));
                    }
                }
                Node::Text(text) if !text.trim().is_empty() => {
                    self.warn(SCHEMA, "Gather must not have text of its own".to_owned());
                }
                Node::Text(_) => {}
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
            transcribe: boolean(element, "transcribe", false)
                .then(|| optional_target(element, "transcribeCallback", "")),
        }
    }

    fn dial(&mut self, element: &Element) -> Option<Verb> {
        let party = match self.dialed_party(element) {
            Ok(party) => party,
            Err(refused) => return Some(Verb::Unsupported(refused)),
        };
        let record = match valid(element, "record") {
            Some("record-from-answer" | "record-from-answer-dual" | "true") => {
                DialRecording::FromAnswer
            }
            Some("record-from-ringing" | "record-from-ringing-dual") => DialRecording::FromRinging,
            Some(_) | None => DialRecording::Off,
        };
        Some(Verb::Dial(Box::new(Dial {
            action: optional_target(element, "action", "method"),
            party,
            timeout: whole_seconds(element, "timeout", 30),
            time_limit: whole_seconds(element, "timeLimit", 14_400),
            hangup_on_star: boolean(element, "hangupOnStar", false),
            caller_id: valid(element, "callerId").map(str::to_owned),
            record,
            dual_channel: valid(element, "record").is_some_and(|it| it.ends_with("-dual")),
            callback: recording_callback(element),
            sequential: boolean(element, "sequential", false),
            answer_on_bridge: boolean(element, "answerOnBridge", false),
        })))
    }

    /// The party of a Dial; an error is the name of an element that does not work here.
    fn dialed_party(&mut self, dial: &Element) -> Result<DialedParty, String> {
        let mut phones = Vec::new();
        for node in &dial.children {
            let child = match node {
                Node::Text(text) => {
                    let number = text.trim();
                    if !number.is_empty() {
                        phones.extend(self.number(number));
                    }
                    continue;
                }
                Node::Element(child) => child,
            };
            let Some(rule) = self.rule(child, "Dial", 13_215) else {
                continue;
            };
            if rule.support == Support::Refused {
                return Err(format!("Dial {}", rule.name));
            }
            self.check(child, rule);
            match rule.name {
                "Conference" => return Ok(DialedParty::Conference(Box::new(conference(child)))),
                "Queue" => {
                    return Ok(DialedParty::Queue {
                        name: text_of(child),
                        announcement: optional_target(child, "url", "method"),
                    });
                }
                _ => phones.extend(self.phone(child)),
            }
        }
        if phones.len() > PHONES {
            let message = format!("Dial: only {PHONES} phones can be called at once");
            self.warn(13_250, message);
            phones.truncate(PHONES);
        }
        Ok(DialedParty::Phones(phones))
    }

    /// A number given as text: E.164, or ten digits in the United States.
    fn number(&mut self, text: &str) -> Option<DialedPhone> {
        let plain: String = text
            .chars()
            .filter(|character| !matches!(character, ' ' | '-' | '(' | ')' | '.'))
            .collect();
        let number = match plain.len() {
            10 if plain.bytes().all(|byte| byte.is_ascii_digit()) => format!("+1{plain}"),
            11 if plain.starts_with('1') && !plain.starts_with('+') => format!("+{plain}"),
            _ => plain,
        };
        if !is_number(&number) {
            self.warn(13_223, format!("Dial: Invalid phone number format {text}"));
            return None;
        }
        Some(DialedPhone {
            address: number,
            ..DialedPhone::default()
        })
    }

    fn phone(&mut self, element: &Element) -> Option<DialedPhone> {
        let text = text_of(element);
        let mut phone = match element.name.as_str() {
            "Number" => self.number(&text)?,
            "Client" => {
                let identity = child(element, "Identity").map_or(text, text_of);
                DialedPhone {
                    address: format!("client:{identity}"),
                    parameters: parameters(element),
                    ..DialedPhone::default()
                }
            }
            _ => {
                let mut uri = child(element, "Uri").map_or(text, text_of);
                if !uri.starts_with("sip:") && !uri.starts_with("sips:") {
                    uri.insert_str(0, "sip:");
                }
                if !is_sip(&uri) {
                    self.warn(13_243, format!("Dial->SIP: Invalid SIP URI {uri}"));
                    return None;
                }
                DialedPhone {
                    address: uri,
                    ..DialedPhone::default()
                }
            }
        };
        phone.announcement = optional_target(element, "url", "method");
        phone.send_digits = valid(element, "sendDigits").unwrap_or_default().to_owned();
        phone.callback = optional_target(element, "statusCallback", "statusCallbackMethod");
        phone.events = words(element, "statusCallbackEvent");
        phone.detection = detection(element);
        Some(phone)
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
            max_size: whole(element, "maxQueueSize").map_or(100, |size| size as usize),
        }))
    }
}

/// The name of an element that does not work here, with the first of its children.
fn refused_name(element: &Element) -> String {
    let child = element.children.iter().find_map(|node| match node {
        Node::Element(child) => Some(child.name.as_str()),
        Node::Text(_) => None,
    });
    match child {
        Some(child) => format!("{} {child}", element.name),
        None => element.name.clone(),
    }
}

fn conference(element: &Element) -> DialedConference {
    DialedConference {
        name: text_of(element),
        muted: boolean(element, "muted", false),
        start_on_enter: boolean(element, "startConferenceOnEnter", true),
        end_on_exit: boolean(element, "endConferenceOnExit", false),
        max_participants: whole(element, "maxParticipants").map_or(250, |most| most as usize),
        wait: optional_target(element, "waitUrl", "waitMethod"),
        callback: optional_target(element, "statusCallback", "statusCallbackMethod"),
        events: words(element, "statusCallbackEvent"),
        label: valid(element, "participantLabel")
            .unwrap_or_default()
            .to_owned(),
        record: (valid(element, "record") == Some("record-from-start"))
            .then(|| recording_callback(element)),
    }
}

fn detection(element: &Element) -> Option<PhoneDetection> {
    Some(PhoneDetection {
        message_end: valid(element, "machineDetection")? == "DetectMessageEnd",
        timeout: whole_seconds(element, "machineDetectionTimeout", 30),
        callback: optional_target(element, "amdStatusCallback", "amdStatusCallbackMethod"),
    })
}

fn recording_callback(element: &Element) -> RecordingCallback {
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

fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.children.iter().find_map(|node| match node {
        Node::Element(child) if child.name == name => Some(child),
        Node::Element(_) | Node::Text(_) => None,
    })
}

/// The `Parameter`s of a Client.
fn parameters(element: &Element) -> Vec<(String, String)> {
    let children = element.children.iter().filter_map(|node| match node {
        Node::Element(child) if child.name == "Parameter" => Some(child),
        Node::Element(_) | Node::Text(_) => None,
    });
    children
        .filter_map(|child| Some((child.attribute("name")?, child.attribute("value")?)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The value of an attribute that Twilio accepts; others were warned about.
fn valid<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    let value = element.attribute(name)?;
    let rules = catalogue::ELEMENTS
        .iter()
        .filter(|rule| rule.name == element.name);
    let mut attributes = rules.flat_map(|rule| rule.attributes);
    let rule = attributes.find(|attribute| attribute.name == name)?;
    rule.values.accepts(value).then_some(value)
}

fn boolean(element: &Element, name: &str, default: bool) -> bool {
    valid(element, name).map_or(default, |value| value == "true")
}

fn whole(element: &Element, name: &str) -> Option<u32> {
    valid(element, name)?.parse().ok()
}

fn whole_seconds(element: &Element, name: &str, default: u32) -> Duration {
    Duration::from_secs(whole(element, name).unwrap_or(default).into())
}

/// The words of a list that Twilio knows.
fn words(element: &Element, name: &str) -> Vec<String> {
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
fn target(element: &Element, url: &str, method_name: &str) -> Target {
    let url = element.attribute(url).map(str::trim);
    Target {
        url: url.filter(|url| !url.is_empty()).map(str::to_owned),
        method: method(element, method_name),
    }
}

/// A URL and its method, if there is a URL.
fn optional_target(element: &Element, url: &str, method_name: &str) -> Option<Target> {
    Some(target(element, url, method_name)).filter(|target| target.url.is_some())
}

/// How often something is heard; `loop="0"` is a thousand times.
fn repeats(element: &Element) -> u32 {
    match whole(element, "loop") {
        None => 1,
        Some(0) => 1_000,
        Some(times) => times,
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

/// The text of an element itself, without white space around it.
fn text_of(element: &Element) -> String {
    let texts = element.children.iter().map(|node| match node {
        Node::Text(text) => text.as_str(),
        Node::Element(_) => "",
    });
    texts.collect::<String>().trim().to_owned()
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
    LazyLock::new(|| include_str!("voices.txt").lines().collect());
/// Languages of Say, from the same source.
static LANGUAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("languages.txt").lines().collect());
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
