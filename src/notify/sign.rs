//! Signatures by Standard Webhooks: so that a client knows that an event is ours, and how old it
//! is.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};

const PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here.
const MADE: usize = 32;

/// One secret that signs events.
#[derive(Clone)]
pub struct Secret {
    text: Box<str>,
    key: hmac::Key,
}

/// The text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ and the base64 of 24 to 64 bytes")]
pub struct NotASecret;

impl Secret {
    /// Reads a secret: `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// It is anything else.
    pub fn parse(text: &str) -> Result<Self, NotASecret> {
        let bytes = text
            .strip_prefix(PREFIX)
            .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
        let bytes = bytes
            .filter(|bytes| (24..=64).contains(&bytes.len()))
            .ok_or(NotASecret)?;
        Ok(Self {
            text: text.into(),
            key: hmac::Key::new(HMAC_SHA256, &bytes),
        })
    }

    /// A new one; `None`: this system has no randomness to give.
    #[must_use]
    pub fn made() -> Option<Self> {
        let mut bytes = [0; MADE];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Self::parse(&format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes))).ok()
    }

    /// The text, for the one place that shows a secret that was made at start.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [id, ".", &seconds.to_string(), ".", body] {
            context.update(part.as_bytes());
        }
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

/// The value of `webhook-signature`: one signature for each secret, so that clients can change
/// theirs one by one.
pub(super) fn signatures(secrets: &[Secret], id: &str, seconds: i64, body: &str) -> String {
    let signed: Vec<String> = secrets
        .iter()
        .map(|secret| secret.sign(id, seconds, body))
        .collect();
    signed.join(" ")
}

/// Secrets stay out of every log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        // https://github.com/standard-webhooks/standard-webhooks, the worked example of the
        // specification.
        let secret = Secret::parse(OLD).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signed = signatures(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            body,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_every_secret_signs_is_what_the_reference_signs() {
        let made = Secret::made().unwrap();
        let secrets = [made.clone(), Secret::parse(OLD).unwrap()];
        let signed = signatures(&secrets, "evt_1", 7, "{\"é\":1}");
        let reference = secrets.map(|secret| {
            let webhook = standardwebhooks::Webhook::new(secret.reveal()).unwrap();
            webhook.sign("evt_1", 7, "{\"é\":1}".as_bytes()).unwrap()
        });
        assert_eq!(signed, reference.join(" "));
        assert_ne!(made.reveal(), Secret::made().unwrap().reveal());
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let encoded = |length| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
        for length in [24, 64] {
            assert!(Secret::parse(&encoded(length)).is_ok());
        }
        for text in [
            "",
            "whsec_",
            &encoded(23),
            &encoded(65),
            OLD.trim_start_matches(PREFIX),
            "whsec_not base64",
        ] {
            assert_eq!(Secret::parse(text).err(), Some(NotASecret), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::parse(OLD)), "Ok(Secret)");
    }
}
