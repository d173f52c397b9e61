//! Parameters that a request must not have: ones that nobody reads, and ones that are given twice. A
//! client that sends them means something, and another thing would be done.

use poem::Request;

use crate::http::problem::{Code, Failure};
use crate::service::ServiceError;
use crate::service::intake::FieldError;

/// The most parameters that are named as wrong.
const NAMED: usize = 20;
/// The most characters that are shown of the name of a parameter.
const SHOWN: usize = 40;

/// Faults of the names in the query of a URL of which `known` are read.
pub(super) fn judge(url_query: &str, known: &[&str]) -> Vec<FieldError> {
    let names: Vec<_> = url::form_urlencoded::parse(url_query.as_bytes())
        .map(|(name, _)| name)
        .collect();
    let mut wrong: Vec<FieldError> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let shown: String = name.chars().take(SHOWN).collect();
        let (code, message) = if !known.contains(&&**name) {
            let message = if known.is_empty() {
                "is no parameter of this request, which has none in its URL".to_owned()
            } else {
                format!(
                    "is no parameter of this request: it has {}",
                    known.join(", ")
                )
            };
            ("unknown_parameter", message)
        } else if names.iter().take(at).any(|earlier| earlier == name) {
            ("given_twice", "is given twice: send it once".to_owned())
        } else {
            continue;
        };
        // The name is the caller's own text: shown to them, cut short, and never logged.
        if wrong.len() < NAMED && wrong.iter().all(|error| error.field != shown) {
            wrong.push(FieldError {
                field: shown,
                code,
                message,
            });
        }
    }
    wrong
}

/// Refuses a request that has parameters in its URL.
pub(super) fn refuse_any(request: &Request) -> Result<(), Failure> {
    match judge(request.uri().query().unwrap_or_default(), &[]) {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(ServiceError::Invalid(wrong).into()),
    }
}

/// The value of a header that may stand once; `None`: it is not there.
///
/// # Errors
/// It stands there twice, or its bytes are no text: read as missing, it would change what is done.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = request.headers().get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |rule: &str| Failure::new(Code::BadRequest, format!("{name} {rule}."));
    if values.next().is_some() {
        return Err(wrong("is given twice: send it once"));
    }
    let text = str::from_utf8(value.as_bytes());
    text.map(Some)
        .map_err(|_| wrong("must be text in ASCII or UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(query: &str, known: &[&str]) -> Vec<(String, &'static str)> {
        let wrong = judge(query, known).into_iter();
        wrong.map(|error| (error.field, error.code)).collect()
    }

    #[test]
    fn parameters_that_nobody_reads_and_those_given_twice_are_named() {
        assert_eq!(wrong("", &[]), []);
        assert_eq!(wrong("limit=2&cursor=x", &["limit", "cursor"]), []);
        let unknown = |name: &str| (name.to_owned(), "unknown_parameter");
        assert_eq!(wrong("Limit=2&lim%69t=3", &["limit"]), [unknown("Limit")]);
        assert_eq!(wrong("dry_run=true&dry_run", &[]), [unknown("dry_run")]);
        let twice = ("limit".to_owned(), "given_twice");
        assert_eq!(wrong("limit=2&limit=2&limit=3", &["limit"]), [twice]);
    }

    #[test]
    fn a_header_is_read_once_and_as_text() {
        let request = |values: &[&[u8]]| {
            let mut request = Request::builder().finish();
            for value in values {
                let value = poem::http::HeaderValue::from_bytes(value).unwrap();
                request.headers_mut().append("idempotency-key", value);
            }
            request
        };
        let read = |values: &[&[u8]]| {
            let request = request(values);
            let read = header(&request, "Idempotency-Key");
            read.map(|text| text.map(str::to_owned))
                .map_err(|failure| failure.code)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["é1".as_bytes()]), Ok(Some("é1".to_owned())));
        assert_eq!(read(&[b"a", b"a"]), Err(Code::BadRequest));
        assert_eq!(read(&[b"\xff"]), Err(Code::BadRequest));
    }
}
