//! The likely cause of a signature that does not fit, for the log and for `tablecall doctor`.
//!
//! Runs after a refusal only. It tries the URLs that Twilio may have signed instead: another scheme,
//! the host and port that proxies report, the path before a rewrite, no query, no body. The request
//! stays refused whatever is found: headers that anybody can write must not decide what is believed.

mod target;

use http::HeaderMap;

use super::settings::SignatureSettings;
use super::{SignatureFailure, SignatureHeaderCount, SignatureHeaders, Verifier};
use crate::twilio::form::Form;
use target::{RequestTarget, origins, targets};

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
    target: RequestTarget<'a>,
    with_body: bool,
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
            // The signed parameters are lost, so no guess can fit.
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
            _ if foreign_kind(refused.headers).is_some() => not_a_form(refused.headers),
            _ => "no likely URL fits: TWILIO_AUTH_TOKEN is another than Twilio's, or a proxy changes the \
                  URL or the body"
                .to_owned(),
        }
    }

    /// Returns whether the signature fits this URL and body, by any auth token or the shared key it
    /// names.
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
        target: RequestTarget::AsReceived,
        with_body: true,
    });
    let without_body = std::iter::once(Guess {
        origin: None,
        target: RequestTarget::AsReceived,
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

fn not_a_form(headers: &HeaderMap) -> String {
    match foreign_kind(headers) {
        Some(kind) => format!(
            "the body is {} and not the form that Twilio sends: something rewrites it on the way",
            short(kind)
        ),
        None => "the body cannot be read as a form: something rewrites it on the way".to_owned(),
    }
}

/// The content type, if it is none of a form.
fn foreign_kind(headers: &HeaderMap) -> Option<&str> {
    text(headers, "content-type")
        .filter(|kind| !kind.starts_with("application/x-www-form-urlencoded"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)?
        .to_str()
        .ok()
        .filter(|text| !text.is_empty())
}

/// Returns whether the text of a header can be a host with a port.
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
mod tests;
