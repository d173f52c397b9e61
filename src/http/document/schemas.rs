//! The schemas of the document in the shapes that all tools read.
//!
//! poem-openapi writes a reference with a description as `allOf` with a member that holds the
//! description alone, leaves nulls out, and uses integer formats of Rust. Each of these makes some
//! validator refuse valid answers or some generator lose the type.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Schemas of requests: a field without a value may be left out or be null.
const REQUESTS: [&str; 2] = ["CallRequest", "AlternativeTimes"];
/// Fields of answers that are left out where there is nothing to say. All others are always sent.
const LEFT_OUT: [(&str, &str); 2] = [("Call", "delivery"), ("Check", "timezones")];
/// The integer formats of Rust: the format of OpenAPI that holds them, and the largest value.
const INTEGERS: [(&str, &str, u64); 4] = [
    ("uint8", "int32", u8::MAX as u64),
    ("uint16", "int32", u16::MAX as u64),
    ("uint32", "int64", u32::MAX as u64),
    // Larger numbers are no `int64`. A version grows by one with each change.
    ("uint64", "int64", i64::MAX as u64),
];

/// Rewrites the schemas that poem-openapi made.
pub(super) fn rewrite(schemas: &mut Map<String, Value>) {
    let mut nullable = BTreeSet::new();
    for (name, schema) in schemas.iter_mut() {
        if let Some(fields) = schema.as_object_mut() {
            // The name in the document is the name of the component.
            fields.remove("title");
            mark_nulls_and_required(name, fields);
        }
        use_common_shapes(schema, &mut nullable);
    }
    for name in nullable {
        allow_null(&mut schemas[&name]);
    }
    for name in REQUESTS {
        schemas[name]["additionalProperties"] = false.into();
    }
}

/// Says which fields may be null, and which are always there.
fn mark_nulls_and_required(name: &str, schema: &mut Map<String, Value>) {
    let has_value: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    let is_left_out = |field: &str| LEFT_OUT.contains(&(name, field));
    let is_request = REQUESTS.contains(&name);
    for (field, property) in properties.iter_mut() {
        if !has_value.contains(field) && !is_left_out(field) {
            allow_null(property);
        }
    }
    if !is_request {
        let sent: Vec<&String> = properties
            .keys()
            .filter(|field| !is_left_out(field))
            .collect();
        let sent = json!(sent);
        schema.insert("required".to_owned(), sent);
    }
}

/// Lets a schema be null; of a closed list, null is one of the values.
fn allow_null(schema: &mut Value) {
    schema["nullable"] = true.into();
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}

/// Replaces what not all tools understand, in `value` and all that is in it. Components that a
/// field which may be null refers to are added to `nullable`: null is allowed by the component
/// itself, since nothing may stand beside a reference.
fn use_common_shapes(value: &mut Value, nullable: &mut BTreeSet<String>) {
    if let Some(reference) = value.pointer("/allOf/0/$ref").or_else(|| value.get("$ref")) {
        let reference = reference.clone();
        let name = reference.as_str().and_then(|path| path.rsplit('/').next());
        if let Some(name) = name.filter(|_| value["nullable"] == true) {
            nullable.insert(name.to_owned());
        }
        *value = json!({ "$ref": reference });
        return;
    }
    match value {
        Value::Object(fields) => {
            use_common_integer(fields);
            fields
                .values_mut()
                .for_each(|field| use_common_shapes(field, nullable));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| use_common_shapes(item, nullable)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn use_common_integer(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str);
    let Some((_, common, most)) = INTEGERS.iter().find(|(rust, ..)| Some(*rust) == format) else {
        return;
    };
    // Bounds are written as fractions.
    let bound = |name| {
        let bound = schema.get(name).and_then(Value::as_f64);
        bound.map(|bound| json!(bound.round() as u64))
    };
    let (least, most) = (
        bound("minimum").unwrap_or(json!(0)),
        bound("maximum").unwrap_or(json!(most)),
    );
    schema.insert("format".to_owned(), json!(common));
    schema.insert("minimum".to_owned(), least);
    schema.insert("maximum".to_owned(), most);
}

/// Adds to an example the fields that are always sent and may be null, where it does not name them:
/// examples say what matters.
pub(super) fn complete(example: &mut Value, schema: &Value, schemas: &Value) {
    let schema = resolved(schema, schemas);
    if let Value::Array(items) = example {
        items
            .iter_mut()
            .for_each(|item| complete(item, &schema["items"], schemas));
    }
    let Value::Object(fields) = example else {
        return;
    };
    let sent = schema["required"].as_array().into_iter().flatten();
    for name in sent.filter_map(Value::as_str) {
        let property = &schema["properties"][name];
        let nullable = resolved(property, schemas)["nullable"] == true;
        if nullable && !fields.contains_key(name) {
            fields.insert(name.to_owned(), Value::Null);
        }
    }
    for (name, field) in fields.iter_mut() {
        complete(field, &schema["properties"][name], schemas);
    }
}

/// The component that a schema refers to, or the schema itself.
fn resolved<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    name.map_or(schema, |name| &schemas[name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_stands_alone_and_its_component_allows_null() {
        let made = json!({
            "Call": {
                "title": "Call", "type": "object", "required": ["status"],
                "properties": {
                    "status": {"allOf": [{"$ref": "#/components/schemas/Status"}, {"description": "x"}]},
                    "outcome": {"allOf": [{"$ref": "#/components/schemas/Outcome"}, {"description": "x"}]},
                    "delivery": {"$ref": "#/components/schemas/Delivery"},
                    "tries": {"type": "integer", "format": "uint8", "maximum": 5.0}
                }
            },
            "CallRequest": {"type": "object", "properties": {}},
            "AlternativeTimes": {"type": "object", "properties": {}},
            "Status": {"type": "string", "enum": ["queued"]},
            "Outcome": {"type": "string", "enum": ["busy"]},
            "Delivery": {"type": "object", "properties": {}}
        });
        let Value::Object(mut schemas) = made else {
            unreachable!("an object")
        };
        rewrite(&mut schemas);
        let call = &schemas["Call"];
        assert_eq!(call["required"], json!(["outcome", "status", "tries"]));
        assert_eq!(
            call["properties"]["outcome"],
            json!({"$ref": "#/components/schemas/Outcome"})
        );
        assert_eq!(
            schemas["Outcome"],
            json!({"type": "string", "enum": ["busy", null], "nullable": true})
        );
        for never_null in ["Status", "Delivery"] {
            assert!(schemas[never_null]["nullable"].is_null(), "{never_null}");
        }
        assert_eq!(
            call["properties"]["tries"],
            json!({"type": "integer", "format": "int32", "minimum": 0, "maximum": 5, "nullable": true})
        );
    }
}
