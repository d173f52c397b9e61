//! Paging of lists in Twilio's way: `PageSize`, `PageQuery`, `PageToken`, relative addresses.

use serde_json::{Map, Value, json};

use super::form;
use super::rest_error::RestError;

/// The part of a list that was asked for.
#[derive(Debug)]
pub(super) struct PageQuery<'a> {
    /// Path of the list, as asked.
    pub(super) path: &'a str,
    query: &'a [(String, String)],
    size: usize,
    number: usize,
    token: Option<&'a str>,
}

impl<'a> PageQuery<'a> {
    /// Reads the paging parameters.
    pub(super) fn of(path: &'a str, query: &'a [(String, String)]) -> Result<Self, RestError> {
        let number = |name: &str, default: usize| match form::first(query, name) {
            Some(text) => text.parse().map_err(|_| RestError::PageSize),
            None => Ok(default),
        };
        let size = number("PageSize", 50)?;
        if !(1..=1_000).contains(&size) {
            return Err(RestError::PageSize);
        }
        Ok(Self {
            path,
            query,
            size,
            number: number("Page", 0)?,
            token: form::first(query, "PageToken"),
        })
    }

    /// Cuts the page out of `items` (a sid each, newest first) and puts it into its envelope as
    /// `name`.
    pub(super) fn envelope(&self, name: &str, items: Vec<(String, Value)>) -> Value {
        let from = match self.token {
            Some(token) => items
                .iter()
                .position(|(sid, _)| token.strip_prefix("PA").is_some_and(|last| last == sid))
                .map_or(items.len(), |last| last + 1),
            None => self.number.saturating_mul(self.size),
        };
        let more = items.len() > from.saturating_add(self.size);
        let shown: Vec<(String, Value)> = items.into_iter().skip(from).take(self.size).collect();
        let next = shown
            .last()
            .filter(|_| more)
            .map(|(sid, _)| self.uri(self.number + 1, Some(&format!("PA{sid}"))));
        let start = self.number.saturating_mul(self.size);
        let end = (start + shown.len()).saturating_sub(1);
        let values: Vec<Value> = shown.into_iter().map(|(_, value)| value).collect();
        let mut envelope = Map::new();
        envelope.insert(name.to_owned(), Value::Array(values));
        for (key, value) in [
            ("page", json!(self.number)),
            ("page_size", json!(self.size)),
            ("start", json!(start)),
            ("end", json!(end)),
            ("uri", json!(self.uri(self.number, self.token))),
            ("first_page_uri", json!(self.uri(0, None))),
            ("next_page_uri", json!(next)),
            (
                "previous_page_uri",
                json!(
                    self.number
                        .checked_sub(1)
                        .map(|number| self.uri(number, None))
                ),
            ),
        ] {
            envelope.insert(key.to_owned(), value);
        }
        Value::Object(envelope)
    }

    fn uri(&self, number: usize, token: Option<&str>) -> String {
        let paging = ["PageSize", "Page", "PageToken"];
        let mut pairs: Vec<_> = self
            .query
            .iter()
            .filter(|(name, _)| !paging.contains(&name.as_str()))
            .cloned()
            .collect();
        pairs.push(("PageSize".to_owned(), self.size.to_string()));
        pairs.push(("Page".to_owned(), number.to_string()));
        pairs.extend(token.map(|token| ("PageToken".to_owned(), token.to_owned())));
        format!("{}?{}", self.path, form::encode(&pairs))
    }
}
