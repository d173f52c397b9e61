//! A name letter by letter, so that it can be written down: "G as in Golf", "é wie E mit Akut".
//!
//! Each language has its own telephone alphabet; scripts whose characters are syllables are said
//! character by character.

use std::collections::BTreeMap;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::props::Script;
use icu_properties::{CodePointMapData, PropertyNamesLong, PropertyParser};
use serde::Deserialize;

use super::phrase::{self, Part};
use super::plain_letters::plain_letters;
use super::problem::Wrong;

/// The most letters that are spelled: a longer name is cut to its last word, then to this.
const MOST: usize = 40;

/// `[spelling]` of a language file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpellingFile {
    /// The scripts that the voice can say, by their names in Unicode.
    scripts: Vec<String>,
    /// The scripts that are spelled, where they are fewer.
    spelled: Option<Vec<String>>,
    /// Words for a letter: with `{letter}` and `{word}`.
    #[serde(default)]
    letter: String,
    /// The text between two letters.
    joint: String,
    #[serde(default)]
    hyphen: String,
    #[serde(default)]
    apostrophe: String,
    /// Letters and their words.
    #[serde(default)]
    alphabet: BTreeMap<char, String>,
    /// Accents by the names of [`accent`], said after the letter; `other` for all that are not
    /// named.
    #[serde(default)]
    accents: BTreeMap<String, String>,
}

/// Spelling of a language, prepared.
#[derive(Debug)]
pub(super) struct Spelling {
    scripts: Box<[Script]>,
    spelled: Box<[Script]>,
    joint: Box<str>,
    hyphen: Box<str>,
    apostrophe: Box<str>,
    /// The phrase for each letter.
    letters: BTreeMap<char, Box<str>>,
    accents: BTreeMap<String, String>,
}

impl Spelling {
    /// Prepares a language's alphabet.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn new(file: &SpellingFile) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut scripts = |names: &[String]| -> Box<[Script]> {
            let known = PropertyParser::<Script>::new();
            let script = |name: &String| {
                let found = known.get_loose(name);
                if found.is_none() {
                    wrong.push(Wrong::Script(name.clone()));
                }
                found
            };
            names.iter().filter_map(script).collect()
        };
        let said = scripts(&file.scripts);
        let spelled = file.spelled.as_deref().map(&mut scripts);
        let spelled = spelled.unwrap_or_else(|| said.clone());
        let mut letters = BTreeMap::new();
        for (letter, word) in &file.alphabet {
            match letter_phrase(&file.letter, *letter, word) {
                Ok(phrase) => drop(letters.insert(*letter, phrase)),
                Err(error) => wrong.push(error),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            scripts: said,
            spelled,
            joint: file.joint.as_str().into(),
            hyphen: file.hyphen.as_str().into(),
            apostrophe: file.apostrophe.as_str().into(),
            letters,
            accents: file.accents.clone(),
        })
    }

    /// The script of the first letter that the voice cannot say.
    pub(super) fn foreign_script(&self, text: &str) -> Option<&'static str> {
        let script = plain_letters(text)
            .chars()
            .filter(|c| c.is_alphabetic())
            .map(script)
            .find(|script| !is_shared(*script) && !self.scripts.contains(script))?;
        Some(
            PropertyNamesLong::<Script>::new()
                .get(script)
                .unwrap_or("another script"),
        )
    }

    /// A name letter by letter; empty where it cannot be spelled.
    pub(super) fn spell(&self, name: &str) -> String {
        let name = &*plain_letters(name);
        let spelled = |c: char| is_shared(script(c)) || self.spelled.contains(&script(c));
        if !name.chars().filter(|c| c.is_alphabetic()).all(spelled) {
            return String::new();
        }
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        let last = name.split_whitespace().last().unwrap_or_default();
        let shown = if letters(name) > MOST { last } else { name };
        let (mut out, mut count) = (String::new(), 0);
        for word in shown.split_whitespace() {
            let mut units = Vec::new();
            for c in word.chars() {
                count += usize::from(c.is_alphabetic());
                if count > MOST {
                    break;
                }
                self.unit(c, &mut units);
            }
            if units.is_empty() {
                continue;
            }
            if !out.is_empty() {
                out.push_str(if self.joint.is_ascii() {
                    ". "
                } else {
                    &self.joint
                });
            }
            out.push_str(&units.join(&self.joint));
        }
        out
    }

    fn unit(&self, c: char, units: &mut Vec<String>) {
        let mark = match c {
            '-' | '\u{2010}' | '\u{2011}' => Some(&self.hyphen),
            '\'' | '\u{2019}' => Some(&self.apostrophe),
            _ => None,
        };
        if let Some(mark) = mark {
            units.extend((!mark.is_empty()).then(|| mark.to_string()));
            return;
        }
        // A small kana and the mark of a long vowel belong to what stands before them.
        let joins = matches!(
            c,
            'ぁ' | 'ぃ'
                | 'ぅ'
                | 'ぇ'
                | 'ぉ'
                | 'ゃ'
                | 'ゅ'
                | 'ょ'
                | 'ァ'
                | 'ィ'
                | 'ゥ'
                | 'ェ'
                | 'ォ'
                | 'ャ'
                | 'ュ'
                | 'ョ'
                | 'ー'
        );
        if let Some(before) = units.last_mut().filter(|_| joins) {
            before.push(c);
            return;
        }
        if !c.is_alphabetic() {
            return;
        }
        for (letter, accents) in decomposed(c, |c| self.letters.contains_key(&c)) {
            let said = self.letters.get(&letter);
            let mut unit = said.map_or_else(|| letter.to_string(), |said| said.to_string());
            for accent in accents {
                let name = self
                    .accents
                    .get(accent)
                    .or_else(|| self.accents.get("other"));
                if let Some(name) = name {
                    unit.push(' ');
                    unit.push_str(name);
                }
            }
            units.push(unit);
        }
    }
}

