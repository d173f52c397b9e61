//! The rules of the source tree, held by a machine: who may import whom, and what must not be
//! written.
//!
//! It reads text, not syntax: comments and strings are blanked first, and what is left is searched.
//! Each rule is shown to catch what it is for. It must not depend on anything but the standard
//! library.

use std::fs;

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/tree.rs"]
mod tree;

use documents::{GLOSSARY_WORDS, README_LINES, dead_links, rows_below, unknown_names, words};
use rules::{
    LONG_FILE, LONG_FUNCTION, ORDER, allow, asleep, environment, later, long_file, long_functions,
    order, poem, purpose, redis, shared_names, xml_of_poem,
};
use tree::{Source, read, root, sources, tracked};

#[test]
fn modules_import_only_what_stands_before_them() {
    hold(order);
    catches(
        order,
        "src/domain/day.rs",
        "use crate::{telemetry::Format, call::{Call, Step}};",
    );
    catches(order, "src/call.rs", "fn f() { crate::service::load() }");
    catches(order, "src/call/mod.rs", "use super::http::api;");
    catches(
        order,
        "src/call/turn.rs",
        "use super::super::{http, domain};",
    );
    catches(order, "src/ticket.rs", "use tablecall::config::Config;");
    catches(order, "src/surprise.rs", "fn f() {}");
    passes(
        order,
        "src/http/api.rs",
        "use crate::{service, domain::Day};\nuse crate::http::error;\n// crate::app",
    );
    passes(
        order,
        "src/call/turn.rs",
        "use super::app; use super::super::domain;",
    );
    passes(
        order,
        "src/service/mod.rs",
        "use self::store::Saved; use super::poll; const A: &str = \"crate::http\";",
    );
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    let found = circles::circles(&sources());
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}

#[test]
fn the_crate_lists_its_modules_in_that_order() {
    let order = |file: &Source| {
        let lines = file
            .code
            .lines()
            .map(|line| line.strip_prefix("pub ").unwrap_or(line))
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        let places: Vec<_> = lines
            .map(|name| ORDER.iter().position(|module| *module == name))
            .collect();
        let sorted = places.iter().all(Option::is_some) && places.is_sorted();
        if file.path == "src/lib.rs" && !sorted {
            vec!["a module out of order".to_owned()]
        } else {
            vec![]
        }
    };
    hold(order);
    catches(order, "src/lib.rs", "mod call;\npub mod domain;\n");
    passes(order, "src/lib.rs", "pub mod domain;\npub mod call;\n");
}

#[test]
fn only_http_knows_poem() {
    hold(poem);
    catches(poem, "src/service/mod.rs", "use poem::Request;");
    catches(
        poem,
        "src/domain.rs",
        "#[derive(poem_openapi::Object)] struct A;",
    );
    passes(poem, "src/http/api.rs", "use poem::Request;");
    passes(poem, "src/domain.rs", "// poem::Request\nuse a_poem::Line;");
}

#[test]
fn no_xml_is_read_through_poem() {
    // What poem reads it with has known faults (deny.toml).
    hold(xml_of_poem);
    catches(
        xml_of_poem,
        "src/http/api/mod.rs",
        "use poem_openapi::payload::{Json, Xml};",
    );
    catches(
        xml_of_poem,
        "src/http/mod.rs",
        "fn f(body: poem::web::Xml<A>) {}",
    );
    passes(
        xml_of_poem,
        "src/http/mod.rs",
        "use poem::web::Data; use quick_xml::Reader; enum A { Xml(u8) }",
    );
}

#[test]
fn only_the_store_knows_redis() {
    hold(redis);
    catches(redis, "src/store/memory.rs", "use redis::Script;");
    passes(redis, "src/store/redis/script.rs", "use redis::Script;");
    passes(redis, "src/service.rs", "use crate::store::redis::Url;");
}

