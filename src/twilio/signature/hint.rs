//! The likely cause of a signature that does not fit, for the log and for `tablecall doctor`.
//!
//! Runs after a refusal only. It tries the URLs that Twilio may have signed instead: another scheme,
//! the host and port that proxies report, the path before a rewrite, no query, no body. The request
//! stays refused whatever is found: headers that anybody can write must not decide what is believed.

use http::HeaderMap;

use super::settings::SignatureSettings;
use super::{SignatureFailure, SignatureHeaderCount, SignatureHeaders, Verifier};
use crate::twilio::form::Form;

/// Bytes hashed at most for one hint. A webhook of Twilio has about 2 KiB, so that is some 120
/// tries; a body of 64 KiB gets four.
const MOST_BYTES: usize = 256 * 1024;
/// The longest part of a header that a hint repeats.
const LONGEST_TEXT: usize = 100;

/// A refused request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct RefusedWebhook<'a> {
    /// The configured public origin, such as `https://calls.example.com`.
    pub public_url: &'a str,
    /// The account that the configuration names.
    pub account_sid: &'a str,
    /// Path and query of the request line.
    pub target: &'a str,
    /// All headers of the request.
    pub headers: &'a HeaderMap,
    /// The parameters; `None` when the body is not a form.
    pub form: Option<&'a Form>,
}

/// One URL and body that Twilio may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guess<'a> {
    /// `scheme://host[:port]`; `None`: the configured one.
    origin: Option<String>,
    target: Target<'a>,
    with_body: bool,
}

/// The path and query that Twilio may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target<'a> {
    AsReceived,
    WithoutSlash,
    WithSlash,
    WithoutQuery,
    WithoutQueryAndSlash,
    /// A header of a proxy names it.
    BeforeRewrite(&'a str),
    /// A header of a proxy names what it removed from the front.
    WithPrefix(&'a str),
    /// `//` at the front, which proxies merge.
    WithDoubleSlash,
}

impl Target<'_> {
    /// The text, where it differs from what was received.
    fn render(&self, received: &str) -> Option<String> {
        let (path, query) = received
            .split_once('?')
            .map_or((received, None), |(p, q)| (p, Some(q)));
        let joined = |path: &str| match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        match self {
            Self::AsReceived => Some(received.to_owned()),
            Self::WithoutSlash => path.strip_suffix('/').map(joined),
            Self::WithSlash => (!path.ends_with('/')).then(|| joined(&format!("{path}/"))),
            Self::WithoutQuery => query.map(|_| path.to_owned()),
            Self::WithoutQueryAndSlash => query.and(path.strip_suffix('/')).map(str::to_owned),
            Self::BeforeRewrite(target) => (*target != received).then(|| (*target).to_owned()),
            Self::WithPrefix(prefix) => Some(format!("{}{received}", prefix.trim_end_matches('/'))),
            Self::WithDoubleSlash => Some(format!("/{received}")),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::AsReceived => return None,
            Self::WithoutSlash => "a trailing slash was added to the path on the way".to_owned(),
            Self::WithSlash => "the trailing slash of the path was removed on the way".to_owned(),
            Self::WithoutQuery => "a query was added to the URL on the way".to_owned(),
            Self::WithoutQueryAndSlash => {
                "a trailing slash and a query were added to the URL on the way".to_owned()
            }
            Self::BeforeRewrite(_) => "the path was rewritten on the way".to_owned(),
            Self::WithPrefix(prefix) => format!(
                "the path lost its prefix {} on the way: TABLECALL_PUBLIC_URL is an origin, a path \
                 below it is not possible",
                short(prefix)
            ),
            Self::WithDoubleSlash => {
                "Twilio's URL has two slashes before the path, which were merged on the way"
                    .to_owned()
            }
        })
    }
}

impl Verifier {
    /// The likely cause of `failure`, in one sentence for operators. It holds no parameter of the
    /// request but an account SID, and costs at most the hashing of 256 KiB.
    #[must_use]
    pub fn hint(&self, failure: SignatureFailure, refused: &RefusedWebhook<'_>) -> String {
        let signature = SignatureHeaders::of(refused.headers);
        match failure {
            SignatureFailure::Missing => {
                "no X-Twilio-Signature arrived: a proxy drops it, or the sender is not Twilio".to_owned()
            }
            SignatureFailure::Doubled => {
                "X-Twilio-Signature or its settings arrived more than once: a proxy repeats headers"
                    .to_owned()
            }
            SignatureFailure::Malformed if refused.form.is_none() => not_a_form(refused.headers),
            SignatureFailure::Malformed => {
                "X-Twilio-Signature or its settings cannot be read: a proxy changes them, or the sender is not Twilio"
                    .to_owned()
            }
            SignatureFailure::UnknownKey => match SignatureSettings::read(signature.settings).ok().and_then(|settings| settings.key) {
                Some(key) => format!(
                    "Twilio signed with the shared key {}, which TWILIO_WEBHOOK_KEYS does not have",
                    short(key)
                ),
                None => "Twilio signed with the auth token, and none is configured".to_owned(),
            },
            SignatureFailure::UnknownAlgorithm => {
                "the request names a signature algorithm that this version does not know".to_owned()
            }
            SignatureFailure::Mismatch => self.explain_mismatch(refused, &signature),
        }
    }