/// A letter in capitals with its accents; letters that Unicode does not take apart are taken apart
/// here.
fn decomposed(c: char, is_known: impl Fn(char) -> bool) -> Vec<(char, Vec<&'static str>)> {
    if script(c) != Script::Latin {
        return vec![(c, Vec::new())];
    }
    let capital = |c: char| {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    };
    if is_known(capital(c)) {
        return vec![(capital(c), Vec::new())];
    }
    let (letters, stroke): (&str, bool) = match c {
        'ß' | 'ẞ' => ("SS", false),
        'Æ' | 'æ' => ("AE", false),
        'Œ' | 'œ' => ("OE", false),
        'Þ' | 'þ' => ("TH", false),
        'ı' => ("I", false),
        'Ł' | 'ł' => ("L", true),
        'Ø' | 'ø' => ("O", true),
        'Đ' | 'đ' | 'Ð' | 'ð' => ("D", true),
        _ => ("", false),
    };
    if !letters.is_empty() {
        let accents = || if stroke { vec!["stroke"] } else { Vec::new() };
        return letters.chars().map(|letter| (letter, accents())).collect();
    }
    let nfd = DecomposingNormalizerBorrowed::new_nfd()
        .normalize(c.encode_utf8(&mut [0; 4]))
        .into_owned();
    let mut chars = nfd.chars();
    let base = capital(chars.next().unwrap_or(c));
    vec![(base, chars.map(accent).collect())]
}

/// The name of a combining mark in the language files.
const fn accent(mark: char) -> &'static str {
    match mark {
        '\u{300}' => "grave",
        '\u{301}' => "acute",
        '\u{302}' => "circumflex",
        '\u{303}' => "tilde",
        '\u{308}' => "diaeresis",
        '\u{30A}' => "ring",
        '\u{30C}' => "caron",
        '\u{327}' => "cedilla",
        '\u{328}' => "ogonek",
        _ => "other",
    }
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// Marks that belong to no script of their own.
fn is_shared(script: Script) -> bool {
    matches!(script, Script::Common | Script::Inherited)
}

fn letter_phrase(text: &str, letter: char, word: &str) -> Result<Box<str>, Wrong> {
    let mut said = String::new();
    for part in phrase::split(text)? {
        match part {
            Part::Text(text) => said.push_str(text),
            Part::Brace("letter") => said.push(letter),
            Part::Brace("word") => said.push_str(word),
            Part::Brace(other) => {
                return Err(Wrong::UnknownVariable(
                    "spelling.letter".to_owned(),
                    other.to_owned(),
                ));
            }
        }
    }
    Ok(said.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(text: &str) -> Spelling {
        Spelling::new(&toml::from_str(text).unwrap()).unwrap()
    }

    fn english() -> Spelling {
        spelling(
            r#"
            scripts = ["Latin"]
            letter = "{letter} as in {word}"
            joint = ", "
            hyphen = "hyphen"
            apostrophe = "apostrophe"
            alphabet = { A = "Alfa", G = "Golf", L = "Lima", O = "Oscar", S = "Sierra" }
            accents = { acute = "with an acute accent", stroke = "with a stroke", other = "with an accent" }
        "#,
        )
    }

    #[test]
    fn letters_are_said_with_a_word_and_accents_by_name() {
        let said = |name| english().spell(name);
        assert_eq!(said("Lo"), "L as in Lima, O as in Oscar");
        assert_eq!(
            said("Ágø"),
            "A as in Alfa with an acute accent, G as in Golf, O as in Oscar with a stroke"
        );
        assert_eq!(
            said("O'L-ß"),
            "O as in Oscar, apostrophe, L as in Lima, hyphen, S as in Sierra, S as in Sierra"
        );
        assert_eq!(
            said("Al 🍕 Go"),
            "A as in Alfa, L as in Lima. G as in Golf, O as in Oscar"
        );
        assert_eq!(said("Xǎ"), "X, A as in Alfa with an accent");
        assert_eq!(said("דנה"), "", "it cannot be spelled");
    }

    #[test]
    fn a_long_name_is_cut_to_its_last_word() {
        let long = format!("{} Go", "a".repeat(60));
        assert_eq!(english().spell(&long), "G as in Golf, O as in Oscar");
        assert_eq!(
            english().spell(&"g".repeat(80)).matches("Golf").count(),
            MOST
        );
    }

    #[test]
    fn kana_and_syllables_are_said_one_by_one() {
        let japanese = spelling(
            "scripts = [\"Latin\", \"Han\", \"Hiragana\", \"Katakana\"]\nspelled = [\"Latin\", \"Hiragana\", \"Katakana\"]\njoint = \"、\"",
        );
        assert_eq!(japanese.spell("しょうた"), "しょ、う、た");
        assert_eq!(japanese.spell("山田"), "", "its reading has to be given");
        assert_eq!(japanese.foreign_script("山田 Ana"), None);
        assert_eq!(japanese.foreign_script("דנה"), Some("Hebrew"));
        assert_eq!(english().foreign_script("山田"), Some("Han"));
        assert_eq!(english().foreign_script("O’Neill-Ünal 3"), None);
    }

    #[test]
    fn an_unknown_script_is_reported() {
        let file = toml::from_str("scripts = [\"Klingon\"]\njoint = \"\"").unwrap();
        assert_eq!(
            Spelling::new(&file).unwrap_err(),
            [Wrong::Script("Klingon".into())]
        );
    }
}
