//! TwiML into plain verbs with warnings, as Twilio reads it. It runs nothing and knows no call.

mod dial_reader;
mod document;
mod reader;
mod say_reader;

use super::xml;
use reader::TwimlReader;

pub(crate) use document::absolute;
pub use document::{
    Dial, DialRecording, DialedConference, DialedParty, DialedPhone, DocumentTarget, Enqueue,
    Gather, GatherPrompt, PhoneDetection, Play, Record, RecordingCallback, Say, TwimlDocument,
    TwimlWarning, Verb,
};

/// Longest document in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// A text that is no document, with Twilio's code.
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
        xml::XmlError::NotWellFormed { .. } => TwimlError::NotWellFormed(error.to_string()),
        xml::XmlError::Version => TwimlError::Version,
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
mod tests;
