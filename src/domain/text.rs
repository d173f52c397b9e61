//! Short texts that are spoken: names and notes.
//!
//! Both are kept as the guest wrote them but for white space; making them safe for a document is
//! the business of `speech`. What XML 1.0 forbids is refused here already, so that it never gets
//! further.

use std::fmt;

use icu_normalizer::uts46::Uts46MapperBorrowed;
use serde::{Deserialize, Serialize};

use super::Language;

/// Reasons to refuse a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is empty, or white space only.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must have at most {0} characters")]
    TooManyCharacters(usize),
    /// More bytes of UTF-8 than allowed, which bounds the length of webhook URLs.
    #[error("must have at most {0} bytes in UTF-8")]
    TooManyBytes(usize),
    /// A name needs something that can be said.
    #[error("must contain at least one letter")]
    NoLetter,
    /// A control character, or one that no XML document may hold.
    #[error("must not contain control characters")]
    ControlCharacter,
}

impl TextError {
    /// The stable code of this error in the API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooManyCharacters(_) | Self::TooManyBytes(_) => "too_long",
            Self::NoLetter => "no_letter",
            Self::ControlCharacter => "control_character",
        }
    }
}

/// Sets apart what belongs to a text, such as how a name sounds. It is a control character, which no
/// text of a guest holds. One text instead of several fields keeps the form of tickets and records:
/// those that were sealed before can still be read.
const APART: &str = "\u{1F}";

/// The name of a guest or a restaurant: 1 to 80 characters, at most 240 bytes, at least one letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Box<str>);

/// Further wishes, for the staff: at most 140 characters and 420 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notes(Box<str>);

impl Name {
    /// The most characters of a name.
    pub const MAX_CHARACTERS: usize = 80;
    /// The most bytes of a name in UTF-8.
    pub const MAX_BYTES: usize = 240;
    /// The most bytes of how a name sounds: it stands in the URLs of webhooks beside the name.
    const MAX_SOUND_BYTES: usize = 120;

    /// Reads a name; white space at its ends is dropped and runs of it become one space.
    ///
    /// # Errors
    /// Says which rule of [`Name`] is broken.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = clean(text, Self::MAX_CHARACTERS, Self::MAX_BYTES)?;
        if text.chars().any(char::is_alphabetic) {
            Ok(Self(text))
        } else {
            Err(TextError::NoLetter)
        }
    }

    /// Reads how a name sounds, or its reading: as [`Name::parse`], with at most
    /// [`Self::MAX_SOUND_BYTES`] bytes.
    ///
    /// # Errors
    /// Says which rule of [`Name`] is broken.
    pub fn parse_sound(text: &str) -> Result<Self, TextError> {
        let name = Self::parse(text)?;
        if name.0.len() > Self::MAX_SOUND_BYTES {
            return Err(TextError::TooManyBytes(Self::MAX_SOUND_BYTES));
        }
        Ok(name)
    }

    /// The name with how it sounds and how it is read.
    #[must_use]
    pub fn with_sound(self, pronounced: Option<&Self>, reading: Option<&Self>) -> Self {
        if pronounced.is_none() && reading.is_none() {
            return self;
        }
        let part = |name: Option<&Self>| name.map_or("", Self::as_str).to_owned();
        let parts = [self.as_str().to_owned(), part(pronounced), part(reading)];
        Self(parts.join(APART).into())
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    /// Pronunciation of the name, if its spelling does not show it.
    #[must_use]
    pub fn pronounced(&self) -> Option<&str> {
        self.part(1)
    }

    /// The reading of a name whose script does not say how it is read.
    #[must_use]
    pub fn reading(&self) -> Option<&str> {
        self.part(2)
    }

    fn part(&self, at: usize) -> Option<&str> {
        self.0.split(APART).nth(at).filter(|part| !part.is_empty())
    }

    /// The form in which names are compared: names that differ only in composition, case, width, or
    /// invisible signs have one form. It is never shown or spoken.
    #[must_use]
    pub fn canonical(&self) -> Self {
        // The mapping of internationalised domain names (UTS 46) is Unicode's case folding with
        // compatibility composition. It is run over the signs that are seen.
        let seen = self.as_str().chars().filter(|c| !is_invisible(*c));
        let mapper = Uts46MapperBorrowed::new();
        let mapped = mapper.map_normalize(seen);
        let mut mapped: String = mapped.collect();
        // Letters whose capital is that of others: the sigma at the end of a word, the German sharp
        // s, and the Turkish i with and without its dot.
        for (special, usual) in [("ς", "σ"), ("ß", "ss"), ("ı", "i"), ("i\u{307}", "i")] {
            mapped = mapped.replace(special, usual);
        }
        let words: Vec<&str> = mapped.split_whitespace().collect();
        Self(words.join(" ").into_boxed_str())
    }
}

impl Notes {
    /// The most characters of the notes.
    pub const MAX_CHARACTERS: usize = 140;
    /// The most bytes of the notes in UTF-8.
    pub const MAX_BYTES: usize = 420;

