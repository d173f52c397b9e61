//! Reads the text of single settings and collects every problem.

use std::fmt::Display;
use std::str::FromStr;

use super::{ConfigProblem, Features};

/// Hint to the separators of a list.
pub(super) const SEPARATED: &str = "several are separated by commas or stand on lines of their own";

pub(super) struct Reader {
    pub(super) features: Features,
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigProblem>,
}

/// A setting without white space around it; an empty one counts as not given.
pub(super) fn set(value: &Option<String>) -> Option<&str> {
    value
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The items of a list. Commas or ends of lines stand between them: files have one item a line.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n', '\r'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

impl Reader {
    pub(super) fn wrong(&mut self, name: &'static str, message: impl Display) {
        self.problems.push(ConfigProblem {
            name: name.into(),
            message: message.to_string(),
        });
    }

    pub(super) fn warn(&mut self, name: &'static str, message: impl Display) {
        self.warnings.push(ConfigProblem {
            name: name.into(),
            message: message.to_string(),
        });
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        value: &Option<String>,
        rule: &str,
    ) -> Option<T>
    where
        T: FromStr,
    {
        let text = set(value)?;
        text.parse().map_err(|_| self.wrong(name, rule)).ok()
    }

    pub(super) fn pairs(
        &mut self,
        name: &'static str,
        text: Option<&str>,
        shortest: usize,
    ) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for item in list(text.unwrap_or_default()) {
            match item.split_once(':') {
                Some((id, secret))
                    if id.is_empty() || id.len() > 64 || secret.chars().count() < shortest =>
                {
                    self.wrong(
                        name,
                        format!(
                            "each name has 1 to 64 characters, each secret at least {shortest}"
                        ),
                    );
                }
                Some(_) if item.contains(char::is_whitespace) => {
                    self.wrong(
                        name,
                        format!("has white space in a name or a secret; {SEPARATED}"),
                    );
                }
                Some((id, _)) if pairs.iter().any(|(known, _)| known == id) => {
                    self.wrong(name, format!("the name {id} stands there twice"));
                }
                Some((id, secret)) => pairs.push((id.to_owned(), secret.to_owned())),
                None => self.wrong(name, format!("must be name:secret; {SEPARATED}")),
            }
        }
        pairs
    }

    /// Every item of a list.
    pub(super) fn each<T>(&mut self, name: &'static str, value: &Option<String>) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let items: Vec<Result<T, T::Err>> = list(set(value).unwrap_or_default())
            .map(str::parse)
            .collect();
        items
            .into_iter()
            .filter_map(|item| item.map_err(|error| self.wrong(name, error)).ok())
            .collect()
    }

    /// Refuses a setting whose feature is not built in. `else_do` is another way out than a build.
    pub(super) fn needs_feature(&mut self, name: &'static str, feature: &str, else_do: &str) {
        self.wrong(
            name,
            format!(
                "needs the feature `{feature}`, which is not built in: build with `--features {feature}`, or take the image, \
                 the Debian package or a release, which have it; or {else_do}"
            ),
        );
    }
}
