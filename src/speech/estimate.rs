//! How long a text takes to say: 150 words a minute, or five characters a second where words are
//! not set apart.

use super::problem::Wrong;

/// Milliseconds for a word at 150 words a minute.
const WORD_MS: u32 = 400;
/// Milliseconds for a character of Chinese, Japanese or Korean.
const CHARACTER_MS: u32 = 200;

/// Whether the text is in a script whose time is counted by characters.
pub(super) fn is_by_character(text: &str) -> bool {
    text.chars().any(is_cjk)
}

const fn is_cjk(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}')
}

/// How long a text takes, in milliseconds, without the pauses of its document.
pub(super) fn milliseconds(text: &str, by_character: bool) -> u32 {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    if by_character {
        let characters = text.chars().filter(|c| c.is_alphanumeric()).count();
        count(characters).saturating_mul(CHARACTER_MS)
    } else {
        count(text.split_whitespace().map(words).sum()).saturating_mul(WORD_MS)
    }
}

/// A time such as 7:30 is one word to the eye and two to the ear.
fn words(token: &str) -> usize {
    let numbers = token
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .count();
    if token.chars().any(char::is_alphanumeric) {
        numbers.max(1)
    } else {
        0
    }
}

/// Reads a pause as it is written in documents.
///
/// # Errors
/// Not of the form `300ms`, or longer than two seconds.
pub(super) fn pause(text: &str) -> Result<u16, Wrong> {
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
    fn words_and_characters_take_their_time() {
        assert_eq!(milliseconds("At 7:30 PM. –", false), 4 * WORD_MS);
        assert_eq!(milliseconds("4 1 5, 5 5 5", false), 6 * WORD_MS);
        assert_eq!(milliseconds("12月4日、金曜日。", true), 8 * CHARACTER_MS);
        assert!(is_by_character("オーケー") && is_by_character("네") && !is_by_character("Söhne"));
    }

    #[test]
    fn pauses_are_milliseconds() {
        assert_eq!(pause("300ms"), Ok(300));
        for text in ["300", "1s", "-5ms", "2001ms", "ms", ""] {
            assert_eq!(pause(text), Err(Wrong::Pause(text.into())));
        }
    }
}
