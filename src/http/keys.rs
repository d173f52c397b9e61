//! API keys: secrets with names, compared by their hashes in constant time.

use std::sync::Arc;

use poem::Request;
use poem::http::header;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Reason to refuse a request's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It carries no key. That is how a browser's first request looks, and no attempt at anything.
    NoKey,
    /// It carries a key that is not known.
    WrongKey,
}

/// The keys of this deployment.
#[derive(Clone)]
pub struct ApiKeys {
    keys: Vec<([u8; 32], Arc<str>)>,
    /// The owner of calls made without a key; `None`: a key is needed.
    anonymous: Option<Arc<str>>,
}

impl ApiKeys {
    /// Keys by name and secret. Without any, everybody may: for the simulator on one's own machine.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(name, secret)| (hash(secret), Arc::from(name)))
            .collect();
        let anonymous = keys.is_empty().then(|| Arc::from("anonymous"));
        Self { keys, anonymous }
    }

    /// The owner of calls made without a key; `None` where one is needed.
    #[must_use]
    pub fn anonymous(&self) -> Option<Arc<str>> {
        self.anonymous.clone()
    }

    /// The names of all keys, or the one name that all requests go under.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.keys
            .iter()
            .map(|(_, name)| name)
            .chain(&self.anonymous)
    }

    /// The name of the key that a request carries.
    ///
    /// # Errors
    /// It carries none, or one that is not known.
    pub fn owner(&self, request: &Request) -> Result<Arc<str>, KeyRefusal> {
        if let Some(anonymous) = &self.anonymous {
            return Ok(anonymous.clone());
        }
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let secret = given
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, secret) = secret.ok_or(KeyRefusal::NoKey)?;
        self.find(secret.trim()).ok_or(KeyRefusal::WrongKey)
    }

    /// Compares every key, even after one fits, so that the time taken reveals nothing.
    fn find(&self, secret: &str) -> Option<Arc<str>> {
        let given = hash(secret);
        let mut found = u64::MAX;
        for (at, (known, _)) in (0_u64..).zip(&self.keys) {
            let same: Choice = known.ct_eq(&given);
            found.conditional_assign(&at, same);
        }
        self.keys
            .get(usize::try_from(found).ok()?)
            .map(|(_, name)| name.clone())
    }
}

/// The name of the key that a request came with, for handlers.
#[derive(Clone, Debug)]
pub struct Owner(pub Arc<str>);

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(_, name)| name))
            .finish()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, secret.as_bytes())
        .as_ref()
        .try_into()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(authorization: Option<&str>) -> Request {
        let builder = Request::builder();
        match authorization {
            Some(value) => builder.header(header::AUTHORIZATION, value).finish(),
            None => builder.finish(),
        }
    }

    #[test]
    fn a_key_tells_its_name() {
        let keys = ApiKeys::new([
            ("first", "secret-of-the-first"),
            ("second", "secret-of-the-second"),
        ]);
        let owner = |value| keys.owner(&request(value)).map(|name| name.to_string());
        assert_eq!(
            owner(Some("Bearer secret-of-the-second")),
            Ok("second".to_owned())
        );
        assert_eq!(
            owner(Some("bearer secret-of-the-first")),
            Ok("first".to_owned())
        );
        for none in [None, Some("Bearer"), Some("Basic secret-of-the-first")] {
            assert_eq!(owner(none), Err(KeyRefusal::NoKey), "{none:?}");
        }
        for wrong in [
            "Bearer ",
            "Bearer secret-of-the-firs",
            "Bearer secret-of-the-first,",
            "Bearer first",
        ] {
            assert_eq!(owner(Some(wrong)), Err(KeyRefusal::WrongKey), "{wrong:?}");
        }
        assert_eq!(
            keys.names().map(|name| &**name).collect::<Vec<_>>(),
            ["first", "second"]
        );
    }

    #[test]
    fn without_keys_everybody_may() {
        assert_eq!(
            &*ApiKeys::new([]).owner(&request(None)).unwrap(),
            "anonymous"
        );
    }
}
