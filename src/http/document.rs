//! The OpenAPI document: what poem-openapi knows of the operations, and what it cannot say.
//!
//! One function makes it; it is served, printed by `tablecall openapi`, and committed under
//! `openapi/`. Its shapes are those that every tool reads that `scripts/clients` tries.

mod events;
mod examples;
mod problems;
mod schemas;

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use super::api::list;

const DESCRIPTION: &str = "Phones a restaurant, reads a table reservation aloud, and brings back the answer the staff \
press on the keypad (1 accepts, 2 declines).\n\nEvery error is an RFC 9457 problem with a `code` from a closed list. \
Without a Twilio account the service runs with a simulated carrier: numbers whose last four digits are `0101` accept \
by themselves, `0102` decline, `0103` are busy, `0104` do not answer; all others ring at `/simulator`.";

/// Response headers in their usual case: poem-openapi writes them in capitals.
const HEADERS: [(&str, &str); 4] = [
    ("LOCATION", "Location"),
    ("RATELIMIT-POLICY", "RateLimit-Policy"),
    ("RATELIMIT", "RateLimit"),
    ("CONTENT-DISPOSITION", "Content-Disposition"),
];

/// Strings of a certain form, where the type of the field does not say it.
const FORMATS: [(&str, &str, &str); 2] = [
    ("CallRequest", "callback_url", "uri"),
    ("Reservation", "callback_url", "uri"),
];

/// The document of `api`, as JSON.
pub fn document(api: impl OpenApi + 'static) -> Value {
    let service = OpenApiService::new(api, "Tablecall", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license("MIT OR Apache-2.0");
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["info"]["license"]["url"] =
        "https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/".into();
    document["info"]["contact"] = json!({"name": "The operator of this service", "url": "/docs"});
    document["servers"] = json!([{"url": "/"}]);
    document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer", "description": "A key of `TABLECALL_API_KEYS`; none is needed with the simulator unless keys are set."}});
    document["security"] = json!([{"key": []}, {}]);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas::rewrite(schemas);
        schemas.insert("Problem".to_owned(), problems::schema());
        schemas.insert("CallEvent".to_owned(), events::schema());
    }
    for (component, field, format) in FORMATS {
        document["components"]["schemas"][component]["properties"][field]["format"] = format.into();
    }
    document["components"]["schemas"]["Call"]["properties"]["id"]["example"] = examples::ID.into();
    describe_stream(&mut document);
    for_each_operation(&mut document, describe);
    document["paths"]["/api/call"]["post"]["callbacks"] = events::callbacks();
    let schemas = document["components"]["schemas"].clone();
    complete_examples(&mut document["paths"], &schemas);
    document
}

/// The stream, which poem-openapi describes as a list of calls, and its end.
///
/// An answer without content beside one with content makes progenitor panic, so 204 has the type
/// that it is sent with, and no body.
fn describe_stream(document: &mut Value) {
    let responses = &mut document["paths"]["/api/call/{id}/events"]["get"]["responses"];
    responses["200"] = json!({
        "description": "The call, each time it changes: `event: call`, `id:` its version, `data:` the call. The stream ends after the final state.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": examples::stream()}}
    });
    responses["204"] = json!({
        "description": "The final state was seen already: nothing will follow, and there is no body.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}}
    });
}

fn for_each_operation(document: &mut Value, change: fn(&str, &mut Map<String, Value>)) {
    let paths = document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for operation in paths
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
    {
        let id = operation.get("operationId").and_then(Value::as_str);
        if let Some(id) = id.map(str::to_owned) {
            change(&id, operation);
        }
    }
}

/// Says of an operation what poem-openapi cannot: its examples, its problems, the bounds of its
/// parameters, and the names of its headers as they are usually written.
fn describe(id: &str, operation: &mut Map<String, Value>) {
    for parameter in each_mut(operation.get_mut("parameters")) {
        match parameter["name"].as_str() {
            Some("id") => parameter["example"] = examples::ID.into(),
            Some("Idempotency-Key") => {
                parameter["schema"]["minLength"] = 1.into();
                parameter["schema"]["maxLength"] = 255.into();
            }
            Some(name) if id == "list_calls" => {
                parameter["schema"] = list::schema(name);
            }
            Some(_) | None => {}
        }
    }
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    for response in responses.values_mut() {
        if let Some(Value::Object(headers)) = response.get_mut("headers") {
            for (capitals, usual) in HEADERS {
                if let Some(header) = headers.remove(capitals) {
                    headers.insert(usual.to_owned(), header);
                }
            }
        }
        if let (Some(content), Some(example)) = (
            response.pointer_mut("/content/application~1json"),
            examples::answer(id),
        ) {
            content["example"] = example;
        }
        if let Some(content) = response.pointer_mut("/content/text~1calendar; charset=utf-8") {
            content["example"] = examples::calendar().into();
        }
    }
    problems::add(id, responses);
}

/// Completes every example of JSON that stands beside its schema.
fn complete_examples(value: &mut Value, schemas: &Value) {
    match value {
        Value::Object(fields) => {
            let schema = fields.get("schema").cloned().unwrap_or_default();
            if let Some(example) = fields.get_mut("example") {
                schemas::complete(example, &schema, schemas);
            }
            fields
                .iter_mut()
                .filter(|(name, _)| *name != "example")
                .for_each(|(_, field)| complete_examples(field, schemas));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| complete_examples(item, schemas)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn each_mut(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}
