//! Numbers from 0 to 99 in words: "veintiuna", "twenty-one", "pierwszego".
//!
//! The words are CLDR's, tabulated by `scripts/numerals`; language files name its rules.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::problem::Wrong;

/// The numbers that a rule spells: 0 to 99.
pub(super) const COUNT: usize = 100;

/// The rules of one language by their names in CLDR, without the `spellout-` before them.
type SpelloutRules = BTreeMap<String, Box<[Box<str>]>>;

/// The rules of all languages.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Numerals(BTreeMap<String, SpelloutRules>);

/// The rules of one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spellout<'a>(Option<&'a SpelloutRules>);

impl Numerals {
    /// Reads the table that lies beside this file.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("numerals.json"))
    }

    /// The rules of a language tag, else of the language in CLDR's `locale`.
    pub(super) fn of(&self, tag: &str, locale: &str) -> Spellout<'_> {
        let language = locale.split('-').next().unwrap_or_default();
        Spellout(self.0.get(tag).or_else(|| self.0.get(language)))
    }
}

impl<'a> Spellout<'a> {
    /// The words of a rule, for 0 to 99.
    ///
    /// # Errors
    /// The language has no such rule.
    pub(super) fn words(self, rule: &str) -> Result<&'a [Box<str>], Wrong> {
        self.0
            .and_then(|rules| rules.get(rule))
            .filter(|words| words.len() == COUNT)
            .map(|words| &**words)
            .ok_or_else(|| Wrong::NumberRule(rule.to_owned()))
    }

    /// A number by a rule; without a rule it is written in digits.
    ///
    /// # Errors
    /// The language has no such rule.
    pub(super) fn number(self, number: usize, rule: Option<&str>) -> Result<String, Wrong> {
        let Some(rule) = rule else {
            return Ok(number.to_string());
        };
        let words = self.words(rule)?;
        Ok(words
            .get(number)
            .map_or_else(String::new, |word| word.to_string()))
    }

    /// The digits of a number, each by a rule, apart from each other: "one five" for 15.
    ///
    /// # Errors
    /// The language has no such rule.
    pub(super) fn digits(self, number: usize, rule: Option<&str>) -> Result<String, Wrong> {
        let digits = number.to_string();
        let said: Result<Vec<String>, Wrong> = digits
            .bytes()
            .map(|digit| self.number(usize::from(digit.saturating_sub(b'0')), rule))
            .collect();
        Ok(said?.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tag: &str, rule: &str, number: usize) -> String {
        let numerals = Numerals::load().unwrap();
        numerals.of(tag, tag).number(number, Some(rule)).unwrap()
    }

    #[test]
    fn numbers_agree_with_what_they_count() {
        assert_eq!(said("es-MX", "cardinal-feminine", 21), "veintiuna");
        assert_eq!(said("de-DE", "cardinal-feminine", 1), "eine");
        assert_eq!(said("pl-PL", "cardinal-feminine-accusative", 1), "jedną");
        assert_eq!(
            said("pl-PL", "cardinal-feminine-accusative", 22),
            "dwadzieścia dwie"
        );
        assert_eq!(said("pt-BR", "cardinal-feminine", 2), "duas");
        assert_eq!(said("pt-PT", "cardinal-masculine", 16), "dezasseis");
        assert_eq!(said("zh-CN", "cardinal-alternate2", 2), "两");
        assert_eq!(said("ko-KR", "cardinal-native-attributive", 4), "네");
        assert_eq!(said("sv-SE", "ordinal-neuter", 4), "fjärde");
        assert_eq!(
            said("pl-PL", "ordinal-masculine-genitive", 31),
            "trzydziestego pierwszego"
        );
        assert_eq!(
            said("pl-PL", "ordinal-feminine-genitive", 18),
            "osiemnastej"
        );
    }

    #[test]
    fn every_rule_has_a_word_for_each_number() {
        for (tag, rules) in Numerals::load().unwrap().0 {
            for (rule, words) in rules {
                assert_eq!(words.len(), COUNT, "{tag} {rule}");
                assert!(words.iter().all(|word| !word.is_empty()), "{tag} {rule}");
            }
        }
    }

    #[test]
    fn digits_are_said_one_by_one() {
        let numerals = Numerals::load().unwrap();
        let english = numerals.of("en-US", "en-US");
        assert_eq!(english.digits(15, Some("cardinal")).unwrap(), "one five");
        assert_eq!(english.number(15, None).unwrap(), "15");
        assert_eq!(
            english.words("ordinal-x"),
            Err(Wrong::NumberRule("ordinal-x".into()))
        );
    }
}
