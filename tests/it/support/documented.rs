//! Holds every answer of the API that any test sees against the API's document: its status, its
//! type, and its code.

use std::sync::OnceLock;

use serde_json::Value;

use crate::answer::Answer;

/// The document, made once for all tests.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| tablecall::app::document().unwrap())
}

/// The operation that a request is for; none where the document knows none.
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object().unwrap().iter();
    let mut fitting: Vec<_> = paths.filter(|(pattern, _)| fits(pattern, path)).collect();
    // What is written out goes before what is a parameter.
    fitting.sort_by_key(|(pattern, _)| pattern.matches('{').count());
    fitting.first()?.1.get(method.to_lowercase())
}

fn fits(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let same = |(pattern, part): (&&str, &&str)| {
        pattern.starts_with('{') && !part.is_empty() || pattern == part
    };
    patterns.len() == parts.len() && patterns.iter().zip(&parts).all(same)
}

/// Fails on an answer that the document does not know of.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else {
        return;
    };
    let name = operation["operationId"].as_str().unwrap();
    let documented = &operation["responses"][answer.status.to_string()];
    assert!(
        documented.is_object(),
        "{name} is not documented to answer {}: {}",
        answer.status,
        answer.text
    );
    let is =
        |known: &str| known.split(';').next() == answer.header("content-type").split(';').next();
    let types = documented["content"].as_object().unwrap();
    assert!(
        types.keys().any(|known| is(known)),
        "{name} {}: {}",
        answer.status,
        answer.header("content-type")
    );
    if let Some(code) = answer.body["code"]
        .as_str()
        .filter(|_| answer.status >= 400)
    {
        let described = documented["description"].as_str().unwrap();
        assert!(
            described.contains(&format!("`{code}`")),
            "{name} {}: {code} is not in: {described}",
            answer.status
        );
    }
}
