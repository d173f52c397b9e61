//! The documents of `twiml/`: which there are, and how they are taken apart and filled with a
//! language's messages.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::estimate::{Pace, SpokenLength};
use super::phrase::{Part as TextPart, Piece, Variable};
use super::problem::Wrong;
use super::template::{Node, Template};
use super::{message, phrase, spoken};
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
            Reply::CheckTime { time, .. } if time.is_same_day() => Self::CheckTime,
            // The day is said as well.
            Reply::CheckTime { .. } => Self::BeSureAt,
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

/// A language's words for filling documents.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) voice: &'a str,
    pub(super) language: &'a str,
    pub(super) pace: Pace,
    /// The attributes by which a Gather listens to words.
    pub(super) input: &'a str,
    /// The Gather that listens to words; `None` where only keys count.
    pub(super) listening: Option<&'a Template>,
    pub(super) messages: &'a BTreeMap<&'static str, Vec<Piece>>,
}

/// The result of filling a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FillTarget {
    /// TwiML, with escaped text.
    Twiml,
    /// The words alone.
    Transcript,
}

impl Words<'_> {
    /// Fills a document.
    ///
    /// # Errors
    /// A variable in a tag that cannot be used there.
    pub(super) fn fill(
        &self,
        template: &Template,
        target: FillTarget,
    ) -> Result<Vec<Piece>, Wrong> {
        let mut program = Program::default();
        for node in template.spoken(self.listening) {
            match node {
                Node::Words => {}
                Node::Tag(tag) if target == FillTarget::Twiml => {
                    program.extend(self.tag(tag)?, Condition::Always);
                }
                Node::Tag(_) => {}
                Node::End(part) => program.push(Piece::End(*part)),
                Node::Message { name, pause } => {
                    let condition =
                        message::named(name).map_or(Condition::Always, |spec| spec.when);
                    let said = self
                        .messages
                        .get(name.as_str())
                        .map_or(&[][..], Vec::as_slice);
                    program.extend(self.spaced(said, *pause, target), condition);
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
                TextPart::Text(text) => Piece::text(text),
                TextPart::Brace("voice") => Piece::text(spoken::escape(self.voice)),
                TextPart::Brace("language") => Piece::text(spoken::escape(self.language)),
                TextPart::Brace("input") => Piece::text(self.input),
                // Keys alone are waited for until the end; where words count, the Gather that
                // listens to them follows after a second.
                TextPart::Brace("patience") => Piece::text(self.unless_spoken("1", "8")),
                TextPart::Brace("last") => Piece::text(self.unless_spoken("false", "true")),
                TextPart::Brace("action") => Piece::Value(Variable::Action),
                TextPart::Brace(other) => {
                    return Err(Wrong::UnknownVariable(tag.to_owned(), other.to_owned()));
                }
            })
        };
        phrase::split(tag)?.into_iter().map(piece).collect()
    }

    /// A message, its pause, and a space before the next one.
    fn spaced(&self, said: &[Piece], pause: Option<u16>, target: FillTarget) -> Vec<Piece> {
        let counted = |piece: &Piece| {
            let Piece::Text { text, .. } = piece else {
                return piece.clone();
            };
            let length = SpokenLength {
                quarters: self.pace.quarters(text),
                silence: 0,
            };
            let text = match target {
                FillTarget::Twiml => spoken::escape(text).into(),
                FillTarget::Transcript => text.clone(),
            };
            Piece::Text { text, length }
        };
        let mut pieces: Vec<Piece> = said.iter().map(counted).collect();
        if let Some(ms) = pause {
            let text = match target {
                FillTarget::Twiml => format!(r#"<break time="{ms}ms"/>"#).into(),
                FillTarget::Transcript => Box::default(),
            };
            let length = SpokenLength {
                quarters: 0,
                silence: u32::from(ms),
            };
            pieces.push(Piece::Text { text, length });
        }
        pieces.push(Piece::text(" "));
        pieces
    }
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

    pub(super) fn push(&mut self, piece: Piece) {
        let free = self.pieces.len() > self.fence;
        match (self.pieces.last_mut().filter(|_| free), piece) {
            (
                Some(Piece::Text {
                    text: before,
                    length,
                }),
                Piece::Text { text, length: more },
            ) => {
                let end = if text.starts_with("</") {
                    before.trim_end()
                } else {
                    &**before
                };
                *before = format!("{end}{text}").into();
                length.add(more);
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
        let said = |text: &str| vec![Piece::text(text)];
        let messages =
            BTreeMap::from([("thanks", said("Thanks & so.")), ("goodbye", said("Bye."))]);
        let words = Words {
            voice: "V",
            language: "L",
            pace: Pace::new(80, "L"),
            input: "dtmf",
            listening: None,
            messages: &messages,
        };
        let text = |text: &str, letters: u32, silence| Piece::Text {
            text: text.into(),
            length: SpokenLength {
                quarters: 4 * letters,
                silence,
            },
        };
        let thanks = || Piece::When {
            condition: Condition::Thanks,
            pieces: 1,
        };
        assert_eq!(
            words.fill(&template, FillTarget::Twiml).unwrap(),
            [
                text("<Say voice=\"V\">", 0, 0),
                thanks(),
                text("Thanks &amp; so.<break time=\"200ms\"/> ", 8, 200),
                text("Bye.</Say>", 3, 0)
            ]
        );
        assert_eq!(
            words.fill(&template, FillTarget::Transcript).unwrap(),
            [thanks(), text("Thanks & so. ", 8, 200), text("Bye. ", 3, 0)]
        );
    }
}
