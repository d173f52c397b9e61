//! Reads the source tree for the rules: files, their code without comments and strings, and paths
//! in it.
//!
//! It must not know any rule.
#![expect(
    clippy::unwrap_used,
    reason = "a tree that cannot be read fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Rust file of the project.
pub(crate) struct Source {
    /// From the root of the project, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// `text` with its comments and strings blanked.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank(text),
        }
    }

    /// The module at the root of the crate that this file belongs to; none for `lib.rs` and files
    /// outside of it.
    pub(crate) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let module = inside
            .split_once('/')
            .map_or_else(|| inside.trim_end_matches(".rs"), |(module, _)| module);
        (module != "lib").then_some(module)
    }

    /// Number of modules that this file lies below the root of the crate.
    pub(crate) fn depth(&self) -> usize {
        self.path
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .matches('/')
            .count()
    }

    /// The part that is compiled for tests only.
    pub(crate) fn tests(&self) -> &str {
        if self.path.starts_with("tests/") || self.path.ends_with("tests.rs") {
            return &self.code;
        }
        let mut marked = self
            .code
            .match_indices("#[cfg(test)]")
            .map(|(at, _)| &self.code[at..]);
        // Not `mod tests;`, whose file is looked at by itself.
        marked
            .find(|rest| rest.find('{') < rest.find(';').or(Some(rest.len())))
            .unwrap_or_default()
    }
}

/// The text after each `name` that is not the end of a longer word.
pub(crate) fn after<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(name).filter_map(move |(at, _)| {
        let whole = !code[..at]
            .ends_with(|character: char| character.is_alphanumeric() || character == '_');
        whole.then(|| &code[at + name.len()..])
    })
}

/// The paths at the start of `tree`, as after `use crate::`, up to `levels` names deep.
pub(crate) fn expand(tree: &str, levels: usize) -> Vec<String> {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        return items(group)
            .into_iter()
            .flat_map(|item| expand(item, levels))
            .collect();
    }
    let end = tree
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let below = match rest.strip_prefix("::") {
        Some(rest) if levels > 1 => expand(rest, levels - 1),
        _ => vec![],
    };
    match (name, below.is_empty()) {
        ("", _) => vec![],
        (_, true) => vec![name.to_owned()],
        (_, false) => below
            .into_iter()
            .map(|path| format!("{name}::{path}"))
            .collect(),
    }
}

/// The parts of a group between its commas, up to its closing brace.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_u32, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// `text` with the insides of comments, strings and character literals replaced by spaces; lines
/// stay where they are.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside_word =
            code.ends_with(|character: char| character.is_alphanumeric() || character == '_');
        let length = if inside_word { None } else { raw_string(rest) };
        let length = length.or_else(|| quiet(rest));
        let taken = &rest[..length.unwrap_or(first.len_utf8())];
        if length.is_some() {
            code.extend(
                taken
                    .chars()
                    .map(|character| if character == '\n' { '\n' } else { ' ' }),
            );
        } else {
            code.push(first);
        }
        rest = &rest[taken.len()..];
    }
    code
}

/// The length of the comment, string or character literal at the start of `text`.
fn quiet(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quoted = |quote: u8| {
        let mut at = 1;
        while bytes.get(at).is_some_and(|byte| *byte != quote) {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        (at + 1).min(bytes.len())
    };
    match bytes {
        [b'/', b'/', ..] => Some(text.find('\n').unwrap_or(text.len())),
        [b'/', b'*', ..] => {
            let (mut depth, mut at) = (0_u32, 0);
            loop {
                match bytes.get(at..at + 2) {
                    Some(b"/*") => (depth, at) = (depth + 1, at + 2),
                    Some(b"*/") if depth == 1 => return Some(at + 2),
                    Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                    Some(_) => at += 1,
                    None => return Some(bytes.len()),
                }
            }
        }
        [b'"', ..] => Some(quoted(b'"')),
        // A lifetime has no second quote behind its first character.
        [b'\'', b'\\', ..] => Some(quoted(b'\'')),
        [b'\'', ..] => {
            let second = text[1..].chars().next()?.len_utf8() + 1;
            (bytes.get(second) == Some(&b'\'')).then_some(second + 1)
        }
        _ => None,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + length)
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = "a // x\n/* x /* x */ x */ b \"x\\\" x\" r#\"x\" x\"# 'x' '\\'' c<'d> br\"x\" for r in 'é'..'x' {}";
    let left: Vec<&str> = blank(text)
        .split_whitespace()
        .map(|word| &*word.to_owned().leak())
        .collect();
    assert_eq!(left, ["a", "b", "c<'d>", "for", "r", "in", "..", "{}"]);
    assert_eq!(blank(text).lines().count(), text.lines().count());
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All Rust files of the project.
pub(crate) fn sources() -> Vec<Source> {
    let files: BTreeSet<String> = walk()
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .collect();
    for expected in [
        "src/lib.rs",
        "src/main.rs",
        "crates/clock/src/lib.rs",
        "crates/twilio-simulator/src/lib.rs",
        "tests/tidy.rs",
        "build.rs",
    ] {
        assert!(
            files.contains(expected),
            "{expected} was not scanned: the rules hold for nothing"
        );
    }
    files
        .iter()
        .map(|path| Source::new(path, &fs::read_to_string(root().join(path)).unwrap()))
        .collect()
}

/// All files that git knows or would; all that are there outside of a repository.
pub(crate) fn tracked() -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git")
        .current_dir(root())
        .args(arguments)
        .output();
    let listed = listed.ok().filter(|output| output.status.success());
    let files = listed.map_or_else(walk, |output| {
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    });
    assert!(
        files.iter().any(|path| path == "Cargo.toml"),
        "the project's own files were not listed"
    );
    files
}

/// All files below the root, but for what is built or fetched.
fn walk() -> Vec<String> {
    fn folder(path: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if ["target", ".git", "node_modules"]
                .iter()
                .any(|skipped| name == *skipped)
            {
                continue;
            } else if entry.file_type().unwrap().is_dir() {
                folder(&entry.path(), found);
            } else {
                let path = entry.path();
                let path = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    folder(&root(), &mut found);
    found
}