    fn explain_mismatch(
        &self,
        refused: &RefusedWebhook<'_>,
        signature: &SignatureHeaders<'_>,
    ) -> String {
        let Some(form) = refused.form else {
            return not_a_form(refused.headers);
        };
        let is_empty = form.pairs().len() == 0;
        if is_empty {
            // What Twilio signed is not here any more, so no guess can fit.
            return "the body was lost on the way".to_owned();
        }
        let cost = form
            .pairs()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
            + 512;
        let mut tries = (MOST_BYTES / (cost * self.tokens.len().max(1))).max(1);
        let origins = origins(refused);
        for guess in guesses(refused, &origins) {
            if tries == 0 {
                break;
            }
            let Some(target) = guess.target.render(refused.target) else {
                continue;
            };
            tries -= 1;
            if self.fits(
                guess.origin.as_deref(),
                &target,
                signature,
                guess.with_body.then_some(form),
            ) {
                return guess.hint(refused.public_url);
            }
        }
        if self.is_signed_by_shared_key(refused.target, signature, form) {
            return "a shared key signed, but X-Twilio-Webhooks-Signature-Settings was dropped on the way"
                .to_owned();
        }
        match form.get("AccountSid") {
            Some(account) if account != refused.account_sid && is_sid(account) => format!(
                "the request is of account {account}, TWILIO_ACCOUNT_SID is {}: a webhook is signed with \
                 the token of the account that owns the call",
                refused.account_sid
            ),
            _ => "no likely URL fits: TWILIO_AUTH_TOKEN is another than Twilio's, or a proxy changes the \
                  URL or the body"
                .to_owned(),
        }
    }

    /// Whether the signature fits this URL and body, by any auth token or the shared key it names.
    fn fits(
        &self,
        origin: Option<&str>,
        target: &str,
        signature: &SignatureHeaders<'_>,
        form: Option<&Form>,
    ) -> bool {
        let no_pieces = std::iter::empty::<&[u8]>;
        match (origin, form) {
            (None, Some(form)) => self.verify(target, signature, form).is_ok(),
            (None, None) => self.verify_pieces(target, signature, no_pieces).is_ok(),
            (Some(origin), form) => {
                let Some(other) = self.at(origin) else {
                    return false;
                };
                match form {
                    Some(form) => other.verify(target, signature, form).is_ok(),
                    None => other.verify_pieces(target, signature, no_pieces).is_ok(),
                }
            }
        }
    }

    fn is_signed_by_shared_key(
        &self,
        target: &str,
        signature: &SignatureHeaders<'_>,
        form: &Form,
    ) -> bool {
        signature.settings == SignatureHeaderCount::None
            && self.shared.iter().any(|(id, _)| {
                ["HMAC_SHA1", "HMAC_SHA256"].iter().any(|algorithm| {
                    let settings = format!("key={id},algorithm={algorithm}");
                    let named = SignatureHeaders {
                        signature: signature.signature,
                        settings: SignatureHeaderCount::One(settings.as_bytes()),
                    };
                    self.verify(target, &named, form).is_ok()
                })
            })
    }
}

impl Guess<'_> {
    fn hint(&self, public_url: &str) -> String {
        let origin = self.origin.as_deref().map(|signed| {
            match (signed.split_once("://"), public_url.split_once("://")) {
                (Some((signed_scheme, signed_host)), Some((scheme, host)))
                    if signed_host == host && signed_scheme != scheme =>
                {
                    format!("Twilio signed {signed_scheme}, TABLECALL_PUBLIC_URL is {scheme}")
                }
                _ => format!(
                    "Twilio signed {}, TABLECALL_PUBLIC_URL is {public_url}",
                    short(signed)
                ),
            }
        });
        let body = (!self.with_body)
            .then(|| "Twilio signed no parameters: a body was added on the way".to_owned());
        let parts: Vec<String> = origin
            .into_iter()
            .chain(self.target.hint())
            .chain(body)
            .collect();
        parts.join("; ")
    }
}