#[test]
fn the_environment_is_read_in_main_only() {
    hold(environment);
    catches(
        environment,
        "src/config.rs",
        "fn f() { std::env::var(\"HOME\"); }",
    );
    catches(environment, "src/app.rs", "use std::env::{self, vars_os};");
    catches(environment, "crates/a/src/lib.rs", "use std::env::vars;");
    passes(environment, "src/main.rs", "fn f() { std::env::vars(); }");
    passes(
        environment,
        "src/app.rs",
        "const C: &str = env!(\"TABLECALL_COMMIT\"); fn f(e: E) { e.env::<u8>() }",
    );
}

#[test]
fn every_file_says_first_why_it_exists() {
    hold(purpose);
    catches(purpose, "src/a.rs", "use std::fmt;\n//! Late.");
    catches(purpose, "src/a.rs", "//!\n");
    passes(purpose, "src/a.rs", "//! Exists.");
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    hold(allow);
    catches(allow, "src/a.rs", "#![allow(dead_code)]");
    catches(allow, "src/a.rs", "#[cfg_attr(test, allow(unused))]");
    passes(
        allow,
        "src/a.rs",
        "#[expect(unused, reason = \"x\")] fn allow(a: u8) {} // #[allow(x)]",
    );
}

#[test]
fn nothing_is_left_for_later() {
    hold(later);
    for left in [
        ["// TO", "DO: x"].concat(),
        ["/* FIX", "ME */"].concat(),
        "fn f() { unimplemented!() }".to_owned(),
    ] {
        catches(later, "src/a.rs", &left);
    }
    passes(later, "src/a.rs", "const MASTODON: &str = \"todo\";");
}

