//! Ids and idempotency keys of requests.

use crate::domain::CallId;
use crate::http::problem::{Code, Failure};

/// A text that is no id names no call.
pub(in crate::http) fn read_id(text: &str) -> Result<CallId, Failure> {
    text.parse().map_err(|_| {
        Failure::new(
            Code::CallNotFound,
            "There is no call with this id for this key.",
        )
    })
}

pub(in crate::http) fn read_idempotency_key(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let fits = (1..=255).contains(&bare.chars().count());
    if fits {
        Ok(bare)
    } else {
        Err(Failure::new(
            Code::BadRequest,
            "Idempotency-Key must have 1 to 255 characters.",
        ))
    }
}
