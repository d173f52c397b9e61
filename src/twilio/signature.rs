//! The proof that a webhook comes from Twilio (`X-Twilio-Signature`; Twilio, "Webhooks security").
//!
//! The URL that was signed is the public one of the configuration and the request's own target,
//! never a `Host` or a forwarded header. All that does not depend on the request is absorbed at
//! start. Nothing here reads a clock or remembers requests: a signature has no date, so repeats
//! must be harmless further up. Nor does it cover where a name ends and its value begins, nor the
//! order of pairs: who holds one signed request can cut its text otherwise.

mod hint;
mod operator;
mod settings;
mod url;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use self::settings::{Algorithm, SignatureSettings};
use super::form::Form;

pub use self::hint::{RefusedWebhook, is_authority};
pub use self::operator::{HINT_HEADER, PROOF_HEADER, prove};
pub use self::settings::{SIGNATURE_HEADER, SignatureHeaderCount, SignatureHeaders};

/// The reason for which a request is not believed. The sender does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureFailure {
    /// No signature.
    #[error("the request carries no signature")]
    Missing,
    /// More than one signature, or more than one settings header.
    #[error("the request carries several signatures or signature settings")]
    Doubled,
    /// The signature is not base64 of a digest of the right length, or the settings cannot be read.
    #[error("the signature or its settings cannot be read")]
    Malformed,
    /// Signed with a shared key we do not have, or with the auth token when we have none.
    #[error("the request is signed with a key that is not configured")]
    UnknownKey,
    /// Neither HMAC-SHA1 nor HMAC-SHA256.
    #[error("the request is signed with an unknown algorithm")]
    UnknownAlgorithm,
    /// Not the signature of this request.
    #[error("the signature is not the one of this request")]
    Mismatch,
}

impl SignatureFailure {
    /// The cause as a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Doubled => "doubled",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::Mismatch => "mismatch",
        }
    }
}

/// Reason for which a [`Verifier`] cannot be made. Without a secret nothing can be verified, so
/// there is no verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Neither an auth token nor a shared key.
    #[error("there is no auth token and no shared key to verify webhooks with")]
    NoSecret,
    /// An empty auth token, or a shared key with an empty id or secret.
    #[error("an auth token, a shared key's id, or its secret is empty")]
    EmptySecret,
    /// Two shared keys of one id: which one counts would depend on their order.
    #[error("two shared keys have the same id")]
    RepeatedKey,
    /// Not `scheme://host`.
    #[error("the public URL has no scheme or no host")]
    BadUrl,
}

/// Verifies the webhooks of one public URL.
pub struct Verifier {
    tokens: Vec<SigningSecret>,
    shared: Vec<(String, SigningSecret)>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.shared.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Verifier")
            .field("tokens", &self.tokens.len())
            .field("shared", &ids)
            .finish()
    }
}

/// A secret that has absorbed each form of the public URL, the likeliest first.
struct SigningSecret {
    keyed: Keyed,
    sha1: Vec<Hmac<Sha1>>,
    sha256: Vec<Hmac<Sha256>>,
}

/// A secret that has absorbed nothing yet.
#[derive(Clone)]
struct Keyed {
    sha1: Hmac<Sha1>,
    sha256: Hmac<Sha256>,
}

impl SigningSecret {
    fn new(secret: &str, origins: &[String]) -> Result<Self, SetupError> {
        if secret.is_empty() {
            return Err(SetupError::EmptySecret);
        }
        Ok(Self::at(
            Keyed {
                sha1: Hmac::new_from_slice(secret.as_bytes())
                    .map_err(|_| SetupError::EmptySecret)?,
                sha256: Hmac::new_from_slice(secret.as_bytes())
                    .map_err(|_| SetupError::EmptySecret)?,
            },
            origins,
        ))
    }

    fn at(keyed: Keyed, origins: &[String]) -> Self {
        Self {
            sha1: absorbed(&keyed.sha1, origins),
            sha256: absorbed(&keyed.sha256, origins),
            keyed,
        }
    }
}

fn absorbed<M: Mac + Clone>(keyed: &M, origins: &[String]) -> Vec<M> {
    let absorb = |origin: &String| keyed.clone().chain_update(origin.as_bytes());
    origins.iter().map(absorb).collect()
}

