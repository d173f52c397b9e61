//! The two headers of a signed request, as they were seen.
//!
//! The settings header only chooses among the secrets and algorithms we have; it is never believed
//! beyond.

use super::SignatureFailure;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// The header that says which shared key and which algorithm signed (public beta of 2026, "Webhook
/// shared keys").
const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// Number of headers that were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureHeaderCount<'a> {
    /// Not at all.
    #[default]
    None,
    /// Once, with this value.
    One(&'a [u8]),
    /// Twice or more: which one counts would be a guess.
    Many,
}

impl<'a> SignatureHeaderCount<'a> {
    fn of(headers: &'a http::HeaderMap, name: &'static str) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => Self::One(value.as_bytes()),
            (Some(_), Some(_)) => Self::Many,
        }
    }
}

/// The headers of a request about its signature.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignatureHeaders<'a> {
    /// `X-Twilio-Signature`.
    pub signature: SignatureHeaderCount<'a>,
    /// `X-Twilio-Webhooks-Signature-Settings`.
    pub settings: SignatureHeaderCount<'a>,
}

impl<'a> SignatureHeaders<'a> {
    /// Picks the two headers out of a request's.
    #[must_use]
    pub fn of(headers: &'a http::HeaderMap) -> Self {
        Self {
            signature: SignatureHeaderCount::of(headers, SIGNATURE_HEADER),
            settings: SignatureHeaderCount::of(headers, SETTINGS_HEADER),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Sha1,
    Sha256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignatureSettings<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) algorithm: Algorithm,
}

impl<'a> SignatureSettings<'a> {
    /// Reads `key=<id>,algorithm=<name>`. No header, or no algorithm in it, means HMAC-SHA1; other
    /// settings are passed over, because Twilio may add some.
    pub(super) fn read(seen: SignatureHeaderCount<'a>) -> Result<Self, SignatureFailure> {
        let value = match seen {
            SignatureHeaderCount::None => {
                return Ok(Self {
                    key: None,
                    algorithm: Algorithm::Sha1,
                });
            }
            SignatureHeaderCount::One(value) => {
                std::str::from_utf8(value).map_err(|_| SignatureFailure::Malformed)?
            }
            SignatureHeaderCount::Many => return Err(SignatureFailure::Doubled),
        };
        let (mut key, mut algorithm) = (None, None);
        for setting in value
            .split(',')
            .map(str::trim)
            .filter(|setting| !setting.is_empty())
        {
            let (name, value) = setting.split_once('=').ok_or(SignatureFailure::Malformed)?;
            let (name, value) = (name.trim_end(), value.trim_start());
            let slot = if name.eq_ignore_ascii_case("key") {
                &mut key
            } else if name.eq_ignore_ascii_case("algorithm") {
                &mut algorithm
            } else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(SignatureFailure::Malformed);
            }
        }
        let algorithm = match algorithm {
            None => Algorithm::Sha1,
            Some(name) if name.eq_ignore_ascii_case("HMAC_SHA1") => Algorithm::Sha1,
            Some(name) if name.eq_ignore_ascii_case("HMAC_SHA256") => Algorithm::Sha256,
            Some(_) => return Err(SignatureFailure::UnknownAlgorithm),
        };
        Ok(Self { key, algorithm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_spaces_and_in_any_case() {
        let read = |value: &'static str| {
            SignatureSettings::read(SignatureHeaderCount::One(value.as_bytes()))
        };
        let settings = |key, algorithm| Ok(SignatureSettings { key, algorithm });
        assert_eq!(
            read("key=SK1,algorithm=HMAC_SHA256"),
            settings(Some("SK1"), Algorithm::Sha256)
        );
        assert_eq!(
            read(" Algorithm = hmac_sha1 , KEY = SK1 ,"),
            settings(Some("SK1"), Algorithm::Sha1)
        );
        assert_eq!(
            read("key=SK1,later=1"),
            settings(Some("SK1"), Algorithm::Sha1)
        );
        assert_eq!(read(""), settings(None, Algorithm::Sha1));
        assert_eq!(
            read("key=SK1,algorithm=NONE"),
            Err(SignatureFailure::UnknownAlgorithm)
        );
        assert_eq!(
            read("key=SK1,algorithm="),
            Err(SignatureFailure::UnknownAlgorithm)
        );
        assert_eq!(read("key=SK1,key=SK2"), Err(SignatureFailure::Malformed));
        assert_eq!(read("SK1"), Err(SignatureFailure::Malformed));
        assert_eq!(
            SignatureSettings::read(SignatureHeaderCount::Many),
            Err(SignatureFailure::Doubled)
        );
        assert_eq!(
            SignatureSettings::read(SignatureHeaderCount::One(b"\xff")),
            Err(SignatureFailure::Malformed)
        );
    }
}
