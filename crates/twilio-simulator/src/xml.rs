//! XML 1.0 into a small tree, bounded in size and depth, refusing what Twilio refuses. It knows no
//! verb.

use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// Nothing that Twilio runs is nested deeper.
const DEPTH: usize = 32;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<XmlNode>,
}

/// A child of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum XmlNode {
    Element(Element),
    Text(String),
}

/// A text that is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    /// Says where and what, for a person to read.
    #[error("Error on line {line} of document: {what}")]
    NotWellFormed { line: usize, what: String },
    #[error("The XML version is not 1.0")]
    Version,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Element {
    /// Writes the element with everything in it on one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(formatter, " {name}=\"{}\"", escape(value))?;
        }
        if self.children.is_empty() {
            return formatter.write_str("/>");
        }
        formatter.write_str(">")?;
        for child in &self.children {
            match child {
                XmlNode::Element(element) => element.fmt(formatter)?,
                XmlNode::Text(text) => formatter.write_str(&escape(text))?,
            }
        }
        write!(formatter, "</{}>", self.name)
    }
}

/// Reads the one root element of `text`.
pub(super) fn read(text: &str) -> Result<Element, XmlError> {
    let fault = |at: usize, what: &str| {
        let before = text.get(..at.min(text.len())).unwrap_or(text);
        XmlError::NotWellFormed {
            line: before.matches('\n').count() + 1,
            what: what.to_owned(),
        }
    };
    if let Some((at, _)) = text
        .char_indices()
        .find(|(_, character)| !is_allowed(*character))
    {
        return Err(fault(at, "An invalid XML character was found"));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader
            .read_event()
            .map_err(|cause| fault(at, &cause.to_string()))?;
        if let Event::Decl(declaration) = &event {
            if at != 0 {
                return Err(fault(at, "Content is not allowed in prolog"));
            }
            if declaration.version().ok().as_deref() != Some("1.0") {
                return Err(XmlError::Version);
            }
        }
        if matches!(event, Event::Eof) {
            return tree.finish().map_err(|what| fault(at, what));
        }
        tree.take(event).map_err(|what| fault(at, what))?;
    }
}

/// Returns whether XML 1.0 allows the character; quick-xml does not ask.
pub(super) const fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
        && character != '\u{FEFF}'
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Start(start) => self.start(&start),
            Event::Empty(start) => {
                self.start(&start)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(data) if self.open.is_empty() => {
                drop(data);
                Err("Content is not allowed outside the root element")
            }
            Event::CData(data) => self.text(&data.xml10_content()),
            Event::GeneralRef(reference) => self.text(&resolve(&reference)?),
            Event::DocType(_) => Err("A document type is not allowed"),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), &'static str> {
        if self.open.len() == DEPTH {
            return Err("The document is nested too deeply");
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err("There is more than one root element");
        }
        self.open.push(element(start)?);
        Ok(())
    }

    fn end(&mut self) -> Result<(), &'static str> {
        let closed = self
            .open
            .pop()
            .ok_or("An element is closed that was not opened")?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(XmlNode::Element(closed)),
            None => self.root = Some(closed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        match self.open.last_mut() {
            Some(parent) => {
                if let Some(XmlNode::Text(before)) = parent.children.last_mut() {
                    before.push_str(text);
                } else {
                    parent.children.push(XmlNode::Text(text.to_owned()));
                }
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err("Content is not allowed outside the root element"),
        }
    }

    fn finish(self) -> Result<Element, &'static str> {
        if !self.open.is_empty() {
            return Err("The document ends inside an element");
        }
        self.root.ok_or("The document is empty")
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, &'static str> {
    let name = name(start.name().into_inner())?;
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "An attribute is not well-formed")?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|_| "An attribute has a broken entity")?;
        if value.chars().any(|character| !is_allowed(character)) || attribute.value.contains('<') {
            return Err("An attribute has a character that is not allowed");
        }
        attributes.push((self::name(attribute.key.into_inner())?, value.into_owned()));
    }
    Ok(Element {
        name,
        attributes,
        children: Vec::new(),
    })
}

fn name(name: &str) -> Result<String, &'static str> {
    let starts =
        name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | ':'));
    let fits = name
        .chars()
        .all(|part| part.is_alphanumeric() || matches!(part, '_' | ':' | '-' | '.' | '·'));
    (starts && fits)
        .then(|| name.to_owned())
        .ok_or("A name is not well-formed")
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, &'static str> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten();
        return character
            .filter(|it| is_allowed(*it))
            .map(String::from)
            .ok_or("A character reference is not allowed");
    }
    let known = quick_xml::escape::resolve_predefined_entity(&reference.xml10_content());
    known.map(str::to_owned).ok_or("An entity is not declared")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_entities_and_attributes_are_read() {
        let root = read("<?xml version=\"1.0\"?><a b='1 &amp; 2'>x &lt;&#65;<!-- c --><c/></a>\n")
            .unwrap();
        assert_eq!(root.attribute("b"), Some("1 & 2"));
        assert_eq!(
            root.children.first(),
            Some(&XmlNode::Text("x <A".to_owned()))
        );
    }

    #[test]
    fn what_twilio_cannot_parse_is_refused() {
        for text in [
            "",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "x<a/>",
            "<a>\u{8}</a>",
            "<a>&#0;</a>",
            "<a>&nbsp;</a>",
            "<a b=1/>",
            "<a b='1' b='2'/>",
            " <?xml version='1.0'?><a/>",
            "\u{feff}<a/>",
            "<!DOCTYPE a><a/>",
            "<a b='<'/>",
            "<a>&</a>",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(read("<?xml version='1.1'?><a/>"), Err(XmlError::Version));
        assert!(read(&"<a>".repeat(1_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".*") {
            drop(read(&text));
        }

        #[test]
        fn no_markup_makes_the_reader_panic(parts in proptest::collection::vec("[<>/a!?&;#'\"= \\[\\]-]{0,4}|Say|<Gather", 0..24)) {
            drop(read(&parts.concat()));
        }
    }
}
