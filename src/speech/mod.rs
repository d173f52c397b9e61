//! Turns replies into words, and words into TwiML.
//!
//! The only user of `twiml/`. Nothing is decided here: what is said next is the business of
//! `call::talk`. A language is read when it is first spoken ([`Speech::open`]); every start checks
//! all of them ([`Speech::check`]). A call writes into one string. Start reading with
//! `twiml/README.md`, then [`Speech::render`].

mod calendar;
mod condition;
mod document;
mod template;
mod estimate;
mod speech_matcher;
mod files;
mod languages;
mod load;
mod memo;
mod message;
mod number;
mod numerals;
mod phrase;
mod places;
mod plain_letters;
mod problem;
mod render_context;
mod schema;
mod sources;
mod spelling;
mod spoken;
mod time_saying;
mod language_pack;

#[cfg(test)]
mod tests;

pub use problem::LanguageProblem;

use jiff::civil::DateTime;

use crate::call::talk::{Apology, Reply};
use crate::call::{Decision, PromptTiming, SpokenIntent, TalkPosition};
use crate::domain::{Country, Language, Notes, Phone, Reservation};
use condition::{Condition, Conditions};
use document::Document;
use language_pack::LanguagePack;
use languages::Languages;
use number::SpokenNumbers;
use plain_letters::plain_letters;
use render_context::{MessageContent, PartLengths};
use spoken::{Out, is_sayable};

/// The document for when nothing is known, not even the language: fixed, so that nothing can go
/// wrong with it.
pub const LAST_RESORT: &str = concat!(
    r#"<Response><Say voice="Polly.Joanna-Neural" language="en-US">"#,
    "Sorry, something went wrong on our side. Goodbye.</Say><Hangup/></Response>",
);

/// Every language. Shared by all calls; it changes by languages that are read when they are first
/// spoken, and by a memory of how numbers are grouped.
#[derive(Debug)]
pub struct Speech {
    languages: Languages,
    numbers: SpokenNumbers,
    /// Ways in which staff may answer.
    input: InputMode,
}

/// The subject of the words.
#[derive(Clone, Copy, Debug)]
pub struct RenderContext<'a> {
    /// The table.
    pub reservation: &'a Reservation,
    /// Name by which the service introduces itself (`TABLECALL_SERVICE_NAME`).
    pub service_name: &'a str,
    /// The number under which a person can be reached (`TABLECALL_CONTACT_PHONE`).
    pub contact_phone: Option<Phone>,
    /// Day and time at the restaurant: it is greeted by the hour, and a table that is far ahead is
    /// said with its year. `None`: greeted as by day, and no year.
    pub local_time: Option<DateTime>,
}

/// Ways in which staff may answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputMode {
    /// By keys alone.
    #[default]
    Keys,
    /// By keys, or by saying yes or no (`TWILIO_SPEECH=on`).
    KeysAndSpeech,
}

