//! One language, prepared at start from its file: nothing is parsed or looked up by name when a
//! call is answered.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::InputMode;
use super::calendar::{Calendar, DaySayings, category_name};
use super::document::{Document, DocumentPart, Target, Template, Words};
use super::estimate::Pace;
use super::files::File;
use super::message::{self, MESSAGES};
use super::numerals::{COUNT, Numerals, Spellout};
use super::phrase::{self, Part, Piece, Variable};
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::speech_matcher::{Sentences, SpeechMatcher};
use super::spelling::{Spelling, SpellingFile};
use super::spoken;
use super::time_saying::{self, Sayings, TimeSaying};
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
    /// Milliseconds that a voice takes for a letter, or for a character.
    pace: u32,
    /// Whether groups of two digits of a phone number are said as one number.
    #[serde(default)]
    phone_pairs: bool,
    /// The words of welcome, by the hour at which each begins.
    #[serde(default)]
    hello: BTreeMap<String, String>,
    party: PartySayings,
    messages: BTreeMap<String, String>,
    day: DaySayings,
    time: Sayings,
    spelling: SpellingFile,
    speech: Sentences,
}

/// A phrase for each number of people, 0 to 99.
type PerCount = Box<[Box<str>]>;

/// `[party]` of a language file.
#[derive(Debug, Deserialize)]
struct PartySayings {
    /// Added to a number of two digits: `{digits:RULE}` says them one by one.
    echo: Option<String>,
    /// By category of CLDR's plurals, with `{count}` or `{count:RULE}`.
    #[serde(flatten)]
    forms: BTreeMap<String, String>,
}

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
    /// Codes of the countries whose restaurants speak it.
    pub(super) countries: Vec<[u8; 2]>,
    /// First digits of numbers where it is spoken although the country's language is another.
    pub(super) prefixes: Vec<u64>,
    pub(super) calendar: Calendar,
    pub(super) time: TimeSaying,
    pub(super) spelling: Spelling,
    /// The tag before what its voice says.
    pub(super) say: Box<str>,
    /// The words that are understood.
    pub(super) speech_matcher: SpeechMatcher,
    /// How the sign before a foreign country's code is said.
    pub(super) plus: Box<str>,
    /// The word before the digits of an extension.
    pub(super) extension: Box<str>,
    /// How fast it is spoken.
    pub(super) pace: Pace,
    /// Whether groups of two digits of a phone number are said as one number.
    pub(super) phone_pairs: bool,
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
    /// Of each of [`Document::ALL`] the parts that are timed, as plain words.
    timed: Box<[Timed]>,
}

/// The parts of a document that are timed; `None` where it has no such part.
#[derive(Debug)]
struct Timed {
    facts: Option<Box<[Piece]>>,
    question: Option<Box<[Piece]>>,
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
        let told = |what: Wrong| LanguageProblem {
            file: format!("{name}.toml"),
            what,
        };
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