#[test]
fn no_two_types_share_a_name() {
    let found = shared_names(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let files = |texts: [&str; 2]| {
        let [one, other] = texts;
        shared_names(&[Source::new("src/a.rs", one), Source::new("src/b.rs", other)])
    };
    assert_eq!(
        files(["pub enum Turn { A }", "pub struct Turn<T>(T);"]).len(),
        1
    );
    assert_eq!(
        files(["pub trait Turn {}", "    pub type Turn = u8;"]).len(),
        1
    );
    assert_eq!(files(["pub enum Turn {}", "struct Turn;"]).len(), 1);
    assert!(files(["pub enum Turn {}", "struct Other; // pub struct Turn"]).is_empty());
    assert!(files(["struct Inner;", "struct Inner;"]).is_empty());
    assert!(files(["impl A {\n    type Err = B;", "impl B {\n    type Err = B;"]).is_empty());
    assert_eq!(files(["pub enum Error {}", "pub enum Error {}"]).len(), 1);
    let inside = "pub(super) enum Turn {}";
    let of_crate = Source::new("crates/a/src/b.rs", inside);
    assert_eq!(
        shared_names(&[Source::new("src/a.rs", "pub enum Turn {}"), of_crate]).len(),
        1
    );
    assert_eq!(files(["pub enum Turn {}", inside]).len(), 1);
}

#[test]
fn no_test_sleeps() {
    hold(asleep);
    catches(
        asleep,
        "tests/it/a.rs",
        "async fn f() { tokio::time::sleep(D).await }",
    );
    catches(
        asleep,
        "src/a.rs",
        "#[cfg(test)]\nmod tests { use std::thread::sleep; fn f() { sleep(D) } }",
    );
    passes(
        asleep,
        "src/a.rs",
        "#[cfg(test)]\nmod tests;\nfn f() { sleep(D) }",
    );
    catches(asleep, "src/a/tests.rs", "fn f() { thread::sleep_ms(1) }");
    catches(
        asleep,
        "tests/it/a.rs",
        "async fn f() { Clock::system().sleep(D).await }",
    );
    catches(
        asleep,
        "tests/it/a.rs",
        "let mut ticks = tokio::time::interval(D);",
    );
    passes(
        asleep,
        "tests/it/a.rs",
        "async fn f() { sleep_real_time(D).await }",
    );
    passes(
        asleep,
        "tests/it/a.rs",
        "async fn f(clock: &Clock) { clock.sleep(D).await; clock.sleep_until(t).await }",
    );
    passes(
        asleep,
        "src/a.rs",
        "async fn f() { tokio::time::sleep(D).await }\n#[cfg(test)]\nmod tests {}",
    );
}

#[test]
fn long_functions_are_pointed_out() {
    let function = format!(
        "fn short(a: [u8; 2]) {{}}\nfn long() -> u8 {{\n{}}}\n",
        "    work();\n".repeat(LONG_FUNCTION)
    );
    let found = long_functions(&Source::new("src/a.rs", &function));
    assert!(
        matches!(found.as_slice(), [one] if one.contains("`long`")),
        "{found:?}"
    );
    // Only a warning: a table may be long for a good reason.
    for file in sources() {
        for warning in long_functions(&file) {
            println!("warning: {}: {warning}", file.path);
        }
    }
}

#[test]
fn no_file_is_long() {
    hold(long_file);
    let lines = |count: usize| "// a line\n".repeat(count);
    catches(long_file, "src/a.rs", &lines(LONG_FILE + 1));
    passes(long_file, "src/a.rs", &lines(LONG_FILE));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = tracked().into_iter().filter(|path| path.ends_with(".md"));
    let found: Vec<String> = documents
        .filter(|path| root().join(path).exists())
        .flat_map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            dead_links(&path, &text)
                .into_iter()
                .map(move |link| format!("{path}: {link} leads nowhere"))
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let dead = |text: &str| dead_links("docs/README.md", text);
    assert_eq!(dead("[a](nowhere.md) and ![b](../LICENSE-MITT)").len(), 2);
    assert_eq!(dead("[a](../README.md#no-such-heading)").len(), 1);
    assert!(dead("[a](https://example.com/x) `[b](c)` [d](../README.md#try-it)").is_empty());
}

#[test]
fn documents_for_contributors_name_only_what_there_is() {
    let (sources, files) = (sources(), tracked());
    let words = words(&sources);
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let found = unknown_names(&read(document), &files, &words);
        assert_eq!(found, [] as [&str; 0], "{document}");
    }
    let unknown = |text: &str| unknown_names(text, &files, &words);
    assert_eq!(unknown("`src/gargoyle.rs`, `rules/`").len(), 2);
    assert_eq!(unknown("`Gargoyle`, `Call::gargoyle`").len(), 2);
    let known =
        "`tests/tidy.rs`, `tidy/`, `tidy/ru*.rs`, `Call::wake_at`, `/gargoyle/`, `no-such-word`";
    assert_eq!(unknown(known), [] as [&str; 0]);
}

#[test]
fn the_readme_and_the_glossary_are_short_and_the_index_is_complete() {
    assert!(read("README.md").lines().count() <= README_LINES);
    let architecture = read("ARCHITECTURE.md");
    let glossary = rows_below(&architecture, "## Glossary");
    assert!((10..=GLOSSARY_WORDS).contains(&glossary.len()));
    let index = read("docs/README.md");
    let documents = tracked().into_iter().filter_map(|path| {
        let name = path.strip_prefix("docs/")?.strip_suffix(".md")?;
        (!name.contains('/') && name != "README").then(|| format!("]({name}.md)"))
    });
    let missing: Vec<String> = documents.filter(|link| !index.contains(link)).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|file| {
            rule(file)
                .into_iter()
                .map(|what| format!("{}: {what}", file.path))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn catches(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) {
    assert!(
        !rule(&Source::new(path, text)).is_empty(),
        "not caught in {path}: {text}"
    );
}

fn passes(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) {
    let found = rule(&Source::new(path, text));
    assert!(found.is_empty(), "{path}: {text}: {found:?}");
}
