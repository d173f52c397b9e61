//! The documents of `twiml/`: which there are, and how they are taken apart and filled with a
//! language's messages.

use std::collections::BTreeMap;

use super::message::{self, Condition};
use super::phrase::{self, Part as TextPart, Piece, Variable};
use super::problem::Wrong;
use super::{estimate, spoken};
use crate::call::talk::{Opening, Reply};

/// A shape of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Ask,
    AskAgain,
    AskSlowly,
    Keys,
    BeSure,
    BeSureAt,
    Decided,
    DecidedGoodbye,
    AskTime,
    CheckTime,
    AskNoMoreCalls,
    Goodbye,
    Apology,
    HangUp,
    Voicemail,
    Inbound,
    InboundCalled,
    InboundOffer,
}

impl Document {
    pub(super) const ALL: [Self; 18] = [
        Self::Ask,
        Self::AskAgain,
        Self::AskSlowly,
        Self::Keys,
        Self::BeSure,
        Self::BeSureAt,
        Self::Decided,
        Self::DecidedGoodbye,
        Self::AskTime,
        Self::CheckTime,
        Self::AskNoMoreCalls,
        Self::Goodbye,
        Self::Apology,
        Self::HangUp,
        Self::Voicemail,
        Self::Inbound,
        Self::InboundCalled,
        Self::InboundOffer,
    ];

    /// The document that says a reply.
    pub(super) const fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Ask { slowly: true, .. } => Self::AskSlowly,
            Reply::Ask {
                opening: Opening::First,
                ..
            } => Self::Ask,
            Reply::Ask {
                opening: Opening::Again,
                ..
            } => Self::AskAgain,
            Reply::Keys { .. } => Self::Keys,
            Reply::BeSure { time: None, .. } => Self::BeSure,
            Reply::BeSure { time: Some(_), .. } => Self::BeSureAt,
            Reply::Decided {
                listen: Some(_), ..
            } => Self::Decided,
            Reply::Decided { listen: None, .. } => Self::DecidedGoodbye,
            Reply::AskTime { .. } => Self::AskTime,
            Reply::CheckTime { .. } => Self::CheckTime,
            Reply::AskOptOut { .. } => Self::AskNoMoreCalls,
            Reply::Called { .. } => Self::InboundCalled,
            Reply::Offer { .. } => Self::InboundOffer,
            Reply::Goodbye(_) => Self::Goodbye,
            Reply::Apology(_) => Self::Apology,
            Reply::HangUp => Self::HangUp,
        }
    }

    /// The name of its file.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::AskAgain => "ask_again",
            Self::AskSlowly => "ask_slowly",
            Self::Keys => "keys",
            Self::BeSure => "be_sure",
            Self::BeSureAt => "be_sure_at",
            Self::Decided => "decided",
            Self::DecidedGoodbye => "decided_goodbye",
            Self::AskTime => "ask_time",
            Self::CheckTime => "check_time",
            Self::AskNoMoreCalls => "ask_no_more_calls",
            Self::Goodbye => "goodbye",
            Self::Apology => "apology",
            Self::HangUp => "hang_up",
            Self::Voicemail => "voicemail",
            Self::Inbound => "inbound",
            Self::InboundCalled => "inbound_called",
            Self::InboundOffer => "inbound_offer",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A part of a document, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentPart {
    /// Until day, time and party, or those of them that it says, are said.
    Facts,
    /// Until words are listened to.
    Question,
}

/// The name that stands for the Gather that listens to words, where words count.
const WORDS: &str = "words";

/// A document taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
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
    fn spoken<'a>(&'a self, words: Option<&'a Self>) -> impl Iterator<Item = &'a Node> {
        self.0.iter().flat_map(move |node| match (node, words) {
            (Node::Words, Some(words)) => words.0.as_slice(),
            (Node::Words, None) => &[][..],
            (node, _) => std::slice::from_ref(node),
        })
    }
}

impl Node {
    /// Whether it is a message with a fact of the reservation.
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

fn messages(text: &str, nodes: &mut Vec<Node>) -> Result<(), Wrong> {
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

/// A language's words for filling documents.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) voice: &'a str,
    pub(super) language: &'a str,
    /// The attributes by which a Gather listens to words.
    pub(super) input: &'a str,
    /// The Gather that listens to words; `None` where only keys count.
    pub(super) listening: Option<&'a Template>,
    pub(super) messages: &'a BTreeMap<&'static str, Vec<Piece>>,
}

/// The result of filling a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// TwiML, with escaped text.
    Twiml,
    /// The words and the pauses alone.
    Transcript,
}

