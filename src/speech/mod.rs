//! What staff hear: a reply becomes words, and the words become TwiML.
//!
//! The only user of `twiml/`. Nothing is decided here: what is said next is the business of
//! `call::talk`. All files are read and checked at start ([`Speech::load`]); a call finds them
//! prepared, and writes into one string. Start reading with `twiml/README.md`, then
//! [`Speech::render`].

mod calendar;
mod document;
mod estimate;
mod ears;
mod files;
mod load;
mod memo;
mod message;
mod number;
mod phrase;
mod problem;
mod scene;
mod schema;
mod spoken;
mod time_again;
mod tongue;

#[cfg(test)]
mod tests;

pub use problem::{Problem, Wrong};
pub use schema::Fault;

use crate::call::SpokenIntent;
use crate::call::talk::{Apology, Opening, Reply};
use crate::domain::{Country, Language, Phone, Reservation};
use document::Document;
use message::Conditions;
use number::Numbers;
use scene::Content;
use spoken::Out;
use tongue::Tongue;

/// The document for when nothing is known, not even the language: fixed, so that nothing can go
/// wrong with it.
pub const LAST_RESORT: &str = concat!(
    r#"<Response><Say voice="Polly.Joanna-Neural" language="en-US">"#,
    "Sorry, something went wrong on our side. Goodbye.</Say><Hangup/></Response>",
);

/// Every language, prepared. Immutable and shared by all calls, but for a memory of how numbers are
/// grouped.
#[derive(Debug)]
pub struct Speech {
    tongues: Box<[Tongue]>,
    /// Where in `tongues` en-US is.
    usual: usize,
    /// Codes of countries and the places of their languages in `tongues`, sorted.
    countries: Box<[([u8; 2], usize)]>,
    numbers: Numbers,
}

/// What is spoken of.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The table.
    pub reservation: &'a Reservation,
    /// How the service names itself (`TABLECALL_SERVICE_NAME`).
    pub service_name: &'a str,
    /// The number under which a person can be reached (`TABLECALL_CONTACT_PHONE`).
    pub contact_phone: Option<Phone>,
}

/// How staff may answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// By keys alone.
    #[default]
    Keys,
    /// By keys, or by saying yes or no (`TWILIO_SPEECH=on`).
    KeysAndSpeech,
}

/// What staff hear at pick-up, for a client to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The language it is said in.
    pub language: Language,
    /// About how long it takes to say, in seconds, pauses included.
    pub seconds: u32,
    /// The words.
    pub text: String,
}

