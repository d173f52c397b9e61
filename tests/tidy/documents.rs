//! The rules of documents: links lead somewhere, and files and names of the code exist.

use std::collections::BTreeSet;
use std::fs;

use super::tree::{Source, root};

/// The most lines of the README, and the most words of the glossary.
pub(crate) const README_LINES: usize = 100;
pub(crate) const GLOSSARY_WORDS: usize = 40;

/// The relative links of a document that lead to no file, or to no heading of one.
pub(crate) fn dead_links(path: &str, text: &str) -> Vec<String> {
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
pub(crate) fn headings(text: &str) -> impl Iterator<Item = String> {
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

/// Rows of the table below a heading, without its head.
pub(crate) fn rows_below<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let section = lines.by_ref().take_while(|line| !line.starts_with("## "));
    section
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect()
}

/// Every word in the code, comments and strings of the product and its crates.
pub(crate) fn words(files: &[Source]) -> BTreeSet<&str> {
    let ours = |file: &&Source| file.path.starts_with("src/") || file.path.starts_with("crates/");
    let ours = files.iter().filter(ours);
    ours.flat_map(|file| file.text.split(|letter: char| !is_of_name(letter)))
        .collect()
}

/// What a document has in backquotes and the project has not: files and folders, by the end of their
/// paths, and names of the code such as `CallEngine::apply`.
pub(crate) fn unknown_names(text: &str, files: &[String], words: &BTreeSet<&str>) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let quoted = prose.split('`').skip(1).step_by(2);
    let unknown = quoted.filter(|name| {
        // `TAG` stands for the tag of any language.
        let path = name.replace("TAG", "*");
        let is_file = || files.iter().any(|file| ends_or_lies_in(file, &path));
        let is_word = || name.split("::").all(|part| words.contains(part));
        (is_path(name) && !is_file()) || (is_name(name) && !is_word() && !is_file())
    });
    unknown.map(str::to_owned).collect()
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// A relative path. One that begins with a slash is one of a URL.
fn is_path(text: &str) -> bool {
    let fits = |letter: char| is_of_name(letter) || "./*-".contains(letter);
    let kinds = [".rs", ".lua", ".md", ".toml", ".xml", ".json"];
    let is_file = kinds.iter().any(|kind| text.ends_with(kind));
    text.chars().all(fits) && !text.starts_with('/') && (text.contains('/') || is_file)
}

/// A path of modules and items, or a type.
fn is_name(text: &str) -> bool {
    let fits = |letter: char| is_of_name(letter) || letter == ':';
    let is_type = text.starts_with(|letter: char| letter.is_ascii_uppercase())
        && text.contains(|letter: char| letter.is_ascii_lowercase());
    text.chars().all(fits) && (text.contains("::") || is_type)
}

/// Returns whether a file has this path, counted from any folder, or lies in the folder of this
/// path. A star stands for any characters.
fn ends_or_lies_in(file: &str, path: &str) -> bool {
    let (start, end) = path.split_once('*').unwrap_or((path, ""));
    let places = file
        .match_indices(start)
        .filter(|(at, _)| *at == 0 || file[..*at].ends_with('/'));
    places.map(|(at, _)| &file[at + start.len()..]).any(|rest| {
        let is_folder = rest.starts_with('/') || start.ends_with('/');
        if path.contains('*') {
            rest.ends_with(end)
        } else {
            rest.is_empty() || is_folder
        }
    })
}
