//! The fields of a request, read one by one. Every wrong field is noted.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::FieldError;
use crate::domain::{Language, PartySize, VoicemailAction};

pub(super) type Rule = (&'static str, &'static str);

/// Reads fields and remembers what is wrong with them.
pub(super) struct Fields<'a> {
    pub(super) request: &'a Map<String, Value>,
    pub(super) prefix: &'static str,
    pub(super) errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub(super) fn wrong(&mut self, field: &str, code: &'static str, message: impl Display) {
        self.errors.push(FieldError {
            field: format!("{}{field}", self.prefix),
            code,
            message: message.to_string(),
        });
    }

    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        for field in self
            .request
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
            .take(20)
        {
            // The name is the caller's own text: shown to them, cut short, and never logged.
            let shown: String = field.chars().take(40).collect();
            self.wrong(&shown, "unknown_field", "is not a field of this request");
        }
    }

    pub(super) fn is_given(&self, field: &str) -> bool {
        self.request
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    fn given(&mut self, field: &str) -> Option<&'a str> {
        match self.request.get(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong(field, "wrong_type", "must be a string");
                None
            }
        }
    }

    pub(super) fn text<T, E: Display>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Result<T, (&'static str, E)>,
    ) -> Option<T> {
        let text = self.given(field)?;
        read(text)
            .map_err(|(code, error)| self.wrong(field, code, error))
            .ok()
    }

    pub(super) fn required<T, E: Display>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Result<T, (&'static str, E)>,
    ) -> Option<T> {
        if !self.is_given(field) {
            self.wrong(field, "required", "is required");
        }
        self.text(field, read)
    }

    pub(super) fn parsed<T>(&mut self, field: &str, code: &'static str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: Display,
    {
        self.text(field, |text| {
            text.parse().map_err(|error: T::Err| (code, plain(&error)))
        })
    }

    /// An instant. `9999-12-31T23:59:59Z`, which stands for "never" in many programs, is later than
    /// any that is known here; the last one is meant.
    pub(super) fn instant(&mut self, field: &str) -> Option<Timestamp> {
        self.text(field, |text| match text.parse::<Timestamp>() {
            Ok(instant) => Ok(instant),
            Err(_) if text.starts_with("9999-12-3") && has_date_and_offset(text) => {
                Ok(Timestamp::MAX)
            }
            Err(error) => Err(("not_an_instant", plain(&error))),
        })
    }

    /// A language that is shipped.
    pub(super) fn language(&mut self, field: &str, known: &[Language]) -> Option<Language> {
        self.text(field, |text| {
            let chosen = text.parse().ok();
            chosen
                .filter(|chosen| known.contains(chosen))
                .ok_or_else(|| {
                    let known: Vec<&str> = known.iter().map(Language::as_str).collect();
                    let message = format!("must be one of {}", known.join(", "));
                    ("unknown_language", message)
                })
        })
    }

    pub(super) fn party_size(&mut self) -> Option<PartySize> {
        match self.request.get("party_size") {
            None | Some(Value::Null) => self.wrong("party_size", "required", "is required"),
            Some(value) => match whole(value).map(PartySize::try_from) {
                Some(Ok(size)) => return Some(size),
                Some(Err(error)) => self.wrong("party_size", "out_of_range", error),
                None if value.is_number() => {
                    self.wrong(
                        "party_size",
                        "out_of_range",
                        "must be a whole number from 1 to 99",
                    );
                }
                None => self.wrong("party_size", "wrong_type", "must be a whole number"),
            },
        }
        None
    }

    pub(super) fn attempts(&mut self) -> u8 {
        match self.request.get("attempts") {
            None | Some(Value::Null) => {}
            Some(value) => match whole(value).and_then(|number| u8::try_from(number).ok()) {
                Some(number @ 1..=5) => return number,
                _ if value.is_number() => self.wrong(
                    "attempts",
                    "out_of_range",
                    "must be a whole number from 1 to 5",
                ),
                _ => self.wrong("attempts", "wrong_type", "must be a whole number"),
            },
        }
        3
    }

    pub(super) fn voicemail(&mut self) -> VoicemailAction {
        let read = |text: &str| match text {
            "hang_up" => Ok(VoicemailAction::HangUp),
            "leave_message" => Ok(VoicemailAction::LeaveMessage),
            _ => Err(("unknown_value", "must be `hang_up` or `leave_message`")),
        };
        self.text("voicemail", read).unwrap_or_default()
    }
}

/// A whole number, also where it is written with a fraction of zero: JSON knows no difference
/// between 4 and 4.0.
fn whole(value: &Value) -> Option<i64> {
    /// Above it not every whole number is one of `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
    })
}

/// Returns whether a text is a date and a time in UTC, whatever instant that is.
fn has_date_and_offset(text: &str) -> bool {
    let local = text.strip_suffix(['Z', 'z']);
    local.is_some_and(|local| local.parse::<DateTime>().is_ok())
}

/// Our own errors speak for themselves; the one of jiff is about its parser.
fn plain(error: &impl Display) -> String {
    let text = error.to_string();
    if text.starts_with("must ") {
        text
    } else {
        "must be an instant such as 2026-12-04T09:00:00Z".to_owned()
    }
}
