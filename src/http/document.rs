//! The OpenAPI document: what poem-openapi knows of the operations, and what it cannot say.
//!
//! One function makes it; it is served, printed by `tablecall openapi`, and committed under
//! `openapi/`.

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use super::problem::Code;

/// Operations and the problems they can answer beyond those that every operation can.
const PROBLEMS: [(&str, &[Code]); 7] = [
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
    ("get_call", &[Code::CallNotFound]),
    ("follow_call", &[Code::CallNotFound]),
    ("cancel_call", &[Code::CallNotFound, Code::CallFinished]),
    ("resend_events", &[Code::CallNotFound, Code::NoCallbackUrl]),
    ("calendar_entry", &[Code::CallNotFound, Code::NotConfirmed]),
];

/// What every operation can answer.
const ALWAYS: [Code; 5] = [
    Code::Unauthorized,
    Code::TooManyWrongKeys,
    Code::RequestTimeout,
    Code::InternalError,
    Code::Unavailable,
];

const DESCRIPTION: &str = "Phones a restaurant, reads a table reservation aloud, and brings back the answer the staff \
press on the keypad (1 accepts, 2 declines).\n\nEvery error is an RFC 9457 problem with a `code` from a closed list. \
Without a Twilio account the service runs with a simulated carrier: numbers whose last four digits are `0101` accept \
by themselves, `0102` decline, `0103` are busy, `0104` do not answer; all others ring at `/simulator`.";

/// The document of `api`, as JSON.
pub fn document(api: impl OpenApi + 'static) -> Value {
    let service = OpenApiService::new(api, "Tablecall", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license("MIT OR Apache-2.0");
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["tags"] = json!([]);
    document["servers"] = json!([{"url": "/"}]);
    document["components"]["schemas"]["Problem"] = problem();
    document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer", "description": "A key of `TABLECALL_API_KEYS`; none is needed with the simulator unless keys are set."}});
    document["security"] = json!([{"key": []}, {}]);
    for_each_operation(&mut document, add_problems);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.values_mut().for_each(allow_null);
    }
    say_what_is_read(&mut document);
    let events = events();
    document["paths"]["/api/call"]["post"]["callbacks"] = events;
    document["paths"]["/api/call/{id}/events"]["get"]["responses"]["200"] = json!({
        "description": "The call, each time it changes: `event: call`, `id:` its version, `data:` the call.",
        "content": {"text/event-stream": {"schema": {"type": "string", "format": "event-stream"}}}
    });
    document
}

/// What is held to when a request is read, and what poem-openapi does not say.
fn say_what_is_read(document: &mut Value) {
    for name in ["CallRequest", "AlternativeTimes"] {
        document["components"]["schemas"][name]["additionalProperties"] = false.into();
    }
    let parameters = document["paths"]["/api/call"]["post"]["parameters"].as_array_mut();
    for parameter in parameters
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["name"] == "Idempotency-Key")
    {
        parameter["schema"]["minLength"] = 1.into();
        parameter["schema"]["maxLength"] = 255.into();
    }
}

fn for_each_operation(document: &mut Value, change: fn(&mut Map<String, Value>)) {
    let paths = document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for operation in paths
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        if let Some(operation) = operation
            .as_object_mut()
            .filter(|operation| operation.contains_key("operationId"))
        {
            change(operation);
        }
    }
}

