//! The document of the API: committed as it is made, served as it is committed, valid OpenAPI 3.0,
//! and true.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tablecall::Code;

use crate::app::TestApp;
use crate::documented::document;

const OPERATION: [&str; 9] = [
    "callbacks",
    "description",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "summary",
    "tags",
];
const PARAMETER: [&str; 8] = [
    "deprecated",
    "description",
    "example",
    "explode",
    "in",
    "name",
    "required",
    "schema",
];
const SCHEMA: [&str; 22] = [
    "additionalProperties",
    "allOf",
    "default",
    "deprecated",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
];

#[test]
fn the_committed_document_is_the_one_that_is_made() {
    let committed = |name: &str| {
        std::fs::read_to_string(format!("{}/openapi/{name}", env!("CARGO_MANIFEST_DIR")))
    };
    for (name, made, how) in [
        (
            "tablecall.json",
            tablecall::render_json(document()),
            "openapi",
        ),
        (
            "tablecall.yaml",
            tablecall::render_yaml(document()),
            "openapi --yaml",
        ),
    ] {
        let same = committed(name).is_ok_and(|committed| committed == made);
        assert!(
            same,
            "openapi/{name} is not up to date. Rewrite it: cargo run -q -- {how} > openapi/{name}"
        );
    }
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let app = TestApp::start().await;
    let json = app.send(app.get("/openapi.json")).await;
    assert_eq!(
        (json.status, json.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(json.text, tablecall::render_json(document()));
    let yaml = app.send(app.get("/openapi.yaml")).await;
    assert_eq!(
        (yaml.status, yaml.header("content-type")),
        (200, "application/yaml")
    );
    assert_eq!(yaml.text, tablecall::render_yaml(document()));
    let docs = app.send(app.get("/docs")).await;
    assert_eq!(
        (docs.status, docs.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        !docs.text.contains("<script>") && !docs.text.contains("http://"),
        "{}",
        docs.text
    );
    let named = ["src=\"", "<link rel=\"stylesheet\" href=\""]
        .map(|before| docs.text.split(before).skip(1));
    let files: Vec<&str> = named
        .into_iter()
        .flatten()
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let answer = app.send(app.get(file)).await;
        assert_eq!(
            (answer.status, answer.text.is_empty()),
            (200, false),
            "{file}"
        );
    }
    app.finish().await;
}

#[test]
fn both_forms_say_the_same() {
    let yaml: Value = yaml_serde::from_str(&tablecall::render_yaml(document())).unwrap();
    let json: Value = serde_json::from_str(&tablecall::render_json(document())).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn it_is_valid_openapi_3_0() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.0."));
    for name in ["title", "version", "description"] {
        assert!(document["info"][name].is_string(), "{name}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                ["get", "post", "put", "patch", "delete"].contains(&method.as_str()),
                "{method} {path}"
            );
            is_operation(operation, path);
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{path}: the operationId is taken"
            );
        }
    }
    for requirement in document["security"].as_array().unwrap() {
        for name in requirement.as_object().unwrap().keys() {
            assert!(
                document["components"]["securitySchemes"][name]["type"].is_string(),
                "{name}"
            );
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
            "{name}"
        );
        is_schema(schema, name);
    }
    holds_no_null_and_only_good_references(document, "#");
}

