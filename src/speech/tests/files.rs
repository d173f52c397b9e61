//! The files of `twiml/`, and the reports about those that are wrong.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::super::files::{DOCUMENTS, LANGUAGES};
use super::super::load::problems;
use super::super::places::Places;
use super::*;

#[test]
fn every_country_of_a_language_leads_to_it() {
    let default = |code: &str| speech().default_for(None, code.parse().ok()).to_string();
    for (tag, text) in LANGUAGES {
        for code in Places::read(text).unwrap().countries {
            assert_eq!(default(str::from_utf8(&code).unwrap()), *tag);
        }
    }
    assert_eq!(default("US"), "en-US");
    assert_eq!(default("GB"), "en-GB");
    assert_eq!(default("KZ"), "en-US", "no language file names it");
    assert_eq!(speech().default_for(None, None), Language::EN_US);
    assert!(speech().has(Language::EN_US) && !speech().has("xx-XX".parse().unwrap()));
}

#[test]
fn where_a_country_speaks_several_languages_the_number_decides() {
    let default = |number: &str| {
        let phone = Phone::parse(number, None).unwrap();
        speech()
            .default_for(Some(phone.0), phone.1.country)
            .to_string()
    };
    for (number, language) in [
        ("+14185550123", "fr-CA"),
        ("+15145550123", "fr-CA"),
        ("+85221234567", "yue-HK"),
        ("+85328212345", "yue-HK"),
        ("+14165550123", "en-US"),
        ("+41213123456", "fr-FR"),
        ("+41223123456", "fr-FR"),
        ("+41919123456", "it-IT"),
        ("+41443123456", "de-DE"),
        ("+41279669123", "de-DE"),
        ("+3242212345", "fr-FR"),
        ("+3225123456", "fr-FR"),
        ("+3289123456", "nl-NL"),
        ("+3232123456", "nl-NL"),
        ("+32470123456", "nl-NL"),
        ("+60321234567", "en-GB"),
        ("+212522123456", "fr-FR"),
        ("+17875550123", "es-MX"),
    ] {
        assert!(
            default(number).starts_with(language),
            "{number}: {}",
            default(number)
        );
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let english = LANGUAGES
        .iter()
        .find(|(name, _)| *name == "en-US")
        .unwrap()
        .1;
    let told = |text: &str| {
        problems(&[("en-US", text)], DOCUMENTS, InputMode::Keys)
            .into_iter()
            .map(|problem| problem.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let with = |from: &str, to: &str| {
        assert!(english.contains(from), "{from}");
        told(&english.replacen(from, to, 1))
    };
    assert!(
        with("thanks = \"Thank you.\"\n", "").contains("en-US.toml: message `thanks` is missing")
    );
    assert!(
        with("[messages]\n", "[messages]\nhello = \"\"\n").contains("message `hello` is not known")
    );
    assert!(
        with("time = \"At {time_twice}.", "time = \"At {tiem}.")
            .contains("`{tiem}` cannot be used in `time`")
    );
    assert!(
        with("time = \"At {time_twice}.", "time = \"Later.")
            .contains("`{time}` must be used in `time`")
    );
    assert!(
        with("Polly.Joanna-Neural", "Polly.Amy-Neural").contains("no voice `Polly.Amy-Neural`")
    );
    assert!(with("one = \"{count} person\"\n", "").contains("`party.one` is missing"));
    assert!(
        with("other = \"{count}", "few = \"x\"\nother = \"{count}")
            .contains("`party.few` is never used")
    );
    assert!(with("{digits:cardinal}", "{digits:roman}").contains("there is no rule `roman`"));
    assert!(with("\"00:01\" =", "\"00:61\" =").contains("`00:61` is no hour and no time of day"));
    assert!(
        with("0 = \"{hour} o'clock {part_of_day}\"\n", "")
            .contains("`time` does not say how 1:00 is said")
    );
    assert!(with("\"US\"", "\"usa\"").contains("`usa` is not the code of a country"));
    assert!(with("tag = ", "tags = ").contains("cannot be read"));
    assert!(with("Goodbye.", &"Goodbye. ".repeat(400)).contains("it may have 3000"));
    assert!(
        with("language = \"en-US\"\nyes", "language = \"en-XX\"\nyes")
            .contains("Twilio does not listen to `en-XX`")
    );
    assert!(with("no = [\"no\"", "no = [\"yes\"").contains("`yes` stands in two lists"));
    assert!(
        with("polite = [\"please\"", "polite = [\"a,b\"").contains("`speech.polite` must have")
    );
    let missing = problems(LANGUAGES, &DOCUMENTS[1..], InputMode::Keys);
    assert_eq!(
        missing[0].to_string(),
        "twiml/apology.xml: this document is missing"
    );
}

/// The words that staff hear in every language, for people who know it.
#[test]
fn the_golden_transcripts_are_what_is_said() {
    for language in speech().languages() {
        let mut golden = String::new();
        let example = full(reservation(language, "Ana María", "2026-12-04T20:15", 4));
        let seconds = speech()
            .script(&render_context(&reservation(
                language,
                "Ana María",
                "2026-12-04T20:15",
                4,
            )))
            .seconds;
        writeln!(
            golden,
            "{language}: about {seconds} seconds from pick-up to the last key"
        )
        .unwrap();
        for (file, document) in documents(&example) {
            writeln!(golden, "\n# {file}\n{}", heard(&document)).unwrap();
        }
        let mut accepting = reservation(language, "Ana María", "2026-12-04T20:15", 4);
        accepting.accepts_offer_of = Some(crate::domain::CallId::from_bytes([1; 16]));
        let script = speech().script(&render_context(&accepting));
        let (seconds, text) = (script.seconds, script.text);
        assert!(seconds <= 25, "{language}: {seconds} s");
        writeln!(
            golden,
            "\n# ask.xml, to take a time that was offered\n{text}"
        )
        .unwrap();
        for hard in hard(language) {
            writeln!(
                golden,
                "\n# {} for {}\n{}",
                hard.time,
                hard.party_size,
                speech().script(&render_context(&hard)).text
            )
            .unwrap();
            let slowly = heard(&speech().render(&ask(true), &render_context(&hard), action));
            writeln!(golden, "{}", slowly.lines().nth(2).unwrap_or_default()).unwrap();
        }
        expect_file![format!(
            "{}/twiml/golden/{language}.txt",
            env!("CARGO_MANIFEST_DIR")
        )]
        .assert_eq(&golden);
    }
}