    /// Reads notes; white space is treated as in [`Name::parse`].
    ///
    /// # Errors
    /// Says which rule of [`Notes`] is broken.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        clean(text, Self::MAX_CHARACTERS, Self::MAX_BYTES).map(Self)
    }

    /// The notes with the language that they are written in.
    #[must_use]
    pub fn in_language(self, language: Language) -> Self {
        Self([self.as_str(), language.as_str()].join(APART).into())
    }

    /// The notes as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.split(APART).next().unwrap_or_default()
    }

    /// The language they are written in, where it is not that of the call.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.0.split(APART).nth(1)?.parse().ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn clean(text: &str, max_characters: usize, max_bytes: usize) -> Result<Box<str>, TextError> {
    // Line breaks and tabs are white space to the guest who pasted them; everything else that is a
    // control is not.
    if text
        .chars()
        .any(|c| is_forbidden(c) && !c.is_ascii_whitespace())
    {
        return Err(TextError::ControlCharacter);
    }
    let mut out = String::with_capacity(text.len().min(max_bytes + 4));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > 4 * max_characters.max(max_bytes) {
            break;
        }
    }
    if out.is_empty() {
        Err(TextError::Empty)
    } else if out.chars().count() > max_characters {
        Err(TextError::TooManyCharacters(max_characters))
    } else if out.len() > max_bytes {
        Err(TextError::TooManyBytes(max_bytes))
    } else {
        Ok(out.into_boxed_str())
    }
}

/// Signs without a shape of their own (`Default_Ignorable_Code_Point`), and blank letters of Korean
/// and Braille.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Controls, bidirectional overrides (they would reorder what the web app shows), and what XML 1.0
/// leaves out.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_kept() {
        assert_eq!(
            Name::parse("  Ana \t María ").unwrap().as_str(),
            "Ana María"
        );
        assert_eq!(
            Name::parse("O'Neill & Söhne <b>").unwrap().as_str(),
            "O'Neill & Söhne <b>"
        );
        assert_eq!(Name::parse("山田太郎").unwrap().as_str(), "山田太郎");
    }

    #[test]
    fn names_that_look_alike_have_one_canonical_form() {
        let canonical = |text: &str| Name::parse(text).unwrap().canonical();
        for (one, other) in [
            ("José", "Jose\u{301}"),
            ("ANA", "ana"),
            ("Ana Lima", "Ａｎａ　Ｌｉｍａ"),
            ("Ana", "A\u{200B}na\u{FEFF}"),
            ("Ana", "An\u{AD}a\u{200D}"),
            ("ﾔﾏﾀﾞ", "ヤマダ"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("김", "\u{1100}\u{1175}\u{11B7}"),
            ("Ana  Lima", "Ana\u{A0}Lima"),
            ("Groß", "GROSS"),
            ("İnci Işık", "inci ışık"),
            ("İNCİ IŞIK", "inci ışık"),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one}");
        }
        assert_ne!(canonical("Ana"), canonical("Anna"));
        assert_ne!(canonical("José"), canonical("Jose"));
    }

    #[test]
    fn names_that_cannot_be_said_are_refused() {
        assert_eq!(Name::parse(" "), Err(TextError::Empty));
        assert_eq!(Name::parse("123 !"), Err(TextError::NoLetter));
        assert_eq!(Name::parse("An\u{0}a"), Err(TextError::ControlCharacter));
        assert_eq!(Name::parse("An\u{FFFE}a"), Err(TextError::ControlCharacter));
        assert_eq!(Name::parse("An\u{202E}a"), Err(TextError::ControlCharacter));
        assert_eq!(
            Name::parse(&"a".repeat(81)),
            Err(TextError::TooManyCharacters(80))
        );
        assert_eq!(
            Name::parse(&"\u{1F37D}a".repeat(50)),
            Err(TextError::TooManyCharacters(80))
        );
        assert_eq!(
            Name::parse(&format!("{}a", "\u{1F37D}".repeat(60))),
            Err(TextError::TooManyBytes(240))
        );
        assert_eq!(
            Name::parse(&"a".repeat(5_000_000)),
            Err(TextError::TooManyCharacters(80))
        );
    }

    #[test]
    fn a_name_keeps_how_it_sounds_and_is_written_alone() {
        let name = |text: &str| Name::parse(text).unwrap();
        let nguyen = name("Nguyễn").with_sound(Some(&name("Win")), None);
        assert_eq!(
            (nguyen.as_str(), nguyen.to_string().as_str()),
            ("Nguyễn", "Nguyễn")
        );
        assert_eq!((nguyen.pronounced(), nguyen.reading()), (Some("Win"), None));
        let yamada = name("山田").with_sound(None, Some(&name("やまだ")));
        assert_eq!(
            (yamada.pronounced(), yamada.reading()),
            (None, Some("やまだ"))
        );
        assert_eq!(name("Ana").with_sound(None, None), name("Ana"));
        let long = "あ".repeat(41);
        assert_eq!(Name::parse_sound(&long), Err(TextError::TooManyBytes(120)));
        let notes = Notes::parse("生日")
            .unwrap()
            .in_language("cmn-CN".parse().unwrap());
        assert_eq!(
            (notes.as_str(), notes.language().unwrap().as_str()),
            ("生日", "cmn-CN")
        );
    }

    #[test]
    fn the_longest_texts_are_accepted() {
        assert!(Name::parse(&"あ".repeat(80)).is_ok());
        assert!(Notes::parse(&"あ".repeat(140)).is_ok());
        assert_eq!(
            Notes::parse(&"あ".repeat(141)),
            Err(TextError::TooManyCharacters(140))
        );
    }
}
