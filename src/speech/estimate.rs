//! Estimate of the time that a text takes to say: so many milliseconds for each letter, by the
//! `pace` of the language file, as `scripts/ear --seconds` measures it with outside voices.
//!
//! Letters vary less between languages and voices than words do: a word of Polish takes half as
//! long again as one of Spanish.

/// Quarters of a letter that one letter counts.
const LETTER: u32 = 4;
/// A digit is a word: four letters of Latin script, or two characters of Chinese, Japanese and
/// Korean.
const DIGIT: u32 = 4 * LETTER;
const DIGIT_OF_CHARACTERS: u32 = 2 * LETTER;
/// A Latin letter beside characters that are syllables.
const LETTER_OF_CHARACTERS: u32 = 2;

/// A part of a document, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentPart {
    /// Until day, time and party, or those of them that it says, are said.
    Facts,
    /// Until words are listened to.
    Question,
}

/// Length of a speech: its letters, and the pauses between its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SpokenLength {
    /// Quarters of a letter.
    pub(super) quarters: u32,
    /// Milliseconds of silence.
    pub(super) silence: u32,
}

impl SpokenLength {
    /// Makes it longer by another one.
    pub(super) const fn add(&mut self, other: Self) {
        self.quarters = self.quarters.saturating_add(other.quarters);
        self.silence = self.silence.saturating_add(other.silence);
    }
}

/// Speed of a spoken language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Milliseconds for a letter or a character.
    letter_ms: u32,
    /// Its letters are syllables.
    by_character: bool,
}

impl Pace {
    /// The pace of a language: `sample` is text in its script.
    pub(super) fn new(letter_ms: u32, sample: &str) -> Self {
        Self {
            letter_ms,
            by_character: sample.chars().any(is_cjk),
        }
    }

    /// Milliseconds that so many quarters of a letter take.
    pub(super) const fn milliseconds(self, quarters: u32) -> u32 {
        quarters.saturating_mul(self.letter_ms) / LETTER
    }

    /// Quarters of a letter that a text has.
    pub(super) fn quarters(self, text: &str) -> u32 {
        let (letter, digit) = if self.by_character {
            (LETTER_OF_CHARACTERS, DIGIT_OF_CHARACTERS)
        } else {
            (LETTER, DIGIT)
        };
        // Most characters are ASCII, whose kinds need no table, and are counted many at a time.
        let ascii = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' => letter,
            b'0'..=b'9' => digit,
            _ => 0,
        });
        let mut quarters: u32 = ascii.sum();
        if !text.is_ascii() {
            let others = text.chars().filter(|c| !c.is_ascii());
            quarters += others.map(|c| self.beyond_ascii(c)).sum::<u32>();
        }
        quarters
    }

    /// Quarters of a letter that a character beyond ASCII counts.
    fn beyond_ascii(self, c: char) -> u32 {
        match c {
            _ if !c.is_alphanumeric() => 0,
            _ if c.is_numeric() && !self.by_character => DIGIT,
            _ => LETTER,
        }
    }
}

const fn is_cjk(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_characters_take_their_time() {
        let (latin, kana) = (Pace::new(80, "Söhne"), Pace::new(160, "オーケー"));
        let spoken = |pace: Pace, text: &str| pace.milliseconds(pace.quarters(text));
        assert_eq!(spoken(latin, "At 7. –"), (2 + 4) * 80);
        assert_eq!(spoken(latin, "4 1 5, 5 5 5"), 6 * 4 * 80);
        assert_eq!(spoken(kana, "12月4日、金曜日。"), (3 * 2 + 5) * 160);
        assert_eq!(spoken(kana, "Ana様"), 160 * 5 / 2);
    }
}
