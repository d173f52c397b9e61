//! One language, prepared from its file before it is first spoken: nothing is parsed or looked up by name when a
//! call is answered.

mod file;

use jiff::civil::DateTime;

use super::InputMode;
use super::calendar::SpokenCalendar;
use super::document::Document;
use super::estimate::Pace;
use super::files::File;
use super::numerals::Numerals;
use super::phrase::Piece;
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::speech_matcher::SpeechMatcher;
use super::spelling::Spelling;
use super::template::Template;
use super::time_saying::TimeSaying;
use crate::domain::Language;
use file::LanguageFile;

/// A phrase for each number of people, 0 to 99.
type PerCount = Box<[Box<str>]>;

/// The documents, taken apart.
#[derive(Debug)]
pub(super) struct Templates {
    /// One of each of [`Document::ALL`].
    pub(super) documents: Vec<Template>,
    /// The Gather that listens to words.
    pub(super) listening: Template,
}

/// A language, prepared.
#[derive(Debug)]
pub(super) struct LanguagePack {
    pub(super) language: Language,
    pub(super) calendar: SpokenCalendar,
    pub(super) time: TimeSaying,
    pub(super) spelling: Spelling,
    /// The tag before what its voice says.
    pub(super) say: Box<str>,
    /// The words that are understood.
    pub(super) speech_matcher: SpeechMatcher,
    /// Words for the sign before a foreign country's code.
    pub(super) plus: Box<str>,
    /// The word before the digits of an extension.
    pub(super) extension: Box<str>,
    /// Speed at which it is spoken.
    pub(super) pace: Pace,
    /// Groups of two digits of a phone number are said as one number.
    pub(super) phone_pairs: bool,
    /// "De" loses its vowel before a name that begins with one.
    pub(super) elision: bool,
    /// The word of welcome for each of 24 hours.
    hello: Box<[Box<str>]>,
    /// The phrases for 0 to 99 people.
    party: Box<[Box<str>]>,
    /// The digits that are said after it.
    party_echo: Box<[Box<str>]>,
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
        templates: &Templates,
        schema: &Schema,
        numerals: &Numerals,
        input: InputMode,
    ) -> Result<Self, Vec<LanguageProblem>> {
        let (name, text) = file;
        let told = |what: Wrong| LanguageProblem::of_language(name, what);
        let file: LanguageFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return Err(vec![told(Wrong::Unreadable(error.to_string()))]),
        };
        file.prepare(name, templates, schema, numerals, input)
            .map_err(|wrong| wrong.into_iter().map(told).collect())
    }

    /// The pieces of a document.
    pub(super) fn document(&self, document: Document) -> &[Piece] {
        self.documents
            .get(document.index())
            .map_or(&[], |pieces| pieces)
    }

    /// The phrase for a party of `count` people.
    pub(super) fn party(&self, count: u8) -> &str {
        self.party.get(usize::from(count)).map_or("", |words| words)
    }

    /// The digits of a party, said after it where they could be taken for others.
    pub(super) fn party_echo(&self, count: u8) -> &str {
        self.party_echo
            .get(usize::from(count))
            .map_or("", |words| words)
    }

    /// The word of welcome for an hour; by day where the hour is not known.
    pub(super) fn hello(&self, local_time: Option<DateTime>) -> &str {
        const NOON: u8 = 12;
        let hour = local_time.map_or(NOON, |local| local.hour().unsigned_abs());
        self.hello.get(usize::from(hour)).map_or("", |words| words)
    }
}
