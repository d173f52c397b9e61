//! The outcomes of one moment of a conversation: input, an interruption, the next step.

use super::call::{DocumentSource, Signal};
use super::documents::TwimlRequest;

/// The next step of a conversation.
#[derive(Clone, Debug)]
pub(super) enum NextStep {
    Request(TwimlRequest),
    Inline(String),
    /// The document has come to its end.
    End,
    /// The document hangs up.
    HangUp,
}

/// A key or words.
pub(super) enum CalleeInput {
    Key(char),
    Speech { text: String, confidence: f64 },
}

/// The result of a wait within a conversation.
#[derive(Clone, Debug)]
pub(super) enum WaitResult {
    /// Nothing, until the time had come.
    Time,
    Key(char),
    Speech {
        text: String,
        confidence: f64,
    },
    /// News of another call.
    Signal(Signal),
}

/// An event that breaks a conversation off.
#[derive(Clone, Debug)]
pub(super) enum Interrupt {
    /// The other party hung up.
    HungUp,
    /// Ended by the API or by the time limit.
    Over,
    /// Another document goes on.
    Replace(DocumentSource),
    /// News of another call, where it is waited for.
    Signal(Signal),
    /// The document says that the call leaves its queue.
    Leave,
}
