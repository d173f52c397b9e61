//! A document of `twiml/` as the template of its messages.

use super::estimate::DocumentPart;
use super::phrase::{Part as TextPart, Variable};
use super::problem::Wrong;
use super::{message, phrase};

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
    /// Here a part ends.
    End(DocumentPart),
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
        if let Some(last) = nodes.iter().rposition(Node::says_facts) {
            nodes.insert(last + 1, Node::End(DocumentPart::Facts));
        }
        Ok(Self(nodes))
    }

    /// The messages it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|node| match node {
            Node::Tag(_) | Node::Words | Node::End(_) => None,
            Node::Message { name, .. } => Some(name.as_str()),
        })
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
            TextPart::Brace(WORDS) => {
                nodes.extend([Node::End(DocumentPart::Question), Node::Words]);
            }
            TextPart::Brace(inside) => {
                let (name, pause) = inside
                    .split_once('|')
                    .map_or((inside, None), |(name, pause)| (name, Some(pause)));
                if message::named(name).is_none() {
                    return Err(Wrong::UnknownMessage(name.to_owned()));
                }
                let pause = pause.map(read_pause).transpose()?;
                nodes.push(Node::Message {
                    name: name.to_owned(),
                    pause,
                });
            }
        }
    }
    Ok(())
}

/// Reads a pause as it is written in documents.
///
/// # Errors
/// Not of the form `300ms`, or longer than two seconds.
fn read_pause(text: &str) -> Result<u16, Wrong> {
    let read = text
        .strip_suffix("ms")
        .and_then(|number| number.parse().ok());
    read.filter(|ms| *ms <= 2_000)
        .ok_or_else(|| Wrong::Pause(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_milliseconds() {
        assert_eq!(read_pause("300ms"), Ok(300));
        for text in ["300", "1s", "-5ms", "2001ms", "ms", ""] {
            assert_eq!(read_pause(text), Err(Wrong::Pause(text.into())));
        }
    }
}