    /// The words of a part of a document.
    pub(super) fn part(&self, document: Document, part: DocumentPart) -> Option<&[Piece]> {
        let timed = self.timed.get(document.index())?;
        match part {
            DocumentPart::Facts => timed.facts.as_deref(),
            DocumentPart::Question => timed.question.as_deref(),
        }
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
    pub(super) fn hello(&self, hour: Option<u8>) -> &str {
        const NOON: u8 = 12;
        let hour = usize::from(hour.unwrap_or(NOON));
        self.hello.get(hour).map_or("", |words| words)
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
        templates: &Templates,
        schema: &Schema,
        numerals: &Numerals,
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
        let spellout = numerals.of(&self.tag, locale);
        let calendar = keep(&mut wrong, Calendar::new(locale, &self.day, spellout));
        let (party, party_echo) = calendar
            .as_ref()
            .map(|calendar| self.party(calendar, spellout, &mut wrong))
            .unwrap_or_default();
        let hello = keep(&mut wrong, time_saying::by_hour(&self.hello)).unwrap_or_default();
        let messages = self.messages(&mut wrong);
        let speech_matcher = SpeechMatcher::new(&self.speech, schema)
            .map_err(|more| wrong.extend(more))
            .unwrap_or_default();
        let attributes = speech_matcher.input();
        let words = Words {
            voice: &self.voice,
            language: &self.tag,
            input: &attributes,
            listening: (input == InputMode::KeysAndSpeech).then_some(&templates.listening),
            messages: &messages,
        };
        let templates = &templates.documents;
        let fill =
            |template: &Template, target| words.fill(template, target).map(Vec::into_boxed_slice);
        let documents: Result<_, Wrong> = templates
            .iter()
            .map(|template| fill(template, Target::Twiml))
            .collect();
        let documents = keep(&mut wrong, documents);
        let part = |template: &Template, part| {
            let part = template.part(part);
            part.map(|part| fill(&part, Target::Transcript)).transpose()
        };
        let timed: Result<_, Wrong> = templates
            .iter()
            .map(|template| {
                Ok(Timed {
                    facts: part(template, DocumentPart::Facts)?,
                    question: part(template, DocumentPart::Question)?,
                })
            })
            .collect();
        let timed = keep(&mut wrong, timed);
        let ask = templates
            .get(Document::Ask.index())
            .ok_or(Wrong::MissingDocument);
        let script = keep(
            &mut wrong,
            ask.and_then(|template| fill(template, Target::Transcript)),
        );
        let time = TimeSaying::new(&self.time, spellout)
            .map_err(|more| wrong.extend(more))
            .ok();
        let spelling = Spelling::new(&self.spelling)
            .map_err(|more| wrong.extend(more))
            .ok();
        let sample = self.messages.get("greeting").map_or("", String::as_str);
        let pace = Pace::new(self.pace, sample);
        let prepared = (language, calendar, documents, script, timed, time, spelling);
        let (
            Some(language),
            Some(calendar),
            Some(documents),
            Some(script),
            Some(timed),
            Some(time),
            Some(spelling),
        ) = prepared
        else {
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let plus = self.plus.into();
        let extension = self.extension.into();
        let (voice, tag) = (spoken::escape(&self.voice), spoken::escape(&self.tag));
        let say = format!(r#"<Say voice="{voice}" language="{tag}">"#).into();
        Ok(LanguagePack {
            language,
            countries,
            prefixes,
            calendar,
            time,
            spelling,
            say,
            speech_matcher,
            plus,
            extension,
            phone_pairs: self.phone_pairs,
            hello,
            pace,
            party,
            party_echo,
            documents,
            script,
            timed,
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

    /// The phrases for 0 to 99 people, and the digits that are said after them.
    fn party(
        &self,
        calendar: &Calendar,
        spellout: Spellout<'_>,
        wrong: &mut Vec<Wrong>,
    ) -> (PerCount, PerCount) {
        let used: Vec<&str> = calendar.categories().map(category_name).collect();
        let forms = &self.party.forms;
        let unused = forms.keys().filter(|name| !used.contains(&name.as_str()));
        wrong.extend(unused.map(|name| Wrong::UnknownPlural(name.clone())));
        let missing = used.iter().filter(|name| !forms.contains_key(**name));
        wrong.extend(missing.map(|name| Wrong::MissingPlural(name)));
        let say = |text: &str, count: usize| counted(text, count, spellout);
        let form = |count: usize| {
            let category = calendar.category(u8::try_from(count).unwrap_or(u8::MAX));
            let text = forms
                .get(category_name(category))
                .map_or("", String::as_str);
            say(text, count)
        };
        let echo = |count: usize| match &self.party.echo {
            Some(text) if count > 9 => say(text, count),
            Some(_) | None => Ok(Box::default()),
        };
        let all = |words: &dyn Fn(usize) -> Result<Box<str>, Wrong>| {
            (0..COUNT).map(words).collect::<Result<Box<[_]>, _>>()
        };
        let said = keep(wrong, all(&form)).unwrap_or_default();
        (said, keep(wrong, all(&echo)).unwrap_or_default())
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
            let says = |wanted: &Variable| {
                pieces.iter().any(|piece| match piece {
                    Piece::Value(variable) => variable.says(*wanted),
                    Piece::Text(_) | Piece::Pause(_) | Piece::When { .. } => false,
                })
            };
            let lacking = spec.must.iter().filter(|variable| !says(variable));
            wrong.extend(
                lacking
                    .map(|variable| Wrong::MissingVariable(spec.name.to_owned(), variable.name())),
            );
            let _message = messages.insert(spec.name, pieces);
        }
        messages
    }
}

/// Puts a number into a text: `{count}` in digits, `{count:RULE}` in words, `{digits:RULE}` digit by
/// digit.
fn counted(text: &str, count: usize, spellout: Spellout<'_>) -> Result<Box<str>, Wrong> {
    let mut said = String::new();
    for part in phrase::split(text)? {
        let inside = match part {
            Part::Text(text) => {
                said.push_str(text);
                continue;
            }
            Part::Brace(inside) => inside,
        };
        let (name, rule) = match inside.split_once(':') {
            Some((name, rule)) => (name, Some(rule)),
            None => (inside, None),
        };
        said.push_str(&match name {
            "count" => spellout.number(count, rule)?,
            "digits" => spellout.digits(count, rule)?,
            _ => {
                return Err(Wrong::UnknownVariable(
                    "party".to_owned(),
                    inside.to_owned(),
                ));
            }
        });
    }
    Ok(said.into())
}
