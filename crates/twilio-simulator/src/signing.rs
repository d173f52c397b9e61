//! Signs webhooks as Twilio does. Written apart from the product's
//! verifier and never compared with it: both are pinned to the vectors of Twilio's own libraries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::config::SignatureAlgorithm;

/// The signature over `url` and the decoded form `pairs`, base64.
pub(super) fn sign(
    algorithm: SignatureAlgorithm,
    secret: &str,
    url: &str,
    pairs: &[(String, String)],
) -> String {
    let mut sorted: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut text = url.to_owned();
    for (name, value) in sorted {
        text.push_str(name);
        text.push_str(value);
    }
    match algorithm {
        SignatureAlgorithm::HmacSha1 => digest::<Hmac<Sha1>>(secret, &text),
        SignatureAlgorithm::HmacSha256 => digest::<Hmac<Sha256>>(secret, &text),
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn digest<M: Mac + KeyInit>(secret: &str, text: &str) -> String {
    let mut mac =
        <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::webhook_url::WebhookUrl;
    use super::*;
    use serde_json::Value;

    fn pairs(vector: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let params = vector["params"].as_array().cloned().unwrap_or_default();
        params
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect()
    }

    #[test]
    fn signatures_equal_the_vectors_of_twilios_libraries() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/data/signature_vectors.json"))
                .unwrap();
        let mut checked = 0;
        for vector in vectors["official"].as_array().unwrap() {
            let (url, name) = (
                vector["url"].as_str().unwrap(),
                vector["name"].as_str().unwrap(),
            );
            // Twilio itself signs this variant; validators accept others, too.
            let variant = if url.starts_with("https") {
                "no_userinfo_no_port"
            } else {
                "no_userinfo_port_kept"
            };
            let matches = vector["matches_url_variant"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            if vector["expected_valid"] != true || !matches.iter().any(|found| found == variant) {
                continue;
            }
            let token = vector["auth_token"].as_str().unwrap();
            // Letters that are not ASCII are sent, and so signed, escaped; the vector is not.
            let signed = if url.is_ascii() {
                WebhookUrl::parse(url).unwrap().signed()
            } else {
                url.to_owned()
            };
            let algorithm = SignatureAlgorithm::HmacSha1;
            let signature = sign(algorithm, token, &signed, &pairs(vector));
            assert_eq!(signature, vector["signature"].as_str().unwrap(), "{name}");
            checked += 1;
        }
        assert!(checked >= 20, "only {checked} vectors were usable");
    }
}