impl Verifier {
    /// A verifier for requests to `public_url` (`scheme://host[:port]`, no path), signed with any
    /// of `auth_tokens` or, when the request names it, with one of `shared_keys` (id, secret).
    ///
    /// # Errors
    /// When there is nothing to verify with, a secret is empty, an id occurs twice, or the URL has
    /// no host.
    pub fn new<T, I, S>(
        public_url: &str,
        auth_tokens: &[T],
        shared_keys: &[(I, S)],
    ) -> Result<Self, SetupError>
    where
        T: AsRef<str>,
        I: AsRef<str>,
        S: AsRef<str>,
    {
        if auth_tokens.is_empty() && shared_keys.is_empty() {
            return Err(SetupError::NoSecret);
        }
        let origins = url::variants(public_url.strip_suffix('/').unwrap_or(public_url))
            .ok_or(SetupError::BadUrl)?;
        let tokens: Result<_, _> = auth_tokens
            .iter()
            .map(|token| SigningSecret::new(token.as_ref(), &origins))
            .collect();
        let mut verifier = Self {
            tokens: tokens?,
            shared: Vec::with_capacity(shared_keys.len()),
        };
        for (id, secret) in shared_keys {
            let id = id.as_ref();
            if id.is_empty() {
                return Err(SetupError::EmptySecret);
            }
            if verifier.shared.iter().any(|(known, _)| known == id) {
                return Err(SetupError::RepeatedKey);
            }
            verifier.shared.push((
                id.to_owned(),
                SigningSecret::new(secret.as_ref(), &origins)?,
            ));
        }
        Ok(verifier)
    }

    /// The same secrets for another public URL; `None`: it has no host.
    fn at(&self, public_url: &str) -> Option<Self> {
        let origins = url::variants(public_url)?;
        let moved = |secret: &SigningSecret| SigningSecret::at(secret.keyed.clone(), &origins);
        Some(Self {
            tokens: self.tokens.iter().map(moved).collect(),
            shared: self
                .shared
                .iter()
                .map(|(id, secret)| (id.clone(), moved(secret)))
                .collect(),
        })
    }

    /// Returns whether Twilio signed `form` for this URL: the public one followed by
    /// `path_and_query` exactly as they stood in the request line.
    ///
    /// # Errors
    /// When it did not, or when that cannot be known.
    pub fn verify(
        &self,
        path_and_query: &str,
        headers: &SignatureHeaders<'_>,
        form: &Form,
    ) -> Result<(), SignatureFailure> {
        self.verify_pieces(path_and_query, headers, || form.signed_pieces())
    }

    fn verify_pieces<'a, P, I>(
        &self,
        rest: &str,
        headers: &SignatureHeaders<'_>,
        pieces: P,
    ) -> Result<(), SignatureFailure>
    where
        P: Fn() -> I,
        I: Iterator<Item = &'a [u8]>,
    {
        let signature = match headers.signature {
            SignatureHeaderCount::None => return Err(SignatureFailure::Missing),
            SignatureHeaderCount::One(signature) => signature,
            SignatureHeaderCount::Many => return Err(SignatureFailure::Doubled),
        };
        let settings = SignatureSettings::read(headers.settings)?;
        let secrets = match settings.key {
            None => self.tokens.as_slice(),
            Some(key) => {
                let named = self.shared.iter().find(|(id, _)| id == key);
                std::slice::from_ref(
                    named
                        .map(|(_, secret)| secret)
                        .ok_or(SignatureFailure::UnknownKey)?,
                )
            }
        };
        if secrets.is_empty() {
            return Err(SignatureFailure::UnknownKey);
        }
        match settings.algorithm {
            Algorithm::Sha1 => any_signs(
                secrets,
                |secret| &secret.sha1,
                &decoded::<20>(signature)?,
                rest.as_bytes(),
                pieces,
            ),
            Algorithm::Sha256 => any_signs(
                secrets,
                |secret| &secret.sha256,
                &decoded::<32>(signature)?,
                rest.as_bytes(),
                pieces,
            ),
        }
    }
}

/// Tries the likeliest form of the URL with every secret before the next form.
fn any_signs<'a, M, P, I>(
    secrets: &[SigningSecret],
    states: impl Fn(&SigningSecret) -> &[M],
    expected: &[u8],
    rest: &[u8],
    pieces: P,
) -> Result<(), SignatureFailure>
where
    M: Mac + Clone + 'static,
    P: Fn() -> I,
    I: Iterator<Item = &'a [u8]>,
{
    let forms = secrets.first().map_or(0, |secret| states(secret).len());
    for form in 0..forms {
        for state in secrets.iter().filter_map(|secret| states(secret).get(form)) {
            let mut mac = state.clone();
            mac.update(rest);
            pieces().for_each(|piece| mac.update(piece));
            if mac.verify_slice(expected).is_ok() {
                return Ok(());
            }
        }
    }
    Err(SignatureFailure::Mismatch)
}

fn decoded<const N: usize>(signature: &[u8]) -> Result<[u8; N], SignatureFailure> {
    // `decode_slice` wants room for a whole number of groups, which is at most two bytes more than
    // the digest.
    let mut room = [0; 36];
    match STANDARD.decode_slice(signature, &mut room) {
        Ok(length) if length == N => room[..N]
            .try_into()
            .map_err(|_| SignatureFailure::Malformed),
        Ok(_) | Err(_) => Err(SignatureFailure::Malformed),
    }
}
