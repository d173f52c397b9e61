//! The rules of TwiML, and a reader that holds documents against them.
//!
//! The same check is made at start and in tests; it is never made on the way of a call.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde::Deserialize;

use super::spoken;

/// The largest document Twilio takes (docs/twilio.md, *TwiML*).
const MOST_BYTES: usize = 64 * 1024;
/// The most characters of one `Say` (docs/twilio.md, *Say*).
const MOST_SAID: usize = 3_000;

/// A rule of TwiML that a document breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwimlFault {
    /// Not well-formed.
    #[error("is not well-formed XML: {0}")]
    Xml(String),
    /// A character that XML 1.0 does not allow.
    #[error("has a character that XML does not allow: {0:?}")]
    Character(char),
    /// The outermost element is not `Response`, or there are several.
    #[error("must be one <Response>")]
    Root,
    /// An element where it cannot be.
    #[error("<{0}> cannot stand in <{1}>")]
    Nesting(String, String),
    /// Text where none can be.
    #[error("<{0}> cannot hold text")]
    Text(String),
    /// An attribute that the element does not have.
    #[error("<{0}> has no attribute `{1}`")]
    Attribute(String, String),
    /// A value that the attribute does not take.
    #[error("<{0}> does not take {1}=\"{2}\"")]
    Value(String, String, String),
    /// A Gather that would ask for the same document again (docs/twilio.md, *Gather*).
    #[error("<Gather> needs an action")]
    NoAction,
    /// A voice that does not speak the language.
    #[error("the voice `{0}` does not speak `{1}`")]
    Voice(String, String),
    /// Too long for one Say.
    #[error("<Say> has {0} characters; it may have 3000")]
    LongSay(usize),
    /// Too long for Twilio.
    #[error("has {0} bytes; it may have 65536")]
    Long(usize),
}

/// The known elements, and what they may hold.
#[derive(Debug, Deserialize)]
pub(super) struct Schema {
    elements: BTreeMap<String, SchemaElement>,
    enums: BTreeMap<String, Vec<String>>,
    #[serde(skip)]
    voices: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct SchemaElement {
    children: Vec<String>,
    attributes: BTreeMap<String, String>,
    text: bool,
}

impl Schema {
    /// Reads the tables that lie beside this file.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        let mut schema: Self = serde_json::from_str(include_str!("twiml_schema.json"))?;
        schema.voices = serde_json::from_str(include_str!("voices.json"))?;
        Ok(schema)
    }

    /// Returns whether a voice speaks a language.
    pub(super) fn speaks(&self, voice: &str, language: &str) -> bool {
        self.voices
            .get(language)
            .is_some_and(|voices| voices.iter().any(|known| known == voice))
    }

    /// Returns whether Twilio can listen to a language: its codes differ from those it speaks
    /// (docs/twilio.md, *Gather*).
    pub(super) fn hears(&self, language: &str) -> bool {
        self.enums
            .get("GatherLanguage")
            .is_some_and(|known| known.iter().any(|tag| tag == language))
    }

    /// Holds a document against every rule.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(super) fn check(&self, document: &str) -> Result<(), TwimlFault> {
        if document.len() > MOST_BYTES {
            return Err(TwimlFault::Long(document.len()));
        }
        if let Some(c) = document.chars().find(|c| !spoken::is_xml(*c)) {
            return Err(TwimlFault::Character(c));
        }
        let mut walk = Walk {
            schema: self,
            open: Vec::new(),
            roots: 0,
            said: 0,
        };
        let mut reader = Reader::from_str(document);
        reader.config_mut().enable_all_checks(true);
        loop {
            match reader
                .read_event()
                .map_err(|error| TwimlFault::Xml(error.to_string()))?
            {
                Event::Start(start) => {
                    walk.enter(&start)?;
                    walk.open.push(start.name().as_ref().to_owned());
                }
                Event::Empty(start) => walk.enter(&start)?,
                Event::End(_) => {
                    let _closed = walk.open.pop();
                }
                Event::Text(text) => walk.text(&text.into_inner())?,
                Event::GeneralRef(reference) => walk.reference(&reference.into_inner())?,
                Event::Comment(_) => {}
                Event::Eof => {
                    return if walk.open.is_empty() && walk.roots == 1 {
                        Ok(())
                    } else {
                        Err(TwimlFault::Root)
                    };
                }
                Event::CData(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                    return Err(TwimlFault::Xml(
                        "only elements and text are sent".to_owned(),
                    ));
                }
            }
        }
    }
}

