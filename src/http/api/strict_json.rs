//! JSON in which no member of an object may stand twice. Readers differ in which of the two they take
//! (RFC 8259, 4), so nobody can know what was meant, and a restaurant is rung for it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::service::intake::FieldError;

/// The most members that are named as standing twice.
const NAMED: usize = 20;
/// The most characters that are shown of the name of a member.
const SHOWN: usize = 40;

/// Reads a text, and notes members that stand twice, as in `alternatives.earliest`; of those the last
/// value is taken.
///
/// # Errors
/// The text is no JSON.
pub(super) fn read(text: &[u8]) -> serde_json::Result<(Value, Vec<FieldError>)> {
    let mut twice = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let part = JsonPart {
        path: "",
        twice: &mut twice,
    };
    let value = part.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, twice))
}

/// A value within the text.
struct JsonPart<'a> {
    /// The way to it.
    path: &'a str,
    twice: &'a mut Vec<FieldError>,
}

impl JsonPart<'_> {
    fn note(&mut self, path: String) {
        if self.twice.len() < NAMED && self.twice.iter().all(|known| known.field != path) {
            self.twice.push(FieldError {
                field: path,
                code: "given_twice",
                message: "is given twice: send it once".to_owned(),
            });
        }
    }
}

impl<'de> DeserializeSeed<'de> for JsonPart<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonPart<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let item = JsonPart {
                path: self.path,
                twice: self.twice,
            };
            match items.next_element_seed(item)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let shown: String = name.chars().take(SHOWN).collect();
            let path = match self.path {
                "" => shown,
                path => format!("{path}.{shown}"),
            };
            if object.contains_key(&name) {
                self.note(path.clone());
            }
            let member = JsonPart {
                path: &path,
                twice: self.twice,
            };
            let value = members.next_value_seed(member)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn twice(text: &str) -> Vec<String> {
        let (_, twice) = read(text.as_bytes()).unwrap();
        twice.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn members_that_stand_twice_are_named_at_every_depth() {
        assert_eq!(twice(r#"{"a": 1, "b": {"a": 2}}"#), Vec::<String>::new());
        assert_eq!(twice(r#"{"a": 1, "b": 2, "a": 1, "a": 3}"#), ["a"]);
        assert_eq!(
            twice("{\"a\": 1, \"\\u0061\": 2}"),
            ["a"],
            "escaped, it is the same"
        );
        assert_eq!(twice(r#"[{"b": {"c": 1, "c": 2}, "b": 1}]"#), ["b.c", "b"]);
        let many: Vec<String> = (0..50).map(|n| format!("\"m{n}\":1,\"m{n}\":2")).collect();
        assert_eq!(twice(&format!("{{{}}}", many.join(","))).len(), NAMED);
    }

    proptest! {
        #[test]
        fn all_else_is_read_as_by_the_library(text in "[{}\\[\\]\",:0-9eE.+u\\\\tfn -]{0,40}") {
            let (ours, theirs) = (read(text.as_bytes()), serde_json::from_slice::<Value>(text.as_bytes()));
            match (ours, theirs) {
                (Ok((ours, _)), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(ours), Err(theirs)) => prop_assert_eq!(ours.to_string(), theirs.to_string()),
                (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
            }
        }
    }
}
