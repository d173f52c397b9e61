//! Who may use the API: secrets with names, compared by their hashes in constant time.

use std::sync::Arc;

use poem::http::header;
use poem::{Endpoint, Middleware, Request};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::problem::{Code, Failure};

/// The keys of this deployment.
#[derive(Clone)]
pub struct Keys {
    keys: Vec<([u8; 32], Arc<str>)>,
    /// Whose calls are those made without a key; `None`: a key is needed.
    anonymous: Option<Arc<str>>,
}

impl Keys {
    /// Keys by name and secret. Without any, everybody may: for the simulator on one's own machine.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(|(name, secret)| (hash(secret), Arc::from(name))).collect();
        let anonymous = keys.is_empty().then(|| Arc::from("anonymous"));
        Self { keys, anonymous }
    }

    /// The name of the key that a request carries.
    ///
    /// # Errors
    /// It carries none, or one that is not known.
    pub fn owner(&self, request: &Request) -> Result<Arc<str>, Failure> {
        if let Some(anonymous) = &self.anonymous {
            return Ok(anonymous.clone());
        }
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, secret)) = secret else {
            return Err(Failure::new(Code::Unauthorized, "Send a key: Authorization: Bearer SECRET."));
        };
        self.find(secret.trim()).ok_or_else(|| Failure::new(Code::Unauthorized, "This key is not known here."))
    }

    /// Looks at every key, whichever fits: the time taken tells nothing.
    fn find(&self, secret: &str) -> Option<Arc<str>> {
        let given = hash(secret);
        let mut found = u64::MAX;
        for (at, (known, _)) in (0_u64..).zip(&self.keys) {
            let same: Choice = known.ct_eq(&given);
            found.conditional_assign(&at, same);
        }
        self.keys.get(usize::try_from(found).ok()?).map(|(_, name)| name.clone())
    }
}

/// Lets a request in only with a key, before anything of its body is read; handlers find its [`Owner`].
#[derive(Debug)]
pub struct Guard(pub Keys);

/// The name of the key that a request came with.
#[derive(Clone, Debug)]
pub struct Owner(pub Arc<str>);

impl<E: Endpoint> Middleware<E> for Guard {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded { inner, keys: self.0.clone() }
    }
}

/// An endpoint under a [`Guard`].
#[derive(Debug)]
pub struct Guarded<E> {
    inner: E,
    keys: Keys,
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> poem::Result<E::Output> {
        let owner = Owner(self.keys.owner(&request)?);
        request.set_data(owner);
        self.inner.call(request).await
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(_, name)| name)).finish()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, secret.as_bytes()).as_ref().try_into().unwrap_or_default()
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
        let keys = Keys::new([("first", "secret-of-the-first"), ("second", "secret-of-the-second")]);
        let owner = |value| keys.owner(&request(value)).map(|name| name.to_string()).map_err(|failure| failure.code);
        assert_eq!(owner(Some("Bearer secret-of-the-second")), Ok("second".to_owned()));
        assert_eq!(owner(Some("bearer secret-of-the-first")), Ok("first".to_owned()));
        for wrong in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic secret-of-the-first"),
            Some("Bearer secret-of-the-firs"),
        ] {
            assert_eq!(owner(wrong), Err(Code::Unauthorized), "{wrong:?}");
        }
    }

    #[test]
    fn without_keys_everybody_may() {
        assert_eq!(&*Keys::new([]).owner(&request(None)).unwrap(), "anonymous");
    }
}
