//! The URLs that Twilio is given: a path, a ticket, and how often to try again.

use std::fmt::Write;

use crate::call::TalkPosition;
use crate::domain::CallId;

/// Overrides for Twilio when it cannot reach us or gets 5xx: three more tries, two seconds each to
/// connect, all within its 15 s (docs/twilio.md, *Connection overrides*). Our webhooks can be
/// repeated harmlessly.
const DOCUMENT_RETRIES: &str = "#ct=2000&rc=3&rp=ct,5xx&rt=8000";
/// A callback that is lost costs a look-up later, so it is worth five tries, also after a timeout.
const CALLBACK_RETRIES: &str = "#ct=2000&rc=5&rp=ct,rt,5xx&rt=5000";

/// Path of each kind of webhook, below the public URL.
pub mod path {
    /// The first document.
    pub const ANSWER: &str = "/twiml/answer/";
    /// The result of a Gather: followed by the talk position and the ticket.
    pub const KEYS: &str = "/twiml/keys/";
    /// Asked when another document failed.
    pub const FALLBACK: &str = "/twiml/fallback/";
    /// Status callbacks.
    pub const STATUS: &str = "/twiml/status/";
    /// The path that the service requests to test its own public URL: a callback of no call.
    pub const LOOK: &str = "/twiml/status/look";
    /// Text in the place of a ticket in the callbacks of `tablecall doctor`.
    pub const DOCTOR: &str = "doctor";
    /// Somebody rings one of our numbers. No ticket: it is the number's own voice URL at Twilio.
    pub const INBOUND: &str = "/twiml/inbound";
    /// The result of a Gather in such a call: followed by the talk position and the ticket.
    pub const INBOUND_KEYS: &str = "/twiml/inbound/keys/";
    /// The verdict of answering-machine detection.
    pub const MACHINE: &str = "/twiml/machine/";
}

/// Makes URLs under one public origin.
#[derive(Clone, Debug)]
pub struct Links {
    origin: Box<str>,
}

impl Links {
    /// Links under `origin`, which has no path and no trailing slash.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.trim_end_matches('/').into(),
        }
    }

    /// The page on which a guest sees a call.
    #[must_use]
    pub fn page(&self, call: CallId) -> String {
        format!("{}/#/call/{call}", self.origin)
    }

    /// The `Url` of a create.
    #[must_use]
    pub fn answer(&self, ticket: &str) -> String {
        self.url(path::ANSWER, ticket, DOCUMENT_RETRIES)
    }

    /// The `FallbackUrl` of a create.
    #[must_use]
    pub fn fallback(&self, ticket: &str) -> String {
        self.url(path::FALLBACK, ticket, DOCUMENT_RETRIES)
    }

    /// The `action` of a Gather.
    #[must_use]
    pub fn keys(&self, position: TalkPosition, ticket: &str) -> String {
        let mut url = self.begin(path::KEYS, ticket);
        // Writing into a string cannot fail.
        let _written = write!(url, "{position}/");
        url.push_str(ticket);
        url.push_str(DOCUMENT_RETRIES);
        url
    }

    /// The `action` of a Gather in a call that came to us.
    #[must_use]
    pub fn inbound_keys(&self, position: TalkPosition, ticket: &str) -> String {
        self.url(
            path::INBOUND_KEYS,
            &format!("{position}/{ticket}"),
            DOCUMENT_RETRIES,
        )
    }

    /// The `StatusCallback` of a create.
    #[must_use]
    pub fn status(&self, ticket: &str) -> String {
        self.url(path::STATUS, ticket, CALLBACK_RETRIES)
    }

    /// The `AsyncAmdStatusCallback` of a create.
    #[must_use]
    pub fn machine(&self, ticket: &str) -> String {
        self.url(path::MACHINE, ticket, CALLBACK_RETRIES)
    }

    fn url(&self, path: &str, ticket: &str, retries: &str) -> String {
        let mut url = self.begin(path, ticket);
        url.push_str(ticket);
        url.push_str(retries);
        url
    }

    /// The first part of a URL, with room for the rest.
    fn begin(&self, path: &str, ticket: &str) -> String {
        let mut url = String::with_capacity(self.origin.len() + path.len() + ticket.len() + 96);
        url.push_str(&self.origin);
        url.push_str(path);
        url
    }
}

/// The talk position in the URL that failed, from Twilio's `ErrorUrl`; `None` if it was not the
/// result of a Gather.
#[must_use]
pub fn failed_position(error_url: &str) -> Option<TalkPosition> {
    turn_and_ticket(error_url).map(|(position, _)| position)
}

/// The turn and the ticket in the URL of a Gather's result.
#[must_use]
pub fn turn_and_ticket(url: &str) -> Option<(TalkPosition, &str)> {
    let (_, rest) = url.split_once(path::KEYS)?;
    let (position, ticket) = rest.split_once('/')?;
    let ticket = ticket.split(['#', '?']).next()?;
    Some((position.parse().ok()?, ticket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_absolute_and_ask_for_retries() {
        let links = Links::new("https://calls.example.com/");
        assert_eq!(
            links.answer("T"),
            "https://calls.example.com/twiml/answer/T#ct=2000&rc=3&rp=ct,5xx&rt=8000"
        );
        let keys = links.keys(TalkPosition::first(7), "T");
        assert!(
            keys.starts_with("https://calls.example.com/twiml/keys/1-0-0-7-k-o-0-o-u-n-n/T#"),
            "{keys}"
        );
        assert_eq!(turn_and_ticket(&keys), Some((TalkPosition::first(7), "T")));
        assert_eq!(failed_position(&links.answer("T")), None);
        assert_eq!(
            failed_position("https://calls.example.com/twiml/keys/nonsense"),
            None
        );
    }
}
