//! Estimates how long speech and tones take, the same in every run.

use std::time::Duration;

use super::twiml::Say;

/// Characters a second where words are written with letters: about 150 words a minute.
const LETTERS: f64 = 14.5;
/// Characters a second where a character is a syllable or more.
const SYLLABLES: f64 = 5.0;
const TONE: Duration = Duration::from_millis(250);

/// The length of one reading.
pub(super) fn duration_of(say: &Say) -> Duration {
    spoken_length(&say.text) + say.breaks
}

/// The time that it takes to say a text.
pub(super) fn spoken_length(text: &str) -> Duration {
    let seconds: f64 = text
        .chars()
        .map(|character| {
            1.0 / if is_syllable(character) {
                SYLLABLES
            } else {
                LETTERS
            }
        })
        .sum();
    Duration::from_secs_f64(seconds).max(TONE)
}

/// The length of tones, with `w` for half a second and `W` for a whole one.
pub(super) fn tones(digits: &str) -> Duration {
    let length = |key| match key {
        'w' => TONE * 2,
        'W' => TONE * 4,
        _ => TONE,
    };
    digits.chars().map(length).sum()
}

/// Kana, Han, Hangul.
const fn is_syllable(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_and_fifty_words_take_about_a_minute() {
        let say = |text: &str, breaks| Say {
            text: text.to_owned(),
            voice: None,
            language: None,
            repeats: 1,
            breaks,
        };
        let spoken = duration_of(&say(&"table ".repeat(150), Duration::ZERO));
        assert!((55..=68).contains(&spoken.as_secs()), "{spoken:?}");
        assert_eq!(
            duration_of(&say("予約です。", Duration::from_secs(2))).as_secs(),
            2
        );
        assert_eq!(tones("1wW#"), Duration::from_millis(2_000));
    }
}
