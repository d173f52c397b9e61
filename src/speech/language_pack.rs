//! One language, prepared at start from its file: nothing is parsed or looked up by name when a
//! call is answered.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::InputMode;
use super::calendar::{Calendar, category_name};
use super::document::{Document, Target, Template, Words};
use super::estimate;
use super::files::File;
use super::message::{self, MESSAGES};
use super::phrase::{self, Piece, Variable};
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::speech_matcher::{Sentences, SpeechMatcher};
use super::time_again::{Sayings, TimeAgain};
use crate::domain::Language;

/// A language file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LanguageFile {
    tag: String,
    /// The locale of CLDR, where it is not the tag (`cmn-CN` is `zh-CN` there).
    cldr: Option<String>,
    voice: String,
    countries: Vec<String>,
    /// First digits, in E.164 without the plus, of numbers in countries that speak several
    /// languages.
    #[serde(default)]
    prefixes: Vec<String>,
    plus: String,
    /// The word before the digits of an extension.
    extension: String,
    first_of_month: Option<String>,
    party: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
    time_again: Sayings,
    speech: Sentences,
}

/// A language, prepared.
#[derive(Debug)]
pub(super) struct LanguagePack {
    pub(super) language: Language,
    /// Codes of the countries whose restaurants speak it.
    pub(super) countries: Vec<[u8; 2]>,
    /// First digits of numbers where it is spoken although the country's language is another.
    pub(super) prefixes: Vec<u64>,
    pub(super) calendar: Calendar,
    pub(super) time_again: TimeAgain,
    /// What is understood when it is said.
    pub(super) speech_matcher: SpeechMatcher,
    /// How the sign before a foreign country's code is said.
    pub(super) plus: Box<str>,
    /// The word before the digits of an extension.
    pub(super) extension: Box<str>,
    /// Whether the length of speech is counted by characters.
    pub(super) by_character: bool,
    /// What is said of 0 to 99 people.
    party: Box<[Box<[Piece]>]>,
    /// One of each of [`Document::ALL`].
    documents: Box<[Box<[Piece]>]>,
    /// The first message as plain words.
    pub(super) script: Box<[Piece]>,
}

impl LanguagePack {
    /// Prepares a language.
    ///
    /// # Errors
    /// Everything that is wrong with its file.
    pub(super) fn load(
        file: File<'_>,
        templates: &[Template],
        schema: &Schema,
        input: InputMode,
    ) -> Result<Self, Vec<LanguageProblem>> {
        let (name, text) = file;
        let told = |what: Wrong| LanguageProblem {
            file: format!("{name}.toml"),
            what,
        };
        let file: LanguageFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return Err(vec![told(Wrong::Unreadable(error.to_string()))]),
        };
        file.prepare(name, templates, schema, input)
            .map_err(|wrong| wrong.into_iter().map(told).collect())
    }

    /// The pieces of a document.
    pub(super) fn document(&self, document: Document) -> &[Piece] {
        self.documents
            .get(document.index())
            .map_or(&[], |pieces| pieces)
    }

    /// What is said of a party.
    pub(super) fn party(&self, count: u8) -> &[Piece] {
        self.party
            .get(usize::from(count))
            .map_or(&[], |pieces| pieces)
    }
}

/// Keeps a value, or notes what is wrong.
fn keep<T>(wrong: &mut Vec<Wrong>, result: Result<T, Wrong>) -> Option<T> {
    result.map_err(|error| wrong.push(error)).ok()
}

impl LanguageFile {
    fn prepare(
        self,
        name: &str,
        templates: &[Template],
        schema: &Schema,
        input: InputMode,
    ) -> Result<LanguagePack, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let language = keep(&mut wrong, self.language(name));
        if !schema.speaks(&self.voice, &self.tag) {
            wrong.push(Wrong::Voice(self.voice.clone()));
        }
        let countries = self.countries(&mut wrong);
        let prefixes = self.prefixes(&mut wrong);
        let locale = self.cldr.as_deref().unwrap_or(&self.tag);
        let calendar = keep(
            &mut wrong,
            Calendar::new(locale, self.first_of_month.as_deref()),
        );
        let party = calendar
            .as_ref()
            .map(|calendar| self.party(calendar, &mut wrong))
            .unwrap_or_default();
        let messages = self.messages(&mut wrong);
        let speech_matcher = SpeechMatcher::new(&self.speech, schema)
            .map_err(|more| wrong.extend(more))
            .unwrap_or_default();
        let input = speech_matcher.input(input);
        let words = Words {
            voice: &self.voice,
            language: &self.tag,
            input: &input,
            messages: &messages,
        };
        let fill =
            |template: &Template, target| words.fill(template, target).map(Vec::into_boxed_slice);
        let documents: Result<_, Wrong> = templates
            .iter()
            .map(|template| fill(template, Target::Twiml))
            .collect();
        let documents = keep(&mut wrong, documents);
        let ask = templates
            .get(Document::Ask.index())
            .ok_or(Wrong::MissingDocument);
        let script = keep(
            &mut wrong,
            ask.and_then(|template| fill(template, Target::Transcript)),
        );
        let time_again = TimeAgain::new(&self.time_again)
            .map_err(|more| wrong.extend(more))
            .ok();
        let by_character = self
            .messages
            .get("greeting")
            .is_some_and(|text| estimate::is_by_character(text));
        let prepared = (language, calendar, documents, script, time_again);
        let (Some(language), Some(calendar), Some(documents), Some(script), Some(time_again)) =
            prepared
        else {
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let plus = self.plus.into();
        let extension = self.extension.into();
        Ok(LanguagePack {
            language,
            countries,
            prefixes,
            calendar,
            time_again,
            speech_matcher,
            plus,
            extension,
            by_character,
            party,
            documents,
            script,
        })
    }