/// Adds the problems an operation can answer, one response for each status.
fn add_problems(operation: &mut Map<String, Value>) {
    let id = operation
        .get("operationId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let own = PROBLEMS
        .iter()
        .find(|(known, _)| *known == id)
        .map_or(&[][..], |(_, codes)| codes);
    let codes: Vec<Code> = own.iter().chain(&ALWAYS).copied().collect();
    let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for code in &codes {
        let status = code.status();
        let same: Vec<String> = codes
            .iter()
            .filter(|other| other.status() == status)
            .map(|other| format!("`{}`", other.word()))
            .collect();
        let mut response = json!({
            "description": same.join(", "),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        });
        if status.as_u16() == 401 {
            response["headers"] = json!({"WWW-Authenticate": {"schema": {"type": "string"}}});
        }
        if matches!(status.as_u16(), 429 | 503) {
            response["headers"] =
                json!({"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}});
        }
        if codes.contains(&Code::KeyLimit) && status.as_u16() == 429 {
            let like_202 = |name: &str| responses["202"]["headers"][name].clone();
            for name in ["RATELIMIT-POLICY", "RATELIMIT"] {
                response["headers"][name] = like_202(name);
            }
        }
        responses.insert(status.as_u16().to_string(), response);
    }
}

fn problem() -> Value {
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
            "status": {"type": "integer", "format": "int32"},
            "detail": {"type": "string", "description": "What is wrong with this very request."},
            "code": {"type": "string", "enum": codes},
            "request_id": {"type": "string", "description": "Also in the header `x-request-id`; name it when you ask for help."},
            "errors": {
                "type": "array", "description": "Each wrong field.",
                "items": {
                    "type": "object", "required": ["field", "code", "message"],
                    "properties": {"field": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}}
                }
            },
            "call_id": {"type": "string", "description": "With `duplicate_call`: the call that is asking already."},
            "twilio_code": {"type": "integer", "nullable": true, "description": "With `call_refused`: Twilio's error code."},
            "twilio_message": {"type": "string", "description": "With `call_refused`: Twilio's own words."}
        }
    })
}

/// Optional fields are null when there is nothing to say; OpenAPI 3.0 wants that said.
fn allow_null(schema: &mut Value) {
    let required: Vec<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        if required.contains(name) {
            continue;
        }
        match property.get("$ref").cloned() {
            Some(reference) => {
                *property = json!({"allOf": [{"$ref": reference}], "nullable": true});
            }
            None => property["nullable"] = true.into(),
        }
    }
}

const EVENT: &str = "Standard Webhooks: the signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. \
The body holds the call as a read shows it, without `delivery`. At least once, one after the other for each call, ordered \
by `data.updated_at`; states that follow each other before they were sent merge into the newest. Answer with a 2xx within \
five seconds; else it is sent again after 1, 2, 4, 8 … seconds, at most 15 minutes apart, for an hour.";

/// Events to clients, as `callbacks` of a create.
fn events() -> Value {
    let header = |description: &str| json!({"in": "header", "required": true, "schema": {"type": "string"}, "description": description});
    let named = |name: &str, description: &str| {
        let mut parameter = header(description);
        parameter["name"] = name.into();
        parameter
    };
    json!({
        "call_event": {
            "{$request.body#/callback_url}": {
                "post": {
                    "summary": "A call has changed",
                    "description": EVENT,
                    "operationId": "call_event",
                    "parameters": [
                        named("webhook-id", "The same for each repetition of an event: do nothing the second time."),
                        named("webhook-timestamp", "When it was signed, in seconds since 1970."),
                        named("webhook-signature", "One signature for each secret, separated by spaces.")
                    ],
                    "requestBody": {
                        "required": true,
                        "content": {"application/json": {"schema": {
                            "type": "object", "required": ["type", "timestamp", "data"],
                            "properties": {
                                "type": {"type": "string", "enum": ["call.updated", "call.finished"], "description": "`call.finished` is the last of a call."},
                                "timestamp": {"type": "string", "format": "date-time", "description": "When the call changed."},
                                "data": {"$ref": "#/components/schemas/Call"}
                            }
                        }}}
                    },
                    "responses": {
                        "2XX": {"description": "It was received."},
                        "410": {"description": "It is not sent again."},
                        "3XX": {"description": "Redirects are not followed: it is sent again later."},
                        "4XX": {"description": "It is sent again later, as `Retry-After` says."},
                        "5XX": {"description": "It is sent again later, as `Retry-After` says."}
                    }
                }
            }
        }
    })
}