/// All guesses, those with one difference first.
fn guesses<'a>(
    refused: &RefusedWebhook<'a>,
    origins: &'a [String],
) -> impl Iterator<Item = Guess<'a>> {
    let targets = targets(refused);
    let at_home = targets.clone().into_iter().map(|target| Guess {
        origin: None,
        target,
        with_body: true,
    });
    let elsewhere = origins.iter().map(|origin| Guess {
        origin: Some(origin.clone()),
        target: Target::AsReceived,
        with_body: true,
    });
    let without_body = std::iter::once(Guess {
        origin: None,
        target: Target::AsReceived,
        with_body: false,
    });
    let both = origins.iter().flat_map(move |origin| {
        targets.clone().into_iter().map(|target| Guess {
            origin: Some(origin.clone()),
            target,
            with_body: true,
        })
    });
    at_home.chain(elsewhere).chain(without_body).chain(both)
}

fn targets<'a>(refused: &RefusedWebhook<'a>) -> Vec<Target<'a>> {
    let mut targets = vec![
        Target::WithoutSlash,
        Target::WithSlash,
        Target::WithoutQuery,
        Target::WithoutQueryAndSlash,
        Target::WithDoubleSlash,
    ];
    let header = |name| text(refused.headers, name).filter(|target| target.starts_with('/'));
    targets.extend(
        [
            "x-forwarded-uri",
            "x-original-uri",
            "x-original-url",
            "x-rewrite-url",
        ]
        .into_iter()
        .filter_map(header)
        .map(Target::BeforeRewrite),
    );
    targets.extend(header("x-forwarded-prefix").map(Target::WithPrefix));
    targets
}

/// The other origins that Twilio may have been given, the likeliest first.
fn origins(refused: &RefusedWebhook<'_>) -> Vec<String> {
    let Some((scheme, authority)) = refused.public_url.split_once("://") else {
        return Vec::new();
    };
    let other = if scheme.eq_ignore_ascii_case("https") {
        "http"
    } else {
        "https"
    };
    let headers = refused.headers;
    let reported = ["host", "x-forwarded-host", "x-original-host"]
        .into_iter()
        .filter_map(|name| text(headers, name))
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|host| is_authority(host))
        .take(4);
    let mut hosts = vec![authority.to_owned()];
    hosts.extend(reported.map(str::to_owned));
    let forwarded = text(headers, "x-forwarded-port").map(str::trim);
    let ports: Vec<String> = hosts
        .iter()
        .filter_map(|host| host.strip_prefix(without_port(host))?.strip_prefix(':'))
        .chain(forwarded.filter(|port| port.parse::<u16>().is_ok()))
        .map(str::to_owned)
        .collect();
    for host in hosts.clone() {
        hosts.extend(
            ports
                .iter()
                .map(|port| format!("{}:{port}", without_port(&host))),
        );
    }
    hosts.push(without_port(authority).to_owned());
    let mut origins: Vec<String> = Vec::new();
    for host in &hosts {
        for scheme in [scheme, other] {
            let origin = format!("{scheme}://{host}");
            if origin != refused.public_url && !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    origins
}

fn not_a_form(headers: &HeaderMap) -> String {
    match text(headers, "content-type") {
        Some(kind) if !kind.starts_with("application/x-www-form-urlencoded") => format!(
            "the body is {} and not the form that Twilio sends: something rewrites it on the way",
            short(kind)
        ),
        _ => "the body cannot be read as a form: something rewrites it on the way".to_owned(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)?
        .to_str()
        .ok()
        .filter(|text| !text.is_empty())
}

fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        Some(_) | None => authority,
    }
}

