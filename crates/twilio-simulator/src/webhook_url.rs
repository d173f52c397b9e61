//! The URLs of a service as text: what is sent and signed of them, and how relative ones are
//! resolved. No library rewrites them, because the service verifies the bytes that it was given.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The parts of an absolute URL, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebhookUrl {
    /// `http` or `https`, in lower case.
    pub(super) scheme: String,
    /// User and password, percent-decoded.
    pub(super) credentials: Option<(String, String)>,
    /// Host and port as written: the `Host` header.
    pub(super) authority: String,
    /// Path and query: the target of the request line. Begins with `/`.
    pub(super) target: String,
}

impl WebhookUrl {
    /// Splits `text`; `None` when it is no absolute http or https URL with a host.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parsed = url::Url::parse(text).ok()?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return None;
        }
        let (_, rest) = text.split_once("://")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(credentials(user)), host),
            None => (None, authority),
        };
        // A text that libraries and browsers read differently (a backslash before the host, a tab
        // within it) must not lead to another host than the one that was judged.
        let same = url::Url::parse(&format!("{}://{authority}/", parsed.scheme())).ok()?;
        if same.host() != parsed.host() || same.port() != parsed.port() {
            return None;
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(Self {
            scheme: parsed.scheme().to_owned(),
            credentials,
            authority: authority.to_owned(),
            target: format!("{slash}{}", escaped(target)),
        })
    }

    /// The URL that is signed: over https without the port.
    pub(super) fn signed(&self) -> String {
        let authority = match self.authority.rsplit_once(':') {
            Some((host, port))
                if self.scheme == "https" && port.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                host
            }
            Some(_) | None => self.authority.as_str(),
        };
        format!("{}://{authority}{}", self.scheme, self.target)
    }

    /// The URL that the request goes to, without credentials.
    pub(super) fn sent(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }

    /// The `Authorization` header for the credentials in the URL.
    pub(super) fn authorization(&self) -> Option<String> {
        let (user, password) = self.credentials.as_ref()?;
        Some(format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{password}"))
        ))
    }

    /// Appends `query` to the query.
    pub(super) fn add_query(&mut self, query: &str) {
        self.target
            .push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(query);
    }
}

fn credentials(userinfo: &str) -> (String, String) {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decode = |text: &str| super::form::decode(&text.replace('+', "%2B"));
    (decode(user), decode(password))
}

/// Escapes the bytes that no request line can carry: white space, controls, letters that are not
/// ASCII, and the few delimiters that servers refuse. Everything else stays as it is.
fn escaped(target: &str) -> String {
    let mut text = String::with_capacity(target.len());
    let mut in_query = false;
    for &byte in target.as_bytes() {
        in_query |= byte == b'?';
        match byte {
            b'<' | b'>' | b'`' => escape(&mut text, byte),
            b'"' if in_query => escape(&mut text, byte),
            b'!'..=b'~' => text.push(char::from(byte)),
            other => escape(&mut text, other),
        }
    }
    text
}

fn escape(text: &mut String, byte: u8) {
    text.push_str(&format!("%{byte:02X}"));
}

/// Resolves a reference against the URL of the document in which it stands (RFC 3986, section
/// 5.2). Absolute references stay as written; `None` when there is nothing to resolve against.
pub(super) fn resolve(base: Option<&str>, reference: &str) -> Option<String> {
    if has_scheme(reference) {
        return Some(reference.to_owned());
    }
    let base = base?;
    let base = base.split('#').next().unwrap_or(base);
    let (scheme, rest) = base.split_once("://")?;
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = target.split('?').next().unwrap_or_default();
    if let Some(other) = reference.strip_prefix("//") {
        return Some(format!("{scheme}://{other}"));
    }
    if reference.is_empty() {
        return Some(base.to_owned());
    }
    if reference.starts_with(['?', '#']) {
        let kept = if reference.starts_with('?') {
            path
        } else {
            target
        };
        return Some(format!("{scheme}://{authority}{kept}{reference}"));
    }
    let (relative, tail) =
        reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let merged = if relative.starts_with('/') {
        relative.to_owned()
    } else {
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{folder}{relative}")
    };
    Some(format!(
        "{scheme}://{authority}{}{tail}",
        without_dots(&merged)
    ))
}

/// Returns whether the text begins with a scheme (`https:`).
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Removes `.` and `..` from the path of a relative reference.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_signed() {
        let signed = |text| WebhookUrl::parse(text).map(|url| url.signed());
        for (written, expected) in [
            (
                "https://u:p@a.example:8443/x?y=1#rc=2",
                "https://a.example/x?y=1",
            ),
            ("http://u@127.0.0.1:8080/x#rc=2", "http://127.0.0.1:8080/x"),
            ("https://a.example?x=1", "https://a.example/?x=1"),
            ("HTTP://A.Example/x", "http://A.Example/x"),
            (
                "http://a.example/a/../b/./%2f|\"'{}?q=\"|'",
                "http://a.example/a/../b/./%2f|\"'{}?q=%22|'",
            ),
            ("http://a.example/ü x<", "http://a.example/%C3%BC%20x%3C"),
        ] {
            assert_eq!(signed(written).as_deref(), Some(expected));
        }
        assert_eq!(signed("ftp://a.example/x"), None);
        assert_eq!(signed("/x"), None);
        for misread in [
            "http://a.example\\@127.0.0.1/",
            "http://a.exa\tmple\\@b.example/x",
        ] {
            assert_eq!(signed(misread), None, "{misread}");
        }
        let url = WebhookUrl::parse("https://me:s%40cret@a.example:8443/x").unwrap();
        assert_eq!(
            url.credentials,
            Some(("me".to_owned(), "s@cret".to_owned()))
        );
        assert_eq!(url.sent(), "https://a.example:8443/x");
    }

    #[test]
    fn relative_references_are_resolved_and_absolute_ones_are_left_alone() {
        let base = Some("https://A.example/twiml/a|b/../answer?x=1#rc=2");
        for (reference, expected) in [
            ("key", "https://A.example/twiml/key"),
            ("/k#rc=1", "https://A.example/k#rc=1"),
            ("/a/../k?y=..", "https://A.example/k?y=.."),
            ("?y=2", "https://A.example/twiml/a|b/../answer?y=2"),
            ("//b.example/k", "https://b.example/k"),
            ("https://B.example/ü", "https://B.example/ü"),
            ("", "https://A.example/twiml/a|b/../answer?x=1"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected));
        }
        assert_eq!(
            resolve(Some("http://a.example"), "key").as_deref(),
            Some("http://a.example/key")
        );
        assert_eq!(
            resolve(Some("http://a.example/x/y/z"), "../../k").as_deref(),
            Some("http://a.example/k")
        );
        assert_eq!(resolve(None, "/k"), None);
    }
}
