//! A file of words, checked and prepared for speaking.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{LanguagePack, PerCount, Templates};
use crate::domain::Language;
use crate::speech::calendar::{DaySayings, SpokenCalendar, category_name};
use crate::speech::document::{Document, FillTarget, Words};
use crate::speech::estimate::Pace;
use crate::speech::message::MESSAGES;
use crate::speech::numerals::{COUNT, Numerals, Spellout};
use crate::speech::phrase::{Part, Piece, Variable};
use crate::speech::problem::Wrong;
use crate::speech::schema::Schema;
use crate::speech::speech_matcher::{Sentences, SpeechMatcher};
use crate::speech::spelling::{Spelling, SpellingFile};
use crate::speech::template::Template;
use crate::speech::time_saying::{Sayings, TimeSaying};
use crate::speech::{InputMode, message, phrase, spoken, time_saying};

/// A language file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageFile {
    tag: String,
    /// The locale of CLDR, where it is not the tag (`cmn-CN` is `zh-CN` there).
    cldr: Option<String>,
    voice: String,
    /// Read by [`crate::speech::places::Places`].
    #[serde(rename = "countries")]
    _countries: IgnoredAny,
    #[serde(default, rename = "prefixes")]
    _prefixes: IgnoredAny,
    plus: String,
    /// The word before the digits of an extension.
    extension: String,
    /// Milliseconds that a voice takes for a letter, or for a character.
    pace: u32,
    /// Groups of two digits of a phone number are said as one number.
    #[serde(default)]
    phone_pairs: bool,
    /// "De" loses its vowel before a name that begins with one.
    #[serde(default)]
    elision: bool,
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

/// `[party]` of a language file.
#[derive(Debug, Deserialize)]
struct PartySayings {
    /// Added to a number of two digits: `{digits:RULE}` says them one by one.
    echo: Option<String>,
    /// By category of CLDR's plurals, with `{count}` or `{count:RULE}`.
    #[serde(flatten)]
    forms: BTreeMap<String, String>,
}

/// Keeps a value, or notes what is wrong.
fn keep<T>(wrong: &mut Vec<Wrong>, result: Result<T, Wrong>) -> Option<T> {
    result.map_err(|error| wrong.push(error)).ok()
}

/// The same for one in which several things may be wrong.
fn keep_all<T>(wrong: &mut Vec<Wrong>, result: Result<T, Vec<Wrong>>) -> Option<T> {
    result.map_err(|errors| wrong.extend(errors)).ok()
}

impl LanguageFile {
    pub(super) fn prepare(
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
        let locale = self.cldr.as_deref().unwrap_or(&self.tag);
        let spellout = numerals.of(&self.tag, locale);
        let calendar = keep(&mut wrong, SpokenCalendar::new(locale, &self.day, spellout));
        let (party, party_echo) = calendar
            .as_ref()
            .map(|calendar| self.party(calendar, spellout, &mut wrong))
            .unwrap_or_default();
        let hello = keep(&mut wrong, time_saying::by_hour(&self.hello)).unwrap_or_default();
        let messages = self.messages(&mut wrong);
        let speech_matcher = SpeechMatcher::new(&self.speech, schema);
        let speech_matcher = keep_all(&mut wrong, speech_matcher).unwrap_or_default();
        let attributes = speech_matcher.input();
        let sample = self.messages.get("greeting").map_or("", String::as_str);
        let pace = Pace::new(self.pace, sample);
        let words = Words {
            voice: &self.voice,
            language: &self.tag,
            pace,
            input: &attributes,
            listening: (input == InputMode::KeysAndSpeech).then_some(&templates.listening),
            messages: &messages,
        };
        let documents = keep(&mut wrong, documents(&words, &templates.documents));
        let script = keep(&mut wrong, script(&words, &templates.documents));
        let time = keep_all(&mut wrong, TimeSaying::new(&self.time, spellout));
        let spelling = keep_all(&mut wrong, Spelling::new(&self.spelling));
        let say = self.say_tag();
        let pack = || {
            Some(LanguagePack {
                language: language?,
                calendar: calendar?,
                time: time?,
                spelling: spelling?,
                say,
                speech_matcher,
                plus: self.plus.into(),
                extension: self.extension.into(),
                phone_pairs: self.phone_pairs,
                elision: self.elision,
                hello,
                pace,
                party,
                party_echo,
                documents: documents?,
                script: script?,
            })
        };
        match pack() {
            Some(pack) if wrong.is_empty() => Ok(pack),
            Some(_) | None => Err(wrong),
        }
    }

    /// The tag that opens what the voice says.
    fn say_tag(&self) -> Box<str> {
        let (voice, tag) = (spoken::escape(&self.voice), spoken::escape(&self.tag));
        format!(r#"<Say voice="{voice}" language="{tag}">"#).into()
    }

    fn language(&self, name: &str) -> Result<Language, Wrong> {
        let language: Language = self.tag.parse().map_err(|_| Wrong::Tag)?;
        if language.as_str() == self.tag && self.tag == name {
            Ok(language)
        } else {
            Err(Wrong::Tag)
        }
    }

    /// The phrases for 0 to 99 people, and the digits that are said after them.
    fn party(
        &self,
        calendar: &SpokenCalendar,
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
                    Piece::Text { .. } | Piece::When { .. } | Piece::End(_) => false,
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

/// The documents with the words of a language.
fn documents(words: &Words<'_>, templates: &[Template]) -> Result<Box<[Box<[Piece]>]>, Wrong> {
    let fill = |template| words.fill(template, FillTarget::Twiml);
    templates
        .iter()
        .map(|template| fill(template).map(Vec::into_boxed_slice))
        .collect()
}

/// What the first document says, without its tags.
fn script(words: &Words<'_>, templates: &[Template]) -> Result<Box<[Piece]>, Wrong> {
    let ask = templates.get(Document::Ask.index());
    let ask = ask.ok_or(Wrong::MissingDocument)?;
    let said = words.fill(ask, FillTarget::Transcript)?;
    Ok(said.into_boxed_slice())
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
