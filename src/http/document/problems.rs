//! The problems that each operation can answer.

use serde_json::{Map, Value, json};

use super::examples;
use crate::http::problem::Code;

/// Operations and the problems they can answer beyond those that every operation can.
const PROBLEMS: [(&str, &[Code]); 9] = [
    (
        "create_call",
        &[
            Code::BadJson,
            Code::BadRequest,
            Code::CallNotFound,
            Code::DuplicateCall,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidRequest,
            Code::IdempotencyMismatch,
            Code::NumberTypeNotAllowed,
            Code::OwnNumber,
            Code::CountryNotAllowed,
            Code::OptedOut,
            Code::TooLate,
            Code::RestaurantClosed,
            Code::TimezoneNeeded,
            Code::NumberLimit,
            Code::KeyLimit,
            Code::ServiceLimit,
            Code::CallRefused,
        ],
    ),
    (
        "check_call",
        &[
            Code::BadJson,
            Code::BadRequest,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidRequest,
        ],
    ),
    ("list_calls", &[Code::BadRequest, Code::InvalidRequest]),
    ("get_call", &[Code::CallNotFound]),
    ("follow_call", &[Code::CallNotFound]),
    ("cancel_call", &[Code::CallNotFound, Code::CallFinished]),
    (
        "accept_call",
        &[
            Code::CallNotFound,
            Code::NoOffer,
            Code::DuplicateCall,
            Code::NumberTypeNotAllowed,
            Code::OwnNumber,
            Code::CountryNotAllowed,
            Code::OptedOut,
            Code::TooLate,
            Code::TimezoneNeeded,
            Code::NumberLimit,
            Code::KeyLimit,
            Code::ServiceLimit,
            Code::CallRefused,
        ],
    ),
    ("resend_events", &[Code::CallNotFound, Code::NoCallbackUrl]),
    ("calendar_entry", &[Code::CallNotFound, Code::NotConfirmed]),
];

/// Problems that every operation can return.
const ALWAYS: [Code; 5] = [
    Code::Unauthorized,
    Code::TooManyWrongKeys,
    Code::RequestTimeout,
    Code::InternalError,
    Code::Unavailable,
];

/// Adds the problems an operation can answer, one response for each status.
pub(super) fn add(id: &str, responses: &mut Map<String, Value>) {
    let own = PROBLEMS
        .iter()
        .find(|(known, _)| *known == id)
        .map_or(&[][..], |(_, codes)| codes);
    let codes: Vec<Code> = own.iter().chain(&ALWAYS).copied().collect();
    for code in &codes {
        let status = code.status();
        let same: Vec<String> = codes
            .iter()
            .filter(|other| other.status() == status)
            .map(|other| format!("`{}`", other.word()))
            .collect();
        let mut response = json!({
            "description": same.join(", "),
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": examples::problem(*code)
            }}
        });
        if status.as_u16() == 401 {
            response["headers"] = json!({"WWW-Authenticate": {
                "description": "The scheme that the key is sent by.",
                "schema": {"type": "string"}, "example": "Bearer realm=\"tablecall\""
            }});
        }
        if matches!(status.as_u16(), 429 | 503) {
            response["headers"] = json!({"Retry-After": {
                "description": "Seconds.",
                "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 86_400}
            }});
        }
        if codes.contains(&Code::KeyLimit) && status.as_u16() == 429 {
            let like_202 = |name: &str| responses["202"]["headers"][name].clone();
            for name in ["RateLimit-Policy", "RateLimit"] {
                response["headers"][name] = like_202(name);
            }
        }
        responses
            .entry(status.as_u16().to_string())
            .or_insert(response);
    }
}

/// The schema of a problem.
pub(super) fn schema() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    let explained = Code::ALL.map(|code| {
        json!({"code": code.word(), "status": code.status().as_u16(), "title": code.title(), "advice": code.advice()})
    });
    json!({
        "type": "object",
        "x-problems": explained,
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Leads to what can be done about it."},
            "title": {"type": "string", "description": "The same for every problem with this code."},
            "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The status of the answer."},
            "detail": {"type": "string", "description": "What is wrong with this very request."},
            "code": {"type": "string", "enum": codes, "description": "What went wrong, for programs."},
            "request_id": {"type": "string", "description": "Also in the header `x-request-id`; name it when you ask for help."},
            "errors": {
                "type": "array", "description": "Each wrong field.",
                "items": {
                    "type": "object", "required": ["field", "code", "message"],
                    "properties": {
                        "field": {"type": "string", "description": "Its name in the request, such as `party_size` or `alternatives.earliest`."},
                        "code": {"type": "string", "description": "The rule that it breaks."},
                        "message": {"type": "string", "description": "The rule, for people."}
                    }
                }
            },
            "call_id": {"type": "string", "description": "With `duplicate_call`: the call that is asking already."},
            "timezones": {
                "type": "array",
                "description": "With `timezone_needed`: the zones that are possible, the most likely first; empty: all.",
                "items": {"type": "string"}
            },
            "twilio_code": {"type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX, "nullable": true, "description": "With `call_refused`: Twilio's error code."},
            "twilio_message": {"type": "string", "description": "With `call_refused`: Twilio's own words."}
        }
    })
}