/// The message at pick-up, for a client to read.
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
        self.languages.tags()
    }

    /// Returns whether a language is one of them.
    #[must_use]
    pub fn has(&self, language: Language) -> bool {
        self.languages().any(|known| known == language)
    }

    /// The language of a restaurant with this number: of the longest prefix that a language file
    /// names, else of the country; en-US where no file names the country.
    #[must_use]
    pub fn default_for(&self, phone: Option<Phone>, country: Option<Country>) -> Language {
        self.languages.default_for(phone, country)
    }

    /// The script of the first letter that the voice of a language cannot say.
    #[must_use]
    pub fn foreign_script(&self, language: Language, text: &str) -> Option<&'static str> {
        self.language_pack(language).spelling.foreign_script(text)
    }

    /// Returns whether a voice can say anything of a text: pictures and marks alone are left out.
    #[must_use]
    pub fn can_say(text: &str) -> bool {
        let text = plain_letters(text);
        text.chars().any(|c| c.is_alphanumeric() && is_sayable(c))
    }

    /// The meaning of words that were spoken instead of pressing a key. `confidence` is Twilio's, 0
    /// to 1, if it has one.
    #[must_use]
    pub fn understand(
        &self,
        language: Language,
        text: &str,
        confidence: Option<f32>,
    ) -> SpokenIntent {
        self.language_pack(language)
            .speech_matcher
            .understand(text, confidence)
    }

    /// The TwiML that says a reply. `action` makes the absolute URL of the next key from its
    /// position: with how long the document takes until the facts are said that an acceptance
    /// needs, and until its question was put in full. A reply that does not listen needs none. A
    /// language that is not shipped (of a ticket from another version) is said in en-US.
    #[must_use]
    pub fn render(
        &self,
        reply: &Reply,
        render_context: &RenderContext<'_>,
        action: impl FnOnce(TalkPosition) -> String,
    ) -> String {
        let (conditions, new_time) = render_context::of_reply(reply, render_context);
        let content = MessageContent {
            new_time,
            ..self.content(render_context)
        };
        let document = Document::of(reply);
        let name = &render_context.reservation.name;
        let spelled = document == Document::AskSlowly && !content.spelled(name).is_empty();
        let conditions = conditions.with(Condition::Spelled, spelled);
        let (mut out, lengths) = Self::write(document, &content, conditions);
        if let Some(listen) = reply.listen() {
            let prompt = PromptTiming {
                facts: lengths.facts.filter(|_| awaits_facts(reply)).map(|facts| {
                    // Said slowly, the facts take a quarter longer; the keys after them do not.
                    let slowly = document == Document::AskSlowly;
                    content.milliseconds(facts, slowly)
                }),
                // The document itself listens to words only after its question; this is for the
                // case that it was not said. A quick voice takes less than is estimated.
                question: lengths
                    .question
                    .filter(|_| self.input == InputMode::KeysAndSpeech)
                    .map(|question| content.milliseconds(question, false) / 5 * 4),
                ..listen.prompt
            };
            out.put_action(&action(TalkPosition { prompt, ..listen }));
        }
        out.text
    }

    /// The text of [`Reply::Ask`] at pick-up, and its duration.
    #[must_use]
    pub fn script(&self, render_context: &RenderContext<'_>) -> Script {
        let content = self.content(render_context);
        let mut out = Out::transcript().counted(content.language_pack.pace);
        let _parts = content.write(
            &content.language_pack.script,
            render_context::of_scene(render_context),
            &mut out,
        );
        let milliseconds = content.milliseconds(out.length, false);
        Script {
            language: content.language_pack.language,
            seconds: milliseconds.saturating_add(500) / 1000,
            text: out.text.trim_end().to_owned(),
        }
    }

    /// The TwiML that says sorry for a fault of ours, when nothing but the language is known.
    #[must_use]
    pub fn apology(&self, language: Language) -> String {
        let conditions = render_context::of_apology(Conditions::NONE, Apology::Fault);
        let content = self.stranger(language, "", None);
        let (out, _) = Self::write(Document::Apology, &content, conditions);
        out.text
    }

    /// The message for a machine: the caller, the reason, and the number to call back; neither the
    /// guest's name nor number.
    #[must_use]
    pub fn voicemail(&self, render_context: &RenderContext<'_>) -> String {
        let conditions = render_context::of_scene(render_context);
        let content = self.content(render_context);
        let (out, _) = Self::write(Document::Voicemail, &content, conditions);
        out.text
    }

    /// The message for inbound callers: who we are and how to reach a person. `local_time` is day
    /// and time where they are, if it is known.
    #[must_use]
    pub fn inbound(
        &self,
        language: Language,
        service_name: &str,
        contact_phone: Option<Phone>,
        local_time: Option<DateTime>,
    ) -> String {
        let content = MessageContent {
            local_time,
            ..self.stranger(language, service_name, contact_phone)
        };
        let conditions = render_context::of_contact(contact_phone);
        let (out, _) = Self::write(Document::Inbound, &content, conditions);
        out.text
    }

    fn write(
        document: Document,
        content: &MessageContent<'_>,
        conditions: Conditions,
    ) -> (Out, PartLengths) {
        // The longest documents have some 1,600 bytes in Latin script, and an action of some 500.
        let mut out = Out::document(2560).counted(content.language_pack.pace);
        let pieces = content.language_pack.document(document);
        let lengths = content.write(pieces, conditions, &mut out);
        (out, lengths)
    }

    fn content<'a>(&'a self, render_context: &RenderContext<'a>) -> MessageContent<'a> {
        let reservation = Some(render_context.reservation);
        let stranger = self.stranger(
            render_context.reservation.language,
            render_context.service_name,
            render_context.contact_phone,
        );
        MessageContent {
            reservation,
            notes_pack: render_context
                .reservation
                .notes
                .as_ref()
                .and_then(Notes::language)
                .filter(|language| *language != render_context.reservation.language)
                .map(|language| self.language_pack(language)),
            local_time: render_context.local_time,
            ..stranger
        }
    }

    fn stranger<'a>(
        &'a self,
        language: Language,
        service: &'a str,
        contact: Option<Phone>,
    ) -> MessageContent<'a> {
        let language_pack = self.language_pack(language);
        let numbers = &self.numbers;
        MessageContent {
            language_pack,
            numbers,
            reservation: None,
            notes_pack: None,
            service,
            contact,
            new_time: None,
            local_time: None,
        }
    }

    fn language_pack(&self, language: Language) -> &LanguagePack {
        self.languages.pack(language)
    }
}

/// Returns whether an acceptance counts only once the facts in this document were said.
fn awaits_facts(reply: &Reply) -> bool {
    let informed = reply.listen().is_some_and(|listen| listen.prompt.informed);
    match reply {
        Reply::Ask { .. } | Reply::Called { .. } => !informed,
        Reply::Decided { decision, .. } => !informed && *decision == Decision::Declined,
        Reply::BeSure { .. } => true,
        Reply::CheckTime { .. } => informed,
        Reply::Keys { .. }
        | Reply::AskTime { .. }
        | Reply::AskOptOut { .. }
        | Reply::Offer { .. }
        | Reply::Goodbye(_)
        | Reply::Apology(_)
        | Reply::HangUp => false,
    }
}
