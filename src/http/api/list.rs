//! Parameters of the list of a client's calls, and the form of its pages.

use poem_openapi::Object;
use serde::Serialize;
use serde_json::{Value, json};

use super::enums::{ClosedList as _, Status};
use super::parameters;
use super::view::CallView;
use crate::call::Outcome;
use crate::domain::{CallId, Phone};
use crate::service::CallFilter;
use crate::service::intake::{Defaults, FieldError};

/// Calls of a page by default.
pub const PAGE: usize = 20;
/// The most calls of a page.
pub const MOST: usize = 100;
/// The parameters in the URL.
const PARAMETERS: [&str; 4] = ["limit", "cursor", "status", "outcome"];

/// Some calls of a key, newest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CallList")]
pub struct CallListView {
    /// The calls, newest first.
    calls: Vec<CallView>,
    /// What to send as `cursor` for the calls before these; null: there are none.
    next_cursor: Option<String>,
}

impl CallListView {
    /// A page, and the call after which the next one begins.
    #[must_use]
    pub fn of(calls: Vec<CallView>, next: Option<CallId>) -> Self {
        Self {
            calls,
            next_cursor: next.map(|id| id.to_string()),
        }
    }
}

/// The parameters as they came.
#[derive(Debug, Default)]
pub struct ListParameters {
    /// `limit`.
    pub limit: Option<String>,
    /// `cursor`.
    pub cursor: Option<String>,
    /// `status`.
    pub status: Option<String>,
    /// `outcome`.
    pub outcome: Option<String>,
    /// The header `Restaurant-Phone`.
    pub phone: Option<String>,
}

/// The parameters as they are understood.
#[derive(Debug)]
pub struct ListRequest {
    /// Filter of the calls.
    pub filter: CallFilter,
    /// The call before which the page begins.
    pub before: Option<CallId>,
    /// The most calls of the page.
    pub most: usize,
}

impl ListParameters {
    /// Reads the parameters of a request with the query `url_query`.
    ///
    /// # Errors
    /// All that is wrong, each with its name.
    pub fn read(
        &self,
        url_query: &str,
        defaults: &Defaults,
    ) -> Result<ListRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        for mut error in parameters::judge(url_query, &PARAMETERS) {
            if error.field == "phone" {
                error.code = "not_in_url";
                "must not stand in a URL, which ends in logs: send it in the header Restaurant-Phone"
                    .clone_into(&mut error.message);
            }
            errors.push(error);
        }
        let mut wrong = |field: &str, code, message: String| {
            errors.push(FieldError {
                field: field.to_owned(),
                code,
                message,
            });
        };
        let most = match self.limit.as_deref().map(str::parse::<usize>) {
            None => PAGE,
            Some(Ok(most @ 1..=MOST)) => most,
            Some(Ok(_) | Err(_)) => {
                let message = format!("must be a whole number from 1 to {MOST}");
                wrong("limit", "out_of_range", message);
                PAGE
            }
        };
        let before = self.cursor.as_deref().and_then(|text| {
            let read = text.parse::<CallId>().ok();
            if read.is_none() {
                let message =
                    "must be the next_cursor of the page before; leave it out for the newest calls";
                wrong("cursor", "unknown_cursor", message.to_owned());
            }
            read
        });
        let status = self.status.as_deref().and_then(|text| {
            let (known, message) = one_of(
                Status::all().into_iter().map(|it| (it.word(), it.word())),
                text,
            );
            if known.is_none() {
                wrong("status", "unknown_value", message);
            }
            known
        });
        let outcome = self.outcome.as_deref().and_then(|text| {
            let (known, message) = one_of(Outcome::ALL.iter().map(|it| (it.word(), *it)), text);
            if known.is_none() {
                wrong("outcome", "unknown_value", message);
            }
            known
        });
        let phone =
            self.phone
                .as_deref()
                .and_then(|text| match Phone::read(text, defaults.country) {
                    Ok(read) => Some(read.phone),
                    Err(error) => {
                        wrong("Restaurant-Phone", error.code(), error.to_string());
                        None
                    }
                });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(ListRequest {
            filter: CallFilter {
                status,
                outcome,
                phone,
            },
            before,
            most,
        })
    }
}

/// The schema of a parameter, for the document.
#[must_use]
pub fn schema(parameter: &str) -> Value {
    let one_of = |words: Vec<&str>| json!({"type": "string", "enum": words});
    match parameter {
        "limit" => {
            json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": MOST, "default": PAGE})
        }
        "cursor" => json!({"type": "string"}),
        "status" => one_of(Status::all().iter().map(|it| it.word()).collect()),
        "outcome" => one_of(Outcome::ALL.iter().map(|it| it.word()).collect()),
        _ => json!({"type": "string", "minLength": 3, "maxLength": 64, "example": "+14155550101"}),
    }
}

/// The value of a word, or the rule that names all words.
fn one_of<T>(
    words: impl Iterator<Item = (&'static str, T)> + Clone,
    text: &str,
) -> (Option<T>, String) {
    let names: Vec<&str> = words.clone().map(|(word, _)| word).collect();
    let known = words.into_iter().find(|(word, _)| *word == text);
    (
        known.map(|(_, value)| value),
        format!("must be one of {}", names.join(", ")),
    )
}
