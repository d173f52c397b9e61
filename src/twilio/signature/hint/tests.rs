//! Each way in which a proxy or a setting breaks a signature is named.

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
    assert!(hint(TARGET, FORM, &[], &other).starts_with("no likely URL fits: TWILIO_AUTH_TOKEN"));
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