/// Whether the text of a header can be a host with a port.
pub fn is_authority(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_TEXT
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn is_sid(text: &str) -> bool {
    text.len() == 34 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The beginning of a text that somebody else wrote.
fn short(text: &str) -> &str {
    text.char_indices()
        .nth(LONGEST_TEXT)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha1::Sha1;

    use super::*;

    const PUBLIC: &str = "https://calls.example.com";
    const ACCOUNT: &str = "AC00000000000000000000000000000000";
    const TARGET: &str = "/twiml/answer/T";
    const FORM: &str =
        "AccountSid=AC00000000000000000000000000000000&CallSid=CA1&Called=%2B14155550101";

    fn sign(token: &str, url: &str, form: &str) -> String {
        let form = Form::parse(form.as_bytes()).unwrap();
        let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
        mac.update(url.as_bytes());
        form.signed_pieces().for_each(|piece| mac.update(piece));
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }

    /// The hint for a request with this target, body and headers, signed as given.
    fn hint(target: &str, body: &str, headers: &[(&'static str, &str)], signature: &str) -> String {
        let none: [(&str, &str); 0] = [];
        let verifier = Verifier::new(PUBLIC, &["new", "old"], &none).unwrap();
        let mut map = HeaderMap::new();
        map.insert("x-twilio-signature", signature.parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let form = Form::parse(body.as_bytes()).ok();
        let failure = match &form {
            Some(form) => verifier
                .verify(target, &SignatureHeaders::of(&map), form)
                .unwrap_err(),
            None => SignatureFailure::Malformed,
        };
        let refused = RefusedWebhook {
            public_url: PUBLIC,
            account_sid: ACCOUNT,
            target,
            headers: &map,
            form: form.as_ref(),
        };
        verifier.hint(failure, &refused)
    }

    #[test]
    fn what_a_proxy_did_to_the_url_is_named() {
        let signed = |url: &str| sign("old", url, FORM);
        let usual = signed("https://calls.example.com/twiml/answer/T");
        let slashed = signed("https://calls.example.com/twiml/answer/T/");
        for (target, headers, signature, expected) in [
            (
                "/twiml/answer/T/",
                &[][..],
                &usual,
                "a trailing slash was added to the path on the way",
            ),
            (
                TARGET,
                &[],
                &slashed,
                "the trailing slash of the path was removed on the way",
            ),
            (
                "/twiml/answer/T?via=proxy",
                &[],
                &usual,
                "a query was added to the URL on the way",
            ),
            (
                TARGET,
                &[("host", "calls.example.com")],
                &signed("http://calls.example.com/twiml/answer/T"),
                "Twilio signed http, TABLECALL_PUBLIC_URL is https",
            ),
            (
                TARGET,
                &[("host", "other.example.com:8443")],
                &signed("https://other.example.com:8443/twiml/answer/T"),
                "Twilio signed https://other.example.com:8443, TABLECALL_PUBLIC_URL is https://calls.example.com",
            ),
            (
                TARGET,
                &[
                    ("host", "10.0.0.7:8080"),
                    ("x-forwarded-host", "other.example.com"),
                ],
                &signed("https://other.example.com/twiml/answer/T"),
                "Twilio signed https://other.example.com, TABLECALL_PUBLIC_URL is https://calls.example.com",
            ),
            (
                TARGET,
                &[("x-forwarded-port", "8443")],
                &signed("https://calls.example.com:8443/twiml/answer/T"),
                "Twilio signed https://calls.example.com:8443, TABLECALL_PUBLIC_URL is https://calls.example.com",
            ),
            (
                TARGET,
                &[("x-forwarded-prefix", "/tablecall")],
                &signed("https://calls.example.com/tablecall/twiml/answer/T"),
                "the path lost its prefix /tablecall on the way: TABLECALL_PUBLIC_URL is an origin, a path \
                 below it is not possible",
            ),
            (
                "/twiml/answer/T/",
                &[("host", "other.example.com")],
                &signed("http://other.example.com/twiml/answer/T"),
                "Twilio signed http://other.example.com, TABLECALL_PUBLIC_URL is https://calls.example.com; \
                 a trailing slash was added to the path on the way",
            ),
        ] {
            assert_eq!(hint(target, FORM, headers, signature), expected);
        }
    }

    #[test]
    fn what_happened_to_the_body_or_the_token_is_named() {
        let usual = sign("new", "https://calls.example.com/twiml/answer/T", FORM);
        assert_eq!(
            hint(TARGET, "", &[], &usual),
            "the body was lost on the way"
        );
        let empty = sign("new", "https://calls.example.com/twiml/answer/T", "");
        assert_eq!(
            hint(TARGET, FORM, &[], &empty),
            "Twilio signed no parameters: a body was added on the way"
        );
        let json = [("content-type", "application/json")];
        assert_eq!(
            hint(TARGET, "%", &json, &usual),
            "the body is application/json and not the form that Twilio sends: something rewrites it on the way"
        );
        let other = sign("another", "https://calls.example.com/twiml/answer/T", FORM);
        assert!(
            hint(TARGET, FORM, &[], &other).starts_with("no likely URL fits: TWILIO_AUTH_TOKEN")
        );
        let elsewhere = FORM.replace(ACCOUNT, "AC11111111111111111111111111111111");
        assert!(
            hint(TARGET, &elsewhere, &[], &other)
                .starts_with("the request is of account AC11111111111111111111111111111111, ")
        );
    }

    #[test]
    fn hostile_headers_cost_no_more_and_are_not_repeated() {
        let long = format!("AccountSid={ACCOUNT}&Body={}", "x".repeat(60_000));
        let other = sign("another", "https://calls.example.com/twiml/answer/T", &long);
        let host = "<script>".repeat(50);
        let headers = [
            ("host", host.as_str()),
            ("x-forwarded-uri", "/+14155550101"),
        ];
        let found = hint(TARGET, &long, &headers, &other);
        assert!(found.starts_with("no likely URL fits"), "{found}");
        let kind = "x".repeat(5_000);
        let found = hint(TARGET, "%", &[("content-type", kind.as_str())], &other);
        assert!(found.len() < 300, "{found}");
    }
}
