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
        let mut wrong = Vec::new();
        for mut error in parameters::judge(url_query, &PARAMETERS) {
            if error.field == "phone" {
                error.code = "not_in_url";
                "must not stand in a URL, which ends in logs: send it in the header Restaurant-Phone"
                    .clone_into(&mut error.message);
            }
            wrong.push(error);
        }
        let phone = |text: &str| {
            let read = Phone::read(text, defaults.country).map(|read| read.phone);
            read.map_err(|error| (error.code(), error.to_string()))
        };
        let most = keep(&mut wrong, "limit", self.limit.as_deref(), limit);
        let before = keep(&mut wrong, "cursor", self.cursor.as_deref(), cursor);
        let status = keep(&mut wrong, "status", self.status.as_deref(), |text| {
            one_of(
                Status::all().into_iter().map(|it| (it.word(), it.word())),
                text,
            )
        });
        let outcome = keep(&mut wrong, "outcome", self.outcome.as_deref(), |text| {
            one_of(Outcome::ALL.iter().map(|it| (it.word(), *it)), text)
        });
        let phone = keep(&mut wrong, "Restaurant-Phone", self.phone.as_deref(), phone);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(ListRequest {
            filter: CallFilter {
                status,
                outcome,
                phone,
            },
            before,
            most: most.unwrap_or(PAGE),
        })
    }
}

/// The code of a rule that a parameter breaks, and its message.
type BrokenRule = (&'static str, String);

/// Reads a parameter if it is given, and notes what is wrong with it.
fn keep<T>(
    wrong: &mut Vec<FieldError>,
    field: &str,
    text: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, BrokenRule>,
) -> Option<T> {
    let note = |(code, message)| {
        wrong.push(FieldError {
            field: field.to_owned(),
            code,
            message,
        });
    };
    read(text?).map_err(note).ok()
}

fn limit(text: &str) -> Result<usize, BrokenRule> {
    let most = text.parse().ok().filter(|most| (1..=MOST).contains(most));
    most.ok_or_else(|| {
        let message = format!("must be a whole number from 1 to {MOST}");
        ("out_of_range", message)
    })
}

fn cursor(text: &str) -> Result<CallId, BrokenRule> {
    text.parse().map_err(|_| {
        let message =
            "must be the next_cursor of the page before; leave it out for the newest calls";
        ("unknown_cursor", message.to_owned())
    })
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
fn one_of<T: Copy>(
    words: impl IntoIterator<Item = (&'static str, T)>,
    text: &str,
) -> Result<T, BrokenRule> {
    let words: Vec<_> = words.into_iter().collect();
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        (
            "unknown_value",
            format!("must be one of {}", names.join(", ")),
        )
    })
}
