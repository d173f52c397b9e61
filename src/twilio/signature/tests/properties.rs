//! Properties of signatures: what Twilio signs is accepted, and no byte can be changed.

use super::*;

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[A-C\u{0}]{0,2}|CallStatus[AB]{0,2}", ".{0,5}"), 0..12)
}

proptest! {
    #[test]
    fn what_twilio_signs_is_accepted(pairs in pairs(), path in "/[a-z/?=&%]{0,12}", form_at in 0..2usize) {
        let verifier = Verifier::new("https://a.example:8443", &["new", "old"], &[("SK1", "shared")]).unwrap();
        let form = form_of(&pairs);
        let origin = ["https://a.example", "https://a.example:8443"][form_at];
        let text = reference(&format!("{origin}{path}"), &pairs);
        for token in ["new", "old"] {
            let signature = sign(SHA1, token, &text);
            prop_assert_eq!(verifier.verify(&path, &signed_with(Some(&signature)), &form), Ok(()));
        }
        for (algorithm, name) in [(SHA1, "HMAC_SHA1"), (ring::hmac::HMAC_SHA256, "HMAC_SHA256")] {
            let settings = format!("key=SK1, algorithm={name}");
            let verdict = |secret: &str, settings: SignatureHeaderCount<'_>| {
                let signature = sign(algorithm, secret, &text);
                verifier.verify(&path, &SignatureHeaders { signature: SignatureHeaderCount::One(signature.as_bytes()), settings }, &form)
            };
            prop_assert_eq!(verdict("shared", SignatureHeaderCount::One(settings.as_bytes())), Ok(()));
            prop_assert_eq!(verdict("new", SignatureHeaderCount::One(settings.as_bytes())), Err(SignatureFailure::Mismatch));
            prop_assert!(verdict("shared", SignatureHeaderCount::None).is_err());
        }
    }

    #[test]
    fn a_change_of_any_byte_is_refused(
        pairs in pairs(), target in 0..3usize, at in any::<prop::sample::Index>(), flip in 1u8..=255,
    ) {
        let verifier = Verifier::new::<_, &str, &str>("https://a.example", &["token"], &[]).unwrap();
        let path = "/twiml/answer/abc";
        let text = reference(&format!("https://a.example{path}"), &pairs);
        let signature = sign(SHA1, "token", &text);
        let mut parts = [path.as_bytes().to_vec(), body_of(&pairs).into_bytes(), signature.into_bytes()];
        prop_assume!(!parts[target].is_empty());
        let at = at.index(parts[target].len());
        parts[target][at] ^= flip;
        let [path, body, signature] = &parts;
        let (Ok(path), Ok(form)) = (std::str::from_utf8(path), Form::parse(body)) else { return Ok(()) };
        let read: Vec<(String, String)> = form.pairs().map(|(name, value)| (name.into(), value.into())).collect();
        // Some changes leave what is signed as it was: the case of an escape's digits, or a `=`
        // moved along.
        prop_assume!(reference(&format!("https://a.example{path}"), &read) != text || target == 2);
        let headers = SignatureHeaders { signature: SignatureHeaderCount::One(signature), settings: SignatureHeaderCount::None };
        prop_assert!(verifier.verify(path, &headers, &form).is_err());
    }
}