fn is_operation(operation: &Value, path: &str) {
    only(operation, &OPERATION, path);
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut names = BTreeSet::new();
    for parameter in parameters {
        only(parameter, &PARAMETER, path);
        let (place, name) = (
            parameter["in"].as_str().unwrap(),
            parameter["name"].as_str().unwrap(),
        );
        assert!(
            names.insert((place, name)),
            "{path}: {name} stands there twice"
        );
        assert!(
            place != "path" || parameter["required"] == true,
            "{path}: {name}"
        );
        is_schema(&parameter["schema"], path);
    }
    for name in path
        .split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap())
    {
        assert!(
            path.starts_with('{') || names.contains(&("path", name)),
            "{path}: {name} is not declared"
        );
    }
    for (status, response) in operation["responses"].as_object().unwrap() {
        assert!(
            status.parse::<u16>().is_ok() || status.ends_with("XX") || status == "default",
            "{path}: {status}"
        );
        assert!(
            response["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{path} {status}"
        );
        only(response, &["content", "description", "headers"], path);
        are_contents(&response["content"], path);
    }
    are_contents(&operation["requestBody"]["content"], path);
    for callback in operation["callbacks"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
    {
        for (expression, item) in callback.as_object().unwrap() {
            assert!(expression.starts_with('{'), "{expression}");
            item.as_object()
                .unwrap()
                .values()
                .for_each(|operation| is_operation(operation, expression));
        }
    }
}

fn are_contents(contents: &Value, path: &str) {
    for (kind, content) in contents.as_object().into_iter().flatten() {
        assert!(kind.contains('/'), "{path}: {kind}");
        only(content, &["example", "examples", "schema"], path);
        is_schema(&content["schema"], path);
    }
}

fn is_schema(schema: &Value, at: &str) {
    if schema.get("$ref").is_some() {
        assert_eq!(
            schema.as_object().unwrap().len(),
            1,
            "{at}: nothing may stand beside $ref"
        );
        return;
    }
    only(schema, &SCHEMA, at);
    if let Some(kind) = schema.get("type") {
        let kinds = ["string", "integer", "number", "boolean", "array", "object"];
        assert!(kinds.contains(&kind.as_str().unwrap()), "{at}: {kind}");
        assert_eq!(
            kind == "array",
            schema.get("items").is_some(),
            "{at}: an array has items"
        );
    }
    if let Some(values) = schema.get("enum") {
        let values: Vec<&str> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|value| {
                if value.is_null() {
                    ""
                } else {
                    value.as_str().unwrap()
                }
            })
            .collect();
        // A closed list that may be null names null among its values.
        assert_eq!(values.contains(&""), schema["nullable"] == true, "{at}");
        assert_eq!(
            values.iter().collect::<BTreeSet<_>>().len(),
            values.len(),
            "{at}: {values:?}"
        );
    }
    let properties = schema
        .get("properties")
        .map(|properties| properties.as_object().unwrap());
    for name in schema
        .get("required")
        .into_iter()
        .flat_map(|required| required.as_array().unwrap())
    {
        assert!(
            properties.is_some_and(|known| known.contains_key(name.as_str().unwrap())),
            "{at}: {name}"
        );
    }
    for (name, property) in properties.into_iter().flatten() {
        is_schema(property, &format!("{at}.{name}"));
    }
    schema
        .get("items")
        .into_iter()
        .for_each(|items| is_schema(items, at));
    schema
        .get("allOf")
        .into_iter()
        .flat_map(|all| all.as_array().unwrap())
        .for_each(|part| is_schema(part, at));
}

fn only(value: &Value, known: &[&str], at: &str) {
    for name in value
        .as_object()
        .unwrap_or_else(|| panic!("{at}: {value}"))
        .keys()
    {
        // A name that begins so is an extension, wherever it stands.
        let extension = name.starts_with("x-");
        assert!(
            extension || known.contains(&name.as_str()),
            "{at}: `{name}` is not a field of OpenAPI here"
        );
    }
}

fn holds_no_null_and_only_good_references(value: &Value, at: &str) {
    match value {
        // Only examples and closed lists hold a null.
        Value::Null => assert!(
            at.contains("/example") || at.contains("/enum"),
            "{at} is null"
        ),
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let target = reference
                    .strip_prefix('#')
                    .and_then(|pointer| document().pointer(pointer));
                assert!(target.is_some(), "{at}: {reference} leads nowhere");
            }
            fields.iter().for_each(|(name, field)| {
                holds_no_null_and_only_good_references(field, &format!("{at}/{name}"));
            });
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| holds_no_null_and_only_good_references(item, at)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_code_is_documented_where_it_can_come() {
    let text = document()["paths"].to_string();
    // These two come where there is no operation.
    let outside = [Code::NotFound, Code::MethodNotAllowed];
    for code in Code::ALL {
        let named = text.contains(&format!("`{}`", code.word()));
        assert_eq!(named, !outside.contains(&code), "{}", code.word());
    }
}

/// The example as it stands in the document.
fn example() -> Value {
    document()["components"]["schemas"]["CallRequest"]["example"].clone()
}

#[tokio::test]
async fn the_example_works_unedited() {
    let app = TestApp::start().await;
    assert!(example().is_object());
    let check = app.checks(example()).await;
    assert_eq!(check["verdict"], "allowed");
    app.asks(example()).await.ends_as("confirmed", 1).await;
    app.finish().await;
}

#[test]
fn the_example_stands_before_every_body_of_a_request() {
    let bodies = document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values());
    let bodies: Vec<&Value> = bodies
        .filter_map(|operation| operation.get("requestBody"))
        .collect();
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        let schema = &body["content"]["application/json"]["schema"];
        let named = document()
            .pointer(&schema["$ref"].as_str().unwrap()[1..])
            .unwrap();
        assert_eq!(named["example"], example());
    }
}