impl Speech {
    /// The languages there are.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.tongues.iter().map(|tongue| tongue.language)
    }

    /// Whether a language is one of them.
    #[must_use]
    pub fn has(&self, language: Language) -> bool {
        self.tongues
            .iter()
            .any(|tongue| tongue.language == language)
    }

    /// The language of a country's restaurants; en-US where no language file names the country.
    #[must_use]
    pub fn default_for(&self, country: Option<Country>) -> Language {
        let find = |country: Country| {
            self.countries
                .binary_search_by(|(known, _)| known[..].cmp(country.as_str().as_bytes()))
                .ok()
        };
        let place = country.and_then(find).and_then(|at| self.countries.get(at));
        place
            .and_then(|(_, tongue)| self.tongues.get(*tongue))
            .map_or(Language::EN_US, |tongue| tongue.language)
    }

    /// What somebody meant who spoke instead of pressing a key. `confidence` is Twilio's, 0 to 1,
    /// if it has one.
    #[must_use]
    pub fn understand(
        &self,
        language: Language,
        text: &str,
        confidence: Option<f32>,
    ) -> SpokenIntent {
        self.tongue(language).ears.understand(text, confidence)
    }

    /// The TwiML that says a reply. `action` is the absolute URL of the next key; it is not used by
    /// a reply that does not listen. A language that is not shipped (of a ticket from another
    /// version) is said in en-US.
    #[must_use]
    pub fn render(&self, reply: &Reply, scene: &Scene<'_>, action: &str) -> String {
        let document = match reply {
            Reply::Ask { slowly: true, .. } => Document::AskSlowly,
            Reply::Ask {
                opening: Opening::First,
                ..
            } => Document::Ask,
            Reply::Ask {
                opening: Opening::Again,
                ..
            } => Document::AskAgain,
            Reply::Keys { .. } => Document::Keys,
            Reply::Decided {
                listen: Some(_), ..
            } => Document::Decided,
            Reply::Decided { listen: None, .. } => Document::DecidedGoodbye,
            Reply::AskTime { .. } => Document::AskTime,
            Reply::CheckTime { .. } => Document::CheckTime,
            Reply::AskOptOut { .. } => Document::AskNoMoreCalls,
            Reply::Called { .. } => Document::InboundCalled,
            Reply::Offer { .. } => Document::InboundOffer,
            Reply::Goodbye(_) => Document::Goodbye,
            Reply::Apology(_) => Document::Apology,
            Reply::HangUp => Document::HangUp,
        };
        let (conditions, new_time) = scene::of_reply(reply, scene);
        let content = Content {
            new_time,
            action,
            ..self.content(scene)
        };
        Self::write(document, &content, conditions)
    }

    /// What [`Reply::Ask`] says at pick-up, as plain text, and how long it takes.
    #[must_use]
    pub fn script(&self, scene: &Scene<'_>) -> Script {
        let content = self.content(scene);
        let mut out = Out::transcript();
        let silence = content.write(&content.tongue.script, scene::of_scene(scene), &mut out);
        let text = out.text.trim_end().to_owned();
        let spoken = estimate::milliseconds(&text, content.tongue.by_character);
        Script {
            language: content.tongue.language,
            seconds: (spoken + silence).div_ceil(1000),
            text,
        }
    }

    /// The TwiML that says sorry for a fault of ours, when nothing but the language is known.
    #[must_use]
    pub fn apology(&self, language: Language) -> String {
        let conditions = scene::of_apology(Conditions::NONE, Apology::Fault);
        Self::write(
            Document::Apology,
            &self.stranger(language, "", None),
            conditions,
        )
    }

    /// What is left on a machine: who called and why, and the number to call back; neither the
    /// guest's name nor number.
    #[must_use]
    pub fn voicemail(&self, scene: &Scene<'_>) -> String {
        Self::write(
            Document::Voicemail,
            &self.content(scene),
            scene::of_scene(scene),
        )
    }

    /// What anyone hears who rings our number: who we are and how to reach a person.
    #[must_use]
    pub fn inbound(
        &self,
        language: Language,
        service_name: &str,
        contact_phone: Option<Phone>,
    ) -> String {
        let content = self.stranger(language, service_name, contact_phone);
        Self::write(
            Document::Inbound,
            &content,
            scene::of_contact(contact_phone),
        )
    }

    fn write(document: Document, content: &Content<'_>, conditions: Conditions) -> String {
        // The longest documents have some 1,600 bytes in Latin script beside the action.
        let mut out = Out::document(2048 + content.action.len());
        let _silence = content.write(content.tongue.document(document), conditions, &mut out);
        out.text
    }

    fn content<'a>(&'a self, scene: &Scene<'a>) -> Content<'a> {
        let reservation = Some(scene.reservation);
        let stranger = self.stranger(
            scene.reservation.language,
            scene.service_name,
            scene.contact_phone,
        );
        Content {
            reservation,
            ..stranger
        }
    }

    fn stranger<'a>(
        &'a self,
        language: Language,
        service: &'a str,
        contact: Option<Phone>,
    ) -> Content<'a> {
        let tongue = self.tongue(language);
        let numbers = &self.numbers;
        Content {
            tongue,
            numbers,
            reservation: None,
            service,
            contact,
            new_time: None,
            action: "",
        }
    }

    fn tongue(&self, language: Language) -> &Tongue {
        let found = self
            .tongues
            .iter()
            .find(|tongue| tongue.language == language);
        found.unwrap_or(&self.tongues[self.usual])
    }
}