    fn language(&self, name: &str) -> Result<Language, Wrong> {
        let language: Language = self.tag.parse().map_err(|_| Wrong::Tag)?;
        if language.as_str() == self.tag && self.tag == name {
            Ok(language)
        } else {
            Err(Wrong::Tag)
        }
    }

    /// Only the form of the codes is looked at: to ask which countries there are would read the
    /// numbering plans of the world, which takes longer than all the rest of the start. A test
    /// asks.
    fn countries(&self, wrong: &mut Vec<Wrong>) -> Vec<[u8; 2]> {
        let read = |text: &String| {
            let code: Option<[u8; 2]> = text.as_bytes().try_into().ok();
            code.filter(|code| code.iter().all(u8::is_ascii_uppercase))
                .ok_or_else(|| Wrong::Country(text.clone()))
        };
        self.countries
            .iter()
            .filter_map(|code| keep(wrong, read(code)))
            .collect()
    }

    fn prefixes(&self, wrong: &mut Vec<Wrong>) -> Vec<u64> {
        let read = |text: &String| {
            let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
            let prefix = text.parse().ok().filter(|_| digits && text.len() < 12);
            prefix.ok_or_else(|| Wrong::Prefix(text.clone()))
        };
        self.prefixes
            .iter()
            .filter_map(|text| keep(wrong, read(text)))
            .collect()
    }

    fn party(&self, calendar: &Calendar, wrong: &mut Vec<Wrong>) -> Box<[Box<[Piece]>]> {
        let used: Vec<&str> = calendar.categories().map(category_name).collect();
        let unused = self
            .party
            .keys()
            .filter(|name| !used.contains(&name.as_str()));
        wrong.extend(unused.map(|name| Wrong::UnknownPlural(name.clone())));
        let mut forms: BTreeMap<&str, Vec<Piece>> = BTreeMap::new();
        for name in used {
            let found = self.party.get(name).ok_or(Wrong::MissingPlural(name));
            let pieces = found.and_then(|text| {
                phrase::pieces(&format!("party.{name}"), text, &[Variable::Count])
            });
            let _form = forms.insert(name, keep(wrong, pieces).unwrap_or_default());
        }
        let form = |count| {
            forms
                .get(category_name(calendar.category(count)))
                .cloned()
                .unwrap_or_default()
        };
        (0..=99)
            .map(|count| form(count).into_boxed_slice())
            .collect()
    }

    fn messages(&self, wrong: &mut Vec<Wrong>) -> BTreeMap<&'static str, Vec<Piece>> {
        let unknown = self
            .messages
            .keys()
            .filter(|name| message::named(name).is_none());
        wrong.extend(unknown.map(|name| Wrong::UnknownMessage(name.clone())));
        let mut messages = BTreeMap::new();
        for spec in MESSAGES {
            let missing = || Wrong::MissingMessage(spec.name.to_owned());
            let text = self.messages.get(spec.name).ok_or_else(missing);
            let Some(text) = keep(wrong, text) else {
                continue;
            };
            if text.trim().is_empty() {
                wrong.push(Wrong::EmptyMessage(spec.name.to_owned()));
            }
            let Some(pieces) = keep(wrong, phrase::pieces(spec.name, text, &spec.allowed())) else {
                continue;
            };
            let lacking = spec
                .must
                .iter()
                .filter(|variable| !pieces.contains(&Piece::Value(**variable)));
            wrong.extend(
                lacking
                    .map(|variable| Wrong::MissingVariable(spec.name.to_owned(), variable.name())),
            );
            let _message = messages.insert(spec.name, pieces);
        }
        messages
    }
}
