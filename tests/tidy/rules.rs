//! The rules: each takes a file and returns what is wrong with it.

use std::collections::BTreeMap;

use super::tree::{Source, after, expand, root};

/// The modules of the crate; each may import those before it. A new one gets its place here first.
///
/// `telemetry` is first because everything may log; `domain`, `call` and `policy` do no I/O;
/// `twilio` and `speech` know the wire and the words; `service` joins them; `mcp` is a client like any other;
/// `http` is the only door;
/// the last three put the program together. The clock and the simulator are crates of their own.
pub(crate) const ORDER: [&str; 18] = [
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

pub(crate) const LONG_FILE: usize = 400;
pub(crate) const LONG_FUNCTION: usize = 60;

pub(crate) fn order(file: &Source) -> Vec<String> {
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

pub(crate) fn poem(file: &Source) -> Vec<String> {
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

pub(crate) fn xml_of_poem(file: &Source) -> Vec<String> {
    let from = ["web::", "payload::"]
        .iter()
        .flat_map(|name| after(&file.code, name))
        .flat_map(|tree| expand(tree, 1));
    let names = from.filter(|name| name == "Xml" || name == "*");
    names.map(|name| format!("{name} of poem")).collect()
}

pub(crate) fn redis(file: &Source) -> Vec<String> {
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

pub(crate) fn environment(file: &Source) -> Vec<String> {
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

pub(crate) fn purpose(file: &Source) -> Vec<String> {
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

pub(crate) fn allow(file: &Source) -> Vec<String> {
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

pub(crate) fn later(file: &Source) -> Vec<String> {
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

/// A private type of this name is the inside of its module's main type.
const INSIDE: &str = "Inner";

/// Names of types that are declared twice in `src/` and `crates/`, with their files. Types inside of
/// functions and tests are not looked at, and names that a macro makes are not seen.
pub(crate) fn shared_names(files: &[Source]) -> Vec<String> {
    let mut declared = BTreeMap::<String, Vec<&str>>::new();
    let ours = |file: &&Source| {
        let is_test = file.path.contains("/tests");
        !is_test
            && ["src/", "crates/"]
                .iter()
                .any(|dir| file.path.starts_with(dir))
    };
    let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
    for file in files.iter().filter(ours) {
        for line in file.code.lines() {
            let shown = ["pub(crate) ", "pub(super) ", "pub "];
            let is_shown = shown
                .iter()
                .find_map(|shown| line.trim_start().strip_prefix(shown));
            let Some(name) = kinds
                .iter()
                .find_map(|kind| is_shown.unwrap_or(line).strip_prefix(kind))
            else {
                continue;
            };
            let name = expand(name, 1).concat();
            if !name.is_empty() && name != INSIDE {
                declared.entry(name).or_default().push(&file.path);
            }
        }
    }

    declared.retain(|_, paths| paths.len() > 1);
    let found = declared.into_iter();
    found
        .map(|(name, paths)| format!("`{name}` is declared in {}", paths.join(" and in ")))
        .collect()
}

/// The file in which tests may wait by the clock: `sleep_real_time` and `poll`.
pub(crate) const REAL_TIME: &str = "tests/it/support/real_time.rs";

pub(crate) fn asleep(file: &Source) -> Vec<String> {
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

pub(crate) fn long_file(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines > LONG_FILE {
        vec![format!(
            "{lines} lines are more than {LONG_FILE}: split it by concern"
        )]
    } else {
        vec![]
    }
}

pub(crate) fn long_functions(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
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

/// The names that are imported from the root of the crate, `levels` deep.
pub(crate) fn imports(code: &str, levels: usize) -> Vec<String> {
    let roots = after(code, "crate::").chain(after(code, "tablecall::"));
    roots.flat_map(|tree| expand(tree, levels)).collect()
}
