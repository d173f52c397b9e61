//! The rules of the source tree, held by a machine: who may import whom, and what must not be
//! written.
//!
//! It reads text, not syntax: comments and strings are blanked first, and what is left is searched.
//! Each rule is shown to catch what it is for. It must not depend on anything but the standard
//! library.

use std::collections::BTreeMap;
use std::fs;

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/long_files.rs"]
mod long_files;
#[path = "tidy/tree.rs"]
mod tree;

use long_files::LONG_FILES;
use tree::{Source, after, expand, root, sources, tracked};

/// The modules of the crate; each may import those before it. A new one gets its place here first.
///
/// `telemetry` is first because everything may log; `domain`, `call` and `policy` do no I/O;
/// `twilio` and `speech` know the wire and the words; `service` joins them; `mcp` is a client like any other;
/// `http` is the only door;
/// the last three put the program together. The clock and the simulator are crates of their own.
const ORDER: [&str; 18] = [
    "unescaped",
    "telemetry",
    "domain",
    "call",
    "policy",
    "ticket",
    "twilio",
    "speech",
    "store",
    "service",
    "notify",
    "mcp",
    "http",
    "config",
    "app",
    "doctor",
    "remote",
    "main",
];

const LONG_FILE: usize = 400;
const LONG_FUNCTION: usize = 60;

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
fn no_two_public_types_share_a_name() {
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
    assert!(files(["pub enum Turn {}", "struct Turn; // pub struct Turn"]).is_empty());
    assert!(files(["pub enum Error {}", "pub enum Error {}"]).is_empty());
    let inside = "pub(super) enum Turn {}";
    let of_crate = Source::new("crates/a/src/b.rs", inside);
    assert_eq!(
        shared_names(&[Source::new("src/a.rs", "pub enum Turn {}"), of_crate]).len(),
        1
    );
    assert!(files(["pub enum Turn {}", inside]).is_empty());
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
fn long_files_and_functions_are_pointed_out() {
    let function = format!(
        "fn short(a: [u8; 2]) {{}}\nfn long() -> u8 {{\n{}}}\n",
        "    work();\n".repeat(LONG_FUNCTION)
    );
    let found = long(&Source::new("src/a.rs", &function));
    assert!(
        matches!(found.as_slice(), [one] if one.contains("`long`")),
        "{found:?}"
    );
    let found = long(&Source::new(
        "src/a.rs",
        &"// a line\n".repeat(LONG_FILE + 1),
    ));
    assert!(
        matches!(found.as_slice(), [one] if one.contains("lines")),
        "{found:?}"
    );
    // Only a warning: a table may be long for a good reason.
    for file in sources() {
        for warning in long(&file) {
            println!("warning: {}: {warning}", file.path);
        }
    }
}

#[test]
fn no_file_is_long_but_those_that_are_listed() {
    let is_long = |file: &Source| file.text.lines().count() > LONG_FILE;
    let files = sources();
    let mut wrong = Vec::new();
    for file in &files {
        match (is_long(file), LONG_FILES.contains(&&*file.path)) {
            (true, false) => wrong.push(format!(
                "{} has more than {LONG_FILE} lines: split it by concern",
                file.path
            )),
            (false, true) => wrong.push(format!(
                "{} is not long any more: take it off the list",
                file.path
            )),
            (true, true) | (false, false) => {}
        }
    }
    let is_gone = |listed: &&&str| !files.iter().any(|file| file.path == **listed);
    for gone in LONG_FILES.iter().filter(is_gone) {
        wrong.push(format!("{gone} is no file: take it off the list"));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
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

fn order(file: &Source) -> Vec<String> {
    let Some(module) = file.module() else {
        return vec![];
    };
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    let Some(own) = rank(module) else {
        return vec![format!("`{module}` has no place in the order of modules")];
    };
    let mut found = Vec::new();
    for path in imports(&file.code, 1) {
        if rank(&path).is_some_and(|other| other > own) {
            found.push(format!(
                "`{module}` imports `{path}`, which stands after it"
            ));
        }
    }
    // `super` may climb out of the module; a name below the file's own module is not one of the
    // crate's root.
    let folder = root().join("src").join(module);
    for mut tree in after(&file.code, "super::") {
        let mut climbed = 1;
        while let Some(rest) = tree.strip_prefix("super::") {
            (tree, climbed) = (rest, climbed + 1);
        }
        for path in expand(tree, 1).iter().filter(|_| climbed >= file.depth()) {
            let inside = folder.join(path).exists() || folder.join(format!("{path}.rs")).exists();
            if !inside && rank(path).is_some_and(|other| other > own) {
                found.push(format!("`{module}` reaches `{path}` through `super`"));
            }
        }
    }
    found
}

fn poem(file: &Source) -> Vec<String> {
    let known = ["poem::", "poem_openapi::"]
        .iter()
        .any(|name| after(&file.code, name).next().is_some());
    let inside = file.module() == Some("http") || file.module().is_none();
    if known && !inside {
        vec!["poem outside of http/".to_owned()]
    } else {
        vec![]
    }
}

fn xml_of_poem(file: &Source) -> Vec<String> {
    let from = ["web::", "payload::"]
        .iter()
        .flat_map(|name| after(&file.code, name))
        .flat_map(|tree| expand(tree, 1));
    let names = from.filter(|name| name == "Xml" || name == "*");
    names.map(|name| format!("{name} of poem")).collect()
}

fn redis(file: &Source) -> Vec<String> {
    let known = after(&file.code, "redis::").any(|tree| {
        let before = &file.code[..file.code.len() - tree.len() - "redis::".len()];
        !before.ends_with("::")
    });
    let inside = file.path.starts_with("src/store/redis") || file.module().is_none();
    if known && !inside {
        vec!["redis outside of store/redis".to_owned()]
    } else {
        vec![]
    }
}

fn environment(file: &Source) -> Vec<String> {
    let read = after(&file.code, "env::")
        .flat_map(|tree| expand(tree, 1))
        .any(|name| name.starts_with("var"));
    let ours = file.module().is_some() || file.path.starts_with("crates/");
    let inside = file.module() == Some("main") || !ours;
    if read && !inside {
        vec!["the environment is read".to_owned()]
    } else {
        vec![]
    }
}

fn purpose(file: &Source) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    let said = first
        .strip_prefix("//!")
        .is_some_and(|why| !why.trim().is_empty());
    if said {
        vec![]
    } else {
        vec!["does not begin with `//!` and a reason".to_owned()]
    }
}

fn allow(file: &Source) -> Vec<String> {
    let allowed = after(&file.code, "allow(").any(|rest| {
        let line = file.code[..file.code.len() - rest.len() - "allow(".len()]
            .rsplit('\n')
            .next()
            .unwrap_or_default();
        line.ends_with("#[") || line.ends_with("#![") || line.contains("cfg_attr(")
    });
    if allowed {
        vec!["a lint is allowed".to_owned()]
    } else {
        vec![]
    }
}

fn later(file: &Source) -> Vec<String> {
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut found: Vec<_> = notes
        .into_iter()
        .filter(|note| after(&file.text, note).next().is_some())
        .collect();
    let holes = ["todo!", "unimplemented!"]
        .into_iter()
        .filter(|hole| after(&file.code, hole).next().is_some());
    found.extend(holes.map(str::to_owned));
    found
}

/// Names of public types that are declared twice in `src/` and `crates/`, with their files. What a
/// crate shows its own modules must not have the name of a public type either.
///
/// `Error` may be declared once in each module: elsewhere it is written with its module, as in
/// `store::Error`, like the errors of the standard library. Names that a macro makes are not seen.
/// A file `…left_out.rs` stands in for another one where a feature is not built in, so that it
/// declares the same types.
fn shared_names(files: &[Source]) -> Vec<String> {
    let mut declared = BTreeMap::<String, Vec<&str>>::new();
    let ours = |file: &&Source| {
        ["src/", "crates/"]
            .iter()
            .any(|dir| file.path.starts_with(dir))
            && !file.path.ends_with("left_out.rs")
    };
    for file in files.iter().filter(ours) {
        let shown: &[&str] = if file.path.starts_with("crates/") {
            &["pub", "pub(crate)", "pub(super)"]
        } else {
            &["pub"]
        };
        let kinds = ["struct", "enum", "trait", "type", "union"];
        for (to, kind) in shown.iter().flat_map(|to| kinds.map(|kind| (to, kind))) {
            for rest in after(&file.code, &format!("{to} {kind} ")) {
                let name = expand(rest, 1).concat();
                if !name.is_empty() && name != "Error" {
                    declared.entry(name).or_default().push(&file.path);
                }
            }
        }
    }
    declared.retain(|_, paths| paths.len() > 1);
    let found = declared.into_iter();
    found
        .map(|(name, paths)| format!("`{name}` is declared in {}", paths.join(" and in ")))
        .collect()
}

/// Where tests may wait by the clock: `sleep_real_time` and `poll`.
const REAL_TIME: &str = "tests/it/support/real_time.rs";

fn asleep(file: &Source) -> Vec<String> {
    if file.path == REAL_TIME {
        return vec![];
    }
    let code = file.tests();
    let calls = |name: &str, wrong: fn(&str) -> bool| {
        after(code, name).any(|rest| wrong(code[..code.len() - rest.len() - name.len()].trim_end()))
    };
    let always = [
        "thread::sleep",
        "time::sleep",
        "sleep_ms(",
        "interval(",
        "interval_at(",
        "park_timeout(",
    ];
    // `clock.sleep` waits in simulated time, which a test moves itself.
    let in_real_time = |before: &str| {
        before
            .strip_suffix('.')
            .is_none_or(|clock| clock.trim_end().ends_with("Clock::system()"))
    };
    let found = always.iter().any(|name| calls(name, |_| true))
        || ["sleep(", "sleep_until("]
            .iter()
            .any(|name| calls(name, in_real_time));
    if found {
        vec!["a test sleeps; real time passes in `sleep_real_time` and `poll` only".to_owned()]
    } else {
        vec![]
    }
}

fn long(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > LONG_FILE {
        found.push(format!("{lines} lines"));
    }
    for rest in after(&file.code, "fn ") {
        let name = expand(rest, 1).concat();
        // A semicolon that ends a declaration without a body stands outside of any bracket.
        let mut depth = 0_i32;
        let body = rest.char_indices().find_map(|(at, character)| {
            depth += i32::from(matches!(character, '(' | '['))
                - i32::from(matches!(character, ')' | ']'));
            (depth == 0 && matches!(character, '{' | ';')).then_some((at, character))
        });
        let Some((at, '{')) = body else { continue };
        let mut depth = 0_i32;
        let end = rest[at..].find(|character| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            depth == 0
        });
        let lines = end.map_or(0, |end| rest[..at + end].lines().count());
        if lines > LONG_FUNCTION {
            found.push(format!("`{name}` has {lines} lines"));
        }
    }
    found
}

/// The relative links of a document that lead to no file, or to no heading of one.
fn dead_links(path: &str, text: &str) -> Vec<String> {
    let document = root().join(path);
    let prose: String = text.split('`').step_by(2).collect();
    let links = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let local = links.filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
    let dead = local.filter(|link| {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() {
            document.clone()
        } else {
            document.with_file_name(file)
        };
        if anchor.is_empty() {
            return !target.exists();
        }
        !fs::read_to_string(target).is_ok_and(|text| headings(&text).any(|slug| slug == anchor))
    });
    dead.map(str::to_owned).collect()
}

/// The anchors that GitHub gives to the headings of a document.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let titles = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim().to_lowercase())
    });
    titles.map(|title| {
        title.replace(' ', "-").replace(
            |letter: char| !letter.is_alphanumeric() && !"-_".contains(letter),
            "",
        )
    })
}

/// What is imported from the root of the crate, `levels` names deep.
fn imports(code: &str, levels: usize) -> Vec<String> {
    let roots = after(code, "crate::").chain(after(code, "tablecall::"));
    roots.flat_map(|tree| expand(tree, levels)).collect()
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
