//! Answers of the REST side as JSON, XML (Twilio's default) or CSV.

use serde_json::Value;

/// The form of an answer, by the suffix of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestFormat {
    Json,
    Xml,
    Csv,
}

impl RestFormat {
    /// Splits the suffix off a path; without one the answer is XML.
    pub(super) fn split(path: &str) -> (&str, Self) {
        for (suffix, format) in [
            (".json", Self::Json),
            (".xml", Self::Xml),
            (".csv", Self::Csv),
        ] {
            if let Some(path) = path.strip_suffix(suffix) {
                return (path, format);
            }
        }
        (path, Self::Xml)
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Csv => "text/csv",
        }
    }

    /// Writes a body; `kind` is the element of a single resource.
    pub(super) fn write(self, body: &Value, kind: &str) -> String {
        match self {
            Self::Json => body.to_string(),
            Self::Xml => xml(body, kind),
            Self::Csv => csv(body),
        }
    }
}

/// The list in an envelope, with its name.
fn list(body: &Value) -> Option<(&str, &Vec<Value>)> {
    let object = body.as_object()?;
    object
        .iter()
        .find_map(|(name, value)| Some((name.as_str(), value.as_array()?)))
}

fn xml(body: &Value, kind: &str) -> String {
    let mut text = String::from("<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse>");
    match list(body) {
        Some((name, items)) => {
            let element = pascal_case(name);
            let singular = element.strip_suffix('s').unwrap_or(&element);
            text.push_str(&format!("<{element}"));
            for (key, value) in body.as_object().into_iter().flatten() {
                if !value.is_array() {
                    let name = key.replace('_', "");
                    text.push_str(&format!(" {name}=\"{}\"", escaped(&plain(value))));
                }
            }
            text.push('>');
            for item in items {
                write_element(&mut text, singular, item);
            }
            text.push_str(&format!("</{element}>"));
        }
        None => write_element(&mut text, kind, body),
    }
    text.push_str("</TwilioResponse>");
    text
}

fn write_element(text: &mut String, name: &str, value: &Value) {
    let inner = if let Some(fields) = value.as_object() {
        let mut inner = String::new();
        for (key, value) in fields {
            write_element(&mut inner, &pascal_case(key), value);
        }
        inner
    } else {
        escaped(&plain(value))
    };
    if inner.is_empty() {
        text.push_str(&format!("<{name}/>"));
    } else {
        text.push_str(&format!("<{name}>{inner}</{name}>"));
    }
}

/// A row for each item of a list, or for the one resource.
fn csv(body: &Value) -> String {
    let single = vec![body.clone()];
    let items = list(body).map_or(&single, |(_, items)| items);
    let first = items.first().and_then(Value::as_object);
    let names: Vec<&String> = first
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_object())
        .map(|(name, _)| name)
        .collect();
    let header: Vec<_> = names.iter().map(|name| pascal_case(name)).collect();
    let mut text = format!("{}\r\n", header.join(","));
    for item in items {
        let cells: Vec<_> = names
            .iter()
            .map(|name| format!("\"{}\"", plain(&item[name.as_str()]).replace('"', "\"\"")))
            .collect();
        text.push_str(&format!("{}\r\n", cells.join(",")));
    }
    text
}

fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_null() => String::new(),
        None => value.to_string(),
    }
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn pascal_case(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                format!("{}{}", first.to_ascii_uppercase(), letters.as_str())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_written_in_all_forms() {
        let body = json!({"calls": [{"sid": "CA1", "to": "a \"&\" b", "price": null}], "page": 0});
        assert_eq!(
            RestFormat::Xml.write(&body, ""),
            "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><Calls page=\"0\"><Call>\
             <Price/><Sid>CA1</Sid><To>a &quot;&amp;&quot; b</To></Call></Calls></TwilioResponse>"
        );
        assert_eq!(
            RestFormat::Csv.write(&body, ""),
            "Price,Sid,To\r\n\"\",\"CA1\",\"a \"\"&\"\" b\"\r\n"
        );
        let error = json!({"code": 20_404});
        assert!(
            RestFormat::Xml
                .write(&error, "RestException")
                .contains("<RestException><Code>20404</Code></RestException>")
        );
        assert_eq!(RestFormat::split("Calls/CA1").1, RestFormat::Xml);
        assert_eq!(RestFormat::split("Calls.json"), ("Calls", RestFormat::Json));
    }
}