impl Words<'_> {
    /// Fills a document.
    ///
    /// # Errors
    /// A variable in a tag that cannot be used there.
    pub(super) fn fill(&self, template: &Template, target: Target) -> Result<Vec<Piece>, Wrong> {
        let mut program = Program::default();
        for node in template.spoken(self.listening) {
            match node {
                Node::Words => {}
                Node::Tag(tag) if target == Target::Twiml => {
                    program.extend(self.tag(tag)?, Condition::Always);
                }
                Node::Tag(_) => {}
                Node::Message { name, pause } => {
                    let condition =
                        message::named(name).map_or(Condition::Always, |spec| spec.when);
                    let said = self
                        .messages
                        .get(name.as_str())
                        .map_or(&[][..], Vec::as_slice);
                    program.extend(spaced(said, *pause, target), condition);
                }
            }
        }
        Ok(program.pieces)
    }

    const fn unless_spoken<'a>(&self, spoken: &'a str, keys: &'a str) -> &'a str {
        if self.listening.is_some() {
            spoken
        } else {
            keys
        }
    }

    fn tag(&self, tag: &str) -> Result<Vec<Piece>, Wrong> {
        let piece = |part: TextPart<'_>| {
            Ok(match part {
                TextPart::Text(text) => Piece::Text(text.into()),
                TextPart::Brace("voice") => Piece::Text(spoken::escape(self.voice).into()),
                TextPart::Brace("language") => Piece::Text(spoken::escape(self.language).into()),
                TextPart::Brace("input") => Piece::Text(self.input.into()),
                // Keys alone are waited for until the end; where words count, the Gather that
                // listens to them follows after a second.
                TextPart::Brace("patience") => Piece::Text(self.unless_spoken("1", "8").into()),
                TextPart::Brace("last") => Piece::Text(self.unless_spoken("false", "true").into()),
                TextPart::Brace("action") => Piece::Value(Variable::Action),
                TextPart::Brace(other) => {
                    return Err(Wrong::UnknownVariable(tag.to_owned(), other.to_owned()));
                }
            })
        };
        phrase::split(tag)?.into_iter().map(piece).collect()
    }
}

/// A message, its pause, and a space before the next one.
fn spaced(said: &[Piece], pause: Option<u16>, target: Target) -> Vec<Piece> {
    let text = |piece: &Piece| match (piece, target) {
        (Piece::Text(text), Target::Twiml) => Piece::Text(spoken::escape(text).into()),
        (piece, _) => piece.clone(),
    };
    let mut pieces: Vec<Piece> = said.iter().map(text).collect();
    match (pause, target) {
        (Some(ms), Target::Twiml) => {
            pieces.push(Piece::Text(format!(r#"<break time="{ms}ms"/>"#).into()));
        }
        (Some(ms), Target::Transcript) => pieces.push(Piece::Pause(ms)),
        (None, _) => {}
    }
    pieces.push(Piece::Text(" ".into()));
    pieces
}

/// Pieces in the making: neighbouring texts become one, as few pieces as possible are left for each
/// call.
#[derive(Default)]
struct Program {
    pieces: Vec<Piece>,
    /// Pieces before this one belong to a condition and must not grow.
    fence: usize,
}

impl Program {
    fn extend(&mut self, pieces: Vec<Piece>, condition: Condition) {
        if condition == Condition::Always {
            pieces.into_iter().for_each(|piece| self.push(piece));
            return;
        }
        let mut inner = Self::default();
        pieces.into_iter().for_each(|piece| inner.push(piece));
        self.pieces.push(Piece::When {
            condition,
            pieces: inner.pieces.len(),
        });
        self.pieces.append(&mut inner.pieces);
        self.fence = self.pieces.len();
    }

    fn push(&mut self, piece: Piece) {
        let free = self.pieces.len() > self.fence;
        match (self.pieces.last_mut().filter(|_| free), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => {
                let end = if text.starts_with("</") {
                    before.trim_end()
                } else {
                    &**before
                };
                *before = format!("{end}{text}").into();
            }
            (_, piece) => self.pieces.push(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shape_alone() {
        let read = |text: &str| Template::parse(text).unwrap_err();
        assert_eq!(
            read("<Say>Hello</Say>"),
            Wrong::WordsInDocument("Hello".into())
        );
        assert_eq!(
            read("<Say>{hello}</Say>"),
            Wrong::UnknownMessage("hello".into())
        );
        assert_eq!(
            read("<Say>{goodbye|soon}</Say>"),
            Wrong::Pause("soon".into())
        );
        assert_eq!(read("<Say"), Wrong::Unreadable("no end of <Say".into()));
        assert_eq!(
            read("<!-- no end"),
            Wrong::Unreadable("no end of <!-- no end".into())
        );
    }

    #[test]
    fn documents_are_filled_with_messages_and_keep_no_white_space_of_their_own() {
        let template = Template::parse(
            "<!-- a -->\n<Say\n voice=\"{voice}\">\n {thanks|200ms}\n {goodbye}</Say>",
        )
        .unwrap();
        let said = |text: &str| vec![Piece::Text(text.into())];
        let messages =
            BTreeMap::from([("thanks", said("Thanks & so.")), ("goodbye", said("Bye."))]);
        let words = Words {
            voice: "V",
            language: "L",
            input: "dtmf",
            listening: None,
            messages: &messages,
        };
        let text = |text: &str| Piece::Text(text.into());
        let thanks = Piece::When {
            condition: Condition::Thanks,
            pieces: 1,
        };
        assert_eq!(
            words.fill(&template, Target::Twiml).unwrap(),
            [
                text("<Say voice=\"V\">"),
                thanks,
                text("Thanks &amp; so.<break time=\"200ms\"/> "),
                text("Bye.</Say>")
            ]
        );
        let thanks = Piece::When {
            condition: Condition::Thanks,
            pieces: 3,
        };
        assert_eq!(
            words.fill(&template, Target::Transcript).unwrap(),
            [
                thanks,
                text("Thanks & so."),
                Piece::Pause(200),
                text(" "),
                text("Bye. ")
            ]
        );
    }
}
