//! TwiML into plain verbs with warnings, as Twilio reads it. It runs nothing
//! and knows no call.

use std::time::Duration;

use super::call::HttpMethod;
use super::twiml_reader::TwimlReader;
use super::xml;

/// Longest document in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// A document that can be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TwimlDocument {
    /// The verbs of `<Response>`, in order; what Twilio would skip is not among them.
    pub verbs: Vec<Verb>,
    /// What was skipped or corrected, and why.
    pub warnings: Vec<TwimlWarning>,
}

/// Something Twilio would note in its debugger and go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwimlWarning {
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
    pub method: HttpMethod,
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
pub enum TwimlError {
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

impl TwimlError {
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
pub fn parse(text: &str) -> Result<TwimlDocument, TwimlError> {
    if text.len() > MAX_DOCUMENT {
        return Err(TwimlError::TooLarge);
    }
    let root = xml::read(text).map_err(|error| match error {
        xml::Error::NotWellFormed { .. } => TwimlError::NotWellFormed(error.to_string()),
        xml::Error::Version => TwimlError::Version,
    })?;
    if root.name != "Response" {
        return Err(TwimlError::Root(root.name));
    }
    let mut reader = TwimlReader::default();
    let verbs = root
        .children
        .iter()
        .filter_map(|node| reader.verb(node))
        .collect();
    Ok(TwimlDocument {
        verbs,
        warnings: reader.warnings,
    })
}

#[cfg(test)]
#[path = "twiml_tests.rs"]
mod tests;
