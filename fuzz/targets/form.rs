//! The body of a webhook: split as browsers' rules split it, and signed as Twilio's documentation
//! says.
//!
//! Both are held against other implementations, which must not be ours.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha1::Sha1;
use tablecall::internals::form::Form;
use tablecall::internals::{SIGNATURE_HEADER, SignatureHeaders, Verifier};
use tablecall::internals::{AmdCallback, StatusCallback, VoiceRequest};

const ORIGIN: &str = "https://calls.example.com";
const TOKEN: &str = "12345";

static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new(ORIGIN, &[TOKEN], &[("WK1", "a shared secret")]).expect("a verifier"));

fuzz_target!(|data: &[u8]| {
    // The first byte says how much of the rest stands in the request line.
    let Some((length, rest)) = data.split_first() else { return };
    let (target, body) = rest.split_at(usize::from(*length).min(rest.len()));
    let Ok(form) = Form::parse(body) else { return };
    split_as_others_do(&form, body);
    drop((VoiceRequest::read(&form), StatusCallback::read(&form), AmdCallback::read(&form)));
    if let Ok(target) = std::str::from_utf8(target) {
        signed_as_documented(&form, target);
    }
});

fn split_as_others_do(form: &Form, body: &[u8]) {
    let ours: Vec<(&str, &str)> = form.pairs().collect();
    let theirs: Vec<_> = form_urlencoded::parse(body).collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, (name, value)) in ours.iter().zip(&theirs) {
        assert_eq!(*ours, (name.as_ref(), value.as_ref()));
    }
}

fn signed_as_documented(form: &Form, target: &str) {
    let mut pairs: Vec<(&str, &str)> = form.pairs().collect();
    pairs.sort_unstable();
    pairs.dedup();
    let text: String = pairs.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any length will do");
    mac.update(format!("{ORIGIN}{target}{text}").as_bytes());
    let mut digest = mac.finalize().into_bytes();
    assert_eq!(verify(form, target, &digest), Ok(()));
    digest[usize::from(target.len() as u8) % 20] ^= 1;
    assert!(verify(form, target, &digest).is_err());
}

fn verify(form: &Form, target: &str, digest: &[u8]) -> Result<(), tablecall::internals::SignatureFailure> {
    let mut headers = http::HeaderMap::new();
    let signature = BASE64_STANDARD.encode(digest);
    headers.insert(SIGNATURE_HEADER, signature.parse().expect("base64 is a header's value"));
    VERIFIER.verify(target, &SignatureHeaders::of(&headers), form)
}
