//! Ears: what staff may say instead of pressing a key, and what it is taken to mean.
//!
//! A wrong table is worse than a further question, so nothing is guessed: every word that was said
//! must be a word of the language's list, all of them must mean the same, and Twilio must be sure
//! of them. It decides nothing else.

use serde::Deserialize;

use super::problem::Wrong;
use super::schema::Schema;
use super::spoken;
use crate::call::SpokenIntent;

/// Below this, Twilio itself is not sure.
const SURE: f32 = 0.5;
/// Twilio takes 500 hints of 100 characters (docs/twilio.md, *Gather*); a few are enough.
const MOST_PHRASES: usize = 40;
const MOST_CHARACTERS: usize = 100;
/// The longest text, in bytes, that is matched. Longer speech says more than yes or no.
const MOST_HEARD: usize = 200;

/// `[speech]` of a language file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentences {
    language: String,
    yes: Vec<String>,
    no: Vec<String>,
    again: Vec<String>,
    other_time: Vec<String>,
    polite: Vec<String>,
    /// The polite words that people say on picking up.
    greeting: Vec<String>,
}

/// A language's words, prepared.
#[derive(Debug, Default)]
pub(super) struct SpeechMatcher {
    language: String,
    hints: String,
    /// `None` is said out of politeness.
    phrases: Vec<(String, Option<SpokenIntent>)>,
    greetings: Vec<String>,
}

impl SpeechMatcher {
    /// Prepares the words.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn new(sentences: &Sentences, schema: &Schema) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        if !schema.hears(&sentences.language) {
            wrong.push(Wrong::TranscriptCoverage(sentences.language.clone()));
        }
        let lists = [
            ("yes", &sentences.yes, Some(SpokenIntent::Yes)),
            ("no", &sentences.no, Some(SpokenIntent::No)),
            ("again", &sentences.again, Some(SpokenIntent::Again)),
            (
                "other_time",
                &sentences.other_time,
                Some(SpokenIntent::OtherTime),
            ),
            ("polite", &sentences.polite, None),
        ];
        let mut phrases: Vec<(String, Option<SpokenIntent>)> = Vec::new();
        for (name, list, said) in lists {
            let fits = |text: &String| {
                !text.contains(',')
                    && text.chars().count() <= MOST_CHARACTERS
                    && !bare(text).is_empty()
            };
            if list.is_empty() || list.len() > MOST_PHRASES || !list.iter().all(fits) {
                wrong.push(Wrong::Phrases(name));
            }
            for text in list {
                let bare = bare(text);
                match phrases.iter().find(|(known, _)| *known == bare) {
                    Some((_, other)) if *other != said => {
                        wrong.push(Wrong::TwoMeanings(text.clone()));
                    }
                    Some(_) => {}
                    None => phrases.push((bare, said)),
                }
            }
        }
        let greetings: Vec<String> = sentences.greeting.iter().map(|text| bare(text)).collect();
        if !are_greetings(&greetings, &phrases, &sentences.yes) {
            wrong.push(Wrong::Phrases("greeting"));
        }
        let hints: Vec<&str> = lists
            .iter()
            .filter(|(_, _, said)| said.is_some())
            .flat_map(|(_, list, _)| list.iter().map(String::as_str))
            .collect();
        let speech_matcher = Self {
            language: sentences.language.clone(),
            hints: hints.join(","),
            phrases,
            greetings,
        };
        if wrong.is_empty() {
            Ok(speech_matcher)
        } else {
            Err(wrong)
        }
    }

    /// The value of `{input}` in the tag of a Gather that listens to words. Twilio finds the end of
    /// speech: `speechTimeout` takes `auto` only where no model is named (docs/twilio.md,
    /// *Gather*).
    pub(super) fn input(&self) -> String {
        let (language, hints) = (spoken::escape(&self.language), spoken::escape(&self.hints));
        format!(r#"dtmf speech" language="{language}" hints="{hints}" speechTimeout="auto"#)
    }

    /// The meaning of `text`.
    pub(super) fn understand(&self, text: &str, confidence: Option<f32>) -> SpokenIntent {
        if confidence.is_some_and(|confidence| confidence < SURE) {
            return SpokenIntent::Unclear;
        }
        let bare = bare(text);
        if bare.len() > MOST_HEARD {
            return SpokenIntent::Unclear;
        }
        let mut meanings = SpokenIntent::CLEAR
            .into_iter()
            .filter(|said| self.is_all(&bare, *said));
        // A person who says "hello, yes" or asks "yes?" has just taken the receiver.
        let picks_up = text.contains(['?', '\u{FF1F}', '\u{BF}'])
            || self
                .greetings
                .iter()
                .any(|greeting| bare.contains(&**greeting));
        match (meanings.next(), meanings.next()) {
            (Some(SpokenIntent::Yes), None) if picks_up => SpokenIntent::Unclear,
            (Some(said), None) => said,
            (None, _) | (_, Some(_)) => SpokenIntent::Unclear,
        }
    }

    /// Returns whether a text is made of phrases of one meaning and of polite ones, and not of
    /// polite ones alone.
    fn is_all(&self, bare: &str, wanted: SpokenIntent) -> bool {
        // For each place in the text: whether it is reached by whole phrases, and with one that
        // means it.
        let mut reached = vec![(false, false); bare.len() + 1];
        reached[0] = (true, false);
        for at in 0..bare.len() {
            let (true, meant) = reached[at] else { continue };
            let Some(rest) = bare.get(at..) else { continue };
            for (phrase, said) in &self.phrases {
                let fits = said.is_none_or(|said| said == wanted) && rest.starts_with(&**phrase);
                if let Some(place) = reached.get_mut(at + phrase.len()).filter(|_| fits) {
                    *place = (true, place.1 || meant || said.is_some());
                }
            }
        }
        reached.last().is_some_and(|(_, meant)| *meant)
    }
}

/// Returns whether greetings are given and each is a polite phrase. A yes that holds one would never
/// be understood.
fn are_greetings(
    greetings: &[String],
    phrases: &[(String, Option<SpokenIntent>)],
    yes: &[String],
) -> bool {
    let is_polite = |greeting: &String| phrases.contains(&(greeting.clone(), None));
    let hides_greeting = |yes: &String| {
        let yes = bare(yes);
        greetings.iter().any(|greeting| yes.contains(&**greeting))
    };
    !greetings.is_empty() && greetings.iter().all(is_polite) && !yes.iter().any(hides_greeting)
}

/// Letters and digits alone, all small: recognizers differ in everything else.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