/// Place of the check in a document.
struct Walk<'a> {
    schema: &'a Schema,
    open: Vec<String>,
    roots: usize,
    said: usize,
}

impl Walk<'_> {
    fn element(&self, name: &str) -> Option<&SchemaElement> {
        self.schema.elements.get(name)
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Result<(), TwimlFault> {
        let name = start.name().as_ref().to_owned();
        match self.open.last() {
            None if name == "Response" => self.roots += 1,
            None => return Err(TwimlFault::Root),
            Some(parent) => {
                let fits = self
                    .element(parent)
                    .is_some_and(|element| element.children.contains(&name));
                if !fits {
                    return Err(TwimlFault::Nesting(name, parent.clone()));
                }
            }
        }
        if name == "Say" {
            self.said = 0;
        }
        let attributes = self.attributes(start, &name)?;
        let get = |wanted: &str| {
            attributes
                .get(wanted)
                .map(String::as_str)
                .unwrap_or_default()
        };
        if name == "Gather" && get("action").is_empty() {
            return Err(TwimlFault::NoAction);
        }
        if name == "Say" && !self.schema.speaks(get("voice"), get("language")) {
            return Err(TwimlFault::Voice(
                get("voice").to_owned(),
                get("language").to_owned(),
            ));
        }
        Ok(())
    }

    fn attributes(
        &self,
        start: &BytesStart<'_>,
        name: &str,
    ) -> Result<BTreeMap<String, String>, TwimlFault> {
        let mut found = BTreeMap::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| TwimlFault::Xml(error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| TwimlFault::Xml(error.to_string()))?;
            let key = attribute.key.as_ref().to_owned();
            let known = self
                .element(name)
                .and_then(|element| element.attributes.get(&key));
            let Some(kind) = known else {
                return Err(TwimlFault::Attribute(name.to_owned(), key));
            };
            if !self.takes(kind, &value) {
                return Err(TwimlFault::Value(name.to_owned(), key, value.into_owned()));
            }
            let _previous = found.insert(key, value.into_owned());
        }
        Ok(found)
    }

    fn takes(&self, kind: &str, value: &str) -> bool {
        match kind {
            "string" => true,
            "number" => value.parse::<u32>().is_ok(),
            "boolean" => matches!(value, "true" | "false"),
            kind => {
                let known = self.schema.enums.get(kind.trim_end_matches("[]"));
                let one =
                    |word: &str| known.is_none_or(|words| words.iter().any(|known| known == word));
                if kind.ends_with("[]") {
                    value.split(' ').all(one)
                } else {
                    one(value)
                }
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), TwimlFault> {
        let blank = text.trim_ascii().is_empty();
        match self.open.last() {
            None if !blank => Err(TwimlFault::Root),
            Some(name) if !blank && !self.element(name).is_some_and(|element| element.text) => {
                Err(TwimlFault::Text(name.clone()))
            }
            None | Some(_) => self.count(text.chars().count()),
        }
    }

    fn reference(&mut self, name: &str) -> Result<(), TwimlFault> {
        let known = matches!(name, "amp" | "lt" | "gt" | "quot" | "apos");
        if known {
            self.count(1)
        } else {
            Err(TwimlFault::Xml(format!("&{name}; is not known")))
        }
    }

    fn count(&mut self, characters: usize) -> Result<(), TwimlFault> {
        self.said += characters;
        if self.said > MOST_SAID {
            Err(TwimlFault::LongSay(self.said))
        } else {
            Ok(())
        }
    }
}
