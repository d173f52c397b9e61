//! Sources of all languages: the tables and the documents.

use std::collections::BTreeSet;

use super::InputMode;
use super::document::Document;
use super::files::File;
use super::language_pack::{LanguagePack, Templates};
use super::message::MESSAGES;
use super::numerals::Numerals;
use super::problem::{LanguageProblem, Wrong};
use super::schema::Schema;
use super::template::Template;

/// Sources of a language, beside its file.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) schema: Schema,
    numerals: Numerals,
    templates: Templates,
    input: InputMode,
}

impl Sources {
    /// Reads the tables and the documents.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn load(
        documents: &[File<'_>],
        input: InputMode,
    ) -> Result<Self, Vec<LanguageProblem>> {
        let unreadable =
            |error: serde_json::Error| one("../src/speech", Wrong::Unreadable(error.to_string()));
        Ok(Self {
            schema: Schema::load().map_err(unreadable)?,
            numerals: Numerals::load().map_err(unreadable)?,
            templates: templates(documents)?,
            input,
        })
    }

    /// Prepares a language.
    ///
    /// # Errors
    /// Everything that is wrong with its file.
    pub(super) fn prepare(&self, file: File<'_>) -> Result<LanguagePack, Vec<LanguageProblem>> {
        let Self {
            schema,
            numerals,
            templates,
            input,
        } = self;
        LanguagePack::load(file, templates, schema, numerals, *input)
    }
}

/// The file of the Gather that listens to words: a part of other documents.
const LISTENING: &str = "words";

/// Every document in the order of [`Document::ALL`].
fn templates(files: &[File<'_>]) -> Result<Templates, Vec<LanguageProblem>> {
    let (mut templates, mut problems) = (Vec::new(), Vec::new());
    for file in Document::ALL
        .map(Document::file)
        .into_iter()
        .chain([LISTENING])
    {
        let found = files
            .iter()
            .find(|(name, _)| *name == file)
            .ok_or(Wrong::MissingDocument);
        match found.and_then(|(_, text)| Template::parse(text)) {
            Ok(template) => templates.push(template),
            Err(what) => problems.push(LanguageProblem {
                file: format!("{file}.xml"),
                what,
            }),
        }
    }
    let named: BTreeSet<&str> = templates.iter().flat_map(Template::names).collect();
    if problems.is_empty() {
        let idle = MESSAGES.iter().filter(|spec| !named.contains(spec.name));
        problems
            .extend(idle.flat_map(|spec| one("*.xml", Wrong::IdleMessage(spec.name.to_owned()))));
    }
    match templates.pop() {
        Some(listening) if problems.is_empty() => Ok(Templates {
            documents: templates,
            listening,
        }),
        Some(_) | None => Err(problems),
    }
}

/// One fault of one file.
pub(super) fn one(file: &str, what: Wrong) -> Vec<LanguageProblem> {
    vec![LanguageProblem {
        file: file.to_owned(),
        what,
    }]
}
