//! The languages of the app: each has every word, for every outcome the API knows, and is chosen by
//! the browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tablecall::internals::{Ended, Outcome, WaitingFor};

use super::site::TestSite;
use super::tab::Tab;

const LANGUAGES: [&str; 7] = ["de", "en", "es", "fr", "it", "ja", "pt"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn words(language: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join(format!("web/app/lang/{language}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{language}.json: {error}"))
}

/// The `{names}` in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_language_says_everything() {
    needs!("chromium", "chromedriver");
    let files = fs::read_dir(root().join("web/app/lang"))
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let mut files: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, LANGUAGES.map(|language| format!("{language}.json")));
    let english = words("en");
    for language in LANGUAGES {
        let words = words(language);
        assert!(
            words.keys().eq(english.keys()),
            "{language} has other words than en"
        );
        for (key, text) in &words {
            assert!(!text.trim().is_empty(), "{language}: {key} is empty");
            assert_eq!(names(text), names(&english[key]), "{language}: {key}");
        }
    }
}

#[test]
fn there_are_words_for_all_that_the_api_can_say() {
    needs!("chromium", "chromedriver");
    let english = words("en");
    let outcomes = Outcome::ALL.iter().flat_map(|it| {
        [
            format!("outcome.{}", it.word()),
            format!("verdict.{}", it.word()),
        ]
    });
    let ended = Ended::ALL.iter().map(|it| format!("ended.{}", it.word()));
    let waiting = WaitingFor::ALL
        .iter()
        .map(|it| format!("waiting.{}", it.word()));
    let status = ["queued", "dialing", "ringing", "in_progress", "finished"]
        .map(|it| format!("status.{it}"));
    let missing: Vec<_> = outcomes
        .chain(ended)
        .chain(waiting)
        .chain(status)
        .filter(|key| !english.contains_key(key))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_word_that_the_pages_ask_for_is_there() {
    needs!("chromium", "chromedriver");
    let english = words("en");
    let mut wanted = BTreeSet::new();
    for file in [
        "web/index.html",
        "web/app/form.js",
        "web/app/hours.js",
        "web/app/live.js",
        "web/app/main.js",
        "web/app/recent.js",
        "web/app/verdict.js",
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for (before, after) in [
            ("data-t=\"", '"'),
            ("data-t-aria-label=\"", '"'),
            (" t(\"", '"'),
            ("(t(\"", '"'),
        ] {
            let found = text
                .split(before)
                .skip(1)
                .filter_map(|rest| rest.split_once(after));
            wanted.extend(found.map(|(key, _)| key.to_owned()));
        }
    }
    assert!(wanted.len() > 80, "only {} words were found", wanted.len());
    let missing: Vec<_> = wanted
        .iter()
        .filter(|key| !english.contains_key(*key))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn the_browsers_language_is_spoken_and_another_can_be_chosen() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let guest = Tab::reading("es-MX", &site.origin).await;
    guest.visit("/").await;
    guest.read("Llamar al restaurante").await;
    guest.see("html[lang=es]").await;
    for (name, words) in [
        ("Deutsch", "Restaurant anrufen"),
        ("Français", "Appeler le restaurant"),
        ("Italiano", "Chiama il ristorante"),
        ("Português", "Ligar para o restaurante"),
        ("日本語", "レストランに電話する"),
    ] {
        guest
            .see("#tongue")
            .await
            .select_by_label(name)
            .await
            .unwrap();
        guest.read(words).await;
    }
    guest.visit("/").await;
    guest.see("html[lang=ja]").await;
    guest.read("お名前").await;
    guest.leave().await;
}
