//! Phrases taken apart at start: literal text, and places where something is put in.

use super::condition::Condition;
use super::estimate::{DocumentPart, SpokenLength};
use super::problem::Wrong;

/// The variables of phrases, by their names in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    Action,
    Service,
    Restaurant,
    Name,
    NameSpelled,
    Hello,
    Day,
    Time,
    AtTime,
    TimeTwice,
    NewTime,
    AtNewTime,
    NewTimeTwice,
    Party,
    PartyEcho,
    GuestPhone,
    Notes,
    Earliest,
    Latest,
    ContactPhone,
}

impl Variable {
    const ALL: [Self; 20] = [
        Self::Action,
        Self::Service,
        Self::Restaurant,
        Self::Name,
        Self::NameSpelled,
        Self::Hello,
        Self::Day,
        Self::Time,
        Self::AtTime,
        Self::TimeTwice,
        Self::NewTime,
        Self::AtNewTime,
        Self::NewTimeTwice,
        Self::Party,
        Self::PartyEcho,
        Self::GuestPhone,
        Self::Notes,
        Self::Earliest,
        Self::Latest,
        Self::ContactPhone,
    ];

    /// Its name between braces.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Service => "service",
            Self::Restaurant => "restaurant",
            Self::Name => "name",
            Self::NameSpelled => "name_spelled",
            Self::Hello => "hello",
            Self::Day => "day",
            Self::Time => "time",
            Self::AtTime => "at_time",
            Self::TimeTwice => "time_twice",
            Self::NewTime => "new_time",
            Self::AtNewTime => "at_new_time",
            Self::NewTimeTwice => "new_time_twice",
            Self::Party => "party",
            Self::PartyEcho => "party_echo",
            Self::GuestPhone => "guest_phone",
            Self::Notes => "notes",
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::ContactPhone => "contact_phone",
        }
    }

    /// The variables that say the same fact, in other words.
    pub(super) const fn family(self) -> &'static [Self] {
        match self {
            Self::Time => &[Self::Time, Self::AtTime, Self::TimeTwice],
            Self::NewTime => &[Self::NewTime, Self::AtNewTime, Self::NewTimeTwice],
            Self::Party => &[Self::Party, Self::PartyEcho],
            Self::Action
            | Self::Service
            | Self::Restaurant
            | Self::Name
            | Self::NameSpelled
            | Self::Hello
            | Self::Day
            | Self::AtTime
            | Self::TimeTwice
            | Self::AtNewTime
            | Self::NewTimeTwice
            | Self::PartyEcho
            | Self::GuestPhone
            | Self::Notes
            | Self::Earliest
            | Self::Latest
            | Self::ContactPhone => &[],
        }
    }

    /// Returns whether it says the same fact as `other`.
    pub(super) fn says(self, other: Self) -> bool {
        self == other || other.family().contains(&self)
    }

    /// Returns whether its words are of the language file, which may begin a sentence.
    pub(super) const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Day | Self::Time | Self::AtTime | Self::TimeTwice | Self::Party
        )
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|variable| variable.name() == name)
    }
}

/// One piece of what is said or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Written as it is.
    Text {
        /// Words, tags, or both.
        text: Box<str>,
        /// The length of the words; counted when a document is filled.
        length: SpokenLength,
    },
    /// Written for each call anew.
    Value(Variable),
    /// The next `pieces` are left out unless the condition holds.
    When { condition: Condition, pieces: usize },
    /// The end of a part whose length is asked for.
    End(DocumentPart),
}

impl Piece {
    /// A text that takes no time: a tag, or words that are not counted yet.
    pub(super) fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text {
            text: text.into(),
            length: SpokenLength::default(),
        }
    }
}

/// Takes `text` apart at its braces: what stands between two braces, and what stands around.
///
/// # Errors
/// A brace without its partner.
pub(super) fn split(text: &str) -> Result<Vec<Part<'_>>, Wrong> {
    let wrong = || Wrong::Brace(text.to_owned());
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').ok_or_else(wrong)?;
        if before.contains('}') || inside.contains('{') {
            return Err(wrong());
        }
        parts.extend((!before.is_empty()).then_some(Part::Text(before)));
        parts.push(Part::Brace(inside));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(wrong());
    }
    parts.extend((!rest.is_empty()).then_some(Part::Text(rest)));
    Ok(parts)
}

/// A part of a text with braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Outside.
    Text(&'a str),
    /// Inside.
    Brace(&'a str),
}

/// Makes pieces of a phrase; `name` is what the phrase is called, `allowed` what may be put into
/// it.
///
/// # Errors
/// A brace without its partner, or a variable that cannot be used here.
pub(super) fn pieces(name: &str, text: &str, allowed: &[Variable]) -> Result<Vec<Piece>, Wrong> {
    let piece = |part: Part<'_>| match part {
        Part::Text(text) => Ok(Piece::text(text)),
        Part::Brace(inside) => Variable::named(inside)
            .filter(|variable| allowed.contains(variable))
            .map(Piece::Value)
            .ok_or_else(|| Wrong::UnknownVariable(name.to_owned(), inside.to_owned())),
    };
    split(text)?.into_iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_taken_apart_at_their_braces() {
        let found = pieces(
            "time",
            "At {time}, {day}.",
            &[Variable::Time, Variable::Day],
        )
        .unwrap();
        assert_eq!(
            found,
            [
                Piece::text("At "),
                Piece::Value(Variable::Time),
                Piece::text(", "),
                Piece::Value(Variable::Day),
                Piece::text(".")
            ]
        );
    }

    #[test]
    fn unknown_variables_and_single_braces_are_told() {
        assert_eq!(
            pieces("time", "At {tiem}.", &[Variable::Time]),
            Err(Wrong::UnknownVariable("time".into(), "tiem".into()))
        );
        assert!(matches!(
            pieces("time", "{name}", &[Variable::Time]),
            Err(Wrong::UnknownVariable(..))
        ));
        for text in ["{", "}", "{a{b}", "a}b{c}", "{time} }"] {
            assert_eq!(split(text), Err(Wrong::Brace(text.into())), "{text}");
        }
    }
}
