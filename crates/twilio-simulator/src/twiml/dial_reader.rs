//! Reads Dial and its nouns.

use crate::addresses::{e164, is_sip};
use crate::catalogue::Support;
use crate::twiml::document::{
    Dial, DialRecording, DialedConference, DialedParty, DialedPhone, PhoneDetection, Verb,
};
use crate::twiml::reader::{
    TwimlReader, boolean, optional_target, recording_callback, text_of, valid, whole,
    whole_seconds, words,
};
use crate::xml::{Element, XmlNode};

/// A Twilio Dial rings no more phones than this at once.
const PHONES: usize = 10;

impl TwimlReader {
    pub(super) fn dial(&mut self, element: &Element) -> Option<Verb> {
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
                XmlNode::Text(text) => {
                    let number = text.trim();
                    if !number.is_empty() {
                        phones.extend(self.number(number));
                    }
                    continue;
                }
                XmlNode::Element(child) => child,
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
        let Some(number) = e164(text) else {
            self.warn(13_223, format!("Dial: Invalid phone number format {text}"));
            return None;
        };
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

fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.children.iter().find_map(|node| match node {
        XmlNode::Element(child) if child.name == name => Some(child),
        XmlNode::Element(_) | XmlNode::Text(_) => None,
    })
}

/// The `Parameter`s of a Client.
fn parameters(element: &Element) -> Vec<(String, String)> {
    let children = element.children.iter().filter_map(|node| match node {
        XmlNode::Element(child) if child.name == "Parameter" => Some(child),
        XmlNode::Element(_) | XmlNode::Text(_) => None,
    });
    children
        .filter_map(|child| Some((child.attribute("name")?, child.attribute("value")?)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
