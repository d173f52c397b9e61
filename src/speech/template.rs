//! A document of `twiml/` as the template of its messages.

use super::phrase::{Part as TextPart, Variable};
use super::problem::Wrong;
use super::{estimate, message, phrase};

/// The name that stands for the Gather that listens to words, where words count.
const WORDS: &str = "words";

/// A document taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A tag as it was written, on one line.
    Tag(String),
    /// A message by its name, and the silence after it in milliseconds.
    Message { name: String, pause: Option<u16> },
    /// Here words begin to be listened to.
    Words,
}

impl Template {
    /// Takes a file apart.
    ///
    /// # Errors
    /// Words of its own, unknown messages, pauses that are none.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let (mut nodes, mut rest) = (Vec::new(), text);
        while let Some((words, after)) = rest.split_once('<') {
            messages(words, &mut nodes)?;
            rest = if let Some(comment) = after.strip_prefix("!--") {
                comment
                    .split_once("-->")
                    .ok_or_else(|| unreadable(after))?
                    .1
            } else {
                let (tag, behind) = after.split_once('>').ok_or_else(|| unreadable(after))?;
                let tag: Vec<&str> = tag.split_whitespace().collect();
                // Words go on after an element inside Say; only those have names in small letters.
                let inside = tag.first().is_some_and(|name| {
                    name.starts_with('/') && !name.contains(char::is_uppercase)
                });
                nodes.push(Node::Tag(format!(
                    "<{}>{}",
                    tag.join(" "),
                    if inside { " " } else { "" }
                )));
                behind
            };
        }
        messages(rest, &mut nodes)?;
        Ok(Self(nodes))
    }

    /// The messages it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|node| match node {
            Node::Tag(_) | Node::Words => None,
            Node::Message { name, .. } => Some(name.as_str()),
        })
    }

    /// The messages of a part; `None` where the document has no such part.
    pub(super) fn part(&self, part: DocumentPart) -> Option<Self> {
        let end = match part {
            DocumentPart::Question => self.0.iter().position(|node| *node == Node::Words),
            DocumentPart::Facts => self
                .0
                .iter()
                .rposition(Node::says_facts)
                .map(|last| last + 1),
        };
        end.and_then(|end| self.0.get(..end))
            .map(|nodes| Self(nodes.to_vec()))
    }

    /// The template as it is where words count, with `words` at its place, or do not.
    pub(super) fn spoken<'a>(&'a self, words: Option<&'a Self>) -> impl Iterator<Item = &'a Node> {
        self.0.iter().flat_map(move |node| match (node, words) {
            (Node::Words, Some(words)) => words.0.as_slice(),
            (Node::Words, None) => &[][..],
            (node, _) => std::slice::from_ref(node),
        })
    }
}

impl Node {
    /// Returns whether it is a message with a fact of the reservation.
    fn says_facts(&self) -> bool {
        let Self::Message { name, .. } = self else {
            return false;
        };
        let facts = [
            Variable::Day,
            Variable::Time,
            Variable::NewTime,
            Variable::Party,
        ];
        message::named(name).is_some_and(|spec| facts.iter().any(|fact| spec.must.contains(fact)))
    }
}

fn unreadable(text: &str) -> Wrong {
    Wrong::Unreadable(format!(
        "no end of <{}",
        text.chars().take(20).collect::<String>()
    ))
}

pub(super) fn messages(text: &str, nodes: &mut Vec<Node>) -> Result<(), Wrong> {
    for part in phrase::split(text)? {
        match part {
            TextPart::Text(text) if text.trim().is_empty() => {}
            TextPart::Text(text) => return Err(Wrong::WordsInDocument(text.trim().to_owned())),
            TextPart::Brace(WORDS) => nodes.push(Node::Words),
            TextPart::Brace(inside) => {
                let (name, pause) = inside
                    .split_once('|')
                    .map_or((inside, None), |(name, pause)| (name, Some(pause)));
                if message::named(name).is_none() {
                    return Err(Wrong::UnknownMessage(name.to_owned()));
                }
                let pause = pause.map(estimate::pause).transpose()?;
                nodes.push(Node::Message {
                    name: name.to_owned(),
                    pause,
                });
            }
        }
    }
    Ok(())
}

/// A part of a document, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentPart {
    /// Until day, time and party, or those of them that it says, are said.
    Facts,
    /// Until words are listened to.
    Question,
}
